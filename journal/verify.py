"""Look for everything that is wrong with a journal, and report it.

It changes nothing, and never raises for damage.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from journal import layout, manifest, merkle, recover, snapshot, tail
from journal.codec import decode
from journal.errors import JournalCorrupt, JournalMissing, UndecodableEvent, UsageError
from journal.events import Payload
from journal.fs import OS_FS, Fs
from journal.manifest import Manifest, Segment

_MOST_FINDINGS = 1000
_LOOKS = 3
_RESTORE = "Restore the directory from a backup, or salvage it into a new one."
_NEWER = "Use the Daybook that wrote it, or a newer one."
_TORN = "Nothing to do: opening the journal for writing moves these bytes to quarantine."
_SEALED_AGAIN = "Nothing to do: the next sealing puts it right."
_NOTED_LATER = "Nothing to do: the engine notes it in the journal when it starts."

Severity = Literal["corrupt", "torn", "note"]


class Finding(msgspec.Struct, frozen=True):
    """One thing about a journal that a person should know.

    severity  `corrupt`: the journal contradicts itself; `torn`: a write was cut short, or is
              under way; `note`: nothing wrong
    file      relative to the journal's directory; empty when it is about the whole
    offset    byte in that file, -1 where there is none
    seq       sequence it concerns, 0 where there is none
    """

    severity: Severity
    file: str
    offset: int
    seq: int
    what: str
    advice: str


class Report(msgspec.Struct, frozen=True):
    """What a journal holds and what was found. `head` is the hash of the last good event."""

    first_seq: int
    last_seq: int
    head: str
    events: int
    files: int
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        """Whether nothing is corrupt: a torn end is what a crash leaves, and opening repairs it."""
        return all(finding.severity != "corrupt" for finding in self.findings)


def verify(
    directory: Path,
    *,
    deep: bool = False,
    expect: tuple[int, str] | None = None,
    fs: Fs = OS_FS,
) -> Report:
    """Check chain, order, gaps and decodability of a journal, live or not.

    deep    check the columns of segments against their events, too
    expect  a sequence and its hash as written down elsewhere: shows a cut-off end and a rewritten
            journal, which the chain alone cannot show
    Raises JournalMissing; UsageError when that sequence was dropped on purpose.
    """
    if not fs.exists(directory / layout.TAIL):
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    for _ in range(_LOOKS - 1):
        with suppress(FileNotFoundError):  # it was sealed or dropped meanwhile: look anew
            return _look(_Audit(fs, directory, expect, deep=deep))
    return _look(_Audit(fs, directory, expect, deep=deep))


def _look(audit: _Audit) -> Report:
    """Look at every file once. Raises FileNotFoundError when one went away by right."""
    listed, sealed = audit.manifest(), 0
    while listed.last > sealed:  # looking at segments may take longer than sealing the next ones
        for entry in listed.segments:
            if entry.first > sealed:
                audit.segment(entry)
        listed, sealed = audit.listed(), listed.last
    names = audit.tail_names(listed.last)
    for name in names:
        audit.tail_file(name, last=name == names[-1])
    audit.end()
    return audit.report()


class _Audit:
    """Walks a journal in order and collects what it finds."""

    def __init__(
        self, fs: Fs, directory: Path, expect: tuple[int, str] | None, *, deep: bool
    ) -> None:
        self._fs = fs
        self._directory = directory
        self._expect = expect
        self._deep = deep
        self._place = recover.Place()
        self._first = 0
        self._events = 0
        self._files = 0
        self._findings: list[Finding] = []
        self._recovered: list[Payload] = []
        self._broken = False  # then the place is where reading ended, not where the journal ends

    def report(self) -> Report:
        head = self._place.head.decode()
        last = self._place.next_seq - 1
        return Report(self._first, last, head, self._events, self._files, self._findings)

    def listed(self) -> Manifest:
        return manifest.load(self._fs, self._directory)

    def tail_names(self, sealed: int) -> list[str]:
        return recover.tail_after(self._fs, self._directory, sealed)

    def manifest(self) -> Manifest:
        try:
            listed = self.listed()
        except JournalCorrupt as error:
            self._broken = True
            self._add("corrupt", layout.MANIFEST, -1, 0, str(error), _RESTORE)
            return Manifest()
        if listed.torn:
            what = f"the last line, {len(listed.torn)} bytes, was cut short"
            self._add("torn", layout.MANIFEST, listed.size, 0, what, _SEALED_AGAIN)
        if listed.dropped:
            self._place = recover.Place(listed.segments[0].first, listed.segments[0].prev.encode())
            self._expected_before(self._place)
            what = f"events up to seq {listed.dropped} were dropped on purpose"
            self._add("note", layout.MANIFEST, -1, listed.dropped, what, "Nothing to do.")
        named = {entry.file for entry in listed.segments}
        for name in self._fs.names(self._directory / layout.SEGMENTS):
            if name not in named:
                what = "is not in the manifest: a sealing was cut short, or is under way"
                self._add("note", f"{layout.SEGMENTS}/{name}", -1, 0, what, _SEALED_AGAIN)
        return listed

    def segment(self, entry: Segment) -> None:
        from journal import segment  # noqa: PLC0415 (loads pyarrow, which a young journal spares)

        file = f"{layout.SEGMENTS}/{entry.file}"
        self._files += 1
        try:
            data = self._fs.read(self._directory / layout.SEGMENTS / entry.file)
            if sha256(data).hexdigest() != entry.sha256:
                what = "its bytes are not those that were sealed"
                self._add("corrupt", file, -1, entry.first, what, _RESTORE)
            hashes: list[bytes] = []
            for block in segment.checked(data, entry):
                self._block(file, *block)
                hashes += block[2]
            if merkle.root(hashes) != entry.merkle:
                what = "its Merkle root is not the manifest's"
                self._add("corrupt", file, -1, entry.first, what, _RESTORE)
            if self._deep:
                for seq, what in segment.wrong_columns(data, entry):
                    self._add("corrupt", file, -1, seq, what, _RESTORE)
        except FileNotFoundError:
            if self.listed().dropped >= entry.last:
                raise
            self._add("corrupt", file, -1, entry.first, "is missing", _RESTORE)
        except JournalCorrupt as error:
            self._add("corrupt", file, -1, entry.first, str(error), _RESTORE)
        self._place = recover.Place(entry.last + 1, entry.head.encode())

    def tail_file(self, name: str, *, last: bool) -> None:
        file = f"{layout.TAIL}/{name}"
        self._files += 1
        try:
            scan = recover.scan(self._fs, self._directory / layout.TAIL / name)
        except JournalCorrupt as error:  # another format version
            self._broken = True
            self._add("corrupt", file, 0, self._place.next_seq, str(error), _NEWER)
            return
        if scan.header:
            self._joint(file, scan.header)
        for block in scan.blocks():
            self._block(file, *block)
        if scan.header:
            self._place = recover.Place(scan.next_seq, scan.head)
        if scan.bad:
            self._bad(file, scan.bad, last=last)

    def end(self) -> None:
        if not self._broken:
            self._cut_off()
        unlisted = recover.unlisted_segment(self._fs, self._directory, self._place.next_seq - 1)
        if unlisted:
            what = "holds events after the journal's end: lines of the manifest are lost"
            self._add("corrupt", f"{layout.SEGMENTS}/{unlisted}", -1, 0, what, _RESTORE)
        for path, note in recover.pending(self._fs, self._directory):
            if note in self._recovered:
                continue  # the journal holds it; the next opening puts the note away
            what = f"{note.size} bytes that stood after seq {note.last_good} were moved there"
            file = f"{layout.QUARANTINE}/{path.name}"
            self._add("note", file, note.offset, note.last_good, what, _NOTED_LATER)

    def _cut_off(self) -> None:
        """Hold the end against what was once known to be in the journal."""
        if self._expect and self._expect[0] >= self._place.next_seq:
            seq, last = self._expect[0], self._place.next_seq - 1
            what = f"seq {seq} was written once, the journal ends at {last}: its end was cut off"
            self._add("corrupt", "", -1, seq, what, _RESTORE)
        for name, seq in snapshot.marks(self._fs, self._directory):
            if seq >= self._place.next_seq:
                what = f"was taken at seq {seq}: the journal's end was cut off"
                self._add("corrupt", f"{layout.SNAPSHOTS}/{name}", -1, seq, what, _RESTORE)

    def _joint(self, file: str, header: tail.Header) -> None:
        place = self._place
        if (header.first, header.prev.encode()) != (place.next_seq, place.head):
            what = (
                f"begins at seq {header.first} after hash {header.prev}, expected seq "
                f"{place.next_seq} after {place.head.decode()}"
            )
            self._add("corrupt", file, 0, header.first, what, _RESTORE)

    def _block(self, file: str, first: int, bodies: list[bytes], hashes: list[bytes]) -> None:
        self._first = self._first or first
        self._events += len(bodies)
        self._expected_in(file, first, hashes)
        for seq, body in enumerate(bodies, first):
            try:
                found = decode(body)
            except UndecodableEvent as error:
                self._add("corrupt", file, -1, seq, str(error), _NEWER)
                continue
            if found.seq != seq:
                self._add("corrupt", file, -1, seq, f"bears seq {found.seq}", _RESTORE)
            if found.type == "JournalRecovered":
                self._recovered.append(found.data)

    def _expected_in(self, file: str, first: int, hashes: list[bytes]) -> None:
        if self._expect and first <= self._expect[0] < first + len(hashes):
            self._expected(file, hashes[self._expect[0] - first], *self._expect)

    def _expected_before(self, kept: recover.Place) -> None:
        """Of what was dropped the hash of the last event is still known, and no other."""
        if not self._expect or self._expect[0] >= kept.next_seq:
            return
        if self._expect[0] < kept.next_seq - 1:
            raise UsageError(
                f"seq {self._expect[0]} cannot be compared: events up to {kept.next_seq - 1} were "
                "dropped on purpose. Expect a later head, or verify a backup that still holds it"
            )
        self._expected(layout.MANIFEST, kept.head, *self._expect)

    def _expected(self, file: str, found: bytes, seq: int, wanted: str) -> None:
        h = found.decode()
        if h != wanted:
            what = f"the hash of seq {seq} is {h}, expected {wanted}: the journal was rewritten"
            self._add("corrupt", file, -1, seq, what, _RESTORE)

    def _bad(self, file: str, bad: tail.Bad, *, last: bool) -> None:
        seq = self._place.next_seq
        if last and not bad.rotten:
            self._add("torn", file, bad.offset, seq, bad.what, _TORN)
        else:
            self._broken = True
            self._add("corrupt", file, bad.offset, seq, bad.what, _RESTORE)

    def _add(
        self, severity: Severity, file: str, offset: int, seq: int, what: str, advice: str
    ) -> None:
        if len(self._findings) < _MOST_FINDINGS:
            self._findings.append(Finding(severity, file, offset, seq, what, advice))
