"""How it went: trades, money after costs, equity and its drawdown, marked at every bar."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import BarClosed, DealRecorded, SymbolSpecified
from journal.events.mt5 import DealEntry, DealType
from projections.account import ACCOUNT, Account, is_earned
from projections.base import Projection
from projections.positions import POSITIONS, Positions


class Valuation(msgspec.Struct):
    """What a price move of one symbol is worth: account currency per price unit and lot; and its
    point."""

    per_price: float
    point: float


class Performance(msgspec.Struct):
    """State of the performance; amounts in account currency.

    equity        balance plus floating profit as of the last bar or deal
    floating      by position, as of the last bar of its symbol
    peak          highest equity so far; what is paid in or out, or granted, moves it along
    drawdown      deepest fall of equity below its peak; drawdown_percent of that peak
    trades        positions closed; wins those with a profit after costs
    """

    book: Positions
    account: Account
    valuations: dict[str, Valuation] = {}
    floating: dict[int, float] = {}
    results: dict[int, float] = {}
    equity: float = 0.0
    peak: float = 0.0
    drawdown: float = 0.0
    drawdown_percent: float = 0.0
    trades: int = 0
    wins: int = 0
    gross_profit: float = 0.0
    gross_loss: float = 0.0


def initial() -> Performance:
    """Return the state before any event."""
    return Performance(book=Positions(), account=Account())


def net_profit(state: Performance) -> float:
    """Return realised profit after all costs; what was paid in or granted is none."""
    account = state.account
    costs = account.commission + account.swap + account.fee
    return account.profit + account.income + costs


def _specified(state: Performance, event: Event[SymbolSpecified]) -> None:
    data = event.data
    state.valuations[data.symbol] = Valuation(data.tick_value / data.tick_size, data.point)


def _bar(state: Performance, event: Event[BarClosed]) -> None:
    if not state.book.open:
        return
    bar = event.data
    valuation = state.valuations.get(bar.symbol)
    if valuation is None:
        return
    bid, floating, per_price = bar.close, state.floating, valuation.per_price
    ask = bid + bar.spread * valuation.point
    for identifier, position in state.book.open.items():
        if position.symbol == bar.symbol:
            side = position.side
            move = side * ((bid if side > 0 else ask) - position.price)
            floating[identifier] = move * position.volume * per_price
    _mark(state)


def _deal(state: Performance, event: Event[DealRecorded]) -> None:
    deal = event.data
    known = state.book.open.get(deal.position_id)
    volume = known.volume if known is not None else 0.0
    POSITIONS.evolve(state.book, event)
    before = state.account.balance
    ACCOUNT.evolve(state.account, event)
    if not is_earned(deal):
        state.peak += state.account.balance - before
    elif deal.type in (DealType.BUY, DealType.SELL):
        result = deal.profit + deal.commission + deal.swap + deal.fee
        state.results[deal.position_id] = state.results.get(deal.position_id, 0.0) + result
        if known is not None and deal.entry != DealEntry.IN:
            _unfloat(state, deal, volume)
        if deal.position_id not in state.book.open and deal.position_id not in state.book.early:
            _closed(state, deal.position_id)
    _mark(state)


def _unfloat(state: Performance, deal: DealRecorded, volume: float) -> None:
    # What the deal has realised floats no more, or equity would count it twice until the next bar.
    floated = state.floating.pop(deal.position_id, 0.0)
    rest = state.book.open.get(deal.position_id)
    if rest is not None and deal.entry != DealEntry.INOUT:
        state.floating[deal.position_id] = floated * rest.volume / volume


def _closed(state: Performance, identifier: int) -> None:
    result = state.results.pop(identifier)
    state.trades += 1
    if result > 0.0:
        state.wins += 1
        state.gross_profit += result
    else:
        state.gross_loss -= result


def _mark(state: Performance) -> None:
    equity = state.equity = state.account.balance + math.fsum(state.floating.values())
    if equity > state.peak:
        state.peak = equity
        return
    fall = state.peak - equity
    if fall > state.drawdown:
        state.drawdown = fall
        state.drawdown_percent = 100.0 * fall / state.peak if state.peak > 0.0 else 0.0


_HANDLERS: dict[Any, Any] = {
    SymbolSpecified: _specified,
    BarClosed: _bar,
    DealRecorded: _deal,
}

PERFORMANCE = Projection("performance", 3, initial, _HANDLERS)
