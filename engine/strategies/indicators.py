"""Indicators that are told one value at a time and remember only what they need.

One implementation for live, replay and backtest. Each agrees with TA-Lib (the tests' oracle) from
its first value on. They are Structs of plain values, so a snapshot holds them for the asking.
`value` is meaningless until `ready`.
"""

from __future__ import annotations

import msgspec

SETTLED = 10
"""Periods after which Wilder's smoothing has forgotten its beginning."""


class SimpleAverage(msgspec.Struct):
    """Arithmetic mean of the last `period` values.

    window  those values, as a ring; `at` is the place of the oldest
    """

    period: int
    window: list[float] = []
    at: int = 0
    total: float = 0.0
    value: float = 0.0
    ready: bool = False

    def update(self, value: float) -> None:
        """Take in the next value."""
        window, at = self.window, self.at
        if not self.ready:
            self.total += value
            window.append(value)
            if len(window) < self.period:
                return
            self.ready = True
        else:
            self.total += value - window[at]
            window[at] = value
            self.at = at + 1 if at + 1 < self.period else 0
        self.value = self.total / self.period


class RelativeStrength(msgspec.Struct):
    """Wilder's RSI, 0 to 100 (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

    0 where there was neither gain nor loss, as TA-Lib has it.
    """

    period: int
    count: int = -1
    last: float = 0.0
    gain: float = 0.0
    loss: float = 0.0
    value: float = 0.0
    ready: bool = False

    def update(self, value: float) -> None:
        """Take in the next value."""
        change = value - self.last
        self.last = value
        self.count += 1
        if self.count == 0:
            return
        gain = change if change > 0.0 else 0.0
        loss = -change if change < 0.0 else 0.0
        period = self.period
        if self.ready:
            self.gain = gain = (self.gain * (period - 1) + gain) / period
            self.loss = loss = (self.loss * (period - 1) + loss) / period
        else:
            self.gain += gain
            self.loss += loss
            if self.count < period:
                return
            self.gain = gain = self.gain / period
            self.loss = loss = self.loss / period
            self.ready = True
        total = gain + loss
        self.value = 100.0 * gain / total if total > 0.0 else 0.0


class AverageTrueRange(msgspec.Struct):
    """Wilder's ATR in price units (same source): the smoothed mean of the true range."""

    period: int
    count: int = -1
    close: float = 0.0
    value: float = 0.0
    ready: bool = False

    def update(self, high: float, low: float, close: float) -> None:
        """Take in the next bar."""
        last = self.close
        self.close = close
        self.count += 1
        if self.count == 0:
            return
        true_range = (high if high > last else last) - (low if low < last else last)
        period = self.period
        if self.ready:
            self.value = (self.value * (period - 1) + true_range) / period
            return
        self.value += true_range
        if self.count == period:
            self.value /= period
            self.ready = True


class Channel(msgspec.Struct):
    """Highest high and lowest low of the last `period` bars, price units.

    highs, lows  of those bars, as rings; `at` is the place of the oldest
    """

    period: int
    highs: list[float] = []
    lows: list[float] = []
    at: int = 0
    high: float = 0.0
    low: float = 0.0
    ready: bool = False

    def update(self, high: float, low: float) -> None:
        """Take in the next bar."""
        if len(self.highs) < self.period:
            self.highs.append(high)
            self.lows.append(low)
            self.ready = len(self.highs) == self.period
        else:
            self.highs[self.at], self.lows[self.at] = high, low
            self.at = self.at + 1 if self.at + 1 < self.period else 0
        self.high, self.low = max(self.highs), min(self.lows)
