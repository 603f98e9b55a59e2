"""A request has the fields, types and lengths that MT5's module accepts, and the filling mode that
the symbol allows."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker.requests import Filling, comment, filling_for_market_order, market_order
from engine.execution.intents import order_key
from journal.errors import BrokerError
from journal.events import OrderIntended, SymbolSpecified
from tests.given import KEY, MAGIC, SYMBOL, a

FLOATS = {"volume", "price", "stoplimit", "sl", "tp"}
TEXTS = {"symbol", "comment"}


def test_a_market_buy_is_this_request() -> None:
    request = market_order(a(OrderIntended), a(SymbolSpecified), 1.05, 1.0501)
    assert request == {
        "action": 1,
        "magic": MAGIC,
        "symbol": SYMBOL,
        "volume": 1.0,
        "price": 1.0501,
        "sl": 1.0491,
        "tp": 1.0521,
        "deviation": 10,
        "type": 0,
        "type_filling": 0,
        "comment": KEY,
    }


def test_a_sell_asks_for_bid() -> None:
    request = market_order(a(OrderIntended, side="sell"), a(SymbolSpecified), 1.05, 1.0501)
    assert (request["type"], request["price"]) == (1, 1.05)


def test_prices_and_volumes_are_floats_and_all_else_plain_ints_even_when_intended_otherwise() -> (
    None
):
    whole: Any = a(OrderIntended, volume=1, sl=1, tp=2)
    for name, value in market_order(whole, a(SymbolSpecified), 1, 2).items():
        assert type(value) is (float if name in FLOATS else str if name in TEXTS else int), name


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["volume", "sl", "tp"])
def test_what_is_not_finite_is_never_sent(name: str, wrong: float) -> None:
    with pytest.raises(BrokerError, match=f"{KEY}: {name} is"):
        market_order(a(OrderIntended, **{name: wrong}), a(SymbolSpecified), 1.05, 1.0501)


def test_a_price_that_is_not_finite_is_never_sent() -> None:
    with pytest.raises(BrokerError, match="price is nan"):
        market_order(a(OrderIntended), a(SymbolSpecified), 1.05, math.nan)


REQUEST, INSTANT, MARKET, EXCHANGE = range(4)


@pytest.mark.parametrize(
    ("execution", "mask", "expected"),
    [
        (REQUEST, 0, Filling.FOK),
        (REQUEST, 2, Filling.FOK),
        (INSTANT, 0, Filling.FOK),
        (MARKET, 1, Filling.FOK),
        (MARKET, 2, Filling.IOC),
        (MARKET, 3, Filling.FOK),
        (MARKET, 5, Filling.FOK),
        (MARKET, 6, Filling.IOC),
        (EXCHANGE, 0, Filling.RETURN),
        (EXCHANGE, 1, Filling.FOK),
        (EXCHANGE, 2, Filling.IOC),
        (EXCHANGE, 4, Filling.RETURN),
    ],
)
def test_the_filling_mode_follows_execution_and_mask(
    execution: int, mask: int, expected: Filling
) -> None:
    spec = a(SymbolSpecified, execution_mode=execution, filling_mode=mask)
    assert filling_for_market_order(spec) == expected


@pytest.mark.parametrize("mask", [0, 4])  # the bit 4 is book-or-cancel, not RETURN
def test_market_execution_without_a_filling_bit_is_refused_and_says_what_was_found(
    mask: int,
) -> None:
    spec = a(SymbolSpecified, execution_mode=MARKET, filling_mode=mask)
    with pytest.raises(BrokerError, match=f"EURUSD has execution mode 2 and filling mask {mask}"):
        filling_for_market_order(spec)


@given(st.text(max_size=60))
def test_a_comment_never_exceeds_29_utf16_units_and_is_a_beginning(text: str) -> None:
    cut = comment(text)
    assert len(cut.encode("utf-16-le")) // 2 <= 29
    assert text.startswith(cut)
    if len(text.encode("utf-16-le")) // 2 <= 29:
        assert cut == text


def test_a_pair_of_units_is_kept_or_cut_whole() -> None:
    assert comment("x" * 28 + "🙂") == "x" * 28
    assert comment("x" * 27 + "🙂") == "x" * 27 + "🙂"


def test_an_order_key_is_never_cut() -> None:
    key = order_key("20231002-ZZZZZZZ", 32**7 - 1, 31)
    assert comment(key) == key
