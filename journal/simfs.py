"""A file system in memory that fails, dies and forgets as real ones may: for tests of crash safety.

What was not synced may be lost, torn or kept in part when the power fails, page by page; names come
and go in the order in which they were given. Everything follows from the seed.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from journal.errors import JournalLocked

PAGE = 128
"""Bytes that are kept or lost together; small, so that small tests tear in many places."""

Result = TypeVar("Result")
Kind = Literal["die before", "die half-way", "die after", "fail", "short"]


class Crash(BaseException):
    """The machine or the process died. Not an Exception: nothing may handle it."""


class Fault(msgspec.Struct, frozen=True):
    """What happens at the `at`-th operation, counted from 1.

    errno  of `fail`
    """

    at: int
    kind: Kind
    errno: int = errno.EIO


class _File:
    """Bytes as the process sees them, and how many of them are on the platter."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.synced = 0
        self.lied = False

    def after_power_loss(self, dice: random.Random) -> bytearray:
        """Return what is there when the power is back."""
        rest = self.data[self.synced :]
        kept = bytearray(rest[: dice.randint(0, len(rest))])
        first = self.synced % PAGE
        for start in range(-first, len(kept), PAGE):
            if dice.random() < 0.4:
                begin, end = max(0, start), min(len(kept), start + PAGE)
                kept[begin:end] = bytes(end - begin)
        return self.data[: self.synced] + bytes(kept)


class SimFs:
    """An `Fs` in memory.

    operations, log  what was done, counted from 1: those are the places where something may happen
    fired            whether it did
    """

    def __init__(self, *, seed: int = 0, fault: Fault | None = None) -> None:
        self.operations = 0
        self.fired = False
        self.log: list[str] = []
        self._fault = fault
        self._dice = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        self._dead = False
        self._folders: set[Path] = set()
        self._names: dict[Path, _File] = {}
        self._durable: dict[Path, _File] = {}
        self._pending: dict[Path, list[Callable[[dict[Path, _File]], None]]] = {}
        self._handles: dict[int, _File] = {}
        self._last_handle = 2
        self._locks: set[Path] = set()

    def restart(self, *, power_lost: bool, fault: Fault | None = None) -> None:
        """Start a new process: after a kill with everything written, after a power loss without."""
        if power_lost:
            self._lose_power()
        self._handles.clear()
        self._locks.clear()
        self._dead, self._fault, self.operations, self.fired = False, fault, 0, False

    def make_folder(self, path: Path) -> None:
        if path not in self._folders:
            self._act("make folder", path, lambda: self._folders.update([path, *path.parents]))

    def names(self, path: Path) -> list[str]:
        self._alive()
        return sorted(name.name for name in self._names if name.parent == path)

    def exists(self, path: Path) -> bool:
        self._alive()
        return path in self._names or path in self._folders

    def size(self, path: Path) -> int:
        return len(self._file(path).data)

    def read(self, path: Path, offset: int = 0) -> bytes:
        return bytes(self._file(path).data[offset:])

    def open(self, path: Path, *, new: bool) -> int:
        def opened() -> int:
            if new and path in self._names:
                raise FileExistsError(errno.EEXIST, "exists", str(path))
            if path not in self._names:
                file = _File()
                self._rename(path.parent, lambda names: names.update({path: file}))
            self._last_handle += 1
            handle = self._last_handle
            self._handles[handle] = self._names[path]
            return handle

        return self._act("open", path, opened)

    def write(self, handle: int, data: bytes) -> int:
        def written(count: int) -> int:
            self._handles[handle].data += data[:count]
            return count

        half = len(data) // 2
        return self._act(
            "write", Path(str(handle)), lambda: written(len(data)), half=lambda: written(half)
        )

    def sync(self, handle: int) -> None:
        file = self._handles[handle]

        def synced(count: int) -> None:
            if not file.lied:  # after a failed sync the pages are clean, and never written
                file.synced = max(file.synced, count)

        def failed() -> None:
            file.lied = True

        half = (file.synced + len(file.data)) // 2
        self._act(
            "sync",
            Path(str(handle)),
            lambda: synced(len(file.data)),
            half=lambda: synced(half),
            failed=failed,
        )

    def close(self, handle: int) -> None:
        self._alive()
        del self._handles[handle]

    def truncate(self, path: Path, size: int) -> None:
        def cut() -> None:
            file = self._file(path)
            file.data = file.data[:size]
            file.synced = size

        self._act("truncate", path, cut)

    def rewrite(self, path: Path) -> None:
        def rewritten(count: int) -> None:
            file = self._file(path)
            file.synced, file.lied = max(file.synced, count), file.lied and count < size

        size = self.size(path)
        self._act("rewrite", path, lambda: rewritten(size), half=lambda: rewritten(size // 2))

    def rename(self, old: Path, new: Path) -> None:
        def moved(names: dict[Path, _File]) -> None:
            if old in names:
                names[new] = names.pop(old)

        self._file(old)
        self._act("rename", new, lambda: self._rename(new.parent, moved))

    def unlink(self, path: Path) -> None:
        def gone(names: dict[Path, _File]) -> None:
            names.pop(path, None)

        self._file(path)
        self._act("unlink", path, lambda: self._rename(path.parent, gone))

    def sync_folder(self, path: Path) -> None:
        def synced() -> None:
            for change in self._pending.pop(path, []):
                change(self._durable)

        self._act("sync folder", path, synced)

    def lock(self, path: Path) -> Callable[[], None]:
        self._alive()
        if path in self._locks:
            raise JournalLocked(f"{path} is held by a process of this simulation")
        self._locks.add(path)
        return lambda: self._locks.discard(path)

    def _act(
        self,
        operation: str,
        path: Path,
        do: Callable[[], Result],
        *,
        half: Callable[[], Result] | None = None,
        failed: Callable[[], None] = lambda: None,
    ) -> Result:
        """Do one operation, unless it is the one at which something happens."""
        self._alive()
        self.operations += 1
        self.log.append(f"{operation} {path.name}")
        fault = self._fault
        if fault is None or self.operations != fault.at:
            return do()
        self.fired = True
        if fault.kind == "short":
            return half() if half and operation == "write" else do()
        if fault.kind == "fail":
            failed()
            raise OSError(fault.errno, "made to fail", str(path))
        if fault.kind == "die half-way" and half:
            half()
        elif fault.kind == "die after":
            do()
        self._dead = True
        raise Crash(f"{fault.kind} {operation} {path}")

    def _alive(self) -> None:
        if self._dead:
            raise Crash("this process is dead")

    def _file(self, path: Path) -> _File:
        self._alive()
        try:
            return self._names[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path)) from None

    def _rename(self, folder: Path, change: Callable[[dict[Path, _File]], None]) -> None:
        change(self._names)
        self._pending.setdefault(folder, []).append(change)

    def _lose_power(self) -> None:
        for changes in self._pending.values():
            for change in changes[: self._dice.randint(0, len(changes))]:
                change(self._durable)
        self._pending.clear()
        self._names = dict(self._durable)
        for file in self._names.values():
            file.data = file.after_power_loss(self._dice)
            file.synced, file.lied = len(file.data), False
