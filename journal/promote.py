"""Which payload fields become columns of their own in segments and SQL. It touches no file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

import msgspec

from journal.envelope import AnyEvent
from journal.events import TYPES

Value = str | int | float | None

PROMOTED: dict[str, tuple[str, str]] = {
    "symbol": ("VARCHAR", "symbol"),
    "ticket": ("BIGINT", "ticket"),
    "order_ticket": ("BIGINT", "order"),
    "position": ("BIGINT", "position_id"),
    "magic": ("BIGINT", "magic"),
    "side": ("VARCHAR", "side"),
    "volume": ("DOUBLE", "volume"),
    "price": ("DOUBLE", "price"),
    "profit": ("DOUBLE", "profit"),
    "commission": ("DOUBLE", "commission"),
    "swap": ("DOUBLE", "swap"),
    "fee": ("DOUBLE", "fee"),
}
"""Column: its SQL type and the payload field that fills it; what people filter, join and sum on.

A payload without the field has NULL. The order key is not among them: it is the envelope's `corr`.
"""


BULK = frozenset({"BarClosed"})
"""Types of which there are so many that their bytes have a column of their own in segments.

A question about orders then reads a tenth of the bytes. A type may not enter or leave this set once
journals exist: the typed views look for it in one column only.
"""


def promoted(event: AnyEvent, column: str) -> Value:
    """Return an event's value in a promoted column."""
    field = _fields(event.type).get(column)
    value: Value = getattr(event.data, field) if field else None
    return value


def matches(event: AnyEvent, where: Mapping[str, Collection[Value]]) -> bool:
    """Whether an event has one of the wanted values in each column, promoted or of the envelope."""
    return all(
        (promoted(event, name) if name in PROMOTED else getattr(event, name)) in values
        for name, values in where.items()
    )


@cache
def _fields(type_name: str) -> dict[str, str]:
    info = msgspec.inspect.type_info(TYPES[type_name])
    assert isinstance(info, msgspec.inspect.StructType)
    names = {field.name for field in info.fields}
    return {column: field for column, (_, field) in PROMOTED.items() if field in names}
