"""Find where the journal ends, and move a torn end into quarantine.

Rot is refused, and then nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from journal import layout, manifest, tail
from journal.chain import GENESIS, digest
from journal.errors import JournalCorrupt
from journal.events import JournalRecovered
from journal.fs import Fs, write_file
from journal.visits import Branch, visit

_PENDING = ".json"
_NOTED = ".noted"


class Place(msgspec.Struct, frozen=True):
    """Where the journal goes on: the next sequence and the hash it chains to."""

    next_seq: int = 1
    head: bytes = GENESIS


class End(msgspec.Struct, frozen=True):
    """The journal's end as found.

    torn      what to cut off the last tail file, None when it ends cleanly
    room      what its writer had prepared behind its last line and did not cut off, None for none
    unsealed  how many events the tail holds
    """

    place: Place
    torn: Torn | None
    room: Room | None
    unsealed: int


class Torn(msgspec.Struct, frozen=True):
    """The end of a write that a crash cut short."""

    name: str
    offset: int


class Room(msgspec.Struct, frozen=True):
    """Blank lines at a file's end: what a killed writer leaves when nothing is torn."""

    name: str
    offset: int


def tail_names(fs: Fs, directory: Path) -> list[str]:
    """Return the tail files in order."""
    names = fs.names(directory / layout.TAIL)
    return [name for name in names if layout.tail_first(name) is not None]


def tail_after(fs: Fs, directory: Path, sealed: int) -> list[str]:
    """Return the tail files that hold events beyond what is sealed, in order."""
    names = tail_names(fs, directory)
    beyond = [name for name in names if (layout.tail_first(name) or 0) > sealed]
    if len(beyond) < len(names):
        visit(Branch.TAIL_SEALED)
    return beyond


def scan(fs: Fs, path: Path) -> tail.Scan:
    """Scan a tail file, whether or not it is being written. Raises JournalCorrupt."""
    return tail.Scan(fs.read(path), lambda offset: fs.read(path, offset))


def find_end(fs: Fs, directory: Path) -> End:
    """Check every tail file and return where the journal ends.

    Raises JournalCorrupt. Changes nothing.
    """
    listed = manifest.load(fs, directory)
    _check_segments(fs, directory, listed)
    place, torn, room = Place(listed.last + 1, listed.head), None, None
    names = tail_after(fs, directory, listed.last)
    for name in names:
        found = scan(fs, directory / layout.TAIL / name)
        check_joint(name, found.header, place)
        for _ in found.blocks():
            pass
        check_end(name, found, last=name == names[-1])
        if found.bad is None and not found.finished:
            visit(Branch.NO_FOOTER)
        if found.header is None or found.next_seq == found.header.first:
            torn = Torn(name, 0)  # as a whole: without an event, the next file needs its name
        else:
            place = Place(found.next_seq, found.head)
            torn = Torn(name, found.bad.offset) if found.bad else None
            room = Room(name, found.offset) if found.room and not found.bad else None
    unlisted = unlisted_segment(fs, directory, place.next_seq - 1)
    if unlisted:
        visit(Branch.REFUSED_UNLISTED)
        raise JournalCorrupt(
            f"{layout.SEGMENTS}/{unlisted} holds events after seq {place.next_seq - 1}, where the "
            "manifest and the tail end: lines of the manifest are lost. Restore it from a backup"
        )
    return End(place, torn, room, place.next_seq - 1 - listed.last)


def unlisted_segment(fs: Fs, directory: Path, last: int) -> str:
    """Return a segment that holds events beyond the journal's end, or an empty text.

    A sealing that was cut short leaves segments whose events are still in the tail, never others.
    """
    for name in fs.names(directory / layout.SEGMENTS):
        if layout.segment_last(name) > last:
            return name
    return ""


def check_end(name: str, scan: tail.Scan, *, last: bool) -> None:
    """Check that an exhausted scan met nothing worse than a torn end of the last file.

    Raises JournalCorrupt.
    """
    if scan.bad and (scan.bad.rotten or not last):
        visit(Branch.REFUSED_ROT)
        raise JournalCorrupt(_rotten(name, scan.bad))


