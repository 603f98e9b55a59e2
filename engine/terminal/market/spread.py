"""How far the ask lies above the bid, by the profile's rule. Pure functions of data and rule."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.terminal.market.base import Table
from engine.terminal.profile import Symbol

Floats = npt.NDArray[np.float64]

_DAY = 86_400


def spread_of_bars(table: Table, symbol: Symbol) -> Floats:
    """The spread of each bar, in price."""
    points = spread_points(table["time"], table["spread"].astype(np.float64), symbol)
    return points * symbol.point


def spread_points(times: npt.NDArray[np.int64], data: Floats, symbol: Symbol) -> Floats:
    """The spread at some server seconds, in points; `data` is what the market data say."""
    rule = symbol.spread
    if rule.model == "fixed":
        return np.full(len(times), rule.points)
    if rule.model == "modelled":
        return np.maximum(np.round(rule.points * _of_day(times)), rule.minimum)
    return np.maximum(data, rule.minimum)


def _of_day(times: npt.NDArray[np.int64]) -> Floats:
    """A factor of 3 at the server's midnight that falls to 1 within an hour before and after."""
    into = times % _DAY
    distance = np.minimum(into, _DAY - into) / 3600.0
    factor: Floats = 1.0 + 2.0 * np.clip(1.0 - distance, 0.0, 1.0)
    return factor
