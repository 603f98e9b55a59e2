"""A file system in memory that fails, dies and forgets as real ones may: for tests of crash safety.

What was not synced may be lost, torn or kept in part when the power fails, page by page; where
something was written over, each page holds the old bytes or the new ones. Names come and go in the
order in which they were given. Everything follows from the seed.
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
    """Bytes as the process sees them, how many of them are on the platter, and what else is there.

    old  by their offsets, the bytes on the platter of pages that were written over since
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.synced = 0
        self.old: dict[int, bytes] = {}
        self.lied = False

    def write(self, data: bytes, offset: int) -> None:
        """Put bytes where the process sees them."""
        end = offset + len(data)
        for page in range(offset - offset % PAGE, min(end, self.synced), PAGE):
            self.old.setdefault(page, bytes(self.data[page : min(page + PAGE, self.synced)]))
        self.data[offset:end] = data

    def sync(self, size: int, pages: set[int]) -> None:
        """Put the first `size` bytes on the platter, of those written over only some pages."""
        if not self.lied:  # after a failed sync the pages are clean, and never written
            self.synced = max(self.synced, size)
            self.old = {page: old for page, old in self.old.items() if page not in pages}

    def cut(self, size: int) -> None:
        """Cut the bytes to `size`, on the platter, too."""
        self.data = self.data[:size]
        self.synced = min(self.synced, size) if self.lied else size
        pages = {page: old[: size - page] for page, old in self.old.items() if page < size}
        self.old = pages if self.lied else {}

    def sure(self) -> bytes:
        """Return what is on the platter whatever happens to the rest."""
        data = self.data[: self.synced]
        for page, old in self.old.items():
            data[page : page + len(old)] = old
        return bytes(data)

    def after_power_loss(self, dice: random.Random) -> bytearray:
        """Return what is there when the power is back."""
        for page, old in self.old.items():
            if dice.random() < 0.5:
                self.data[page : page + len(old)] = old
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
        return self._write(handle, data, len(self._handles[handle].data))

    def create(self, path: Path) -> int:
        return self.open(path, new=True)

    def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
        return self._write(handle, data + b"\n" * blanks, offset)

    def sync(self, handle: int) -> None:
        file = self._handles[handle]

        def failed() -> None:
            file.lied = True

        half = (file.synced + len(file.data)) // 2
        self._act(
            "sync",
            Path(str(handle)),
            lambda: file.sync(len(file.data), set(file.old)),
            half=lambda: file.sync(half, set(sorted(file.old)[1::2])),
            failed=failed,
        )

    def close(self, handle: int) -> None:
        self._alive()
        del self._handles[handle]

    def truncate(self, path: Path, size: int) -> None:
        file = self._file(path)

        def half() -> None:  # the last page is cut before the size is
            gone = range(size, min(len(file.data), size + -size % PAGE))
            file.write(bytes(len(gone)), size)

        self._act("truncate", path, lambda: file.cut(size), half=half)

    def rewrite(self, path: Path) -> None:
        def rewritten(count: int) -> None:
            file = self._file(path)
            lied, file.lied = file.lied and count < size, False
            file.sync(count, {page for page in file.old if page + PAGE <= count or count == size})
            file.lied = lied

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

    def _write(self, handle: int, data: bytes, offset: int) -> int:
        def written(count: int) -> int:
            self._handles[handle].write(data[:count], offset)
            return count

        half = len(data) // 2
        return self._act(
            "write", Path(str(handle)), lambda: written(len(data)), half=lambda: written(half)
        )

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
            file.synced, file.old, file.lied = len(file.data), {}, False
