"""The session's disk: the journal's simulated file system, with what the plan has for its writes
and syncs.

`journal.simfs` knows how a disk loses, tears and reorders; here is only when, over all processes of
a session.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from journal.simfs import Crash, Fault, Kind, SimFs

Died = Crash
"""The engine's process is gone: nothing in it may catch this and go on."""


_KINDS: dict[str, Kind] = {
    "die before": "die before",
    "die half": "die half-way",
    "die after": "die after",
    "power cut": "die half-way",
    "full": "short",
    "broken": "fail",
}


class Disk(SimFs):
    """One disk, over all processes of a session.

    `interfere` is asked before each write and sync, by name and number, in which manner it goes
    wrong: `die before`, `die half`, `die after`, `power cut`, `full` or `broken`; empty for well.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.interfere: Callable[[str, int], str] = lambda operation, number: ""
        self.failed = False
        self._numbers: Counter[str] = Counter()
        self._power_lost = False

    @property
    def dead(self) -> bool:
        """Whether this process is gone."""
        return self._dead

    def begin(self) -> None:
        """Serve a new process."""
        self.restart(power_lost=self._power_lost)
        self.failed = self._power_lost = False

    def die(self) -> None:
        """Let nothing more of this process through."""
        self._dead = True

    def write(self, handle: int, data: bytes) -> int:
        """Append, or what `interfere` has for it."""
        self._meet("write")
        return super().write(handle, data)

    def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
        """Write, or what `interfere` has for it."""
        self._meet("write")
        return super().write_at(handle, data, offset, blanks)

    def sync(self, handle: int) -> None:
        """Make durable, or what `interfere` has for it."""
        self._meet("sync")
        super().sync(handle)

    def durable(self, folder: Path) -> list[bytes]:
        """Return what would surely survive a power cut of the files in a folder, newest first."""
        files = {path: file for path, file in self._durable.items() if path.parent == folder}
        return [file.sure() for _, file in sorted(files.items(), reverse=True)]

    def save(self, folder: Path, target: Path) -> None:
        """Write the files below `folder` to the real disk, for a person to look at."""
        for path, file in self._names.items():
            if path.is_relative_to(folder):
                copy = target / path.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.data)

    def _meet(self, operation: str) -> None:
        """Prepare what the plan has for the operation that comes now."""
        if self._dead:
            return
        number = self._numbers[operation] = self._numbers[operation] + 1
        manner = self.interfere(operation, number)
        if not manner:
            return
        self.failed = manner in ("full", "broken")
        self._power_lost = manner == "power cut"
        full = manner == "full"
        kind: Kind = "fail" if full and operation == "sync" else _KINDS[manner]
        self._fault = Fault(self.operations + 1, kind, errno.ENOSPC if full else errno.EIO)
