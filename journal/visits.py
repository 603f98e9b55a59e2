"""Counts how often each branch of recovery was taken, so that tests can show that each one was."""

from __future__ import annotations

from collections import Counter
from enum import Enum


class Branch(Enum):
    """The ways in which opening, sealing and reading put right, or refuse, what they find."""

    TORN_END = "the end of a tail file was torn and went to quarantine"
    TORN_FILE = "a tail file held no whole event and went as a whole"
    EMPTY_FILE = "a tail file was empty and was removed"
    NO_FOOTER = "a tail file ended cleanly without a footer: its writer died between two writes"
    ROOM_LEFT = "a tail file ended in prepared room and that was cut off"
    NOTE_PENDING = "a recovery was not in the journal yet"
    NOTE_FOUND = "a recovery had been noted in the journal"
    MANIFEST_TORN = "the manifest's last line was torn and went to quarantine"
    DRAFT_LEFT = "a file under its temporary name was left over and was removed"
    SEGMENT_AGAIN = "a segment was on disk without its line and was sealed again"
    TAIL_SEALED = "a tail file whose events were sealed was still there"
    FILE_VANISHED = "a file was sealed and removed while it was wanted; the walk looked again"
    SNAPSHOT_IGNORED = "a snapshot did not fit and was ignored"
    REFUSED_ROT = "rot was refused"
    REFUSED_GAP = "a missing or changed tail file was refused"
    REFUSED_SEGMENT = "a missing or shortened segment was refused"
    REFUSED_UNLISTED = "a segment beyond the journal's end was refused"
    REFUSED_MANIFEST = "a damaged manifest was refused"
    REFUSED_CUT = "an end before a snapshot was refused"


VISITS: Counter[Branch] = Counter()
"""Since the process started, or since somebody cleared it."""


def visit(branch: Branch) -> None:
    """Count that a branch was taken."""
    VISITS[branch] += 1
