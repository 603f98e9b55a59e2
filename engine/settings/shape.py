"""Hold plain values against a msgspec type and find everything wrong with them, not the first only.

It reads the type as msgspec does (`msgspec.inspect`) and accepts nothing that msgspec would refuse;
where msgspec is lenient (2.0 as a whole number, NaN, a missing `kind`) it is strict.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator

from msgspec import inspect

from engine.settings.source import KeyPath

Finding = tuple[KeyPath, str]
"""What is wrong, and where."""


def check(value: object, kind: inspect.Type, key: KeyPath = ()) -> Iterator[Finding]:
    """Yield what is wrong with `value` as a `kind`, in the order of the type."""
    kind = member(kind, value)
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        yield from _check_struct(value, kind, key)
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for name, item in value.items():
            yield from check(name, kind.key_type, (*key, name))
            yield from check(item, kind.value_type, (*key, name))
    elif isinstance(kind, inspect.ListType) and isinstance(value, list):
        if not _length_fits(kind, value):
            yield key, f"found {show(value)}; allowed: {describe(kind)}"
        for index, item in enumerate(value):
            yield from check(item, kind.item_type, (*key, index))
    elif isinstance(value, dict) and (tags := _tags(kind)):
        yield from _check_tag(value, *tags, key)
    elif not _fits(kind, value):
        hint = suggest(value, _choices(kind)) if isinstance(value, str) else ""
        yield key, f"found {show(value)}; allowed: {describe(kind)}{hint}"


def member(kind: inspect.Type, value: object) -> inspect.Type:
    """Return the one type of a union that `value` is meant to be; any other type as it is."""
    kind = _bare(kind)
    if not isinstance(kind, inspect.UnionType):
        return kind
    types = [_bare(one) for one in kind.types]
    for one in types:
        if isinstance(one, inspect.StructType) and isinstance(value, dict):
            if one.tag_field is None or value.get(one.tag_field) == one.tag:
                return one
        elif _fits(one, value):
            return one
    others = [one for one in types if not isinstance(one, inspect.NoneType)]
    return others[0] if len(others) == 1 else kind


def describe(kind: inspect.Type) -> str:
    """Say what values a type allows, for people."""
    match kind:
        case inspect.Metadata():
            return describe(kind.type)
        case inspect.UnionType():
            return ", or ".join(describe(one) for one in kind.types)
        case inspect.LiteralType() | inspect.EnumType():
            return "one of " + ", ".join(f"`{one}`" for one in _choices(kind))
        case inspect.IntType():
            return "a whole number" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.StrType():
            return "a text" + _text_limits(kind)
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "nothing"
        case inspect.ListType():
            least = f" of at least {kind.min_length}" if kind.min_length else ""
            return f"a list{least}, each {describe(kind.item_type)}"
        case inspect.DictType():
            return f"a section of names, each with {describe(kind.value_type)}"
        case inspect.StructType():
            return "a section with the keys " + ", ".join(f"`{name}`" for name in keys(kind))
    # A mistake in a Struct, not in a file.
    raise TypeError(f"a configuration cannot have the type {kind!r}")


def keys(kind: inspect.StructType) -> list[str]:
    """Return the keys of a section, its tag first."""
    tag = [kind.tag_field] if kind.tag_field is not None else []
    return tag + [field.encode_name for field in kind.fields]


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` when a known word is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def show(value: object) -> str:
    """Write a value as a person would have typed it, at most 60 characters of it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a section"
        case list():
            return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _check_struct(
    value: dict[str, object], kind: inspect.StructType, key: KeyPath
) -> Iterator[Finding]:
    if kind.tag_field is not None and value.get(kind.tag_field) != kind.tag:
        tag = value.get(kind.tag_field)
        what = f"found {show(tag)}" if kind.tag_field in value else "this key is missing"
        hint = suggest(str(tag), [str(kind.tag)])
        yield (*key, kind.tag_field), f"{what}; allowed: `{kind.tag}`{hint}"
    known = keys(kind)
    for name in value:
        if name not in known:
            hint = suggest(name, known) or "; known here: " + ", ".join(f"`{one}`" for one in known)
            yield (*key, name), f"unknown key{hint}"
    for field in kind.fields:
        name = field.encode_name
        if name in value:
            yield from check(value[name], field.type, (*key, name))
        elif field.required:
            yield (*key, name), f"this key is missing; expected: {describe(field.type)}"


