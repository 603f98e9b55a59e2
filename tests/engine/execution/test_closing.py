"""When closes and changes may be wished and what they are; what an operator's wish becomes."""

from __future__ import annotations

from typing import Any

import pytest

from engine.broker.prices import Market
from engine.execution import changes, commands
from engine.execution.changes import Terms, modify
from engine.execution.closing import close, close_by, may_close, part_of
from engine.execution.intents import Keys
from journal.events import (
    BrokerReplied,
    CancelRequested,
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    DealRecorded,
    FeedCaughtUp,
    FlattenRequested,
    OperatorHalted,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    OrderVetoed,
    Payload,
    QuoteObserved,
    SymbolSpecified,
    TradingHalted,
    TradingPaused,
)
from tests.given import KEY, MAGIC, OTHER_KEY, SYMBOL, Story, a, bars, manifest, ready, vetoes

THIRD_KEY = "TEST001000000C0"
NOW = Market(1.0500, 1.0501)


def holding(**changes: Any) -> Story:
    story = ready().given(a(OrderProposed), a(OrderIntended, **changes), a(OrderAccepted))
    return story.given(a(DealRecorded), corr=KEY)


def proposed(story: Story, **changes: Any) -> Story:
    """A close of the position, weighed by nobody yet."""
    position = story.state.positions.open[2001]
    draft, _ = close(keys(story), position, 0.0, "time stop")
    assert isinstance(draft, OrderProposed)
    return story.given(a(OrderProposed, **{**_fields(draft), "key": OTHER_KEY, **changes}))


def _fields(draft: OrderProposed) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in draft.__struct_fields__}


def keys(story: Story) -> Keys:
    return Keys(story.events[-1])


def weighed(story: Story, **quote: Any) -> list[Payload]:
    return story.when(a(QuoteObserved, **quote), corr=OTHER_KEY)


# --- a close


def test_a_close_bears_the_magic_of_the_strategy_that_it_is_for_whoever_opened_the_position() -> (
    None
):
    """On a netting account a hand may open what a strategy's order then adds to."""
    by_hand = a(DealRecorded, ticket=900, order=1900, magic=0, reason=0, comment="")
    story = ready().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted)).given(by_hand)
    assert story.state.positions.open[2001].magic == 0
    story.given(a(DealRecorded), corr=KEY)
    draft, _ = close(keys(story), story.state.positions.open[2001], 0.0, "flatten")
    assert isinstance(draft, OrderProposed)
    assert (draft.strategy, draft.magic) == ("baseline", MAGIC)


def test_a_close_is_an_order_the_other_way_for_the_whole_of_its_position() -> None:
    [intent] = weighed(proposed(holding()), bid=1.05, ask=1.0501)
    assert intent == a(
        OrderIntended,
        key=OTHER_KEY,
        side="sell",
        volume=1.0,
        price=1.05,
        sl=0.0,
        tp=0.0,
        risk=0.0,
        action="close",
        position=2001,
    )


@pytest.mark.parametrize(("lots", "volume"), [(0.4, 0.4), (0.409, 0.4), (0.999, 0.99), (5.0, 1.0)])
def test_a_part_is_rounded_down_and_leaves_no_rest_that_nobody_could_close(
    lots: float, volume: float
) -> None:
    [intent] = weighed(proposed(holding(), volume=lots))
    assert isinstance(intent, OrderIntended)
    assert intent.volume == volume


def test_a_part_that_is_too_small_is_vetoed_with_its_figures() -> None:
    [(rule, reason)] = vetoes(weighed(proposed(holding(), volume=0.009)))
    assert rule == "size"
    assert "0.009 lots" in reason
    assert "0.01" in reason


def test_a_rest_below_the_least_volume_is_closed_with_the_part() -> None:
    spec = a(SymbolSpecified, volume_min=0.1, volume_step=0.01)
    assert part_of(0.25, 0.2, spec) == 0.25
    assert part_of(0.25, 0.15, spec) == 0.15
    assert part_of(0.25, 0.05, spec) == 0.0


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ((a(OperatorHalted),), "halted"),
        ((a(DealRecorded, ticket=1002, order=9, type=1, entry=1, reason=4),), "position gone"),
        (
            (a(OrderProposed, key=THIRD_KEY, action="close", position=2001, side="sell"),),
            "closing",
        ),
        (
            (
                a(OrderProposed, key=THIRD_KEY, magic=1),
                a(OrderIntended, key=THIRD_KEY, magic=1),
                a(OrderUnresolved, key=THIRD_KEY),
            ),
            "unresolved",
        ),
        ((a(ChangeIntended, key=THIRD_KEY), a(ChangeUnresolved, key=THIRD_KEY)), "unresolved"),
        ((a(DealRecorded, ticket=1002, order=9, type=1, entry=2, volume=2.0),), "position gone"),
    ],
    ids=[
        "switched off",
        "gone",
        "closing already",
        "an order in doubt",
        "a change in doubt",
        "turned",
    ],
)
def test_a_close_is_vetoed_by_these_alone(given: tuple[Payload, ...], rule: str) -> None:
    story = proposed(holding()).given(*given)
    assert [name for name, _ in vetoes(weighed(story))] == [rule]


