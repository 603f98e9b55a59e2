"""Order keys: how an intent is recognised at a broker that knows no client order identifier."""

from __future__ import annotations

from typing import Any

from journal.envelope import Event
from journal.errors import DaybookError
from journal.events import Payload

Draft = tuple[Payload, str]
"""A decision before it has a place in the journal: payload and order key."""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, and the same read in upper and lower case."""

CODE_LENGTH = 7
SHORT = len(ALPHABET) - 1
"""Keys of one event that end in a single character. All others end in two, of which the first is
the one left over: so no key is the beginning of another, and a comment holds one of them at the
most."""

MAX_KEYS = SHORT + len(ALPHABET)
"""Of one event."""

MAX_STRATEGIES = SHORT
"""Of a configuration: each has a key on every bar, and as many are left for all else."""

MAX_LENGTH = 16
"""Of a key: MT5 keeps 29 characters of a comment, brokers take some of them for their own."""


def run_code(run: str) -> str:
    """Return the part of a run's name that its order keys begin with."""
    return run[-CODE_LENGTH:]


def order_key(run: str, seq: int, index: int) -> str:
    """Return the `index`-th key of the event at `seq`.

    A function of run and sequence alone, so that a replay gives the same keys; unique as long as
    runs have different codes (35 bits). Raises DaybookError from `MAX_KEYS` on.
    """
    if index >= MAX_KEYS:
        raise DaybookError(
            f"event {seq} would lead to more than {MAX_KEYS} orders and changes; decide the rest "
            "on a later event"
        )
    end = ALPHABET[index] if index < SHORT else ALPHABET[-1] + ALPHABET[index - SHORT]
    return f"{run_code(run)}{base32(seq, 7)}{end}"


class Keys:
    """Hands out the order keys of one event's decisions, each once.

    left  how many there still are: who has no end of wishes stops at 0 and goes on with a later
          event
    """

    def __init__(self, event: Event[Any], taken: int = 0) -> None:
        """`taken`: how many keys of this event are spoken for already."""
        self._event, self._taken = event, taken

    @property
    def left(self) -> int:
        """How many keys there still are."""
        return MAX_KEYS - self._taken

    def take(self) -> str:
        """Return a key that nobody has yet. Raises DaybookError when none is left."""
        key = order_key(self._event.run, self._event.seq, self._taken)
        self._taken += 1
        return key


def base32(number: int, width: int) -> str:
    """Return `number` in Crockford's base 32, padded with zeros to at least `width` characters."""
    digits = ""
    while number:
        digits = ALPHABET[number & 31] + digits
        number >>= 5
    return digits.rjust(width, "0")
