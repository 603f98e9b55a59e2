"""What a person may do with a damaged journal that no backup replaces. Never done by itself.

`keep_prefix` cuts the journal before the first damage, in place: everything behind goes to
quarantine. `salvage` leaves it alone and makes a new folder: the good prefix as a journal, and
whatever else can still be read as loose events, which no chain vouches for.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from journal import layout, manifest, recover, snapshot, tail
from journal.codec import decode
from journal.errors import JournalCorrupt, JournalMissing, UndecodableEvent, UsageError
from journal.fs import OS_FS, Fs, write_file

SALVAGED = "salvaged.jsonl"


class Repaired(msgspec.Struct, frozen=True):
    """What became of a damaged journal.

    last_good  the last event before the damage
    moved      files put away, whole or in part
    salvaged   loose events that were still readable behind the damage
    """

    last_good: int
    moved: list[str]
    salvaged: int = 0


class _Damage(msgspec.Struct, frozen=True):
    """Where the good prefix ends: the manifest's lines, the tail's files, the byte in the first."""

    last_good: int
    segments: int
    manifest_size: int
    tail: list[str]
    offset: int


def keep_prefix(directory: Path, *, fs: Fs = OS_FS) -> Repaired:
    """Cut the journal before its first damage and quarantine the rest. Raises JournalLocked."""
    release = fs.lock(directory / layout.LOCK)
    try:
        damage = _find(fs, directory)
        moved = _move_tail(fs, directory, damage)
        if fs.exists(directory / layout.MANIFEST):
            moved += _move_segments(fs, directory, damage)
        moved += _move_snapshots(fs, directory, damage.last_good)
        return Repaired(damage.last_good, moved)
    finally:
        release()


def salvage(directory: Path, into: Path, *, fs: Fs = OS_FS) -> Repaired:
    """Copy what is good into a new folder and what else is readable beside it; change nothing here.

    Raises UsageError when `into` is not empty.
    """
    if fs.names(into):
        raise UsageError(f"{into} is not empty; salvage makes a new folder")
    damage = _find(fs, directory)
    fs.make_folder(into / layout.TAIL)
    listed = manifest.load(fs, directory, lenient=True)
    fs.make_folder(into / layout.SEGMENTS)
    for entry in listed.segments[: damage.segments]:
        data = fs.read(directory / layout.SEGMENTS / entry.file)
        write_file(fs, into / layout.SEGMENTS / entry.file, data)
    if damage.segments:
        data = fs.read(directory / layout.MANIFEST)[: damage.manifest_size]
        write_file(fs, into / layout.MANIFEST, data)
        _drop_again(fs, into, listed.dropped)
    sealed = listed.segments[damage.segments - 1].last if damage.segments else 0
    for name in recover.tail_after(fs, directory, sealed):
        data = fs.read(directory / layout.TAIL / name)
        if name in damage.tail:
            data = data[: damage.offset] if name == damage.tail[0] else b""
        data = data[: tail.end_of_lines(data)]
        if data:
            write_file(fs, into / layout.TAIL / name, data)
    loose = sorted(_loose(fs, directory, damage))
    write_file(fs, into / SALVAGED, b"".join(body + b"}\n" for _, body in loose))
    return Repaired(damage.last_good, damage.tail, len(loose))


def _find(fs: Fs, directory: Path) -> _Damage:
    """Return where the good prefix ends."""
    if not fs.exists(directory / layout.TAIL):
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    listed = manifest.load(fs, directory, lenient=True)
    place, good, size = recover.Place(), 0, 0
    for entry, end in zip(listed.segments, listed.ends, strict=True):
        if not _whole(fs, directory, entry):
            break
        place = recover.Place(entry.last + 1, entry.head.encode())
        good, size = good + 1, end
    if listed.dropped and not good:
        raise JournalCorrupt(
            f"no segment of {directory} is whole behind seq {listed.dropped}, up to which events "
            "were dropped on purpose: nothing is left to go on from. Restore it from a backup"
        )
    names = recover.tail_after(fs, directory, place.next_seq - 1)
    for index, name in enumerate(names):
        try:
            scan = recover.scan(fs, directory / layout.TAIL / name)
            recover.check_joint(name, scan.header, place)
        except JournalCorrupt:
            return _Damage(place.next_seq - 1, good, size, names[index:], 0)
        for _ in scan.blocks():
            pass
        if scan.header:
            place = recover.Place(scan.next_seq, scan.head)
        if scan.bad:
            offset = scan.bad.offset if scan.header and scan.next_seq > scan.header.first else 0
            return _Damage(place.next_seq - 1, good, size, names[index:], offset)
    return _Damage(place.next_seq - 1, good, size, [], 0)


def _whole(fs: Fs, directory: Path, entry: manifest.Segment) -> bool:
    from journal import segment  # noqa: PLC0415 (loads pyarrow, which a young journal spares)

    path = directory / layout.SEGMENTS / entry.file
    if not fs.exists(path):
        return False
    data = fs.read(path)
    try:
        for _ in segment.checked(data, entry):
            pass
    except JournalCorrupt:
        return False
    return sha256(data).hexdigest() == entry.sha256


def _move_tail(fs: Fs, directory: Path, damage: _Damage) -> list[str]:
    """Quarantine the damaged file's end and every file behind it, the last one first."""
    for index, name in reversed(list(enumerate(damage.tail))):
        offset = damage.offset if index == 0 else 0
        recover.cut(fs, directory, recover.Torn(name, offset), damage.last_good)
    return [f"{layout.TAIL}/{name}" for name in damage.tail]


