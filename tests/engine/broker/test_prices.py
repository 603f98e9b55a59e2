"""Prices lie on the tick grid, and stops where the broker measures them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker.prices import round_to_tick, stops_problem
from journal.events import QuoteObserved, SymbolSpecified
from tests.given import a

GRIDS = {
    (0.00001, 5): "five digits",
    (0.0001, 4): "four digits",
    (0.00000001, 8): "eight digits",
    (0.001, 3): "yen",
    (0.01, 2): "gold",
    (0.25, 2): "index future",
    (0.5, 1): "half points",
    (1.0, 0): "whole points",
    (0.00005, 5): "every fifth point",
}


@given(st.sampled_from(list(GRIDS)), st.integers(1, 5_000_000), st.floats(-0.49, 0.49))
def test_a_price_is_rounded_to_the_nearest_tick_without_dust(
    grid: tuple[float, int], ticks: int, off: float
) -> None:
    tick, digits = grid
    spec = a(SymbolSpecified, tick_size=tick, digits=digits)
    exact = float(Decimal(repr(tick)) * ticks)
    assert round_to_tick((ticks + off) * tick, spec) == exact
    assert round_to_tick(exact, spec) == exact


@given(st.integers(0, 8), st.integers(-(10**14), 10**14))
def test_on_a_decimal_grid_the_price_is_the_float_that_rounding_to_digits_gives(
    digits: int, ticks: int
) -> None:
    tick = float(f"1e-{digits}")
    spec = a(SymbolSpecified, tick_size=tick, digits=digits)
    assert round_to_tick(ticks * tick, spec) == round(ticks * tick, digits)


def test_a_symbol_that_shows_fewer_digits_than_its_ticks_have_is_rounded_to_them() -> None:
    assert round_to_tick(1.23456, a(SymbolSpecified, tick_size=0.00001, digits=3)) == 1.235


QUOTE = a(QuoteObserved, bid=1.05, ask=1.0502)


@pytest.mark.parametrize(
    ("side", "level", "sl", "tp", "fits"),
    [
        # A buy is closed at Bid 1.0500: 10 points are needed below and above that.
        ("buy", 10, 1.0499, 1.0501, True),
        ("buy", 10, 1.04991, 1.0501, False),
        ("buy", 10, 1.0499, 1.05009, False),
        # A sell is closed at Ask 1.0502.
        ("sell", 10, 1.0503, 1.0501, True),
        ("sell", 10, 1.05029, 1.0501, False),
        ("sell", 10, 1.0503, 1.05011, False),
        # A level of zero still wants the right side.
        ("buy", 0, 1.04999, 1.05001, True),
        ("buy", 0, 1.05, 1.05001, False),
        ("buy", 0, 1.04999, 1.05, False),
        ("sell", 0, 1.05021, 1.05019, True),
        ("sell", 0, 1.0502, 1.05019, False),
        ("sell", 0, 1.05021, 1.0502, False),
        # A stop inside the spread of a buy is above Bid: the broker would close at once.
        ("buy", 0, 1.0501, 1.06, False),
    ],
)
def test_levels_are_measured_from_the_price_that_triggers_them(
    side: str, level: int, sl: float, tp: float, fits: bool
) -> None:
    spec = a(SymbolSpecified, stops_level=level)
    assert (stops_problem(side, QUOTE, sl, tp, spec) == "") is fits


def test_a_problem_says_the_level_the_distance_and_what_is_needed() -> None:
    spec = a(SymbolSpecified, stops_level=30)
    assert stops_problem("buy", QUOTE, 1.0498, 1.06, spec) == (
        "stop 1.0498 is 20 points from Bid 1.05, at least 30 are needed"
    )
    assert stops_problem("sell", QUOTE, 1.06, 1.05, spec) == (
        "target 1.05 is 20 points from Ask 1.0502, at least 30 are needed"
    )


@given(st.integers(0, 200), st.integers(-300, 300), st.sampled_from(["buy", "sell"]))
def test_exactly_the_stops_level_is_allowed_and_a_point_less_is_not(
    level: int, points: int, side: str
) -> None:
    spec = a(SymbolSpecified, stops_level=level)
    market = 1.05 if side == "buy" else 1.0502
    sign = 1 if side == "buy" else -1
    sl = round(market - sign * points * 0.00001, 5)
    tp = round(market + sign * 0.01, 5)
    problem = stops_problem(side, QUOTE, sl, tp, spec)
    assert (problem == "") is (points >= max(level, 1))
