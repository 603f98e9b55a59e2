"""The shape of every event type as data, and its fingerprint. It never looks at an event."""

from __future__ import annotations

import inspect
from functools import cache

import msgspec

from journal.chain import digest
from journal.events import TYPES

EVERYWHERE = {
    **dict.fromkeys(["bid", "ask", "open", "high", "low", "close", "price"], "price units"),
    **dict.fromkeys(["sl", "tp"], "price units, 0 for none"),
    "average": "volume-weighted price of the fills, price units",
    "build": "the terminal's build number",
    "by": "who asked: the user's name on the machine",
    "code": "MT5's `last_error` code",
    "code_version": "Daybook's own",
    "comment": "as the broker has it",
    "company": "the broker's name",
    "currency": "of the account",
    "currency_base": "that one lot is counted in",
    "currency_margin": "that margin is counted in",
    "currency_profit": "that profit and prices are counted in",
    "data_name": "files of prices; empty when live",
    "detail": "for people",
    "digits": "decimals of a price",
    "expiration": "server seconds, 0 for never",
    "external_id": "the exchange's, as the broker has it",
    "identifier": "of the position; it stays when the ticket changes",
    "key": "order key, or the key of a change",
    "login": "number of the account",
    "magic": "magic number, which marks a strategy's orders at the broker",
    "order": "ticket of the order",
    "orders": "pending ones; lots, price units",
    "platform": "operating system and machine",
    "position": "identifier of the position",
    "position_id": "identifier of the position",
    "positions": "open ones; lots, price units",
    "proof": "what proved it: `reply`, `evidence` or `operator`",
    "python": "version and implementation",
    "reason": "why, for people",
    "retcode": "MT5's trade return code, the module's error code where there was no reply, else 0",
    "rule": "name of the check",
    "server": "the broker's server that the account is on",
    "side": "`buy` or `sell`",
    "since_s": "seconds back from which on the broker's history is read",
    "strategy": "its name in the configuration",
    "symbol": "as the broker spells it",
    "terminal": "the terminal's name",
    "ticket": "of the deal, position or order",
    "timeframe": "`M1`, `H4` and so on, as MT5 has them",
}
"""What a field of that name means in each type that says nothing else about it."""


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
    """Return what a Struct's docstring says about its fields, and what is so everywhere.

    It says so on lines of `name[, name]  meaning`, at least two spaces apart. A shortened
    name (`volume_min, _max`) stands for the field that ends in it.
    """
    known = list(fields(kind))
    found = {name: EVERYWHERE[name] for name in known if name in EVERYWHERE}
    names: list[str] = []
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
