"""The account's money, from deals alone: the balance is their sum."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import DealRecorded, TerminalConnected
from journal.events.mt5 import DealType
from projections.base import Projection


class Account(msgspec.Struct):
    """State of the account; all amounts in its currency.

    deposits  balance operations, credits apart
    profit, commission, swap, fee   sums over trades
    """

    currency: str = ""
    leverage: int = 0
    balance: float = 0.0
    credit: float = 0.0
    deposits: float = 0.0
    profit: float = 0.0
    commission: float = 0.0
    swap: float = 0.0
    fee: float = 0.0
    deals: int = 0


def _connected(state: Account, event: Event[TerminalConnected]) -> None:
    state.currency, state.leverage = event.data.currency, event.data.leverage


def _deal(state: Account, event: Event[DealRecorded]) -> None:
    deal = event.data
    state.deals += 1
    if deal.type == DealType.CREDIT:
        state.credit += deal.profit
        return
    state.balance += deal.profit + deal.commission + deal.swap + deal.fee
    if deal.type == DealType.BALANCE:
        state.deposits += deal.profit
        return
    state.profit += deal.profit
    state.commission += deal.commission
    state.swap += deal.swap
    state.fee += deal.fee


_HANDLERS: dict[Any, Any] = {TerminalConnected: _connected, DealRecorded: _deal}

ACCOUNT = Projection("account", 1, Account, _HANDLERS)
