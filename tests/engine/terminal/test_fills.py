"""How much of an order is filled, and at which price."""

from __future__ import annotations

from types import ModuleType

import msgspec
import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket, TickMarket
from engine.terminal.profile import Latency, Profile, Slippage
from tests.engine.terminal.worlds import (
    bars,
    connected,
    deals,
    market_order,
    sent,
    ticks,
    with_switches,
    with_symbol,
)

BUY, SELL = 0, 1
FOK, IOC, RETURN, BOC = range(4)


def thin(**more: object) -> Profile:
    """An exchange that offers 0.3 lots at a time."""
    profile = load_profile("ecn-hedging")
    changes = {"execution": "exchange", "filling": ("fok", "ioc", "boc"), "available_volume": 0.3}
    return with_symbol(profile, **changes | more)


def world(profile: Profile, seed: int = 0) -> tuple[Terminal, ModuleType]:
    rows = ticks([(1000 * number, 1.1, 1.1001) for number in range(9)])
    terminal = Terminal(profile, TickMarket({"EURUSD": rows}), seed=seed)
    return terminal, connected(terminal)


def test_fok_fills_all_or_nothing() -> None:
    _, mt5 = world(thin())
    sent(mt5, market_order(mt5, BUY, 0.3, type_filling=FOK))
    result = sent(mt5, market_order(mt5, BUY, 0.5, type_filling=FOK), mt5.TRADE_RETCODE_REJECT)
    (order,) = mt5.history_orders_get(ticket=result.order)
    assert (order.state, order.volume_current) == (mt5.ORDER_STATE_CANCELED, 0.5)
    assert len(mt5.positions_get()) == 1


def test_ioc_fills_what_there_is_and_cancels_the_rest() -> None:
    _, mt5 = world(thin())
    result = sent(mt5, market_order(mt5, BUY, 0.5), mt5.TRADE_RETCODE_DONE_PARTIAL)
    assert result.volume == 0.3
    assert mt5.orders_get() == ()
    assert mt5.positions_get()[0].volume == 0.3
    (order,) = mt5.history_orders_get(ticket=result.order)
    assert (order.state, order.volume_current) == (mt5.ORDER_STATE_PARTIAL, 0.2)


def test_return_leaves_the_rest_live_under_the_positions_ticket() -> None:
    terminal, mt5 = world(thin())
    result = sent(
        mt5, market_order(mt5, BUY, 0.7, type_filling=RETURN), mt5.TRADE_RETCODE_DONE_PARTIAL
    )
    (order,), (position,) = mt5.orders_get(), mt5.positions_get()
    assert order.ticket == position.ticket == result.order
    assert (order.state, order.volume_current) == (mt5.ORDER_STATE_PARTIAL, 0.4)
    terminal.advance()
    assert mt5.positions_get()[0].volume == 0.6
    terminal.advance()
    assert mt5.orders_get() == ()
    (position,) = mt5.positions_get()
    assert position.volume == 0.7
    assert [deal.volume for deal in deals(mt5)[1:]] == [0.3, 0.3, 0.1]


def test_a_position_closed_in_between_reappears_on_the_next_fill() -> None:
    terminal, mt5 = world(thin())
    opened = sent(
        mt5, market_order(mt5, BUY, 0.5, type_filling=RETURN), mt5.TRADE_RETCODE_DONE_PARTIAL
    )
    sent(mt5, market_order(mt5, SELL, 0.3, position=opened.order))
    assert mt5.positions_get() == ()
    terminal.advance()
    (position,) = mt5.positions_get()
    assert (position.ticket, position.volume) == (opened.order, 0.2)


def test_book_or_cancel_rests_or_is_refused() -> None:
    _, mt5 = world(thin())
    request = {
        "action": mt5.TRADE_ACTION_PENDING, "symbol": "EURUSD", "volume": 0.1, "type": 2,
        "type_filling": BOC,
    }  # fmt: skip
    sent(mt5, request | {"price": 1.1001}, mt5.TRADE_RETCODE_REJECT)
    sent(mt5, request | {"price": 1.1})
    assert mt5.orders_total() == 1


