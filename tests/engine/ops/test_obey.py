"""What an operator's command leaves in the journal, and which are refused and leave nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.ops.commands import (
    Answer,
    CancelOrders,
    Command,
    FlattenPositions,
    HaltTrading,
    PauseTrading,
    ResolveOrder,
    ResumeTrading,
    StopEngine,
)
from engine.ops.obey import obey
from engine.ops.switch import Switch
from journal.errors import UsageError
from journal.events import (
    CancelRequested,
    ChangeApplied,
    ChangeIntended,
    DealRecorded,
    FlattenRequested,
    OperatorHalted,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    Payload,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from projections.run import PAUSED, SWITCHED_OFF
from projections.state import State
from tests.given import CONFIG, KEY, OTHER_KEY, SYMBOL, Story, a, ready

BY = "anna"


class Desk:
    """A story that commands are told to."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story, self.switch = story, Switch(folder)
        self.left: list[Payload] = []
        self.durable = 0

    @property
    def state(self) -> State:
        return self.story.state

    def record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        del cause
        self.left += [data, *self.story.when(data, corr)]

    def commit(self) -> None:
        self.durable = len(self.left)

    def told(self, command: Command) -> Answer:
        answer = obey(command, self, CONFIG, self.switch, self._deals)
        assert self.durable == len(self.left), "an answer was given before its event was durable"
        return answer

    def refused(self, command: Command) -> str:
        before = len(self.left)
        with pytest.raises(UsageError) as caught:
            self.told(command)
        assert len(self.left) == before, "a refused command left something"
        return str(caught.value)

    def _deals(self, after: int) -> Iterator[DealRecorded]:
        for event in self.story.events[after:]:
            if isinstance(event.data, DealRecorded):
                yield event.data


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(ready(), tmp_path)


# --- pause, halt, resume


def test_a_pause_is_recorded_with_its_words_and_a_second_one_is_refused(desk: Desk) -> None:
    answer = desk.told(PauseTrading(by=BY, reason="news"))
    assert desk.left == [TradingPaused(BY, "news")]
    assert (answer.halt_rule, answer.halt_reason) == (PAUSED, "anna: news")
    assert answer.seq == desk.state.seq
    assert "paused: anna: news" in desk.refused(PauseTrading(by=BY, reason="again"))


def test_resuming_what_is_not_halted_is_refused(desk: Desk) -> None:
    assert "not halted" in desk.refused(ResumeTrading(by=BY, reason="why not"))


def test_a_halt_makes_the_file_and_is_recorded_once(desk: Desk) -> None:
    for _ in range(2):
        answer = desk.told(HaltTrading(by=BY, reason="it doubles"))
        assert answer.halt_rule == SWITCHED_OFF
    assert desk.left == [OperatorHalted(BY, "it doubles")]
    assert desk.switch.thrown()


def test_a_halt_goes_before_every_other_reason_to_be_halted(desk: Desk) -> None:
    desk.story.given(a(TradingHalted))
    assert desk.told(HaltTrading(by=BY, reason="mine")).halt_reason == "anna: mine"


def test_a_halt_whose_file_cannot_be_made_is_refused(tmp_path: Path) -> None:
    desk = Desk(ready(), tmp_path / "no folder")
    assert "could not be made" in desk.refused(HaltTrading(by=BY, reason="x"))


def test_resuming_removes_the_file_first(desk: Desk) -> None:
    desk.told(HaltTrading(by=BY, reason="x"))
    desk.told(ResumeTrading(by="bert", reason="looked"))
    assert desk.left[-1] == TradingResumed("bert", "looked")
    assert not desk.switch.thrown()
    assert not desk.state.run.halt_rule


def test_a_file_made_by_hand_and_never_noticed_is_recorded_before_it_is_removed(desk: Desk) -> None:
    desk.switch.path.write_text("stop it", encoding="utf-8")
    desk.told(ResumeTrading(by=BY, reason="fine"))
    assert desk.left == [OperatorHalted("halt file", "stop it"), TradingResumed(BY, "fine")]


def test_while_the_file_cannot_be_removed_trading_stays_halted(desk: Desk) -> None:
    desk.switch.path.mkdir()
    with pytest.raises(UsageError, match="remove it by hand"):
        desk.told(ResumeTrading(by=BY, reason="x"))
    assert desk.state.run.halt_rule == SWITCHED_OFF


# --- flatten, cancel


def test_a_flatten_is_recorded_as_it_was_asked_for(desk: Desk) -> None:
    desk.told(FlattenPositions(by=BY, reason="out", symbol=SYMBOL, strategy="baseline"))
    assert desk.left[0] == FlattenRequested(BY, "out", SYMBOL, "baseline")


def test_a_misspelt_symbol_or_strategy_is_refused_and_the_known_ones_are_named(desk: Desk) -> None:
    assert f"there are: {SYMBOL}" in desk.refused(
        FlattenPositions(by=BY, reason="out", symbol="EURSUD")
    )
    assert "there are: baseline" in desk.refused(
        CancelOrders(by=BY, reason="out", strategy="basline")
    )


def test_under_an_emergency_halt_a_flatten_is_refused(desk: Desk) -> None:
    desk.told(HaltTrading(by=BY, reason="x"))
    assert "not even closes" in desk.refused(FlattenPositions(by=BY, reason="out"))


def test_under_a_pause_a_flatten_is_taken(desk: Desk) -> None:
    desk.told(PauseTrading(by=BY, reason="x"))
    desk.told(FlattenPositions(by=BY, reason="out"))
    assert FlattenRequested(BY, "out", "", "") in desk.left