def check_joint(name: str, header: tail.Header | None, place: Place) -> None:
    """Check that a tail file continues from `place`. Raises JournalCorrupt."""
    if header and (header.first, header.prev.encode()) != (place.next_seq, place.head):
        visit(Branch.REFUSED_GAP)
        raise JournalCorrupt(
            f"{name} begins at seq {header.first} after hash {header.prev}, expected seq "
            f"{place.next_seq} after {place.head.decode()}: a file before it is missing or was "
            "changed. Restore the directory from a backup; `daybook verify` lists every finding"
        )


def cut(fs: Fs, directory: Path, torn: Torn, last_good: int) -> None:
    """Move a torn end into quarantine: the bytes first, then a note about them, then the cut."""
    path = directory / layout.TAIL / torn.name
    data = fs.read(path, torn.offset)
    data = data[: tail.end_of_lines(data)]
    if data:
        quarantine(fs, directory, torn, data, last_good)
        visit(Branch.TORN_END if torn.offset else Branch.TORN_FILE)
    else:
        visit(Branch.EMPTY_FILE)
    if torn.offset:
        fs.truncate(path, torn.offset)
    else:
        fs.unlink(path)
        fs.sync_folder(path.parent)


def cut_room(fs: Fs, directory: Path, room: Room) -> None:
    """Cut off the blank lines that nobody will fill any more."""
    visit(Branch.ROOM_LEFT)
    fs.truncate(directory / layout.TAIL / room.name, room.offset)


def make_durable(fs: Fs, directory: Path) -> None:
    """Write the last tail file once more: its writer may have died between a write and the sync.

    What was read from it will be built upon, so a power cut must not take it away any more. A sync
    alone could lie: after one that failed, the pages count as written and are not.
    """
    for name in tail_names(fs, directory)[-1:]:
        fs.rewrite(directory / layout.TAIL / name)
        fs.sync_folder(directory / layout.TAIL)


def quarantine(fs: Fs, directory: Path, torn: Torn, data: bytes, last_good: int) -> None:
    """Keep bytes that are about to be cut off, and a note for the engine to append."""
    note = JournalRecovered(torn.name, torn.offset, len(data), digest(data), last_good)
    folder = directory / layout.QUARANTINE
    fs.make_folder(folder)
    stem = f"{Path(torn.name).stem}-{torn.offset}-{note.digest[:8]}"
    write_file(fs, folder / f"{stem}.bytes", data)
    write_file(fs, folder / f"{stem}{_PENDING}", msgspec.json.encode(note))


def pending(fs: Fs, directory: Path) -> Iterator[tuple[Path, JournalRecovered]]:
    """Yield the notes about quarantined bytes that no event of the journal repeats yet."""
    folder = directory / layout.QUARANTINE
    for name in fs.names(folder):
        if name.endswith(_PENDING):
            yield folder / name, msgspec.json.decode(fs.read(folder / name), type=JournalRecovered)


def mark_noted(fs: Fs, note: Path) -> None:
    """Remember that the journal holds the event for this note."""
    fs.rename(note, note.with_name(note.name + _NOTED))
    fs.sync_folder(note.parent)


def _check_segments(fs: Fs, directory: Path, listed: manifest.Manifest) -> None:
    """Check that every listed segment is there in its full size."""
    folder = directory / layout.SEGMENTS
    for entry in listed.segments:
        size = fs.size(folder / entry.file) if fs.exists(folder / entry.file) else -1
        if size != entry.size:
            visit(Branch.REFUSED_SEGMENT)
            found = f"has {size} bytes instead of {entry.size}" if size >= 0 else "is missing"
            raise JournalCorrupt(
                f"{layout.SEGMENTS}/{entry.file} {found}; it holds seq {entry.first} to "
                f"{entry.last}. Restore it from a backup; `daybook verify` lists every finding"
            )


def _rotten(name: str, bad: tail.Bad) -> str:
    return (
        f"{name} is damaged at byte {bad.offset}: {bad.what}, and it was written whole once. "
        "Nothing was changed. Restore the directory from a backup, or salvage it into a new one; "
        "`daybook verify` lists every finding"
    )
