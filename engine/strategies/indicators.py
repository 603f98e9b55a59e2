"""Indicators that are told one value at a time and remember only what they need.

One implementation for live, replay and backtest. Each agrees with TA-Lib (the tests' oracle) from
its first value on. `value` is meaningless until `ready`.
"""

from __future__ import annotations

from collections import deque


class SimpleAverage:
    """Arithmetic mean of the last `period` values."""

    __slots__ = ("_sum", "_window", "period", "ready", "value")

    def __init__(self, period: int) -> None:
        self.period = period
        self._window: deque[float] = deque(maxlen=period)
        self._sum = 0.0
        self.value = 0.0
        self.ready = False

    def update(self, value: float) -> None:
        """Take in the next value."""
        window = self._window
        if self.ready:
            self._sum += value - window[0]
        else:
            self._sum += value
        window.append(value)
        if len(window) == self.period:
            self.ready = True
            self.value = self._sum / self.period


class RelativeStrength:
    """Wilder's RSI, 0 to 100 (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

    0 where there was neither gain nor loss, as TA-Lib has it.
    """

    __slots__ = ("_count", "_gain", "_last", "_loss", "period", "ready", "value")

    def __init__(self, period: int) -> None:
        self.period = period
        self._count = -1
        self._last = 0.0
        self._gain = 0.0
        self._loss = 0.0
        self.value = 0.0
        self.ready = False

    def update(self, value: float) -> None:
        """Take in the next value."""
        change = value - self._last
        self._last = value
        self._count += 1
        if self._count == 0:
            return
        gain = change if change > 0.0 else 0.0
        loss = -change if change < 0.0 else 0.0
        period = self.period
        if self.ready:
            self._gain = (self._gain * (period - 1) + gain) / period
            self._loss = (self._loss * (period - 1) + loss) / period
        else:
            self._gain += gain
            self._loss += loss
            if self._count < period:
                return
            self._gain /= period
            self._loss /= period
            self.ready = True
        total = self._gain + self._loss
        self.value = 100.0 * self._gain / total if total > 0.0 else 0.0


class AverageTrueRange:
    """Wilder's ATR in price units (same source): the smoothed mean of the true range."""

    __slots__ = ("_close", "_count", "period", "ready", "value")

    def __init__(self, period: int) -> None:
        self.period = period
        self._count = -1
        self._close = 0.0
        self.value = 0.0
        self.ready = False

    def update(self, high: float, low: float, close: float) -> None:
        """Take in the next bar."""
        last = self._close
        self._close = close
        self._count += 1
        if self._count == 0:
            return
        true_range = (high if high > last else last) - (low if low < last else last)
        period = self.period
        if self.ready:
            self.value = (self.value * (period - 1) + true_range) / period
            return
        self.value += true_range
        if self._count == period:
            self.value /= period
            self.ready = True
