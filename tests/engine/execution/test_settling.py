"""What the broker's answers and the evidence prove of closes and changes, and what follows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.execution.settling import Blocked, blocked
from journal.events import (
    BrokerReplied,
    ChangeApplied,
    ChangeChecked,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    DealRecorded,
    EvidenceGathered,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    Payload,
    TerminalLost,
    TradingHalted,
    TradingResumed,
)
from tests.given import CONFIG, KEY, OTHER_KEY, SYMBOL, Story, a, manifest, ready

OPENED: list[Payload] = [a(OrderProposed), a(OrderIntended), a(OrderAccepted)]


def holding() -> Story:
    """A position that an order of the baseline opened."""
    return ready().given(*OPENED).given(a(DealRecorded), corr=KEY)


CLOSE = a(
    OrderProposed,
    key=OTHER_KEY,
    side="sell",
    stop_distance=0.0,
    target_distance=0.0,
    action="close",
    position=2001,
    reason="time stop",
)
CLOSING = a(
    OrderIntended,
    key=OTHER_KEY,
    side="sell",
    sl=0.0,
    tp=0.0,
    risk=0.0,
    action="close",
    position=2001,
)


def closing() -> Story:
    return holding().given(CLOSE, CLOSING)


def changing() -> Story:
    return holding().given(a(ChangeIntended))


def lost(key: str = OTHER_KEY) -> BrokerReplied:
    return a(BrokerReplied, key=key, retcode=0, error=-10002, order=0, deal=0, comment="")


# --- closes


def test_a_close_that_the_broker_took_is_accepted_with_its_own_ticket() -> None:
    reply = a(BrokerReplied, key=OTHER_KEY, order=2002)
    assert closing().when(reply) == [OrderAccepted(OTHER_KEY, 2002, "reply")]


def test_a_position_closed_already_is_what_a_close_wanted() -> None:
    story = closing()
    reply = a(BrokerReplied, key=OTHER_KEY, retcode=10036, order=0, deal=0)
    assert story.when(reply) == [OrderAccepted(OTHER_KEY, 0, "reply")]
    done = story.state.orders.done[-1]
    assert (done.key, done.status) == (OTHER_KEY, "cancelled")
    assert "nothing left" in done.note


def test_the_same_code_refuses_an_order_that_opens() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended))
    [refused] = story.when(a(BrokerReplied, retcode=10036, order=0))
    assert isinstance(refused, OrderRefused)


def test_a_lost_answer_to_a_close_is_settled_by_evidence() -> None:
    story = closing()
    [left] = story.when(lost())
    assert isinstance(left, OrderUnresolved)
    found = a(EvidenceGathered, key=OTHER_KEY, orders=[2002])
    assert story.when(found) == [OrderAccepted(OTHER_KEY, 2002, "evidence")]


# --- trying again


def retried(story: Story, key: str, retcode: int = 10004) -> OrderProposed:
    reply = a(BrokerReplied, key=key, retcode=retcode, order=0, deal=0, comment="")
    refused, again = story.when(reply)
    assert isinstance(refused, OrderRefused)
    assert isinstance(again, OrderProposed)
    return again


@pytest.mark.parametrize("retcode", [10004, 10020, 10021])
def test_a_price_that_was_gone_leads_to_a_new_proposal_with_a_key_of_its_own(retcode: int) -> None:
    again = retried(ready().given(a(OrderProposed), a(OrderIntended)), KEY, retcode)
    assert again.key != KEY
    assert (again.follows, again.attempt) == (KEY, 1)
    wished = msgspec.structs.replace(again, key=KEY, follows="", attempt=0)
    assert wished == a(OrderProposed)


def test_a_close_is_tried_again_as_the_close_that_it_was() -> None:
    again = retried(closing(), OTHER_KEY)
    assert (again.action, again.position, again.side) == ("close", 2001, "sell")
    assert again.reason == "time stop"


def test_tries_are_bounded_by_the_configuration() -> None:
    story, key = ready().given(a(OrderProposed), a(OrderIntended)), KEY
    for _ in range(CONFIG.broker.retries):
        key = retried(story, key).key
        story.given(a(OrderIntended, key=key))
    [last] = story.when(a(BrokerReplied, key=key, retcode=10004, order=0))
    assert isinstance(last, OrderRefused)
    assert story.state.orders.open == {}


def test_a_halted_engine_does_not_try_to_open_again() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended), a(TradingHalted))
    kinds = [type(d).__name__ for d in story.when(a(BrokerReplied, retcode=10004, order=0))]
    assert kinds == ["OrderRefused", "OrderProposed", "OrderVetoed"]


@pytest.mark.parametrize("retcode", [10018, 10023, 10024, 10028, 10029, 10039, 10012, 10031, 10006])
def test_no_other_answer_leads_to_a_proposal(retcode: int) -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended))
    decisions = story.when(a(BrokerReplied, retcode=retcode, order=0, deal=0))
    assert not [d for d in decisions if isinstance(d, OrderProposed)]


# --- changes


@pytest.mark.parametrize("retcode", [10008, 10009, 10025])
def test_a_change_that_the_broker_took_or_had_already_is_applied(retcode: int) -> None:
    story = changing()
    reply = a(BrokerReplied, key=OTHER_KEY, retcode=retcode, order=0, deal=0)
    assert story.when(reply) == [ChangeApplied(OTHER_KEY, "reply")]
    assert story.state.positions.open[2001].sl == 1.0495
    assert story.state.changes.open == {}


@pytest.mark.parametrize("retcode", [10004, 10016, 10021, 10029, 10036])
def test_a_refused_change_leaves_the_levels_and_is_not_tried_again(retcode: int) -> None:
    story = changing()
    [refused] = story.when(a(BrokerReplied, key=OTHER_KEY, retcode=retcode, order=0, deal=0))
    assert isinstance(refused, ChangeRefused)
    assert (refused.retcode, refused.proof) == (retcode, "reply")
    assert story.state.positions.open[2001].sl == 1.0491


def test_a_change_whose_answer_was_lost_is_unresolved_and_its_symbol_waits() -> None:
    story = changing()
    assert [type(d) for d in story.when(lost())] == [ChangeUnresolved]
    assert story.state.changes.open[OTHER_KEY].status == "unresolved"


def test_an_answer_that_nobody_knows_halts_for_a_change_as_well() -> None:
    left, halted = changing().when(a(BrokerReplied, key=OTHER_KEY, retcode=10999))
    assert isinstance(left, ChangeUnresolved)
    assert isinstance(halted, TradingHalted)


def checked(**seen: Any) -> ChangeChecked:
    return a(ChangeChecked, polls=4, **seen)


def test_a_position_that_has_the_levels_shows_that_the_change_was_applied() -> None:
    story = changing().given(a(ChangeUnresolved))
    assert story.when(checked(sl=1.0495, tp=1.0521)) == [ChangeApplied(OTHER_KEY, "evidence")]


@pytest.mark.parametrize(
    ("seen", "word"),
    [({"sl": 1.0491}, "not so"), ({"tp": 0.0}, "not so"), ({"found": False}, "gone")],
)
def test_other_levels_or_none_show_that_it_was_not(seen: dict[str, Any], word: str) -> None:
    [refused] = changing().given(a(ChangeUnresolved)).when(checked(**seen))
    assert isinstance(refused, ChangeRefused)
    assert refused.proof == "evidence"
    assert word in refused.reason


@pytest.mark.parametrize(("found", "kind"), [(False, ChangeApplied), (True, ChangeRefused)])
def test_a_cancelling_is_applied_when_the_order_is_gone(found: bool, kind: type[Payload]) -> None:
    story = ready().given(a(ChangeIntended, action="cancel", position=0, order_key=KEY))
    assert [type(d) for d in story.when(checked(found=found))] == [kind]


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ({}, ChangeApplied),
        ({"price": 1.041}, ChangeRefused),
        ({"limit": 1.0}, ChangeRefused),
        ({"expiration": 5}, ChangeRefused),
        ({"sl": 1.03}, ChangeRefused),
    ],
)
def test_a_moved_order_is_told_by_every_one_of_its_terms(
    seen: dict[str, Any], kind: type[Payload]
) -> None:
    moved = {"price": 1.04, "limit": 0.0, "sl": 1.0495, "tp": 1.0521, "expiration": 0}
    wish = a(ChangeIntended, action="modify", position=0, order_key=KEY, **moved)
    assert [type(d) for d in ready().given(wish).when(checked(**{**moved, **seen}))] == [kind]


def test_what_was_checked_of_a_settled_change_changes_nothing() -> None:
    assert changing().given(a(ChangeApplied)).when(checked()) == []


def test_a_new_run_makes_a_change_that_may_have_been_sent_unresolved() -> None:
    assert [type(d) for d in changing().when(manifest())] == [ChangeUnresolved]
    assert changing().given(a(ChangeUnresolved)).when(manifest()) == []


# --- limits of time


def lost_for(seconds: float, *given: Payload) -> list[Payload]:
    """What the terminal's loss leads to, so many seconds after something was intended."""
    story = holding().given(*given)
    since = story.state.ts
    event = story._next(a(TerminalLost), "")
    later = msgspec.structs.replace(event, ts=since + int(seconds * 1e9))
    return [decision.data for decision in story.kernel.step(later)]


