"""How far prices reach in each step of a market, and where they first leave a guard.

Steps are looked at a block at a time; only where a block's extremes are outside do its steps
themselves count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.terminal.market.base import Guard

Floats = npt.NDArray[np.float64]

#: Steps in a block: about as many as pass between two looks at the market.
BLOCK = 16


class Reach:
    """The extremes of some steps.

    Args:
        lows: the lowest bids of the steps, and the lowest asks.
        highs: the highest bids of the steps, and the highest asks.
    """

    def __init__(self, lows: Floats, highs: Floats) -> None:
        # The steps stay an array: most of them are never looked at one by one, and a list of lists
        # takes longer to make than to read.
        self._steps = np.concatenate((lows, highs)).T
        starts = np.arange(0, lows.shape[1], BLOCK)
        least = np.minimum.reduceat(lows, starts, axis=1)
        most = np.maximum.reduceat(highs, starts, axis=1)
        self._blocks: list[list[float]] = np.concatenate((least, most)).T.tolist()

    def leaves(self, guard: Guard, first: int, end: int) -> int:
        """The first step from `first` up to and without `end` whose prices are not all inside;
        `end` if there is none."""
        while first < end:
            block = first // BLOCK
            block += _outside(self._blocks[block : (end - 1) // BLOCK + 1], guard)
            first, last = max(first, block * BLOCK), min((block + 1) * BLOCK, end)
            if first >= end:
                break
            first += _outside(self._steps[first:last].tolist(), guard)
            if first < last:
                return first
        return end

    def stays(self, guard: Guard, step: int) -> bool:
        """Whether the prices of one step are all inside."""
        return _outside(self._steps[step : step + 1].tolist(), guard) == 1


def _outside(rows: list[list[float]], guard: Guard) -> int:
    """The first of the rows that is not inside a guard; how many there are if all are inside."""
    bid_low, bid_high, ask_low, ask_high = guard
    for place, (bid, ask, bid_most, ask_most) in enumerate(rows):
        if not (bid > bid_low and ask > ask_low and bid_most < bid_high and ask_most < ask_high):
            return place
    return len(rows)