def _move_segments(fs: Fs, directory: Path, damage: _Damage) -> list[str]:
    """Quarantine the segments from the first damaged one on and their lines of the manifest."""
    path = directory / layout.MANIFEST
    folder = directory / layout.QUARANTINE
    moved = []
    lost = fs.read(path, damage.manifest_size)
    if lost:
        torn = recover.Torn(layout.MANIFEST, damage.manifest_size)
        recover.quarantine(fs, directory, torn, lost, damage.last_good)
        dropped = manifest.load(fs, directory, lenient=True).dropped
        fs.truncate(path, damage.manifest_size)
        _drop_again(fs, directory, dropped)
        moved.append(layout.MANIFEST)
    for name in fs.names(directory / layout.SEGMENTS):
        if layout.segment_last(name) > damage.last_good:
            fs.make_folder(folder)
            fs.rename(directory / layout.SEGMENTS / name, folder / name)
            moved.append(f"{layout.SEGMENTS}/{name}")
    if moved:
        fs.sync_folder(folder)
        fs.sync_folder(directory / layout.SEGMENTS)
    return moved


def _move_snapshots(fs: Fs, directory: Path, last_good: int) -> list[str]:
    """Quarantine the snapshots of what is gone: opening takes one for proof of a cut-off end."""
    names = [name for name, seq in snapshot.marks(fs, directory) if seq > last_good]
    for name in names:
        fs.make_folder(directory / layout.QUARANTINE)
        fs.rename(directory / layout.SNAPSHOTS / name, directory / layout.QUARANTINE / name)
    if names:
        fs.sync_folder(directory / layout.QUARANTINE)
        fs.sync_folder(directory / layout.SNAPSHOTS)
    return [f"{layout.SNAPSHOTS}/{name}" for name in names]


def _drop_again(fs: Fs, directory: Path, dropped: int) -> None:
    """Say again what was dropped, should the line that said so be behind the damage."""
    listed = manifest.load(fs, directory)
    if dropped > listed.dropped:
        manifest.drop(fs, directory, listed, manifest.Dropped(dropped, 0))


def _loose(fs: Fs, directory: Path, damage: _Damage) -> Iterator[tuple[int, bytes]]:
    """Yield sequence and body of events behind the damage that still decode, each once."""
    seen: set[int] = set()
    for body in _bodies_behind(fs, directory, damage):
        try:
            seq = decode(body).seq
        except UndecodableEvent:
            continue
        if seq > damage.last_good and seq not in seen:
            seen.add(seq)
            yield seq, body


def _bodies_behind(fs: Fs, directory: Path, damage: _Damage) -> Iterator[bytes]:
    from journal import segment  # noqa: PLC0415 (loads pyarrow, which a young journal spares)

    for index, name in enumerate(damage.tail):
        data = fs.read(directory / layout.TAIL / name, damage.offset if index == 0 else 0)
        for body, _ in tail.lookalikes(data):
            yield body.removeprefix(tail.NEW_WRITE)
    for name in fs.names(directory / layout.SEGMENTS):
        if layout.segment_last(name) > damage.last_good:
            yield from segment.readable(fs.read(directory / layout.SEGMENTS / name))
