"""The shape of every event type as data, and its fingerprint. It never looks at an event."""

from __future__ import annotations

from functools import cache

import msgspec

from journal.chain import digest
from journal.events import TYPES


@cache
def fingerprint() -> str:
    """Return the digest of all shapes: two journals with the same one hold the same types."""
    return digest(msgspec.json.encode(shapes(), order="deterministic"))


def shapes() -> dict[str, dict[str, object]]:
    """Return version, role and fields (name: type) of each event type."""
    return {
        name: {"version": kind.VERSION, "role": kind.ROLE.value, "fields": fields(kind)}
        for name, kind in TYPES.items()
    }


def fields(kind: type[msgspec.Struct]) -> dict[str, object]:
    """Return a Struct's fields and their types in order."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.encode_name: _name(field.type) for field in info.fields}


def _name(kind: msgspec.inspect.Type) -> object:
    match kind:
        case msgspec.inspect.StructType():
            return fields(kind.cls)
        case msgspec.inspect.ListType():
            return [_name(kind.item_type)]
        case msgspec.inspect.DictType():
            return "object"
        case _:
            return type(kind).__name__.removesuffix("Type").lower()
