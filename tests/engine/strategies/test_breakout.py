"""The breakout lays one order when the close comes into a zone, beyond the edge and on its side."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategies.base import Proposal
from engine.strategies.breakout import Breakout, BreakoutConfig
from journal.events import BarClosed
from tests.given import MAGIC, SYMBOL, a, bars


def of(**settings: Any) -> Breakout:
    known = {"channel": 4, "atr_period": 2, "offset_atr": 1.0, "lifetime_s": 600, **settings}
    return Breakout.of(BreakoutConfig(name="out", magic=MAGIC, symbol=SYMBOL, **known))


def told(strategy: Breakout, *bars: BarClosed) -> Breakout:
    for bar in bars:
        strategy.update(bar)
    return strategy


WIDE = [
    a(BarClosed, high=1.2, low=1.0, close=1.1),
    *bars(1.1, 1.1, 1.1),
]
"""A channel from 1.0 to 1.2 with the price in its middle."""

UP, DOWN = bars(1.19)[0], bars(1.01)[0]


def spoke(bar: BarClosed, **settings: Any) -> tuple[Breakout, Proposal]:
    strategy = told(of(channel=5, **settings), *WIDE, bar)
    wish = strategy.propose()
    assert wish is not None
    return strategy, wish


def test_a_close_in_the_middle_of_the_channel_asks_for_nothing() -> None:
    assert told(of(), *WIDE).propose() is None


@pytest.mark.parametrize(
    ("entry", "bar", "side", "sign"),
    [
        ("stop", UP, "buy", 1),
        ("stop", DOWN, "sell", -1),
        ("stop limit", UP, "buy", 1),
        ("stop limit", DOWN, "sell", -1),
        ("limit", UP, "sell", 1),
        ("limit", DOWN, "buy", -1),
    ],
)
def test_the_order_lies_beyond_the_edge_on_the_side_that_the_entry_says(
    entry: str, bar: BarClosed, side: str, sign: int
) -> None:
    strategy, wish = spoke(bar, entry=entry)
    edge = 1.2 if sign > 0 else 1.0
    atr = strategy.atr.value
    assert (wish.type, wish.side, wish.lifetime_s) == (entry, side, 600)
    assert wish.price == pytest.approx(edge + sign * atr)
    assert wish.stop_distance == pytest.approx(2.0 * atr)
    assert wish.target_distance == pytest.approx(4.0 * atr)
    if entry == "stop limit":
        assert wish.limit == pytest.approx(wish.price - sign * 0.5 * atr)
    else:
        assert wish.limit == 0.0


def test_it_speaks_when_the_close_comes_into_the_zone_and_not_while_it_stays() -> None:
    strategy, _ = spoke(UP)
    assert told(strategy, UP).propose() is None
    middle = a(BarClosed, high=1.2, low=1.0, close=1.1)
    assert told(strategy, middle).propose() is None
    assert told(strategy, UP).propose() is not None


def test_without_a_whole_channel_it_says_nothing() -> None:
    assert told(of(channel=9), *WIDE, UP).propose() is None


def test_a_market_that_never_moved_has_no_zone() -> None:
    still = [a(BarClosed, open=1.1, high=1.1, low=1.1, close=1.1) for _ in range(9)]
    assert told(of(), *still).propose() is None


prices = st.lists(st.integers(10_900, 11_100).map(lambda n: n / 10_000), min_size=60, max_size=90)


@given(prices)
def test_one_built_afresh_from_its_warmup_decides_like_one_that_has_always_run(
    closes: list[float],
) -> None:
    rows = bars(*closes)
    old = told(of(), *rows)
    new = told(of(), *rows[-old.warmup :])
    assert (new.zone, new.came) == (old.zone, old.came)
    assert new.channel.high == old.channel.high
    was, now = old.propose(), new.propose()
    assert (was is None) == (now is None)
    if was is not None and now is not None:
        assert (now.side, now.type) == (was.side, was.type)
        assert now.price == pytest.approx(was.price, rel=1e-4)
