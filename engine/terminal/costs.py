"""What trading costs: commission. Pure functions of the profile's rules and a deal."""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal import money
from engine.terminal.account import Account
from engine.terminal.decimals import rounded

_ENTRIES = (mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_INOUT)


def commission(account: Account, name: str, entry: int, volume: float, price: float) -> float:
    """The commission of a deal in account currency, negative, rounded as it is booked."""
    symbol = account.symbol(name)
    rule = symbol.commission or account.profile.commission
    if entry == mt5.DEAL_ENTRY_OUT_BY:
        return 0.0  # closing by an opposite position trades nothing
    if rule.charged == "entry" and entry not in _ENTRIES:
        return 0.0
    if rule.charged == "exit" and entry == mt5.DEAL_ENTRY_IN:
        return 0.0
    amount = rule.per_lot * volume
    if rule.currency is not None:
        amount *= account.converter.rate(rule.currency, buying=True)
    if rule.percent:
        value = price * volume * money.value_of_price(symbol)
        amount += value * rule.percent / 100 * account.converter.rate(symbol.currency_profit)
    amount = max(amount, rule.minimum)
    return -rounded(amount, account.digits) if amount else 0.0
