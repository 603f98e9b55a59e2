"""Names of the files and folders in a journal's directory. It never touches the disk."""

from __future__ import annotations

from pathlib import Path

LOCK = "lock"
"""Names the process that writes; empty when nobody does."""

TAIL = "tail"
"""Folder of the newest events as JSON Lines."""

QUARANTINE = "quarantine"
"""Folder of torn ends, each beside a note that says where it was cut off."""

_SUFFIX = ".jsonl"


def tail_name(first: int) -> str:
    """Return the name of the tail file whose first event is `first`."""
    return f"{first:012d}{_SUFFIX}"


def tail_first(name: str) -> int | None:
    """Return the first sequence of a tail file by its name, None for any other file."""
    stem = name.removesuffix(_SUFFIX)
    return int(stem) if name.endswith(_SUFFIX) and stem.isascii() and stem.isdigit() else None


def tail_path(directory: Path, first: int) -> Path:
    """Return where the tail file whose first event is `first` lies."""
    return directory / TAIL / tail_name(first)
