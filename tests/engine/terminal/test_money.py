"""Profit, margin, conversion, commission, stop-out: figures computed by hand from the formulas."""

from __future__ import annotations

from types import ModuleType

import msgspec
import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.errors import ProfileError
from engine.terminal.market import BarMarket, TickMarket
from engine.terminal.profile import Commission, Margin, Profile, Spread, StopOut
from tests.engine.terminal.worlds import (
    bars,
    connected,
    deals,
    market_order,
    sent,
    ticks,
    with_account,
    with_symbol,
)

BUY, SELL = 0, 1


def many(profile: Profile, **prices: tuple[float, float]) -> tuple[Terminal, ModuleType]:
    """A market in which every symbol stands at one (bid, ask)."""
    data = {name: ticks([(0, bid, ask), (1000, bid, ask)]) for name, (bid, ask) in prices.items()}
    terminal = Terminal(profile, TickMarket(data))
    return terminal, connected(terminal)


def test_margin_by_calculation_mode() -> None:
    _, mt5 = many(
        load_profile("ecn-hedging"),
        EURUSD=(1.1, 1.1001),
        USDJPY=(150.0, 150.02),
        GBPUSD=(1.25, 1.2501),
        XAUUSD=(2000.0, 2000.1),
    )
    assert mt5.order_calc_margin(BUY, "EURUSD", 1, 1.1) == 550.0  # 100,000 * 1.1 / 200
    assert mt5.order_calc_margin(BUY, "USDJPY", 2, 150.0) == 1000.0  # 200,000 / 200
    assert mt5.order_calc_margin(BUY, "XAUUSD", 0.1, 2000.0) == 100.0  # 10 * 2,000 / 200
    _, mt5 = many(load_profile("exchange-netting"), ES=(4800.0, 4800.25), BTCUSD=(4e4, 40001.0))
    assert mt5.order_calc_margin(BUY, "ES", 2, 4800.0) == 25_300.0  # 2 * margin.initial
    assert mt5.order_calc_margin(BUY, "BTCUSD", 100, 40_000.0) == 40_000.0  # 1 coin, no leverage
    _, mt5 = many(load_profile("market-maker"), US500=(4800.0, 4800.5), EURUSD=(1.25, 1.2502))
    # contract 10 * 4,800 * tick value 0.005 / tick size 0.1 = 2,400 USD, bought at the bid of
    # EURUSD
    assert mt5.order_calc_margin(BUY, "US500", 1, 4800.0) == 1920.0


def test_profit_is_converted_at_the_side_it_must_be_traded_at() -> None:
    _, mt5 = many(load_profile("ecn-hedging"), USDJPY=(150.0, 160.0))
    assert mt5.order_calc_profit(BUY, "USDJPY", 1, 150.0, 151.6) == 1000.0  # yen sold at 160
    assert mt5.order_calc_profit(BUY, "USDJPY", 1, 150.0, 148.5) == -1000.0  # yen bought at 150
    info = mt5.symbol_info("USDJPY")
    assert info.trade_tick_value_profit == pytest.approx(100 / 160)
    assert info.trade_tick_value_loss == pytest.approx(100 / 150)


def test_futures_earn_tick_value_per_tick() -> None:
    _, mt5 = many(load_profile("exchange-netting"), ES=(4800.0, 4800.25))
    assert mt5.order_calc_profit(SELL, "ES", 2, 4800.0, 4799.0) == 100.0  # 4 ticks * 12.5 * 2


def test_a_currency_nothing_converts_is_refused_when_the_terminal_opens() -> None:
    profile = with_symbol(load_profile("ecn-hedging"), currency_profit="CHF")
    with pytest.raises(ProfileError, match="nothing converts CHF to USD"):
        many(profile, EURUSD=(1.1, 1.1001))
    fixed = msgspec.structs.replace(profile, rates={"CHF": 1.25, "EUR": 1.1})
    _, mt5 = many(fixed, EURUSD=(1.1, 1.1001))
    assert mt5.order_calc_profit(BUY, "EURUSD", 1, 1.0, 1.01) == 1250.0


