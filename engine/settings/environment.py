"""Lay environment variables over what a file says.

A variable's name is the prefix and the key path, in capitals, joined by two underscores:
`DAYBOOK_STRATEGIES__0__FAST=10` is `strategies[0].fast`. A name that leads nowhere is an error, so
that a misspelt override cannot be ignored in silence.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from msgspec import inspect

from engine.settings.shape import keys, member
from engine.settings.source import KeyPath, Source, dotted, scalar

_JOINT = "__"


class _Astray(Exception):
    """A variable's name leads nowhere; the text says why."""


def overlay(
    source: Source, kind: inspect.Type, environ: Mapping[str, str], prefix: str
) -> list[str]:
    """Write the variables that begin with `prefix` into `source`; return a line for each misfit."""
    found = []
    for name in sorted(environ, key=_natural):
        if not name.startswith(prefix):
            continue
        walk = _Walk(name, name.removeprefix(prefix).split(_JOINT), environ[name])
        try:
            source.value = walk.put(source.value, kind, ())
            source.places[walk.key] = f"environment variable {name}"
        except _Astray as astray:
            found.append(f"environment variable {name}: {astray}")
    return found


class _Walk:
    """One variable's way through type and value together.

    key  where it ended
    """

    def __init__(self, name: str, parts: list[str], text: str) -> None:
        self.name = name
        self.parts = parts
        self.text = text
        self.key: KeyPath = ()

    def put(self, value: object, kind: inspect.Type, key: KeyPath) -> object:
        """Return `value` with the variable's text set below it."""
        depth = len(key)
        inside = depth < len(self.parts)
        kind = member(kind, {} if inside and value is None else value)
        if not inside:
            self.key = key
            return self._leaf(kind)
        part = self.parts[depth]
        match kind:
            case inspect.StructType():
                section = self._section(value, key)
                name = part.lower()
                inner = self._field(kind, name, depth)
                section[name] = self.put(section.get(name), inner, (*key, name))
                return section
            case inspect.DictType():
                section = self._section(value, key)
                # Variables are written in capitals (on Windows always), these names need not be.
                name = next((one for one in section if one.upper() == part.upper()), part)
                section[name] = self.put(section.get(name), kind.value_type, (*key, name))
                return section
            case inspect.ListType():
                return self._put_item(value, kind, key)
            case inspect.UnionType() if structs := self._structs(kind):
                return self.put(value, self._kind(structs, part.lower()), key)
        raise _Astray(f"`{dotted(key)}` is a single value and has no `{part.lower()}` in it")

    def _put_item(self, value: object, kind: inspect.ListType, key: KeyPath) -> list[object]:
        items = value if isinstance(value, list) else []
        part = self.parts[len(key)]
        if not part.isdecimal() or int(part) > len(items):
            raise _Astray(
                f"`{dotted(key)}` is a list of {len(items)}: expected a position from 0, "
                f"at most {len(items)} to add one, found `{part}`"
            )
        index = int(part)
        item = self.put(items[index] if index < len(items) else None, kind.item_type, (*key, index))
        items[index : index + 1] = [item]
        return items

    def _leaf(self, kind: inspect.Type) -> object:
        if isinstance(kind, inspect.StructType | inspect.DictType | inspect.ListType):
            example = keys(kind)[0].upper() if isinstance(kind, inspect.StructType) else "0"
            raise _Astray(
                "this names a whole section; "
                f"set what is in it, such as {self.name}{_JOINT}{example}"
            )
        texts = isinstance(kind, inspect.StrType | inspect.LiteralType)
        return self.text if texts else scalar(self.text)

    def _field(self, kind: inspect.StructType, name: str, depth: int) -> inspect.Type:
        if name == kind.tag_field:
            return inspect.LiteralType((kind.tag,))
        for field in kind.fields:
            if field.encode_name == name:
                return field.type
        known = keys(kind)
        before = self.name[: len(self.name) - len(_JOINT.join(self.parts[depth:]))]
        near = difflib.get_close_matches(name, known, n=1)
        hint = (
            f"did you mean {before}{near[0].upper()}?"
            if near
            else "known here: " + ", ".join(before + one.upper() for one in known)
        )
        raise _Astray(f"there is no `{name}` in the configuration; {hint}")

    @staticmethod
    def _structs(kind: inspect.UnionType) -> list[inspect.StructType]:
        return [one for one in kind.types if isinstance(one, inspect.StructType)]

    def _kind(self, structs: list[inspect.StructType], name: str) -> inspect.StructType:
        """Return the kind that a new section is meant to be, of those that have such a key; when
        the kind itself is set, the one that is named."""
        if name == structs[0].tag_field:
            return next((one for one in structs if one.tag == self.text), structs[0])
        return next((one for one in structs if name in keys(one)), structs[0])

    def _section(self, value: object, key: KeyPath) -> dict[str, object]:
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        raise _Astray(f"`{dotted(key)}` is not a section in the file")


def _natural(name: str) -> list[tuple[int, str]]:
    """Order `…__2__…` before `…__10__…`, so that a list grows at its end."""
    return [(int(part) if part.isdecimal() else -1, part) for part in name.split(_JOINT)]
