"""Profit, margin and conversion by MetaTrader's documented formulas. Pure functions.

Volumes are lots, prices are prices, results are in the currency the docstring names. Source of the
formulas: MQL5 "Symbol properties", SYMBOL_TRADE_CALC_MODE (facts 4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from engine.terminal import constants as mt5
from engine.terminal.errors import ProfileError
from engine.terminal.market.base import Quote
from engine.terminal.profile import Profile, Symbol

BUY = mt5.ORDER_TYPE_BUY

#: Units of account currency for one unit of another; True asks for the rate at which it is bought.
Rate: TypeAlias = Callable[[bool], float]


def profit(symbol: Symbol, side: int, volume: float, opened: float, closed: float) -> float:
    """Profit in the symbol's profit currency; `side` is ORDER_TYPE_BUY or ORDER_TYPE_SELL."""
    move = closed - opened if side == BUY else opened - closed
    return move * volume * value_of_price(symbol)


def value_of_price(symbol: Symbol) -> float:
    """What a move of 1.0 in price earns with one lot, in the profit currency."""
    if symbol.calc_mode in ("futures", "exchange_futures"):
        return symbol.tick_value / symbol.tick
    return symbol.contract_size


def margin(symbol: Symbol, volume: float, price: float, leverage: int) -> float:
    """Margin in the symbol's margin currency."""
    return volume * margin_per_lot(symbol, symbol.contract_size, price, leverage)


def margin_per_lot(symbol: Symbol, contract: float, price: float, leverage: int) -> float:
    """Margin of one lot with that contract size, in the margin currency."""
    match symbol.calc_mode:
        case "forex":
            return contract / leverage
        case "forex_no_leverage":
            return contract
        case "cfd" | "exchange_stocks":
            return contract * price
        case "cfd_leverage":
            return contract * price / leverage
        case "cfd_index":
            return contract * price * symbol.tick_value / symbol.tick
        case _:  # futures
            return symbol.margin.initial


def hedged_per_lot(symbol: Symbol, price: float, leverage: int) -> float:
    """Margin of one lot that an opposite lot covers, in the margin currency.

    `margin.hedged` is a contract size, or money per lot where `margin.initial` rules (facts 4.3).
    """
    if symbol.calc_mode in ("futures", "exchange_futures"):
        return symbol.margin.hedged
    return margin_per_lot(symbol, symbol.margin.hedged, price, leverage)


class Converter:
    """Rates from any currency to the account's, through the symbols the profile has quotes for.

    A rate through `XXXYYY` uses the bid when XXX is sold and the ask when it is bought. A currency
    no symbol converts directly goes through the US dollar, then by the profile's fixed `rates`.
    """

    def __init__(self, profile: Profile, quotes: Mapping[str, Quote]) -> None:
        self._profile = profile
        self._quotes = quotes
        self._target = profile.account.currency
        self._rates: dict[str, Rate] = {}
        self._movers: dict[str, tuple[str, ...]] = {}

    def rate(self, currency: str, *, buying: bool = False) -> float:
        """Account currency for one unit of `currency`.

        Raises:
            ProfileError: nothing converts it.
        """
        if currency == self._target:
            return 1.0
        rate = self._rates.get(currency)
        if rate is None:
            rate = self._rates[currency] = self._find(currency)
        return rate(buying)

    def symbols_for(self, name: str) -> tuple[str, ...]:
        """The other symbols whose quotes move what a symbol's profit and margin are worth."""
        movers = self._movers.get(name)
        if movers is None:  # which they are never changes
            symbol = self._profile.symbols[name]
            currencies = {symbol.currency_profit, symbol.margin_currency}
            movers = self._movers[name] = tuple(
                other
                for other in self._quotes
                if other != name and any(self._moves(other, currency) for currency in currencies)
            )
        return movers

    def _moves(self, name: str, currency: str) -> bool:
        """Whether a symbol's quote moves the rate of a currency."""
        symbol = self._profile.symbols[name]
        pair = {symbol.currency_base, symbol.currency_profit}
        return (
            currency != self._target
            and pair <= {currency, self._target, "USD"}
            and self._is_pair(name)
        )

    def _is_pair(self, name: str) -> bool:
        symbol = self._profile.symbols[name]
        return symbol.calc_mode in ("forex", "forex_no_leverage") and (
            symbol.currency_base != symbol.currency_profit
        )

    def _find(self, currency: str) -> Rate:
        direct = self._through(currency, self._target)
        if direct is not None:
            return direct
        first, second = self._through(currency, "USD"), self._through("USD", self._target)
        if first is not None and second is not None:
            return lambda buying: first(buying) * second(buying)
        fixed = self._profile.rates.get(currency)
        if fixed is not None:
            return lambda buying: fixed
        raise ProfileError(
            f"profile {self._profile.name}: nothing converts {currency} to {self._target}."
            f" Give the market quotes of {currency}{self._target} or {self._target}{currency}, or"
            f" the profile a fixed rate (`rates: {{{currency}: …}}`)"
        )

    def _through(self, source: str, target: str) -> Rate | None:
        for name, quote in self._quotes.items():
            symbol = self._profile.symbols[name]
            if not self._is_pair(name):
                continue
            if (symbol.currency_base, symbol.currency_profit) == (source, target):
                return _selling(quote)
            if (symbol.currency_base, symbol.currency_profit) == (target, source):
                return _inverted(quote)
        return None


def _selling(quote: Quote) -> Rate:
    return lambda buying: quote.ask if buying else quote.bid


def _inverted(quote: Quote) -> Rate:
    return lambda buying: 1.0 / (quote.bid if buying else quote.ask)
