"""What happens by time alone: orders expire, and at the server's midnight swaps are charged.

The server's clock moves with ticks, so each midnight is settled with the first tick after it, at
the prices of the last tick before it.
"""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal import money
from engine.terminal.account import Account
from engine.terminal.book import Book, Order, Position
from engine.terminal.dealer import Dealer
from engine.terminal.lifetime import DAY_MSC, deadline_msc
from engine.terminal.market.base import Market
from engine.terminal.money import BUY
from engine.terminal.profile import Swap, Symbol
from engine.terminal.sessions import trades_on, weekday

_BANKING_DAYS = 360
_TRIPLE = 3


class Rollover:
    """Everything that waits for a time."""

    def __init__(self, account: Account, book: Book, dealer: Dealer, market: Market) -> None:
        self._account = account
        self._book = book
        self._dealer = dealer
        self._market = market

    def next_msc(self) -> int:
        """When something happens next, in server milliseconds."""
        midnight, orders = (self._book.day + 1) * DAY_MSC, self._book.orders
        return min(midnight, *map(deadline_msc, orders.values())) if orders else midnight

    def run(self, now_msc: int) -> None:
        """Do what has become due."""
        while now_msc >= (self._book.day + 1) * DAY_MSC:
            self._expire((self._book.day + 1) * DAY_MSC - 1)
            self._midnight(self._book.day)
        self._expire(now_msc)

    def _expire(self, now_msc: int) -> None:
        if not self._book.orders:
            return
        for order in list(self._book.orders.values()):
            if deadline_msc(order) <= now_msc:
                self._finish(order, mt5.ORDER_STATE_EXPIRED)

    def _finish(self, order: Order, state: int) -> None:
        order.state = state
        order.time_done_msc = self._market.time_msc
        self._book.finish_order(order)

    def _midnight(self, day: int) -> None:
        """Close a server day."""
        if not self._book.positions and not self._book.orders:
            self._book.day = day + 1  # nothing to remember: an idle account rolls again when opened
            return
        for position in list(self._book.positions.values()):
            symbol = self._account.symbol(position.symbol)
            if trades_on(symbol, day):
                nights = _TRIPLE if weekday(day) == symbol.swap.triple else 1
                self._charge(position, symbol, nights)
        self._end_of_day_orders()
        self._book.set_day(day + 1)

    def _end_of_day_orders(self) -> None:
        """`order_gtc_mode`: pending orders, and with `daily` stops too, live for a day only."""
        for order in list(self._book.orders.values()):
            if self._account.symbol(order.symbol).gtc_mode != "gtc":
                self._finish(order, mt5.ORDER_STATE_EXPIRED)
        for position in list(self._book.positions.values()):
            daily = self._account.symbol(position.symbol).gtc_mode == "daily"
            if daily and (position.sl or position.tp):
                position.sl = position.tp = 0.0
                self._book.put_position(position)

    def _charge(self, position: Position, symbol: Symbol, nights: int) -> None:
        rule = symbol.swap
        rate = rule.long if position.type == BUY else rule.short
        if rule.mode == "disabled" or not rate:
            return
        if rule.mode in ("reopen_current", "reopen_bid"):
            self.reopen(position, rate * nights)
            return
        price = position.price_open
        if rule.mode == "interest_current":
            price = self._account.closing_price(position)
        amount, currency = swap_of_night(rule, rate, symbol, position.volume, price)
        amount *= self._account.converter.rate(
            currency or self._account.currency, buying=amount < 0
        )
        position.swap = round(position.swap + amount * nights, self._account.digits)
        self._book.put_position(position)

    def reopen(self, position: Position, points: float) -> None:
        """Close a position and open it again `points` better (worse when negative), under a new
        ticket.

        The identifier stays (facts 4.1).
        """
        symbol = self._account.symbol(position.symbol)
        quote = self._market.quotes[position.symbol]
        closed = self._account.closing_price(position)
        base = quote.bid if symbol.swap.mode == "reopen_bid" else closed
        shift = points * symbol.point
        opened = round(base - shift if position.type == BUY else base + shift, symbol.digits)
        sl, tp, comment = position.sl, position.tp, position.comment
        volume = position.volume
        out = self._order(position, 1 - position.type, "")
        self._dealer.execute(out, volume, closed)
        again = self._order(position, position.type, comment)
        again.sl, again.tp, again.volume_initial, again.volume_current = sl, tp, volume, volume
        self._dealer.execute(again, volume, opened)

    def _order(self, position: Position, side: int, comment: str) -> Order:
        return Order(
            ticket=self._book.ticket(),
            symbol=position.symbol,
            type=side,
            volume_initial=position.volume,
            volume_current=position.volume,
            time_setup_msc=self._market.time_msc,
            magic=position.magic,
            position_id=position.identifier,
            reason=mt5.DEAL_REASON_ROLLOVER,
            comment=comment,
        )


def swap_of_night(
    rule: Swap, rate: float, symbol: Symbol, volume: float, price: float
) -> tuple[float, str]:
    """The swap of one night and its currency; an empty currency is the account's.

    Source: MQL5 ENUM_SYMBOL_SWAP_MODE (facts 4.2). Interest is a year's percentage over 360 days.
    """
    match rule.mode:
        case "points":
            return rate * symbol.point * volume * money.value_of_price(symbol), (
                symbol.currency_profit
            )
        case "currency_symbol":
            return rate * volume, symbol.currency_base
        case "currency_margin":
            return rate * volume, symbol.margin_currency
        case "currency_deposit":
            return rate * volume, ""
        case _:  # interest
            value = price * volume * money.value_of_price(symbol)
            return value * rate / 100 / _BANKING_DAYS, symbol.currency_profit
