"""A market of real ticks: one step is one tick of one symbol."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.terminal import constants as mt5
from engine.terminal.clock import ZoneRule
from engine.terminal.errors import MarketError
from engine.terminal.market.base import (
    Market,
    Point,
    Quote,
    Rates,
    Table,
    Ticks,
    require_ascending,
    require_known,
)
from engine.terminal.market.series import BaseRates, GroupedRates, group, openings
from engine.terminal.market.spread import spread_points
from engine.terminal.profile import Symbol
from engine.terminal.records import RATES, TICKS

_QUOTED = mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK
_TRADED = mt5.TICK_FLAG_LAST | mt5.TICK_FLAG_VOLUME
_MINUTE = 60

#: How many steps are turned into Python lists at a time: lists are several times faster to read
#: than arrays, and a chunk of them keeps memory flat and stays in the processor's cache.
_CHUNK = 2_048
Row = tuple[int, int, float, float, float, float, int]
Integers = npt.NDArray[np.int64]


class TickMarket(Market):
    """Ticks of one or several symbols, in the order of their times.

    Args:
        data: symbol to ticks: an array with `time_msc`, `bid`, `ask` and, if there are any, `last`,
            `volume_real` (or `volume`) and `flags`.
        stamps: `server`: `time_msc` is the server's wall clock, as MetaTrader stores it. `utc`: it
            is UTC, and the profile's zone rule makes server time of it.
        start: how many ticks are already history at the beginning; without it, as few as give every
            symbol a price.

    The price jumps from tick to tick: a stop that it jumps over is filled at the next tick's
    price.

    Raises:
        MarketError: no data, unsorted data, or fewer ticks than `start` + 1.
    """

    def __init__(
        self,
        data: Mapping[str, Table],
        stamps: Literal["server", "utc"] = "server",
        start: int | None = None,
    ) -> None:
        super().__init__()
        if not data:
            raise MarketError("a tick market needs the ticks of at least one symbol")
        if stamps not in ("server", "utc"):
            raise MarketError(f"unknown stamps {stamps!r}; there are 'server' and 'utc'")
        self._raw = {name: _as_ticks(name, table) for name, table in data.items()}
        self._utc = stamps == "utc"
        total = sum(len(table) for table in self._raw.values())
        if start is not None and not 1 <= start <= total:
            raise MarketError(
                f"start={start}, but the data has {total} ticks; allowed is 1 to {total}"
            )
        self._start = start
        self._names = list(self._raw)
        self._tables: dict[str, Table] = {}
        self._rows: Iterator[Row] = iter(())
        self._rates: dict[tuple[str, int], Rates] = {}

    def bind(self, symbols: Mapping[str, Symbol], zone: ZoneRule) -> None:
        """Bring the ticks to the broker's clock and spreads."""
        require_known(self._raw, symbols)
        self._tables = {
            name: _localised(table, symbols[name], zone if self._utc else None)
            for name, table in self._raw.items()
        }
        self._times = {
            name: np.ascontiguousarray(table["time_msc"]) for name, table in self._tables.items()
        }
        self.quotes = {name: Quote(name) for name in self._names}
        self._by_lane = list(self.quotes.values())
        tables = list(self._tables.values())
        self._merge(tables)
        self.seek(self._first())

    def _first(self) -> int:
        """The step to begin at: every symbol needs a price by then."""
        least = max(int(steps[0]) for steps in self._steps)
        if self._start is not None and self._start <= least:
            raise MarketError(
                f"start={self._start}, but a symbol has its first tick only as number {least + 1};"
                f" use start={least + 1} or more"
            )
        return least if self._start is None else self._start - 1

    def _merge(self, tables: list[Table]) -> None:
        """The order of all ticks: by time, then by symbol in the order of `data`."""
        lanes = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        inside = np.concatenate([np.arange(len(table)) for table in tables])
        times = np.concatenate([table["time_msc"] for table in tables])
        order = np.argsort(times, kind="stable") if len(tables) > 1 else np.arange(len(times))
        self._lanes: Integers = lanes[order]
        self._inside: Integers = inside[order]
        #: For each symbol, the steps at which it has a tick.
        self._steps = [np.flatnonzero(self._lanes == lane) for lane in range(len(tables))]

    def seek(self, step: int) -> None:
        """Stand at the tick with that number."""
        for lane, quote in enumerate(self._by_lane):
            row = self._tables[quote.symbol][self._seen(lane, step) - 1]
            quote.time_msc = int(row["time_msc"])
            quote.bid, quote.ask = float(row["bid"]), float(row["ask"])
            quote.last, quote.volume = float(row["last"]), float(row["volume_real"])
            quote.flags = int(row["flags"])
        self.step = step
        lane = int(self._lanes[step])
        self.time_msc = self._by_lane[lane].time_msc
        self._load(step + 1)

    def _seen(self, lane: int, step: int) -> int:
        """How many ticks of a symbol there have been up to a step."""
        return int(np.searchsorted(self._steps[lane], step, side="right"))

    def _load(self, first: int) -> bool:
        """Make the next chunk of ticks ready; False when there is none."""
        chosen = slice(first, first + _CHUNK)
        lanes, inside = self._lanes[chosen], self._inside[chosen]
        rows: Table = np.empty(len(lanes), dtype=TICKS)
        for lane, name in enumerate(self._names):
            mine = lanes == lane
            rows[mine] = self._tables[name][inside[mine]]
        columns = ("time_msc", "bid", "ask", "last", "volume_real", "flags")
        self._rows = zip(lanes.tolist(), *(rows[name].tolist() for name in columns), strict=True)
        return len(lanes) > 0

    def advance(self) -> bool:
        """The next tick."""
        row = next(self._rows, None)
        if row is None:
            if not self._load(self.step + 1):
                return False
            row = next(self._rows)
        lane, time_msc, bid, ask, last, volume, flags = row
        self.step += 1
        self.time_msc = time_msc
        quote = self._by_lane[lane]
        bid_low, bid_high, ask_low, ask_high = quote.guard
        if bid_low < bid < bid_high and ask_low < ask < ask_high and time_msc < self.timer:
            quote.time_msc = time_msc
            quote.bid = bid
            quote.ask = ask
            quote.last = last
            quote.volume = volume
            quote.flags = flags
        else:
            point = Point(quote.symbol, time_msc, bid, ask, last, volume, flags, False)
            self.listener(iter((point,)))
        return True

    def quote_at(self, symbol: str, time_msc: int) -> tuple[float, float]:
        """The last tick up to that time."""
        place = int(np.searchsorted(self._times[symbol], time_msc, side="right"))
        row = self._tables[symbol][max(place, 1) - 1]
        return float(row["bid"]), float(row["ask"])

    def fingerprint(self) -> str:
        """A hash of the ticks, their clock and the start."""
        digest = hashlib.blake2b(f"ticks {self._utc} {self._start}".encode(), digest_size=16)
        for name, table in self._raw.items():
            digest.update(name.encode())
            digest.update(table.tobytes())
        return digest.hexdigest()

    def ticks(self, symbol: str) -> Ticks:
        """The ticks of a symbol up to now."""
        seen = self._seen(self._names.index(symbol), self.step)
        return Ticks(self._tables[symbol][:seen], self._times[symbol][:seen])

    def rates(self, symbol: str, timeframe: int) -> Rates:
        """The bars of a symbol up to now, from its ticks' bids."""
        known = self._rates.get((symbol, timeframe))
        if known is not None:
            return known
        if timeframe == mt5.TIMEFRAME_M1:
            known = self._minutes(symbol)
        else:
            minutes = self.rates(symbol, mt5.TIMEFRAME_M1)
            assert isinstance(minutes, BaseRates)
            known = GroupedRates(minutes.table, minutes, timeframe)
        self._rates[symbol, timeframe] = known
        return known

    def _minutes(self, symbol: str) -> BaseRates:
        lane = self._names.index(symbol)
        bars = _as_bars(self._tables[symbol])
        opened = openings(bars["time"], mt5.TIMEFRAME_M1)
        starts = np.flatnonzero(np.diff(opened, prepend=opened[0] - _MINUTE))

        def count() -> int:
            return int(np.searchsorted(starts, self._seen(lane, self.step), side="left"))

        def unfinished() -> Table:
            begun = int(starts[count() - 1])
            part = bars[begun : self._seen(lane, self.step)]
            row: Table = group(part, np.zeros(1, dtype=np.int64), opened[begun : begun + 1])[0]
            return row

        return BaseRates(group(bars, starts, opened[starts]), count, unfinished)


