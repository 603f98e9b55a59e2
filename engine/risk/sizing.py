"""How many lots: so many that the stop costs the chosen part of equity, within what symbol and
margin allow."""

from __future__ import annotations

import math

import msgspec

STEP_TOLERANCE = 1e-6
"""Parts of a step by which a volume may fall short of a multiple through rounding alone and still
count."""

VOLUME_DECIMALS = 8
"""Decimal places that MT5 keeps of a volume; a step is never finer."""


class Constraints(msgspec.Struct, frozen=True):
    """A symbol's volume rules, lots."""

    minimum: float
    maximum: float
    step: float


class Sizing(msgspec.Struct, frozen=True):
    """The result: `volume` in lots and the `risk` it takes in account currency; 0 and why when it
    cannot be."""

    volume: float
    risk: float
    problem: str = ""


def round_down(volume: float, step: float) -> float:
    """Return the largest multiple of `step` not above `volume`, without binary dust (0.3, never
    0.30000000000000004).

    Never up: a rounded-up volume risks more than was allowed.
    """
    steps = math.floor(volume / step + STEP_TOLERANCE)
    per_lot = _STEPS_PER_LOT.get(step)
    return steps / per_lot if per_lot else round(steps * step, VOLUME_DECIMALS)


_STEPS_PER_LOT = {1.0 / 10.0**digits: 10.0**digits for digits in range(VOLUME_DECIMALS + 1)}
"""Of the steps that nearly all symbols have: whole steps by a whole number are the nearest float at
once, and in a third of the time."""


def position_size(
    *,
    budget: float,
    loss_per_lot: float,
    margin_budget: float,
    margin_per_lot: float,
    constraints: Constraints,
) -> Sizing:
    """Return the volume whose loss at the stop is at most `budget`.

    budget         account currency that may be lost
    loss_per_lot   account currency that one lot loses between entry and stop
    margin_budget  account currency that may be bound; ignored when `margin_per_lot` is 0 (unknown)
    """
    if not (budget > 0.0 and loss_per_lot > 0.0):
        return Sizing(
            0.0, 0.0, f"nothing to risk: budget {budget:.2f}, loss per lot {loss_per_lot:.2f}"
        )
    wanted = budget / loss_per_lot
    if margin_per_lot > 0.0:
        wanted = min(wanted, margin_budget / margin_per_lot)
    volume = round_down(min(wanted, constraints.maximum), constraints.step)
    if volume < constraints.minimum:
        return Sizing(
            0.0,
            0.0,
            f"the budget allows {max(wanted, 0.0):.4f} lots, the symbol's minimum is "
            f"{constraints.minimum:g}",
        )
    return Sizing(volume, volume * loss_per_lot)
