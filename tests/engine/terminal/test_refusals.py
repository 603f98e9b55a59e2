"""Every refusal: which retcode, with which comment, and that nothing was done."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.conditions import Conditions
from engine.terminal.market import BarMarket
from engine.terminal.profile import Profile
from engine.terminal.texts import TEXTS
from tests.engine.terminal.worlds import (
    MONDAY_10,
    bars,
    connected,
    deals,
    market_order,
    sent,
    with_account,
    with_switches,
    with_symbol,
)

BUY, SELL, BUY_LIMIT, BUY_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = 0, 1, 2, 4, 6, 7
SATURDAY = MONDAY_10 - 2 * 86_400


def profile_with(**symbol: object) -> Profile:
    """The ECN broker with changes to EURUSD."""
    return with_symbol(load_profile("ecn-hedging"), **symbol)


def account_with(**account: object) -> Profile:
    """The ECN broker with changes to the account."""
    return with_account(load_profile("ecn-hedging"), **account)


def open_world(profile: Profile, start: int = MONDAY_10) -> tuple[Terminal, ModuleType]:
    market = BarMarket({"EURUSD": bars([1.1] * 4, start=start)}, start=1)
    terminal = Terminal(profile, market)
    return terminal, connected(terminal)


def deal(**more: object) -> dict[str, object]:
    return {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type_filling": 1} | more


def pending(**more: object) -> dict[str, object]:
    request = {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": BUY_LIMIT, "price": 1.09}
    return request | {"type_filling": 2} | more


CASES: list[tuple[str, Profile, dict[str, object], int]] = [
    ("unknown action", profile_with(), {"action": 99}, 10013),
    ("empty request", profile_with(), {}, 10013),
    ("unknown symbol", profile_with(), deal(symbol="NOPE"), 10013),
    ("symbol disabled", profile_with(trade_mode="disabled"), deal(), 10017),
    ("long only", profile_with(trade_mode="long_only"), deal(type=SELL), 10042),
    ("short only", profile_with(trade_mode="short_only"), deal(type=BUY), 10043),
    ("close only", profile_with(trade_mode="close_only"), deal(), 10044),
    ("unknown order type", profile_with(), deal(type=77), 10035),
    ("pending type in a deal", profile_with(), deal(type=BUY_LIMIT), 10035),
    ("market type in a pending", profile_with(), pending(type=BUY), 10035),
    ("kind of order not offered", profile_with(orders=("market",)), pending(), 10035),
    ("volume too small", profile_with(), deal(volume=0.001), 10014),
    ("volume too large", profile_with(), deal(volume=1000.0), 10014),
    ("volume off the step", profile_with(), deal(volume=0.015), 10014),
    ("volume NaN", profile_with(), deal(volume=float("nan")), 10014),
    ("volume infinite", profile_with(), deal(volume=float("inf")), 10014),
    ("volume negative", profile_with(), deal(volume=-0.1), 10014),
    ("no volume", profile_with(), {"action": 1, "symbol": "EURUSD"}, 10014),
    ("return under market execution", profile_with(), deal(type_filling=2), 10030),
    ("fok not in the mask", profile_with(filling=("ioc",)), deal(type_filling=0), 10030),
    ("boc for a deal", profile_with(filling=("boc",)), deal(type_filling=3), 10030),
    ("boc for a stop", profile_with(filling=("boc",)),
     pending(type=BUY_STOP, price=1.2, type_filling=3), 10030),
    ("unknown filling", profile_with(), deal(type_filling=9), 10030),
    ("lifetime not offered", profile_with(expiration=("gtc",)), pending(type_time=1), 10022),
    ("expiration in the past", profile_with(), pending(type_time=2, expiration=5), 10022),
    ("no price under instant execution", profile_with(execution="instant"), deal(), 10015),
    ("price off the tick grid", profile_with(tick_size=0.0005), pending(price=1.0903), 10015),
    ("limit on the wrong side", profile_with(), pending(price=1.11), 10015),
    ("stop on the wrong side", profile_with(), pending(type=BUY_STOP, price=1.09), 10015),
    ("limit too near", profile_with(stops_level=50), pending(price=1.0997), 10015),
    ("buy stop-limit with its limit above", profile_with(),
     pending(type=BUY_STOP_LIMIT, price=1.11, stoplimit=1.12), 10015),
    ("sell stop-limit with its limit below", profile_with(),
     pending(type=SELL_STOP_LIMIT, price=1.09, stoplimit=1.08), 10015),
    ("stop-limit without a limit", profile_with(),
     pending(type=BUY_STOP_LIMIT, price=1.11), 10015),
    ("sl above a buy", profile_with(), deal(sl=1.2), 10016),
    ("sl between bid and ask", profile_with(), deal(sl=1.10005), 10016),
    ("sl nearer than the level", profile_with(stops_level=50), deal(sl=1.0996), 10016),
    ("tp nearer than the level", profile_with(stops_level=50), deal(tp=1.1004), 10016),
    ("tp of a pending on the wrong side", profile_with(), pending(tp=1.08), 10016),
    ("sl NaN", profile_with(), deal(sl=float("nan")), 10016),
    ("no sl offered", profile_with(orders=("market",)), deal(sl=1.09), 10016),
    ("no money", profile_with(), deal(volume=50.0), 10019),
    ("order limit", account_with(limit_orders=0, limit_positions=0), pending(), 10009),
    ("volume limit", profile_with(volume_limit=0.05), deal(), 10034),
    ("closing a position that is not there", profile_with(), deal(position=12345), 10036),
    ("levels for a position that is not there", profile_with(),
     {"action": 6, "position": 5, "symbol": "EURUSD", "sl": 1.0}, 10036),
    ("changing an order that is not there", profile_with(), {"action": 7, "order": 5}, 10013),
    ("removing an order that is not there", profile_with(), {"action": 8, "order": 5}, 10013),
    ("close-by without positions", profile_with(), {"action": 10}, 10036),
]  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "request_", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_request_gets_its_retcode_and_comment_and_check_agrees_with_send(
    profile: Profile, request_: dict[str, object], code: int
) -> None:
    _, mt5 = open_world(profile)
    checked = mt5.order_check(request_)
    result = mt5.order_send(request_)
    if code == 10009:
        assert (checked.retcode, checked.comment) == (0, "Done")
        return
    assert (result.retcode, result.comment) == (code, TEXTS[code])
    assert (checked.retcode, checked.comment) == (code, TEXTS[code])
    assert (result.deal, result.order, result.volume, result.bid, result.request_id) == (0,) * 5
    assert len(deals(mt5)) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda now: setattr(now, "connected", False), 10031),
        (lambda now: setattr(now, "trade_allowed", False), 10027),
        (lambda now: setattr(now, "trade_expert", False), 10026),
        (lambda now: setattr(now, "account_trade_allowed", False), 10017),
    ],
    ids=["disconnected", "algo trading off", "experts off", "account read-only"],
)
def test_switches_refuse_before_anything_else(
    change: Callable[[Conditions], None], code: int
) -> None:
    terminal, mt5 = open_world(profile_with())
    change(terminal.conditions)
    result = mt5.order_send(deal(volume=-1.0))
    assert (result.retcode, result.comment) == (code, TEXTS[code])
    assert (result.comment == "AutoTrading disabled by client") == (code == 10027)


def test_the_api_switch_is_an_error_or_a_retcode_as_the_profile_says() -> None:
    terminal, mt5 = open_world(profile_with())
    terminal.conditions.tradeapi_disabled = True
    assert mt5.order_send(deal()) is None
    assert mt5.last_error() == (-8, "Auto-Trading using Python API disabled in Terminal")
    terminal, mt5 = open_world(with_switches(profile_with(), tradeapi_disabled_as="retcode"))
    terminal.conditions.tradeapi_disabled = True
    assert mt5.order_send(deal()).retcode == 10027


def test_a_closed_market_refuses() -> None:
    _, mt5 = open_world(profile_with(), start=SATURDAY)
    sent(mt5, deal(), mt5.TRADE_RETCODE_MARKET_CLOSED)


def test_a_profile_may_put_the_checks_into_another_order() -> None:
    request = deal(volume=0.001, type_filling=9)
    assert open_world(profile_with())[1].order_send(request).retcode == 10014
    turned = with_switches(profile_with(), checks=("connection", "symbol", "filling", "volume"))
    assert open_world(turned)[1].order_send(request).retcode == 10030


def test_a_profile_may_word_a_refusal_otherwise() -> None:
    _, mt5 = open_world(with_switches(profile_with(), texts={10014: "bad lots"}))
    assert mt5.order_send(deal(volume=0.001)).comment == "bad lots"


def test_limits_on_orders_and_positions() -> None:
    _, mt5 = open_world(account_with(limit_orders=1))
    sent(mt5, pending())
    sent(mt5, pending(), mt5.TRADE_RETCODE_LIMIT_ORDERS)
    _, mt5 = open_world(account_with(limit_positions=2))
    sent(mt5, deal())
    sent(mt5, pending())  # on a hedging account a pending order counts too
    sent(mt5, deal(), mt5.TRADE_RETCODE_LIMIT_POSITIONS)


def test_closing_more_than_there_is() -> None:
    _, mt5 = open_world(profile_with())
    opened = sent(mt5, market_order(mt5, BUY, 0.1))
    request = market_order(mt5, SELL, 0.2, position=opened.order)
    sent(mt5, request, mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME)


def test_a_position_is_not_closed_by_its_own_direction_nor_under_another_symbol() -> None:
    market = BarMarket({name: bars([1.1] * 4) for name in ("EURUSD", "GBPUSD")}, start=1)
    mt5 = connected(Terminal(profile_with(), market))
    opened = sent(mt5, market_order(mt5, BUY))
    sent(mt5, market_order(mt5, BUY, position=opened.order), mt5.TRADE_RETCODE_INVALID)
    elsewhere = market_order(mt5, SELL, position=opened.order, symbol="GBPUSD")
    sent(mt5, elsewhere, mt5.TRADE_RETCODE_INVALID)
    assert mt5.positions_get()[0].volume == 0.1


def test_fifo_accounts_close_the_oldest_first() -> None:
    _, mt5 = open_world(account_with(fifo_close=True))
    sent(mt5, market_order(mt5, BUY))
    second = sent(mt5, market_order(mt5, BUY))
    request = market_order(mt5, SELL, position=second.order)
    sent(mt5, request, mt5.TRADE_RETCODE_FIFO_CLOSE)
    sold = sent(mt5, market_order(mt5, SELL))
    sent(mt5, market_order(mt5, BUY, position=sold.order))  # the oldest of its direction


def test_the_volume_limit_counts_positions_and_orders_of_one_direction() -> None:
    _, mt5 = open_world(profile_with(volume_limit=0.3))
    sent(mt5, deal())
    sent(mt5, pending())
    sent(mt5, deal(volume=0.2), mt5.TRADE_RETCODE_LIMIT_VOLUME)
    sent(mt5, pending(volume=0.2), mt5.TRADE_RETCODE_LIMIT_VOLUME)
    sent(mt5, deal(volume=0.3, type=SELL))
    sent(mt5, deal())


@pytest.mark.parametrize("level", [1.0995, 1.0994, 1.0993])
def test_the_freeze_level_refuses_what_is_about_to_happen(level: float) -> None:
    _, mt5 = open_world(profile_with(freeze_level=60))
    opened = sent(mt5, market_order(mt5, BUY, sl=level))
    close = market_order(mt5, SELL, position=opened.order)
    frozen = level >= 1.0994
    sent(mt5, close, mt5.TRADE_RETCODE_FROZEN if frozen else mt5.TRADE_RETCODE_DONE)


def test_a_frozen_pending_order_cannot_be_removed() -> None:
    _, mt5 = open_world(profile_with(freeze_level=60))
    placed = sent(mt5, pending(price=1.0997))
    remove = {"action": mt5.TRADE_ACTION_REMOVE, "order": placed.order}
    sent(mt5, remove, mt5.TRADE_RETCODE_FROZEN)


def test_with_floating_stops_a_level_within_the_spread_is_refused() -> None:
    request: dict[str, Any] = deal(sl=1.09995)
    assert open_world(profile_with())[1].order_check(request).retcode == 0
    floating = with_switches(profile_with(), floating_stops=True)
    assert open_world(floating)[1].order_check(request).retcode == 10016
    # The levels of a pending order are measured from its own price: there is no spread in between.
    assert open_world(floating)[1].order_check(pending(price=1.09, sl=1.08995)).retcode == 0
