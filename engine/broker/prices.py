"""Prices as a broker demands them: on the tick grid, and on the right side of the market.

Pure functions, used by the kernel when it decides and by the adapter when it sends. Source of the
distances: `engine/broker/MT5.md` 3.4 (MQL5 book 6.1.18).
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from journal.events import BarClosed, SymbolSpecified


class Prices(Protocol):
    """The two sides of the market, price units."""

    @property
    def bid(self) -> float: ...
    @property
    def ask(self) -> float: ...


class Market(msgspec.Struct, frozen=True, gc=False):
    """The two sides of the market, price units."""

    bid: float
    ask: float


def at_close(bar: BarClosed, spec: SymbolSpecified) -> Market:
    """Return the market as a bar left it: bars show Bid, and the spread in points."""
    return Market(bar.close, bar.close + bar.spread * spec.point)


def round_to_tick(price: float, spec: SymbolSpecified) -> float:
    """Return the nearest price on the symbol's tick grid, with the symbol's digits and no binary
    dust."""
    tick_size = spec.tick_size
    ticks = round(price / tick_size)
    per_unit = _TICKS_PER_UNIT.get((tick_size, spec.digits))
    return ticks / per_unit if per_unit else round(ticks * tick_size, spec.digits)


_TICKS_PER_UNIT = {(1.0 / 10.0**digits, digits): 10.0**digits for digits in range(9)}
"""Of the grids that nearly all symbols have, by tick size and digits: whole ticks by a whole number
are the nearest float at once, and in a third of the time."""


def stops_problem(side: str, market: Prices, sl: float, tp: float, spec: SymbolSpecified) -> str:
    """Return why the broker would refuse these levels of a position or a market order, empty when
    it would not; a level of 0 is none.

    A position is closed at the opposite side of the spread, so a buy's levels are measured from Bid
    and a sell's from Ask, each at least the stops level away; with a level of zero they must still
    lie beyond the price.
    """
    name, price = ("Bid", market.bid) if side == "buy" else ("Ask", market.ask)
    return _levels_problem(1 if side == "buy" else -1, name, price, sl, tp, spec)


def pending_problem(
    kind: str,
    side: str,
    market: Prices,
    *,
    price: float,
    limit: float,
    sl: float,
    tp: float,
    spec: SymbolSpecified,
) -> str:
    """Return why the broker would refuse a pending order, empty when it would not.

    kind   `limit`, `stop` or `stop limit`
    price  at which it fills or triggers; `limit` of a stop limit

    A buy looks at Ask, a sell at Bid; its levels are measured from where it will fill.
    """
    sign = 1 if side == "buy" else -1
    name, now = ("Ask", market.ask) if side == "buy" else ("Bid", market.bid)
    ahead = sign * (price - now) if kind != "limit" else sign * (now - price)
    short = _too_near(kind, price, ahead, name, now, spec)
    if short or kind != "stop limit":
        return short or _levels_problem(sign, "its price", price, sl, tp, spec)
    back = _too_near("limit", limit, sign * (price - limit), "its stop", price, spec)
    return back or _levels_problem(sign, "its limit", limit, sl, tp, spec)


def position_frozen(side: str, market: Prices, sl: float, tp: float, spec: SymbolSpecified) -> bool:
    """Whether the market is so near to a position's stop or target that the broker takes no
    change."""
    price = market.bid if side == "buy" else market.ask
    return any(level and _frozen(price, level, spec) for level in (sl, tp))


def order_frozen(side: str, market: Prices, price: float, spec: SymbolSpecified) -> bool:
    """Whether the market is so near to a pending order's price that the broker takes no change."""
    return _frozen(market.ask if side == "buy" else market.bid, price, spec)


def _frozen(price: float, level: float, spec: SymbolSpecified) -> bool:
    points = round(abs(price - level) / spec.point)
    return spec.freeze_level > 0 and points <= spec.freeze_level


def _levels_problem(
    sign: int, name: str, price: float, sl: float, tp: float, spec: SymbolSpecified
) -> str:
    stop = _too_near("stop", sl, sign * (price - sl), name, price, spec) if sl else ""
    return stop or (_too_near("target", tp, sign * (tp - price), name, price, spec) if tp else "")


def _too_near(
    what: str, level: float, distance: float, name: str, price: float, spec: SymbolSpecified
) -> str:
    least = max(spec.stops_level * spec.point, spec.tick_size)
    if distance >= least - spec.tick_size / 2:  # the grid is exact only to rounding
        return ""
    return (
        f"{what} {level:g} is {distance / spec.point:.0f} points from {name} {price:g}, "
        f"at least {least / spec.point:.0f} are needed"
    )
