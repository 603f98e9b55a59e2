"""The chained list of sealed segments. A segment belongs to the journal when its line is here.

Lines are framed like events: each ends in a hash over itself and the line before it.
"""

from __future__ import annotations

import io
from pathlib import Path

import msgspec

from journal import layout
from journal.chain import GENESIS, digest, link
from journal.codec import HASH_MARK, frame, unframe
from journal.errors import JournalCorrupt, UndecodableEvent
from journal.fs import Fs, append_file, write_file
from journal.visits import Branch, visit


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sealed stretch of the journal.

    file          name in the folder of segments
    first, last   sequences of its first and last event
    prev, head    hash that the first event chains to, hash of the last event
    sha256, size  of the file, hexadecimal and bytes
    merkle        root over its events' hashes, hexadecimal
    schema        fingerprint of the event types known when it was sealed
    types         how many events it holds of each type
    at            when it was sealed, nanoseconds UTC
    """

    file: str
    first: int
    last: int
    prev: str
    head: str
    sha256: str
    size: int
    merkle: str
    schema: str
    types: dict[str, int]
    at: int


class Dropped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The segments up to `dropped` were removed on purpose, at `at` (nanoseconds UTC)."""

    dropped: int
    at: int


class Manifest(msgspec.Struct, frozen=True):
    """The sealed segments that are kept, in order.

    ends      where the line of each of them ends in the file, bytes
    dropped   the last sequence that was removed on purpose, 0 for none
    h     hash of the last whole line
    size  bytes of the whole lines; what lies beyond is the end of a line that a crash cut short
    torn  those bytes
    """

    segments: tuple[Segment, ...] = ()
    ends: tuple[int, ...] = ()
    dropped: int = 0
    h: bytes = GENESIS
    size: int = 0
    torn: bytes = b""

    @property
    def last(self) -> int:
        """The last sealed sequence, 0 when nothing is sealed."""
        return self.segments[-1].last if self.segments else 0

    @property
    def head(self) -> bytes:
        """Hash of the last sealed event."""
        return self.segments[-1].head.encode() if self.segments else GENESIS


def load(fs: Fs, directory: Path, *, lenient: bool = False) -> Manifest:
    """Read the manifest; only its last line may be cut short.

    lenient  everything from the first bad line on is torn
    Raises JournalCorrupt.
    """
    path = directory / layout.MANIFEST
    return parse(fs.read(path) if fs.exists(path) else b"", lenient=lenient)


def parse(data: bytes, *, lenient: bool = False, history: bool = False) -> Manifest:
    """Read a manifest's bytes as `load` does; with `history` list what was dropped, too.

    Raises JournalCorrupt.
    """
    segments: list[Segment] = []
    ends: list[int] = []
    h, size, dropped = GENESIS, 0, 0
    for line in io.BytesIO(data):
        record = _read_line(line, h)
        if record is None:
            last = size + len(line) == len(data) and line.count(HASH_MARK) <= 1
            if lenient or last:
                break
            visit(Branch.REFUSED_MANIFEST)
            raise JournalCorrupt(_damaged(size))
        if isinstance(record, Dropped):
            dropped = record.dropped
            gone = sum(segment.last <= dropped for segment in segments) if not history else 0
            del segments[:gone], ends[:gone]
        else:
            _check_joint(record, segments[-1] if segments else None)
            segments.append(record)
            ends.append(size + len(line))
        h = unframe(line[:-1])[1]
        size += len(line)
    return Manifest(tuple(segments), tuple(ends), dropped, h, size, data[size:])


def repair(fs: Fs, directory: Path, manifest: Manifest) -> Manifest:
    """Move a torn last line to quarantine; its segment is sealed again from the tail."""
    if not manifest.torn:
        return manifest
    visit(Branch.MANIFEST_TORN)
    folder = directory / layout.QUARANTINE
    fs.make_folder(folder)
    name = f"manifest-{manifest.size}-{digest(manifest.torn)[:8]}.bytes"
    write_file(fs, folder / name, manifest.torn)
    fs.truncate(directory / layout.MANIFEST, manifest.size)
    return msgspec.structs.replace(manifest, torn=b"")


def add(fs: Fs, directory: Path, manifest: Manifest, segment: Segment) -> Manifest:
    """Append a segment's line durably and return the manifest with it."""
    _check_joint(segment, manifest.segments[-1] if manifest.segments else None)
    h, size = _append(fs, directory, manifest, segment)
    segments, ends = (*manifest.segments, segment), (*manifest.ends, size)
    return Manifest(segments, ends, manifest.dropped, h, size)


def drop(fs: Fs, directory: Path, manifest: Manifest, record: Dropped) -> Manifest:
    """Say durably that segments are gone on purpose; the last one always stays."""
    gone = sum(segment.last <= record.dropped for segment in manifest.segments)
    assert gone < len(manifest.segments), "the newest segment anchors the chain"
    h, size = _append(fs, directory, manifest, record)
    return Manifest(manifest.segments[gone:], manifest.ends[gone:], record.dropped, h, size)


def _append(
    fs: Fs, directory: Path, manifest: Manifest, record: Segment | Dropped
) -> tuple[bytes, int]:
    body = msgspec.json.encode(record)[:-1]
    h = link(manifest.h, body)
    line = frame(body, h)
    append_file(fs, directory / layout.MANIFEST, line)
    return h, manifest.size + len(line)


def _read_line(line: bytes, prev: bytes) -> Segment | Dropped | None:
    try:
        body, h = unframe(line.removesuffix(b"\n"))
    except UndecodableEvent:
        return None
    if not line.endswith(b"\n") or link(prev, body) != h:
        return None
    if body.startswith(b'{"dropped":'):
        return msgspec.json.decode(body + b"}", type=Dropped)
    return msgspec.json.decode(body + b"}", type=Segment)


def _check_joint(segment: Segment, before: Segment | None) -> None:
    first, prev = (before.last + 1, before.head) if before else (1, GENESIS.decode())
    if (segment.first, segment.prev) != (first, prev):
        raise JournalCorrupt(
            f"the manifest says {segment.file} begins at seq {segment.first} after hash "
            f"{segment.prev}, expected seq {first} after {prev}. Restore it from a backup"
        )


def _damaged(offset: int) -> str:
    return (
        f"{layout.MANIFEST} is damaged at byte {offset} with a line after it. Nothing was changed. "
        "Restore the directory from a backup; `daybook verify` lists every finding"
    )
