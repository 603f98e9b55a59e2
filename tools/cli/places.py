"""What a person may mean by a folder on the command line."""

from __future__ import annotations

from pathlib import Path

from journal import layout
from journal.errors import JournalMissing, UsageError


def holds_journal(directory: Path) -> bool:
    """Return whether a journal was ever begun in this folder."""
    return (directory / layout.TAIL).is_dir()


def existing(directory: Path) -> Path:
    """Return the folder of a journal to read. Raises JournalMissing with what is there instead."""
    if holds_journal(directory):
        return directory
    if directory.is_file():
        raise JournalMissing(f"{directory} is a file; expected the folder of a journal")
    if directory.is_dir():
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    raise JournalMissing(f"there is no folder {directory}; check the path")


def writable(directory: Path) -> Path:
    """Return the folder to write a journal in. Raises UsageError when it holds something else."""
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file; a journal is a folder of its own")
    if directory.is_dir() and not holds_journal(directory) and any(directory.iterdir()):
        raise UsageError(
            f"{directory} holds other files and no journal; give a new folder, or an empty one"
        )
    return directory
