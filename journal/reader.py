"""Read the journal from any process, at any time, without a lock. It never writes.

A line that the writer has not finished yet, or that a crash cut short, is where reading ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from journal import layout, recover, tail
from journal.codec import decode, type_of
from journal.envelope import AnyEvent
from journal.errors import JournalCorrupt, JournalMissing
from journal.fs import OS_FS, Fs


def read(
    directory: Path,
    *,
    after: int = 0,
    until: int | None = None,
    types: Collection[str] | None = None,
    verify: bool = True,
    fs: Fs = OS_FS,
) -> Iterator[AnyEvent]:
    """Yield the events with `after < seq <= until`, in order, of all types or of some.

    Raises JournalMissing, JournalCorrupt (the chain only with `verify`), UndecodableEvent.
    """
    for seq, bodies, _ in _blocks(directory, after, until, verify, fs):
        if types is not None:
            yield from (decode(body) for body in bodies if type_of(body) in types)
            continue
        for expected, body in enumerate(bodies, seq):
            event = decode(body)
            if event.seq != expected:
                raise JournalCorrupt(_misplaced(directory, event.seq, expected))
            yield event


def lines(
    directory: Path,
    *,
    after: int = 0,
    until: int | None = None,
    types: Collection[str] | None = None,
    fs: Fs = OS_FS,
) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield `(seq, body, h)` with `after < seq <= until`, the chain checked and nothing decoded."""
    for seq, bodies, hashes in _blocks(directory, after, until, True, fs):
        for number, (body, h) in enumerate(zip(bodies, hashes, strict=True), seq):
            if types is None or type_of(body) in types:
                yield number, body, h


def _blocks(
    directory: Path, after: int, until: int | None, verify: bool, fs: Fs
) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
    """Yield the wanted events: first sequence, bodies, hashes (none without `verify`)."""
    for seq, bodies, hashes in _files(directory, after, until, verify, fs):
        if until is not None and seq > until:
            return
        begin = max(0, after + 1 - seq)
        end = len(bodies) if until is None else until + 1 - seq
        if begin or end < len(bodies):
            bodies, hashes = bodies[begin:end], hashes[begin:end]
        if bodies:
            yield seq + begin, bodies, hashes


def _files(
    directory: Path, after: int, until: int | None, verify: bool, fs: Fs
) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
    if not fs.exists(directory / layout.TAIL):
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    names = recover.tail_names(fs, directory)
    starts = [layout.tail_first(name) or 0 for name in names]
    place: recover.Place | None = None
    for index, name in enumerate(names):
        last = index + 1 == len(names)
        if not last and starts[index + 1] <= after + 1:
            continue
        if until is not None and starts[index] > until:
            return
        data = fs.read(directory / layout.TAIL / name)
        if not verify:
            yield from tail.unchecked(data)
            continue
        scan = tail.Scan(data)
        if place:
            recover.check_joint(name, scan.header, place)
        yield from scan.blocks()
        recover.check_end(name, scan, last=last)
        place = recover.Place(scan.next_seq, scan.head)


def _misplaced(directory: Path, found: int, expected: int) -> str:
    return (
        f"{directory} holds seq {found} where {expected} is expected: its writer broke the order. "
        "`daybook verify` lists every finding"
    )
