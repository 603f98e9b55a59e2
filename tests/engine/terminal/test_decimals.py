"""Rounding to decimals gives what Python's own gives, whatever the number."""

from __future__ import annotations

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.terminal.decimals import rounded

digits = st.integers(0, 8)
integers = st.integers(-(10**13), 10**13)


@given(value=st.floats(), places=digits)
@example(value=-0.0, places=2)
@example(value=-0.001, places=2)
@example(value=math.nan, places=2)
@example(value=-math.inf, places=0)
@example(value=1.7e308, places=8)
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_any_float_becomes_what_round_makes_of_it(value: float, places: int) -> None:
    assert repr(rounded(value, places)) == repr(round(value, places))


@given(count=integers, places=digits, more=st.integers(0, 3), ulps=st.integers(-2, 2))
@settings(max_examples=2000, deadline=None, derandomize=True)
def test_a_number_in_the_middle_between_two_decimals_or_beside_it_is_none_too_hard(
    count: int, places: int, more: int, ulps: int
) -> None:
    value = float(f"{count}5e-{places + more}")
    for _ in range(abs(ulps)):
        value = math.nextafter(value, math.copysign(math.inf, ulps))
    assert repr(rounded(value, places)) == repr(round(value, places))


@given(one=integers, two=integers, lots=st.integers(1, 10_000), places=digits)
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_what_a_move_in_price_is_worth_is_rounded_as_ever(
    one: int, two: int, lots: int, places: int
) -> None:
    worth = (one / 10**places - two / 10**places) * (lots / 100) * 100_000.0
    assert repr(rounded(worth, 2)) == repr(round(worth, 2))
