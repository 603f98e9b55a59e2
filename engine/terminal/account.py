"""The money of the account as it stands now: floating profit, equity, margin. Reads the book, never
changes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from engine.terminal import money
from engine.terminal.book import Book, Position
from engine.terminal.decimals import rounded
from engine.terminal.market.base import Quote
from engine.terminal.money import BUY, Converter
from engine.terminal.profile import Profile, Symbol


class Standing(msgspec.Struct, frozen=True, gc=False):
    """The account's money at one moment, in its currency; `level` is equity / margin in percent."""

    balance: float
    credit: float
    profit: float
    equity: float
    margin: float
    free: float
    level: float


class Account:
    """Computes what the account is worth."""

    def __init__(self, profile: Profile, book: Book, quotes: Mapping[str, Quote]) -> None:
        self.profile = profile
        self.book = book
        self.quotes = quotes
        self.digits = profile.account.currency_digits
        self.currency = profile.account.currency
        self.leverage = profile.account.leverage
        #: Whether every deal opens a position of its own.
        self.hedging = profile.account.margin_mode == "hedging"
        self.converter = Converter(profile, quotes)
        #: Pairs of margin and account currency: they convert themselves.
        self._own_rate = {
            name
            for name, symbol in profile.symbols.items()
            if symbol.calc_mode.startswith("forex")
            and (symbol.margin_currency, self.currency)
            == (symbol.currency_base, symbol.currency_profit)
        }

    def symbol(self, name: str) -> Symbol:
        """The instrument of that name."""
        return self.profile.symbols[name]

    def closing_price(self, position: Position) -> float:
        """The price at which a position could be closed now."""
        quote = self.quotes[position.symbol]
        return quote.bid if position.type == BUY else quote.ask

    def profit_at(self, name: str, side: int, volume: float, opened: float, closed: float) -> float:
        """Profit in the account's currency, rounded as it would be booked."""
        symbol = self.profile.symbols[name]
        raw = money.profit(symbol, side, volume, opened, closed)
        rate = self.converter.rate(symbol.currency_profit, buying=raw < 0)
        return rounded(raw * rate, self.digits)

    def floating(self, position: Position) -> float:
        """A position's profit now, without swap."""
        closed = self.closing_price(position)
        return self.profit_at(
            position.symbol, position.type, position.volume, position.price_open, closed
        )

    def profit(self) -> float:
        """Floating profit and swap of all positions."""
        positions, total = self.book.positions, 0.0
        if not positions:
            return total
        for position in positions.values():
            total += self.floating(position) + position.swap
        return rounded(total, self.digits)

    def shown_profit(self, profit: float) -> float:
        """What `account_info().profit` says of the floating profit, by the profile's switch."""
        if self.profile.switches.account_profit_with_swap:
            return profit
        swaps = sum(position.swap for position in self.book.positions.values())
        return rounded(profit - swaps, self.digits)

    def margin_call(self) -> bool:
        """Whether the broker would call for more margin: a flag only, nothing is done about it."""
        if not self.book.positions:
            return False
        standing, rule = self.standing(), self.profile.account.stop_out
        return (standing.equity if rule.mode == "money" else standing.level) <= rule.call

    def equity(self) -> float:
        """Balance, credit and floating profit."""
        return rounded(self.book.balance + self.book.credit + self.profit(), self.digits)

    def margin_for(self, name: str, side: int, volume: float, price: float) -> float:
        """Margin of a trade by itself, as `order_calc_margin` gives it."""
        symbol = self.profile.symbols[name]
        raw = money.margin(symbol, volume, price, self.leverage)
        return rounded(raw * self.margin_rate(name, side, price), self.digits)

    def margin_rate(self, name: str, side: int, price: float) -> float:
        """Account currency for one unit of a symbol's margin currency.

        A pair of margin and account currency converts itself, at the price of the trade.
        """
        if name in self._own_rate:
            return price
        symbol = self.profile.symbols[name]
        return self.converter.rate(symbol.margin_currency, buying=side == BUY)

    def margin(self) -> float:
        """Margin of all positions, opposite ones of a symbol set off against each other."""
        return rounded(self._exact_margin(), self.digits) if self.book.positions else 0.0

    def _exact_margin(self) -> float:
        total = 0.0
        for name, positions in self.book.by_symbol.items():
            if positions:
                total += self._margin_of(name, *_sides(positions.values()))
        return total

    def margins(self, name: str, side: int, volume: float, price: float) -> tuple[float, float]:
        """Margin of all positions, and what it would be if this trade were done as well."""
        exact, held = self._exact_margin(), self.book.by_symbol[name]
        volumes, values = _sides(held.values())
        before = self._margin_of(name, volumes, values) if held else 0.0
        if held and not self.hedging and not volumes[side]:  # the other side is reduced
            (position,) = held.values()
            volumes, values = [0.0, 0.0], [0.0, 0.0]
            volume -= position.volume
            if volume < 0:
                side, volume, price = position.type, -volume, position.price_open
        if volume > 0:
            volumes[side] += volume
            values[side] += volume * price
        after = self._margin_of(name, volumes, values)
        return rounded(exact, self.digits), rounded(exact - before + after, self.digits)

    def _margin_of(self, name: str, volumes: list[float], values: list[float]) -> float:
        """Margin of a symbol's lots, and of what they are worth at the open, by side."""
        larger = 0 if volumes[0] >= volumes[1] else 1
        if not volumes[larger]:
            return 0.0
        price = values[larger] / volumes[larger]
        covered = min(volumes)
        symbol = self.profile.symbols[name]
        rate = self.margin_rate(name, larger, price)
        per_lot = money.margin_per_lot(symbol, symbol.contract_size, price, self.leverage)
        if symbol.margin.hedged_use_leg or not covered:
            return volumes[larger] * per_lot * rate
        open_part = (volumes[larger] - covered) * per_lot
        hedged_part = covered * money.hedged_per_lot(symbol, price, self.leverage)
        return (open_part + hedged_part) * rate

    def standing(self) -> Standing:
        """The whole of it."""
        profit = self.profit()
        equity = rounded(self.book.balance + self.book.credit + profit, self.digits)
        margin = self.margin()
        return Standing(
            balance=self.book.balance,
            credit=self.book.credit,
            profit=profit,
            equity=equity,
            margin=margin,
            free=rounded(equity - margin, self.digits),
            level=equity / margin * 100 if margin else 0.0,
        )


def _sides(positions: Iterable[Position]) -> tuple[list[float], list[float]]:
    """Lots of positions, and lots times the price of the open, by side."""
    volumes, values = [0.0, 0.0], [0.0, 0.0]
    for position in positions:
        volumes[position.type] += position.volume
        values[position.type] += position.volume * position.price_open
    return volumes, values
