"""A market of one-minute bars, played in the strategy tester's models.

One step ends the minute and opens the next bar. `time` is server time and prices are bids, as
MetaTrader stores bars; the ask is the bid plus the spread that the profile says.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import Any

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
from engine.terminal.market.paths import OHLC_TIMES, Model, generated_path, ohlc_path
from engine.terminal.market.reach import Floats, Reach
from engine.terminal.market.series import BaseRates, GroupedRates
from engine.terminal.market.spread import spread_of_bars
from engine.terminal.profile import Symbol
from engine.terminal.records import RATES, TICKS

#: A row of `RATES`.
_BAR = Struct("<qddddQiQ")
_CHANGED = mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK


class BarMarket(Market):
    """Bars of one or several symbols.

    Args:
        data: symbol to bars, in the layout of `copy_rates_*` (other integer and float widths are
            converted).
        model: `open`: only opening prices trade. `ohlc`: each bar is walked open, low, high, close
            (or high first, when it fell). `ticks`: the same way in as many ticks as the bar counts.
        start: how many minutes are already history at the beginning.

    Inside a bar the price moves continuously, so a level it crosses is filled at the level; between
    two bars it jumps, so a level it jumps over is filled at the new bar's open.

    Raises:
        MarketError: no data, unsorted data, or fewer minutes than `start` + 1.
    """

    #: How many steps are made ready at a time: memory stays flat.
    ahead = 16_384

    def __init__(self, data: Mapping[str, Table], model: Model = "ohlc", start: int = 200) -> None:
        super().__init__()
        if model not in ("open", "ohlc", "ticks"):
            raise MarketError(f"unknown bar model {model!r}; there are 'open', 'ohlc' and 'ticks'")
        self._model: Model = model
        self._tables = {name: _as_rates(name, table) for name, table in data.items()}
        if not self._tables:
            raise MarketError("a bar market needs the bars of at least one symbol")
        every = [table["time"] for table in self._tables.values()]
        self._timeline: npt.NDArray[np.int64] = (
            every[0] if len(every) == 1 else np.unique(np.concatenate(every))
        )
        if not 0 <= start < len(self._timeline):
            raise MarketError(
                f"start={start}, but the data has {len(self._timeline)} minutes; at least one"
                " must follow the history"
            )
        for name, table in self._tables.items():
            begun = int(np.searchsorted(self._timeline, table["time"][0]))
            if begun > start:
                raise MarketError(
                    f"start={start}, but the first bar of {name} is minute {begun}: every symbol"
                    f" needs a price at the beginning. Use start={begun} or more"
                )
        self._start = start
        self._lanes: list[_Lane] = []
        self._alone: _Lane | None = None
        #: Server milliseconds of the steps that are ready, and the number of the first of them.
        self._times: list[int] = []
        self._ready = 0
        #: Where the last glide began: step, time, and the quote's bid, ask and time.
        self._origin = (0, 0, 0.0, 0.0, 0)

    def bind(self, symbols: Mapping[str, Symbol], zone: ZoneRule) -> None:
        """Compute the asks of this broker."""
        del zone  # bars carry server time already
        require_known(self._tables, symbols)
        self._lanes = [
            _Lane(name, table, symbols[name], self._timeline, self._model)
            for name, table in self._tables.items()
        ]
        self.quotes = {lane.quote.symbol: lane.quote for lane in self._lanes}
        self._by_name = {lane.quote.symbol: lane for lane in self._lanes}
        self._alone = self._lanes[0] if len(self._lanes) == 1 else None
        self.seek(self._start)

    def seek(self, step: int) -> None:
        """Stand at the opening of the minute with that number."""
        self._load(step + 1)
        self.step = step
        self.time_msc = int(self._timeline[step]) * 1000
        for lane in self._lanes:
            lane.stand(step)

    def _load(self, first: int) -> bool:
        """Make the next chunk of steps ready; False when there is none."""
        last = min(first + self.ahead, len(self._timeline))
        self._ready = first
        self._times = (self._timeline[first:last] * 1000).tolist()
        if first >= last:
            return False
        for lane in self._lanes:
            lane.load(first, last)
        return True

    def advance(self) -> bool:
        """End the minute and open the next one."""
        place = self.step + 1 - self._ready
        if place == len(self._times):
            if not self._load(self.step + 1):
                return False
            place = 0
        self.step += 1
        self.time_msc = time_msc = self._times[place]
        lane = self._alone
        if lane is None:
            quiet = time_msc < self.timer and self._pass_by(place)
        else:  # written out: it is the whole of almost every robot's step
            quote = lane.quote
            quiet = (
                time_msc < self.timer and lane.reach.leaves(quote.guard, place, place + 1) > place
            )
            if quiet:
                quote.bid, quote.ask = lane.bids.item(place), lane.asks.item(place)
                quote.time_msc = time_msc
        if not quiet:
            self.listener(self._points(self.step))
        return True

    def glide(self, limit: int) -> list[int]:
        """Pass steps in which nothing can happen. Of several symbols none is passed: each closes
        its bars by its own minutes."""
        lane = self._alone
        if lane is None:
            return []
        quote, times, first = lane.quote, self._times, self.step + 1 - self._ready
        end = min(first + limit, len(times))
        if end > first and times[end - 1] >= self.timer:
            end = bisect_left(times, self.timer, first, end)
        end = lane.reach.leaves(quote.guard, first, end)
        self._origin = self.step, self.time_msc, quote.bid, quote.ask, quote.time_msc
        if end > first:
            self._stand(lane, end - 1)
        return times[first:end]

    def back(self, steps: int) -> None:
        """Undo the last steps of a glide."""
        if not steps or self._alone is None:
            return
        quote, step = self._alone.quote, self.step - steps
        if step == self._origin[0]:  # its quote may be that of a step that was played
            self.step, self.time_msc, quote.bid, quote.ask, quote.time_msc = self._origin
        else:
            self._stand(self._alone, step - self._ready)

    def _stand(self, lane: _Lane, place: int) -> None:
        """Stand behind a quiet step."""
        quote = lane.quote
        self.step, self.time_msc = self._ready + place, self._times[place]
        quote.bid, quote.ask = lane.bids.item(place), lane.asks.item(place)
        quote.time_msc = self.time_msc

    def _pass_by(self, place: int) -> bool:
        """Move all quotes by a step, unless something can happen in it: then none is moved."""
        for lane in self._lanes:
            if lane.reach.leaves(lane.quote.guard, place, place + 1) == place:
                return False
        for lane in self._lanes:
            quote = lane.quote
            quote.bid, quote.ask = lane.bids.item(place), lane.asks.item(place)
            quote.time_msc = lane.stamps.item(place)  # of the symbol's own minute
        return True

    def _points(self, step: int) -> Iterator[Point]:
        """The points of a step over all symbols, by time and then by symbol in the order of
        `data`."""
        lanes = [lane.points(step) for lane in self._lanes]
        if len(lanes) == 1:
            return iter(lanes[0])
        merged = [point for points in lanes for point in points]
        merged.sort(key=lambda point: point.time_msc)  # stable
        return iter(merged)

    def fingerprint(self) -> str:
        """A hash of the bars, the model and the start."""
        digest = hashlib.blake2b(f"bars {self._model} {self._start}".encode(), digest_size=16)
        for name, table in self._tables.items():
            digest.update(name.encode())
            digest.update(table.view(np.uint8).data)
        return digest.hexdigest()

    def rates(self, symbol: str, timeframe: int) -> Rates:
        """The bars of a symbol up to now."""
        return self._by_name[symbol].rates(timeframe, self)

    def ticks(self, symbol: str) -> Ticks:
        """The prices that each bar is known by: four a bar, or its open under the open model."""
        return self._by_name[symbol].ticks(self.step)


class _Lane:
    """One symbol's bars, aligned with the market's minutes."""

    def __init__(
        self,
        name: str,
        table: Table,
        symbol: Symbol,
        timeline: npt.NDArray[np.int64],
        model: Model,
    ) -> None:
        self.quote = Quote(name)
        self.quote.flags = _CHANGED
        self._table = table
        self._symbol = symbol
        self._timeline = timeline
        self._model = model
        self._spread = spread_of_bars(table, symbol)
        self._per_unit = 10.0**symbol.digits
        self._bytes = table.view(np.uint8).data
        #: Whether there is a bar for each minute, as there is where the market has one symbol.
        self._is_whole = len(timeline) == len(table)
        #: For each minute, the bar last opened; -1 before the first, where no step ever stands.
        self._opened = np.searchsorted(table["time"], timeline, side="right") - 1
        self._fresh = timeline == table["time"][np.maximum(self._opened, 0)]
        self._rates: dict[int, Rates] = {}
        self._corners: Ticks | None = None
        # Of the steps that are ready: how far each reaches, and the quote after it.
        self.reach: Reach
        self.bids: Floats
        self.asks: Floats
        self.stamps: npt.NDArray[np.int64]

    def _ask(self, bid: Floats, bars: npt.NDArray[np.int64]) -> Floats:
        asks: Floats = np.round(bid + self._spread[bars], self._symbol.digits)
        return asks

    def stand(self, step: int) -> None:
        """Set the quote to the opening tick of the bar that is current at a step."""
        bar = int(self._opened[step])
        complete = not self._fresh[step] and self._model != "open"
        bid = float(self._table["close" if complete else "open"][bar])
        self.quote.bid = bid
        self.quote.ask = float(self._ask(np.array([bid]), np.array([bar]))[0])
        self.quote.time_msc = int(self._table["time"][bar]) * 1000

    def load(self, first: int, last: int) -> None:
        """Make the steps from `first` up to and without `last` ready: how far each reaches, and the
        quote after it."""
        bar, opens = self._opened[first:last], self._fresh[first:last]
        walked, walks = self._opened[first - 1 : last - 1], self._fresh[first - 1 : last - 1]
        if self._model == "open":
            walks = np.zeros_like(walks)
        bid_after = np.where(
            opens | (self._model == "open"), self._column("open", bar), self._column("close", bar)
        )
        low, high, inf = self._column("low", walked), self._column("high", walked), np.inf
        after = np.stack((bid_after, self._ask(bid_after, bar)))
        lows = np.stack((low, self._ask(low, walked)))
        highs = np.stack((high, self._ask(high, walked)))
        self.reach = Reach(
            np.minimum(np.where(walks, lows, inf), np.where(opens, after, inf)),
            np.maximum(np.where(walks, highs, -inf), np.where(opens, after, -inf)),
        )
        self.bids, self.asks = after
        self.stamps = self._column("time", bar) * 1000

    def _column(self, field: str, bars: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """A column of the table for bars that ascend; out of a copy, which is aligned: three times
        as fast."""
        column: npt.NDArray[Any] = self._table[field][bars[0] : bars[-1] + 1].copy()
        return column if self._is_whole else column[bars - bars[0]]

    def points(self, step: int) -> list[Point]:
        """The rest of the bar that ends with this step, then the open of the bar that begins."""
        points: list[Point] = []
        if self._fresh.item(step - 1) and self._model != "open":
            bar = self._opened.item(step - 1)
            opened, open_, high, low, close, count, _, _ = self._row(bar)
            if self._model == "ohlc":
                path = ohlc_path(open_, high, low, close)
            else:
                path = generated_path(open_, high, low, close, count, self._symbol.tick)
            points = self._quoted(bar, opened, path, continuous=True)
        if self._fresh.item(step):
            bar = self._opened.item(step)
            opened, open_, *_ = self._row(bar)
            points += self._quoted(bar, opened, ((0, open_),), continuous=False)
        return points

    def _row(self, bar: int) -> tuple[Any, ...]:
        """A bar's fields as Python's own numbers: in a quarter of numpy's time."""
        return _BAR.unpack_from(self._bytes, bar * _BAR.size)

    def _quoted(
        self, bar: int, opened: int, path: Iterable[tuple[int, float]], *, continuous: bool
    ) -> list[Point]:
        """Bids of a bar, by the milliseconds after its opening, as points."""
        name, per_unit = self.quote.symbol, self._per_unit
        opened_msc, spread = opened * 1000, self._spread.item(bar)
        # Whole points by a whole number are the nearest floats, as `np.round` has it: `round` with
        # digits takes three times as long.
        return [
            Point(
                name,
                opened_msc + after,
                bid := round(price * per_unit) / per_unit,
                round((bid + spread) * per_unit) / per_unit,
                0.0,
                0.0,
                _CHANGED,
                continuous,
            )
            for after, price in path
        ]

    def rates(self, timeframe: int, market: Market) -> Rates:
        """The bars of a timeframe, grouped once."""
        known = self._rates.get(timeframe)
        if known is not None:
            return known
        if timeframe == mt5.TIMEFRAME_M1:
            if self._is_whole:
                count = lambda: market.step + 1  # noqa: E731 (the hot path of every robot)
            else:
                count = lambda: int(self._opened[market.step]) + 1  # noqa: E731
            known = BaseRates(self._table, count, lambda: self._unfinished(market.step))
        else:
            known = GroupedRates(self._table, self.rates(mt5.TIMEFRAME_M1, market), timeframe)
        self._rates[timeframe] = known
        return known

    def _unfinished(self, step: int) -> Table:
        """The current bar as far as it has been seen: its open only, in the minute that opened
        it."""
        row: Table = self._table[self._opened[step]].copy()
        if self._fresh[step]:
            for field in ("high", "low", "close"):
                row[field] = row["open"]
            row["tick_volume"] = 1
            row["real_volume"] = 0
        return row

    def ticks(self, step: int) -> Ticks:
        """The corners of each finished bar, and the open of the unfinished one."""
        if self._corners is None:
            self._corners = self._all_corners()
        table, times = self._corners
        per_bar = len(table) // len(self._table)
        opened = int(self._opened[step]) + 1
        unfinished = int(bool(self._fresh[step]))
        seen = (opened - unfinished) * per_bar + unfinished
        return Ticks(table[:seen], times[:seen])

    def _all_corners(self) -> Ticks:
        """What a program that asks for ticks is shown of all bars."""
        bars = self._table
        if self._model == "open":
            prices, after = bars["open"][:, np.newaxis], np.zeros(1, dtype=np.int64)
        else:
            rising = bars["close"] >= bars["open"]
            first = np.where(rising, bars["low"], bars["high"])
            second = np.where(rising, bars["high"], bars["low"])
            prices = np.stack([bars["open"], first, second, bars["close"]], axis=1)
            after = np.array((0, *OHLC_TIMES))
        rows: Table = np.zeros(prices.size, dtype=TICKS)
        rows["bid"] = prices.ravel()
        rows["ask"] = self._ask(rows["bid"], np.repeat(np.arange(len(bars)), len(after)))
        rows["time_msc"] = (bars["time"][:, np.newaxis] * 1000 + after).ravel()
        rows["time"] = rows["time_msc"] // 1000
        rows["flags"] = _CHANGED
        return Ticks(rows, np.ascontiguousarray(rows["time_msc"]))


def _as_rates(name: str, table: Table) -> Table:
    """The bars in the module's own layout."""
    fields = RATES.names or ()
    missing = [field for field in fields if field not in (table.dtype.names or ())]
    if missing:
        raise MarketError(
            f"bars of {name}: the column {missing[0]!r} is missing; expected {', '.join(fields)}"
        )
    rows: Table = np.empty(len(table), dtype=RATES)
    for field in fields:
        rows[field] = table[field]
    require_ascending(rows["time"], f"bars of {name}", strictly=True)
    return rows
