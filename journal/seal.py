"""Turn finished tail files into Parquet segments while the writer writes.

Crash-safe at every step: a tail file is removed only after its segment was read back, proven equal
and listed durably in the manifest, and then not before the next sealing nor before a minute has
passed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from journal import layout, manifest, merkle, recover, schema, segment
from journal.codec import type_of
from journal.errors import JournalCorrupt, JournalLocked
from journal.fs import OS_FS, Fs, write_draft
from journal.visits import Branch, visit

GRACE_NS = 60_000_000_000
"""How long a sealed tail file stays for readers that have just listed it."""


class SealLimits(msgspec.Struct, frozen=True):
    """How many events or tail bytes make a segment; fewer go on waiting."""

    events: int = 50_000
    size: int = 16 << 20


class _Stretch(msgspec.Struct):
    """Whole tail files that become one segment."""

    first: int
    prev: bytes
    bodies: list[bytes] = []
    hashes: list[bytes] = []
    size: int = 0


def seal(
    directory: Path,
    *,
    fs: Fs = OS_FS,
    limits: SealLimits = SealLimits(),  # noqa: B008 (frozen)
    now: Callable[[], int] = time.time_ns,
) -> list[manifest.Segment]:
    """Seal what is due, remove tail files sealed long enough ago, return the new segments.

    It does nothing while another process seals. Raises JournalCorrupt, and then it sealed nothing.
    """
    try:
        release = fs.lock(directory / layout.SEAL_LOCK)
    except JournalLocked:
        return []
    try:
        listed = manifest.repair(fs, directory, manifest.load(fs, directory))
        sweep(fs, directory, listed, now())
        made = []
        for stretch in _due(fs, directory, listed, limits):
            entry = _make(fs, directory, stretch, now())
            listed = manifest.add(fs, directory, listed, entry)
            made.append(entry)
        return made
    finally:
        release()


def sweep(fs: Fs, directory: Path, listed: manifest.Manifest, now: int) -> None:
    """Remove the tail files whose events were sealed more than a minute ago."""
    safe = max((entry.last for entry in listed.segments if now - entry.at >= GRACE_NS), default=0)
    names = recover.tail_names(fs, directory)
    for name in names:
        if (layout.tail_first(name) or 0) <= safe:
            try:
                fs.unlink(directory / layout.TAIL / name)
            except PermissionError:  # Windows: somebody still reads it; the next sealing removes it
                continue


def _due(
    fs: Fs, directory: Path, listed: manifest.Manifest, limits: SealLimits
) -> Iterator[_Stretch]:
    """Yield stretches of finished tail files that are large enough."""
    names = recover.tail_after(fs, directory, listed.last)
    place = recover.Place(listed.last + 1, listed.head)
    stretch = _Stretch(place.next_seq, place.head)
    for name in names:
        scan = recover.scan(fs, directory / layout.TAIL / name)
        recover.check_joint(name, scan.header, place)
        for _, bodies, hashes in scan.blocks():
            stretch.bodies += bodies
            stretch.hashes += hashes
        last = name == names[-1]
        recover.check_end(name, scan, last=last)
        if last and not scan.finished:
            return
        place = recover.Place(scan.next_seq, scan.head)
        stretch.size += scan.offset
        if len(stretch.bodies) >= limits.events or stretch.size >= limits.size:
            yield stretch
            stretch = _Stretch(place.next_seq, place.head)


def _make(fs: Fs, directory: Path, stretch: _Stretch, now: int) -> manifest.Segment:
    """Write a segment, read it back, prove it equal, give it its name."""
    last = stretch.first + len(stretch.bodies) - 1
    data = segment.to_parquet(stretch.bodies)
    entry = manifest.Segment(
        file=layout.segment_name(stretch.first, last),
        first=stretch.first,
        last=last,
        prev=stretch.prev.decode(),
        head=stretch.hashes[-1].decode(),
        sha256=sha256(data).hexdigest(),
        size=len(data),
        merkle=merkle.root(stretch.hashes),
        schema=schema.fingerprint(),
        types=dict(sorted(Counter(type_of(body) for body in stretch.bodies).items())),
        at=now,
    )
    folder = directory / layout.SEGMENTS
    fs.make_folder(folder)
    if fs.exists(folder / entry.file):
        visit(Branch.SEGMENT_AGAIN)
    draft = write_draft(fs, folder / entry.file, data)
    _prove(fs.read(draft), entry, stretch)
    fs.rename(draft, folder / entry.file)
    fs.sync_folder(folder)
    return entry


def _prove(data: bytes, entry: manifest.Segment, stretch: _Stretch) -> None:
    """Check that what came back from the disk holds the very bytes of the tail."""
    bodies = [body for _, some, _ in segment.checked(data, entry) for body in some]
    if sha256(data).hexdigest() != entry.sha256 or bodies != stretch.bodies:
        raise JournalCorrupt(
            f"{entry.file} came back from the disk with other bytes than were written; nothing was "
            "sealed. Check the disk and the memory of this machine"
        )