@pytest.mark.parametrize(
    "given",
    [a(TradingHalted), a(TradingPaused), a(OrderProposed, key=THIRD_KEY, magic=1)],
    ids=["halted", "paused", "another proposal"],
)
def test_reducing_risk_is_always_allowed_else(given: Payload) -> None:
    assert [type(d) for d in weighed(proposed(holding()).given(given))] == [OrderIntended]


def test_whether_a_position_may_be_closed_can_be_asked_before() -> None:
    story = holding()
    position = story.state.positions.open[2001]
    assert may_close(story.state, position)
    assert not may_close(proposed(story).state, position)


def two_sides() -> Story:
    story = holding()
    return story.given(
        a(DealRecorded, ticket=1005, order=3001, position_id=3001, type=1, volume=0.4)
    )


def test_two_positions_close_each_other_by_the_smaller_volume() -> None:
    story = two_sides()
    held = story.state.positions.open
    draft, _ = close_by(keys(story), held[2001], held[3001], "hedge undone")
    assert isinstance(draft, OrderProposed)
    story.given(a(OrderProposed, **{**_fields(draft), "key": OTHER_KEY}))
    [intent] = weighed(story)
    assert isinstance(intent, OrderIntended)
    assert (intent.action, intent.position, intent.by, intent.volume) == (
        "close by", 2001, 3001, 0.4,
    )  # fmt: skip


def test_two_positions_on_one_side_do_not_close_each_other() -> None:
    story = holding().given(a(DealRecorded, ticket=1005, order=3001, position_id=3001))
    proposed(story, action="close by", by=3001)
    assert [rule for rule, _ in vetoes(weighed(story))] == ["same side"]


# --- changes


def levels(story: Story, sl: float = 1.0495, tp: float = 1.0521, market: Market = NOW) -> Any:
    event = story.events[-1]
    draft = changes.change_levels(
        story.state, event, Keys(event), story.state.positions.open[2001],
        sl=sl, tp=tp, market=market, reason="trail",
    )  # fmt: skip
    return draft and draft[0]


def test_a_change_of_levels_says_everything_that_it_is_recognised_by() -> None:
    story = holding()
    wish = levels(story)
    event = story.events[-1]
    assert wish == a(
        ChangeIntended,
        key=wish.key,
        reason="trail",
        server_msc=event.ts // 1_000_000 + 10_800_000,
    )


@pytest.mark.parametrize(
    ("spec", "given", "wished"),
    [
        ({}, (), {"sl": 1.0491}),
        ({}, (), {"sl": 1.049104}),
        ({"stops_level": 50}, (), {"sl": 1.0496}),
        ({}, (), {"sl": 1.0500}),
        ({}, (), {"tp": 1.0500}),
        ({"freeze_level": 100}, (), {"market": Market(1.0515, 1.0516)}),
        ({}, (a(ChangeIntended),), {}),
        ({}, (a(ChangeIntended, position=9), a(ChangeUnresolved)), {}),
        ({}, (a(OperatorHalted),), {}),
        ({}, (a(OrderProposed, key=THIRD_KEY, action="close", position=2001),), {}),
        (
            {},
            (a(OrderProposed, key=THIRD_KEY, magic=1), a(OrderIntended, key=THIRD_KEY, magic=1)),
            {},
        ),
    ],
    ids=[
        "the same", "the same on the grid", "stops level", "stop at the market",
        "target at the market", "frozen", "in flight", "in doubt", "switched off", "closing",
        "an order in doubt",
    ],
)  # fmt: skip
def test_nothing_is_wished_that_changes_nothing_or_cannot_be(
    spec: dict[str, Any], given: tuple[Payload, ...], wished: dict[str, Any]
) -> None:
    story = holding().given(a(SymbolSpecified, **spec), *given)
    assert levels(story, **wished) is None


