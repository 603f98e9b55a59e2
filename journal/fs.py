"""The only door to the disk.

Everything here either happened or raises OSError; nothing is ever tried again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from journal import lock
from journal.visits import Branch, visit

_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows translates line ends without it
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # Windows has fsync only
_BLANKS = b"\n" * (512 << 10)


class Fs(Protocol):
    """What the journal needs of a file system. Paths are absolute or relative to the process."""

    def make_folder(self, path: Path) -> None:
        """Create the folder and its parents, durably; do nothing when it exists."""

    def names(self, path: Path) -> list[str]:
        """Return the sorted names in a folder; a missing folder is empty."""

    def exists(self, path: Path) -> bool:
        """Whether there is a file or folder of that name."""

    def size(self, path: Path) -> int:
        """Return the file's bytes."""

    def read(self, path: Path, offset: int = 0) -> bytes:
        """Return the file's content from `offset` to its end."""

    def open(self, path: Path, *, new: bool) -> int:
        """Open for appending and return a handle; `new` refuses a file that exists."""

    def write(self, handle: int, data: bytes) -> int:
        """Append, and return how many bytes were taken."""

    def create(self, path: Path) -> int:
        """Open a new file for writing at offsets and return a handle; refuse one that exists."""

    def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
        """Write over what is there or beyond it, and so many blank lines behind it, all at once;
        return how many bytes were taken."""

    def sync(self, handle: int) -> None:
        """Make what was written durable."""

    def close(self, handle: int) -> None:
        """Close the handle."""

    def truncate(self, path: Path, size: int) -> None:
        """Cut the file to `size` bytes, durably."""

    def rewrite(self, path: Path) -> None:
        """Write a file's bytes over themselves, durably."""

    def rename(self, old: Path, new: Path) -> None:
        """Give the file another name, replacing what bears it. Durable after `sync_folder`."""

    def unlink(self, path: Path) -> None:
        """Remove the file. Durable after `sync_folder`."""

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""

    def lock(self, path: Path) -> Callable[[], None]:
        """Take the single-writer lock and return what releases it. Raises JournalLocked."""


class OsFs:
    """The operating system's file system."""

    def make_folder(self, path: Path) -> None:
        if path.is_dir():
            return
        self.make_folder(path.parent)
        path.mkdir(exist_ok=True)
        self.sync_folder(path.parent)

    def names(self, path: Path) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except FileNotFoundError:
            return []

    def exists(self, path: Path) -> bool:
        return path.exists()

    def size(self, path: Path) -> int:
        return os.stat(path).st_size

    def read(self, path: Path, offset: int = 0) -> bytes:
        with open(path, "rb", buffering=0) as file:
            if offset:
                file.seek(offset)
            return file.read()

    def open(self, path: Path, *, new: bool) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY
        return os.open(path, flags | os.O_EXCL if new else flags, 0o644)

    def write(self, handle: int, data: bytes) -> int:
        return os.write(handle, data)

    def create(self, path: Path) -> int:
        # Not for appending: Linux would append then, whatever the offset.
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o644)

    def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
        os.lseek(handle, offset, os.SEEK_SET)  # Windows has no `pwrite`
        return _write_both(handle, data, blanks) if blanks else os.write(handle, data)

    def sync(self, handle: int) -> None:
        _sync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def truncate(self, path: Path, size: int) -> None:
        handle = os.open(path, os.O_RDWR | _BINARY)
        try:
            os.ftruncate(handle, size)
            os.fsync(handle)
        finally:
            os.close(handle)

    def rewrite(self, path: Path) -> None:
        data = self.read(path)
        handle = os.open(path, os.O_RDWR | _BINARY)
        try:
            taken = os.write(handle, data)
            if taken != len(data):
                raise _short(taken, data, path)
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        os.replace(old, new)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def sync_folder(self, path: Path) -> None:
        if os.name == "nt":  # NTFS journals its names and has no call to wait for that
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def lock(self, path: Path) -> Callable[[], None]:
        return lock.hold(path)


OS_FS = OsFs()


def write_file(fs: Fs, path: Path, data: bytes) -> None:
    """Write a whole file durably under a temporary name, then give it its own."""
    draft = write_draft(fs, path, data)
    fs.rename(draft, path)
    fs.sync_folder(path.parent)


def write_draft(fs: Fs, path: Path, data: bytes) -> Path:
    """Write a whole file durably under a temporary name and return that."""
    draft = path.with_name(path.name + ".tmp")
    if fs.exists(draft):  # left by a crash
        visit(Branch.DRAFT_LEFT)
        fs.unlink(draft)
    _append(fs, draft, data, new=True)
    return draft


def append_file(fs: Fs, path: Path, data: bytes) -> None:
    """Append to a file durably, creating it when it is missing."""
    new = not fs.exists(path)
    _append(fs, path, data, new=new)
    if new:
        fs.sync_folder(path.parent)


def _append(fs: Fs, path: Path, data: bytes, *, new: bool) -> None:
    handle = fs.open(path, new=new)
    try:
        taken = fs.write(handle, data)
        if taken != len(data):
            raise _short(taken, data, path)
        fs.sync(handle)
    finally:
        fs.close(handle)


def _short(taken: int, data: bytes, path: Path) -> OSError:
    return OSError(
        f"only {taken} of {len(data)} bytes were written to {path}: the disk is full, or files "
        "may not be so large"
    )


def _write_both(handle: int, data: bytes, blanks: int) -> int:
    """Write data and so many blank lines in one call: room that is put together anew each time
    costs as much in fresh memory as it takes to write."""
    lines = memoryview(_BLANKS)[:blanks] if blanks <= len(_BLANKS) else b"\n" * blanks
    if sys.platform == "win32":  # which has no `writev`
        return os.write(handle, data + bytes(lines))
    return os.writev(handle, [data, lines])
