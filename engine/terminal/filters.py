"""Group masks as the module evaluates them: `"*USD*,!EUR*"`."""

from __future__ import annotations

from functools import lru_cache

Masks = tuple[tuple[str, ...], tuple[str, ...]]


@lru_cache(maxsize=64)
def masks(group: str) -> Masks:
    """The positive and the negative masks of a group."""
    parts = [part.strip() for part in group.split(",")]
    wanted = tuple(part for part in parts if part and not part.startswith("!"))
    barred = tuple(part[1:] for part in parts if part.startswith("!"))
    return wanted, barred


def matches(group: str, name: str) -> bool:
    """Whether a symbol is in a group: any `!mask` bars it wherever it stands, and some mask must
    want it."""
    wanted, barred = masks(group)
    if any(_like(mask, name) for mask in barred):
        return False
    return any(_like(mask, name) for mask in wanted)


def _like(mask: str, name: str) -> bool:
    """Wildcards: `*` is any text; case matters; no other character is special."""
    first, *rest = mask.split("*")
    if not rest:
        return name == first
    if not name.startswith(first):
        return False
    place = len(first)
    for part in rest[:-1]:
        found = name.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(name) - place >= len(rest[-1]) and name.endswith(rest[-1])