def test_a_change_of_another_position_is_no_obstacle() -> None:
    assert levels(holding().given(a(ChangeIntended, position=9))) is not None
    assert levels(holding().given(a(TradingHalted))) is not None


def working(kind: str = "stop", **changes: Any) -> Story:
    fields = {"type": kind, "price": 1.0531, "sl": 1.0521, "tp": 1.0551, **changes}
    return ready().given(a(OrderProposed, type=kind), a(OrderIntended, **fields), a(OrderAccepted))


def moved(story: Story, **changes: Any) -> Any:
    order, event = story.state.orders.open[KEY], story.events[-1]
    terms = {"price": 1.0531, "limit": 0.0, "sl": 1.0521, "tp": 1.0551, "expiration": 0, **changes}
    draft = modify(
        story.state, event, Keys(event), order, Terms(**terms), market=NOW, reason="follow"
    )
    return draft and draft[0]


def test_a_pending_order_is_moved_with_all_its_terms() -> None:
    wish = moved(working(), price=1.0541, sl=1.0530, expiration=99)
    assert (wish.action, wish.order_key, wish.ticket, wish.position) == ("modify", KEY, 2001, 0)
    assert (wish.price, wish.sl, wish.tp, wish.expiration) == (1.0541, 1.0530, 1.0551, 99)


@pytest.mark.parametrize(
    ("story", "wished"),
    [
        (working(), {}),
        (working(), {"price": 1.0501}),
        (working(), {"sl": 1.06}),
        (working().given(a(SymbolSpecified, freeze_level=400)), {"price": 1.0541}),
        (working().given(a(ChangeIntended, order_key=KEY, position=0)), {"price": 1.0541}),
        (working().given(a(OperatorHalted)), {"price": 1.0541}),
        (holding(), {"price": 1.0541}),
    ],
    ids=[
        "the same",
        "at the market",
        "wrong side",
        "frozen",
        "in flight",
        "switched off",
        "filled",
    ],
)
def test_a_pending_order_is_not_moved_where_it_cannot_be(
    story: Story, wished: dict[str, Any]
) -> None:
    if KEY in story.state.orders.open:
        assert moved(story, **wished) is None
    else:
        order, event = story.state.orders.done[-1], story.events[-1]
        assert changes.cancel(story.state, event, Keys(event), order, "x") is None


# --- an operator's wishes


FLATTEN = a(FlattenRequested)


def test_flatten_closes_every_position_of_ours_and_cancels_every_order() -> None:
    story = two_sides()  # the second is nobody's that we know
    story.given(
        a(OrderProposed, key=OTHER_KEY, magic=5, type="limit"),
        a(OrderIntended, key=OTHER_KEY, magic=5, type="limit"),
        a(OrderAccepted, key=OTHER_KEY, order=2005),
    )
    cancelled, closed = story.when(FLATTEN)
    assert isinstance(cancelled, ChangeIntended)
    assert (cancelled.action, cancelled.ticket) == ("cancel", 2005)
    assert isinstance(closed, OrderProposed)
    assert (closed.action, closed.position, closed.volume) == ("close", 2001, 0.0)
    assert "anna: going to bed" in closed.reason
    held, orders = commands.outstanding(story.state)
    assert [p.identifier for p in held] == [2001]
    assert [o.key for o in orders] == [OTHER_KEY]


@pytest.mark.parametrize(
    ("scope", "count"),
    [
        ({"symbol": SYMBOL}, 1),
        ({"symbol": "GBPUSD"}, 0),
        ({"strategy": "baseline"}, 1),
        ({"strategy": "other"}, 0),
        ({"symbol": SYMBOL, "strategy": "other"}, 0),
    ],
)
def test_flatten_keeps_to_its_symbol_and_its_strategy(scope: dict[str, str], count: int) -> None:
    assert len(holding().when(a(FlattenRequested, **scope))) == count


def test_one_attempt_at_a_time_is_under_way_and_the_next_begins_with_a_later_event() -> None:
    story = holding()
    [wish] = story.when(FLATTEN)
    assert isinstance(wish, OrderProposed)
    (bar,) = bars(1.05)
    assert story.when(bar) == []
    refused = a(OrderVetoed, key=wish.key, rule="quote")
    story.given(refused)
    again = story.when(bars(1.05, start=bar.time + 60)[0])
    assert [type(d) for d in again] == [OrderProposed]
    assert again[0].key != wish.key  # type: ignore[attr-defined] # it is a proposal


