"""A real engine in a process of its own, driven from the command line: what an operator says is in
the journal, and counts."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from engine.config import Account, Broker, Config, Log, Risk, SimulatedTerminal, Worker
from engine.ops import channel
from engine.ops.switch import NAME as HALT
from engine.strategies.baseline import MaCrossRsiConfig
from engine.terminal import load_profile
from journal import layout, read
from journal.envelope import AnyEvent
from journal.events import (
    BarClosed,
    BrokerReplied,
    FlattenRequested,
    OperatorHalted,
    OrderIntended,
    RunEnded,
    TradingPaused,
    TradingResumed,
)
from journal.lock import holder
from journal.subscribe import Subscription
from projections.state import Fold, State
from replay.session import verify_session
from tests.tools.cli.conftest import ROOT, Call, daybook

BARS = ROOT / "tools" / "data" / "eurusd_m1_2023q4.csv"
DEADLINE_S = 300.0
"""Seconds that only an engine which does not work needs."""
SOME_BARS = 60
"""Enough for a strategy that trades every few bars to trade."""


QUICK = MaCrossRsiConfig(
    name="quick", magic=71, symbol="EURUSD", fast=2, slow=5, rsi_period=5,
    rsi_low=0.0, rsi_high=100.0, stop_atr=1.5, target_r=1.0,
)  # fmt: skip
"""Opens and closes every few bars."""

PATIENT = msgspec.structs.replace(QUICK, name="patient", stop_atr=100.0, target_r=10.0)
"""Opens as soon as QUICK, and holds what it has for thousands of bars."""


class Engine:
    """One journal, and the engine's process on it."""

    def __init__(
        self, folder: Path, *, worker: bool = True, strategy: MaCrossRsiConfig = QUICK
    ) -> None:
        self.journal = folder / "journal"
        self._config = folder / "config.yaml"
        config = _config(self.journal, strategy, worker=worker)
        self._config.write_bytes(msgspec.yaml.encode(config))
        self.process: subprocess.Popen[bytes] | None = None
        self._news: Subscription | None = None
        self._fold = Fold()
        self._counts: Counter[type] = Counter()

    def start(self) -> None:
        """Start it as a person does, and wait until it listens."""
        self.process = daybook("run", "--config", self._config, "--json")
        self.until((self.journal / channel.NAME).exists, "it listens")

    def state(self) -> State:
        """What the journal says now; each call reads what is new and nothing twice."""
        if self._news is None:
            self._news = Subscription(self.journal)
        for event in self._news.poll():
            self._fold.evolve(event)
            self._counts[type(event.data)] += 1
        return self._fold.state

    def count(self, kind: type) -> int:
        """How many events of a kind there are now."""
        self.state()
        return self._counts[kind]

    def until(self, seen: Callable[[], object], what: str) -> None:
        """Wait for something to be so."""
        assert self.process is not None
        deadline = time.monotonic() + DEADLINE_S
        while not seen():
            assert time.monotonic() < deadline, f"not in {DEADLINE_S} seconds: {what}"
            try:
                self.process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            if not seen():
                _, said = self.process.communicate()
                pytest.fail(f"the engine ended before this: {what}\n{said.decode()}")

    def later(self, kind: type, count: int = 1) -> None:
        """Wait for so many more events of a kind."""
        wanted = self.count(kind) + count
        self.until(lambda: self.count(kind) >= wanted, f"{count} more {kind.__name__}")

    def events(self, kind: type | None = None, after: int = 0) -> list[AnyEvent]:
        """The journal's events, or those of a kind."""
        types = None if kind is None else {kind.__name__}
        return list(read(self.journal, after=after, types=types))

    def newest(self, kind: type) -> AnyEvent:
        """The newest event of a kind."""
        return self.events(kind)[-1]

    def ended(self) -> int:
        """Wait for its end; return its exit code."""
        assert self.process is not None
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode

    def kill(self) -> None:
        """Kill it, if it runs, and wait until its worker has gone as well."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()  # also where it has ended by itself: its pipes are ours


def _config(journal: Path, strategy: MaCrossRsiConfig, *, worker: bool) -> Config:
    """One strategy. Behind a worker a bar takes milliseconds, and there are 90,000 of them."""
    account = load_profile("ecn-hedging").account
    return Config(
        name="operated",
        journal=str(journal),
        broker=Broker(
            kind="simulated",
            account=Account(login=account.login, server=account.server),
            worker=Worker() if worker else None,
        ),
        terminal=SimulatedTerminal(bars={"EURUSD": str(BARS)}),
        strategies=[strategy],
        risk=Risk(per_trade_percent=0.05, margin_use_percent=30.0),
        log=Log(level="ERROR"),
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    one = Engine(tmp_path)
    yield one
    one.kill()


def between(engine: Engine, after: AnyEvent, until: AnyEvent, *kinds: type) -> list[AnyEvent]:
    """What of these kinds was recorded between two events."""
    return [
        event for event in engine.events(after=after.seq)
        if event.seq < until.seq and isinstance(event.data, kinds)
    ]  # fmt: skip


def test_an_engine_is_paused_flattened_halted_resumed_and_stopped(
    engine: Engine, call: Call
) -> None:
    journal = engine.journal
    engine.start()
    engine.later(OrderIntended)

    said = call("pause", journal, "--reason", "news")
    assert (said.code, said.err) == (0, "")
    engine.later(BarClosed, SOME_BARS)
    assert call("pause", journal, "--reason", "news").code == 2, "it is paused already"
    assert call("flatten", journal, "--reason", "out").code == 0
    engine.later(BarClosed, SOME_BARS)
    assert json.loads(call("status", journal, "--json").out)["positions"] == []
    assert call("resume", journal, "--reason", "news are out").code == 0
    paused, resumed = engine.newest(TradingPaused), engine.newest(TradingResumed)
    flatten = engine.newest(FlattenRequested)
    opened = between(engine, paused, resumed, OrderIntended)
    assert [e for e in opened if e.data.action == "open"] == []  # type: ignore[attr-defined] # intents
    assert between(engine, flatten, resumed, BarClosed)
    engine.later(OrderIntended)

    said = call("halt", journal, "--reason", "it does what it should not", "--json")
    assert json.loads(said.out)["halted"]["rule"] == "operator"
    assert (journal / HALT).exists()
    halted = engine.newest(OperatorHalted)
    engine.later(BarClosed, SOME_BARS)
    assert call("flatten", journal, "--reason", "out").code == 2, "nothing is sent, not even closes"
    assert call("resume", journal, "--reason", "looked").code == 0
    assert not (journal / HALT).exists()
    assert (
        between(engine, halted, engine.newest(TradingResumed), OrderIntended, BrokerReplied) == []
    )
    engine.later(OrderIntended)

    said = call("stop", journal, "--reason", "enough")
    assert (said.code, said.out) == (0, "stopped\n")
    assert holder(journal / layout.LOCK) is None, "it returned before the journal was free"
    assert engine.ended() == 0
    ended = engine.newest(RunEnded).data
    assert isinstance(ended, RunEnded)
    assert ended.reason.startswith("stopped by ")
    assert ended.reason.endswith(": enough")
    assert verify_session(journal).agrees


def test_a_halt_file_made_by_hand_outlives_death_and_restart(engine: Engine, call: Call) -> None:
    journal = engine.journal
    engine.start()
    engine.later(OrderIntended)
    (journal / HALT).touch()
    engine.later(OperatorHalted)
    engine.later(BarClosed, SOME_BARS)
    halted = engine.newest(OperatorHalted)
    assert halted.data == OperatorHalted("halt file", "made by hand, without words")
    engine.kill()
    said = call("status", journal)
    assert "not running" in said.out
    assert "HALT" in said.out

    engine.start()
    engine.later(BarClosed, SOME_BARS)
    facts = json.loads(call("status", journal, "--json").out)
    assert facts["engine"]["running"]
    assert facts["engine"]["standing"]["connected"]
    assert facts["halt_file"]["reason"] == "made by hand, without words"
    assert call("stop", journal).code == 0
    assert engine.ended() == 1, "a halted run says so by its exit code"
    late = [e for e in engine.events(after=halted.seq) if isinstance(e.data, OrderIntended)]
    assert late == []
    assert len(engine.events(OperatorHalted)) == 1

    assert call("stop", journal) == (0, "no engine runs there\n", "")
    assert call("resume", journal, "--reason", "looked").code == 0
    assert not (journal / HALT).exists()
    assert engine.state().run.halt_rule == ""
    engine.start()
    engine.later(OrderIntended)
    assert call("stop", journal).code == 0
    assert verify_session(journal).agrees


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Engine]:
    """One whose positions stay open, so that it is killed while it holds one."""
    one = Engine(tmp_path, strategy=PATIENT)
    yield one
    one.kill()


def test_a_flatten_without_an_engine_is_what_the_next_one_does_first(
    patient: Engine, call: Call
) -> None:
    engine, journal = patient, patient.journal
    engine.start()
    engine.until(lambda: engine.state().positions.open, "a position is open")
    engine.kill()
    [held] = engine.state().positions.open
    assert call("pause", journal, "--reason", "going").code == 0
    said = call("flatten", journal, "--reason", "out")
    assert said.code == 0
    assert "the next start does it before it trades" in " ".join(said.out.split())
    left = json.loads(call("status", journal, "--json").out)["wanted_gone"]
    assert left == {"positions": [held], "orders": []}
    assert "wanted gone 1 position " in " ".join(call("status", journal).out.split())
    engine.start()
    engine.until(lambda: held not in engine.state().positions.open, "it is closed")
    assert call("stop", journal).code == 0
    assert verify_session(journal).agrees


def test_a_simulation_at_full_speed_hears_an_operator_as_well(tmp_path: Path, call: Call) -> None:
    engine = Engine(tmp_path, worker=False)
    try:
        engine.start()
        assert call("pause", engine.journal, "--reason", "too fast").code == 0
        paused = engine.newest(TradingPaused)
        engine.until(lambda: engine.events(BarClosed, paused.seq)[SOME_BARS:], "it goes on")
        assert call("stop", engine.journal).code == 0
        assert engine.ended() == 1, "a halted run says so by its exit code"
    finally:
        engine.kill()
    assert [e for e in engine.events(OrderIntended) if e.seq > paused.seq] == []
