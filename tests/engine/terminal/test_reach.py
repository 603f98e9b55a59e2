"""How far steps reach: where they leave a guard, found by blocks, is where each by itself says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.terminal.market.base import OPEN, Guard
from engine.terminal.market.reach import BLOCK, Reach

COUNT = 9 * BLOCK + 5  # the last block is not full
places = st.integers(0, COUNT)


# Often exactly as far as a step reaches, which is no longer inside.
limits = st.sampled_from([0.5, 1.0, 2.0, 3.0])
guards = st.builds(lambda *far: Guard(-far[0], far[1], -far[2], far[3]), *[limits] * 4)


@given(
    seed=st.integers(0, 1000),
    two=st.tuples(guards, guards),
    questions=st.lists(st.tuples(st.booleans(), places, places), min_size=1, max_size=12),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_the_first_step_that_leaves_a_guard_is_the_one_that_each_by_itself_says(
    seed: int, two: tuple[Guard, Guard], questions: list[tuple[bool, int, int]]
) -> None:
    draw = np.random.default_rng(seed)
    lows = draw.choice([-3.0, -2.0, -1.0, -0.25], (2, COUNT), p=[0.002, 0.004, 0.004, 0.99])
    highs = draw.choice([3.0, 2.0, 1.0, 0.25], (2, COUNT), p=[0.002, 0.004, 0.004, 0.99])
    reach = Reach(lows, highs)
    for which, one, other in questions:  # in any order, as nobody asks
        guard, first, end = two[which], min(one, other), max(one, other)
        leaving = [
            step
            for step in range(first, end)
            if not (guard.holds(*lows[:, step]) and guard.holds(*highs[:, step]))
        ]
        assert reach.leaves(guard, first, end) == (leaving[0] if leaving else end)


def test_no_step_leaves_a_guard_that_is_open_and_every_step_one_that_is_shut() -> None:
    lows, highs = np.zeros((2, COUNT)), np.ones((2, COUNT))
    reach = Reach(lows, highs)
    assert reach.leaves(OPEN, 3, COUNT) == COUNT
    assert reach.leaves(Guard(0.0, 0.0, 0.0, 0.0), 3, COUNT) == 3
    # A symbol without a bar in a step reaches nowhere.
    assert Reach(lows + np.inf, highs - np.inf).leaves(Guard(0.0, 0.0, 0.0, 0.0), 3, 9) == 9