def test_a_pending_order_is_cancelled_by_its_key_in_any_case(desk: Desk) -> None:
    desk.story.given(
        a(OrderProposed, type="limit"), a(OrderIntended, type="limit"), a(OrderAccepted)
    )
    desk.told(CancelOrders(by=BY, reason="x", order_key=KEY.lower()))
    assert desk.left[0] == CancelRequested(BY, "x", KEY, "", "")


def test_cancelling_a_key_that_is_no_pending_orders_is_refused(desk: Desk) -> None:
    desk.story.given(a(OrderProposed), a(OrderIntended))
    for key in (KEY, OTHER_KEY):
        command = CancelOrders(by=BY, reason="x", order_key=key)
        assert f"no pending order {key}" in desk.refused(command)


# --- resolve


@pytest.fixture
def doubt(desk: Desk) -> Desk:
    """An order that was sent, and of which nothing is known."""
    desk.story.given(a(OrderProposed), a(OrderIntended), a(OrderUnresolved))
    return desk


def test_what_was_executed_counts_the_deals_that_are_recorded_already(doubt: Desk) -> None:
    for ticket, volume, price in ((1, 0.25, 1.05), (2, 0.75, 1.06)):
        deal = a(
            DealRecorded, ticket=900 + ticket, order=2001, volume=volume, price=price,
            position_id=3001, comment="broker's own", magic=0,
        )  # fmt: skip
        doubt.story.given(deal)
    answer = doubt.told(ResolveOrder(by=BY, reason="desk", key=KEY, executed=True, order=2001))
    resolved, accepted = doubt.left
    assert isinstance(resolved, OrderResolved)
    assert (resolved.order, resolved.position) == (2001, 3001)
    assert resolved.filled == pytest.approx(1.0)
    assert resolved.average == pytest.approx(0.25 * 1.05 + 0.75 * 1.06)
    assert accepted == OrderAccepted(KEY, 2001, "operator")
    assert "1 lots at 1.0575" in answer.text


def test_what_was_executed_and_has_no_deal_yet_waits_for_it(doubt: Desk) -> None:
    answer = doubt.told(ResolveOrder(by=BY, reason="desk", key=KEY, executed=True, order=2001))
    assert doubt.left[0] == OrderResolved(BY, "desk", KEY, True, 2001, 0.0, 0.0, 0)
    assert "no deal is recorded yet" in answer.text


def test_what_was_not_executed_is_refused_by_the_operators_word(doubt: Desk) -> None:
    doubt.told(ResolveOrder(by=BY, reason="desk", key=KEY.lower(), executed=False))
    _, refused = doubt.left
    assert isinstance(refused, OrderRefused)
    assert (refused.key, refused.proof) == (KEY, "operator")


def test_what_bears_its_key_cannot_be_called_not_executed(doubt: Desk) -> None:
    doubt.story.given(a(DealRecorded, ticket=901, order=2001, comment=KEY))
    said = doubt.refused(ResolveOrder(by=BY, reason="x", key=KEY, executed=False))
    assert "deal 901 of order 2001" in said


def test_an_order_that_is_anothers_is_refused(doubt: Desk) -> None:
    for payload in (OrderProposed, OrderIntended):
        doubt.story.given(a(payload, key=OTHER_KEY))
    doubt.story.given(OrderAccepted(OTHER_KEY, 2001, "reply"))
    said = doubt.refused(ResolveOrder(by=BY, reason="x", key=KEY, executed=True, order=2001))
    assert f"order 2001 is {OTHER_KEY}'s already" in said


def test_an_order_of_another_symbol_is_refused(doubt: Desk) -> None:
    doubt.story.given(a(DealRecorded, ticket=901, order=2001, symbol="GBPUSD", comment=""))
    said = doubt.refused(ResolveOrder(by=BY, reason="x", key=KEY, executed=True, order=2001))
    assert "is of GBPUSD" in said


def test_an_executed_order_needs_its_ticket(doubt: Desk) -> None:
    assert "with which ticket" in doubt.refused(
        ResolveOrder(by=BY, reason="x", key=KEY, executed=True)
    )


def test_what_is_not_unresolved_is_refused_and_what_is_gets_named(doubt: Desk) -> None:
    said = doubt.refused(ResolveOrder(by=BY, reason="x", key="NOSUCHKEY", executed=False))
    assert "no order NOSUCHKEY is open" in said
    assert f"unresolved: {KEY} (" in said
    doubt.told(ResolveOrder(by=BY, reason="x", key=KEY, executed=False))
    again = doubt.refused(ResolveOrder(by=BY, reason="x", key=KEY, executed=False))
    assert f"{KEY} is refused; unresolved: nothing" in again


def test_a_change_is_resolved_without_a_ticket(desk: Desk) -> None:
    desk.story.given(a(ChangeIntended, key=OTHER_KEY))
    told = ResolveOrder(by=BY, reason="seen", key=OTHER_KEY, executed=True, order=5)
    assert "give ticket 0" in desk.refused(told)
    desk.told(ResolveOrder(by=BY, reason="seen", key=OTHER_KEY, executed=True))
    assert desk.left[1] == ChangeApplied(OTHER_KEY, "operator")


def test_what_only_a_running_engine_can_do_is_refused_without_one(desk: Desk) -> None:
    assert "StopEngine" in desk.refused(StopEngine(by=BY))
