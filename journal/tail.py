"""One tail file: its header, lines and footer, its chain, and whether a bad end is torn or rotten.

It decodes no payload.

A file is a header, events, and a footer once it is finished, one a line. Header and footer end in a
hash like every event, but are not part of the chain. The first line of each write begins with a
space, which JSON permits: all bytes before it were synced before it was written, so damage in them
is rot.

While a file is written, blank lines stand behind its end: room that later writes fill in place. A
blank line before an event is damage like any other.
"""

from __future__ import annotations

import re
from binascii import b2a_hex
from collections.abc import Callable, Iterator

import msgspec

from journal.chain import _BLANK, link
from journal.codec import END, FRAME, HASH_MARK, TRAILER, frame
from journal.errors import JournalCorrupt, JournalNewer

FORMAT = "daybook-journal"
VERSION = 1
NEW_WRITE = b" "
"""Begins the first line of every write but a file's first."""

_BLOCK = 1 << 16  # some 200 lines: what is split stays in the processor's cache until it is decoded
_HEADER_START = b'{"format":"' + FORMAT.encode()
_FOOTER_START = b'{"end":'
_WRITE_STARTS = (NEW_WRITE + b'{"seq":', NEW_WRITE + _FOOTER_START)  # in no text of an event
_BLANK_LINES = [b"\n" * (1 << power) for power in (16, 12, 8, 4, 0)]
_NEWLINES = re.compile(rb"\n+")
_TRAILER_PATTERN = re.compile(rb',"h":"([0-9a-f]{32})"\}')


class Header(msgspec.Struct, frozen=True):
    """A tail file's first line.

    first, prev  sequence of the first event and the hash it chains to
    schema       fingerprint of the event types known to the writer
    """

    format: str
    version: int
    run: str
    first: int
    prev: str
    schema: str

    def line(self) -> bytes:
        """Return the header as a line."""
        return _seal_line(self, self.prev.encode())


