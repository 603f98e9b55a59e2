"""The halt file: while it is in the journal's folder nothing is sent, whoever made it and however.

Anybody can make it, also by hand and while the engine is dead; with any doubt it counts as there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

NAME = "HALT"
"""The file's name, in the folder of the journal."""

READ_LIMIT = 4096
"""Bytes of it that are read; its existence is what counts."""

REASON_LIMIT = 300


class Thrown(msgspec.Struct, frozen=True):
    """Who threw the switch and why, as far as the file says."""

    by: str
    reason: str


class Switch:
    """The halt file of one journal."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self._path = os.fspath(self.path)

    def thrown(self) -> bool:
        """Tell whether the file is there. What cannot be looked at counts as there."""
        try:
            os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def read(self) -> Thrown:
        """Return what the file says; any text will do, and so will none."""
        try:
            with self.path.open("rb") as file:
                text = file.read(READ_LIMIT).decode("utf-8", errors="replace")
        except OSError as error:
            return Thrown("halt file", f"it cannot be read: {error.strerror or error}")
        lines = [line.strip() for line in text.replace("\0", "").splitlines() if line.strip()]
        said = dict(line.partition(": ")[::2] for line in lines)
        if {"by", "reason"} <= said.keys():
            return Thrown(said["by"][:64], said["reason"][:REASON_LIMIT])
        return Thrown("halt file", " ".join(lines)[:REASON_LIMIT] or "made by hand, without words")

    def throw(self, by: str, reason: str) -> None:
        """Make the file, durably. One that is there already is left as it is. Raises OSError."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        words = f"by: {_line(by)}\nat: {now}\nreason: {_line(reason)}\n".encode()
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return
        try:
            with suppress(OSError):  # a full disk: the name alone halts
                os.write(handle, words)
                os.fsync(handle)
        finally:
            os.close(handle)

    def clear(self) -> None:
        """Remove the file; do nothing when there is none. Raises OSError."""
        self.path.unlink(missing_ok=True)


def _line(text: str) -> str:
    return " ".join(text.split())
