"""Whole days of real EURUSD ticks (May 2014) through a terminal with a robot on it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.market import TickMarket
from engine.terminal.records import TICKS
from tests.engine.terminal.test_properties import books_balance
from tests.engine.terminal.worlds import connected, deals, market_order

SHARED = Path(__file__).parents[4] / "shared" / "data" / "eurusd_ticks_2014-05.parquet"
DAY_MSC = 86_400_000
#: Friday, 2 May 2014, with the first American labour report of the month.
FRIDAY = 16_192


@pytest.fixture(scope="module")
def recorded() -> Any:
    if not SHARED.is_file():
        pytest.skip(
            f"the recorded ticks are not beside the checkout ({SHARED.name} in ../shared/data)"
        )
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(SHARED)
    rows = np.zeros(table.num_rows, dtype=TICKS)
    for name in ("time_msc", "bid", "ask"):
        rows[name] = table[name].to_numpy()
    return rows


def days(
    recorded: Any, first: int, last: int, book: Path | None = None
) -> tuple[Terminal, ModuleType]:
    day = recorded["time_msc"] // DAY_MSC
    chosen = recorded[(day >= first) & (day <= last)]
    market = TickMarket({"EURUSD": chosen}, stamps="utc")
    terminal = Terminal(load_profile("ecn-hedging"), market, book=book)
    return terminal, connected(terminal)


def trade(terminal: Terminal, mt5: ModuleType) -> None:
    """Every 500 ticks: up to six positions with narrow levels, and one pending order on each
    side."""
    number = 0
    while terminal.advance():
        number += 1
        if number % 500:
            continue
        tick = mt5.symbol_info_tick("EURUSD")
        if mt5.positions_total() < 6:
            side = number // 500 % 2
            sign = -1 if side else 1
            sl, tp = tick.bid - sign * 0.0008, tick.bid + sign * 0.0011
            mt5.order_send(market_order(mt5, side, sl=round(sl, 5), tp=round(tp, 5)))
        if mt5.orders_total() < 2:
            price = round(tick.bid - 0.0006, 5)
            order = {"action": 5, "symbol": "EURUSD", "volume": 0.05, "type": 2, "price": price}
            mt5.order_send(
                order | {"type_filling": 2, "type_time": 1, "sl": round(price - 0.001, 5)}
            )


def test_a_whole_week_over_a_weekend_balances(recorded: Any) -> None:
    terminal, mt5 = days(recorded, FRIDAY, FRIDAY + 4)
    trade(terminal, mt5)
    books_balance(mt5)
    made = deals(mt5)
    assert len(made) > 100
    assert {deal.reason for deal in made if deal.entry == 1} == {4, 5}
    stamps = [deal.time_msc for deal in made]
    assert stamps == sorted(stamps)
    assert all((stamp // DAY_MSC + 4) % 7 in range(1, 6) for stamp in stamps)
    weekly = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_D1, 0, 10)
    # Friday, Monday, Tuesday, and the first three hours of the server's Wednesday.
    assert [int(time // 86_400) for time in weekly["time"]] == [16_192, 16_195, 16_196, 16_197]


def test_fills_are_at_prices_that_were_quoted_or_at_their_level(recorded: Any) -> None:
    terminal, mt5 = days(recorded, FRIDAY, FRIDAY)
    trade(terminal, mt5)
    seen = mt5.copy_ticks_range("EURUSD", 1, 2**31 - 1, mt5.COPY_TICKS_ALL)
    by_time: dict[int, list[tuple[float, float]]] = {}
    for row in seen:
        by_time.setdefault(int(row["time_msc"]), []).append((float(row["bid"]), float(row["ask"])))
    for deal in deals(mt5)[1:]:
        quotes = by_time[deal.time_msc]
        quoted = any(deal.price == quote[1 - deal.type] for quote in quotes)
        order = mt5.history_orders_get(ticket=deal.order)[0]
        at_level = deal.comment == f"[tp {deal.price:.5f}]" or deal.price == order.price_open
        assert quoted or at_level
        if deal.comment.startswith("[sl"):
            assert quoted


def test_the_same_day_twice_gives_the_same_bytes(recorded: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        terminal, mt5 = days(recorded, FRIDAY, FRIDAY, tmp_path / name)
        trade(terminal, mt5)
        terminal.close()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
