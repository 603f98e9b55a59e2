"""The errors of Daybook: one tree, so that a caller can catch as much or as little as it means.

    DaybookError
    ├── UsageError              a person asked for something that cannot be (exit code 2)
    │   └── ConfigError         a configuration file or variable is wrong
    ├── JournalError
    │   ├── InvalidEvent        an event that may not be written   also ValueError
    │   ├── UndecodableEvent    no event of a known type and version   also ValueError
    │   ├── JournalCorrupt      the chain, the order or the frame is broken
    │   │   └── JournalNewer    nothing is broken: a newer Daybook wrote it
    │   ├── JournalLocked       another process writes
    │   ├── JournalHalted       a write or sync failed; nothing more is accepted
    │   └── JournalMissing      there is no journal at that place   also FileNotFoundError
    ├── BrokerError             the terminal or the broker could not do what was asked
    └── DivergenceError         a replay decided differently from what was recorded

Every message says what was found, where, what was expected and what to do next.
"""

from __future__ import annotations


class DaybookError(Exception):
    """Root of every error that Daybook raises on purpose."""


class UsageError(DaybookError):
    """A person asked for something that cannot be done; the message says what to do."""


class ConfigError(UsageError):
    """A configuration value is missing, unknown, of the wrong type or out of range."""


class JournalError(DaybookError):
    """Something about the journal."""


class InvalidEvent(JournalError, ValueError):
    """An event that may not be written."""


class UndecodableEvent(JournalError, ValueError):
    """Bytes that are not an event of a known type and version."""


class JournalCorrupt(JournalError):
    """The journal contradicts itself: chain, order or frame."""


class JournalNewer(JournalCorrupt):
    """A file of a format that only a newer Daybook knows."""


class JournalLocked(JournalError):
    """Another process holds the journal for writing."""


class JournalHalted(JournalError):
    """A write or a sync failed: the journal accepts nothing more in this process.

    operation  what failed: `open`, `write`, `sync`, `sync folder`, `truncate`, `close`,
               `append`
    errno      the operating system's number, 0 where it gave none
    file       what was being written
    """

    def __init__(
        self, message: str, *, operation: str = "", errno: int = 0, file: str = ""
    ) -> None:
        super().__init__(message)
        self.operation, self.errno, self.file = operation, errno, file


class JournalMissing(JournalError, FileNotFoundError):
    """There is no journal at the given place."""


class BrokerError(DaybookError):
    """The terminal or the broker could not do what was asked."""


class DivergenceError(DaybookError):
    """A replay decided differently from what was recorded."""