LIMIT = CONFIG.broker.evidence.limit_s


@pytest.mark.parametrize(
    "given",
    [(CLOSE, CLOSING), (CLOSE, CLOSING, a(OrderUnresolved, key=OTHER_KEY)), (a(ChangeIntended),)],
    ids=["intended", "unresolved", "a change"],
)
def test_an_outcome_that_is_not_known_for_too_long_halts_and_names_the_key(
    given: tuple[Payload, ...],
) -> None:
    assert lost_for(LIMIT - 2, *given) == []
    [halted] = lost_for(LIMIT + 2, *given)
    assert isinstance(halted, TradingHalted)
    assert halted.rule == "unresolved too long"
    assert OTHER_KEY in halted.reason


def test_an_operator_who_lets_trading_go_on_over_a_doubt_gets_so_long_again() -> None:
    doubt = CLOSE, CLOSING, a(OrderUnresolved, key=OTHER_KEY), a(TradingHalted)
    for late, halts in ((LIMIT - 2, 0), (LIMIT + 2, 1)):
        story = holding().given(*doubt)
        resumed = msgspec.structs.replace(
            story._next(a(TradingResumed), ""), ts=story.state.ts + int(9 * LIMIT * 1e9)
        )
        story.kernel.step(resumed)
        lost = msgspec.structs.replace(
            story._next(a(TerminalLost), ""), ts=resumed.ts + int(late * 1e9)
        )
        assert len(story.kernel.step(lost)) == halts


def test_what_is_blocked_is_told_with_its_symbol_its_key_and_since_when() -> None:
    story = holding().given(CLOSE, CLOSING)
    since = story.state.ts
    assert blocked(story.state) == [Blocked(SYMBOL, OTHER_KEY, since, "")]
    story.given(a(OrderUnresolved, key=OTHER_KEY, reason="lost"))
    assert blocked(story.state) == [Blocked(SYMBOL, OTHER_KEY, since, "lost")]
    assert blocked(story.given(a(OrderRefused, key=OTHER_KEY)).state) == []
    story = changing()
    assert [one.key for one in blocked(story.state)] == [OTHER_KEY]
    assert blocked(story.given(a(ChangeApplied)).state) == []


def test_a_halted_engine_and_one_without_doubts_are_not_halted_by_time() -> None:
    assert lost_for(LIMIT + 2, CLOSE, CLOSING, a(TradingHalted)) == []
    assert lost_for(LIMIT + 2) == []
    assert lost_for(LIMIT + 2, CLOSE, CLOSING, a(OrderAccepted, key=OTHER_KEY)) == []