@pytest.mark.parametrize(("asked", "code"), [(1.1001, 10009), (1.1003, 10009), (1.1004, 10004)])
def test_instant_execution_requotes_beyond_the_deviation(asked: float, code: int) -> None:
    _, mt5 = world(with_symbol(load_profile("ecn-hedging"), execution="instant"))
    request = market_order(mt5, BUY, price=asked, deviation=20, type_filling=FOK)
    result = sent(mt5, request, code)
    assert (result.bid, result.ask) == (1.1, 1.1001)
    assert len(mt5.positions_get()) == (code == 10009)
    assert result.price == 1.1001


def test_market_execution_ignores_the_requested_price() -> None:
    _, mt5 = world(load_profile("ecn-hedging"))
    assert sent(mt5, market_order(mt5, BUY, price=9.9)).price == 1.1001
    assert sent(mt5, market_order(mt5, SELL, price=0.0)).price == 1.1


def test_fixed_slippage_is_against_the_client() -> None:
    profile = load_profile("ecn-hedging")
    slipping = msgspec.structs.replace(profile, slippage=Slippage(model="fixed", points=3.0))
    _, mt5 = world(slipping)
    assert sent(mt5, market_order(mt5, BUY)).price == 1.10013
    assert sent(mt5, market_order(mt5, SELL)).price == 1.09997


@pytest.mark.parametrize(("levels", "price"), [({"sl": 1.0990}, 1.09897), ({"tp": 1.1010}, 1.1010)])
def test_stops_slip_and_limits_do_not(levels: dict[str, float], price: float) -> None:
    profile = load_profile("ecn-hedging")
    slipping = msgspec.structs.replace(profile, slippage=Slippage(model="fixed", points=3.0))
    path = (1.1, 1.1020, 1.0980, 1.1)
    market = BarMarket({"EURUSD": bars([1.1, path, 1.1])}, start=1)
    terminal = Terminal(slipping, market)
    mt5 = connected(terminal)
    sent(mt5, market_order(mt5, BUY, **levels))
    terminal.advance()
    assert deals(mt5)[-1].price == price


def test_drawn_slippage_is_a_function_of_the_seed() -> None:
    profile = load_profile("ecn-hedging")
    drawn = msgspec.structs.replace(profile, slippage=Slippage(model="normal", points=5.0))

    def prices(seed: int) -> list[float]:
        _, mt5 = world(drawn, seed)
        return [sent(mt5, market_order(mt5, BUY)).price for _ in range(20)]

    assert prices(1) == prices(1) != prices(2)
    assert min(prices(1)) < 1.1001 < max(prices(1))


def test_slippage_by_volatility_grows_with_the_last_minutes_range() -> None:
    profile = load_profile("ecn-hedging")
    by_range = msgspec.structs.replace(profile, slippage=Slippage(model="volatility", points=2.0))
    calm = [(1.1, 1.1001, 1.1, 1.1)] * 10
    wild = (1.1, 1.1019, 1.1, 1.1)
    market = BarMarket({"EURUSD": bars([*calm, wild, 1.1])}, start=11)
    mt5 = connected(Terminal(by_range, market))
    # Eleven ranges, ten of 10 points and one of 190: the mean is 26.4, the last 7.2 times that.
    assert sent(mt5, market_order(mt5, BUY)).price == pytest.approx(1.1001 + 14 * 1e-5)


