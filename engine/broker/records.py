"""The module's records as the engine's payloads: field by field, with every type checked.

A field that is missing, or not what it should be, is an error with its name: it must never reach
the journal, which could not be read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from engine.broker.gateway import OrderSeen
from journal.errors import BrokerError
from journal.events import DealRecorded, OrderListed, PositionSeen

P = TypeVar("P", bound=msgspec.Struct)

ADVICE = "Bring the terminal and the MetaTrader5 package to the same age, then start again"


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise BrokerError when a record that is read in the block lacks a field."""
    try:
        yield
    except AttributeError as error:
        raise BrokerError(f"the terminal's {what} has no field {error.name!r}. {ADVICE}") from error


class Translation(Generic[P]):
    """From records of one type to payloads of one type.

    renamed  fields of the payload that the module calls otherwise
    """

    def __init__(self, kind: type[P], what: str, **renamed: str) -> None:
        hints = get_type_hints(kind)
        self._kind, self._what = kind, what
        self._names = kind.__struct_fields__
        self._types = [hints[name] for name in self._names]
        self._values = attrgetter(*(renamed.get(name, name) for name in self._names))

    def __call__(self, record: Any) -> P:
        """Translate one record. Raises BrokerError."""
        try:
            values = self._values(record)
        except AttributeError as error:
            raise self.refused(record, f"has no field {error.name!r}") from error
        if list(map(type, values)) == self._types:
            return self._kind(*values)
        try:  # a whole number for a price is none to complain about; anything else is
            return msgspec.convert(dict(zip(self._names, values, strict=True)), self._kind)
        except msgspec.ValidationError as error:
            raise self.refused(record, f"has a field of the wrong type: {error}") from error

    def refused(self, record: Any, problem: str) -> BrokerError:
        """Say what is wrong with a record."""
        return BrokerError(
            f"the terminal's {self._what} {getattr(record, 'ticket', 'without a ticket')} "
            f"{problem}; nothing was recorded of it. {ADVICE}"
        )


deal_recorded = Translation(DealRecorded, "deal")
"""A deal of the history."""

position_seen = Translation(PositionSeen, "position")
"""An open position."""

order_listed = Translation(
    OrderListed,
    "order",
    volume="volume_current",
    price="price_open",
    limit="price_stoplimit",
    expiration="time_expiration",
    time_msc="time_setup_msc",
)
"""A live order."""


class _Order(msgspec.Struct, frozen=True, gc=False):
    """An order, live or done, as the module has it."""

    ticket: int
    symbol: str
    type: int
    magic: int
    volume_initial: float
    time_setup_msc: int
    comment: str
    volume_current: float
    state: int
    reason: int
    position_id: int
    position_by_id: int


_order = Translation(_Order, "order")


def order_seen(record: Any, *, done: bool) -> OrderSeen:
    """Translate an order; `done` when it was in the history. Raises BrokerError."""
    order = _order(record)
    return OrderSeen(
        ticket=order.ticket,
        symbol=order.symbol,
        type=order.type,
        magic=order.magic,
        volume=order.volume_initial,
        time_msc=order.time_setup_msc,
        comment=order.comment,
        filled=round(order.volume_initial - order.volume_current, 8),
        state=order.state,
        done=done,
        reason=order.reason,
        position=order.position_id,
        by=order.position_by_id,
    )
