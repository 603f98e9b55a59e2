"""A record is taken over whole or not at all: what the journal could not read again never gets
there."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from engine.broker.records import deal_recorded, order_listed, order_seen, position_seen
from engine.terminal.records import FIELDS
from journal.errors import BrokerError
from tests.engine.broker.double import record

TRANSLATIONS: list[tuple[str, Callable[[Any], msgspec.Struct]]] = [
    ("TradeDeal", deal_recorded),
    ("TradePosition", position_seen),
    ("TradeOrder", order_listed),
    ("TradeOrder", lambda order: order_seen(order, done=False)),
]


@pytest.mark.parametrize(("kind", "translate"), TRANSLATIONS)
@pytest.mark.parametrize("missing", ["ticket", "symbol", "type", "magic", "comment"])
def test_a_record_without_a_field_is_refused_by_the_fields_name(
    kind: str, translate: Callable[[Any], msgspec.Struct], missing: str
) -> None:
    kept = [name for name in FIELDS[kind].split() if name != missing]
    whole = record(kind)
    shape: Any = namedtuple(kind, kept)  # type: ignore[misc] # noqa: PYI024
    with pytest.raises(BrokerError, match=f"has no field '{missing}'"):
        translate(shape(**{name: getattr(whole, name) for name in kept}))


@pytest.mark.parametrize(("kind", "translate"), TRANSLATIONS)
@pytest.mark.parametrize("wrong", [None, "nonsense", object()])
def test_a_field_of_another_type_is_refused_by_its_name(
    kind: str, translate: Callable[[Any], msgspec.Struct], wrong: object
) -> None:
    with pytest.raises(BrokerError, match=r"wrong type.*magic"):
        translate(record(kind, magic=wrong))


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
