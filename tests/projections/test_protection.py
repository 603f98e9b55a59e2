"""What protection remembers: given events, then this of a position."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.execution.protection.rules import TrailR
from journal.events import (
    BarClosed,
    ChangeIntended,
    ChangeRefused,
    DealRecorded,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    PositionAdjusted,
    PriceSeen,
    QuoteObserved,
    SymbolSpecified,
)
from projections.protection import WAIT_MS, Protection, Track, waits
from tests.given import CONFIG, KEY, OTHER_KEY, SYMBOL, T0, Story, a, manifest

POSITION = 2001
BUY, SELL = 0, 1
IN, OUT, INOUT = 0, 1, 2


def story() -> Story:
    """A run that protects something; its configuration is only looked at for that."""
    told = Story()
    told.kernel.state.protection.on = True
    return told.given(a(SymbolSpecified))


def deal(ticket: int = 1001, **changes: Any) -> DealRecorded:
    return a(DealRecorded, ticket=ticket, **changes)


def opened(**intent: Any) -> Story:
    """One lot bought at 1.0501 with its stop at 1.0491."""
    return ordered(story(), KEY, 2001, **intent).given(deal(), corr=KEY)


def ordered(told: Story, key: str, ticket: int, **intent: Any) -> Story:
    told.given(a(OrderProposed, key=key), a(OrderIntended, key=key, **intent))
    return told.given(a(OrderAccepted, key=key, order=ticket))


def protection(told: Story) -> Protection:
    return told.state.protection


def track(told: Story) -> Track:
    return protection(told).tracks[POSITION]


def test_whether_anything_is_protected_is_read_from_the_manifest() -> None:
    told = Story().given(manifest())
    assert not protection(told).on
    strategy = msgspec.structs.replace(CONFIG.strategies[0], protection=[TrailR()])
    config = msgspec.structs.replace(CONFIG, strategies=[CONFIG.strategies[0], strategy])
    assert protection(told.given(manifest(config))).on


def test_a_position_begins_with_the_stop_of_its_order_and_its_own_price() -> None:
    one = track(opened())
    assert (one.stop, one.opened, one.best, one.opened_msc) == (
        1.0491,
        1.0,
        1.0501,
        deal().time_msc,
    )


def test_several_fills_of_one_order_are_one_opening() -> None:
    told = ordered(story(), KEY, 2001)
    told.given(deal(1001, volume=0.4), deal(1002, volume=0.6, price=1.0502), corr=KEY)
    one = track(told)
    assert (one.opened, one.stops) == (1.0, {KEY: 1.0491})
    assert one.stop == pytest.approx(1.0491)


def test_what_is_added_weighs_in_the_stop_by_its_volume() -> None:
    told = ordered(opened(), OTHER_KEY, 2002, sl=1.0511)
    told.given(deal(1002, order=2002, volume=3.0, price=1.0521, comment=OTHER_KEY), corr=OTHER_KEY)
    one = track(told)
    assert one.opened == 4.0
    assert one.stop == pytest.approx((1.0491 + 3 * 1.0511) / 4)
    assert sorted(one.stops) == sorted([KEY, OTHER_KEY])


def test_a_part_that_is_closed_leaves_what_was_opened_as_it_was() -> None:
    told = opened().given(deal(1002, type=SELL, entry=OUT, volume=0.6), corr=KEY)
    assert track(told).opened == 1.0


def test_a_closed_position_is_forgotten_and_its_prices_with_it() -> None:
    told = opened().given(a(PriceSeen))
    assert SYMBOL in protection(told).prices
    told.given(deal(1002, type=SELL, entry=OUT), corr=KEY)
    assert (protection(told).tracks, protection(told).prices) == ({}, {})


def test_a_reversal_begins_anew() -> None:
    told = ordered(opened(), OTHER_KEY, 2002, side="sell", sl=1.0531)
    told.given(
        deal(1002, order=2002, type=SELL, entry=INOUT, volume=3.0, price=1.0521, comment=OTHER_KEY),
        corr=OTHER_KEY,
    )
    one = track(told)
    assert (one.stop, one.opened, one.best) == (1.0531, 2.0, 1.0521)
    assert told.state.positions.open[POSITION].side == -1


def test_a_swap_by_reopening_keeps_the_distance_to_the_stop_and_the_best_price() -> None:
    told = opened().given(a(PriceSeen, bid=1.06, ask=1.0601))
    told.given(deal(1002, type=SELL, entry=OUT, reason=7, price=1.0550), corr=KEY)
    told.given(deal(1003, order=2003, reason=7, price=1.0548), corr=KEY)
    one = track(told)
    assert told.state.positions.open[POSITION].price == 1.0548
    assert one.stop == pytest.approx(1.0538)
    assert (one.best, one.opened) == (1.06, 1.0)


def test_a_long_position_is_followed_by_highs_and_a_short_one_by_lows_and_the_spread() -> None:
    bar = a(BarClosed, time=T0 + 120, low=1.04, high=1.06, close=1.05, spread=20)
    assert track(opened().given(bar)).best == 1.06
    told = ordered(story(), KEY, 2001, side="sell")
    told.given(deal(type=SELL), corr=KEY).given(bar)
    assert track(told).best == pytest.approx(1.0402)


def test_a_bar_is_given_the_spread_of_the_newest_tick_where_that_was_wider() -> None:
    bar = a(BarClosed, time=T0 + 120, low=1.04, high=1.06, close=1.05, spread=20)
    wide, narrow = a(QuoteObserved, bid=1.05, ask=1.0505), a(QuoteObserved, bid=1.05, ask=1.0501)
    for quote, ask in ((wide, 1.0505), (narrow, 1.0502)):
        told = opened().given(quote, bar)
        assert protection(told).prices[SYMBOL].ask == pytest.approx(ask)


def test_of_the_bar_of_its_opening_a_position_takes_the_close_only() -> None:
    bar = a(BarClosed, time=T0 + 60, low=1.04, high=1.06, close=1.0505, spread=20)
    assert track(opened().given(bar)).best == 1.0505


def test_other_symbols_are_not_its_own() -> None:
    told = opened().given(a(BarClosed, symbol="GBPUSD", time=T0 + 120, high=2.0, close=1.3))
    told.given(a(PriceSeen, symbol="GBPUSD", bid=3.0, ask=3.0))
    assert track(told).best == 1.0501


def test_the_first_stop_known_of_a_position_that_others_opened_is_its_first_stop() -> None:
    told = story().given(deal(magic=0, comment=""))
    assert track(told).stop == 0.0
    told.given(a(PositionAdjusted, sl=1.04), a(PositionAdjusted, sl=1.049))
    assert track(told).stop == 1.04


def test_what_never_opens_anything_leaves_nothing_behind() -> None:
    told = story().given(a(OrderProposed), a(OrderIntended), a(OrderRefused))
    ordered(told, OTHER_KEY, 2002).given(a(OrderFinished, key=OTHER_KEY, order=2002, filled=0.0))
    assert protection(told).stops == {}


def test_the_wait_after_refusals_doubles_to_its_longest_and_an_agreement_ends_it() -> None:
    told = opened()
    one = track(told)
    for index in range(12):
        key = f"{OTHER_KEY[:-1]}{index:X}"
        told.given(a(ChangeIntended, key=key), a(ChangeRefused, key=key))
        wait = one.wait_msc - one.opened_msc
        assert wait == min(WAIT_MS[0] * 2**index, WAIT_MS[1])
        assert waits(one, one.opened_msc)
        assert not waits(one, one.opened_msc + wait)
    told.given(a(OrderProposed, key="CLOSE", action="close", position=POSITION))
    told.given(a(OrderIntended, key="CLOSE", action="close", position=POSITION))
    told.given(a(OrderAccepted, key="CLOSE", order=2009))
    assert one.refusals == 12, "nothing is closed yet"
    told.given(deal(1009, order=2009, type=SELL, entry=OUT, volume=0.1), corr="CLOSE")
    assert (one.refusals, one.wait_msc) == (0, 0)
    assert protection(told).asked == {}


def test_a_close_that_the_broker_ended_unfilled_counts_as_refused() -> None:
    told = opened().given(a(OrderProposed, key="CLOSE", action="close", position=POSITION))
    told.given(a(OrderIntended, key="CLOSE", action="close", position=POSITION))
    told.given(a(OrderAccepted, key="CLOSE", order=2009))
    told.given(a(OrderFinished, key="CLOSE", order=2009, state=2, filled=0.0))
    assert track(told).refusals == 1


def test_with_its_position_all_that_was_asked_for_it_is_forgotten() -> None:
    told = opened().given(a(ChangeIntended), a(OrderProposed, key="X", action="close", position=9))
    told.given(deal(1002, type=SELL, entry=OUT, reason=4), corr=KEY)
    assert protection(told).asked == {"X": 9}
