"""How it went: trades, money after costs, equity and its drawdown, marked at every bar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import BarClosed, DealRecorded, SymbolSpecified
from projections.account import ACCOUNT, Account, booked, is_earned
from projections.base import Projection, Reading
from projections.positions import POSITIONS, Impact, Positions


class Valuation(msgspec.Struct):
    """What a price move of one symbol is worth: account currency per price unit and lot; and its
    point."""

    per_price: float
    point: float


class Performance(msgspec.Struct):
    """State of the performance; amounts in account currency.

    equity        balance plus floating profit as of the last bar or deal
    floating      by position, as of the last bar of its symbol
    results       by position that is not closed yet, what its deals have brought and cost
    peak          highest equity so far; what is paid in or out, or granted, moves it along
    drawdown      deepest fall of equity below its peak; drawdown_percent of that peak
    trades        positions closed; wins those with a profit after costs
    """

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


def _specified(state: Performance, event: Event[SymbolSpecified]) -> None:
    data = event.data
    state.valuations[data.symbol] = Valuation(data.tick_value / data.tick_size, data.point)


def _bar(
    state: Performance, positions: Positions, account: Account, event: Event[BarClosed]
) -> None:
    if positions.open:
        _bars(state, positions, account, (event,))


def _bars(
    state: Performance,
    positions: Positions,
    account: Account,
    events: Sequence[Event[BarClosed]],
) -> None:
    symbol = events[0].data.symbol
    valuation = state.valuations.get(symbol) if positions.open else None
    if valuation is None:
        return
    held = [(i, p) for i, p in positions.open.items() if p.symbol == symbol]
    floating, point, per_price = state.floating, valuation.point, valuation.per_price
    balance, profits = account.balance, floating.values()
    equities = []
    for event in events:
        bar = event.data
        bid = bar.close
        ask = bid + bar.spread * point
        for identifier, position in held:
            side = position.side
            move = side * ((bid if side > 0 else ask) - position.price)
            floating[identifier] = move * position.volume * per_price
        equities.append(balance + math.fsum(profits))
    _mark(state, equities)


def _deal(
    state: Performance, positions: Positions, account: Account, event: Event[DealRecorded]
) -> None:
    deal, impact = event.data, positions.impact
    if impact is not None:
        _trade(state, positions, deal, impact)
    elif not is_earned(deal):
        state.peak += booked(deal)
    _mark(state, (account.balance + math.fsum(state.floating.values()),))


def _trade(state: Performance, positions: Positions, deal: DealRecorded, impact: Impact) -> None:
    identifier, did = deal.position_id, impact.did
    result = state.results.get(identifier, 0.0) + booked(deal)
    # What the deal has realised floats no more, or equity would count it twice until the next bar.
    if did == "reduced" and identifier in state.floating:
        left = positions.open[identifier].volume
        state.floating[identifier] = state.floating[identifier] * left / impact.volume
    elif did in _ENDING:
        state.floating.pop(identifier, None)
    if did == "closed":
        state.results.pop(identifier, None)
        _closed(state, result)
    else:
        state.results[identifier] = result


_ENDING = frozenset({"closed", "rolled", "early", "turned"})
"""What leaves nothing of what was held."""


def _closed(state: Performance, result: float) -> None:
    state.trades += 1
    if result > 0.0:
        state.wins += 1
        state.gross_profit += result
    else:
        state.gross_loss -= result


def _mark(state: Performance, equities: Iterable[float]) -> None:
    """Take in equity as it was one time after the other, at least once."""
    equity, peak, drawdown = state.equity, state.peak, state.drawdown
    for equity in equities:
        if equity > peak:
            peak = equity
        elif peak - equity > drawdown:
            drawdown = peak - equity
            state.drawdown_percent = 100.0 * drawdown / peak if peak > 0.0 else 0.0
    state.equity, state.peak, state.drawdown = equity, peak, drawdown


_HANDLERS: dict[Any, Any] = {
    SymbolSpecified: _specified,
    BarClosed: Reading(_bar, (POSITIONS, ACCOUNT)),
    DealRecorded: Reading(_deal, (POSITIONS, ACCOUNT)),
}

PERFORMANCE = Projection("performance", 5, Performance, _HANDLERS, _bars)
