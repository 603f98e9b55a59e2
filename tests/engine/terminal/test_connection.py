"""Connecting, the information functions, lists and their filters."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest

from engine.terminal import Terminal, install, load_profile
from engine.terminal.market import BarMarket, TickMarket
from engine.terminal.profile import Profile
from tests.engine.terminal.worlds import (
    MONDAY_10,
    bars,
    connected,
    deals,
    market_order,
    sent,
    ticks,
    with_account,
    with_switches,
)

BUY, SELL = 0, 1
LOGIN = 5012345


def module(profile: Profile | None = None) -> ModuleType:
    market = BarMarket({"EURUSD": bars([1.1] * 9)}, start=5)
    return Terminal(profile or load_profile("ecn-hedging"), market).module()


def test_nothing_answers_before_initialize_nor_after_shutdown() -> None:
    mt5 = module()
    for connect in (False, True):
        if connect:
            assert mt5.initialize()
            assert mt5.account_info().login == LOGIN
            assert mt5.version() == (500, 5836, "02 Apr 2026")
            assert mt5.shutdown() is True
        assert mt5.account_info() is None
        assert mt5.last_error() == (-10004, "No IPC connection")
        assert mt5.version() == (0, 0, "")
        assert mt5.symbols_total() is None
        assert mt5.last_error()[0] == -5


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"login": LOGIN}, 1),
        ({"login": LOGIN, "password": "secret", "server": "Daybook-ECN"}, 1),
        ({"login": 1}, -6),
        ({"login": LOGIN, "password": "wrong"}, -6),
        ({"login": LOGIN, "server": "Elsewhere"}, -6),
        ({"nonsense": 1}, 1),
    ],
)
def test_credentials_are_checked(given: dict[str, Any], error: int) -> None:
    mt5 = module(with_account(load_profile("ecn-hedging"), password="secret"))
    assert mt5.initialize(**given) is (error == 1)
    assert mt5.last_error()[0] == error
    mt5.initialize()
    assert mt5.login(**{"login": LOGIN} | given) is (error == 1)


def test_a_failed_initialize_closes_the_connection_there_was() -> None:
    mt5 = module()
    assert mt5.initialize()
    assert not mt5.initialize("C:\\elsewhere\\terminal64.exe")
    assert mt5.account_info() is None
    assert mt5.initialize(load_profile("ecn-hedging").machine.path)


def test_request_numbers_begin_again_with_each_connection(flat: Any) -> None:
    _, mt5 = flat
    assert [sent(mt5, market_order(mt5, BUY)).request_id for _ in range(3)] == [1, 2, 3]
    mt5.initialize()
    assert sent(mt5, market_order(mt5, BUY)).request_id == 1


def test_symbols_are_listed_by_group() -> None:
    mt5 = module()
    mt5.initialize()
    assert mt5.symbols_total() == len(mt5.symbols_get()) == 5

    def names(mask: str) -> list[str]:
        return [symbol.name for symbol in mt5.symbols_get(mask)]

    assert names("*USD*") == ["EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "BTCUSD"]
    assert names("*USD, !EUR*") == names("!EUR*, *USD") == ["GBPUSD", "XAUUSD", "BTCUSD"]
    assert names("!EUR*") == names("eurusd") == names("*XYZ*") == []
    assert names("E*R*D") == ["EURUSD"]
    assert mt5.symbols_get(group="G*")[0].currency_base == "GBP"


def test_symbol_info_shows_what_is_traded_on() -> None:
    mt5 = module()
    mt5.initialize()
    info = mt5.symbol_info("EURUSD")
    assert (info.bid, info.ask, info.spread, info.digits, info.point) == (1.1, 1.1001, 10, 5, 1e-5)
    assert (info.filling_mode, info.expiration_mode, info.order_mode) == (3, 15, 127)
    assert (info.trade_exemode, info.trade_mode, info.swap_rollover3days) == (2, 4, 3)
    assert (info.trade_tick_value, info.trade_contract_size) == (1.0, 100_000.0)
    without_data = mt5.symbol_info("XAUUSD")
    assert (without_data.bid, without_data.trade_stops_level) == (0.0, 20)
    result = mt5.order_send({"action": 1, "symbol": "XAUUSD", "volume": 0.1, "type_filling": 1})
    assert result.retcode == mt5.TRADE_RETCODE_PRICE_OFF


@pytest.mark.parametrize(("switch", "bid"), [("zeros", 0.0), ("quote", 1.1), ("none", None)])
def test_the_tick_of_an_unselected_symbol_is_a_switch(switch: str, bid: float | None) -> None:
    mt5 = module(with_switches(load_profile("ecn-hedging"), tick_of_unselected=switch))
    mt5.initialize()
    assert mt5.symbol_select("EURUSD", False)
    assert not mt5.symbol_info("EURUSD").select
    tick = mt5.symbol_info_tick("EURUSD")
    assert (tick and tick.bid) == bid
    assert mt5.symbol_select("EURUSD")
    assert mt5.symbol_info_tick("EURUSD").bid == 1.1
    assert not mt5.symbol_select("NOPE")
    assert mt5.last_error()[0] == -4


def test_a_symbol_with_positions_cannot_be_deselected(flat: Any) -> None:
    _, mt5 = flat
    sent(mt5, market_order(mt5, BUY))
    assert not mt5.symbol_select("EURUSD", False)


def test_positions_are_filtered_by_ticket_before_symbol_before_group(flat: Any) -> None:
    _, mt5 = flat
    first = sent(mt5, market_order(mt5, BUY))
    sent(mt5, market_order(mt5, SELL))
    assert len(mt5.positions_get(ticket=first.order, symbol="NOPE", group="NOPE")) == 1
    assert mt5.positions_get(ticket=1) == ()
    assert mt5.last_error() == (1, "Success")
    assert len(mt5.positions_get(symbol="EURUSD", group="NOPE")) == 2
    assert len(mt5.positions_get(group="*EUR*")) == 2
    assert mt5.positions_get(symbol="NOPE") == ()
    assert mt5.positions_total() == 2


def test_asking_for_an_unknown_symbol_is_a_switch() -> None:
    mt5 = module(with_switches(load_profile("ecn-hedging"), unknown_symbol_lists="none"))
    mt5.initialize()
    assert mt5.positions_get(symbol="NOPE") is None
    assert mt5.orders_get(symbol="GBPUSD") == ()


def test_history_takes_dates_then_ticket_then_position(flat: Any) -> None:
    _, mt5 = flat
    result = sent(mt5, market_order(mt5, BUY))
    now = mt5.symbol_info_tick("EURUSD").time
    assert len(mt5.history_deals_get(now, now)) == 2
    assert mt5.history_deals_get(now + 1, now + 100) == ()
    assert mt5.history_deals_total(now, now) == 2
    assert mt5.history_orders_total(now, now) == 1
    assert len(mt5.history_deals_get(now, now, group="*EUR*")) == 1
    assert len(mt5.history_deals_get(now, now, ticket="ignored")) == 2
    assert len(mt5.history_deals_get(ticket=result.deal, position=1)) == 1
    assert len(mt5.history_deals_get(position=result.order)) == 1
    assert len(mt5.history_orders_get(position=result.order)) == 1
    assert mt5.history_deals_get(ticket=1) == mt5.history_deals_get(position=1) == ()


@pytest.mark.parametrize(("after", "found"), [(0, 1), (999, 1), (1000, 0)])
def test_a_second_asked_for_is_meant_to_its_last_millisecond(after: int, found: int) -> None:
    market = TickMarket({"EURUSD": ticks([(0, 1.1, 1.1001), (1000 + after, 1.1, 1.1001)])})
    terminal = Terminal(load_profile("ecn-hedging"), market)
    mt5 = connected(terminal)
    terminal.advance()
    sent(mt5, market_order(mt5, BUY))
    assert mt5.history_deals_total(MONDAY_10 + 1, MONDAY_10 + 1) == found
    assert mt5.history_orders_total(MONDAY_10 + 1, MONDAY_10 + 1) == found


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("history_deals_get", (1, 2**31)),
        ("copy_rates_range", ("EURUSD", 1, 1, 2**31)),
        ("copy_ticks_from", ("EURUSD", 2**31, 1, -1)),
    ],
)
def test_a_too_large_date_fails_after_the_call_and_says_success(
    name: str, arguments: tuple[object, ...], flat: Any
) -> None:
    _, mt5 = flat
    with pytest.raises(SystemError) as failure:
        getattr(mt5, name)(*arguments)
    assert isinstance(failure.value.__cause__, OverflowError)
    assert mt5.last_error() == (1, "Success")


@pytest.mark.parametrize(("switch", "found"), [("done", 0), ("setup", 1)])
def test_history_orders_compare_the_stamp_the_profile_says(switch: str, found: int) -> None:
    profile = with_switches(load_profile("ecn-hedging"), history_orders_by=switch)
    market = BarMarket({"EURUSD": bars([1.1] * 9)}, start=5)
    terminal = Terminal(profile, market)
    mt5 = connected(terminal)
    placed = {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.0}
    order = sent(mt5, placed | {"type_filling": 2})
    terminal.advance()
    sent(mt5, {"action": mt5.TRADE_ACTION_REMOVE, "order": order.order})
    assert mt5.history_orders_total(MONDAY_10 + 300, MONDAY_10 + 300) == found


def test_the_order_book_lies_around_the_quote() -> None:
    market = BarMarket({"EURUSD": bars([1.1] * 9)}, start=5)
    mt5 = connected(Terminal(load_profile("exchange-netting"), market))
    assert mt5.market_book_get("EURUSD") is None
    assert mt5.market_book_add("EURUSD")
    book = mt5.market_book_get("EURUSD")
    assert [row.type for row in book] == [mt5.BOOK_TYPE_SELL] * 5 + [mt5.BOOK_TYPE_BUY] * 5
    assert (book[4].price, book[5].price) == (1.1001, 1.1)
    assert [row.price for row in book] == sorted((row.price for row in book), reverse=True)
    assert [row.volume_dbl for row in book[3:7]] == [500.0, 250.0, 250.0, 500.0]
    assert mt5.market_book_release("EURUSD")
    assert not mt5.market_book_release("EURUSD")
    assert not mt5.market_book_add("NOPE")


def test_the_modules_own_helpers_buy_sell_and_close(flat: Any) -> None:
    _, mt5 = flat
    assert mt5.Buy("EURUSD", 0.1, comment="helper").retcode == 10009
    assert mt5.Sell("EURUSD", 0.2, 1.1).retcode == 10009
    ticket = mt5.positions_get()[0].ticket
    assert mt5.Close("EURUSD", ticket=ticket) is True
    assert mt5.Close("EURUSD") is True
    assert mt5.Close("EURUSD") is False
    assert mt5.positions_get() == ()
    assert deals(mt5)[1].comment == "helper"


@pytest.fixture
def no_metatrader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test installs as MetaTrader5 is gone after it."""
    monkeypatch.setitem(sys.modules, "MetaTrader5", ModuleType("MetaTrader5"))


@pytest.mark.usefixtures("no_metatrader")
def test_install_makes_import_metatrader5_work() -> None:
    with install("market-maker", seed=3) as terminal:
        mt5 = importlib.import_module("MetaTrader5")
        assert mt5 is terminal.module()
        assert mt5.initialize()
        assert mt5.account_info().currency == "EUR"


@pytest.mark.usefixtures("no_metatrader")
def test_a_program_that_only_waits_sees_the_market_move() -> None:
    with install(seed=3) as terminal:
        mt5 = importlib.import_module("MetaTrader5")
        mt5.initialize()
        seen = {mt5.symbol_info_tick("EURUSD").time_msc for _ in range(50)}
        assert len(seen) > 5
        terminal.pace(0)
        assert len({mt5.symbol_info_tick("EURUSD").time_msc for _ in range(50)}) == 1


def test_a_closed_terminal_answers_no_more(flat: Any) -> None:
    terminal, mt5 = flat
    terminal.close()
    assert mt5.account_info() is None
    assert not mt5.initialize()
    assert mt5.last_error() == (-10003, "IPC initialize failed, MetaTrader 5 x64 not found")
