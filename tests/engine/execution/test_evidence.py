"""Any of the broker's lists may show an intent first, and only repeated absence is absence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from engine.broker.gateway import NONE_KNOWN, OrderSeen, Stamps
from engine.config import Evidence
from engine.execution.evidence import gather, inspect
from journal.events import (
    BrokerSnapshotTaken,
    ChangeChecked,
    ChangeIntended,
    DealRecorded,
    EvidenceGathered,
    OrderAccepted,
    OrderIntended,
    OrderListed,
    OrderProposed,
    OrderUnresolved,
    PositionSeen,
)
from projections.orders import Order
from tests.given import KEY, MAGIC, OTHER_KEY, SYMBOL, T0, Story, a, ready

LIMITS = Evidence(polls=4, interval_s=1.5)
QUOTED = T0 * 1000 + 60_100
OWN = OrderSeen(2001, SYMBOL, 0, MAGIC, 1.0, QUOTED + 100, KEY)


def like(**changes: Any) -> OrderSeen:
    """An order like the intent's, changed."""
    fields = {name: getattr(OWN, name) for name in OWN.__struct_fields__}
    return OrderSeen(**{**fields, **changes})


class Lists:
    """The broker's lists, poll by poll; the last stands for all that follow. They cannot send."""

    def __init__(
        self,
        orders: list[list[OrderSeen]] | None = None,
        deals: list[list[DealRecorded]] | None = None,
        positions: list[list[PositionSeen]] | None = None,
        live: list[OrderListed] | None = None,
    ) -> None:
        self._live = live or []
        self._orders, self._deals = orders or [[]], deals or [[]]
        self._positions = positions or [[]]
        self.since: list[int] = []
        self.slept: list[float] = []

    async def orders(self, since_msc: int) -> list[OrderSeen]:
        self.since.append(since_msc)
        return self._orders.pop(0) if len(self._orders) > 1 else self._orders[0]

    async def deals(self, since_msc: int, known: Stamps = NONE_KNOWN) -> list[DealRecorded]:
        assert not known, "a search reads everything"
        self.since.append(since_msc)
        return self._deals.pop(0) if len(self._deals) > 1 else self._deals[0]

    async def snapshot(self) -> BrokerSnapshotTaken:
        shown = self._positions.pop(0) if len(self._positions) > 1 else self._positions[0]
        return a(BrokerSnapshotTaken, positions=shown, orders=self._live)

    async def positions_total(self) -> int:
        raise AssertionError("a search reads the positions themselves")

    # The clock is here too, so that sleeping and reading can be put in one order.

    def now_ns(self) -> int:
        raise AssertionError("a search needs no clock")

    async def next(self) -> bool:
        raise AssertionError("a search does not move the market")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def search(lists: Lists, story: Story | None = None, **wish: Any) -> EvidenceGathered:
    """Search for an intent; `wish` changes it and its proposal."""
    if story is None:
        story = ready()
    story.given(a(OrderProposed, **wish), a(OrderIntended, **wish), a(OrderUnresolved))
    order: Order = story.state.orders.open[KEY]

    async def run() -> EvidenceGathered:
        return await gather(lists, order, story.state.idempotency, lists, LIMITS)

    return anyio.run(run)


def test_the_usual_search_outlasts_the_longest_lag_that_was_ever_reported() -> None:
    usual = Evidence()
    assert (usual.polls - 1) * usual.interval_s > 5.0


def test_absence_takes_all_polls_with_their_pauses() -> None:
    lists = Lists()
    assert search(lists) == EvidenceGathered(KEY, 4, [], [], [])
    assert lists.slept == [1.5, 1.5, 1.5]


def test_the_window_begins_a_day_before_the_quote_in_server_time() -> None:
    lists = Lists()
    search(lists)
    assert set(lists.since) == {QUOTED - 86_400_000}


POSITION = a(PositionSeen, ticket=9999, identifier=2001, comment=KEY)


@pytest.mark.parametrize(
    "lists",
    [
        lambda: Lists(orders=[[OWN]]),
        lambda: Lists(deals=[[a(DealRecorded)]]),
    ],
    ids=["orders", "deals"],
)
def test_one_sight_of_the_key_on_an_order_or_a_deal_is_enough(lists: Callable[[], Lists]) -> None:
    shown = lists()
    evidence = search(shown)
    assert (evidence.orders, evidence.suspects, evidence.polls) == ([2001], [], 1)
    assert shown.slept == []


def test_a_position_with_the_key_is_taken_for_its_order_only_when_no_other_list_shows_it() -> None:
    alone = search(Lists(positions=[[POSITION]]))
    assert (alone.orders, alone.suspects, alone.polls) == ([2001], [], 4)
    turned = a(PositionSeen, ticket=2001, identifier=1900, comment=KEY)  # under netting
    assert search(Lists(positions=[[turned]], orders=[[], [OWN]])).orders == [2001]


