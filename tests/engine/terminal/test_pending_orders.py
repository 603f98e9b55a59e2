"""Pending orders: placing, triggering, changing, expiring."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.market import TickMarket
from tests.engine.terminal.worlds import MONDAY_10, connected, deals, sent, ticks, with_switches

BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = range(2, 8)
DAY_MSC = 86_400_000


def world(*prices: float | tuple[int, float], profile: str = "ecn-hedging") -> tuple[Terminal, Any]:
    """A terminal that has seen bid 1.10000 and will see these bids a second apart; spread
    0.00010."""
    path = [(0, 1.1)]
    for number, price in enumerate(prices, 1):
        path.append(price if isinstance(price, tuple) else (1000 * number, price))
    rows = ticks([(after, bid, round(bid + 0.0001, 5)) for after, bid in path])
    terminal = Terminal(load_profile(profile), TickMarket({"EURUSD": rows}))
    return terminal, connected(terminal)


def pending(mt5: ModuleType, kind: int, price: float, **more: object) -> dict[str, object]:
    return {
        "action": mt5.TRADE_ACTION_PENDING,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": kind,
        "price": price,
        "type_filling": mt5.ORDER_FILLING_RETURN,
    } | more


def test_placing_answers_done_and_echoes_the_orders_comment() -> None:
    _, mt5 = world()
    result = sent(mt5, pending(mt5, BUY_LIMIT, 1.09, comment="limit order", magic=3))
    assert (result.retcode, result.deal, result.price) == (10009, 0, 0.0)
    assert (result.comment, result.volume) == ("limit order", 0.1)
    (order,) = mt5.orders_get()
    assert (order.ticket, order.state, order.type, order.magic) == (result.order, 1, BUY_LIMIT, 3)
    assert mt5.positions_get() == ()


@pytest.mark.parametrize(
    ("kind", "price", "next_bid", "filled_at"),
    [
        (BUY_LIMIT, 1.0990, 1.0980, 1.0990),  # a limit never gets a worse price
        (SELL_LIMIT, 1.1010, 1.1020, 1.1010),
        (BUY_STOP, 1.1010, 1.1020, 1.1021),  # a stop that is jumped over gets the next price
        (SELL_STOP, 1.0990, 1.0980, 1.0980),
    ],
)
def test_a_pending_order_fills_on_its_side_of_the_market(
    kind: int, price: float, next_bid: float, filled_at: float
) -> None:
    terminal, mt5 = world(1.1001, next_bid)
    placed = sent(mt5, pending(mt5, kind, price, comment="p", magic=9))
    terminal.advance()
    assert mt5.orders_total() == 1
    terminal.advance()
    assert mt5.orders_get() == ()
    (position,) = mt5.positions_get()
    assert (position.price_open, position.ticket, position.magic) == (filled_at, placed.order, 9)
    (order,) = mt5.history_orders_get(ticket=placed.order)
    assert (order.state, order.position_id) == (mt5.ORDER_STATE_FILLED, position.identifier)


def test_limit_improvement_is_a_switch_of_the_profile() -> None:
    profile = with_switches(load_profile("ecn-hedging"), limit_improvement=True)
    rows = ticks([(0, 1.1, 1.1001), (1000, 1.098, 1.0981)])
    terminal = Terminal(profile, TickMarket({"EURUSD": rows}))
    mt5 = connected(terminal)
    sent(mt5, pending(mt5, BUY_LIMIT, 1.099))
    terminal.advance()
    assert mt5.positions_get()[0].price_open == 1.0981


def test_a_stop_limit_becomes_a_limit_order_under_the_same_ticket() -> None:
    terminal, mt5 = world(1.1020, 1.1000)
    placed = sent(mt5, pending(mt5, BUY_STOP_LIMIT, 1.1010, stoplimit=1.1005))
    terminal.advance()
    (order,) = mt5.orders_get()
    assert (order.ticket, order.type, order.price_open) == (placed.order, BUY_LIMIT, 1.1005)
    terminal.advance()
    assert mt5.positions_get()[0].price_open == 1.1005


def test_levels_of_a_pending_order_become_those_of_its_position() -> None:
    terminal, mt5 = world(1.0988, 1.0950)
    sent(mt5, pending(mt5, BUY_LIMIT, 1.0990, sl=1.0960, tp=1.1040))
    terminal.advance()
    (position,) = mt5.positions_get()
    assert (position.sl, position.tp) == (1.0960, 1.1040)
    terminal.advance()
    assert mt5.positions_get() == ()
    assert deals(mt5)[-1].comment == "[sl 1.09600]"


def test_modify_sets_prices_and_deletes_what_it_leaves_out() -> None:
    _, mt5 = world()
    placed = sent(mt5, pending(mt5, BUY_LIMIT, 1.0990, sl=1.09, tp=1.12))
    change = {"action": mt5.TRADE_ACTION_MODIFY, "order": placed.order, "price": 1.0980}
    sent(mt5, change | {"sl": 1.09})
    (order,) = mt5.orders_get(ticket=placed.order)
    assert (order.price_open, order.sl, order.tp) == (1.0980, 1.09, 0.0)
    sent(mt5, change | {"sl": 1.09}, mt5.TRADE_RETCODE_NO_CHANGES)


def test_remove_files_the_order_as_canceled_with_position_id_zero() -> None:
    _, mt5 = world()
    placed = sent(mt5, pending(mt5, BUY_LIMIT, 1.0990))
    sent(mt5, {"action": mt5.TRADE_ACTION_REMOVE, "order": placed.order})
    assert mt5.orders_get() == ()
    (order,) = mt5.history_orders_get(position=0)
    assert (order.ticket, order.state) == (placed.order, mt5.ORDER_STATE_CANCELED)


@pytest.mark.parametrize(
    ("type_time", "expiration", "shown", "alive_msc", "dead_msc"),
    [
        (1, 0, MONDAY_10 // 86_400 * 86_400, DAY_MSC - 36_001_000, DAY_MSC - 36_000_000),
        (2, MONDAY_10 + 60, MONDAY_10 + 60, 59_999, 60_000),
        (
            3,
            MONDAY_10 + 86_400,
            MONDAY_10 // 86_400 * 86_400 + 2 * 86_400 - 1,
            2 * DAY_MSC - 36_001_000,
            2 * DAY_MSC - 36_000_000,
        ),
    ],
    ids=["day", "specified", "specified_day"],
)
def test_an_order_lives_as_long_as_its_type_time_says(
    type_time: int, expiration: int, shown: int, alive_msc: int, dead_msc: int
) -> None:
    terminal, mt5 = world((alive_msc, 1.1), (dead_msc, 1.1))
    placed = sent(mt5, pending(mt5, BUY_LIMIT, 1.09, type_time=type_time, expiration=expiration))
    assert mt5.orders_get()[0].time_expiration == shown
    terminal.advance()
    assert mt5.orders_total() == 1
    terminal.advance()
    assert mt5.orders_total() == 0
    (order,) = mt5.history_orders_get(ticket=placed.order)
    assert order.state == mt5.ORDER_STATE_EXPIRED


def test_an_activation_without_money_rejects_the_order() -> None:
    terminal, mt5 = world(1.0980)
    placed = sent(mt5, pending(mt5, BUY_LIMIT, 1.0990, volume=100.0))
    terminal.advance()
    assert mt5.positions_get() == ()
    (order,) = mt5.history_orders_get(ticket=placed.order)
    assert order.state == mt5.ORDER_STATE_REJECTED
