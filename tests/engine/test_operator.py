"""The loop hears an operator between two turns, while it waits for a lost terminal, and right
before it sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.broker.server_time import ServerTime
from engine.clock import MarketClock
from engine.ops.commands import (
    Command,
    FlattenPositions,
    HaltTrading,
    LookAtSwitch,
    PauseTrading,
    ReconcileAccount,
    ResumeTrading,
    StopEngine,
)
from engine.ops.inbox import Errand, Inbox
from engine.ops.obey import deals_of
from engine.ops.operator import Doors
from engine.ops.switch import Switch
from engine.terminal import Terminal
from engine.terminal.faults import (
    CommentOverwritten,
    ConnectionLost,
    FaultPlan,
    ReplyLost,
    When,
)
from journal import read
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    EvidenceGathered,
    FlattenRequested,
    OperatorHalted,
    OrderIntended,
    OrderRefused,
    ReconcileRequested,
    RunEnded,
    RunStarted,
    StopRequested,
    TerminalLost,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from projections.orders import unresolved
from replay.session import verify_session
from tests.engine.rig import Fate, Rig
from tests.engine.test_bad_luck import changed, twisted

Plan = dict[int, Command | LookAtSwitch]
"""What an operator asks for, by the number of the turn."""


class Desk:
    """A rig with an operator at it."""

    def __init__(self, folder: Path, plan: Plan, *, bars: int = 400) -> None:
        folder.mkdir(exist_ok=True)
        self.inbox, self.switch = Inbox(), Switch(folder / "journal")
        self.rig = Rig(folder, bars=bars)
        self.rig.doors = Doors(self.inbox, self.switch, deals_of(self.rig.journal))
        self.rig.clock = self._clock
        self.errands: list[Errand] = []
        self.plan = plan

    def _clock(self, terminal: Terminal, server_time: ServerTime) -> MarketClock:
        return _Prompting(terminal, server_time, self)

    def prompt(self, turn: int) -> None:
        """Ask for what is due at this turn."""
        if turn in self.plan:
            self.errands.append(self.inbox.put(self.plan[turn]))

    def said(self) -> list[str]:
        """What was answered, in order."""

        async def answers() -> list[str]:
            with anyio.fail_after(1.0):
                return [(await errand.answer()).text for errand in self.errands]

        return anyio.run(answers)

    def seq_of(self, kind: type) -> int:
        """The sequence of the newest event of a kind."""
        return max(event.seq for event in read(self.rig.journal) if type(event.data) is kind)

    def opened_after(self, seq: int) -> list[Any]:
        """Openings that were intended after a sequence."""
        later = read(self.rig.journal, after=seq, types={"OrderIntended"})
        return [e.data for e in later if e.data.action == "open"]  # type: ignore[attr-defined] # all intents


class _Prompting(MarketClock):
    """A market whose steps an operator watches."""

    def __init__(self, terminal: Terminal, server_time: ServerTime, desk: Desk) -> None:
        super().__init__(terminal, server_time)
        self._desk, self._turn = desk, 0

    async def next(self) -> bool:
        """Let the operator speak, then go on."""
        self._turn += 1
        self._desk.prompt(self._turn)
        return await super().next()


PAUSE = PauseTrading(by="anna", reason="news")


def test_a_pause_counts_from_the_very_turn_in_which_it_was_asked_for(tmp_path: Path) -> None:
    free = Desk(tmp_path / "free", {})
    free.rig.process()
    paused = Desk(tmp_path / "paused", {50: PAUSE})
    paused.rig.process()
    seq = paused.seq_of(TradingPaused)
    assert free.opened_after(seq), "nothing would have been opened anyway"
    assert paused.opened_after(seq) == []
    assert paused.said() == ["paused: nothing new is sent; `daybook resume` ends it"]
    assert verify_session(paused.rig.journal).agrees


def test_resumed_it_opens_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {50: PAUSE, 100: ResumeTrading(by="anna", reason="out")})
    desk.rig.process()
    assert desk.opened_after(desk.seq_of(TradingResumed))
    assert verify_session(desk.rig.journal).agrees


def test_commands_that_wait_together_are_obeyed_in_order_and_each_is_answered(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, {50: PAUSE})
    desk.errands = [
        desk.inbox.put(command)
        for command in (PAUSE, PAUSE, FlattenPositions(by="anna", reason="out", symbol="NONE"))
    ]
    desk.plan = {}
    desk.rig.process(max_bars=150)
    first, second, third = desk.said()
    assert first.startswith("paused")
    assert "halted (paused: anna: news)" in second
    assert "no symbol NONE" in third
    assert len(desk.rig.recorded(TradingPaused)) == 1


def test_a_flatten_closes_what_is_open_and_cancels_nothing_younger(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {n: FlattenPositions(by="anna", reason="out") for n in (60, 61, 150)})
    desk.rig.process()
    assert len(desk.rig.recorded(FlattenRequested)) == 3
    closes = [i for i in desk.rig.intents() if i.action == "close"]
    assert len({i.position for i in closes}) == len(closes), "a position was closed twice"
    assert verify_session(desk.rig.journal).agrees


def causes(desk: Desk, kind: type) -> list[int]:
    """What led to each event of a kind."""
    return [e.cause for e in read(desk.rig.journal) if type(e.data) is kind]


def test_stopping_ends_the_run_in_the_operators_words(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {100: StopEngine(by="anna", reason="holiday")})
    ending = desk.rig.process()
    assert ending.reason == "stopped by anna: holiday"
    assert desk.said() == ["stopping"]
    assert desk.rig.recorded(StopRequested) == [StopRequested("anna", "holiday")]
    assert causes(desk, RunEnded) == [desk.seq_of(StopRequested)]
    assert verify_session(desk.rig.journal).agrees


def test_a_reconciliation_that_is_asked_for_says_that_both_agree(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {100: ReconcileAccount(by="anna", reason="to be sure", since_s=60)})
    desk.rig.process()
    assert desk.said() == ["journal and broker agree"]
    asked = ReconcileRequested("anna", "to be sure", 60, 0, dry_run=False)
    assert desk.rig.recorded(ReconcileRequested) == [asked]
    assert desk.seq_of(ReconcileRequested) in causes(desk, BrokerSnapshotTaken)
    assert verify_session(desk.rig.journal).agrees


def test_of_a_dry_run_only_that_it_was_asked_for_is_recorded(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {100: ReconcileAccount(by="anna", since_msc=1, dry_run=True)})
    desk.rig.process()
    quiet = Desk(tmp_path / "quiet", {})
    quiet.rig.process()
    kinds, without = (
        [type(event.data) for event in read(one.rig.journal)] for one in (desk, quiet)
    )
    assert desk.rig.recorded(ReconcileRequested) == [
        ReconcileRequested("anna", "", 0, 1, dry_run=True)
    ]
    kinds.remove(ReconcileRequested)
    assert kinds == without


def test_a_dry_run_at_any_moment_finds_nothing_in_what_the_engine_was_about_to_read(
    tmp_path: Path,
) -> None:
    asked = ReconcileAccount(by="anna", dry_run=True)
    desk = Desk(tmp_path, dict.fromkeys(range(50, 250), asked))
    desk.rig.process(max_bars=250)
    closed = [deal for deal in desk.rig.deals() if deal.entry and deal.reason in {4, 5}]
    assert closed, "no stop and no target fell between two looks"
    assert set(desk.said()) == {"journal and broker agree"}


def test_a_difference_that_is_still_there_halts_again_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {100: ResumeTrading(by="anna", reason="surely fine")})
    richer = twisted(
        tmp_path, "account_info", lambda info: changed(balance=info.balance + 1.0)(info)
    )
    desk.rig.terminal = richer.terminal  # type: ignore[method-assign] # stands for it
    desk.rig.process()
    assert [halt.rule for halt in desk.rig.recorded(TradingHalted)] == ["discrepancy"] * 2
    [said] = desk.said()
    assert said.startswith("resumed, and halted (discrepancy: ")
    assert desk.rig.intents() == []


def test_resumed_over_a_doubt_it_says_what_stays_blocked_looks_again_and_halts_again(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, {200: ResumeTrading(by="anna", reason="the others shall trade")})
    terminal = desk.rig.terminal

    def ambiguous() -> Terminal:
        one = terminal()
        second = When(number=2)
        one.inject(
            FaultPlan(
                (
                    CommentOverwritten(text="by dealer 7", when=second),
                    ReplyLost(executed=True, when=second),
                )
            )
        )
        return one

    desk.rig.terminal = ambiguous  # type: ignore[method-assign] # stands for it
    desk.rig.process()
    assert desk.rig.state is not None
    [order] = unresolved(desk.rig.state.orders)
    [said] = desk.said()
    assert said == (
        f"resumed; nothing is sent for EURUSD until {order.key} is settled: "
        f"`daybook resolve DIR {order.key}`"
    )
    assert [halt.rule for halt in desk.rig.recorded(TradingHalted)] == ["ambiguous order"] * 2
    events = list(read(desk.rig.journal))
    resumed = desk.seq_of(TradingResumed)
    first, second = (e for e in events if type(e.data) is EvidenceGathered)
    assert first.seq < resumed < second.seq
    limit_s = desk.rig.config.broker.evidence.limit_s
    since = next(e.ts for e in events if e.seq == resumed)
    assert limit_s < (second.ts - since) / 1e9 < limit_s + 120, "a bar is a minute"
    assert len(desk.rig.intents()) == 2
    assert verify_session(desk.rig.journal).agrees


# --- the emergency halt


def test_a_file_that_is_there_at_the_start_is_recorded_before_the_terminal_is_touched(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, {})
    desk.rig.journal.mkdir()
    desk.switch.path.write_text("not today", encoding="utf-8")
    desk.rig.process()
    events = list(read(desk.rig.journal))
    assert [type(event.data) for event in events[:2]] == [RunStarted, OperatorHalted]
    assert desk.rig.recorded(BarClosed)
    assert desk.rig.recorded(OrderIntended, BrokerReplied) == []
    desk.rig.process()
    assert len(desk.rig.recorded(OperatorHalted)) == 1, "once is enough"


def test_a_halt_keeps_everything_from_being_sent(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {100: HaltTrading(by="anna", reason="stop")})
    desk.rig.process()
    halted = desk.seq_of(OperatorHalted)
    later = list(read(desk.rig.journal, after=halted, types={"BrokerReplied", "OrderIntended"}))
    assert later == []
    assert verify_session(desk.rig.journal).agrees


class Late(Fate):
    """Somebody makes the halt file when an intent is durable already and not sent yet."""

    desk: Desk

    def meet(self, name: str) -> str:
        state = self.desk.rig.state
        assert state is not None
        if name == "sync" and unresolved(state.orders):
            self.desk.switch.throw("anna", "now")
        return super().meet(name)


def test_a_file_made_after_the_intent_was_written_still_keeps_it_from_being_sent(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, {})
    fate = Late()
    fate.desk = desk
    desk.rig.process(fate)
    assert desk.switch.thrown()
    assert "order_send" not in fate.seen
    refused = desk.rig.recorded(OrderRefused)
    assert refused
    assert {r.proof for r in refused} == {"reply"}
    assert all("the operator's halt file is there" in r.reason for r in refused)
    assert verify_session(desk.rig.journal).agrees


# --- while the terminal is lost


AWAY = FaultPlan((ConnectionLost(when=When(call="copy_rates_from_pos", every=20)),))
"""The terminal goes away again and again."""


class _Lost(_Prompting):
    """A clock on which the operator speaks during the waiting for a terminal."""

    def __init__(self, terminal: Terminal, server_time: ServerTime, desk: Desk) -> None:
        super().__init__(terminal, server_time, desk)
        self.slept = 0

    async def sleep(self, seconds: float) -> None:
        state = self._desk.rig.state
        assert state is not None
        if not state.run.connected and state.run.login:  # not before the first connection
            self.slept += 1
            self._desk.prompt(-self.slept)
        await super().sleep(seconds)


def test_an_operator_is_heard_while_the_engine_waits_for_its_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, {-1: PAUSE, -2: ReconcileAccount(by="anna"), -3: StopEngine(by="anna")})
    monkeypatch.setattr(desk.rig, "clock", lambda t, s: _Lost(t, s, desk))

    def terminal() -> Terminal:
        one = Rig.terminal(desk.rig)
        one.inject(AWAY)
        return one

    monkeypatch.setattr(desk.rig, "terminal", terminal)
    ending = desk.rig.process()
    assert ending.reason == "stopped by anna"
    assert desk.rig.recorded(TerminalLost)
    paused, reconciled, _ = desk.said()
    assert paused.startswith("paused")
    assert "not connected" in reconciled
    assert desk.rig.recorded(ReconcileRequested) == [], "what is refused leaves nothing"
    assert desk.rig.recorded(TradingPaused) == [TradingPaused("anna", "news")]
