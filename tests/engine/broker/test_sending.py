"""What is gone or not as it was meant is not sent; what answers strangely may have been carried
out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from engine.broker.calls import InProcess
from engine.broker.fault import Fault
from engine.broker.mt5 import Mt5Gateway
from engine.config import Account
from engine.execution.outcome import Asked, Verdict, classify
from journal.events import BrokerReplied, ChangeIntended, OrderIntended
from tests.engine.broker.double import Module, record
from tests.given import KEY, LOGIN, MAGIC, SERVER, SYMBOL, a

FACTS = {
    "digits": 5, "point": 0.00001, "trade_tick_size": 0.00001, "trade_tick_value": 1.0,
    "trade_contract_size": 100_000.0, "volume_min": 0.01, "volume_max": 50.0, "volume_step": 0.01,
    "trade_stops_level": 0, "trade_freeze_level": 0, "filling_mode": 1, "trade_exemode": 2,
    "trade_mode": 4, "currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR",
}  # fmt: skip
POSITION = {
    "ticket": 9001, "identifier": 2001, "symbol": SYMBOL, "type": 0, "magic": 5, "volume": 1.0,
    "price_open": 1.05, "sl": 0.0, "tp": 0.0, "comment": "",
}  # fmt: skip
PENDING = {
    "ticket": 2001, "symbol": SYMBOL, "type": 6, "magic": MAGIC, "volume_initial": 1.0,
    "volume_current": 1.0, "price_open": 1.06, "price_stoplimit": 1.055, "sl": 0.0, "tp": 0.0,
    "time_expiration": 0, "time_setup_msc": 1, "comment": KEY,
}  # fmt: skip
ANSWER = {
    "retcode": 10009, "deal": 1, "order": 2, "volume": 1.0, "price": 1.05, "bid": 1.05,
    "ask": 1.0501, "comment": "done", "request_id": 1, "retcode_external": 0,
}  # fmt: skip

CLOSE = a(OrderIntended, action="close", side="sell", position=2001, sl=0.0, tp=0.0)
CLOSE_BY = a(OrderIntended, action="close by", side="sell", position=2001, by=3001, volume=0.4)
LEVELS = a(ChangeIntended, key=KEY)
MOVED = a(ChangeIntended, key=KEY, action="modify", position=0, ticket=2001, price=1.07, limit=1.06)
CANCEL = a(ChangeIntended, key=KEY, action="cancel", position=0, ticket=2001)


class Desk:
    """An adapter over a module in which a test puts what the broker has."""

    def __init__(self, **answers: Any) -> None:
        self.module = Module()
        self.module.answers |= {
            "symbol_info": record("SymbolInfo", **FACTS),
            "order_send": record("OrderSendResult", **ANSWER),
            **answers,
        }
        account = Account(login=LOGIN, server=SERVER)
        self.gateway = Mt5Gateway(InProcess(self.module), account)

    def send(self, wish: OrderIntended | ChangeIntended) -> BrokerReplied:
        async def run() -> BrokerReplied:
            if isinstance(wish, OrderIntended):
                return await self.gateway.submit(wish)
            return await self.gateway.change(wish)

        return anyio.run(run)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The requests that left."""
        return [request for (request,) in self.module.called("order_send")]


def holding(*positions: dict[str, Any]) -> Desk:
    return Desk(positions_get=tuple(record("TradePosition", **p) for p in positions))


def test_a_position_is_found_by_its_identifier_and_traded_by_its_ticket_and_our_magic() -> None:
    desk = holding({**POSITION, "ticket": 1, "identifier": 1}, POSITION)
    assert desk.send(CLOSE).retcode == 10009
    [request] = desk.sent
    assert (request["position"], request["magic"], request["volume"]) == (9001, MAGIC, 1.0)
    assert request["comment"] == KEY
    assert desk.send(LEVELS).retcode == 10009
    assert desk.sent[-1]["position"] == 9001


