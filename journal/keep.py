"""Keep a journal safe and small: copy it, bring it back, drop what no snapshot needs.

A copy may be made while the engine writes. Nothing is removed that was not first said to be gone in
the manifest, durably.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from journal import layout, manifest, recover, snapshot, tail
from journal.errors import JournalCorrupt, JournalMissing, UsageError
from journal.fs import OS_FS, Fs, write_file
from journal.verify import Report, verify


class Plan(msgspec.Struct, frozen=True):
    """What `retain` would drop: events up to `through` (0: none), in these files of this size."""

    through: int
    files: list[str]
    size: int
    why: str


def backup(directory: Path, target: Path, *, fs: Fs = OS_FS) -> Report:
    """Copy a journal, live or not, and verify the copy. A second backup copies only what is new.

    Raises UsageError when `target` holds another journal, JournalCorrupt when the copy is damaged.
    """
    if not fs.exists(directory / layout.TAIL):
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    release = fs.lock(directory / layout.SEAL_LOCK)  # while it is held no file goes away
    try:
        _check_same(fs, directory, target)
        listed = manifest.load(fs, directory)
        for folder in (layout.TAIL, layout.SEGMENTS, layout.SNAPSHOTS):
            fs.make_folder(target / folder)
        for entry in listed.segments:
            _copy_segment(fs, directory, target, entry)
        for name in fs.names(directory / layout.SNAPSHOTS):
            _copy(fs, directory / layout.SNAPSHOTS / name, target / layout.SNAPSHOTS / name)
        _copy_tail(fs, directory, target, listed.last)
        if listed.size:
            lines = fs.read(directory / layout.MANIFEST)[: listed.size]
            write_file(fs, target / layout.MANIFEST, lines)
    finally:
        release()
    return _verified(target, fs)


def restore(source: Path, directory: Path, *, fs: Fs = OS_FS) -> Report:
    """Bring a backup back into an empty folder and verify it.

    Raises UsageError when the folder is not empty, JournalCorrupt when the result is not whole.
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
    why = f"{oldest} has the oldest of the newest snapshots, at seq {most}; {keep} events stay"
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
    release = fs.lock(directory / layout.SEAL_LOCK)
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


def _check_same(fs: Fs, directory: Path, target: Path) -> None:
    """Check that a backup there is one of this journal: its manifest begins as ours does."""
    if fs.names(target) and not fs.exists(target / layout.TAIL):
        raise UsageError(f"{target} is not empty and holds no journal; name a new folder")
    if fs.exists(target / layout.MANIFEST):
        theirs = fs.read(target / layout.MANIFEST)
        ours = (
            fs.read(directory / layout.MANIFEST) if fs.exists(directory / layout.MANIFEST) else b""
        )
        if not ours.startswith(theirs):
            raise UsageError(f"{target} holds the backup of another journal; name a new folder")


def _copy_segment(fs: Fs, directory: Path, target: Path, entry: manifest.Segment) -> None:
    path = target / layout.SEGMENTS / entry.file
    if fs.exists(path) and sha256(fs.read(path)).hexdigest() == entry.sha256:
        return
    _copy(fs, directory / layout.SEGMENTS / entry.file, path)


def _copy_tail(fs: Fs, directory: Path, target: Path, sealed: int) -> None:
    """Copy the tail up to its last whole line, and remove what an older backup had of it."""
    names = recover.tail_after(fs, directory, sealed)
    for name in recover.tail_names(fs, target):
        if name not in names:
            fs.unlink(target / layout.TAIL / name)
    for name in names:
        data = fs.read(directory / layout.TAIL / name)
        scan = tail.Scan(data)
        for _ in scan.blocks():
            pass
        write_file(fs, target / layout.TAIL / name, data[: scan.offset])


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
