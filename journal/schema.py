"""The shape of every event type as data, and its fingerprint. It never looks at an event."""

from __future__ import annotations

import inspect
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


def summary(kind: type[msgspec.Struct]) -> str:
    """Return the first paragraph of a Struct's docstring on one line."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())


def meanings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return what a Struct's docstring says about its fields.

    It says so on lines of `name[, name]  meaning`, at least two spaces apart. A shortened
    name (`volume_min, _max`) stands for the field that ends in it.
    """
    found: dict[str, str] = {}
    names: list[str] = []
    known = list(fields(kind))
    for line in inspect.cleandoc(kind.__doc__ or "").splitlines():
        left, gap, right = line.partition("  ")
        if line.startswith(" ") and names:
            for name in names:
                found[name] += " " + line.strip()
        elif gap and all(_field(part, known) for part in left.split(", ")):
            names = [_field(part, known) for part in left.split(", ")]
            found.update(dict.fromkeys(names, right.strip()))
        else:
            names = []
    return found


def _field(part: str, known: list[str]) -> str:
    """Return the field that a name in a docstring means, or an empty text."""
    if part in known:
        return part
    return next((n for n in known if part.startswith("_") and n.endswith(part)), "")


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
