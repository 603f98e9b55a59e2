"""The simulated terminal: ticks and bars a second with positions open, what sending an order costs,
and whether memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.feeds.bars import read_rates
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket, Market, TickMarket
from tools.bench.contender import Missing
from tools.bench.corpus import CONFIG, demo_config
from tools.bench.machine import resident_mb
from tools.bench.probes import percentile
from tools.bench.rows import Contest, Metric, Round, Sample, Setting

SYMBOL = "EURUSD"
MONDAY_MSC = 1_704_069_000_000
"""2024-01-01 00:30 server time; ten million ticks end before that week's Friday is over."""

TICK_MSC = 40
POINT = 0.00001
TOP_UP = 1000
"""Ticks or bars after which positions that were closed at their stop or target are replaced."""


def tick_table(size: int) -> npt.NDArray[Any]:
    """Return ticks that swing by some hundred points and tremble by three, the same each time."""
    numbers = np.arange(size)
    tremble = np.random.default_rng(1).integers(-3, 4, size)
    swing = np.round(300 * np.sin(numbers / 20_000))
    table = np.zeros(size, dtype=[("time_msc", "<i8"), ("bid", "<f8"), ("ask", "<f8")])
    table["time_msc"] = MONDAY_MSC + TICK_MSC * numbers
    table["bid"] = np.round(1.1 + POINT * (swing + tremble), 5)
    table["ask"] = np.round(table["bid"] + 2 * POINT, 5)
    return table


def ticks(setting: Setting) -> Round:
    """Play ticks through a terminal that holds ten positions with stop and target."""
    table = tick_table(setting.size)

    def run() -> Sample:
        with _connected(TickMarket({SYMBOL: table})) as (terminal, mt5):
            begun = perf_counter()
            seen = _play(terminal, mt5, held=10)
            took = perf_counter() - begun
            deals = mt5.history_deals_get(0, 2**31 - 1)
            closed = sum(deal.entry == mt5.DEAL_ENTRY_OUT for deal in deals)
            return {"rate": seen / took, "closed": closed}

    return run


def bars(setting: Setting) -> Round:
    """Play bars under the open-prices model through a terminal that holds one position."""
    rates = demo_rates()[: setting.size]

    def run() -> Sample:
        with _connected(BarMarket({SYMBOL: rates}, model="open")) as (terminal, mt5):
            begun = perf_counter()
            seen = _play(terminal, mt5, held=1)
            return {"rate": seen / (perf_counter() - begun)}

    return run


def order_send(setting: Setting) -> Round:
    """Open and close a position in turns, each order timed by itself; the book is on disk."""
    numbers = count()
    table = tick_table(setting.size + 10)

    def run() -> Sample:
        book = Path(setting.folder) / f"{next(numbers)}.broker"
        with _connected(TickMarket({SYMBOL: table}), book) as (terminal, mt5):
            times = []
            while terminal.advance():
                for position in mt5.positions_get() or (None,):
                    request = _request(mt5, position)
                    begun = perf_counter_ns()
                    result = mt5.order_send(request)
                    times.append(perf_counter_ns() - begun)
                    assert result.retcode == mt5.TRADE_RETCODE_DONE, result
        return {"p50": percentile(times, 50) / 1e3, "p99": percentile(times, 99) / 1e3}

    return run


