"""What protection must remember of each open position beyond what the position itself says: its
first stop, all that was opened, the best price since, and how often its wishes were refused.

It decides nothing: what to do with it is for `engine.execution.protection`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    BarClosed,
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    DealRecorded,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderVetoed,
    PositionAdjusted,
    PriceSeen,
    QuoteObserved,
    RunStarted,
    SymbolSpecified,
)
from projections.base import Projection, Reading
from projections.positions import POSITIONS, Position, Positions

SECONDS = {
    "M1": 60,
    "M5": 300,
    "M15": 900,
    "M30": 1800,
    "H1": 3600,
    "H4": 14_400,
    "D1": 86_400,
}
"""Length of a bar by its timeframe."""

WAIT_MS = (5_000, 300_000)
"""Shortest and longest wait after a wish that was refused; doubled with each in a row."""


class Track(msgspec.Struct, gc=False):
    """What is remembered of one open position.

    opened_msc  server milliseconds of the deal that opened it
    stop        price level of the stop that it was opened with, weighted by volume where it was
                added to; 0 where there was none
    opened      lots, in all
    best        price units: the best at which it could have been closed since
    stops       by order key, what its orders had for a stop
    refusals    how many wishes were refused in a row
    wait_msc    server milliseconds until which nothing is asked for after that
    """

    opened_msc: int
    stop: float
    opened: float
    best: float
    stops: dict[str, float] = {}
    refusals: int = 0
    wait_msc: int = 0


class Price(msgspec.Struct):
    """A symbol's market as last seen; `msc` server milliseconds."""

    bid: float
    ask: float
    msc: int


class Protection(msgspec.Struct):
    """State of all positions' protection.

    on       whether the run's configuration protects anything; prices are followed only then
    tracks   by position identifier
    stops    by order key, of intents that have opened nothing yet
    asked    by the key of a change or a close under way, the position that it is for
    prices   of symbols with an open position, as last seen
    points   by symbol, price units
    spreads  by symbol, price units: Ask minus Bid of the newest tick that was recorded
    """

    on: bool = False
    tracks: dict[int, Track] = {}
    stops: dict[str, float] = {}
    asked: dict[str, int] = {}
    prices: dict[str, Price] = {}
    points: dict[str, float] = {}
    spreads: dict[str, float] = {}


def waits(track: Track, msc: int) -> bool:
    """Tell whether a refusal is too fresh for another try. `msc`: server milliseconds; a clock
    that is set back does not make the wait longer."""
    return 0 < track.wait_msc - msc <= WAIT_MS[1]


def _started(state: Protection, event: Event[RunStarted]) -> None:
    strategies = event.data.config.get("strategies", ())
    state.on = any(strategy.get("protection") for strategy in strategies)
    state.prices.clear()


def _specified(state: Protection, event: Event[SymbolSpecified]) -> None:
    state.points[event.data.symbol] = event.data.point


def _intended(state: Protection, event: Event[OrderIntended]) -> None:
    if event.data.action == "open":
        state.stops[event.data.key] = event.data.sl


def _finished(state: Protection, positions: Positions, event: Event[OrderFinished]) -> None:
    if not event.data.filled:
        _refuse(state, positions, event.data.key)


def _deal(state: Protection, positions: Positions, event: Event[DealRecorded]) -> None:
    impact = positions.impact
    if impact is None:
        return
    if event.corr in state.asked:  # a close that fills, in part at least
        _agree(state, event.corr)
    did = impact.did
    position = positions.open.get(event.data.position_id)
    if position is None:
        _closed(state, positions, event.data)
    elif did in ("opened", "turned"):
        stop = state.stops.pop(event.corr, 0.0)
        state.tracks[position.identifier] = Track(
            event.data.time_msc, stop, position.volume, position.price, {event.corr: stop}
        )
    elif did == "added":
        _added(state, position, event)
    elif did == "reopened":  # a swap: another price, the same distance to the stop
        track = state.tracks[position.identifier]
        track.stop += position.price - impact.price if track.stop else 0.0


def _closed(state: Protection, positions: Positions, deal: DealRecorded) -> None:
    identifier, symbol = deal.position_id, deal.symbol
    if identifier not in positions.rolled:
        state.tracks.pop(identifier, None)
    for key in [key for key, position in state.asked.items() if position == identifier]:
        del state.asked[key]
    if symbol in state.prices and all(p.symbol != symbol for p in positions.open.values()):
        del state.prices[symbol]