class Footer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finished tail file's last line: the last event's sequence."""

    end: int

    def line(self, head: bytes) -> bytes:
        """Return the footer as a line of its own write."""
        return NEW_WRITE + _seal_line(self, head)


class Bad(msgspec.Struct, frozen=True):
    """Where a tail file stops making sense.

    rotten  it was synced once and is damaged now; otherwise a crash may have cut it short
    """

    offset: int
    what: str
    rotten: bool


class Scan:
    """One pass over a tail file's bytes, up to its end or to the first bad byte.

    header    None when it is not whole; then `bad` says so and there are no blocks
    next_seq, head   after the last good event so far
    offset    of the first byte after that
    finished  the file ends in its footer            (known when the blocks are exhausted)
    bad       where it stops making sense, or None   (the same)
    Raises JournalCorrupt when another version of the format wrote the file.
    """

    def __init__(self, data: bytes, again: Callable[[int], bytes] | None = None) -> None:
        """Scan `data`; `again` reads it anew from an offset, for a file that may be written."""
        self._take(data)
        self._again, self._looked_again = again, -1
        line, newline, _ = data.partition(b"\n")
        self.header = _read_header(line) if newline else None
        self.finished = False
        self.bad: Bad | None = None
        if self.header:
            self.next_seq, self.head = self.header.first, self.header.prev.encode()
            self.offset = len(line) + 1
        else:
            self.next_seq, self.head = 0, b""
            self.offset = 0
            rotten = _later_write_is_good(data[: self._end], self.head)
            self.bad = Bad(0, "the header is not whole", rotten)

    @classmethod
    def going_on(
        cls,
        data: bytes,
        next_seq: int,
        head: bytes,
        again: Callable[[int], bytes] | None = None,
    ) -> Scan:
        """Scan what was written to a file after the event before `next_seq`."""
        scan = cls.__new__(cls)
        scan._take(data)
        scan._again, scan._looked_again = again, -1
        scan.header, scan.finished, scan.bad = None, False, None
        scan.next_seq, scan.head, scan.offset = next_seq, head, 0
        return scan

    @property
    def good(self) -> bytes:
        """What was scanned, up to the offset."""
        return self._data[: self.offset]

    @property
    def room(self) -> int:
        """Bytes of blank lines at the end."""
        return len(self._data) - self._end

    def blocks(self) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
        """Check the chain; yield first sequence, bodies and hashes of some hundred events."""
        while not (self.bad or self.finished) and self.offset < self._end:
            limit = min(self.offset + _BLOCK, self._end)
            stop = self._data.rfind(b"\n", self.offset, limit) + 1
            stop = stop or self._data.find(b"\n", self.offset) + 1 or self._end
            lines = self._data[self.offset : stop].split(b"\n")
            left = lines.pop()
            bodies, hashes = chained(lines, self.head)
            first = self.next_seq
            if bodies:
                self.next_seq, self.head = first + len(bodies), hashes[-1]
                yield first, bodies, hashes
            if left or len(bodies) < len(lines):
                self.offset = _skip_lines(self._data, self.offset, len(bodies))
                self._stop()
            else:
                self.offset = stop

    def _stop(self) -> None:
        """Say whether the line at the offset, which is no event, is the footer."""
        rest = self._data[self.offset : self._end]
        footer = Footer(self.next_seq - 1).line(self.head)
        finished, bad = rest.startswith(footer), None
        end = self.offset + len(footer) if finished else self.offset
        if not finished:
            rotten = _later_write_is_good(rest, self.head)
            bad = Bad(end, _what(rest, self.next_seq, self.head), rotten)
        elif end < len(self._data):
            bad = Bad(end, "there are bytes after the footer", rotten=True)
        if bad and bad.rotten and self._look_again():
            return
        self.finished, self.bad, self.offset = finished, bad, end

    def _look_again(self) -> bool:
        """Read on from the offset anew, once, and return whether that was possible.

        A read that a write overtakes has the old bytes of an early page and the new ones of a later
        page: a hole. Of what is seen behind a hole, all before it was written when the read ended.
        """
        if self._again is None or self._looked_again == self.offset:
            return False
        self._looked_again = self.offset
        self._take(self.good + self._again(self.offset))
        return True

    def _take(self, data: bytes) -> None:
        self._data, self._end = data, end_of_lines(data)


def chained(lines: list[bytes], head: bytes) -> tuple[list[bytes], list[bytes]]:
    """Split lines into bodies and hashes, while they chain."""
    bodies: list[bytes] = []
    hashes: list[bytes] = []
    blank, add_body, add_hash = _BLANK.copy, bodies.append, hashes.append
    for line in lines:  # the hot loop of verified reading: `link` written out
        body, _, end = line.rpartition(HASH_MARK)
        body = body.removeprefix(NEW_WRITE)
        state = blank()
        state.update(head)
        state.update(body)
        head = state.hexdigest().encode()
        if end != head + END or body.startswith(_FOOTER_START):
            break
        add_body(body)
        add_hash(head)
    return bodies, hashes


def linked(bodies: list[bytes], head: bytes) -> tuple[bytes, bytes]:
    """Chain bodies to `head` and return their lines, and the hash of the last one."""
    hashes: list[bytes] = []
    blank, add = _BLANK.copy, hashes.append
    for body in bodies:  # the hot loop of writing: `link` and `frame` written out
        state = blank()
        state.update(head + body)
        head = b2a_hex(state.digest())
        add(head)
    return b"".join([FRAME % line for line in zip(bodies, hashes, strict=True)]), head


def unchecked(data: bytes) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
    """Yield first sequence and bodies, the chain not checked and an unfinished line left out."""
    line, newline, _ = data.partition(b"\n")
    seq = read_header(line).first if newline else 0
    offset, end = len(line) + 1, _end_of_frames(data)
    while stop := data.rfind(b"\n", offset, min(offset + _BLOCK, end)) + 1:
        lines = data[offset:stop].split(b"\n")
        lines.pop()
        if lines and lines[-1].startswith(NEW_WRITE + _FOOTER_START):
            lines.pop()
        yield seq, [line[:-TRAILER].removeprefix(NEW_WRITE) for line in lines], []
        seq += len(lines)
        offset = stop


def end_of_lines(data: bytes) -> int:
    """Return where a file's lines end and the room behind them begins."""
    end = len(data)
    for blanks in _BLANK_LINES:  # in large steps: a reader does this with each look
        while data.endswith(blanks, 0, end):
            end -= len(blanks)
    return min(end + 1, len(data)) if end else 0  # the last line has its newline


