"""Carries out requests that have passed the checks, and pending orders that the market has
reached."""

from __future__ import annotations

import msgspec

from engine.terminal import checks
from engine.terminal import constants as mt5
from engine.terminal.account import Account
from engine.terminal.book import Book, Order
from engine.terminal.case import Case
from engine.terminal.dealer import Dealer, side_of
from engine.terminal.execution import Execution
from engine.terminal.lifetime import shown_expiration
from engine.terminal.market.base import Market
from engine.terminal.money import BUY
from engine.terminal.profile import Profile
from engine.terminal.texts import TEXTS

_TO_LIMIT = {
    mt5.ORDER_TYPE_BUY_STOP_LIMIT: mt5.ORDER_TYPE_BUY_LIMIT,
    mt5.ORDER_TYPE_SELL_STOP_LIMIT: mt5.ORDER_TYPE_SELL_LIMIT,
}
_LIMITS = frozenset(_TO_LIMIT.values())


class Reply(msgspec.Struct, frozen=True):
    """What the server answers to a request: the fields of `OrderSendResult` that it knows."""

    retcode: int
    comment: str
    deal: int = 0
    order: int = 0
    volume: float = 0.0
    price: float = 0.0
    bid: float = 0.0
    ask: float = 0.0


class Desk:
    """The server's trading desk."""

    def __init__(
        self,
        profile: Profile,
        account: Account,
        book: Book,
        dealer: Dealer,
        market: Market,
        execution: Execution,
    ) -> None:
        self._profile = profile
        self._account = account
        self._book = book
        self._dealer = dealer
        self._market = market
        self._execution = execution
        self._handlers = {
            mt5.TRADE_ACTION_DEAL: self._deal,
            mt5.TRADE_ACTION_PENDING: self._place,
            mt5.TRADE_ACTION_SLTP: self._set_levels,
            mt5.TRADE_ACTION_MODIFY: self._modify,
            mt5.TRADE_ACTION_REMOVE: self._remove,
            mt5.TRADE_ACTION_CLOSE_BY: self._close_by,
        }

    def carry_out(self, case: Case) -> Reply:
        """Do what a request asks; it has passed the checks."""
        return self._handlers[case.action](case)

    def text(self, retcode: int) -> str:
        """The comment that goes with a retcode."""
        return self._profile.switches.texts.get(retcode) or TEXTS[retcode]

    def answer(self, retcode: int) -> Reply:
        """A reply without anything to tell."""
        return Reply(retcode, self.text(retcode))

    # Market orders

    def _deal(self, case: Case) -> Reply:
        request = case.request
        if self._answers_before_filling(case):
            return self._place_at_market(case)
        number = self._book.next_ticket
        bid, ask = self._execution.arrival(case.name, number)
        price = ask if request.type == BUY else bid
        assert case.symbol is not None  # checked
        if case.symbol.execution in ("request", "instant"):
            missed = abs(price - request.price) / case.symbol.point
            if round(missed, 6) > request.deviation:
                code = mt5.TRADE_RETCODE_REQUOTE
                return Reply(code, self.text(code), bid=bid, ask=ask, price=price)
        else:
            price = self._execution.slipped(case.name, request.type, price, number)
        order = self._new_order(case, price)
        if case.position is not None:
            order.position_id = case.position.identifier
        filled = self._execution.available(case.name, request.volume)
        if filled < request.volume and request.type_filling == mt5.ORDER_FILLING_FOK:
            self._finish(order, mt5.ORDER_STATE_CANCELED)
            return Reply(
                mt5.TRADE_RETCODE_REJECT,
                self.text(mt5.TRADE_RETCODE_REJECT),
                order=order.ticket,
                bid=bid,
                ask=ask,
            )
        deal = self._dealer.execute(order, filled, price)
        whole = not order.volume_current
        if not whole and request.type_filling != mt5.ORDER_FILLING_RETURN:
            self._finish(order, mt5.ORDER_STATE_PARTIAL)
        code = mt5.TRADE_RETCODE_DONE if whole else mt5.TRADE_RETCODE_DONE_PARTIAL
        return Reply(
            code,
            self.text(code),
            deal=deal.ticket,
            order=order.ticket,
            volume=deal.volume,
            price=deal.price,
            bid=bid,
            ask=ask,
        )

    def _answers_before_filling(self, case: Case) -> bool:
        assert case.symbol is not None  # checked
        exchange = case.symbol.execution == "exchange"
        return exchange and self._profile.switches.exchange_answers == "placed"

    def _place_at_market(self, case: Case) -> Reply:
        """Take a market order that the next price will fill."""
        quote = case.quote
        assert quote is not None  # checked
        price = quote.ask if case.request.type == BUY else quote.bid
        order = self._new_order(case, price)
        if case.position is not None:
            order.position_id = case.position.identifier
        self._book.put_order(order)
        code, volume = mt5.TRADE_RETCODE_PLACED, case.request.volume
        return Reply(
            code, self.text(code), order=order.ticket, volume=volume, bid=quote.bid, ask=quote.ask
        )

    def _new_order(self, case: Case, price: float) -> Order:
        request, now = case.request, self._market.time_msc
        return Order(
            ticket=self._book.ticket(),
            symbol=case.name,
            type=request.type,
            volume_initial=request.volume,
            volume_current=request.volume,
            time_setup_msc=now,
            time_expiration=shown_expiration(request.type_time, request.expiration, now),
            type_time=request.type_time,
            type_filling=request.type_filling,
            magic=request.magic,
            reason=mt5.ORDER_REASON_EXPERT,
            price_open=price,
            sl=request.sl,
            tp=request.tp,
            price_current=price,
            price_stoplimit=request.stoplimit,
            comment=request.comment,
        )

    def _finish(self, order: Order, state: int) -> None:
        order.state = state
        order.time_done_msc = self._market.time_msc
        self._book.finish_order(order)

    # Pending orders

    def _place(self, case: Case) -> Reply:
        request, quote = case.request, case.quote
        assert quote is not None  # checked
        market = quote.ask if side_of(request.type) == BUY else quote.bid
        # Book or cancel: an order that would trade at once is not placed.
        if request.type_filling == mt5.ORDER_FILLING_BOC and request.price == market:
            return self.answer(mt5.TRADE_RETCODE_REJECT)
        order = self._new_order(case, request.price)
        order.price_current = market
        order.state = mt5.ORDER_STATE_PLACED
        self._book.put_order(order)
        return Reply(
            mt5.TRADE_RETCODE_DONE,
            request.comment or self.text(mt5.TRADE_RETCODE_DONE),  # an echo, as recorded
            order=order.ticket,
            volume=request.volume,
            bid=quote.bid,
            ask=quote.ask,
        )

    def _modify(self, case: Case) -> Reply:
        """Price, levels and lifetime; what the request leaves out is deleted (facts 3.6)."""
        order, request = case.order, case.request
        assert order is not None  # checked
        expiration = shown_expiration(request.type_time, request.expiration, self._market.time_msc)
        wanted = (
            request.price, request.stoplimit, request.sl, request.tp, request.type_time, expiration,
        )  # fmt: skip
        if wanted == (
            order.price_open, order.price_stoplimit, order.sl, order.tp, order.type_time,
            order.time_expiration,
        ):  # fmt: skip
            return self.answer(mt5.TRADE_RETCODE_NO_CHANGES)
        order.price_open, order.price_stoplimit, order.sl, order.tp = wanted[:4]
        order.type_time, order.time_expiration = request.type_time, expiration
        self._book.put_order(order)
        code = mt5.TRADE_RETCODE_DONE
        return Reply(code, self.text(code), order=order.ticket)

    def _remove(self, case: Case) -> Reply:
        assert case.order is not None  # checked
        self._finish(case.order, mt5.ORDER_STATE_CANCELED)
        code = mt5.TRADE_RETCODE_DONE
        return Reply(code, self.text(code), order=case.order.ticket)

    def activate(self, order: Order, price: float) -> None:
        """The market has reached a live order."""
        if order.type in _TO_LIMIT:
            order.type = _TO_LIMIT[order.type]
            order.price_open, order.price_stoplimit = order.price_stoplimit, 0.0
            self._book.put_order(order)
            return
        volume = self._wanted(order)
        if volume is None:
            self._finish(order, mt5.ORDER_STATE_CANCELED)
            return
        if order.type not in _LIMITS:
            price = self._execution.slipped(
                order.symbol, side_of(order.type), price, self._book.next_ticket
            )
        filled = self._execution.available(order.symbol, volume)
        if filled < volume and order.type_filling == mt5.ORDER_FILLING_FOK:
            self._finish(order, mt5.ORDER_STATE_CANCELED)
            return
        if not self._affordable(order, filled, price):
            self._finish(order, mt5.ORDER_STATE_REJECTED)
            return
        self._dealer.execute(order, filled, price)
        if order.volume_current and order.type_filling == mt5.ORDER_FILLING_IOC:
            self._finish(order, mt5.ORDER_STATE_PARTIAL)

    def _wanted(self, order: Order) -> float | None:
        """What is left to fill; None for the rest of a closing order whose position is gone."""
        closes = self._account.hedging and order.position_id not in (0, order.ticket)
        if not closes:
            return order.volume_current
        for position in self._book.by_symbol[order.symbol].values():
            if position.identifier == order.position_id:
                return min(order.volume_current, position.volume)
        return None

    def _affordable(self, order: Order, volume: float, price: float) -> bool:
        if self._account.hedging and order.position_id not in (0, order.ticket):
            return True
        return checks.can_afford(self._account, order.symbol, side_of(order.type), volume, price)

    # Positions

    def _set_levels(self, case: Case) -> Reply:
        position, request = case.position, case.request
        assert position is not None  # checked
        if (position.sl, position.tp) == (request.sl, request.tp):
            return self.answer(mt5.TRADE_RETCODE_NO_CHANGES)
        position.sl, position.tp = request.sl, request.tp
        position.time_update_msc = self._market.time_msc
        self._book.put_position(position)
        return self.answer(mt5.TRADE_RETCODE_DONE)

    def _close_by(self, case: Case) -> Reply:
        first, second = case.position, case.other
        assert first is not None  # checked
        assert second is not None
        order = Order(
            ticket=self._book.ticket(),
            symbol=first.symbol,
            type=mt5.ORDER_TYPE_CLOSE_BY,
            volume_initial=min(first.volume, second.volume),
            volume_current=min(first.volume, second.volume),
            time_setup_msc=self._market.time_msc,
            magic=case.request.magic,
            position_id=first.identifier,
            position_by_id=second.identifier,
            reason=mt5.ORDER_REASON_EXPERT,
            price_open=second.price_open,
            comment=case.request.comment,
        )
        deal = self._dealer.close_by(order, first, second)
        code = mt5.TRADE_RETCODE_DONE
        return Reply(
            code,
            self.text(code),
            deal=deal.ticket,
            order=order.ticket,
            volume=deal.volume,
            price=deal.price,
        )
