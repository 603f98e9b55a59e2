"""A set of tickets that only grows, in eight bytes each, whatever order they come in.

It must never forget one: a deal that is counted twice is money that does not exist.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import msgspec

_WIDTH = 8  # MT5's tickets are unsigned integers of 64 bits


class Tickets(msgspec.Struct):
    """The tickets, all different.

    A broker's tickets are sparse numbers of a sequence that its other accounts share, so there is
    nothing to gain from ranges; a Python set takes twelve times the memory.

    packed   in ascending order, each as eight bytes with the most significant first, so that bytes
             compare as numbers do, on any machine
    """

    packed: bytearray = bytearray()

    def __contains__(self, ticket: int) -> bool:
        wanted = ticket.to_bytes(_WIDTH, "big")
        place = self._place(wanted)
        return self.packed[place : place + _WIDTH] == wanted

    def __len__(self) -> int:
        return len(self.packed) // _WIDTH

    def __iter__(self) -> Iterator[int]:
        for place in range(0, len(self.packed), _WIDTH):
            yield int.from_bytes(self.packed[place : place + _WIDTH], "big")

    def add(self, ticket: int) -> None:
        """Remember a ticket; one that is known changes nothing.

        Raises OverflowError for what is no unsigned integer of 64 bits.
        """
        wanted = ticket.to_bytes(_WIDTH, "big")
        place = self._place(wanted)
        if self.packed[place : place + _WIDTH] != wanted:
            self.packed[place:place] = wanted

    def _place(self, wanted: bytes) -> int:
        """Return the byte at which a ticket stands, or would."""
        if wanted > self.packed[-_WIDTH:]:  # nearly always: a new deal has the highest ticket yet
            return len(self.packed)
        return _WIDTH * bisect_left(range(len(self)), wanted, key=self._at)

    def _at(self, index: int) -> bytes:
        return bytes(self.packed[_WIDTH * index : _WIDTH * (index + 1)])
