"""The market as far as decisions need it: symbols' constraints and every series' last bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import BarClosed, ClockOffsetMeasured, RunStarted, SymbolSpecified
from projections.base import Projection


@dataclass(slots=True)
class Series:
    """The newest bars of one symbol and timeframe, oldest first; at least `keep` once there were
    so many. The last one opened at `last_time`, server seconds."""

    last_time: int = 0
    bars: list[BarClosed] = field(default_factory=list)


class Market(msgspec.Struct):
    """State of the market.

    keep      bars of each series to remember: what strategies need to be rebuilt at a start
    series    by "SYMBOL TIMEFRAME"
    offset_s  server time minus UTC, seconds, as last measured
    """

    keep: int = 0
    symbols: dict[str, SymbolSpecified] = {}
    series: dict[str, Series] = {}
    offset_s: int = 0


ROOM = 64
"""Bars beyond twice as many as are kept with which a series is full, and cut."""


@cache  # every bar asks, and of series there are few
def series_name(symbol: str, timeframe: str) -> str:
    """Return the key of a series."""
    return f"{symbol} {timeframe}"


def recent(market: Market, symbol: str, timeframe: str) -> list[BarClosed]:
    """Return the remembered bars of a series, oldest first, at most `keep` of them."""
    series = market.series.get(series_name(symbol, timeframe))
    return series.bars[-market.keep :] if series is not None and market.keep else []


def _started(state: Market, event: Event[RunStarted]) -> None:
    state.keep = event.data.warmup


def _specified(state: Market, event: Event[SymbolSpecified]) -> None:
    state.symbols[event.data.symbol] = event.data


def _offset(state: Market, event: Event[ClockOffsetMeasured]) -> None:
    state.offset_s = event.data.offset_s


def _bar(state: Market, event: Event[BarClosed]) -> None:
    bar = event.data
    name = series_name(bar.symbol, bar.timeframe)
    series = state.series.get(name)
    if series is None:
        series = state.series[name] = Series()
    series.last_time = bar.time
    bars = series.bars
    bars.append(bar)
    # Cut seldom, so that a bar costs the same however many are kept.
    if len(bars) >= 2 * state.keep + ROOM:
        del bars[: len(bars) - state.keep]


def _bars(state: Market, events: Sequence[Event[BarClosed]]) -> None:
    last, keep = events[-1].data, state.keep
    series = state.series.get(series_name(last.symbol, last.timeframe))
    if series is None or len(events) > ROOM:
        for event in events:
            _bar(state, event)
        return
    series.last_time = last.time
    bars = series.bars
    bars += [event.data for event in events]
    late = len(bars) - 2 * keep - ROOM  # bars since the one with which it was full
    if late >= 0:
        del bars[: len(bars) - keep - late]


_HANDLERS: dict[Any, Any] = {
    RunStarted: _started,
    SymbolSpecified: _specified,
    ClockOffsetMeasured: _offset,
    BarClosed: _bar,
}

MARKET = Projection("market", 2, Market, _HANDLERS, _bars)
