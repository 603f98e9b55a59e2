"""A deal with a magic of ours that no intent explains halts; nothing of ours ever does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.execution.unexplained import RULE
from journal.envelope import stamp
from journal.events import (
    BrokerReplied,
    BrokerSnapshotTaken,
    ChangeApplied,
    ChangeChecked,
    ChangeIntended,
    ChangeUnresolved,
    DealRecorded,
    DiscrepancyFound,
    EvidenceGathered,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    Payload,
    PositionAdopted,
    RunStarted,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from projections.state import fold
from projections.unexplained import NAME
from tests.given import KEY, MAGIC, T0, Story, a, ready

SENT: list[Payload] = [a(OrderProposed), a(OrderIntended)]
DOUBT = a(OrderUnresolved, key=KEY)
LATER = T0 * 1000 + 120_000


def looked() -> Story:
    """A run that has held the journal against the account once."""
    return ready().given(a(BrokerSnapshotTaken))


def theirs(**changes: Any) -> DealRecorded:
    """An opening deal with our magic whose comment says nothing."""
    deal = {"ticket": 1001, "time_msc": LATER, "comment": "#7", **changes}
    return a(DealRecorded, **deal)


def alarms(decided: list[Payload]) -> list[Payload]:
    return [d for d in decided if isinstance(d, DiscrepancyFound | TradingHalted)]


def test_it_is_named_and_halts_with_what_is_known_and_what_to_do() -> None:
    story = looked()
    named, halted = story.when(theirs(volume=0.3))
    assert named == DiscrepancyFound(
        NAME, "1001", "no intent", f"buy 0.3 EURUSD at 1.0501, magic {MAGIC}"
    )
    assert isinstance(halted, TradingHalted)
    assert halted.rule == RULE == story.state.run.halt_rule
    for word in ("deal 1001", "0.3", "`daybook duplicates`", "`daybook resume`"):
        assert word in halted.reason


@pytest.mark.parametrize(
    "deal",
    [
        theirs(magic=999),
        theirs(reason=0),
        theirs(reason=4, comment="[sl 1.05]"),
        theirs(reason=7),
        theirs(entry=1),
        theirs(entry=3),
        theirs(type=2, symbol=""),
        theirs(time_msc=T0 * 1000),
        theirs(time_msc=T0 * 1000 + 60_200),
    ],
    ids=[
        "another magic",
        "by hand",
        "a stop",
        "re-opened for its swap",
        "a close",
        "closed by",
        "a deposit",
        "older",
        "as old as the newest that was there",
    ],
)
def test_what_is_none_of_a_second_engine_does_not(deal: DealRecorded) -> None:
    assert alarms(looked().when(deal)) == []


def test_what_was_there_before_the_journals_first_look_does_not() -> None:
    """A journal was lost, and its engine's deals are read again by a new one."""
    story = ready()
    assert alarms(story.when(theirs())) == []
    story.given(a(BrokerSnapshotTaken))
    assert story.state.unexplained.deals == {}


def test_a_deal_that_our_orders_ticket_explains_does_not_whatever_its_comment() -> None:
    story = looked().given(*SENT, a(OrderAccepted))
    assert alarms(story.when(theirs(), corr=KEY)) == []


# --- while something of the symbol is in doubt


@pytest.mark.parametrize(
    "doubt",
    [(*SENT,), (*SENT, DOUBT), (a(ChangeIntended), a(ChangeUnresolved))],
    ids=["an order on its way", "an order", "a change"],
)
def test_a_deal_waits_while_its_symbol_is_in_doubt(doubt: tuple[Payload, ...]) -> None:
    assert alarms(looked().given(*doubt).when(theirs())) == []


@pytest.mark.parametrize(
    ("settles", "outcome"),
    [
        (a(BrokerReplied), OrderAccepted(KEY, 2001, "reply")),
        (
            a(EvidenceGathered, orders=[2001], deals=[1001], suspects=[]),
            OrderAccepted(KEY, 2001, "evidence"),
        ),
        (a(OrderResolved), OrderAccepted(KEY, 2001, "operator")),
    ],
    ids=["by reply", "by evidence", "by an operator"],
)
def test_once_it_is_known_as_ours_it_never_halts(settles: Payload, outcome: Payload) -> None:
    doubt = () if isinstance(settles, BrokerReplied) else (DOUBT,)
    story = looked().given(*SENT, *doubt)
    story.when(theirs())
    assert story.when(settles) == [outcome]
    assert story.state.unexplained.deals == {}