def _tags(kind: inspect.Type) -> tuple[str, list[str]] | None:
    """Return the key that tells a union's sections apart and what it may be, None where nothing
    does."""
    if not isinstance(kind, inspect.UnionType):
        return None
    sections = [one for one in map(_bare, kind.types) if isinstance(one, inspect.StructType)]
    field = sections[0].tag_field if sections else None
    return (field, [str(one.tag) for one in sections]) if field is not None else None


def _check_tag(
    value: dict[str, object], field: str, tags: list[str], key: KeyPath
) -> Iterator[Finding]:
    allowed = "allowed: one of " + ", ".join(f"`{tag}`" for tag in tags)
    if field in value:
        yield (
            (*key, field),
            f"found {show(value[field])}; {allowed}{suggest(str(value[field]), tags)}",
        )
    else:
        yield (*key, field), f"this key is missing; {allowed}"


def _bare(kind: inspect.Type) -> inspect.Type:
    """Return the type without its description."""
    return _bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _fits(kind: inspect.Type, value: object) -> bool:
    match kind:
        case inspect.AnyType():
            return True
        case inspect.NoneType():
            return value is None
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return type(value) is int and _within(kind, value)
        case inspect.FloatType():
            return type(value) in (int, float) and _within(kind, value)  # type: ignore[arg-type] # narrowed by hand
        case inspect.StrType():
            return isinstance(value, str) and _text_fits(kind, value)
        case inspect.LiteralType() | inspect.EnumType():
            return any(type(value) is type(one) and value == one for one in _values(kind))
    return False


def _within(kind: inspect.IntType | inspect.FloatType, value: float) -> bool:
    return (
        math.isfinite(value)
        and (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
        and (kind.multiple_of is None or value % kind.multiple_of == 0)
    )


def _text_fits(kind: inspect.StrType, value: str) -> bool:
    matches = kind.pattern is None or re.search(kind.pattern, value) is not None
    return matches and _length_fits(kind, value)


def _length_fits(kind: inspect.StrType | inspect.ListType, value: str | list[object]) -> bool:
    least = kind.min_length or 0
    return least <= len(value) and (kind.max_length is None or len(value) <= kind.max_length)


def _values(kind: inspect.Type) -> list[object]:
    if isinstance(kind, inspect.LiteralType):
        return list(kind.values)
    if isinstance(kind, inspect.EnumType):
        return [one.value for one in kind.cls]
    return []


def _choices(kind: inspect.Type) -> list[str]:
    return [str(one) for one in _values(kind)]


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    said = [
        f"{words} {bound}"
        for words, bound in (
            ("of at least", kind.ge),
            ("above", kind.gt),
            ("at most", kind.le),
            ("below", kind.lt),
            ("a multiple of", kind.multiple_of),
        )
        if bound is not None
    ]
    if kind.ge is not None and kind.le is not None:
        said[:2] = [f"from {kind.ge} to {kind.le}"]
    return " " + " and ".join(said) if said else ""


def _text_limits(kind: inspect.StrType) -> str:
    said = []
    if kind.min_length:
        said.append(f"of at least {kind.min_length}")
    if kind.max_length is not None:
        said.append(f"of at most {kind.max_length}")
    limits = " " + " and ".join(said) + " characters" if said else ""
    return limits + (f" that matches {kind.pattern}" if kind.pattern else "")
