"""Merkle trees over the hashes of events. `journal.proof` says which tree it is."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

Step = tuple[Literal["left", "right"], str]
"""On which side a sibling is, and its hash in hexadecimal."""


def leaf(h: bytes) -> bytes:
    """Return the leaf of an event's hash."""
    return blake2b(b"\0" + h, digest_size=16).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the parent of two nodes."""
    return blake2b(b"\1" + left + right, digest_size=16).digest()


def root(hashes: list[bytes]) -> str:
    """Return the Merkle root of some events' hashes in hexadecimal."""
    level = [leaf(h) for h in hashes]
    while len(level) > 1:
        level = _parents(level)
    return level[0].hex() if level else ""


def path_to(hashes: list[bytes], index: int) -> list[Step]:
    """Return the way from one event's leaf to the root."""
    level = [leaf(h) for h in hashes]
    way: list[Step] = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            way.append(("left" if sibling < index else "right", level[sibling].hex()))
        level, index = _parents(level), index // 2
    return way


def _parents(level: list[bytes]) -> list[bytes]:
    """Pair the nodes of a level; an odd last one goes up as it is."""
    parents = [node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*parents, level[-1]] if len(level) % 2 else parents
