"""Plays prices against the book: stop losses, take profits, pending orders, and the margin's end.

A trigger is a level and the side from which a price must reach it. Between steps the nearest
triggers of each symbol become the guard of its quote, so that a market can pass by in a few
comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec

from engine.terminal import constants as mt5
from engine.terminal import money
from engine.terminal.account import Account
from engine.terminal.book import Book, Order, Position
from engine.terminal.dealer import Dealer, side_of
from engine.terminal.decimals import rounded
from engine.terminal.execution import Execution
from engine.terminal.market.base import OPEN, Guard, Market, Point, Quote
from engine.terminal.money import BUY


class Trigger(msgspec.Struct, frozen=True, gc=False):
    """A level that a price may reach. `limit`: filled at the level or better, never worse."""

    level: float
    on_ask: bool
    rising: bool
    limit: bool
    ticket: int
    position: Position | None
    order: Order | None

    def reached(self, bid: float, ask: float) -> bool:
        """Whether these prices are at or beyond the level."""
        price = ask if self.on_ask else bid
        return price >= self.level if self.rising else price <= self.level


def of_position(position: Position) -> list[Trigger]:
    """The stop loss and the take profit; a buy is closed at the bid, a sell at the ask."""
    sell, found = position.type != BUY, []
    if position.sl:
        found.append(Trigger(position.sl, sell, sell, False, position.ticket, position, None))
    if position.tp:
        found.append(Trigger(position.tp, sell, not sell, True, position.ticket, position, None))
    return found


_STOPS = frozenset(
    {
        mt5.ORDER_TYPE_BUY_STOP,
        mt5.ORDER_TYPE_SELL_STOP,
        mt5.ORDER_TYPE_BUY_STOP_LIMIT,
        mt5.ORDER_TYPE_SELL_STOP_LIMIT,
    }
)


def of_order(order: Order) -> Trigger:
    """The price of a live order; buys look at the ask, sells at the bid.

    What is left of a market order is filled at any price.
    """
    buy = side_of(order.type) == BUY
    if order.type <= mt5.ORDER_TYPE_SELL:
        level = math.inf if buy else 0.0
        return Trigger(level, buy, not buy, False, order.ticket, None, order)
    stop = order.type in _STOPS
    return Trigger(order.price_open, buy, buy == stop, not stop, order.ticket, None, order)


class Matcher:
    """Keeps the guards and plays the steps that leave them."""

    def __init__(
        self,
        account: Account,
        book: Book,
        dealer: Dealer,
        market: Market,
        execution: Execution,
        activate: Callable[[Order, float], None],
        run_timers: Callable[[int], None],
    ) -> None:
        self._account = account
        self._book = book
        self._dealer = dealer
        self._market = market
        self._execution = execution
        self._activate = activate
        self._run_timers = run_timers

    # Playing a step

    def play(self, points: Iterator[Point]) -> None:
        """Go through the points of a step, in order."""
        market, book, quotes = self._market, self._book, self._market.quotes
        step_time, guarded = market.time_msc, True
        for point in points:
            quote = quotes[point.symbol]
            market.time_msc = point.time_msc
            # Once a price has left its guard or a timer was due, the guards say nothing any more;
            # and where nothing is open, nothing can happen.
            guarded = (
                guarded
                and point.time_msc < market.timer
                and quote.guard.holds(point.bid, point.ask)
            )
            if guarded or not (book.positions or book.orders):
                _move(quote, point)
                quote.bid, quote.ask = point.bid, point.ask
            else:
                self._run_timers(point.time_msc)
                self._play(point, quote)
        market.time_msc = step_time
        self._run_timers(step_time)

    def _play(self, point: Point, quote: Quote) -> None:
        if not point.continuous:
            quote.bid, quote.ask = point.bid, point.ask
        _move(quote, point)
        # A trigger that stays after it was reached (the rest of a partial fill) waits for the next
        # price; a stop-limit that became a limit has another level and is looked at again.
        tried: set[tuple[int, float]] = set()
        while (trigger := self._nearest(point, quote, tried)) is not None:
            tried.add((trigger.ticket, trigger.level))
            self._fire(trigger, quote, point.ask - point.bid)
        quote.bid, quote.ask = point.bid, point.ask
        self.stop_out()

    def _nearest(self, point: Point, quote: Quote, tried: set[tuple[int, float]]) -> Trigger | None:
        """The first trigger that the price reaches on its way from the quote to the point."""
        reached = [
            trigger
            for trigger in self.triggers(point.symbol)
            if trigger.reached(point.bid, point.ask)
            and (trigger.ticket, trigger.level) not in tried
        ]
        if len(reached) < 2:
            return reached[0] if reached else None
        return min(reached, key=lambda trigger: (_way(trigger, quote), trigger.ticket))

    def triggers(self, symbol: str) -> list[Trigger]:
        """Everything of a symbol that a price can set off."""
        found: list[Trigger] = []
        for position in self._book.by_symbol[symbol].values():
            found += of_position(position)
        for order in self._book.orders.values():
            if order.symbol == symbol:
                found.append(of_order(order))
        return found

    def _fire(self, trigger: Trigger, quote: Quote, spread: float) -> None:
        """Move the quote to where the trigger is reached and do what it demands there."""
        digits = self._account.symbol(quote.symbol).digits
        now = quote.ask if trigger.on_ask else quote.bid
        price = max(trigger.level, now) if trigger.rising else min(trigger.level, now)
        quote.bid = rounded(price - spread, digits) if trigger.on_ask else price
        quote.ask = price if trigger.on_ask else rounded(price + spread, digits)
        if trigger.limit and not self._account.profile.switches.limit_improvement:
            price = trigger.level
        if trigger.order is not None:
            self._activate(trigger.order, price)
        elif trigger.position is not None:
            self._close(trigger.position, price, digits, profit_taken=trigger.limit)

    def _close(self, position: Position, price: float, digits: int, *, profit_taken: bool) -> None:
        """The server closes a position by an order of its own (facts 4.2)."""
        name, level = ("tp", position.tp) if profit_taken else ("sl", position.sl)
        reason = mt5.ORDER_REASON_TP if profit_taken else mt5.ORDER_REASON_SL
        self.close_at(position, price, reason, f"[{name} {level:.{digits}f}]")

    def close_at(self, position: Position, price: float, reason: int, comment: str) -> None:
        """Close a whole position by an order of the server."""
        if reason != mt5.ORDER_REASON_TP:
            number = self._book.next_ticket
            price = self._execution.slipped(position.symbol, 1 - position.type, price, number)
        now = self._market.time_msc
        order = Order(
            ticket=self._book.ticket(),
            symbol=position.symbol,
            type=1 - position.type,
            volume_initial=position.volume,
            volume_current=position.volume,
            time_setup_msc=now,
            magic=position.magic,
            position_id=position.identifier,
            reason=reason,
            price_open=price,
            price_current=price,
            comment=comment,
        )
        self._dealer.execute(order, position.volume, price)

    # The end of the margin

    def stop_out(self) -> None:
        """Close the most unprofitable position until the margin suffices again (facts 4.3)."""
        while self._book.positions and self._cushion() <= 0:
            if self._account.profile.account.stop_out.remove_orders_first and self._book.orders:
                self._remove_orders()
            standing = self._account.standing()
            worst = min(
                self._book.positions.values(),
                key=lambda position: (
                    self._account.floating(position) + position.swap,
                    position.ticket,
                ),
            )
            comment = f"so: {standing.level:.1f}%/{standing.equity:.2f}/{standing.margin:.2f}"
            price = self._account.closing_price(worst)
            self.close_at(worst, price, mt5.ORDER_REASON_SO, comment[:31])

    def _remove_orders(self) -> None:
        for order in list(self._book.orders.values()):
            order.state = mt5.ORDER_STATE_CANCELED
            order.reason = mt5.ORDER_REASON_SO
            order.time_done_msc = self._market.time_msc
            self._book.finish_order(order)

    def _cushion(self) -> float:
        """How much equity may be lost before positions are closed."""
        return self._account.equity() - self._threshold()

    def _threshold(self) -> float:
        rule = self._account.profile.account.stop_out
        if rule.mode == "money":
            return rule.level
        return self._account.margin() * rule.level / 100

    # Guards

    def guard(self) -> None:
        """Tell every quote between which prices nothing can happen."""
        idle = not (self._book.positions or self._book.orders)
        widths = self._margin_widths() if self._book.positions else {}
        for name, quote in self._market.quotes.items():
            quote.guard = OPEN if idle else self._guard(name, quote, widths.get(name, math.inf))

    def _guard(self, name: str, quote: Quote, width: float) -> Guard:
        """Everything that is nearer to a quote than `width` and than each trigger."""
        triggers = self.triggers(name)
        if not triggers and width == math.inf:
            return OPEN
        bid_low, bid_high = quote.bid - width, quote.bid + width
        ask_low, ask_high = quote.ask - width, quote.ask + width
        for trigger in triggers:
            level = trigger.level
            if trigger.on_ask:
                if trigger.rising:
                    ask_high = min(ask_high, level)
                else:
                    ask_low = max(ask_low, level)
            elif trigger.rising:
                bid_high = min(bid_high, level)
            else:
                bid_low = max(bid_low, level)
        return Guard(bid_low, bid_high, ask_low, ask_high)

    def _margin_widths(self) -> dict[str, float]:
        """How far prices may move before the margin could run out, by symbol.

        The cushion, less what a move of one percent in every conversion rate could cost, is shared
        out over the symbols held; half of it is kept back for what the shares do to each other.
        """
        account, book = self._account, self._book
        threshold, equity = self._threshold(), account.equity()
        held = {name: positions for name, positions in book.by_symbol.items() if positions}
        slack = 0.01 * (abs(equity - book.balance) + threshold) + 0.01 * len(book.positions)
        share = max(0.0, (equity - threshold) / 2 - slack) / len(held)
        widths: dict[str, float] = {}
        for name, positions in held.items():
            volume = sum([position.volume for position in positions.values()])
            _narrow(widths, name, share / (volume * _value(account, name)))
            for other in account.converter.symbols_for(name):
                _narrow(widths, other, self._market.quotes[other].bid / 100)
        return widths


def _value(account: Account, name: str) -> float:
    """What a move of 1.0 in price is worth with one lot, in account currency."""
    symbol = account.symbol(name)
    return money.value_of_price(symbol) * account.converter.rate(
        symbol.currency_profit, buying=True
    )


def _way(trigger: Trigger, quote: Quote) -> float:
    """How far the price has to go to a level; nothing when it is already beyond.

    Rounded, so that levels of bid and ask that are reached together tie, whatever doubles say.
    """
    price = quote.ask if trigger.on_ask else quote.bid
    way = trigger.level - price if trigger.rising else price - trigger.level
    return round(max(0.0, way), 9)


def _move(quote: Quote, point: Point) -> None:
    """Give a quote everything of a point but its prices."""
    quote.last, quote.volume, quote.flags = point.last, point.volume, point.flags
    quote.time_msc = point.time_msc


def _narrow(widths: dict[str, float], name: str, width: float) -> None:
    widths[name] = min(widths.get(name, math.inf), width)