@pytest.mark.parametrize(
    ("desk", "wish", "words"),
    [
        (holding(), CLOSE, "not open any more"),
        (holding({**POSITION, "type": 1}), CLOSE, "turned round"),
        (holding({**POSITION, "volume": 0.9}), CLOSE, "has 0.9 lots, 1 were"),
        (holding(POSITION), CLOSE_BY, "position 3001 in EURUSD is not open"),
        (
            holding(POSITION, {**POSITION, "ticket": 3001, "identifier": 3001}),
            CLOSE_BY,
            "on the same side",
        ),
        (
            holding(POSITION, {**POSITION, "ticket": 3001, "identifier": 3001, "type": 1}),
            CLOSE_BY,
            "0.4 were to be closed",
        ),
        (holding(), LEVELS, "not open any more"),
        (Desk(), MOVED, "order 2001 in EURUSD is not live any more"),
        (Desk(), CANCEL, "order 2001 in EURUSD is not live any more"),
        (
            Desk(orders_get=(record("TradeOrder", **{**PENDING, "type": 2}),)),
            MOVED,
            "has been triggered",
        ),
    ],
    ids=[
        "gone", "turned", "smaller", "opposite gone", "same side", "other volume",
        "levels of none", "moving none", "cancelling none", "triggered",
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_meant_is_refused_by_proof_in_words(
    desk: Desk, wish: OrderIntended | ChangeIntended, words: str
) -> None:
    reply = desk.send(wish)
    assert desk.sent == []
    assert (reply.retcode, reply.error) == (0, Fault.MOVED_ON)
    assert words in reply.error_text
    asked = Asked.CHANGE if isinstance(wish, ChangeIntended) else Asked.CLOSE
    meaning = classify(reply, asked)
    assert (meaning.verdict, meaning.halt) == (Verdict.REFUSED, False)


def test_a_pending_order_is_moved_with_every_term_and_cancelled_by_its_ticket() -> None:
    desk = Desk(orders_get=(record("TradeOrder", **PENDING),))
    desk.send(MOVED)
    desk.send(CANCEL)
    moved, cancelled = desk.sent
    assert (moved["order"], moved["price"], moved["stoplimit"]) == (2001, 1.07, 1.06)
    assert {"sl", "tp", "type_time", "expiration"} <= set(moved)
    assert cancelled == {"action": 8, "order": 2001}


@pytest.mark.parametrize("wish", [LEVELS, MOVED, CANCEL], ids=["levels", "modify", "cancel"])
def test_a_change_is_not_sent_to_another_account(wish: ChangeIntended) -> None:
    other = record("AccountInfo", login=7, server=SERVER, trade_mode=0, currency="USD")
    desk = Desk(
        account_info=other,
        positions_get=(record("TradePosition", **POSITION),),
        orders_get=(record("TradeOrder", **PENDING),),
    )
    reply = desk.send(wish)
    assert desk.sent == []
    assert reply.error == -2
    assert classify(reply, Asked.CHANGE).halt


def test_a_terminal_that_tells_nothing_before_the_sending_proves_that_nothing_was_sent() -> None:
    desk = Desk(positions_get=None)
    desk.module.error = (-10002, "IPC recv failed")
    reply = desk.send(CLOSE)
    assert desk.sent == []
    assert (reply.error, classify(reply, Asked.CLOSE).verdict) == (-10004, Verdict.REFUSED)
    assert "nothing was sent" in reply.error_text


@pytest.mark.parametrize(
    "answer",
    [
        SimpleNamespace(retcode=10009),
        SimpleNamespace(**{**ANSWER, "order": "none"}),
        SimpleNamespace(**{**ANSWER, "price": None}),
        10009,
    ],
    ids=["fields missing", "a text for a ticket", "no price", "a bare number"],
)
def test_an_answer_that_cannot_be_read_proves_nothing(answer: Any) -> None:
    desk = Desk(order_send=answer)
    reply = desk.send(a(OrderIntended))
    assert len(desk.sent) == 1
    assert (reply.retcode, reply.error) == (0, Fault.GARBLED)
    assert classify(reply).verdict is Verdict.UNRESOLVED