def test_a_late_order_gets_the_price_at_its_arrival() -> None:
    profile = load_profile("ecn-hedging")
    late = msgspec.structs.replace(profile, latency=Latency(model="fixed", ms=250.0))
    rows = ticks([(0, 1.1, 1.1001), (200, 1.101, 1.1011), (300, 1.102, 1.1021)])
    mt5 = connected(Terminal(late, TickMarket({"EURUSD": rows})))
    assert sent(mt5, market_order(mt5, BUY)).price == 1.1011
    instant = with_symbol(late, execution="instant")
    mt5 = connected(Terminal(instant, TickMarket({"EURUSD": rows})))
    sent(mt5, market_order(mt5, BUY, type_filling=FOK), mt5.TRADE_RETCODE_REQUOTE)


def test_an_exchange_may_answer_placed_and_fill_with_the_next_price() -> None:
    terminal, mt5 = world(with_switches(thin(), exchange_answers="placed"))
    result = sent(mt5, market_order(mt5, BUY, 0.2), mt5.TRADE_RETCODE_PLACED)
    assert (result.deal, result.price, mt5.positions_get()) == (0, 0.0, ())
    assert mt5.orders_get()[0].state == mt5.ORDER_STATE_STARTED
    terminal.advance()
    (position,) = mt5.positions_get()
    assert (position.ticket, position.price_open) == (result.order, 1.1001)
    close = market_order(mt5, SELL, 0.2, position=position.ticket)
    sent(mt5, close, mt5.TRADE_RETCODE_PLACED)
    terminal.advance()
    assert mt5.positions_get() == mt5.orders_get() == ()


def test_a_close_that_comes_too_late_is_canceled() -> None:
    terminal, mt5 = world(with_switches(thin(), exchange_answers="placed"))
    sent(mt5, market_order(mt5, BUY, 0.2), mt5.TRADE_RETCODE_PLACED)
    terminal.advance()
    close = market_order(mt5, SELL, 0.2, position=mt5.positions_get()[0].ticket)
    tickets = [sent(mt5, close, mt5.TRADE_RETCODE_PLACED).order for _ in range(2)]
    terminal.advance()
    assert mt5.positions_get() == mt5.orders_get() == ()
    states = [mt5.history_orders_get(ticket=ticket)[0].state for ticket in tickets]
    assert states == [mt5.ORDER_STATE_FILLED, mt5.ORDER_STATE_CANCELED]


def test_a_close_takes_no_more_than_what_is_left_of_the_position() -> None:
    terminal, mt5 = world(with_switches(thin(), exchange_answers="placed"))
    sent(mt5, market_order(mt5, BUY, 0.2), mt5.TRADE_RETCODE_PLACED)
    terminal.advance()
    ticket = mt5.positions_get()[0].ticket
    for volume in (0.1, 0.2):
        close = market_order(mt5, SELL, volume, position=ticket, type_filling=RETURN)
        sent(mt5, close, mt5.TRADE_RETCODE_PLACED)
    terminal.advance()
    assert mt5.positions_get() == ()
    assert [deal.volume for deal in deals(mt5)[1:]] == [0.2, 0.1, 0.1]
    terminal.advance()
    assert mt5.orders_get() == ()
    assert mt5.history_orders_get(position=ticket)[-1].state == mt5.ORDER_STATE_CANCELED


def test_latency_by_volatility_grows_with_the_last_minutes_range() -> None:
    profile = load_profile("ecn-hedging")
    rule = Latency(model="volatility", ms=100.0)
    calm = [(60_000 * n, 1.1 + n % 2 / 1e4, 1.1002) for n in range(4)]
    wild = [(240_000, 1.1, 1.1002), (250_000, 1.103, 1.1032), (300_000, 1.1, 1.1002)]
    later = [(300_150, 1.1004, 1.1006), (300_900, 1.1008, 1.1010)]
    market = TickMarket({"EURUSD": ticks([*calm, *wild, *later])}, start=7)
    mt5 = connected(Terminal(msgspec.structs.replace(profile, latency=rule), market))
    # Four minutes without a range and one with: the last is five times the mean, 500 ms.
    assert sent(mt5, market_order(mt5, BUY)).price == 1.1006
