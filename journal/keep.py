"""Keep a journal safe and small: copy it, bring it back, drop what no snapshot needs.

A copy may be made while the engine writes. Nothing is removed that was not first said to be gone in
the manifest, durably.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from journal import layout, manifest, recover, snapshot, tail
from journal.errors import JournalCorrupt, JournalLocked, JournalMissing, UsageError
from journal.fs import OS_FS, Fs, write_file
from journal.reader import lines
from journal.verify import Report, verify


class Plan(msgspec.Struct, frozen=True):
    """What `retain` would drop: events up to `through` (0: none), in these files of this size."""

    through: int
    files: list[str]
    size: int
    why: str


def backup(directory: Path, target: Path, *, fs: Fs = OS_FS) -> Report:
    """Copy a journal, live or not, and verify the copy. A second backup copies only what is new.

    Raises UsageError when `target` holds another journal, or events that this one does not;
    JournalCorrupt when the journal or the copy is damaged, JournalLocked while it is being sealed.
    """
    if not fs.exists(directory / layout.TAIL):
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    release = _hold_still(fs, directory)
    try:
        _check_same(fs, directory, target)
        listed = manifest.load(fs, directory)
        for folder in (layout.TAIL, layout.SEGMENTS, layout.SNAPSHOTS):
            fs.make_folder(target / folder)
        for entry in listed.segments:
            _copy_segment(fs, directory, target, entry)
        _copy_snapshots(fs, directory, target)
        _copy_tail(fs, directory, target, listed)  # last: a snapshot is of what is written by then
        if listed.size:
            lines = fs.read(directory / layout.MANIFEST)[: listed.size]
            write_file(fs, target / layout.MANIFEST, lines)
    finally:
        release()
    return _verified(target, fs)


def restore(source: Path, directory: Path, *, fs: Fs = OS_FS) -> Report:
    """Bring a backup back into an empty folder and verify it.

    Raises UsageError when the folder is not empty, and what `backup` raises.
    """
    if fs.names(directory):
        raise UsageError(f"{directory} is not empty; restore only into a new folder")
    return backup(source, directory, fs=fs)


def plan(
    directory: Path,
    versions: Mapping[str, int],
    *,
    keep: int,
    until: int | None = None,
    fs: Fs = OS_FS,
) -> Plan:
    """Say which segments may go: all but the newest `keep` events, and what snapshots need.

    Only whole segments go; the newest one always stays. Nothing goes until each projection has a
    valid snapshot.

    versions  of the projections, by name, that today's code starts from: a snapshot of another
              version serves no start, so it is not counted
    until     nothing behind this sequence goes in any case: what a caller knows to be needed
    """
    needed: dict[str, int] = {}
    for name, version in versions.items():
        found = snapshot.newest(directory, name, version, fs=fs)
        if found is None:
            why = f"no valid snapshot of {name} in version {version}: a start needs every event"
            return Plan(0, [], 0, why)
        needed[name] = found.seq
    oldest = min(needed, key=needed.__getitem__)
    listed = manifest.load(fs, directory)
    most = needed[oldest] if until is None else min(needed[oldest], until)
    limit = min(most, recover.find_end(fs, directory).place.next_seq - 1 - keep)
    going = [entry for entry in listed.segments[:-1] if entry.last <= limit]
    why = f"{oldest} has the oldest of the newest snapshots, at seq {most:,}; {keep:,} events stay"
    files = [entry.file for entry in going]
    return Plan(going[-1].last if going else 0, files, sum(e.size for e in going), why)


def retain(
    directory: Path,
    versions: Mapping[str, int],
    *,
    keep: int,
    until: int | None = None,
    fs: Fs = OS_FS,
    now: Callable[[], int] = time.time_ns,
) -> Plan:
    """Drop what `plan` names. Raises JournalLocked while a sealing is under way."""
    release = _hold_still(fs, directory)
    try:
        chosen = plan(directory, versions, keep=keep, until=until, fs=fs)
        listed = manifest.repair(fs, directory, manifest.load(fs, directory))
        if chosen.through:
            record = manifest.Dropped(chosen.through, now())
            listed = manifest.drop(fs, directory, listed, record)
        for name in fs.names(directory / layout.SEGMENTS):
            if 0 < layout.segment_last(name) <= listed.dropped:
                fs.unlink(directory / layout.SEGMENTS / name)
        return chosen
    finally:
        release()


def _hold_still(fs: Fs, directory: Path) -> Callable[[], None]:
    """Let no file of the journal go away until what is returned is called."""
    try:
        return fs.lock(directory / layout.SEAL_LOCK)
    except JournalLocked as error:
        raise JournalLocked(
            f"{directory} is being sealed, backed up or reduced by another process, which takes "
            "seconds to minutes; nothing was changed. Try again then"
        ) from error
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return lambda: None  # nobody changes a backup on a medium that cannot be written to


def _check_same(fs: Fs, directory: Path, target: Path) -> None:
    """Check that a backup there is one of this journal: what it holds, this one holds as well."""
    if fs.names(target) and not fs.exists(target / layout.TAIL):
        raise UsageError(f"{target} is not empty and holds no journal; name a new folder")
    ours, theirs = (
        fs.read(place / layout.MANIFEST) if fs.exists(place / layout.MANIFEST) else b""
        for place in (directory, target)
    )
    same = ours.startswith(theirs) and all(
        _holds(fs, directory, recover.scan(fs, target / layout.TAIL / name))
        for name in recover.tail_names(fs, target)
    )
    if not same:
        raise UsageError(
            f"{target} holds another journal, or events that {directory} does not hold; nothing "
            "was changed. Name a new folder"
        )


def _holds(fs: Fs, directory: Path, theirs: tail.Scan) -> bool:
    """Whether a journal has the last good event of that file, and so all before it."""
    for _ in theirs.blocks():
        pass
    if theirs.header is None or theirs.next_seq == theirs.header.first:
        return True  # there is nothing in it
    last = theirs.next_seq - 1
    try:
        return any(
            h == theirs.head for _, _, h in lines(directory, after=last - 1, until=last, fs=fs)
        )
    except JournalMissing:  # dropped on purpose here, so who could tell
        return False


def _copy_segment(fs: Fs, directory: Path, target: Path, entry: manifest.Segment) -> None:
    path = target / layout.SEGMENTS / entry.file
    if fs.exists(path) and sha256(fs.read(path)).hexdigest() == entry.sha256:
        return
    _copy(fs, directory / layout.SEGMENTS / entry.file, path)


def _copy_snapshots(fs: Fs, directory: Path, target: Path) -> None:
    """Copy what snapshots there are, and remove those that the journal has no longer."""
    copied = set()
    for name in filter(layout.snapshot_seq, fs.names(directory / layout.SNAPSHOTS)):
        with suppress(FileNotFoundError):  # the engine has just replaced it by a newer one
            _copy(fs, directory / layout.SNAPSHOTS / name, target / layout.SNAPSHOTS / name)
            copied.add(name)
    for name in filter(layout.snapshot_seq, fs.names(target / layout.SNAPSHOTS)):
        if name not in copied:
            fs.unlink(target / layout.SNAPSHOTS / name)


def _copy_tail(fs: Fs, directory: Path, target: Path, listed: manifest.Manifest) -> None:
    """Copy the tail up to its last whole line, and remove what an older backup had of it.

    Raises JournalCorrupt for a damaged tail, and then an older backup is as it was.
    """
    names = recover.tail_after(fs, directory, listed.last)
    place, whole = recover.Place(listed.last + 1, listed.head), {}
    for name in names:
        scan = recover.scan(fs, directory / layout.TAIL / name)
        recover.check_joint(name, scan.header, place)
        for _ in scan.blocks():
            pass
        recover.check_end(name, scan, last=name == names[-1])
        place = recover.Place(scan.next_seq, scan.head)
        whole[name] = scan.good
    for name in recover.tail_names(fs, target):
        if not whole.get(name):
            fs.unlink(target / layout.TAIL / name)
    for name, data in whole.items():
        if data:  # not the file of a first write that a crash cut short
            write_file(fs, target / layout.TAIL / name, data)


def _copy(fs: Fs, source: Path, target: Path) -> None:
    write_file(fs, target, fs.read(source))


def _verified(directory: Path, fs: Fs) -> Report:
    report = verify(directory, fs=fs)
    if not report.ok:
        bad = next(finding for finding in report.findings if finding.severity == "corrupt")
        raise JournalCorrupt(
            f"the copy in {directory} is not whole: {bad.file} {bad.what}. "
            "Verify the journal it was made from"
        )
    return report
