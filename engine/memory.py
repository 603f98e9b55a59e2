"""The kernel's memory on disk: it only makes a start faster, and with any doubt it is ignored.

A start takes the newest snapshot that fits this code and this journal, and folds in what came
after.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from engine.kernel import Kernel, Memory
from engine.strategies.catalogue import STRATEGIES
from journal import read, snapshot
from journal.envelope import AnyEvent
from journal.snapshot import Snapshot
from projections.state import PROJECTIONS

NAME = "kernel"

EVERY = 50_000
"""Events between two snapshots."""


@cache
def version() -> int:
    """Return a number that changes with any projection's or strategy's version, and with the shape
    of what they remember: a snapshot of another version is not for this code."""
    versions = [(projection.name, projection.version) for projection in PROJECTIONS]
    versions += [(strategy.__name__, strategy.VERSION) for strategy in STRATEGIES]
    shape = msgspec.json.schema(Memory)
    text = msgspec.json.encode([versions, shape], order="sorted")
    # Of bounds that are equal, 0 and 0.0, `typing` keeps whichever was imported first.
    return zlib.crc32(re.sub(rb"(?<=\d)\.0\b", b"", text))


def encode(kernel: Kernel) -> bytes:
    """Return everything the kernel knows as bytes: equal knowledge, equal bytes."""
    return msgspec.json.encode(kernel.memory)


def save(directory: Path, kernel: Kernel, head: bytes) -> None:
    """Write a snapshot of a kernel that has folded in everything up to the journal's `head`.

    All of it must be durable. Raises OSError when the disk refuses; nothing is lost by that.
    """
    seq = kernel.state.seq
    snapshot.save(directory, Snapshot(seq, head.decode(), NAME, version(), encode(kernel)))


class Keeper:
    """Saves a snapshot now and then while a run goes on."""

    def __init__(self, directory: Path, after: int, every: int = EVERY) -> None:
        """`after` is the sequence of the newest snapshot there is."""
        self._directory = directory
        self._every = every
        self._next = after + every

    def due(self, seq: int) -> bool:
        """Tell whether enough has been folded in since the last snapshot."""
        return seq >= self._next

    def save(self, kernel: Kernel, head: bytes) -> None:
        """Save one. A disk that refuses costs only time at the next start."""
        self._next = kernel.state.seq + self._every
        with suppress(OSError):
            save(self._directory, kernel, head)


def recall(directory: Path) -> Kernel:
    """Return a kernel with the newest snapshot's memory, or with none. `state.seq` says how far."""
    found = snapshot.newest(directory, NAME, version())
    if found is None:
        return Kernel()
    try:
        return Kernel(msgspec.json.decode(found.state, type=Memory))
    except msgspec.MsgspecError:  # the label fits and the state does not: not worth a start
        return Kernel()


def later(directory: Path, kernel: Kernel) -> Iterator[AnyEvent]:
    """Return the events that the kernel has not folded in yet."""
    return read(directory, after=kernel.state.seq)
