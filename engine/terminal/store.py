"""The file a simulated broker keeps its book in; it outlives the process, as a real broker does.

Two files: `<book>`, JSON lines, a header and then one line for each transition, each written with
one `write`; and `<book>.cursor`, eight bytes in shared memory: the market step the book has
reached. Both survive the death of the process at any instant; neither is synced, so a power cut may
lose the end.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from engine.terminal.book import Book, Change
from engine.terminal.errors import BookError

_FORMAT = "daybook-terminal-book"
_VERSION = 1
_CURSOR_BYTES = 8


class Header(msgspec.Struct, kw_only=True):
    """The first line: whose book this is."""

    format: str = _FORMAT
    version: int = _VERSION
    profile: str
    market: str
    seed: int


class BookStore:
    """An open book file. `resume` must be called once before `write`."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._header = header
        path.parent.mkdir(parents=True, exist_ok=True)
        self._changes = self._read()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o644)
        self._encoder, self._line = msgspec.json.Encoder(), bytearray()
        if self._changes is None:
            self.write(header)
        self._map, self.cursor = _map_cursor(path.with_name(path.name + ".cursor"))

    def resume(self, book: Book) -> int | None:
        """Bring a book to where the file ends; the market step reached, or None for a new book."""
        changes = self._changes
        self._changes = None
        if not changes:
            self.cursor[0] = 0  # of a book that was moved away, perhaps
            return None
        for change in changes:
            book.apply(change)
        # A transition is written before the cursor moves, so the later of the two is where it
        # stood.
        return max(changes[-1].step, self.cursor[0])

    def write(self, entry: Header | Change) -> None:
        """Append one transition, in one call of the system."""
        line = self._line
        self._encoder.encode_into(entry, line)
        line += b"\n"
        written = os.write(self._file, line)
        if written != len(line):
            raise BookError(f"{self.path}: only {written} of {len(line)} bytes could be written")

    def close(self) -> None:
        """Release the files."""
        self.cursor.release()
        self._map.close()
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> list[Change] | None:
        """The transitions in the file, or None when it has no whole line yet.

        What a death left of a last line is dropped.
        """
        content = self.path.read_bytes() if self.path.exists() else b""
        end = content.rfind(b"\n") + 1
        lines = content[:end].splitlines()
        if lines:
            self._check(lines[0])
        elif not msgspec.json.encode(self._header).startswith(content):
            raise BookError(f"{self.path} is not a terminal's book; give another path")
        if end < len(content):
            os.truncate(self.path, end)
        if not lines:
            return None
        decoder = msgspec.json.Decoder(Change)
        try:
            return [decoder.decode(line) for line in lines[1:]]
        except msgspec.DecodeError as error:
            raise BookError(
                f"{self.path} is damaged: {error}. Move it away to begin anew"
            ) from error

    def _check(self, line: bytes) -> None:
        try:
            found = msgspec.json.decode(line, type=Header)
        except msgspec.DecodeError as error:
            raise BookError(f"{self.path} is not a terminal's book: {error}") from error
        for name in Header.__struct_fields__:
            has, wants = getattr(found, name), getattr(self._header, name)
            if has != wants:
                raise BookError(
                    f"{self.path} was kept with {name} {has}, this terminal has {name} {wants};"
                    " open it with the same profile, market and seed, or move it away to begin anew"
                )


def _map_cursor(path: Path) -> tuple[mmap.mmap, memoryview]:
    """The cursor's eight bytes as an integer in shared memory."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        if os.fstat(file).st_size < _CURSOR_BYTES:
            os.truncate(path, _CURSOR_BYTES)
        shared = mmap.mmap(file, _CURSOR_BYTES)
    finally:
        os.close(file)
    return shared, memoryview(shared).cast("Q")
