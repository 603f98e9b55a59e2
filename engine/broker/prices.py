"""Prices as a broker demands them: on the tick grid, and stops on the right side of the market.

Pure functions, used by the kernel when it decides and by the adapter when it sends. Source of the
distances: `engine/broker/MT5.md` 3.4 (MQL5 book 6.1.18).
"""

from __future__ import annotations

from journal.events import QuoteObserved, SymbolSpecified


def round_to_tick(price: float, spec: SymbolSpecified) -> float:
    """Return the nearest price on the symbol's tick grid, with the symbol's digits and no binary
    dust."""
    return round(round(price / spec.tick_size) * spec.tick_size, spec.digits)


def stops_problem(
    side: str, quote: QuoteObserved, sl: float, tp: float, spec: SymbolSpecified
) -> str:
    """Return why the broker would refuse these levels of a market order, empty when it would not.

    A position is closed at the opposite side of the spread, so a buy's levels are measured from Bid
    and a sell's
    from Ask, each at least the stops level away; with a level of zero they must still lie beyond
    the price.
    """
    least = max(spec.stops_level * spec.point, spec.tick_size)
    if side == "buy":
        market, below, above = "Bid", quote.bid - sl, tp - quote.bid
        price = quote.bid
    else:
        market, below, above = "Ask", sl - quote.ask, quote.ask - tp
        price = quote.ask
    slack = spec.tick_size / 2  # the grid is exact only to rounding
    for name, level, distance in (("stop", sl, below), ("target", tp, above)):
        if distance < least - slack:
            return (
                f"{name} {level:g} is {distance / spec.point:.0f} points from {market} {price:g}, "
                f"at least {least / spec.point:.0f} are needed"
            )
    return ""