def read_header(line: bytes) -> Header:
    """Return the header that a line is. Raises JournalCorrupt."""
    header = _read_header(line)
    if header is None:
        raise JournalCorrupt(f"not a whole header: {line[:80]!r}; run `daybook verify`")
    return header


def _read_header(line: bytes) -> Header | None:
    if not line.startswith(_HEADER_START):
        return None
    body = line[:-TRAILER]
    try:
        header = msgspec.json.decode(body + b"}", type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if frame(body, link(header.prev.encode(), body)) != line + b"\n":
        return None
    if header.version != VERSION:  # never take a newer Daybook's file for a torn one
        raise JournalNewer(
            f"a tail file from seq {header.first} on has format version {header.version}, "
            f"this Daybook knows {VERSION}; use the Daybook that wrote it, or a newer one"
        )
    return header


def _seal_line(part: Header | Footer, head: bytes) -> bytes:
    body = msgspec.json.encode(part)[:-1]
    return frame(body, link(head, body))


def _end_of_frames(data: bytes) -> int:
    """Return where the lines before the first blank one end; the last of them must be whole."""
    end = data.find(b"\n\n") + 1 or data.rfind(b"\n") + 1
    if _TRAILER_PATTERN.fullmatch(data, end - 1 - TRAILER, end - 1):
        return end
    return data.rfind(b"\n", 0, max(0, end - 1)) + 1  # room follows a line that is being written


def _skip_lines(data: bytes, offset: int, lines: int) -> int:
    for _ in range(lines):
        offset = data.index(b"\n", offset) + 1
    return offset


def _what(rest: bytes, seq: int, head: bytes) -> str:
    line, newline, _ = rest.partition(b"\n")
    if not line:
        return f"a blank line where seq {seq} should be"
    if not line.strip(b"\0"):
        return f"zeros where seq {seq} should be"
    if not newline:
        return f"the line of seq {seq} has no end"
    body, mark, h = line.removeprefix(NEW_WRITE)[: -len(END)].rpartition(HASH_MARK)
    if not mark or not line.endswith(END):
        return f"the line of seq {seq} is not a frame"
    if body.startswith(_FOOTER_START):
        return f"the footer after seq {seq - 1} does not fit"
    expected = link(head, body).decode()
    shown = h[:40].decode("ascii", "backslashreplace")
    return f"the hash of seq {seq} is {shown}, its bytes and the chain give {expected}"


def _later_write_is_good(rest: bytes, head: bytes) -> bool:
    """Whether a good line of a later write follows the bad line that `rest` begins with.

    A write begins only after the one before it was synced, so then the bad bytes were durable once.
    Within one write a disk may keep a later page and lose an earlier one, so a good line there
    proves nothing; nor does a space within a text that stands first behind a lost page. A line is
    good when it chains to the line before it, be that line's hash the one that is stored or the one
    computed for it.
    """
    stored, computed, later = head, head, False
    for number, (body, h) in enumerate(lookalikes(rest)):
        later = later or (number > 0 and body.startswith(_WRITE_STARTS))
        body = body.removeprefix(NEW_WRITE)
        if later and h in (link(stored, body), link(computed, body)):
            return True
        stored, computed = h, link(stored, body)
    return False


def lookalikes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield body and stored hash of what looks like a line; no hash where none is to be seen.

    Blank lines at the beginning are one such line, elsewhere they are none.
    """
    for line in _NEWLINES.split(data):
        begin = 0
        for match in _TRAILER_PATTERN.finditer(line):
            yield line[begin : match.start()], match[1]
            begin = match.end() + 1  # a damaged newline leaves two lines in one
        if begin == 0:
            yield line[:-TRAILER], b""
