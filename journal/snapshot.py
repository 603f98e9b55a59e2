"""A projection's state at a sequence, on disk. It only makes the start faster.

With any doubt it is ignored. The file is a line that says what it is, and the state's bytes. It may
be taken of durable events only, so one beyond the journal's end shows that the end was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from journal import layout, schema
from journal.chain import digest
from journal.fs import OS_FS, Fs, write_file
from journal.reader import lines
from journal.visits import Branch, visit

KEEP = 2
"""Snapshots of each projection that stay: should the newest be damaged, the one before serves."""


class Snapshot(msgspec.Struct, frozen=True):
    """The state of one projection after an event.

    seq, h       that event and its chained hash
    projection, version   whose state it is, and in which shape
    schema       fingerprint of the event types it was folded from
    state        whatever bytes the projection makes of itself
    """

    seq: int
    h: str
    projection: str
    version: int
    state: bytes
    schema: str = ""


class _Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A snapshot file's first line. `digest` is over the label without it, and the state."""

    seq: int
    h: str
    projection: str
    version: int
    schema: str
    size: int
    digest: str


def save(directory: Path, snapshot: Snapshot, *, keep: int = KEEP, fs: Fs = OS_FS) -> Path:
    """Write a snapshot durably and remove older ones of the same projection. Return its path.

    Its `schema` is filled in. The event must be durable.
    """
    folder = directory / layout.SNAPSHOTS
    fs.make_folder(folder)
    path = folder / layout.snapshot_name(snapshot.projection, snapshot.seq)
    label = _label(snapshot, schema.fingerprint())
    write_file(fs, path, msgspec.json.encode(label) + b"\n" + snapshot.state)
    mine = [name for name, _ in _names(fs, directory, snapshot.projection)]
    for name in mine[keep:]:
        fs.unlink(folder / name)
    return path


def newest(directory: Path, projection: str, version: int, *, fs: Fs = OS_FS) -> Snapshot | None:
    """Return the newest snapshot that fits the journal, the projection and the event types."""
    for name, _ in _names(fs, directory, projection):
        found = load(directory / layout.SNAPSHOTS / name, fs=fs)
        if (
            found is not None
            and (found.projection, found.version) == (projection, version)
            and found.schema == schema.fingerprint()
            and _hash_at(fs, directory, found.seq) == found.h
        ):
            return found
        visit(Branch.SNAPSHOT_IGNORED)
    return None


def load(path: Path, *, fs: Fs = OS_FS) -> Snapshot | None:
    """Return what a file holds, None when it is not a whole snapshot, or gone for a newer one."""
    try:
        line, _, state = fs.read(path).partition(b"\n")
        label = msgspec.json.decode(line, type=_Label)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    found = Snapshot(label.seq, label.h, label.projection, label.version, state, label.schema)
    return found if _label(found, label.schema) == label else None


def marks(fs: Fs, directory: Path) -> Iterator[tuple[str, int]]:
    """Yield name and sequence of every whole snapshot: the journal has held at least that much."""
    folder = directory / layout.SNAPSHOTS
    for name in fs.names(folder):
        found = load(folder / name, fs=fs) if layout.snapshot_seq(name) else None
        if found is not None:
            yield name, found.seq


def discard(directory: Path, *, fs: Fs = OS_FS) -> int:
    """Remove all snapshots, so that projections are folded anew; return how many there were."""
    folder = directory / layout.SNAPSHOTS
    names = [name for name in fs.names(folder) if layout.snapshot_seq(name)]
    for name in names:
        fs.unlink(folder / name)
    return len(names)


def _label(snapshot: Snapshot, fingerprint: str) -> _Label:
    label = _Label(
        seq=snapshot.seq,
        h=snapshot.h,
        projection=snapshot.projection,
        version=snapshot.version,
        schema=fingerprint,
        size=len(snapshot.state),
        digest="",
    )
    whole = digest(msgspec.json.encode(label) + snapshot.state)
    return msgspec.structs.replace(label, digest=whole)


def _names(fs: Fs, directory: Path, projection: str) -> list[tuple[str, int]]:
    """Return a projection's snapshot files, the newest first."""
    found = [
        (name, layout.snapshot_seq(name))
        for name in fs.names(directory / layout.SNAPSHOTS)
        if name == layout.snapshot_name(projection, layout.snapshot_seq(name))
    ]
    return sorted(found, key=lambda pair: -pair[1])


def _hash_at(fs: Fs, directory: Path, seq: int) -> str:
    """Return the chained hash of an event, an empty text when the journal does not hold it."""
    for _, _, h in lines(directory, after=seq - 1, until=seq, fs=fs):
        return h.decode()
    return ""
