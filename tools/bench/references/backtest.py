"""The PyPI package `backtesting` on the demo's bars and the demo's rule.

Written as its documentation recommends: indicators vectorised in `init`, `crossover` in `next`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import backtesting.backtesting as inner
import numpy as np
import numpy.typing as npt
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

from engine.config import Config
from engine.feeds.bars import read_rates
from engine.kernel import warmup_of
from engine.strategies.baseline import MaCrossRsiConfig
from engine.terminal import load_profile
from tools.bench.corpus import CONFIG, demo_config
from tools.bench.rows import Round, Sample, Setting

Floats = npt.NDArray[np.float64]


def average(values: Floats, period: int) -> Any:
    """Return the mean of the last `period` values."""
    return pd.Series(values).rolling(period).mean()


def wilder(values: Floats, period: int) -> Any:
    """Return Wilder's smoothing, begun with a plain mean that leaves out the first."""
    begun = np.array(values, dtype=float)
    begun[:period] = np.nan
    begun[period] = np.mean(values[1 : period + 1])
    return pd.Series(begun).ewm(alpha=1.0 / period, adjust=False).mean()


def strength(close: Floats, period: int) -> Any:
    """Return Wilder's RSI."""
    change = np.diff(close, prepend=close[0])
    gain, loss = wilder(np.maximum(change, 0.0), period), wilder(np.maximum(-change, 0.0), period)
    return 100.0 * gain / (gain + loss)


def true_range(high: Floats, low: Floats, close: Floats, period: int) -> Any:
    """Return Wilder's ATR."""
    before = np.concatenate([close[:1], close[:-1]])
    return wilder(np.maximum(high, before) - np.minimum(low, before), period)


class Baseline(Strategy):  # type: ignore[misc] # the package is not in the lock that mypy runs with
    """The rule of `engine/strategies/baseline.py` and the sizing of `engine/risk/sizing.py`."""

    rule = MaCrossRsiConfig(name="baseline", magic=1, symbol="EURUSD")
    risk = 0.01
    margin_use = 0.5
    leverage = 200.0
    step = 1_000.0  # units in 0.01 lots

    def init(self) -> None:
        """Compute the indicators."""
        rule, data = self.rule, self.data
        self.fast = self.I(average, data.Close, rule.fast)
        self.slow = self.I(average, data.Close, rule.slow)
        self.rsi = self.I(strength, data.Close, rule.rsi_period)
        self.atr = self.I(true_range, data.High, data.Low, data.Close, rule.atr_period)

    def next(self) -> None:
        """Trade when there is no position, the averages cross and RSI does not object."""
        if self.position:
            return
        rule = self.rule
        if crossover(self.fast, self.slow) and self.rsi[-1] < rule.rsi_high:
            sign, order = 1, self.buy
        elif crossover(self.slow, self.fast) and self.rsi[-1] > rule.rsi_low:
            sign, order = -1, self.sell
        else:
            return
        price, stop = self.data.Close[-1], rule.stop_atr * self.atr[-1]
        wanted = min(
            self.risk * self.equity / stop, self.margin_use * self.equity * self.leverage / price
        )
        size = wanted // self.step * self.step
        if size:
            order(size=size, sl=price - sign * stop, tp=price + sign * rule.target_r * stop)


class Held(Strategy):  # type: ignore[misc] # the same
    """One position with stop and target, replaced when it is closed."""

    def init(self) -> None:
        """There are no indicators."""

    def next(self) -> None:
        """Hold one position."""
        if not self.position:
            price = self.data.Close[-1]
            self.buy(size=1_000, sl=price - 0.003, tp=price + 0.003)


def hold(setting: Setting) -> Round:
    """Run a backtest that only holds a position."""
    config = demo_config(Path(setting.folder))
    return _timed(_bars(config, setting.size), Held)


def trade(setting: Setting) -> Round:
    """Run the backtest on the bars that the engine is shown.

    Timed is its `run`: indicators, bars and statistics, as ours keeps its figures while it trades;
    making and checking the data frame is not in it. `loop_rate` leaves the statistics out.
    """
    config = demo_config(Path(setting.folder))
    (rule,) = config.strategies
    assert isinstance(rule, MaCrossRsiConfig)
    Baseline.rule = rule
    Baseline.risk = config.risk.per_trade_percent / 100.0
    Baseline.margin_use = config.risk.margin_use_percent / 100.0
    return _timed(_bars(config, setting.size), Baseline)


def _timed(bars: npt.NDArray[Any], strategy: type) -> Round:
    test = _backtest(bars, strategy)

    def run() -> Sample:
        with _stamped_end() as ended:
            begun, busy = perf_counter(), process_time()
            stats = test.run()
            whole, whole_busy = perf_counter() - begun, process_time() - busy
        return {
            "rate": len(bars) / whole,
            "loop_rate": len(bars) / (ended[0] - begun),
            "busy_rate": len(bars) / whole_busy,
            "bars": len(bars),
            "trades": float(stats["# Trades"]),
        }

    return run


@contextmanager
def _stamped_end() -> Iterator[list[float]]:
    """Note the clock when the last bar is done and the statistics begin."""
    ended: list[float] = []
    statistics = inner.compute_stats

    def stamped(*args: Any, **kwargs: Any) -> Any:
        ended[:] = [perf_counter()]
        return statistics(*args, **kwargs)

    inner.compute_stats = stamped
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # what the package still uses of pandas is its own affair
            yield ended
    finally:
        inner.compute_stats = statistics


def _bars(config: Config, size: int) -> npt.NDArray[Any]:
    """Return the bars that the engine takes in: the last of the history, then those it trades."""
    settings = config.terminal
    assert settings is not None
    rates = read_rates(CONFIG.parent / settings.bars["EURUSD"])
    return rates[settings.history - warmup_of(config) :][:size]


def _backtest(bars: npt.NDArray[Any], strategy: type) -> Any:
    account = load_profile("ecn-hedging").account
    frame = pd.DataFrame(
        {name.title(): bars[name] for name in ("open", "high", "low", "close")}
        | {"Volume": bars["tick_volume"]},
        index=pd.to_datetime(bars["time"], unit="s"),
    )
    Baseline.leverage = float(account.leverage)
    # It knows one spread only, as a part of the price; commission is 3.50 a lot and side.
    spread = float(np.mean(np.maximum(bars["spread"], 1))) * 1e-5
    return Backtest(
        frame,
        strategy,
        cash=account.balance,
        spread=spread / float(np.mean(bars["close"])),
        commission=lambda size, price: abs(size) * 3.5e-5,
        margin=1.0 / account.leverage,
        finalize_trades=True,
    )
