"""Walk a journal in order, from sealed segments into the tail, and go on later from the same place.

It holds no lock. A file that vanishes under it was sealed meanwhile, so it looks again and goes on
from the same sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from journal import layout, manifest, recover, tail
from journal.errors import JournalCorrupt, JournalMissing
from journal.fs import Fs
from journal.manifest import Segment
from journal.visits import Branch, visit

_LOOKS = 3

Block = tuple[int, list[bytes], list[bytes]]
"""First sequence, bodies and hashes of consecutive events."""


class TailFile(msgspec.Struct, frozen=True):
    """A file of the tail; `last` when nothing follows it yet."""

    name: str
    last: bool


class Cursor:
    """A place in a journal. `next_seq` is the next event to come; who takes pieces moves it."""

    def __init__(self, fs: Fs, directory: Path, after: int) -> None:
        """Raises JournalMissing."""
        if not fs.exists(directory / layout.TAIL):
            raise JournalMissing(f"there is no journal in {directory}; check the path")
        self.next_seq = max(0, after) + 1
        self._fs = fs
        self._directory = directory
        # Where the tail was left: going on there spares checking the file from its start again.
        self._name = ""
        self._offset = 0
        self._place: recover.Place | None = None

    def blocks(self, until: int | None = None) -> Iterator[Block]:
        """Yield all there is now, the chain checked, up to a line that has no end yet.

        Raises JournalCorrupt.
        """
        for piece, data in self.pieces(until):
            if isinstance(piece, Segment):
                from journal import segment  # noqa: PLC0415 (loads pyarrow, which a young journal spares)

                found = segment.checked(data, piece)
            else:
                found = self._tail_blocks(piece, data)
            for block in found:
                if until is not None and block[0] > until:
                    return
                wanted = cut(block, self.next_seq, until)
                if wanted[1]:
                    self.next_seq = wanted[0] + len(wanted[1])
                    yield wanted
            if isinstance(piece, Segment):
                self._place = recover.Place(piece.last + 1, piece.head.encode())

    def pieces(
        self, until: int | None, skip: Callable[[Segment], bool] = lambda _: False
    ) -> Iterator[tuple[Segment | TailFile, bytes]]:
        """Yield the files that hold what comes next, with their bytes. Segments may be skipped."""
        for _ in range(_LOOKS):
            before = self.next_seq
            try:
                yield from self._look(until, skip)
            except JournalMissing:
                raise
            except FileNotFoundError:
                visit(Branch.FILE_VANISHED)
                if self.next_seq > before:
                    yield from self.pieces(until, skip)
                    return
            else:
                return
        raise JournalCorrupt(
            f"{self._directory} does not hold seq {self.next_seq}, which its files should: a file "
            "is missing. Restore the directory from a backup; `daybook verify` lists every finding"
        )

    def _look(
        self, until: int | None, skip: Callable[[Segment], bool]
    ) -> Iterator[tuple[Segment | TailFile, bytes]]:
        listed = manifest.load(self._fs, self._directory)
        if self.next_seq <= listed.dropped:
            raise JournalMissing(
                f"{self._directory} no longer holds seq {self.next_seq}: events up to "
                f"{listed.dropped} were dropped on purpose. Read after {listed.dropped}, or start "
                "from a snapshot"
            )
        for entry in listed.segments:
            if until is not None and entry.first > until:
                return
            if entry.last >= self.next_seq:
                if not skip(entry):
                    yield entry, self._fs.read(self._directory / layout.SEGMENTS / entry.file)
                self.next_seq = max(self.next_seq, entry.last + 1)
        names = recover.tail_after(self._fs, self._directory, listed.last)
        starts = [layout.tail_first(name) or 0 for name in names]
        for index, name in enumerate(names):
            last = index + 1 == len(names)
            if not last and starts[index + 1] <= self.next_seq:
                continue
            if until is not None and starts[index] > until:
                return
            if starts[index] > self.next_seq:  # what lies between was sealed a moment ago
                raise FileNotFoundError(name)
            offset = self._offset if name == self._name else 0
            yield TailFile(name, last), self._fs.read(self._directory / layout.TAIL / name, offset)

    def _tail_blocks(self, piece: TailFile, data: bytes) -> Iterator[Block]:
        begun = self._offset if piece.name == self._name else 0
        path = self._directory / layout.TAIL / piece.name

        def again(offset: int) -> bytes:
            return self._fs.read(path, begun + offset)

        if piece.name == self._name and self._place:
            scan = tail.Scan.going_on(data, self._place.next_seq, self._place.head, again)
        else:
            scan = tail.Scan(data, again)
            if self._place and scan.header:
                recover.check_joint(piece.name, scan.header, self._place)
        yield from scan.blocks()
        recover.check_end(piece.name, scan, last=piece.last)
        # What was not taken is looked at again; and without an event yet, recovery may put another
        # file of this name in its place.
        if self.next_seq == scan.next_seq > (layout.tail_first(piece.name) or 0):
            self._offset = begun + scan.offset
            self._name = piece.name
            self._place = recover.Place(scan.next_seq, scan.head)


def cut(block: Block, first: int, until: int | None) -> Block:
    """Return the part of a block from `first` on and up to `until`."""
    seq, bodies, hashes = block
    begin = max(0, first - seq)
    end = len(bodies) if until is None else max(0, until + 1 - seq)
    if begin == 0 and end >= len(bodies):
        return block
    return seq + begin, bodies[begin:end], hashes[begin:end]