def test_a_position_that_another_order_opened_does_not_name_ours() -> None:
    story = ready()
    story.given(a(DealRecorded, order=1900, position_id=1900), corr="ANOTHER")
    turned = a(PositionSeen, ticket=2001, identifier=1900, comment=KEY)
    evidence = search(Lists(positions=[[turned]]), story)
    assert (evidence.orders, evidence.suspects) == ([], [1900])


def test_what_appears_only_in_a_later_poll_is_found() -> None:
    evidence = search(Lists(orders=[[], [], [OWN]]))
    assert (evidence.orders, evidence.polls) == ([2001], 3)


def test_the_same_order_in_several_lists_is_one_order() -> None:
    deals = [a(DealRecorded, ticket=1001), a(DealRecorded, ticket=1002)]
    evidence = search(Lists(orders=[[OWN]], deals=[deals], positions=[[POSITION]]))
    assert (evidence.orders, evidence.deals) == ([2001], [1001, 1002])


def test_two_orders_with_the_key_are_both_reported_in_order() -> None:
    evidence = search(Lists(orders=[[like(ticket=2005), OWN]]))
    assert evidence.orders == [2001, 2005]


@pytest.mark.parametrize("text", [KEY.lower(), f"#{KEY}", f"{KEY}/ib", f"from {KEY.lower()}"])
def test_a_key_is_recognised_in_any_case_and_among_what_a_broker_adds(text: str) -> None:
    assert search(Lists(orders=[[like(comment=text)]])).orders == [2001]


def test_the_key_under_another_magic_is_not_ours() -> None:
    evidence = search(Lists(orders=[[like(magic=1)]]))
    assert (evidence.orders, evidence.suspects) == ([], [])


def test_an_order_that_agrees_in_all_but_the_key_is_a_suspect() -> None:
    for text in ("", "overwritten by broker", KEY[:8]):
        evidence = search(Lists(orders=[[like(comment=text)]]))
        assert (evidence.orders, evidence.suspects, evidence.polls) == ([], [2001], 4)


def test_a_deal_whose_order_no_list_shows_is_a_suspect_whole_or_in_part() -> None:
    for volume in (1.0, 0.3):
        evidence = search(Lists(deals=[[a(DealRecorded, comment="", volume=volume)]]))
        assert (evidence.orders, evidence.suspects) == ([], [2001])


def test_a_suspect_seen_once_stays_one_though_lists_drop_it_again() -> None:
    evidence = search(Lists(orders=[[like(comment="")], []]))
    assert (evidence.suspects, evidence.polls) == ([2001], 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"magic": 0},
        {"symbol": "GBPUSD"},
        {"type": 1},
        {"volume": 1.01},
        {"time_msc": QUOTED - 61_000},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_order_that_differs_in_anything_is_no_suspect(changes: dict[str, Any]) -> None:
    assert search(Lists(orders=[[like(comment="", **changes)]])).suspects == []


SL_HIT, REOPENED = 4, 7
"""Reasons of orders that the server makes."""


def test_what_the_server_closed_at_a_stop_is_no_suspect() -> None:
    """It bears the strategy's magic, and its side is that of an order the other way."""
    closing = like(comment="[sl 1.04912]", reason=SL_HIT)
    assert search(Lists(orders=[[closing]])).suspects == []


def test_a_position_that_the_broker_opened_again_is_no_second_order() -> None:
    again = like(ticket=2009, reason=REOPENED)
    deals = [a(DealRecorded), a(DealRecorded, ticket=1009, order=2009, reason=REOPENED)]
    assert search(Lists(orders=[[OWN, again]], deals=[deals])).orders == [2001]
    late = search(Lists(orders=[[again], [again], [again, OWN]]))
    assert (late.orders, late.polls) == ([2001], 3)


def test_a_deal_that_closes_is_no_suspect() -> None:
    closing = a(DealRecorded, comment="[sl 1.04]", entry=1)
    assert search(Lists(deals=[[closing]])).suspects == []


def test_an_order_that_another_intent_owns_is_no_suspect() -> None:
    story = ready().given(
        a(OrderProposed, key=OTHER_KEY),
        a(OrderIntended, key=OTHER_KEY),
        a(OrderAccepted, key=OTHER_KEY),
    )
    assert search(Lists(orders=[[like(comment="")]]), story).suspects == []


def test_an_order_that_bears_another_intents_key_is_no_suspect() -> None:
    story = ready().given(a(OrderProposed, key=OTHER_KEY), a(OrderIntended, key=OTHER_KEY))
    assert search(Lists(orders=[[like(comment=OTHER_KEY.lower())]]), story).suspects == []