@pytest.mark.parametrize(
    ("rule", "entry", "exit_"),
    [
        (Commission(per_lot=3.5), -3.5, -3.5),
        (Commission(per_lot=7.0, charged="entry"), -7.0, 0.0),
        (Commission(per_lot=7.0, charged="exit"), 0.0, -7.0),
        (Commission(percent=0.01), -11.0, -11.0),
        (Commission(per_lot=0.1, minimum=2.0), -2.0, -2.0),
        (Commission(per_lot=3.0, currency="EUR"), -3.3, -3.3),
    ],
    ids=["per side", "on entry", "on exit", "percent", "minimum", "in another currency"],
)
def test_commission_is_booked_on_the_deals(rule: Commission, entry: float, exit_: float) -> None:
    profile = msgspec.structs.replace(load_profile("ecn-hedging"), commission=rule)
    _, mt5 = many(profile, EURUSD=(1.1, 1.1))
    opened = sent(mt5, market_order(mt5, BUY, 1.0))
    sent(mt5, market_order(mt5, SELL, 1.0, position=opened.order))
    assert [deal.commission for deal in deals(mt5)[1:]] == [entry, exit_]


def test_opposite_positions_are_set_off_by_the_hedged_margin() -> None:
    base = load_profile("ecn-hedging")
    for margin, both in ((Margin(), 0.0), (Margin(hedged=50_000.0), 275.0)):
        _, mt5 = many(with_symbol(base, margin=margin), EURUSD=(1.1, 1.1))
        sent(mt5, market_order(mt5, BUY, 1.0))
        assert mt5.account_info().margin == 550.0
        sent(mt5, market_order(mt5, SELL, 1.0))
        assert mt5.account_info().margin == both
    _, mt5 = many(with_symbol(base, margin=Margin(hedged_use_leg=True)), EURUSD=(1.1, 1.1))
    sent(mt5, market_order(mt5, BUY, 1.0))
    sent(mt5, market_order(mt5, SELL, 0.4))
    assert mt5.account_info().margin == 550.0


def test_check_tells_the_money_after_the_trade() -> None:
    _, mt5 = many(load_profile("ecn-hedging"), EURUSD=(1.1, 1.1001))
    result = mt5.order_check(market_order(mt5, BUY, 1.0))
    assert (result.retcode, result.comment, result.balance) == (0, "Done", 10_000.0)
    assert (result.margin, result.margin_free) == (550.05, 9449.95)
    assert result.margin_level == pytest.approx(10_000 / 550.05 * 100)
    assert mt5.positions_get() == ()


def falling(profile: Profile, *bids: float) -> tuple[Terminal, ModuleType]:
    rows = ticks([(1000 * n, bid, bid) for n, bid in enumerate((1.1, *bids))])
    terminal = Terminal(with_symbol(profile, spread=Spread()), TickMarket({"EURUSD": rows}))
    return terminal, connected(terminal)


def test_a_stop_out_closes_the_worst_position_first_and_only_as_many_as_needed() -> None:
    profile = with_account(
        msgspec.structs.replace(load_profile("ecn-hedging"), commission=Commission()),
        balance=1000.0,
        leverage=100,
    )
    # Margin 550 + 110: with 0.6 lots 100 % is at 660, stop-out (50 %) at 330 of equity.
    terminal, mt5 = falling(profile, 1.0890, 1.0887)
    small = sent(mt5, market_order(mt5, BUY, 0.1))
    large = sent(mt5, market_order(mt5, BUY, 0.5))
    terminal.advance()
    assert len(mt5.positions_get()) == 2  # equity 340
    terminal.advance()
    assert [position.ticket for position in mt5.positions_get()] == [small.order]
    deal = deals(mt5)[-1]
    assert (deal.reason, deal.position_id) == (mt5.DEAL_REASON_SO, large.order)
    assert deal.comment == "so: 48.8%/322.00/660.00"


def test_a_stop_out_by_money_can_remove_orders_first() -> None:
    rule = StopOut(mode="money", call=500.0, level=400.0, remove_orders_first=True)
    profile = with_account(load_profile("ecn-hedging"), balance=1000.0, stop_out=rule)
    terminal, mt5 = falling(profile, 1.0935)
    sent(mt5, market_order(mt5, BUY, 1.0))
    order = {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.0}
    sent(mt5, order | {"type_filling": 2})
    terminal.advance()
    assert mt5.positions_get() == mt5.orders_get() == ()
    assert deals(mt5)[-1].comment.startswith("so: ")


