"""The way a price takes inside a one-minute bar, as MetaTrader's strategy tester draws it.

Pure functions of a bar. They give the points after the open; the open itself is a tick of its own.
"""

from __future__ import annotations

from typing import Literal

Model = Literal["open", "ohlc", "ticks"]

#: When the second, third and last price of a bar are quoted, in milliseconds after its opening.
OHLC_TIMES = (20_000, 40_000, 59_000)
_SECOND, _THIRD, _LAST = OHLC_TIMES


def corners(open_: float, high: float, low: float, close: float) -> tuple[float, float, float]:
    """The prices after the open: a rising bar visits its low first, a falling one its high.

    Source: MQL5 "Algorithm of tick generation within the terminal strategy tester". A bar that
    closes where it opened counts as rising.
    """
    return (low, high, close) if close >= open_ else (high, low, close)


def ohlc_path(open_: float, high: float, low: float, close: float) -> tuple[tuple[int, float], ...]:
    """(milliseconds after the opening, price) of the "1 minute OHLC" model."""
    second, third, last = corners(open_, high, low, close)
    return (_SECOND, second), (_THIRD, third), (_LAST, last)


def generated_path(
    open_: float, high: float, low: float, close: float, ticks: int, tick_size: float
) -> tuple[tuple[int, float], ...]:
    """The "every tick" model: the corners, with `ticks` prices spread evenly over the way.

    A bar of fewer than four ticks has only its corners, as in the tester. Every generated price
    lies on the tick grid between two corners, and no corner is left out.
    """
    way = ohlc_path(open_, high, low, close)
    extra = ticks - 4
    if extra <= 0:
        return way
    points: list[tuple[int, float]] = []
    before_time, before = 0, open_
    for leg, (time, price) in enumerate(way):
        count = extra // 3 + (1 if leg < extra % 3 else 0)
        for number in range(1, count + 1):
            share = number / (count + 1)
            drawn = before + (price - before) * share
            grid = round(drawn / tick_size) * tick_size
            inside = min(max(grid, min(before, price)), max(before, price))
            points.append((before_time + int((time - before_time) * share), inside))
        points.append((time, price))
        before_time, before = time, price
    return tuple(points)
