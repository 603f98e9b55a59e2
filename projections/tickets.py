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
    """

    packed: bytearray = bytearray()

    def __contains__(self, ticket: int) -> bool:
        numbers = memoryview(self.packed).cast("Q")
        if not numbers or ticket > numbers[-1]:  # nearly every ticket that is new
            return False
        return numbers[bisect_left(numbers, ticket)] == ticket

    def __len__(self) -> int:
        return len(self.packed) // _WIDTH

    def __iter__(self) -> Iterator[int]:
        return iter(memoryview(self.packed).cast("Q").tolist())

    def add(self, ticket: int) -> None:
        """Remember a ticket; one that is known changes nothing.

        Raises OverflowError for what is no unsigned integer of 64 bits.
        """
        number = ticket.to_bytes(_WIDTH, "little")
        with memoryview(self.packed).cast("Q") as numbers:
            place = bisect_left(numbers, ticket) if numbers and ticket <= numbers[-1] else None
            if place is not None and numbers[place] == ticket:
                return
        if place is None:
            self.packed += number
        else:
            self.packed[_WIDTH * place : _WIDTH * place] = number