@pytest.mark.parametrize(
    "settles",
    [a(EvidenceGathered), a(OrderResolved, executed=False, order=0, position=0, filled=0.0)],
    ids=["by evidence", "by an operator"],
)
def test_once_what_was_in_doubt_is_known_as_something_else_it_halts(settles: Payload) -> None:
    story = looked().given(*SENT, DOUBT)
    assert alarms(story.when(theirs())) == []
    refused, named, halted = story.when(settles)
    assert isinstance(refused, OrderRefused)
    assert isinstance(named, DiscrepancyFound)
    assert isinstance(halted, TradingHalted)
    assert halted.rule == RULE


def test_a_doubted_change_that_is_settled_lets_it_halt() -> None:
    story = looked().given(*SENT, a(OrderAccepted)).given(a(DealRecorded), corr=KEY)
    story.given(a(ChangeIntended), a(ChangeUnresolved))
    assert alarms(story.when(theirs(ticket=1002, order=2002, position_id=2002))) == []
    applied, *rest = story.when(a(ChangeChecked))
    assert isinstance(applied, ChangeApplied)
    assert [type(one) for one in alarms(rest)] == [DiscrepancyFound, TradingHalted]


def test_a_doubt_of_another_symbol_holds_nothing_up() -> None:
    elsewhere = msgspec.structs.replace(theirs(), symbol="GBPUSD")
    story = looked().given(*SENT, DOUBT)
    assert len(alarms(story.when(elsewhere))) == 2


# --- once, and whatever has halted already


def test_it_is_told_once_and_an_operator_may_go_on() -> None:
    story = looked()
    story.when(theirs())
    story.given(a(TradingResumed))
    assert story.state.unexplained.deals == {}
    assert alarms(story.when(theirs(ticket=1002, entry=1, type=1))) == []
    assert story.state.run.halt_rule == ""


def test_it_goes_before_a_pause() -> None:
    story = looked().given(a(TradingPaused))
    assert len(alarms(story.when(theirs()))) == 2
    assert story.state.run.halt_rule == RULE


def test_behind_another_halt_it_is_journalled_and_stands_as_a_difference() -> None:
    story = looked().given(a(TradingHalted))
    assert len(alarms(story.when(theirs()))) == 2
    assert story.state.run.halt_rule == a(TradingHalted).rule
    story.given(a(BrokerSnapshotTaken))
    assert [one.name for one in story.state.reconciliation.standing] == [NAME]


def test_what_comes_after_the_first_is_named_without_another_halt() -> None:
    story = looked()
    story.when(theirs())
    second = theirs(ticket=1002, order=2002, position_id=2002)
    assert [type(one) for one in alarms(story.when(second))] == [DiscrepancyFound]


def test_several_that_have_waited_are_named_each_and_halt_once() -> None:
    story = looked().given(*SENT, DOUBT)
    for number in (2, 3):
        story.when(theirs(ticket=1000 + number, order=2000 + number, position_id=2000 + number))
    first, second, halted = alarms(story.when(a(EvidenceGathered)))
    assert isinstance(first, DiscrepancyFound)
    assert isinstance(second, DiscrepancyFound)
    assert isinstance(halted, TradingHalted)
    assert "deal 1002 and 1 more" in halted.reason


def test_a_position_that_is_adopted_is_explained() -> None:
    story = looked().given(*SENT, DOUBT)
    story.when(theirs())
    story.given(a(PositionAdopted))
    assert story.state.unexplained.deals == {}


def test_the_magics_are_those_of_the_newest_run() -> None:
    state = fold([stamp(a(RunStarted, config={"strategies": [{"magic": 5}]}), 1, 1, "run")])
    assert state.unexplained.magics == [5]
