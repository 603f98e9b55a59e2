"""The one writer of a journal: append, group commit, roll-over.

After a failed write it never writes again.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import msgspec

from journal import layout, recover, schema, snapshot, tail
from journal.background import Sealing
from journal.codec import decode, encode, encode_all
from journal.envelope import AnyEvent
from journal.errors import InvalidEvent, JournalCorrupt, JournalHalted
from journal.events import JournalRecovered
from journal.fs import OS_FS, Fs
from journal.reader import lines
from journal.visits import Branch, visit


class Limits(msgspec.Struct, frozen=True):
    """How much may wait, and how large a tail file grows.

    batch        events that may await one sync
    delay_ns     how long an event may await its sync when `commit_if_due` is called
    file_events, file_bytes   a tail file is finished by the commit that reaches either
    room         a write that lacks room in the file makes it up to the next multiple of this, bytes
    seal_events, seal_bytes   a sealing is due when finished files hold either
    seal_pause_ns   it starts when nothing was written for so long, for it takes a processor for a
                    second and slows a writer beside it by a sixth
    seal_patience   or, without a pause, when so many times as much waits
    """

    batch: int = 1024
    delay_ns: int = 5_000_000
    file_events: int = 50_000
    file_bytes: int = 16 << 20
    room: int = 512 << 10  # README.md has the measurements
    seal_events: int = 50_000
    seal_bytes: int = 16 << 20
    seal_pause_ns: int = 250_000_000
    seal_patience: int = 4


class Writer:
    """Appends events to the journal in one directory. Not for several threads.

    run          named in the header of every tail file begun from now on
    recovered    recoveries that the journal does not hold as events yet
    next_seq     sequence that the next event must bear
    durable_seq  the last event that survives a crash
    sealing      what seals full files in the background, if anything does
    """

    def __init__(
        self,
        directory: Path,
        *,
        run: str,
        place: recover.Place,
        fs: Fs,
        limits: Limits,
        clock: Callable[[], int],
        release: Callable[[], None],
        sealing: Sealing | None,
        unsealed: int,
    ) -> None:
        """Use `Writer.open`."""
        self.recovered: list[JournalRecovered] = []
        self.next_seq = place.next_seq
        self.durable_seq = place.next_seq - 1
        self._durable_head = place.head
        self._directory = directory
        self.run = run
        self._fs = fs
        self._limits = limits
        self._batch = limits.batch
        self._clock = clock
        self._release = release
        self.sealing = sealing
        self._bodies: list[bytes] = []
        self._oldest = self._written = 0
        self._stop: JournalHalted | None = None
        self._closed = False
        self._path = directory
        self._handle = -1
        self._file_first = 0
        self._file_bytes = 0  # of lines
        self._file_size = 0  # with the room behind them
        self._unsealed = unsealed
        self._unsealed_bytes = 0

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        run: str,
        fs: Fs = OS_FS,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        clock: Callable[[], int] = time.monotonic_ns,
        strict: bool = False,
        seal: bool = True,
    ) -> Writer:
        """Open a journal for writing, creating it when it is missing and cutting off a torn end.

        strict  refuse a torn end, too, and change nothing
        seal    seal full tail files in the background (on the real file system only)
        Raises JournalLocked when another process writes, JournalCorrupt for a damaged journal.
        """
        fs.make_folder(directory / layout.TAIL)
        release = fs.lock(directory / layout.LOCK)
        try:
            end = _find_end(fs, directory)
            _check_marks(fs, directory, end.place.next_seq - 1)
            if end.torn:
                if strict:
                    raise JournalCorrupt(
                        f"{directory} ends in a torn write ({end.torn.name}, byte "
                        f"{end.torn.offset}) and strict opening was asked for; nothing was changed"
                    )
                recover.cut(fs, directory, end.torn, end.place.next_seq - 1)
            elif end.room:
                recover.cut_room(fs, directory, end.room)
            recover.make_durable(fs, directory)
            writer = cls(
                directory,
                run=run,
                place=end.place,
                fs=fs,
                limits=limits,
                clock=clock,
                release=release,
                sealing=Sealing(directory) if seal and fs is OS_FS else None,
                unsealed=end.unsealed,
            )
            writer.recovered = _not_noted(fs, directory)
            writer._seal(1)
        except BaseException:
            release()
            raise
        return writer

    @property
    def head(self) -> bytes:
        """The hash of the last appended event, 32 hexadecimal ASCII characters."""
        return tail.linked(self._bodies, self._durable_head)[1]

    def append(self, event: AnyEvent) -> None:
        """Add an event; it is durable after the next commit, which a full batch does by itself.

        Raises InvalidEvent, and then nothing was added; JournalHalted once a write has failed.
        """
        if event.seq != self.next_seq or self._stop:
            self._refuse(event, self.next_seq)
        bodies = self._bodies
        bodies.append(encode(event))
        self.next_seq += 1
        waiting = len(bodies)
        if waiting == 1:
            self._oldest = self._clock()
        if waiting >= self._batch:
            self.commit()

    def append_all(self, events: Sequence[AnyEvent]) -> None:
        """Add events one behind the other, as `append` does, all or none; they stay together in one
        batch."""
        for seq, event in enumerate(events, self.next_seq):
            if event.seq != seq:
                self._refuse(event, seq)
        if self._stop:
            raise self._stop
        added, bodies = encode_all(events), self._bodies
        if bodies and len(bodies) + len(added) > self._batch:
            self.commit()
        if not bodies:
            self._oldest = self._clock()
        bodies += added
        self.next_seq += len(events)
        if len(bodies) >= self._batch:
            self.commit()

    def commit(self) -> None:
        """Make everything appended durable. After a failure it raises JournalHalted for ever."""
        if self._stop:
            raise self._stop
        if not self._bodies:
            return
        if self.durable_seq + len(self._bodies) + 1 != self.next_seq:
            self._halt("append", "an append was interrupted half-way")
        # Chained here and not one by one: many at once cost less each.
        lines, head = tail.linked(self._bodies, self._durable_head)
        if self._handle < 0:
            self._begin_file(lines)
        else:
            self._write(tail.NEW_WRITE + lines, room=True)
        self._bodies.clear()
        self.durable_seq = self.next_seq - 1
        self._durable_head = head
        if (
            self._file_bytes >= self._limits.file_bytes
            or self.durable_seq - self._file_first + 1 >= self._limits.file_events
        ):
            self._finish_file()
            self._seal(self._limits.seal_patience)
        self._written = self._clock()

    def commit_if_due(self) -> None:
        """Commit when the oldest uncommitted event has waited long enough; with nothing to commit
        for long enough, start a sealing that is due."""
        if self._bodies:
            if self._clock() - self._oldest >= self._limits.delay_ns:
                self.commit()
        elif self._unsealed and self._clock() - self._written >= self._limits.seal_pause_ns:
            self._seal(1)

    def close(self) -> None:
        """Commit, finish the tail file and release the lock; do nothing when closed before.

        Raises JournalHalted.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if not self._stop:
                self.commit()
                if self._handle >= 0:
                    self._finish_file()
                self._stop = JournalHalted(
                    f"the journal in {self._directory} is closed; open it again"
                )
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin_file(self, lines: bytes) -> None:
        """Create the next tail file with its header and the waiting events in one write."""
        first = self.durable_seq + 1
        header = tail.Header(
            tail.FORMAT,
            tail.VERSION,
            self.run,
            first,
            self._durable_head.decode(),
            schema.fingerprint(),
        )
        self._path = layout.tail_path(self._directory, first)
        try:
            self._handle = self._fs.create(self._path)
        except OSError as error:
            self._halt("open", error)
        self._file_first, self._file_bytes, self._file_size = first, 0, 0
        self._write(header.line() + lines, room=True)
        try:
            self._fs.sync_folder(self._path.parent)
        except OSError as error:
            self._halt("sync folder", error)

    def _finish_file(self) -> None:
        """Cut off the room, durably, then write the footer: nothing ever stands behind one."""
        if self._file_size > self._file_bytes:
            try:
                self._fs.truncate(self._path, self._file_bytes)
            except OSError as error:
                self._halt("truncate", error)
        self._write(tail.Footer(self.durable_seq).line(self._durable_head), room=False)
        handle, self._handle = self._handle, -1
        try:
            self._fs.close(handle)
        except OSError as error:
            self._halt("close", error)
        self._unsealed += self.durable_seq - self._file_first + 1
        self._unsealed_bytes += self._file_bytes

    def _seal(self, times: int) -> None:
        """Start a sealing when so many times as much waits as makes one due."""
        limits = self._limits
        due = (
            self._unsealed >= times * limits.seal_events
            or self._unsealed_bytes >= times * limits.seal_bytes
        )
        if due and self.sealing and self.sealing.start():
            self._unsealed = self._unsealed_bytes = 0

    def _write(self, lines: bytes, *, room: bool) -> None:
        """Write and sync once: a failed sync marks its pages clean, so a second would lie.

        room  keep room behind the lines: blank lines that later writes fill in place. A sync of a
              file that has grown costs about twice as much as one of bytes that were there before
        """
        end = self._file_bytes + len(lines)
        blanks = 0
        if room and end > self._file_size:
            self._file_size = end + -end % self._limits.room
            blanks = self._file_size - end
        try:
            taken = self._fs.write_at(self._handle, lines, self._file_bytes, blanks)
        except OSError as error:
            self._halt("write", error)
        if taken != len(lines) + blanks:
            self._halt("write", f"only {taken} of {len(lines) + blanks} bytes were taken")
        try:
            self._fs.sync(self._handle)
        except OSError as error:
            self._halt("sync", error)
        self._file_bytes = end

    def _halt(self, operation: str, why: OSError | str) -> NoReturn:
        code = (why.errno or 0) if isinstance(why, OSError) else 0
        self._stop = JournalHalted(
            f"the journal halted: {operation} of {self._path} failed ({why}). Events after seq "
            f"{self.durable_seq} are not durable and nothing more is accepted. "
            f"{_advice(operation, code)} Then start again: opening the journal recovers what was "
            "written whole.",
            operation=operation,
            errno=code,
            file=str(self._path),
        )
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with suppress(OSError):  # the first failure is the one to report
                self._fs.close(handle)
        raise self._stop from (why if isinstance(why, OSError) else None)

    def _refuse(self, event: AnyEvent, expected: int) -> NoReturn:
        if self._stop:
            raise self._stop
        raise InvalidEvent(
            f"{event.type} bears seq {event.seq}, the journal goes on with {expected}; "
            "stamp every event with the writer's next_seq"
        )


