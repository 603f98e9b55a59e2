"""Merkle trees over the hashes of events: a root for each segment, and proofs of inclusion.

The tree is that of RFC 9162 (Certificate Transparency) with BLAKE2b-128 in place of SHA-256: a leaf
is H(0x00 + h), a node H(0x01 + left + right), `h` being the event's hash as 32 ASCII characters.
"""

from __future__ import annotations

from hashlib import blake2b


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


def _parents(level: list[bytes]) -> list[bytes]:
    """Pair the nodes of a level; an odd last one goes up as it is."""
    parents = [node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*parents, level[-1]] if len(level) % 2 else parents
