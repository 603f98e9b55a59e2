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

    packed   in ascending order, each as eight bytes, the least significant first: as the machines
             that MT5 runs on have them, so that they can be searched where they are
    highest  of them, -1 where there is none
    """

    packed: bytearray = bytearray()
    highest: int = -1

    def __contains__(self, ticket: int) -> bool:
        if ticket > self.highest:  # nearly every ticket that is new
            return False
        numbers = memoryview(self.packed).cast("Q")
        place = bisect_left(numbers, ticket)
        return place < len(numbers) and numbers[place] == ticket

    def __len__(self) -> int:
        return len(self.packed) // _WIDTH

    def __iter__(self) -> Iterator[int]:
        return iter(memoryview(self.packed).cast("Q").tolist())

    def add(self, ticket: int) -> None:
        """Remember a ticket; one that is known changes nothing.

        Raises OverflowError for what is no unsigned integer of 64 bits.
        """
        number = ticket.to_bytes(_WIDTH, "little")
        if ticket > self.highest:
            self.packed.extend(number)
            self.highest = ticket
        elif ticket not in self:
            with memoryview(self.packed).cast("Q") as numbers:
                place = _WIDTH * bisect_left(numbers, ticket)
            self.packed[place:place] = number
