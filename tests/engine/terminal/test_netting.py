"""Netting accounts, and the same flow on both kinds of account."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from engine.terminal.profile import Margin, Profile
from tests.engine.terminal.worlds import (
    bars,
    connected,
    deals,
    market_order,
    sent,
    with_account,
    with_symbol,
)

BUY, SELL = 0, 1


def netting() -> Profile:
    return with_account(load_profile("ecn-hedging"), margin_mode="netting")


@pytest.fixture
def world() -> tuple[Terminal, ModuleType]:
    market = BarMarket({"EURUSD": bars([1.1, 1.1, 1.102, 1.104, 1.104])}, start=1)
    terminal = Terminal(netting(), market)
    return terminal, connected(terminal)


def test_the_same_direction_averages_the_price_into_one_position(world: Any) -> None:
    terminal, mt5 = world
    first = sent(mt5, market_order(mt5, BUY, 0.1))
    terminal.advance()
    sent(mt5, market_order(mt5, BUY, 0.3))
    (position,) = mt5.positions_get()
    assert position.volume == 0.4
    assert position.price_open == pytest.approx((0.1 * 1.1001 + 0.3 * 1.1021) / 0.4)
    assert position.ticket == position.identifier == first.order
    assert [deal.entry for deal in deals(mt5)[1:]] == [0, 0]


def test_an_opposite_deal_reduces_then_closes(world: Any) -> None:
    terminal, mt5 = world
    sent(mt5, market_order(mt5, BUY, 0.2))
    terminal.advance()
    sent(mt5, market_order(mt5, SELL, 0.1))
    assert mt5.positions_get()[0].volume == 0.1
    sent(mt5, market_order(mt5, SELL, 0.1))
    assert mt5.positions_get() == ()
    assert [deal.entry for deal in deals(mt5)[1:]] == [0, 1, 1]
    assert sum(deal.profit for deal in deals(mt5)[1:]) == pytest.approx(2 * 19.0)


def test_a_reversal_keeps_the_identifier_and_takes_the_orders_ticket(world: Any) -> None:
    _, mt5 = world
    first = sent(mt5, market_order(mt5, BUY, 0.1))
    second = sent(mt5, market_order(mt5, SELL, 0.3))
    (position,) = mt5.positions_get()
    assert (position.type, position.volume) == (SELL, 0.2)
    assert (position.ticket, position.identifier) == (second.order, first.order)
    deal = deals(mt5)[-1]
    assert (deal.entry, deal.volume, deal.position_id) == (2, 0.3, first.order)
    assert deal.profit == -1.0


def test_sltp_finds_the_position_by_symbol(world: Any) -> None:
    _, mt5 = world
    sent(mt5, market_order(mt5, BUY, 0.1))
    sent(mt5, {"action": mt5.TRADE_ACTION_SLTP, "symbol": "EURUSD", "sl": 1.09, "tp": 1.12})
    assert mt5.positions_get()[0].sl == 1.09


def test_close_by_is_for_hedging_accounts(world: Any) -> None:
    _, mt5 = world
    opened = sent(mt5, market_order(mt5, BUY, 0.1))
    request = {"action": mt5.TRADE_ACTION_CLOSE_BY, "position": opened.order, "position_by": 1}
    sent(mt5, request, mt5.TRADE_RETCODE_INVALID)


def test_close_by_books_the_whole_profit_on_the_first_deal() -> None:
    market = BarMarket({"EURUSD": bars([1.1, 1.1, 1.102, 1.104])}, start=1)
    terminal = Terminal(load_profile("ecn-hedging"), market)
    mt5 = connected(terminal)
    first = sent(mt5, market_order(mt5, BUY, 0.3))
    terminal.advance()
    second = sent(mt5, market_order(mt5, SELL, 0.1))
    result = sent(
        mt5,
        {
            "action": mt5.TRADE_ACTION_CLOSE_BY,
            "position": first.order,
            "position_by": second.order,
        },
    )
    one, two = deals(mt5)[-2:]
    assert result.deal == one.ticket
    assert [one.entry, two.entry] == [3, 3]
    assert [one.profit, two.profit] == [19.0, 0.0]
    assert (one.price, one.position_id) == (1.102, first.order)
    assert (two.price, two.position_id) == (1.1001, second.order)
    assert [one.commission, two.commission] == [0.0, 0.0]  # nothing was traded
    (rest,) = mt5.positions_get()
    assert (rest.ticket, rest.volume) == (first.order, 0.2)
    (order,) = mt5.history_orders_get(ticket=result.order)
    assert (order.type, order.position_by_id) == (mt5.ORDER_TYPE_CLOSE_BY, second.order)


def test_adding_to_a_position_changes_only_the_levels_it_names(world: Any) -> None:
    _, mt5 = world
    sent(mt5, market_order(mt5, BUY, 0.1, sl=1.09, tp=1.12))
    sent(mt5, market_order(mt5, BUY, 0.1))
    sent(mt5, market_order(mt5, BUY, 0.1, sl=1.095))
    (position,) = mt5.positions_get()
    assert (position.sl, position.tp) == (1.095, 1.12)


def test_a_check_of_a_reversal_tells_the_margin_of_what_is_left() -> None:
    profile = with_symbol(netting(), margin=Margin(hedged=100_000.0))
    market = BarMarket({"EURUSD": bars([1.1] * 3)}, start=1)
    mt5 = connected(Terminal(profile, market))
    sent(mt5, market_order(mt5, BUY, 0.5))
    assert mt5.order_check(market_order(mt5, SELL, 1.2)).margin == 385.0  # 0.7 lots at the bid
    assert mt5.order_check(market_order(mt5, BUY, 0.5)).margin == 550.05
    assert mt5.order_check(market_order(mt5, SELL, 0.5)).margin == mt5.account_info().margin


@pytest.mark.parametrize("volume", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_the_margin_after_a_trade_is_reckoned_before_it_as_it_will_be(
    world: Any, side: int, volume: float
) -> None:
    terminal, mt5 = world
    sent(mt5, market_order(mt5, BUY, 0.2))
    terminal.advance()
    tick = mt5.symbol_info_tick("EURUSD")
    price = tick.bid if side == SELL else tick.ask

    before, after = terminal.server.account.margins("EURUSD", side, volume, price)

    assert before == mt5.account_info().margin
    sent(mt5, market_order(mt5, side, volume))
    assert after == mt5.account_info().margin
