"""The depth of market that a simulated broker shows: levels around the quote, from the profile
alone."""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal.market.base import Quote
from engine.terminal.profile import Symbol
from engine.terminal.records import BookInfo

#: Lots at the best price when the profile sets no limit on what can be traded at once.
_PLENTY = 50.0


def order_book(symbol: Symbol, quote: Quote) -> tuple[tuple[object, ...], ...]:
    """Offers from the highest down, then bids; `book_depth` levels of each, one tick apart.

    The best level holds what a market order can get at once, each further one as much again.
    """
    if not quote.bid:
        return ()
    volume = symbol.available_volume or _PLENTY
    offers = [
        _level(mt5.BOOK_TYPE_SELL, quote.ask + symbol.tick * step, volume * (step + 1), symbol)
        for step in reversed(range(symbol.book_depth))
    ]
    bids = [
        _level(mt5.BOOK_TYPE_BUY, quote.bid - symbol.tick * step, volume * (step + 1), symbol)
        for step in range(symbol.book_depth)
    ]
    return tuple(offers + bids)


def _level(kind: int, price: float, volume: float, symbol: Symbol) -> tuple[object, ...]:
    record: tuple[object, ...] = BookInfo(
        (kind, round(price, symbol.digits), int(volume), float(volume))
    )
    return record
