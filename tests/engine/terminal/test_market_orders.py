"""Market orders, SL and TP on a hedging account."""

from __future__ import annotations

from types import ModuleType

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from tests.engine.terminal.worlds import bars, connected, deals, market_order, sent

BUY, SELL = 0, 1
World = tuple[Terminal, ModuleType]


def test_the_account_begins_with_its_deposit_as_a_balance_deal(flat: World) -> None:
    _, mt5 = flat
    (deposit,) = deals(mt5)
    assert (deposit.type, deposit.profit, deposit.order, deposit.symbol) == (2, 10_000.0, 0, "")
    assert mt5.account_info().balance == 10_000.0


def test_a_buy_fills_at_the_ask_and_answers_in_the_recorded_shape(flat: World) -> None:
    _, mt5 = flat
    result = sent(mt5, market_order(mt5, BUY, magic=77, comment="k1"))
    assert (result.price, result.bid, result.ask, result.volume) == (1.1001, 1.1, 1.1001, 0.1)
    assert (result.comment, result.request_id, result.retcode_external) == (
        "Request executed",
        1,
        0,
    )
    (position,) = mt5.positions_get()
    assert position.ticket == position.identifier == result.order
    assert (position.magic, position.comment, position.reason) == (77, "k1", 3)
    (deal,) = mt5.history_deals_get(ticket=result.deal)
    assert (deal.order, deal.position_id, deal.entry) == (result.order, result.order, 0)
    assert deal.commission == -0.35


def test_without_a_position_ticket_an_opposite_deal_opens_a_second_position(flat: World) -> None:
    _, mt5 = flat
    sent(mt5, market_order(mt5, BUY))
    sent(mt5, market_order(mt5, SELL))
    bought, sold = mt5.positions_get()
    assert (bought.type, sold.type) == (BUY, SELL)
    # Each shows the price at which it could be closed.
    assert (bought.price_current, sold.price_current) == (1.1, 1.1001)
    assert (bought.profit, sold.profit) == (-1.0, -1.0)


def test_a_partial_close_keeps_ticket_and_identifier_and_books_its_part(flat: World) -> None:
    _, mt5 = flat
    opened = sent(mt5, market_order(mt5, BUY, 0.3))
    closed = sent(mt5, market_order(mt5, SELL, 0.1, position=opened.order))
    (position,) = mt5.positions_get(ticket=opened.order)
    assert position.volume == 0.2
    (deal,) = mt5.history_deals_get(ticket=closed.deal)
    assert (deal.entry, deal.volume, deal.profit) == (1, 0.1, -1.0)
    sent(mt5, market_order(mt5, SELL, 0.2, position=opened.order))
    assert mt5.positions_get() == ()
    assert mt5.account_info().balance == round(10_000 - 3.0 - 2 * 0.3 * 3.5, 2)


@pytest.mark.parametrize(
    ("levels", "path", "closed_at", "comment", "reason"),
    [
        ({"sl": 1.0990}, (1.1, 1.1, 1.0980, 1.1), 1.0990, "[sl 1.09900]", 4),
        ({"tp": 1.1020}, (1.1, 1.1030, 1.1, 1.1), 1.1020, "[tp 1.10200]", 5),
    ],
)
def test_the_server_closes_at_sl_and_tp_with_an_order_of_its_own(
    levels: dict[str, float],
    path: tuple[float, float, float, float],
    closed_at: float,
    comment: str,
    reason: int,
) -> None:
    market = BarMarket({"EURUSD": bars([1.1, 1.1, path, 1.1, 1.1])}, start=1)
    terminal = Terminal(load_profile("ecn-hedging"), market)
    mt5 = connected(terminal)
    opened = sent(mt5, market_order(mt5, BUY, magic=5, comment="mine", **levels))
    while terminal.advance():
        pass
    assert mt5.positions_get() == ()
    deal = deals(mt5)[-1]
    assert (deal.price, deal.comment, deal.reason, deal.magic) == (closed_at, comment, reason, 5)
    assert deal.position_id == opened.order != deal.order
    (order,) = mt5.history_orders_get(ticket=deal.order)
    assert (order.reason, order.state, order.position_id) == (reason, 4, opened.order)


def test_a_stop_loss_that_the_price_jumped_over_is_filled_at_the_next_price() -> None:
    market = BarMarket({"EURUSD": bars([1.1, 1.1, 1.0950, 1.0950])}, start=1)
    terminal = Terminal(load_profile("ecn-hedging"), market)
    mt5 = connected(terminal)
    sent(mt5, market_order(mt5, BUY, sl=1.0990))
    terminal.advance()
    deal = deals(mt5)[-1]
    assert (deal.price, deal.comment) == (1.0950, "[sl 1.09900]")


def test_sltp_needs_both_levels_and_says_when_nothing_changes(flat: World) -> None:
    _, mt5 = flat
    opened = sent(mt5, market_order(mt5, BUY, sl=1.09, tp=1.12))
    change = {"action": mt5.TRADE_ACTION_SLTP, "position": opened.order, "symbol": "EURUSD"}
    result = sent(mt5, change | {"sl": 1.095})
    assert (result.deal, result.order, result.price, result.bid) == (0, 0, 0.0, 0.0)
    (position,) = mt5.positions_get()
    assert (position.sl, position.tp) == (1.095, 0.0)
    sent(mt5, change | {"sl": 1.095}, mt5.TRADE_RETCODE_NO_CHANGES)
