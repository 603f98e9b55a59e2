"""Order keys: how an intent is recognised at a broker that knows no client order identifier."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, and the same read in upper and lower case."""

CODE_LENGTH = 7
MAX_PROPOSALS = len(ALPHABET)
"""Of one event: the last character of a key counts them."""

MAX_LENGTH = 16
"""Of a key: MT5 keeps 29 characters of a comment, brokers take some of them for their own."""


def run_code(run: str) -> str:
    """Return the part of a run's name that its order keys begin with."""
    return run[-CODE_LENGTH:]


def order_key(run: str, seq: int, index: int) -> str:
    """Return the key of the `index`-th proposal that the event at `seq` led to.

    A function of run and sequence alone, so that a replay gives the same keys; unique as long as
    runs have
    different codes (35 bits) and one event leads to at most `MAX_PROPOSALS`.
    """
    return f"{run_code(run)}{base32(seq, 7)}{ALPHABET[index]}"


def base32(number: int, width: int) -> str:
    """Return `number` in Crockford's base 32, padded with zeros to at least `width` characters."""
    digits: list[str] = []
    while number:
        number, rest = divmod(number, 32)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits)).rjust(width, "0")
