"""Hold snapshots against a replay of the journal, and make them anew from it.

A snapshot only makes a start faster: whether it is right, the journal alone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from engine import memory
from engine.kernel import Kernel, Memory
from journal import layout, manifest, recover, schema, snapshot
from journal.codec import decode
from journal.envelope import AnyEvent
from journal.errors import JournalCorrupt, UsageError
from journal.events import Role
from journal.fs import OS_FS
from journal.reader import lines
from journal.snapshot import Snapshot

PROGRESS_EVERY = 8192

Verdict = Literal["agrees", "differs", "trusted", "other version", "damaged", "out of reach"]
Progress = Callable[[int], None]


class Comparison(msgspec.Struct, frozen=True):
    """What became of one snapshot.

    file, seq  its name, and the event it was taken after
    verdict    `trusted`: the replay began with it, because earlier events were dropped;
               `other version`: of other code, which ignores it; `damaged`: no whole file, ignored,
               too; `out of reach`: the journal does not hold its event, or not what leads to it
    """

    file: str
    seq: int
    verdict: Verdict
    detail: str = ""


class Rebuilt(msgspec.Struct, frozen=True):
    """The snapshot that was made, 0 for none (there is no event yet), and those it replaced."""

    seq: int
    replaced: list[str]


def compare(directory: Path, progress: Progress | None = None) -> list[Comparison]:
    """Replay the journal with a fresh kernel and compare what it knows at each snapshot.

    Where events were dropped, the replay begins with the oldest snapshot that fits. Changes
    nothing. Raises JournalMissing, JournalCorrupt, UndecodableEvent.
    """
    found, waiting = _sorted_out(directory)
    kernel = Kernel()
    dropped = manifest.load(OS_FS, directory).dropped
    if dropped:
        found += [
            Comparison(one, seq, "out of reach", f"events up to {dropped} were dropped")
            for seq, one in waiting.items()
            if seq < dropped
        ]
        waiting = {seq: one for seq, one in waiting.items() if seq >= dropped}
        if not waiting:
            return _in_order(found)
        base = min(waiting)
        name = waiting.pop(base)
        kernel = Kernel(msgspec.json.decode(_loaded(directory, name).state, type=Memory))
        found.append(Comparison(name, base, "trusted", "what was before it was dropped"))
    last = max(waiting, default=0)
    for event, h in _events(directory, kernel.state.seq, last, progress):
        if event.data.ROLE is not Role.NOTE:
            kernel.evolve(event)
        if event.seq in waiting:
            found.append(_compared(directory, waiting.pop(event.seq), event.seq, h, kernel))
    found += [
        Comparison(name, seq, "out of reach", "the journal ends before it")
        for seq, name in waiting.items()
    ]
    return _in_order(found)


def rebuild(directory: Path, progress: Progress | None = None) -> Rebuilt:
    """Make the snapshot anew from the journal alone, beside the old ones; then remove those.

    It ends before the last input, whose decisions a crash may have cut off. Raises UsageError when
    events were dropped, JournalLocked while an engine runs, JournalCorrupt.
    """
    release = OS_FS.lock(directory / layout.LOCK)
    try:
        dropped = manifest.load(OS_FS, directory).dropped
        if dropped:
            raise UsageError(
                f"{directory} no longer holds the events up to seq {dropped}: they were dropped on "
                "purpose, and without them nothing can be made anew. Rebuild in a full backup"
            )
        recover.make_durable(OS_FS, directory)
        kernel, head, last = _settled(directory, progress)
        _check_marks(directory, last)
        old = [name for name in OS_FS.names(directory / layout.SNAPSHOTS) if _is_snapshot(name)]
        seq = kernel.state.seq
        if seq:
            made = Snapshot(seq, head, memory.NAME, memory.version(), memory.encode(kernel))
            name = snapshot.save(directory, made, keep=len(old) + 1).name
            old = [one for one in old if one != name]
        for one in old:
            OS_FS.unlink(directory / layout.SNAPSHOTS / one)
        return Rebuilt(seq, old)
    finally:
        release()


def _sorted_out(directory: Path) -> tuple[list[Comparison], dict[int, str]]:
    """Return what needs no replay to judge, and the names of all others by sequence."""
    judged: list[Comparison] = []
    waiting: dict[int, str] = {}
    ours = memory.NAME, memory.version(), schema.fingerprint()
    for name in filter(_is_snapshot, OS_FS.names(directory / layout.SNAPSHOTS)):
        found = snapshot.load(directory / layout.SNAPSHOTS / name)
        if found is None:
            seq = layout.snapshot_seq(name)
            judged.append(Comparison(name, seq, "damaged", "it is not a whole snapshot"))
        elif (found.projection, found.version, found.schema) != ours:
            judged.append(Comparison(name, found.seq, "other version", "made by other code"))
        else:
            waiting[found.seq] = name
    return judged, waiting


def _compared(directory: Path, name: str, seq: int, h: str, kernel: Kernel) -> Comparison:
    found = snapshot.load(directory / layout.SNAPSHOTS / name)
    if found is None:
        return Comparison(name, seq, "out of reach", "the engine has replaced it meanwhile")
    if found.h != h:
        return Comparison(name, seq, "differs", f"it was taken after {found.h}, seq {seq} is {h}")
    if found.state != memory.encode(kernel):
        return Comparison(name, seq, "differs", "it holds another state than the replay gives")
    return Comparison(name, seq, "agrees")


def _loaded(directory: Path, name: str) -> Snapshot:
    found = snapshot.load(directory / layout.SNAPSHOTS / name)
    if found is None:
        raise JournalCorrupt(f"{layout.SNAPSHOTS}/{name} changed while it was read; verify again")
    return found


def _settled(directory: Path, progress: Progress | None) -> tuple[Kernel, str, int]:
    """Return a kernel that knows every whole step, the hash it ends with, the last sequence."""
    kernel, head, last = Kernel(), "", 0
    step: list[tuple[AnyEvent, str]] = []
    for event, h in _events(directory, 0, None, progress):
        last = event.seq
        if event.data.ROLE is Role.INPUT:
            for known, head in step:  # noqa: B007 (the last one's hash stays)
                kernel.evolve(known)
            step.clear()
        if event.data.ROLE is not Role.NOTE:
            step.append((event, h))
    return kernel, head, last


def _events(
    directory: Path, after: int, until: int | None, progress: Progress | None
) -> Iterator[tuple[AnyEvent, str]]:
    """Yield events with their hashes, the chain checked."""
    for done, (_, body, h) in enumerate(lines(directory, after=after, until=until), 1):
        if progress is not None and done % PROGRESS_EVERY == 0:
            progress(done)
        yield decode(body), h.decode()


def _check_marks(directory: Path, last: int) -> None:
    """Keep the evidence: a snapshot beyond the end shows that the end was cut off."""
    for name, seq in snapshot.marks(OS_FS, directory):
        if seq > last:
            raise JournalCorrupt(
                f"{layout.SNAPSHOTS}/{name} was taken at seq {seq}, the journal ends at {last}: "
                "its end was cut off. Nothing was changed; restore the directory from a backup"
            )


def _is_snapshot(name: str) -> bool:
    return layout.snapshot_seq(name) > 0


def _in_order(found: list[Comparison]) -> list[Comparison]:
    return sorted(found, key=lambda one: (one.seq, one.file))