def _as_ticks(name: str, table: Table) -> Table:
    """The ticks in the module's own layout, with the stamps they came with."""
    names = table.dtype.names or ()
    for field in ("time_msc", "bid", "ask"):
        if field not in names:
            raise MarketError(f"ticks of {name}: the column {field!r} is missing")
    rows: Table = np.zeros(len(table), dtype=TICKS)
    for field in names:
        if field in (TICKS.names or ()):
            rows[field] = table[field]
    if "volume_real" not in names and "volume" in names:
        rows["volume_real"] = table["volume"]
    if "flags" not in names:
        rows["flags"] = _QUOTED | (_TRADED if "last" in names else 0)
    require_ascending(rows["time_msc"], f"ticks of {name}", strictly=False)
    return rows


def _localised(table: Table, symbol: Symbol, zone: ZoneRule | None) -> Table:
    """The ticks in server time with the asks of this broker."""
    rows: Table = table.copy()
    if zone is not None:
        hours, inverse = np.unique(rows["time_msc"] // 3_600_000, return_inverse=True)
        # Every zone rule changes at a full hour of UTC.
        offsets = np.array([zone.offset(float(hour) * 3600) for hour in hours.tolist()])
        # In autumn the wall clock repeats an hour; the server's clock never runs back.
        rows["time_msc"] = np.maximum.accumulate(rows["time_msc"] + offsets[inverse] * 1000)
    rows["time"] = rows["time_msc"] // 1000
    data = np.round((rows["ask"] - rows["bid"]) / symbol.point)
    points = spread_points(rows["time"], data, symbol)
    changed = points != data
    asks = np.round(rows["bid"] + points * symbol.point, symbol.digits)
    rows["ask"] = np.where(changed, asks, rows["ask"])
    return rows


def _as_bars(ticks: Table) -> Table:
    """Each tick as a bar of its own, ready to be grouped."""
    bars: Table = np.zeros(len(ticks), dtype=RATES)
    bars["time"] = ticks["time"]
    for field in ("open", "high", "low", "close"):
        bars[field] = ticks["bid"]
    bars["tick_volume"] = 1
    bars["real_volume"] = ticks["volume"]
    return bars
