"""The single-writer lock: a file names its holder, the operating system lets go when that dies."""

from __future__ import annotations

import getpass
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from journal.errors import JournalLocked

if sys.platform == "win32":
    import msvcrt

    # Windows locks are mandatory: lock a byte beyond the text, so that anyone can read it.
    _FAR = 1 << 30

    def _take(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Holder(msgspec.Struct, frozen=True):
    """The process that writes."""

    pid: int
    host: str
    user: str
    command: str
    since: str

    @classmethod
    def here(cls) -> Holder:
        """Describe this process."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(os.getpid(), platform.node(), _user(), " ".join(sys.argv), now)


def holder(path: Path) -> Holder | None:
    """Return who is written in the lock file; None when nobody is or the text is not whole."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None


def hold(path: Path) -> Callable[[], None]:
    """Take the lock at once or raise JournalLocked; return what releases it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        _take(handle)
    except OSError as error:
        os.close(handle)
        raise JournalLocked(_refusal(path)) from error
    try:
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, msgspec.json.encode(Holder.here()) + b"\n")
    except OSError as error:  # a full disk: do not hold what nobody can release
        os.close(handle)
        raise OSError(error.errno, error.strerror, str(path)) from error

    def release() -> None:
        os.ftruncate(handle, 0)
        os.close(handle)

    return release


def _refusal(path: Path) -> str:
    who = holder(path)
    if who is None:
        named = "a process that has not written its name"
    else:
        named = f"process {who.pid} of {who.user} on {who.host} since {who.since} ({who.command})"
    return (
        f"{path.parent} is being written by {named}; a journal has one writer. "
        "Stop that process, or use another directory. Reading needs no lock."
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database; OSError from Python 3.13
        return "unknown"
