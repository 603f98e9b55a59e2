"""The lives of orders and positions: pending orders, closes, changes, reversals, an operator's
word; Hypothesis holds fills against a plain recomputation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.events import (
    BrokerReplied,
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    DealRecorded,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    Payload,
    PositionAdjusted,
    PositionAdopted,
)
from projections.idempotency import key_of
from projections.orders import Order, closing, pendings
from projections.positions import Did, Impact, Position
from tests.given import KEY, MAGIC, OTHER_KEY, Story, a

BUY, SELL = 0, 1
IN, OUT, INOUT, OUT_BY = 0, 1, 2, 3
CANCELED, FILLED, REJECTED, EXPIRED = 2, 4, 5, 6


def deal(ticket: int = 1001, **changes: Any) -> DealRecorded:
    return a(DealRecorded, ticket=ticket, **changes)


def sent(kind: str = "market", **changes: Any) -> Story:
    return Story().given(
        a(OrderProposed, type=kind), a(OrderIntended, type=kind, volume=1.0, **changes)
    )


def working(**changes: Any) -> Story:
    return sent("limit", **changes).given(a(OrderAccepted))


def order(story: Story) -> Order:
    return story.state.orders.open[KEY]


def position(story: Story) -> Position:
    return story.state.positions.open[2001]


# --- orders


def test_an_accepted_pending_order_works_until_it_is_filled_in_parts() -> None:
    story = working()
    assert order(story).status == "working"
    assert pendings(story.state.orders) == [order(story)]
    story.given(deal(volume=0.4), corr=KEY)
    assert (order(story).status, order(story).filled) == ("partially filled", 0.4)
    story.given(deal(1002, volume=0.6), corr=KEY)
    assert story.state.orders.done[-1].status == "filled"


@pytest.mark.parametrize(
    ("state", "status"),
    [(CANCELED, "cancelled"), (REJECTED, "rejected"), (EXPIRED, "expired"), (99, "cancelled")],
)
def test_what_ended_unfilled_says_how(state: int, status: str) -> None:
    story = working().given(a(OrderFinished, state=state, filled=0.0))
    done = story.state.orders.done[-1]
    assert (done.status, done.state) == (status, state)
    orders = story.state.orders
    assert orders.cancelled + orders.expired + orders.rejected == 1
    assert getattr(orders, status) == 1
    assert story.state.positions.planned == {}


def test_what_was_cancelled_after_a_part_was_filled_is_filled_in_part() -> None:
    story = working().given(deal(volume=0.4), corr=KEY)
    story.given(a(OrderFinished, state=CANCELED, filled=0.4))
    done = story.state.orders.done[-1]
    assert (done.status, done.filled, done.note) == ("filled", 0.4, "of 1 lots")
    assert story.state.positions.planned == {}


def test_an_end_that_is_told_before_the_last_deal_waits_for_it() -> None:
    story = working().given(a(OrderFinished, state=CANCELED, filled=0.4))
    assert order(story).status == "working"
    story.given(deal(volume=0.4), corr=KEY)
    assert story.state.orders.done[-1].status == "filled"
    assert story.state.positions.planned == {}
    assert position(story).sl == 1.0491


fills = st.lists(
    st.tuples(st.integers(1, 500), st.integers(90_000, 110_000)), min_size=1, max_size=12
)


@given(fills, st.integers(0, 12), st.booleans())
def test_fills_sum_up_and_average_by_volume_whenever_the_order_is_accepted(
    parts: list[tuple[int, int]], accepted_after: int, buy: bool
) -> None:
    steps = sum(size for size, _ in parts)
    side = "buy" if buy else "sell"
    story = Story().given(
        a(OrderProposed, side=side), a(OrderIntended, side=side, volume=steps / 100, price=1.0)
    )
    for number, (size, price) in enumerate(parts):
        if number == min(accepted_after, len(parts) - 1):
            story.given(a(OrderAccepted))
        fill = deal(number + 1, volume=size / 100, price=price / 100_000, type=0 if buy else 1)
        story.given(fill, corr=KEY)
    [done] = story.state.orders.done
    average = sum(size * price for size, price in parts) / steps / 100_000
    assert done.status == "filled"
    assert done.filled == steps / 100
    assert done.average == pytest.approx(average, rel=1e-12)
    assert done.slipped == pytest.approx((average - 1.0) * (1 if buy else -1), abs=1e-12)
    held = position(story)
    assert (held.volume, held.side) == (steps / 100, 1 if buy else -1)
    assert held.price == pytest.approx(average, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "side", "filled_at", "slipped"),
    [
        ("market", "buy", 1.0503, 0.0002),
        ("market", "sell", 1.0503, -0.0002),
        ("limit", "buy", 1.0500, -0.0001),
        ("stop", "sell", 1.0498, 0.0003),
        ("stop limit", "buy", 1.0480, 0.0005),
    ],
)
def test_slippage_is_positive_when_the_fill_is_worse_than_what_was_intended(
    kind: str, side: str, filled_at: float, slipped: float
) -> None:
    limit = 1.0475 if kind == "stop limit" else 0.0
    story = Story().given(
        a(OrderProposed, type=kind, side=side),
        a(OrderIntended, type=kind, side=side, price=1.0501, limit=limit),
        a(OrderAccepted),
    )
    story.given(deal(price=filled_at), corr=KEY)
    assert story.state.orders.done[-1].slipped == pytest.approx(slipped)


def test_latencies_are_counted_from_the_intent() -> None:
    """Every event of a story is a second after the one before it."""
    story = sent().given(a(BrokerReplied), a(OrderAccepted)).given(deal(), corr=KEY)
    done = story.state.orders.done[-1]
    assert (done.replied_ns, done.filled_ns) == (1_000_000_000, 3_000_000_000)


# --- closes


CLOSE = a(OrderProposed, key=OTHER_KEY, side="sell", action="close", position=2001)
CLOSING = a(
    OrderIntended, key=OTHER_KEY, side="sell", action="close", position=2001, sl=0.0, tp=0.0
)


def held(**changes: Any) -> Story:
    return sent().given(a(OrderAccepted)).given(deal(**changes), corr=KEY)


def test_a_close_is_filled_by_the_deals_of_its_own_order() -> None:
    story = held().given(CLOSE, CLOSING, a(OrderAccepted, key=OTHER_KEY, order=2002))
    found = closing(story.state.orders, 2001)
    assert found is not None
    assert found.key == OTHER_KEY
    story.given(deal(1002, order=2002, type=SELL, entry=OUT), corr=OTHER_KEY)
    assert story.state.orders.done[-1].key == OTHER_KEY
    assert story.state.positions.open == {}
    assert closing(story.state.orders, 2001) is None


def test_a_stop_that_is_hit_first_fills_no_close() -> None:
    story = held().given(CLOSE, CLOSING)
    story.given(deal(1002, order=9, type=SELL, entry=OUT, reason=4, comment="[sl 1]"), corr=KEY)
    assert story.state.orders.open[OTHER_KEY].filled == 0.0
    assert story.state.positions.open == {}


def test_a_deal_belongs_to_the_close_whose_key_it_bears_and_not_to_the_opening() -> None:
    story = held().given(CLOSE, CLOSING)
    closes = deal(1002, order=2002, type=SELL, entry=OUT, comment=OTHER_KEY.lower())
    assert key_of(story.state.idempotency, closes) == OTHER_KEY
    story.given(closes, corr=OTHER_KEY)
    assert story.state.orders.open[OTHER_KEY].filled == 1.0
    assert story.state.idempotency.positions[2001] == KEY


def test_two_positions_that_close_each_other_fill_one_order_once() -> None:
    story = held(volume=1.0)
    story.given(deal(1002, order=3001, position_id=3001, type=SELL, volume=0.4, comment=""))
    story.given(
        a(OrderProposed, key=OTHER_KEY, action="close by", position=2001, by=3001),
        a(OrderIntended, key=OTHER_KEY, action="close by", position=2001, by=3001, volume=0.4),
        a(OrderAccepted, key=OTHER_KEY, order=2002),
    )
    both = {"order": 2002, "entry": OUT_BY, "volume": 0.4}
    story.given(
        deal(1003, position_id=2001, type=SELL, **both),
        deal(1004, position_id=3001, type=BUY, **both),
        corr=OTHER_KEY,
    )
    done = story.state.orders.done[-1]
    assert (done.filled, done.status, done.slipped) == (0.4, "filled", 0.0)
    assert {i: p.volume for i, p in story.state.positions.open.items()} == {2001: 0.6}


# --- positions


def test_levels_follow_changes_that_are_applied_and_no_others() -> None:
    story = held().given(a(ChangeIntended, sl=1.0495, tp=0.0))
    assert (position(story).sl, position(story).tp) == (1.0491, 1.0521)
    story.given(a(ChangeRefused))
    assert position(story).sl == 1.0491
    story.given(a(ChangeIntended, sl=1.0495, tp=0.0), a(ChangeApplied))
    assert (position(story).sl, position(story).tp) == (1.0495, 0.0)
    assert story.state.positions.changing == {}


def test_a_moved_pending_order_opens_its_position_with_the_new_levels() -> None:
    moved = a(
        ChangeIntended, action="modify", position=0, order_key=KEY, price=1.04, sl=1.03, tp=1.06,
        expiration=99,
    )  # fmt: skip
    story = working().given(moved, a(ChangeApplied))
    now = order(story)
    assert (now.price, now.sl, now.tp, now.expiration) == (1.04, 1.03, 1.06, 99)
    story.given(deal(price=1.04), corr=KEY)
    assert (position(story).sl, position(story).tp) == (1.03, 1.06)
    assert story.state.orders.done[-1].slipped == pytest.approx(0.0)


def test_a_change_that_was_refused_leaves_the_order_as_it_was() -> None:
    moved = a(ChangeIntended, action="modify", position=0, order_key=KEY, price=1.04)
    story = working().given(moved, a(ChangeRefused))
    assert order(story).price == 1.0501
    assert story.state.orders.changing == {}


def test_the_brokers_word_about_a_position_and_an_adoption_are_taken_over() -> None:
    story = held().given(a(PositionAdjusted, ticket=7777, sl=1.01, tp=1.09))
    now = position(story)
    assert (now.ticket, now.sl, now.tp) == (7777, 1.01, 1.09)
    story.given(a(PositionAdopted, strategy="other", magic=5))
    assert (now.magic, now.strategy) == (5, "other")


def test_a_reversal_keeps_the_identifier_and_takes_ticket_levels_and_owner_from_the_order() -> None:
    story = held().given(
        a(OrderProposed, key=OTHER_KEY, side="sell", strategy="other", magic=5),
        a(OrderIntended, key=OTHER_KEY, side="sell", strategy="other", magic=5, sl=1.06, tp=1.03,
          volume=1.5),
        a(OrderAccepted, key=OTHER_KEY, order=2002),
    )  # fmt: skip
    turn = deal(1002, order=2002, type=SELL, entry=INOUT, volume=1.5, price=1.05, magic=5)
    story.given(turn, corr=OTHER_KEY)
    now = position(story)
    assert (now.identifier, now.ticket, now.side, now.volume) == (2001, 2002, -1, 0.5)
    assert (now.sl, now.tp, now.strategy, now.key, now.magic) == (1.06, 1.03, "other", OTHER_KEY, 5)


def test_adding_to_a_netting_position_brings_the_levels_that_the_order_names() -> None:
    story = held().given(
        a(OrderProposed, key=OTHER_KEY), a(OrderIntended, key=OTHER_KEY, sl=0.0, tp=1.09)
    )
    story.given(deal(1002, order=2002, comment=OTHER_KEY), corr=OTHER_KEY)
    now = position(story)
    assert (now.volume, now.sl, now.tp) == (2.0, 1.0491, 1.09)


def test_a_swap_by_reopening_changes_price_and_ticket_and_nothing_else() -> None:
    story = held()
    before = position(story)
    story.given(deal(1002, order=50, type=SELL, entry=OUT, reason=7, comment=""), corr=KEY)
    assert story.state.positions.open == {}
    story.given(deal(1003, order=51, reason=7, price=1.0507), corr=KEY)
    now = position(story)
    assert (now.ticket, now.price) == (51, 1.0507)
    assert (now.key, now.sl, now.tp, now.strategy, now.opened) == (
        before.key, before.sl, before.tp, before.strategy, before.opened,
    )  # fmt: skip


def test_the_rest_of_an_order_that_fills_after_a_stop_brings_its_levels_again() -> None:
    """A partially filled order and its position have the same ticket (facts 3.7)."""
    story = working().given(deal(volume=0.4), corr=KEY)
    story.given(deal(1002, order=9, type=SELL, entry=OUT, reason=4, volume=0.4), corr=KEY)
    assert story.state.positions.open == {}
    story.given(deal(1003, volume=0.6), corr=KEY)
    assert (position(story).volume, position(story).sl) == (0.6, 1.0491)


OUT_ALL: dict[str, Any] = {"type": SELL, "entry": OUT}


@pytest.mark.parametrize(
    ("before", "now", "impact"),
    [
        ([], {}, "opened"),
        ([{}], {"volume": 0.5}, "added"),
        ([{}], {**OUT_ALL, "volume": 0.4}, Impact("reduced", volume=1.0)),
        ([{}], OUT_ALL, "closed"),
        ([{}], {**OUT_ALL, "reason": 7}, "rolled"),
        ([{}, {**OUT_ALL, "reason": 7}], {"reason": 7}, Impact("reopened", price=1.0501)),
        ([{}], {"type": SELL, "entry": INOUT, "volume": 1.5}, "turned"),
        ([{}], {**OUT_ALL, "volume": 1.5}, "early"),
        ([], OUT_ALL, "early"),
        ([OUT_ALL], {"volume": 0.4}, "early"),
        ([OUT_ALL], {}, "closed"),
        ([OUT_ALL], {"volume": 1.5}, "opened"),
        ([{}], {"volume": 0.0}, "nothing"),
        ([], {"volume": 0.0}, "closed"),
        ([{}], {"type": 2, "volume": 0.0, "position_id": 0}, None),
    ],
)
def test_positions_say_what_the_newest_deal_did(
    before: list[dict[str, Any]], now: dict[str, Any], impact: Impact | Did | None
) -> None:
    story = Story()
    for ticket, changes in enumerate([*before, now], start=1):
        story.given(deal(ticket, **changes))
    said = story.state.positions.impact
    assert said == (Impact(impact) if isinstance(impact, str) else impact)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300)), min_size=1, max_size=20))
def test_a_netting_position_is_the_signed_sum_of_its_deals(
    trades: list[tuple[bool, int]],
) -> None:
    story, net = Story(), 0
    for number, (buy, size) in enumerate(trades, start=1):
        change = size if buy else -size
        after = net + change
        if not net or (net > 0) == buy:
            entry = IN
        elif (after > 0) == (net > 0) or not after:
            entry = OUT
        else:
            entry = INOUT
        identifier = 1 if net else number * 100
        if net:
            [identifier] = story.state.positions.open
        story.given(
            deal(number, order=number * 100, position_id=identifier, type=BUY if buy else SELL,
                 entry=entry, volume=size / 100)
        )  # fmt: skip
        net = after
        held = list(story.state.positions.open.values())
        assert [round(100 * p.side * p.volume) for p in held] == ([net] if net else [])


# --- an operator's word


def test_deals_recorded_before_anybody_knew_whose_they_are_count_once_it_is_said() -> None:
    story = sent().given(a(OrderUnresolved)).given(deal(comment="overwritten", magic=MAGIC))
    assert position(story).key == ""
    story.given(a(OrderResolved, filled=1.0, average=1.0502), a(OrderAccepted, proof="operator"))
    done = story.state.orders.done[-1]
    assert (done.status, done.filled, done.average) == ("filled", 1.0, 1.0502)
    now = position(story)
    assert (now.key, now.strategy, now.sl) == (KEY, "baseline", 1.0491)
    stop = deal(1002, order=9, type=SELL, entry=OUT, reason=4, comment="[sl 1]", magic=0)
    assert key_of(story.state.idempotency, stop) == KEY


def test_what_was_not_executed_gets_nothing() -> None:
    story = sent().given(a(OrderUnresolved)).given(deal(comment="", magic=0))
    said: list[Payload] = [
        a(OrderResolved, executed=False, filled=0.0, position=0),
        a(OrderRefused, proof="operator"),
    ]
    story.given(*said)
    assert story.state.orders.done[-1].status == "refused"
    assert position(story).key == ""
    assert story.state.idempotency.positions == {}