# --- closes and pending orders


CLOSE: dict[str, Any] = {"action": "close", "position": 7001, "side": "sell"}
CLOSING: dict[str, Any] = {"type": 1, "position": 7001}


def test_a_close_is_found_by_its_key_like_any_order() -> None:
    evidence = search(Lists(orders=[[like(**CLOSING)]]), **CLOSE)
    assert (evidence.orders, evidence.suspects) == ([2001], [])
    gone = a(DealRecorded, type=1, entry=1, position_id=7001)
    assert search(Lists(deals=[[gone]]), **CLOSE).orders == [2001]


def test_a_deal_out_of_the_position_without_the_key_is_a_suspect_of_a_close() -> None:
    closed = a(DealRecorded, comment="", type=1, entry=1, position_id=7001)
    evidence = search(Lists(deals=[[closed]]), **CLOSE)
    assert (evidence.orders, evidence.suspects) == ([], [2001])
    assert search(Lists(orders=[[like(comment="", **CLOSING)]]), **CLOSE).suspects == [2001]


@pytest.mark.parametrize(
    "changes",
    [{"position_id": 7002}, {"entry": 0}, {"type": 0}, {"magic": 0}, {"reason": SL_HIT}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_not_out_of_that_position_is_no_suspect_of_a_close(
    changes: dict[str, Any],
) -> None:
    fields = {"comment": "", "type": 1, "entry": 1, "position_id": 7001, **changes}
    assert search(Lists(deals=[[a(DealRecorded, **fields)]]), **CLOSE).suspects == []


def test_a_close_by_is_told_by_its_own_type_of_order() -> None:
    wish: dict[str, Any] = {"action": "close by", "position": 7001, "by": 7002, "side": "sell"}
    order = like(comment="", type=8, position=7001, by=7002)
    assert search(Lists(orders=[[order]]), **wish).suspects == [2001]


@pytest.mark.parametrize("action", ["close", "close by"])
@pytest.mark.parametrize("kind", [0, 1])
def test_what_opened_a_position_is_no_suspect_of_its_close(action: str, kind: int) -> None:
    wish: dict[str, Any] = {"action": action, "position": 7001, "side": "sell"}
    wish["by"] = 7002 if action == "close by" else 0
    opened = like(comment="", type=kind, position=7001, ticket=7001)
    assert search(Lists(orders=[[opened]]), **wish).suspects == []


@pytest.mark.parametrize(
    ("kind", "side", "types"),
    [
        ("limit", "buy", {0, 2}),
        ("stop", "buy", {0, 2, 4}),
        ("stop limit", "sell", {1, 3, 7}),
    ],
)
def test_a_pending_order_is_suspected_under_each_type_that_it_may_have_by_now(
    kind: str, side: str, types: set[int]
) -> None:
    seen = [[like(ticket=3000 + number, type=number, comment="") for number in range(9)]]
    evidence = search(Lists(orders=seen), type=kind, side=side)
    assert {ticket - 3000 for ticket in evidence.suspects} == types


# --- changes


def inspected(lists: Lists, **wish: Any) -> ChangeChecked:
    async def run() -> ChangeChecked:
        return await inspect(lists, a(ChangeIntended, **wish), lists, LIMITS)

    return anyio.run(run)


def held(sl: float) -> PositionSeen:
    return a(PositionSeen, ticket=9999, sl=sl, tp=1.0521)


def test_one_sight_of_the_levels_as_wished_is_enough() -> None:
    lists = Lists(positions=[[held(1.0491)], [held(1.0495)]])
    seen = inspected(lists)
    assert (seen.found, seen.polls, seen.sl, seen.tp) == (True, 2, 1.0495, 1.0521)
    assert lists.slept == [1.5]


def test_levels_that_never_come_take_all_polls() -> None:
    seen = inspected(Lists(positions=[[held(1.0491)]]))
    assert (seen.found, seen.polls, seen.sl) == (True, 4, 1.0491)
    assert not inspected(Lists()).found


def test_that_an_order_is_gone_takes_all_polls_as_lists_lag() -> None:
    seen = inspected(Lists(), action="cancel", position=0, ticket=2002, order_key=KEY)
    assert (seen.found, seen.polls) == (False, 4)


def test_an_order_that_is_still_there_is_shown_with_all_its_terms() -> None:
    lists = Lists(live=[a(OrderListed, expiration=77)])
    seen = inspected(lists, action="modify", position=0, ticket=2002, order_key=KEY)
    assert (seen.found, seen.price, seen.sl, seen.tp, seen.expiration) == (
        True, 1.0480, 1.0470, 1.0500, 77,
    )  # fmt: skip