def test_no_step_passes_a_stop_out_by_however_quiet_the_guard_is() -> None:
    """Every tick is checked by brute force against what the guarded market did."""
    profile = with_account(load_profile("ecn-hedging"), balance=600.0, leverage=100)
    bids = [round(1.1 - 0.00007 * n, 5) for n in range(1, 200)]
    terminal, mt5 = falling(profile, *bids)
    sent(mt5, market_order(mt5, BUY, 0.4))
    while terminal.advance():
        info = mt5.account_info()
        assert not info.margin or info.margin_level > 50.0
    assert deals(mt5)[-1].reason == mt5.DEAL_REASON_SO


def test_bars_check_the_margin_on_their_way() -> None:
    profile = with_account(load_profile("ecn-hedging"), balance=600.0, leverage=100)
    market = BarMarket({"EURUSD": bars([1.1, (1.1, 1.1, 1.08, 1.1), 1.1])}, start=1)
    terminal = Terminal(profile, market)
    mt5 = connected(terminal)
    sent(mt5, market_order(mt5, BUY, 0.4))
    terminal.advance()
    assert mt5.positions_get() == ()


def test_operations_of_the_broker_are_deals_without_a_trade() -> None:
    terminal, mt5 = many(load_profile("ecn-hedging"), EURUSD=(1.1, 1.1001))
    terminal.server.operate(mt5.DEAL_TYPE_CREDIT, 450.0)
    terminal.server.operate(mt5.DEAL_TYPE_CREDIT, 50.0)
    terminal.server.operate(mt5.DEAL_TYPE_CORRECTION, -25.5, "correction")
    info = mt5.account_info()
    assert (info.balance, info.credit, info.equity) == (9974.5, 500.0, 10_474.5)
    assert [(deal.type, deal.profit, deal.order) for deal in deals(mt5)[1:]] == [
        (3, 450.0, 0),
        (3, 50.0, 0),
        (5, -25.5, 0),
    ]


def test_a_margin_call_is_a_flag_and_changes_nothing() -> None:
    profile = with_account(load_profile("ecn-hedging"), balance=700.0, leverage=100)
    terminal, mt5 = falling(profile, 1.0950)
    sent(mt5, market_order(mt5, BUY, 0.5))
    assert not terminal.server.account.margin_call()
    terminal.advance()
    assert terminal.server.account.margin_call()
    assert mt5.positions_total() == 1


def test_what_needs_no_more_margin_is_allowed_with_none_free() -> None:
    base = with_account(load_profile("ecn-hedging"), balance=700.0, leverage=100)
    terminal, mt5 = falling(with_symbol(base, margin=Margin(hedged_use_leg=True)), 1.0950)
    sent(mt5, market_order(mt5, BUY, 0.5))
    terminal.advance()
    assert mt5.account_info().margin_free < 0
    sent(mt5, market_order(mt5, BUY, 0.01), mt5.TRADE_RETCODE_NO_MONEY)
    sent(mt5, market_order(mt5, SELL, 0.5))


def test_a_rate_is_the_bid_where_the_currency_is_sold_and_the_ask_where_it_is_bought() -> None:
    profile = load_profile("ecn-hedging")
    cross = msgspec.structs.replace(
        profile.symbols["EURUSD"], currency_base="EUR", currency_profit="GBP"
    )
    profile = msgspec.structs.replace(profile, symbols=profile.symbols | {"EURGBP": cross})
    _, mt5 = many(profile, EURGBP=(0.86, 0.8601), GBPUSD=(1.25, 1.27), EURUSD=(1.08, 1.0801))
    assert mt5.order_calc_profit(BUY, "EURGBP", 1, 0.86, 0.87) == 1250.0  # pounds sold at 1.25
    assert mt5.order_calc_profit(BUY, "EURGBP", 1, 0.87, 0.86) == -1270.0  # pounds bought at 1.27
    assert mt5.order_calc_margin(BUY, "EURGBP", 1, 0.86) == 540.05  # euros bought at 1.0801
    assert mt5.order_calc_margin(SELL, "EURGBP", 1, 0.86) == 540.0
