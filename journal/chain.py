"""The chained hash: each event's hash covers its own bytes and the hash before it.

It is frame check, order check and tamper evidence in one. `h = BLAKE2b-128(previous h, as 32
hexadecimal characters, + the line's bytes before ',"h"')`, so a shell can repeat it: `printf '%s'
PREV BODY | b2sum -l 128`.
"""

from __future__ import annotations

from hashlib import blake2b

GENESIS = b"0" * 32
"""What the first event of a journal chains to."""

_BLANK = blake2b(digest_size=16)


def link(prev: bytes, body: bytes) -> bytes:
    """Return the hash of `body` chained to `prev`; hashes are 32 hexadecimal ASCII characters."""
    state = _BLANK.copy()  # copying a prepared state costs half of building one
    state.update(prev)
    state.update(body)
    return state.hexdigest().encode("ascii")


def digest(data: bytes) -> str:
    """Return the plain, unchained BLAKE2b-128 of `data` in hexadecimal."""
    return blake2b(data, digest_size=16).hexdigest()
