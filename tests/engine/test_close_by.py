"""Opposite positions that all have to go are closed by each other, where that is configured and the
broker lets it be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.config import PositionPolicy
from engine.execution.protection.rules import Protection, TimeStop
from engine.terminal.faults import Fault, FaultPlan, ReplyLost, Retcode, When
from journal.events import (
    BrokerReplied,
    BrokerSnapshotTaken,
    DealRecorded,
    FeedCaughtUp,
    FlattenRequested,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    Payload,
    QuoteObserved,
    SymbolSpecified,
    TradingHalted,
)
from journal.events.mt5 import DealEntry
from tests.engine.desk import SYMBOL, Desk
from tests.engine.execution.protection.test_guard import bar, protected
from tests.engine.test_actions import command
from tests.given import KEY, OTHER_KEY, Story, a, manifest, ready

BY_EACH_OTHER = {"default": PositionPolicy(close_by=True)}


def desk(**terms: Any) -> Desk:
    """Two strategies that hold opposite positions of different sizes at a hedging broker."""
    one = Desk("ecn-hedging", **{"positions": BY_EACH_OTHER, **terms})
    one.open("buy", 0.005)
    one.open("sell", 0.007, strategy=1)
    return one


def flatten(at: Desk) -> list[OrderIntended]:
    """Let an operator want everything gone; return the closes that were sent for it."""
    before = len(at.recorded(OrderIntended))
    command(at, FlattenRequested("anna", "out", "", ""))
    assert at.state.positions.open == {}
    at.check()
    closes: list[OrderIntended] = at.recorded(OrderIntended)[before:]
    return closes


def test_both_are_closed_by_one_order_and_the_rest_by_another() -> None:
    at = desk()
    long, short = at.state.positions.open.values()
    least, left = min(long.volume, short.volume), abs(long.volume - short.volume)
    both, rest = flatten(at)
    assert len(at.recorded(OrderProposed)) == 4, "nothing was wished of what was gone already"
    assert (both.action, both.position, both.by) == ("close by", long.identifier, short.identifier)
    assert both.volume == least
    assert (rest.action, rest.position) == ("close", long.identifier)
    assert rest.volume == pytest.approx(left)
    assert [d.entry for d in at.recorded(DealRecorded)].count(DealEntry.OUT_BY) == 2


def test_it_costs_a_spread_less_than_closing_each() -> None:
    balances = []
    for positions in (BY_EACH_OTHER, None):
        at = desk(positions=positions)
        flatten(at)
        balances.append(at.state.account.balance)
    together, apart = balances
    assert together > apart


def test_profit_and_costs_are_those_of_each_positions_own_deals() -> None:
    at = desk()
    held = list(at.state.positions.open)
    flatten(at)
    deals: list[DealRecorded] = at.recorded(DealRecorded)
    lives = {life.identifier: life for life in at.state.costs.done}
    for identifier in held:
        own = [d for d in deals if d.position_id == identifier]
        sums = lives[identifier].sums
        assert sums.net == pytest.approx(sum(d.profit + d.commission + d.swap + d.fee for d in own))
        assert lives[identifier].closed_by == "flatten: anna: out"
    net = sum(one.sums.net for one in at.state.costs.strategies.values())
    deposits = sum(d.profit for d in deals if not d.symbol)
    assert at.state.account.balance == pytest.approx(deposits + net)


@pytest.mark.parametrize(
    "terms",
    [
        {"positions": None},
        {"positions": {"GBPUSD": PositionPolicy(close_by=True)}},
        {"orders": ("market", "limit", "stop", "stop_limit", "sl", "tp")},
    ],
    ids=["not configured", "configured of another symbol", "not allowed by the symbol"],
)
def test_elsewhere_each_is_closed_by_itself(terms: dict[str, Any]) -> None:
    assert [intent.action for intent in flatten(desk(**terms))] == ["close", "close"]


def test_what_lies_on_one_side_is_closed_one_by_one() -> None:
    at = Desk("ecn-hedging", positions=BY_EACH_OTHER)
    at.open("buy", 0.005)
    at.open("buy", 0.007, strategy=1)
    assert [intent.action for intent in flatten(at)] == ["close", "close"]


def test_a_netting_account_has_nothing_to_pair() -> None:
    at = Desk("exchange-netting", positions=BY_EACH_OTHER)
    at.open("buy")
    assert [intent.action for intent in flatten(at)] == ["close"]


# --- who else wants both gone


def holding_both(*rules: Protection, **policy: Any) -> Story:
    """A long position of one lot and a short one of a half, of one strategy."""
    config = msgspec.structs.replace(
        protected(*rules), positions={"default": PositionPolicy(close_by=True, **policy)}
    )
    story = ready().given(a(SymbolSpecified, order_mode=127), manifest(config))
    short = {"side": "sell", "volume": 0.5, "sl": 1.0511}
    for key, changes in ((KEY, {}), (OTHER_KEY, short)):
        story.given(
            a(OrderProposed, key=key),
            a(OrderIntended, key=key, **changes),
            a(OrderAccepted, key=key),
        )
    story.given(a(DealRecorded), corr=KEY)
    second = {"ticket": 1002, "order": 2002, "position_id": 2002, "type": 1, "volume": 0.5}
    return story.given(a(DealRecorded, **second), corr=OTHER_KEY)


def proposed(decided: list[Payload]) -> list[tuple[str, int, int, str]]:
    return [
        (p.action, p.position, p.by, p.reason)
        for p in decided
        if isinstance(p, OrderProposed) and p.action != "open"
    ]


def test_time_stops_that_end_together_close_both_by_one_order() -> None:
    story = holding_both(TimeStop(minutes=2)).given(a(FeedCaughtUp))
    decided = proposed(story.when(bar(3, 1.0501)))
    assert decided == [("close by", 2001, 2002, "open for 2 minutes")]


def test_one_time_stop_alone_closes_its_own_position() -> None:
    story = holding_both(TimeStop(minutes=2, below_r=0.5)).given(a(FeedCaughtUp))
    decided = proposed(story.when(bar(3, 1.0490)))
    assert decided == [("close", 2001, 0, "open for 2 minutes")]


def test_what_is_found_at_the_start_is_closed_by_each_other() -> None:
    story = holding_both(found="close")
    for position in story.state.positions.open.values():
        position.strategy = position.key = ""
    decided = story.when(a(BrokerSnapshotTaken))
    assert proposed(decided) == [("close by", 2001, 2002, "found at the start")]


def test_between_the_deals_of_the_two_nothing_is_wished_of_the_other() -> None:
    story = holding_both().given(a(FeedCaughtUp))
    [both] = (d for d in story.when(a(FlattenRequested)) if isinstance(d, OrderProposed))
    story.when(a(QuoteObserved), corr=both.key)
    story.when(a(BrokerReplied, key=both.key, order=2003))
    for ticket, position, wished in ((1003, 2001, []), (1004, 2002, [("close", 2001, 0)])):
        deal = a(
            DealRecorded, ticket=ticket, order=2003, position_id=position, entry=3, volume=0.5,
            type=1 if position == 2001 else 0,
        )  # fmt: skip
        decided = proposed(story.when(deal, corr=both.key))
        assert [one[:3] for one in decided] == wished
    assert story.state.policies.halves == {}


# --- when it goes wrong


def struck(at: Desk, *faults: Fault) -> None:
    at.terminal.inject(FaultPlan(faults))


def test_a_pair_that_the_broker_refuses_is_closed_one_by_one() -> None:
    at = desk()
    struck(at, Retcode(code=10013, when=When(number=1)))
    both, first, second = flatten(at)
    assert both.action == "close by"
    assert [refused.key for refused in at.recorded(OrderRefused)] == [both.key]
    assert {(first.action, first.position), (second.action, second.position)} == {
        ("close", both.position),
        ("close", both.by),
    }


@pytest.mark.parametrize("executed", [True, False])
def test_one_whose_answer_is_lost_is_searched_for_and_never_doubled(executed: bool) -> None:
    at = desk()
    struck(at, ReplyLost(executed=executed, error=-1, when=When(number=1)))
    both, *others = flatten(at)
    assert both.action == "close by"
    assert [doubt.key for doubt in at.recorded(OrderUnresolved)] == [both.key]
    done = [o for o in at.state.orders.done if o.key == both.key]
    assert [o.status for o in done] == ["filled" if executed else "refused"]
    assert [o.action for o in others] == (["close"] if executed else ["close", "close"])
    assert at.recorded(TradingHalted) == []
    keys = [reply.key for reply in at.recorded(BrokerReplied)]
    assert len(keys) == len(set(keys))
    assert both.symbol == SYMBOL