def test_a_refusal_itself_leads_to_no_new_attempt_or_a_closed_market_would_be_asked_for_ever() -> (
    None
):
    story = holding()
    [wish] = story.when(FLATTEN)
    assert isinstance(wish, OrderProposed)
    story.given(a(OrderIntended, key=wish.key, action="close", position=2001))
    decisions = story.when(a(BrokerReplied, key=wish.key, retcode=10018, order=0))
    assert [type(d) for d in decisions] == [OrderRefused]


def test_what_is_opened_after_the_wish_is_not_meant_by_it() -> None:
    story = ready().given(FLATTEN)
    story.given(a(OrderProposed), a(OrderIntended), a(OrderAccepted)).given(
        a(DealRecorded), corr=KEY
    )
    assert story.when(bars(1.05)[0]) == []


def test_the_filling_of_an_order_that_the_operator_saw_at_work_is_closed_as_well() -> None:
    story = working().given(FLATTEN)
    closing = story.when(a(DealRecorded), corr=KEY)
    assert [type(d) for d in closing] == [OrderProposed]


def test_a_wish_outlives_the_run_and_waits_until_all_is_known() -> None:
    story = holding().given(FLATTEN, manifest())
    assert story.when(bars(1.05)[0]) == []
    assert [type(d) for d in story.when(a(FeedCaughtUp))] == [OrderProposed]


def test_more_than_one_event_can_bear_are_closed_by_the_next_ones() -> None:
    story = ready()
    for number in range(70):
        key = f"TEST00100000{number:03d}"
        story.given(
            a(OrderProposed, key=key),
            a(OrderIntended, key=key),
            a(OrderAccepted, key=key, order=number + 1),
        ).given(
            a(DealRecorded, ticket=number + 100, order=number + 1, position_id=number + 1), corr=key
        )
    first = story.when(FLATTEN)
    assert len(first) == 63
    (bar,) = bars(1.05)
    second = story.when(bar)
    closed = {d.position for d in (*first, *second) if isinstance(d, OrderProposed)}
    assert closed == set(range(1, 71))


@pytest.mark.parametrize(
    ("scope", "count"),
    [
        ({"order_key": KEY, "symbol": ""}, 1),
        ({"order_key": OTHER_KEY, "symbol": ""}, 0),
        ({"symbol": SYMBOL}, 1),
        ({"symbol": "GBPUSD"}, 0),
        ({"symbol": "", "strategy": "baseline"}, 1),
    ],
)
def test_cancelling_keeps_to_its_scope_and_leaves_positions(
    scope: dict[str, str], count: int
) -> None:
    story = working().given(
        a(OrderProposed, key=OTHER_KEY, magic=5),
        a(OrderIntended, key=OTHER_KEY, magic=5),
        a(OrderAccepted, key=OTHER_KEY, order=9),
    )
    story.given(a(DealRecorded, order=9, position_id=9), corr=OTHER_KEY)
    decided = story.when(a(CancelRequested, **scope))
    assert [type(d) for d in decided] == [ChangeIntended] * count


# --- an operator's word


def test_an_operators_word_settles_what_is_in_doubt() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended), a(OrderUnresolved))
    said = a(OrderResolved, order=2001)
    assert story.when(said) == [OrderAccepted(KEY, 2001, "operator")]
    assert story.when(said) == []


def test_an_operators_denial_refuses_in_his_words() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended), a(OrderUnresolved))
    [refused] = story.when(a(OrderResolved, executed=False))
    assert isinstance(refused, OrderRefused)
    assert (refused.proof, refused.reason) == ("operator", "anna: the broker's desk has it")


@pytest.mark.parametrize(("executed", "kind"), [(True, ChangeApplied), (False, ChangeRefused)])
def test_an_operators_word_settles_a_change(executed: bool, kind: type[Payload]) -> None:
    story = holding().given(a(ChangeIntended), a(ChangeUnresolved))
    decided = story.when(a(OrderResolved, key=OTHER_KEY, executed=executed))
    assert [type(d) for d in decided] == [kind]


def test_a_position_that_only_bears_our_magic_is_not_touched() -> None:
    story = ready().given(a(DealRecorded, comment="", magic=MAGIC))
    assert story.when(FLATTEN) == []
    assert story.when(bars(1.05)[0]) == []
