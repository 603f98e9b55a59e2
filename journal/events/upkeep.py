"""What the journal has to say about itself."""

from __future__ import annotations

from journal.events.base import Note


class JournalRecovered(Note, frozen=True, gc=False):
    """An end was moved to `quarantine/`: torn and found so at an opening, or cut by a person before
    damage.

    file       name of the tail file it was found in, or of the manifest
    offset     byte at which it began
    size       bytes moved
    digest     BLAKE2b-128 of those bytes, hexadecimal
    last_good  sequence of the last event before it
    """

    file: str
    offset: int
    size: int
    digest: str
    last_good: int
