"""What the journal has to say about itself."""

from __future__ import annotations

from journal.events.base import Note


class JournalRecovered(Note, frozen=True, gc=False):
    """A torn end was moved to `quarantine/` when the journal was opened.

    file       name of the tail file it was found in
    offset     byte at which the torn end began
    size       bytes moved
    digest     BLAKE2b-128 of those bytes, hexadecimal
    last_good  sequence of the last event before it
    """

    file: str
    offset: int
    size: int
    digest: str
    last_good: int
