"""Every indicator agrees with TA-Lib on real bars, from the same first bar on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from engine.feeds.bars import read_rates
from engine.strategies.indicators import (
    AverageGap,
    AverageTrueRange,
    Channel,
    RelativeStrength,
)
from tests.session import BARS

RELATIVE = 1e-9
Column = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def rates() -> npt.NDArray[Any]:
    return read_rates(BARS)


def told(indicator: Any, rows: Iterable[tuple[float, ...]]) -> Column:
    """What an indicator says after each row; NaN until it is ready, as TA-Lib has it."""
    values = []
    for row in rows:
        indicator.update(*row)
        values.append(indicator.value if indicator.ready else np.nan)
    return np.array(values)


def compare(ours: Column, oracle: Column) -> None:
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(oracle), "not ready on the same bars")
    np.testing.assert_allclose(ours, oracle, rtol=RELATIVE, atol=0.0)


def gap(closes: Column, fast: int, slow: int) -> Column:
    """The oracle's two averages, the one above the other."""
    difference: Column = talib.SMA(closes, timeperiod=fast) - talib.SMA(closes, timeperiod=slow)
    return difference


@pytest.mark.parametrize(("fast", "slow"), [(2, 3), (20, 50), (49, 50), (2, 500)])
def test_the_gap_is_that_of_talibs_averages(rates: npt.NDArray[Any], fast: int, slow: int) -> None:
    close = rates["close"].copy()
    ours = told(AverageGap(fast, slow), zip(close.tolist(), strict=True))
    oracle = gap(close, fast, slow)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(oracle), "not ready on the same bars")
    # Both round their sums of prices, which are large beside the difference of two means.
    np.testing.assert_allclose(ours, oracle, rtol=RELATIVE, atol=1e-12)


@pytest.mark.parametrize("period", [2, 7, 14, 100])
def test_rsi_is_talibs(rates: npt.NDArray[Any], period: int) -> None:
    close = rates["close"].copy()
    ours = told(RelativeStrength(period), zip(close.tolist(), strict=True))
    oracle = talib.RSI(close, timeperiod=period)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(oracle), "not ready on the same bars")
    # Near 0 the last bits of the gains are a large part of the quotient: compare on RSI's scale.
    np.testing.assert_allclose(ours, oracle, rtol=RELATIVE, atol=100 * RELATIVE)


@pytest.mark.parametrize("period", [2, 14, 100])
def test_atr_is_talibs(rates: npt.NDArray[Any], period: int) -> None:
    high, low, close = (rates[name].copy() for name in ("high", "low", "close"))
    rows = zip(high.tolist(), low.tolist(), close.tolist(), strict=True)
    compare(told(AverageTrueRange(period), rows), talib.ATR(high, low, close, timeperiod=period))


def test_rsi_without_any_change_is_talibs_zero() -> None:
    flat = np.full(40, 1.1)
    ours = told(RelativeStrength(14), zip(flat.tolist(), strict=True))
    assert ours[-1] == talib.RSI(flat, timeperiod=14)[-1] == 0.0


prices = st.lists(
    st.integers(50_000, 150_000).map(lambda p: p / 100_000), min_size=60, max_size=120
)


@pytest.mark.parametrize(
    ("make", "oracle"),
    [
        (lambda period: AverageGap(period, period + 7), lambda c, p: gap(c, p, p + 7)),
        (RelativeStrength, lambda c, p: talib.RSI(c, timeperiod=p)),
    ],
    ids=["gap of SMA", "RSI"],
)
@given(closes=prices, period=st.integers(2, 30))
def test_any_prices_agree(
    make: Callable[[int], Any], oracle: Callable[..., Column], closes: list[float], period: int
) -> None:
    ours = told(make(period), zip(closes, strict=True))
    np.testing.assert_allclose(ours, oracle(np.array(closes), period), rtol=1e-9, atol=1e-7)


@given(closes=prices, period=st.integers(2, 20))
def test_bounds_hold_whatever_the_prices(closes: list[float], period: int) -> None:
    strength, span = RelativeStrength(period), AverageTrueRange(period)
    for close in closes:
        strength.update(close)
        span.update(close + 0.01, close - 0.01, close)
        assert 0.0 <= strength.value <= 100.0
        if span.ready:
            assert span.value >= 0.02 - 1e-12


@pytest.mark.parametrize("period", [2, 3, 20, 55])
def test_a_channel_is_the_highest_high_and_the_lowest_low(
    rates: npt.NDArray[Any], period: int
) -> None:
    highs, lows = rates["high"][:2000], rates["low"][:2000]
    channel, upper, lower = Channel(period), [], []
    for high, low in zip(highs.tolist(), lows.tolist(), strict=True):
        channel.update(high, low)
        upper.append(channel.high if channel.ready else np.nan)
        lower.append(channel.low if channel.ready else np.nan)
    compare(np.array(upper), talib.MAX(highs, period))
    compare(np.array(lower), talib.MIN(lows, period))
