"""How far prices reach in each step of a market, and where they first leave a guard.

Steps are looked at a block at a time; only where a block's extremes are outside do its steps
themselves count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.terminal.market.base import OPEN, Guard

Floats = npt.NDArray[np.float64]

#: Steps in a block: about as many as pass between two looks at the market.
BLOCK = 16

#: So far ahead is looked at least, for those who ask step by step.
_AHEAD = 4 * BLOCK

# A row is four numbers: lowest bid, lowest ask, highest bid, highest ask. Rows follow each other in
# one flat array or list: thousands of small lists would wake the garbage collector.
_ROW = 4


class Reach:
    """The extremes of some steps.

    Args:
        lows: the lowest bids of the steps, and the lowest asks.
        highs: the highest bids of the steps, and the highest asks.
    """

    def __init__(self, lows: Floats, highs: Floats) -> None:
        starts = np.arange(0, lows.shape[1], BLOCK)
        least = np.minimum.reduceat(lows, starts, axis=1)
        most = np.maximum.reduceat(highs, starts, axis=1)
        self._blocks: list[float] = np.concatenate((least, most)).T.ravel().tolist()
        # Most steps are never looked at one by one: they stay an array.
        self._steps = np.concatenate((lows, highs)).T.ravel()
        self._count = lows.shape[1]
        #: What was found last: the guard, the step looked from, the first step that leaves, and up
        #: to where that is known. A guard is never changed, only replaced: this cannot go stale.
        self._found: tuple[Guard | None, int, int, int] = (None, 0, 0, 0)

    def leaves(self, guard: Guard, first: int, end: int) -> int:
        """The first step from `first` up to and without `end` whose prices are not all inside;
        `end` if there is none."""
        if guard is OPEN:  # as it is for as long as nothing is open
            return end
        known, begin, leaving, looked = self._found
        if guard is not known or not begin <= first <= leaving or end > looked:
            looked = min(max(end, first + _AHEAD), self._count)
            leaving = self._look(guard, first, looked)
            # Behind the first step that leaves, no other can be the first.
            known_to = looked if leaving == looked else self._count
            self._found = guard, first, leaving, known_to
        return leaving if leaving < end else end

    def _look(self, guard: Guard, first: int, end: int) -> int:
        while first < end:
            block = first // BLOCK
            last = (end - 1) // BLOCK + 1
            block += _outside(self._blocks[block * _ROW : last * _ROW], guard)
            first, last = max(first, block * BLOCK), min((block + 1) * BLOCK, end)
            if first >= end:
                break
            first += _outside(self._steps[first * _ROW : last * _ROW].tolist(), guard)
            if first < last:
                return first
        return end


def _outside(rows: list[float], guard: Guard) -> int:
    """The first of the rows that is not inside a guard; how many there are if all are inside."""
    bid_low, bid_high, ask_low, ask_high = guard
    for place in range(0, len(rows), _ROW):
        if not (
            rows[place] > bid_low
            and rows[place + 1] > ask_low
            and rows[place + 2] < bid_high
            and rows[place + 3] < ask_high
        ):
            return place // _ROW
    return len(rows) // _ROW
