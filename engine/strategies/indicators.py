"""Indicators that are told one value after another and remember only what they need.

One implementation for live, replay and backtest. Each agrees with TA-Lib (the tests' oracle) from
its first value on. They are dataclasses of plain values, so a snapshot holds them for the asking,
as it does Structs; but to set an attribute of a Struct takes four times as long, and setting
attributes is what an indicator does. `value` is meaningless until `ready`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from journal.events import BarClosed

SETTLED = 10
"""Periods after which Wilder's smoothing has forgotten its beginning."""


@dataclass(slots=True)
class AverageGap:
    """How far the mean of the last `fast` values lies above the mean of the last `slow`.

    fast, slow  how many values; fast < slow
    window      the last `slow` values, as a ring; `at` is the place of the oldest
    """

    fast: int
    slow: int
    window: list[float] = field(default_factory=list)
    at: int = 0
    fast_total: float = 0.0
    slow_total: float = 0.0
    ready: bool = False

    @property
    def value(self) -> float:
        """The difference of the two means."""
        return self.fast_total / self.fast - self.slow_total / self.slow

    def update(self, value: float) -> float:
        """Take in the next value and return the difference."""
        if not self.ready:
            return self._begin(value)
        window, at, fast, slow = self.window, self.at, self.fast, self.slow
        # Below the ring's beginning Python counts from its end, as a ring does.
        self.fast_total = fast_total = self.fast_total + (value - window[at - fast])
        self.slow_total = slow_total = self.slow_total + (value - window[at])
        window[at] = value
        at += 1
        self.at = at if at < slow else 0
        return fast_total / fast - slow_total / slow

    def follow(self, values: Iterable[float], last: float, tie: float) -> tuple[int, float, float]:
        """Once it is ready, take in values up to the first with which the two means cross.

        last  the difference as of the value before
        tie   parts of a value by which the means may differ and still are equal: the difference
              is 0 then
        Returns how many were taken in, and the differences as of the last but one and the last.
        """
        window, at, fast, slow = self.window, self.at, self.fast, self.slow
        fast_total, slow_total = self.fast_total, self.slow_total
        count, before, after = 0, last, last
        for value in values:
            fast_total += value - window[at - fast]
            slow_total += value - window[at]
            window[at] = value
            at += 1
            if at == slow:
                at = 0
            count += 1
            before, after = after, fast_total / fast - slow_total / slow
            if after > 0.0:
                if after < tie * value:
                    after = 0.0
                elif before <= 0.0:
                    break
            elif after < 0.0:
                if -after < tie * value:
                    after = 0.0
                elif before >= 0.0:
                    break
        self.at, self.fast_total, self.slow_total = at, fast_total, slow_total
        return count, before, after

    def _begin(self, value: float) -> float:
        window, fast = self.window, self.fast
        self.fast_total += value if len(window) < fast else value - window[-fast]
        self.slow_total += value
        window.append(value)
        self.ready = len(window) == self.slow
        return self.value


@dataclass(slots=True)
class RelativeStrength:
    """Wilder's RSI, 0 to 100 (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

    count       changes of the value seen, as far as they are counted: up to `period`
    gain, loss  smoothed; while it is not ready, their sums
    """

    period: int
    count: int = -1
    last: float = 0.0
    gain: float = 0.0
    loss: float = 0.0
    ready: bool = False

    @property
    def value(self) -> float:
        """The index; 0 where there was neither gain nor loss, as TA-Lib has it."""
        total = self.gain + self.loss
        return 100.0 * (self.gain / total) if total > 0.0 else 0.0

    def update(self, value: float) -> None:
        """Take in the next value."""
        change = value - self.last
        self.last = value
        if not self.ready:
            self._begin(change)
            return
        period = self.period
        rest = period - 1
        if change > 0.0:
            self.gain = (self.gain * rest + change) / period
            self.loss = self.loss * rest / period
        else:
            self.gain = self.gain * rest / period
            self.loss = (self.loss * rest - change) / period

    def follow(self, values: Iterable[float]) -> None:
        """Take in the next values, as `update` does one by one."""
        if not self.ready:
            for value in values:
                self.update(value)
            return
        last, gain, loss, period = self.last, self.gain, self.loss, self.period
        rest = period - 1
        for value in values:
            change = value - last
            last = value
            if change > 0.0:
                gain = (gain * rest + change) / period
                loss = loss * rest / period
            else:
                gain = gain * rest / period
                loss = (loss * rest - change) / period
        self.last, self.gain, self.loss = last, gain, loss

    def _begin(self, change: float) -> None:
        self.count += 1
        if self.count == 0:  # the first value is no change
            return
        if change > 0.0:
            self.gain += change
        else:
            self.loss -= change
        if self.count == self.period:
            self.gain /= self.period
            self.loss /= self.period
            self.ready = True


@dataclass(slots=True)
class AverageTrueRange:
    """Wilder's ATR in price units (same source): the smoothed mean of the true range.

    count  true ranges seen, as far as they are counted: up to `period`
    value  while it is not ready, their sum
    """

    period: int
    count: int = -1
    close: float = 0.0
    value: float = 0.0
    ready: bool = False

    def update(self, high: float, low: float, close: float) -> None:
        """Take in the next bar."""
        last = self.close
        self.close = close
        true_range = (high if high > last else last) - (low if low < last else last)
        if self.ready:
            period = self.period
            self.value = (self.value * (period - 1) + true_range) / period
        else:
            self._begin(true_range)

    def follow(self, bars: Iterable[BarClosed]) -> None:
        """Take in the next bars, as `update` does one by one."""
        if not self.ready:
            for bar in bars:
                self.update(bar.high, bar.low, bar.close)
            return
        last, value, period = self.close, self.value, self.period
        rest = period - 1
        for bar in bars:
            high, low = bar.high, bar.low
            true_range = (high if high > last else last) - (low if low < last else last)
            value = (value * rest + true_range) / period
            last = bar.close
        self.close, self.value = last, value

    def _begin(self, true_range: float) -> None:
        self.count += 1
        if self.count == 0:  # the first bar has no close before it
            return
        self.value += true_range
        if self.count == self.period:
            self.value /= self.period
            self.ready = True


@dataclass(slots=True)
class Channel:
    """Highest high and lowest low of the last `period` bars, price units.

    highs, lows  of those bars, as rings; `at` is the place of the oldest
    """

    period: int
    highs: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
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
