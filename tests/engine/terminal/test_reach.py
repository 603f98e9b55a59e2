"""How far steps reach: where they leave a guard, found by blocks, is where each by itself says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.terminal.market.base import OPEN, Guard
from engine.terminal.market.reach import BLOCK, Reach

COUNT = 4 * BLOCK + 5  # the last block is not full
places = st.integers(0, COUNT)


@given(
    seed=st.integers(0, 1000),
    limits=st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 3.0])] * 4),
    stretch=st.tuples(places, places).map(sorted),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_the_first_step_that_leaves_a_guard_is_the_one_that_each_by_itself_says(
    seed: int, limits: tuple[float, ...], stretch: list[int]
) -> None:
    # Often exactly at the guard, which is no longer inside.
    draw = np.random.default_rng(seed)
    lows = draw.choice([-3.0, -2.0, -1.0, -0.25], (2, COUNT), p=[0.02, 0.03, 0.05, 0.9])
    highs = draw.choice([3.0, 2.0, 1.0, 0.25], (2, COUNT), p=[0.02, 0.03, 0.05, 0.9])
    bid_low, bid_high, ask_low, ask_high = limits
    guard = Guard(-bid_low, bid_high, -ask_low, ask_high)
    first, end = stretch

    leaving = [
        step
        for step in range(first, end)
        if not (guard.holds(*lows[:, step]) and guard.holds(*highs[:, step]))
    ]

    assert Reach(lows, highs).leaves(guard, first, end) == (leaving[0] if leaving else end)


def test_no_step_leaves_a_guard_that_is_open_and_every_step_one_that_is_shut() -> None:
    lows, highs = np.zeros((2, COUNT)), np.ones((2, COUNT))
    reach = Reach(lows, highs)
    assert reach.leaves(OPEN, 3, COUNT) == COUNT
    assert reach.leaves(Guard(0.0, 0.0, 0.0, 0.0), 3, COUNT) == 3
    # A symbol without a bar in a step reaches nowhere.
    assert Reach(lows + np.inf, highs - np.inf).leaves(Guard(0.0, 0.0, 0.0, 0.0), 3, 9) == 9
