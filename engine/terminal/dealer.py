"""Turns the filling of an order into deals and positions, on hedging and netting accounts.

Every change of a position and of the balance by trading happens here; when and at which price an
order is filled is decided elsewhere.
"""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal import costs
from engine.terminal.account import Account
from engine.terminal.book import Book, Deal, Order, Position
from engine.terminal.decimals import rounded
from engine.terminal.market.base import Market

#: Volumes are rounded to this many decimals after arithmetic; steps are never that fine.
_VOLUME_DIGITS = 8


def side_of(order_type: int) -> int:
    """The direction of an order type: ORDER_TYPE_BUY or ORDER_TYPE_SELL."""
    return order_type & 1


class Dealer:
    """Books executions."""

    def __init__(self, account: Account, book: Book, market: Market) -> None:
        self._account = account
        self._book = book
        self._market = market

    def execute(self, order: Order, volume: float, price: float) -> Deal:
        """Fill `volume` lots of an order at a price; the order is filed once nothing is left of
        it."""
        position = self._counterpart(order)
        if position is None:
            deal = self._open(order, volume, price)
        elif position.type == side_of(order.type):
            deal = self._increase(position, order, volume, price)
        elif volume <= position.volume:
            deal = self._reduce(position, order, volume, price)
        else:
            deal = self._reverse(position, order, volume, price)
        self._consume(order, volume, price)
        return deal

    def _counterpart(self, order: Order) -> Position | None:
        """The position that an order changes, if it does not open one of its own."""
        if self._account.hedging:
            if order.position_id:
                return self._by_identifier(order.symbol, order.position_id)
            return None
        return next(iter(self._book.by_symbol[order.symbol].values()), None)

    def _by_identifier(self, symbol: str, identifier: int) -> Position | None:
        for position in self._book.by_symbol[symbol].values():
            if position.identifier == identifier:
                return position
        return None

    def _open(self, order: Order, volume: float, price: float) -> Deal:
        now = self._market.time_msc
        identifier = order.position_id or order.ticket
        self._book.put_position(
            Position(
                ticket=order.ticket,
                identifier=identifier,
                symbol=order.symbol,
                type=side_of(order.type),
                volume=volume,
                price_open=price,
                time_msc=now,
                time_update_msc=now,
                sl=order.sl,
                tp=order.tp,
                magic=order.magic,
                reason=order.reason,
                comment=order.comment,
            )
        )
        order.position_id = identifier
        return self._deal(order, mt5.DEAL_ENTRY_IN, volume, price, identifier)

    def _increase(self, position: Position, order: Order, volume: float, price: float) -> Deal:
        whole = rounded(position.volume + volume, _VOLUME_DIGITS)
        value = position.price_open * position.volume + price * volume
        position.price_open = value / whole
        position.volume = whole
        # A level that the new order does not name stays as it was.
        position.sl = order.sl or position.sl
        position.tp = order.tp or position.tp
        self._touch(position)
        order.position_id = position.identifier
        return self._deal(order, mt5.DEAL_ENTRY_IN, volume, price, position.identifier)

    def _reduce(self, position: Position, order: Order, volume: float, price: float) -> Deal:
        profit = self._profit(position, volume, price)
        swap = self._take_swap(position, volume)
        order.position_id = position.identifier
        rest = rounded(position.volume - volume, _VOLUME_DIGITS)
        if rest:
            position.volume = rest
            self._touch(position)
        else:
            self._book.drop_position(position)
        return self._deal(
            order, mt5.DEAL_ENTRY_OUT, volume, price, position.identifier, profit, swap
        )

    def _reverse(self, position: Position, order: Order, volume: float, price: float) -> Deal:
        """A netting position turns round: its ticket becomes the order's, its identifier stays."""
        profit = self._profit(position, position.volume, price)
        swap = position.swap
        self._book.drop_position(position)
        now = self._market.time_msc
        self._book.put_position(
            Position(
                ticket=order.ticket,
                identifier=position.identifier,
                symbol=order.symbol,
                type=side_of(order.type),
                volume=rounded(volume - position.volume, _VOLUME_DIGITS),
                price_open=price,
                time_msc=now,
                time_update_msc=now,
                sl=order.sl,
                tp=order.tp,
                magic=order.magic,
                reason=order.reason,
                comment=order.comment,
            )
        )
        order.position_id = position.identifier
        return self._deal(
            order, mt5.DEAL_ENTRY_INOUT, volume, price, position.identifier, profit, swap
        )

    def close_by(self, order: Order, first: Position, second: Position) -> Deal:
        """Close two opposite positions against each other, at the open price of the second.

        The whole profit is on the first deal, the second has none; what is left stays on the larger
        position (facts 3.6).
        """
        volume = min(first.volume, second.volume)
        price = second.price_open
        profit = self._profit(first, volume, price)
        deals = []
        for position, gain in ((first, profit), (second, 0.0)):
            swap = self._take_swap(position, volume)
            rest = rounded(position.volume - volume, _VOLUME_DIGITS)
            if rest:
                position.volume = rest
                self._touch(position)
            else:
                self._book.drop_position(position)
            side = 1 - position.type
            at = price if position is first else first.price_open
            deals.append(
                self._deal(
                    order,
                    mt5.DEAL_ENTRY_OUT_BY,
                    volume,
                    at,
                    position.identifier,
                    gain,
                    swap,
                    side=side,
                )
            )
        order.volume_initial = volume
        order.volume_current = volume
        self._consume(order, volume, price)
        return deals[0]

    def _touch(self, position: Position) -> None:
        position.time_update_msc = self._market.time_msc
        self._book.put_position(position)

    def _profit(self, position: Position, volume: float, price: float) -> float:
        return self._account.profit_at(
            position.symbol, position.type, volume, position.price_open, price
        )

    def _take_swap(self, position: Position, volume: float) -> float:
        """The part of the swap that goes with a part of the volume."""
        if volume >= position.volume:
            part = position.swap
        else:
            part = rounded(position.swap * volume / position.volume, self._account.digits)
        position.swap = rounded(position.swap - part, self._account.digits)
        return part

    def _deal(
        self,
        order: Order,
        entry: int,
        volume: float,
        price: float,
        position_id: int,
        profit: float = 0.0,
        swap: float = 0.0,
        side: int | None = None,
    ) -> Deal:
        served = order.reason == mt5.DEAL_REASON_ROLLOVER  # the broker's own service costs nothing
        deal = Deal(
            ticket=self._book.ticket(),
            order=order.ticket,
            time_msc=self._market.time_msc,
            type=side_of(order.type) if side is None else side,
            entry=entry,
            magic=order.magic,
            position_id=position_id,
            reason=order.reason,
            volume=volume,
            price=price,
            commission=0.0
            if served
            else costs.commission(self._account, order.symbol, entry, volume, price),
            swap=swap,
            profit=profit,
            symbol=order.symbol,
            comment=order.comment,
        )
        self._book.add_deal(deal)
        return deal

    def _consume(self, order: Order, volume: float, price: float) -> None:
        order.volume_current = rounded(order.volume_current - volume, _VOLUME_DIGITS)
        order.price_current = price
        if order.volume_current > 0:
            order.state = mt5.ORDER_STATE_PARTIAL
            self._book.put_order(order)
            return
        order.state = mt5.ORDER_STATE_FILLED
        order.time_done_msc = self._market.time_msc
        self._book.finish_order(order)