def _added(state: Protection, position: Position, event: Event[DealRecorded]) -> None:
    track, volume = state.tracks[position.identifier], event.data.volume
    if event.corr in state.stops:
        track.stops[event.corr] = state.stops.pop(event.corr)
    stop = track.stops.get(event.corr, 0.0)
    if stop and track.stop:
        share = volume / position.volume
        track.stop += (stop - track.stop) * share
    track.opened += volume


def _adjusted(state: Protection, event: Event[PositionAdjusted]) -> None:
    track = state.tracks.get(event.data.identifier)
    if track is not None and not track.stop:  # opened by others: its first stop that is known
        track.stop = event.data.sl


def _bar(state: Protection, positions: Positions, event: Event[BarClosed]) -> None:
    if not state.on or not positions.open:
        return
    bar = event.data
    # A bar's own spread is of one moment of it; what is paid now is rather that of the last tick.
    own = bar.spread * state.points.get(bar.symbol, 0.0)
    spread = max(own, state.spreads.get(bar.symbol, 0.0))
    msc = (bar.time + SECONDS[bar.timeframe]) * 1000
    held = False
    for position in positions.open.values():
        if position.symbol != bar.symbol:
            continue
        held = True
        track = state.tracks[position.identifier]
        # Of the bar in which it was opened only the close is surely later than the opening.
        whole = bar.time * 1000 >= track.opened_msc
        if position.side > 0:
            _follow(track, 1, bar.high if whole else bar.close)
        else:
            _follow(track, -1, (bar.low if whole else bar.close) + spread)
    if held:
        state.prices[bar.symbol] = Price(bar.close, bar.close + spread, msc)


def _bars(state: Protection, positions: Positions, events: Sequence[Event[BarClosed]]) -> None:
    if state.on and positions.open:
        for event in events:
            _bar(state, positions, event)


def _quote(state: Protection, event: Event[QuoteObserved]) -> None:
    state.spreads[event.data.symbol] = event.data.ask - event.data.bid


def _price(state: Protection, positions: Positions, event: Event[PriceSeen]) -> None:
    seen = event.data
    state.spreads[seen.symbol] = seen.ask - seen.bid
    for position in positions.open.values():
        if position.symbol == seen.symbol:
            price = seen.bid if position.side > 0 else seen.ask
            _follow(state.tracks[position.identifier], position.side, price)
    state.prices[seen.symbol] = Price(seen.bid, seen.ask, seen.time_msc)


def _follow(track: Track, side: int, price: float) -> None:
    if side * (price - track.best) > 0.0:
        track.best = price


def _proposed(state: Protection, event: Event[OrderProposed]) -> None:
    if event.data.action == "close":
        state.asked[event.data.key] = event.data.position


def _changing(state: Protection, event: Event[ChangeIntended]) -> None:
    if event.data.action == "levels":
        state.asked[event.data.key] = event.data.position


def _applied(state: Protection, event: Event[ChangeApplied]) -> None:
    _agree(state, event.data.key)


def _refused(
    state: Protection,
    positions: Positions,
    event: Event[OrderRefused | OrderVetoed | ChangeRefused],
) -> None:
    _refuse(state, positions, event.data.key)


def _agree(state: Protection, key: str) -> None:
    track = state.tracks.get(state.asked.pop(key, 0))
    if track is not None:
        track.refusals = track.wait_msc = 0


def _refuse(state: Protection, positions: Positions, key: str) -> None:
    state.stops.pop(key, None)
    identifier = state.asked.pop(key, 0)
    track = state.tracks.get(identifier)
    if track is None:
        return
    held = positions.open.get(identifier)
    price = state.prices.get(held.symbol) if held is not None else None
    shortest, longest = WAIT_MS
    track.refusals += 1
    wait = min(shortest << min(track.refusals - 1, 16), longest)
    track.wait_msc = (price.msc if price is not None else track.opened_msc) + wait


_HANDLERS: dict[Any, Any] = {
    RunStarted: _started,
    SymbolSpecified: _specified,
    OrderIntended: _intended,
    OrderFinished: Reading(_finished, (POSITIONS,)),
    OrderProposed: _proposed,
    OrderVetoed: Reading(_refused, (POSITIONS,)),
    OrderRefused: Reading(_refused, (POSITIONS,)),
    ChangeIntended: _changing,
    ChangeApplied: _applied,
    ChangeRefused: Reading(_refused, (POSITIONS,)),
    DealRecorded: Reading(_deal, (POSITIONS,)),
    PositionAdjusted: _adjusted,
    BarClosed: Reading(_bar, (POSITIONS,)),
    PriceSeen: Reading(_price, (POSITIONS,)),
    QuoteObserved: _quote,
}

PROTECTION = Projection("protection", 2, Protection, _HANDLERS, _bars)
