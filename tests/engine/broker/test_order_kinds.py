"""Every request the adapter can make is one that the module and the symbol accept."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker import requests
from engine.broker.requests import Action, Filling, Lifetime, OrderType, Pending
from engine.terminal import Terminal, load_profile
from engine.terminal.market import RandomMarket
from journal.errors import BrokerError
from journal.events import PositionSeen, QuoteObserved, SymbolSpecified
from tests.given import KEY, MAGIC, SYMBOL, a

SPEC: SymbolSpecified = a(SymbolSpecified)
QUOTE: QuoteObserved = a(QuoteObserved, bid=1.05, ask=1.0501)
LONG: PositionSeen = PositionSeen(
    ticket=5, identifier=4, symbol=SYMBOL, type=0, magic=MAGIC, volume=0.3, price_open=1.05,
    sl=0.0, tp=0.0, comment=KEY,
)  # fmt: skip

LIMIT = Pending(type=OrderType.BUY_LIMIT, volume=0.1, price=1.04)


def all_kinds(volume: float, price: float) -> list[dict[str, Any]]:
    pending = Pending(
        type=OrderType.BUY_STOP_LIMIT,
        volume=volume,
        price=price,
        stoplimit=price,
        sl=price,
        tp=price,
        lifetime=Lifetime.SPECIFIED,
        expiration=1_700_000_000,
    )
    return [
        requests.close_position(LONG, volume, SPEC, QUOTE, key=KEY, deviation=5),
        requests.close_by(LONG, LONG, key=KEY),
        requests.set_stops(LONG, price, price, SPEC),
        requests.pending_order(pending, SPEC, magic=MAGIC, key=KEY),
        requests.modify_pending(7, pending, SPEC),
        requests.remove_pending(7),
    ]


@pytest.fixture(scope="module")
def not_connected() -> ModuleType:
    profile = load_profile("ecn-hedging")
    return Terminal(profile, RandomMarket.of(profile, ticks=10)).module()


@given(st.floats(0.01, 0.3), st.floats(0.5, 2.0))
def test_the_module_finds_nothing_wrong_with_the_types_of_any_request(
    not_connected: ModuleType, volume: float, price: float
) -> None:
    """Without a connection it gets as far as -10004, after all its own checks (facts 1.5)."""
    for request in all_kinds(volume, price):
        assert not_connected.order_send(request) is None
        assert not_connected.last_error() == (-10004, "No IPC connection")


@given(st.floats(0.01, 50.0))
def test_a_volume_is_never_rounded_up(volume: float) -> None:
    request = requests.pending_order(
        Pending(type=OrderType.BUY_LIMIT, volume=volume, price=1.0), SPEC, magic=1, key=KEY
    )
    assert request["volume"] <= volume + 1e-8
    assert volume - request["volume"] < SPEC.volume_step
    assert request["volume"] == round(request["volume"], 2)


@pytest.mark.parametrize("volume", [0.0, 0.009, 1e9])
def test_a_volume_outside_the_symbol_s_bounds_is_never_sent(volume: float) -> None:
    with pytest.raises(BrokerError, match=f"{KEY}: volume .* EURUSD takes"):
        requests.pending_order(
            Pending(type=OrderType.BUY_LIMIT, volume=volume, price=1.0), SPEC, magic=1, key=KEY
        )


@given(st.floats(0.00001, 5.0))
def test_a_level_lies_on_the_tick_grid_and_none_stays_none(price: float) -> None:
    request = requests.set_stops(LONG, price, 0.0, SPEC)
    assert abs(request["sl"] - price) <= SPEC.tick_size / 2 + 1e-12
    assert request["sl"] == round(request["sl"], SPEC.digits)
    assert request["tp"] == 0.0


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, -1.0])
def test_a_number_that_is_no_price_is_never_sent(wrong: float) -> None:
    with pytest.raises(BrokerError, match="sl is"):
        requests.set_stops(LONG, wrong, 1.0, SPEC)


def test_a_close_names_its_position_and_takes_the_other_side_of_the_market() -> None:
    request = requests.close_position(LONG, 9.0, SPEC, QUOTE, key=KEY, deviation=5)
    assert request == {
        "action": Action.DEAL,
        "magic": MAGIC,
        "symbol": SYMBOL,
        "volume": 0.3,  # never more than there is
        "price": 1.05,
        "deviation": 5,
        "type": OrderType.SELL,
        "type_filling": Filling.FOK,
        "comment": KEY,
        "position": 5,
    }


def test_a_pending_order_is_filled_by_return_under_every_execution_mode() -> None:
    for mode in range(4):
        spec = a(SymbolSpecified, execution_mode=mode, filling_mode=1)
        request = requests.pending_order(LIMIT, spec, magic=1, key=KEY)
        assert request["type_filling"] == Filling.RETURN


def test_a_modification_sends_every_level_as_those_left_out_would_be_deleted() -> None:
    request = requests.modify_pending(7, LIMIT, SPEC)
    assert {"price", "sl", "tp", "type_time", "expiration"} <= set(request)
    assert not {"volume", "type"} & set(request)
    assert {"sl", "tp"} <= set(requests.set_stops(LONG, 0.0, 0.0, SPEC))
