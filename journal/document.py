"""`python -m journal.document` writes `SCHEMAS.md` and `schema.json` from the event types.

`--release VERSION` also records today's shapes as released: from then on a test holds that none of
them changes without a new version and an upcaster.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec

from journal import schema
from journal.envelope import Event
from journal.events import TYPES, Payload

SCHEMAS = Path(__file__).with_name("SCHEMAS.md")
COMMITTED = Path(__file__).with_name("schema.json")

_PREFACE = """# Event types

Generated from the types by `python -m journal.document`; a test holds that it is current.

An event is one line of JSON: the envelope below, with the payload of its type in `data`. Fields are
never absent; what is not known is 0 or an empty text. A type's `v` is the version of its shape: a
released shape never changes, a new one has a new version and the stored bytes are upcast on
reading (`journal/upcast.py`). Roles: an **input** came from outside and is fed again by a replay, a
**decision** was computed from inputs and is compared by a replay, a **note** is the journal's own.
"""


class Committed(msgspec.Struct):
    """The schema file: shapes of each release, and today's."""

    released: dict[str, dict[str, Any]]
    current: dict[str, Any]


def schemas() -> str:
    """Return the page about all event types."""
    families: dict[str, list[type[Payload]]] = {}
    for kind in TYPES.values():
        families.setdefault(kind.__module__, []).append(kind)
    parts = [_PREFACE, "## The envelope\n", _table(Event)]
    for module, kinds in families.items():
        page = inspect.getdoc(sys.modules[module]) or ""
        title = " ".join(page.partition(".")[0].split())
        parts.append(f"## {title}\n")
        parts += [_section(kind) for kind in kinds]
    return "\n".join(parts)


def committed() -> Committed:
    """Return the schema file as it is."""
    return msgspec.json.decode(COMMITTED.read_bytes(), type=Committed)


def current(released: dict[str, dict[str, Any]]) -> bytes:
    """Return the schema file as it should be."""
    raw = msgspec.json.encode(Committed(released, schema.shapes()))
    return msgspec.json.format(raw, indent=1) + b"\n"


def main(arguments: list[str]) -> int:
    """Write both files."""
    released = committed().released if COMMITTED.exists() else {}
    if arguments[:1] == ["--release"] and len(arguments) == 2:
        released[arguments[1]] = schema.shapes()
    elif arguments:
        sys.stderr.write("usage: python -m journal.document [--release VERSION]\n")
        return 2
    SCHEMAS.write_text(schemas(), encoding="utf-8", newline="\n")
    COMMITTED.write_bytes(current(released))
    return 0


def _section(kind: type[Payload]) -> str:
    about = f"Version {kind.VERSION}, {kind.ROLE.value}. {schema.summary(kind)}"
    return f"### {kind.__name__}\n\n{about}\n\n{_table(kind)}"


def _table(kind: type[msgspec.Struct]) -> str:
    meanings = schema.meanings(kind)
    rows = [
        f"| `{name}` | {_type(shape)} | {meanings.get(name, '').replace('|', '/')} |"
        for name, shape in schema.fields(kind).items()
    ]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows]) + "\n"


def _type(shape: object) -> str:
    if isinstance(shape, list):
        return f"list of {_type(shape[0])}"
    if isinstance(shape, dict) and shape:
        return "{" + ", ".join(f"{name}: {_type(part)}" for name, part in shape.items()) + "}"
    return str(shape or "object")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
