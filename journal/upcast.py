"""From an event's earlier shapes to today's: pure functions over the raw payload.

Stored bytes stay as they are. When a released type changes its shape, its VERSION goes up by one
and the way from the version before is added here. It may rename, reshape and fill in; it may not
look at anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journal.events import TYPES

Raw = dict[str, Any]

UPCASTERS: dict[tuple[str, int], Callable[[Raw], Raw]] = {}
"""By type and the version they start from."""


class NoWay(LookupError):
    """There is no way from that version to today's."""


def to_current(name: str, version: int, data: Raw) -> Raw:
    """Return the payload in today's shape of its type. Raises NoWay."""
    if name not in TYPES or version > TYPES[name].VERSION:
        raise NoWay(f"{name} {version}")
    for step in range(version, TYPES[name].VERSION):
        upcaster = UPCASTERS.get((name, step))
        if upcaster is None:
            raise NoWay(f"{name} {step}")
        data = upcaster(data)
    return data
