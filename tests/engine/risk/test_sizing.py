"""A position's size never risks or binds more than was allowed, and the symbol admits it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.risk.sizing import STEP_TOLERANCE, Constraints, position_size, round_down

STEPS = (0.01, 0.1, 1.0, 0.001, 0.25, 0.05, 0.03125, 0.0001, 10.0, 1e-8)
step = st.sampled_from(STEPS)
money = st.floats(0.01, 1e7)


@st.composite
def constraints(draw: st.DrawFn) -> Constraints:
    size = draw(step)
    least = draw(st.integers(1, 100))
    most = draw(st.integers(least, 100_000))
    return Constraints(round(least * size, 8), round(most * size, 8), size)


@given(constraints(), money, st.floats(0.001, 1e6), money, st.floats(0.0, 1e6))
def test_the_stop_never_costs_more_than_the_budget(
    rules: Constraints, budget: float, loss: float, margin: float, per_lot: float
) -> None:
    sizing = position_size(
        budget=budget,
        loss_per_lot=loss,
        margin_budget=margin,
        margin_per_lot=per_lot,
        constraints=rules,
    )
    dust = rules.step * STEP_TOLERANCE  # what rounding in binary may have taken from a whole step
    assert sizing.volume * loss <= budget + dust * loss
    assert sizing.volume * per_lot <= margin + dust * per_lot
    assert sizing.risk == sizing.volume * loss


@given(constraints(), money, st.floats(0.001, 1e6))
def test_a_volume_is_a_multiple_of_the_step_within_minimum_and_maximum(
    rules: Constraints, budget: float, loss: float
) -> None:
    sizing = position_size(
        budget=budget, loss_per_lot=loss, margin_budget=0.0, margin_per_lot=0.0, constraints=rules
    )
    if sizing.problem:
        assert sizing.volume == sizing.risk == 0.0
        assert budget / loss < rules.minimum
    else:
        assert rules.minimum <= sizing.volume <= rules.maximum
        assert Decimal(repr(sizing.volume)) % Decimal(repr(rules.step)) == 0


@given(constraints(), money, st.floats(0.001, 1e6))
def test_one_step_more_would_be_too_much(rules: Constraints, budget: float, loss: float) -> None:
    sizing = position_size(
        budget=budget, loss_per_lot=loss, margin_budget=0.0, margin_per_lot=0.0, constraints=rules
    )
    if not sizing.problem and sizing.volume < rules.maximum:
        assert (sizing.volume + rules.step) * loss > budget


@given(step, st.integers(0, 1_000_000), st.floats(0.0, 1.0))
def test_rounding_down_gives_the_multiple_below_and_never_the_one_above(
    size: float, steps: int, part: float
) -> None:
    volume = (steps + part) * size
    rounded = round_down(volume, size)
    assert rounded <= volume + size * STEP_TOLERANCE * 1.01
    assert rounded > volume - size * 1.01


@given(step, st.integers(0, 1_000_000))
def test_a_multiple_of_the_step_stays_itself_without_binary_dust(size: float, steps: int) -> None:
    exact = float(Decimal(repr(size)) * steps)
    assert round_down(steps * size, size) == exact
    assert round_down(exact, size) == exact


def test_dust_neither_costs_a_step_nor_shows() -> None:
    assert 0.1 + 0.2 > 0.3
    assert round_down(0.1 + 0.2, 0.1) == 0.3
    assert 0.57 * 100 < 57.0
    assert round_down(0.57, 0.01) == 0.57


RULES = Constraints(0.01, 50.0, 0.01)


def size(**changes: float) -> tuple[float, str]:
    known: dict[str, float] = {
        "budget": 100.0,
        "loss_per_lot": 100.0,
        "margin_budget": 1e6,
        "margin_per_lot": 1000.0,
        **changes,
    }
    sizing = position_size(**known, constraints=RULES)
    return sizing.volume, sizing.problem


def test_the_tighter_of_loss_and_margin_decides() -> None:
    assert size() == (1.0, "")
    assert size(margin_budget=500.0) == (0.5, "")


def test_an_unknown_margin_does_not_bind() -> None:
    assert size(margin_budget=0.0, margin_per_lot=0.0) == (1.0, "")


def test_the_symbols_maximum_caps_the_volume() -> None:
    assert size(budget=1e9, margin_budget=1e12) == (50.0, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": 0.0},
        {"budget": -1.0},
        {"budget": float("nan")},
        {"loss_per_lot": 0.0},
        {"loss_per_lot": -1.0},
        {"loss_per_lot": float("nan")},
        {"budget": 0.99, "loss_per_lot": 100.0},
        {"margin_budget": 9.0},
        {"margin_budget": -100.0},
    ],
    ids=lambda changes: " ".join(f"{k}={v}" for k, v in changes.items()),
)
def test_what_cannot_be_sized_is_zero_lots_and_says_why(changes: dict[str, float]) -> None:
    volume, problem = size(**changes)
    assert volume == 0.0
    assert problem
