"""A record is taken over whole or not at all: what the journal could not read again never gets
there."""

from __future__ import annotations

import re
from collections import namedtuple
from typing import Any

import pytest

from engine.broker.identity import _identity
from engine.broker.records import (
    Translation,
    _order,
    account_seen,
    deal_recorded,
    order_listed,
    order_seen,
    position_seen,
    symbol_specified,
    terminal_seen,
    tick_seen,
    tick_stamp,
    tick_value,
)
from engine.broker.sending import _answer
from engine.terminal.records import FIELDS
from journal.errors import BrokerError
from tests.engine.broker.double import TYPES, record

TRANSLATIONS: dict[str, tuple[str, Translation[Any]]] = {
    "deal": ("TradeDeal", deal_recorded),
    "position": ("TradePosition", position_seen),
    "live order": ("TradeOrder", order_listed),
    "any order": ("TradeOrder", _order),
    "answer": ("OrderSendResult", _answer),
    "account": ("AccountInfo", account_seen),
    "identity": ("AccountInfo", _identity),
    "terminal": ("TerminalInfo", terminal_seen),
    "symbol": ("SymbolInfo", symbol_specified),
    "tick value": ("SymbolInfo", tick_value),
    "tick": ("Tick", tick_seen),
    "tick's stamp": ("Tick", tick_stamp),
}
"""Every way in which a record of the module is read."""

WRONG: dict[str, tuple[object, ...]] = {
    "int": (None, "12", 1.5, object()),
    "float": (None, "1.5", True, object()),
    "str": (None, 12, 1.5, b"text"),
    "bool": (None, "True", 1),
}

FIELDS_READ = [(which, name) for which, (_, read) in TRANSLATIONS.items() for name in read.takes]


@pytest.mark.parametrize(("which", "field"), FIELDS_READ)
def test_a_field_is_of_the_type_that_the_module_gives_it(which: str, field: str) -> None:
    kind, translate = TRANSLATIONS[which]
    assert translate.takes[field].__name__ == TYPES[kind][field]


@pytest.mark.parametrize(("which", "missing"), FIELDS_READ)
def test_a_record_without_a_field_is_refused_by_the_fields_name(which: str, missing: str) -> None:
    kind, translate = TRANSLATIONS[which]
    kept = [name for name in FIELDS[kind].split() if name != missing]
    whole = record(kind)
    shape: Any = namedtuple(kind, kept)  # type: ignore[misc] # noqa: PYI024
    with pytest.raises(BrokerError, match=f"has no field '{missing}'"):
        translate(shape(**{name: getattr(whole, name) for name in kept}))


@pytest.mark.parametrize(("which", "field"), FIELDS_READ)
def test_a_field_of_another_type_is_refused_by_its_name_with_what_was_found(
    which: str, field: str
) -> None:
    kind, translate = TRANSLATIONS[which]
    expected = TYPES[kind][field]
    for wrong in WRONG[expected]:
        said = f"wrong type: '{field}' is {re.escape(repr(wrong)[:60])}, expected {expected}"
        with pytest.raises(BrokerError, match=said):
            translate(record(kind, **{field: wrong}))


@pytest.mark.parametrize("which", TRANSLATIONS)
def test_a_whole_record_is_taken_and_what_is_not_read_of_it_may_be_anything(which: str) -> None:
    kind, translate = TRANSLATIONS[which]
    unread = {name: None for name in FIELDS[kind].split() if name not in translate.takes}
    assert translate(record(kind, **unread)) == translate(record(kind))


def test_a_refused_record_is_named_by_its_ticket_or_by_what_was_asked_for() -> None:
    with pytest.raises(BrokerError, match="the terminal's deal 7 has a field"):
        deal_recorded(record("TradeDeal", ticket=7, magic=None))
    with pytest.raises(BrokerError, match="the terminal's symbol GBPUSD has a field"):
        symbol_specified(record("SymbolInfo", digits=None), "GBPUSD")
    with pytest.raises(BrokerError, match="the terminal's account has a field"):
        account_seen(record("AccountInfo", equity=None))


def test_of_a_long_nonsense_only_the_beginning_is_shown() -> None:
    with pytest.raises(BrokerError) as caught:
        deal_recorded(record("TradeDeal", magic="x" * 1000))
    assert len(str(caught.value)) < 300


def test_a_whole_number_for_a_price_is_a_price() -> None:
    deal = deal_recorded(record("TradeDeal", price=0, profit=-3))
    assert (type(deal.price), deal.price, deal.profit) == (float, 0.0, -3.0)


def test_what_is_filled_of_an_order_is_what_is_left_less_than_asked() -> None:
    order = order_seen(record("TradeOrder", volume_initial=0.3, volume_current=0.1), done=True)
    assert (order.volume, order.filled, order.done) == (0.3, 0.2, True)


def test_a_live_order_is_listed_with_its_prices_and_its_rest() -> None:
    order = record("TradeOrder", volume_initial=0.3, volume_current=0.1)
    listed = order_listed(order)
    assert (listed.volume_initial, listed.volume) == (0.3, 0.1)
    assert (listed.price, listed.limit) == (order.price_open, order.price_stoplimit)
    assert (listed.sl, listed.tp, listed.expiration) == (order.sl, order.tp, order.time_expiration)
    assert listed.time_msc == order.time_setup_msc
