"""The account's money, from deals alone: the balance is their sum."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import DealRecorded, TerminalConnected
from journal.events.mt5 import DealType
from projections.base import Projection

_BALANCE, _CREDIT = DealType.BALANCE, DealType.CREDIT
_COMMISSIONS = frozenset(
    {
        DealType.COMMISSION,
        DealType.COMMISSION_DAILY,
        DealType.COMMISSION_MONTHLY,
        DealType.COMMISSION_AGENT_DAILY,
        DealType.COMMISSION_AGENT_MONTHLY,
    }
)
_INCOME = frozenset(
    {
        DealType.CHARGE,
        DealType.INTEREST,
        DealType.DIVIDEND,
        DealType.DIVIDEND_FRANKED,
        DealType.TAX,
    }
)
_TRADES = frozenset({DealType.BUY, DealType.SELL, DealType.BUY_CANCELED, DealType.SELL_CANCELED})
_EARNED = _TRADES | _COMMISSIONS | _INCOME


class Account(msgspec.Struct):
    """State of the account; all amounts in its currency.

    balance   all below but the credit: `deposits + granted + profit + … + income`
    credit    lent by the broker; it is part of no balance, and of no equity here
    deposits  paid in, less what was withdrawn
    granted   bonuses, corrections and operations of kinds that nobody knows: neither paid in nor
              earned
    profit, commission, swap, fee   sums over trades; commissions booked by themselves are with them
    income    dividends and interest, less taxes and charges
    """

    currency: str = ""
    leverage: int = 0
    balance: float = 0.0
    credit: float = 0.0
    deposits: float = 0.0
    granted: float = 0.0
    profit: float = 0.0
    commission: float = 0.0
    swap: float = 0.0
    fee: float = 0.0
    income: float = 0.0
    deals: int = 0


def booked(deal: DealRecorded) -> float:
    """Return what a deal adds to the balance."""
    return deal.profit + deal.commission + deal.swap + deal.fee if deal.type != _CREDIT else 0.0


def is_earned(deal: DealRecorded) -> bool:
    """Tell whether what a deal adds to the balance is a result of trading, and not of paying in or
    out."""
    return deal.type in _EARNED


def net_profit(state: Account) -> float:
    """Return realised profit after all costs; what was paid in or granted is none."""
    return state.profit + state.income + (state.commission + state.swap + state.fee)


def _connected(state: Account, event: Event[TerminalConnected]) -> None:
    state.currency, state.leverage = event.data.currency, event.data.leverage


def _deal(state: Account, event: Event[DealRecorded]) -> None:
    deal = event.data
    kind = deal.type
    state.deals += 1
    if kind == _CREDIT:
        state.credit += deal.profit
        return
    state.balance += booked(deal)
    state.commission += deal.commission
    state.swap += deal.swap
    state.fee += deal.fee
    if kind in _TRADES:
        state.profit += deal.profit
    elif kind == _BALANCE:
        state.deposits += deal.profit
    elif kind in _COMMISSIONS:
        state.commission += deal.profit
    elif kind in _INCOME:
        state.income += deal.profit
    else:
        state.granted += deal.profit


_HANDLERS: dict[Any, Any] = {TerminalConnected: _connected, DealRecorded: _deal}

ACCOUNT = Projection("account", 2, Account, _HANDLERS)