def _advice(operation: str, code: int) -> str:
    if operation == "write" and not code:  # it took less than it was given
        return "Free space on that disk, or raise the limit on file size for this process."
    if code in (errno.ENOSPC, errno.EDQUOT):
        return "Free space on that disk."
    if code == errno.EFBIG:
        return "Raise the limit on file size for this process."
    return "Check the disk and the permissions of that folder."


def _find_end(fs: Fs, directory: Path) -> recover.End:
    try:
        return recover.find_end(fs, directory)
    except FileNotFoundError:  # an earlier writer's sealing removed what it had sealed
        return recover.find_end(fs, directory)


def _check_marks(fs: Fs, directory: Path, last: int) -> None:
    """Check that the journal still holds what snapshots were taken of. Raises JournalCorrupt."""
    for name, seq in snapshot.marks(fs, directory):
        if seq > last:
            visit(Branch.REFUSED_CUT)
            raise JournalCorrupt(
                f"{layout.SNAPSHOTS}/{name} was taken at seq {seq}, the journal ends at {last}: "
                "its end was cut off. Restore the directory from a backup"
            )


def _not_noted(fs: Fs, directory: Path) -> list[JournalRecovered]:
    """Return the recoveries that no event repeats, and remember those that one does."""
    missing = []
    for path, note in recover.pending(fs, directory):
        found = lines(directory, after=note.last_good, types={"JournalRecovered"}, fs=fs)
        if any(decode(body).data == note for _, body, _ in found):
            visit(Branch.NOTE_FOUND)
            recover.mark_noted(fs, path)
        else:
            visit(Branch.NOTE_PENDING)
            missing.append(note)
    return missing
