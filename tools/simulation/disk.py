"""A file system in memory that loses what was not synced, fills up, and dies with its process.

It keeps to `journal.fs.Fs`; nothing here touches the real disk.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from journal.errors import JournalLocked


class Died(BaseException):
    """The engine's process is gone: nothing in it may catch this and go on."""


@dataclass
class File:
    """Content, how much of it is durable, and whether its name is."""

    data: bytearray = field(default_factory=bytearray)
    synced: int = 0
    named: bool = False


class Disk:
    """One disk, over all processes of a session.

    `interfere` is asked before each write and sync, by name and number, in which manner it goes
    wrong: `die before`, `die half`, `die after`, `power cut`, `full` or `broken`; empty for well.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._files: dict[Path, File] = {}
        self._folders: set[Path] = set()
        self._handles: dict[int, File] = {}
        self._numbers = {"write": 0, "sync": 0}
        self._locked = False
        self.interfere: Callable[[str, int], str] = lambda operation, number: ""
        self.dead = False
        self.failed = False

    # --- what happens to it

    def begin(self) -> None:
        """Serve a new process."""
        self._handles.clear()
        self.dead = self.failed = self._locked = False

    def die(self) -> None:
        """Let nothing more of this process through."""
        self.dead = True
        raise Died

    def cut_power(self) -> None:
        """Lose what was not synced, or keep some beginning of it, and the process with it."""
        for path, file in list(self._files.items()):
            if not file.named and self._chance.random() < 0.5:
                del self._files[path]
                continue
            kept = self._chance.randint(file.synced, len(file.data))
            del file.data[kept:]
            file.synced, file.named = kept, True
        self.die()

    def durable(self, folder: Path) -> list[bytes]:
        """Return what would survive a power cut of the files in a folder, newest file first."""
        paths = sorted((path for path in self._files if path.parent == folder), reverse=True)
        return [bytes(self._files[path].data[: self._files[path].synced]) for path in paths]

    def save(self, folder: Path, target: Path) -> None:
        """Write the files below `folder` to the real disk, for a person to look at."""
        for path, file in self._files.items():
            if path.is_relative_to(folder):
                copy = target / path.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.data)

    # --- journal.fs.Fs

    def make_folder(self, path: Path) -> None:
        """Make a folder; a power cut leaves it."""
        self._live()
        self._folders.add(path)

    def names(self, path: Path) -> list[str]:
        """The files in a folder."""
        return sorted(file.name for file in self._files if file.parent == path)

    def exists(self, path: Path) -> bool:
        """Whether there is such a file or folder."""
        return path in self._files or path in self._folders

    def size(self, path: Path) -> int:
        """Its bytes."""
        return len(self._file(path).data)

    def read(self, path: Path, offset: int = 0) -> bytes:
        """Its content."""
        return bytes(self._file(path).data[offset:])

    def open(self, path: Path, *, new: bool) -> int:
        """Open for appending."""
        self._live()
        if new and path in self._files:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        file = self._files.setdefault(path, File())
        handle = len(self._handles) + 1
        self._handles[handle] = file
        return handle

    def write(self, handle: int, data: bytes) -> int:
        """Append, or what `interfere` has for it."""
        manner = self._meet("write")
        file = self._handles[handle]
        if manner == "die before":
            self.die()
        if manner == "broken":
            raise OSError(errno.EIO, "Input/output error")
        whole = manner in ("", "die after")
        taken = data if whole else data[: len(data) // 2]
        file.data += taken
        if manner == "power cut":
            self.cut_power()
        if manner.startswith("die"):
            self.die()
        if manner == "full" and not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(taken)

    def sync(self, handle: int) -> None:
        """Make durable, or what `interfere` has for it."""
        manner = self._meet("sync")
        if manner in ("die before", "die half"):
            self.die()
        if manner == "power cut":
            self.cut_power()
        if manner == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if manner == "broken":  # the pages are marked clean all the same, and may be lost
            raise OSError(errno.EIO, "Input/output error")
        file = self._handles[handle]
        file.synced = len(file.data)
        if manner == "die after":
            self.die()

    def close(self, handle: int) -> None:
        """Close; the handle's number is not used again in this process."""
        del handle
        self._live()

    def truncate(self, path: Path, size: int) -> None:
        """Cut, durably."""
        self._live()
        file = self._file(path)
        del file.data[size:]
        file.synced = len(file.data)

    def rename(self, old: Path, new: Path) -> None:
        """Give another name."""
        self._live()
        self._files[new] = self._files.pop(old)

    def unlink(self, path: Path) -> None:
        """Remove."""
        self._live()
        del self._files[path]

    def sync_folder(self, path: Path) -> None:
        """Make names durable."""
        self._live()
        for name, file in self._files.items():
            if name.parent == path:
                file.named = True

    def lock(self, path: Path) -> Callable[[], None]:
        """Take the lock; a dead process holds none."""
        if self._locked:
            raise JournalLocked(f"{path} is locked by this process already")
        self._locked = True

        def release() -> None:
            self._locked = False

        return release

    def _live(self) -> None:
        if self.dead:
            raise Died

    def _file(self, path: Path) -> File:
        self._live()
        file = self._files.get(path)
        if file is None:
            raise FileNotFoundError(errno.ENOENT, "missing", str(path))
        return file

    def _meet(self, operation: str) -> str:
        self._live()
        number = self._numbers[operation] = self._numbers[operation] + 1
        manner = self.interfere(operation, number)
        self.failed = self.failed or manner in ("full", "broken")
        return manner