def memory(setting: Setting) -> Round:
    """Play ticks as above and look how much memory is added after the first tenth of them."""
    if resident_mb() is None:
        raise Missing("this system does not tell a process's memory")
    table = tick_table(setting.size)

    def run() -> Sample:
        with _connected(TickMarket({SYMBOL: table})) as (terminal, mt5):
            _play(terminal, mt5, held=10, most=setting.size // 10)
            before = resident_mb() or 0.0
            seen = _play(terminal, mt5, held=10)
            after = resident_mb() or 0.0
        growth = max(after - before, 0.0)  # what the interpreter gives back is nothing added
        return {"growth": growth, "whole": after, "ticks": seen + setting.size // 10}

    return run


def demo_rates() -> npt.NDArray[Any]:
    """Return the bars that the demo trades on."""
    settings = demo_config(Path("unused")).terminal
    assert settings is not None
    return read_rates(CONFIG.parent / settings.bars[SYMBOL])


@contextmanager
def _connected(market: Market, book: Path | None = None) -> Iterator[tuple[Terminal, Any]]:
    with Terminal(load_profile("ecn-hedging"), market, book) as terminal:
        mt5 = terminal.module()
        assert mt5.initialize()
        assert mt5.symbol_select(SYMBOL, True)
        yield terminal, mt5


def _play(terminal: Terminal, mt5: Any, *, held: int, most: int = 1 << 62) -> int:
    """Advance to the end or by `most` steps, with `held` positions; return the steps made."""
    advance = terminal.advance
    seen = 0
    while seen < most:
        for number in range(mt5.positions_total(), held):
            result = mt5.order_send(_request(mt5, None, distance=100 + 10 * number))
            assert result.retcode == mt5.TRADE_RETCODE_DONE, result
        for _ in range(TOP_UP):
            if not advance():
                return seen
            seen += 1
    return seen


def _request(mt5: Any, position: Any, distance: int = 300) -> dict[str, Any]:
    """Ask to close `position`, or to open one with stop and target `distance` points away."""
    request = {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": SYMBOL,
        "volume": 0.01,
        "type": mt5.ORDER_TYPE_BUY if position is None else mt5.ORDER_TYPE_SELL,
        "type_filling": mt5.ORDER_FILLING_FOK,
        "magic": 1,
    }
    if position is not None:
        return {**request, "position": position.ticket}
    ask = mt5.symbol_info_tick(SYMBOL).ask
    levels = {"sl": round(ask - distance * POINT, 5), "tp": round(ask + distance * POINT, 5)}
    return {**request, **levels}


_LOOP, _SMALLEST = "bare loop", "bare codec"

CONTESTS = (
    Contest(
        name="terminal-ticks",
        group="terminal",
        summary="ticks through a terminal with ten positions that have stop and target",
        ours="tools.bench.terminal:ticks",
        references={_LOOP: "tools.bench.references.market:tick_loop"},
        metrics=(
            Metric("rate", "ticks, ten positions", "ticks/s", limit=400_000, against={_LOOP: None}),
        ),
        size=1_000_000,
        quick=5_000,
        rounds=5,
        note=(
            "terminal-ticks: {ours[closed]:,.0f} positions were closed at stop or target and "
            "replaced; the bare loop compares each tick with one pair of levels."
        ),
    ),
    Contest(
        name="terminal-bars",
        group="terminal",
        summary="bars through a terminal under the open-prices model, one position",
        ours="tools.bench.terminal:bars",
        references={"backtesting": "tools.bench.references.backtest:hold"},
        metrics=(
            Metric(
                "rate",
                "bars, open prices, one position",
                "bars/s",
                limit=250_000,
                against={"backtesting": None},
            ),
        ),
        size=1_000_000,
        quick=1_000,
        rounds=5,
    ),
    Contest(
        name="terminal-orders",
        group="terminal",
        summary="one order_send, the broker's book on disk",
        ours="tools.bench.terminal:order_send",
        references={_SMALLEST: "tools.bench.references.market:decode_and_encode"},
        metrics=(
            Metric(
                "p50",
                "order_send, p50",
                "µs",
                better="less",
                limit=60,
                against={_SMALLEST: None},
            ),
            Metric("p99", "order_send, p99", "µs", better="less"),
        ),
        size=5_000,
        quick=20,
        rounds=5,
        note="terminal-orders: the bare codec decodes a request strictly and encodes an answer.",
    ),
    Contest(
        name="terminal-memory",
        group="terminal",
        summary="memory added while ten million ticks pass",
        ours="tools.bench.terminal:memory",
        references={},
        metrics=(
            Metric("growth", "memory added by ticks", "MB", better="less", limit=32),
            Metric("whole", "  the process by then", "MB", better="less"),
        ),
        size=10_000_000,
        quick=5_000,
        rounds=1,
        note=(
            "terminal-memory: over {ours[ticks]:,.0f} ticks, from the first tenth of them on; the "
            "ticks themselves are in memory from the beginning, deals and orders are added."
        ),
    ),
)
