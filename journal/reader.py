"""Read the journal from any process, at any time, without a lock. It never writes.

A line that the writer has not finished yet, or that a crash cut short, is where reading ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import msgspec

from journal import tail
from journal.codec import decode, type_of
from journal.cursor import Block, Cursor, cut
from journal.envelope import AnyEvent
from journal.errors import JournalCorrupt, UndecodableEvent
from journal.fs import OS_FS, Fs
from journal.manifest import Segment
from journal.promote import Value, matches

Where = Mapping[str, Collection[Value]]
"""Columns (promoted ones, or of the envelope) and the values wanted in each."""


def read(
    directory: Path,
    *,
    after: int = 0,
    until: int | None = None,
    types: Collection[str] | None = None,
    where: Where | None = None,
    verify: bool = True,
    fs: Fs = OS_FS,
) -> Iterator[AnyEvent]:
    """Return the events with `after < seq <= until`, in order: all, or those with wanted values.

    where   wanted values of promoted columns: `{"corr": ["K1"]}`
    verify  check the chain; without it, types and values are looked up in the segments' columns
    Raises JournalMissing, JournalCorrupt (for the chain only with `verify`), UndecodableEvent.
    """
    wanted = dict(where or {})
    if types is not None:
        wanted["type"] = types
    cursor = Cursor(fs, directory, after)
    if not verify:
        return _unverified(cursor, until, wanted)
    blocks = cursor.blocks(until)
    if not wanted:
        return _in_order(blocks)
    return chain.from_iterable(_matching(bodies, wanted) for _, bodies, _ in blocks)


def lines(
    directory: Path,
    *,
    after: int = 0,
    until: int | None = None,
    types: Collection[str] | None = None,
    fs: Fs = OS_FS,
) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield `(seq, body, h)` with `after < seq <= until`, the chain checked and nothing decoded."""
    for seq, bodies, hashes in Cursor(fs, directory, after).blocks(until):
        for number, (body, h) in enumerate(zip(bodies, hashes, strict=True), seq):
            if types is None or type_of(body) in types:
                yield number, body, h


def _in_order(blocks: Iterable[Block]) -> Iterator[AnyEvent]:
    for seq, bodies, _ in blocks:
        for expected, body in enumerate(bodies, seq):
            event = decode(body)
            if event.seq != expected:
                raise JournalCorrupt(
                    f"seq {event.seq} stands where {expected} is expected: the journal's writer "
                    "broke the order. `daybook verify` lists every finding"
                )
            yield event


def _matching(bodies: list[bytes], wanted: Where) -> Iterator[AnyEvent]:
    types = wanted.get("type")
    for body in bodies:
        if types is None or type_of(body) in types:
            event = decode(body)
            if matches(event, wanted):
                yield event


def _unverified(cursor: Cursor, until: int | None, wanted: Where) -> Iterator[AnyEvent]:
    types = wanted.get("type")

    def skip(entry: Segment) -> bool:
        return types is not None and not any(name in entry.types for name in types)

    for piece, data in cursor.pieces(until, skip):
        if isinstance(piece, Segment):
            yield from _from_segment(piece, data, cursor.next_seq, until, wanted)
            continue
        for block in tail.unchecked(data):
            seq, bodies, _ = cut(block, cursor.next_seq, until)
            yield from _matching(bodies, wanted) if wanted else map(decode, bodies)
            cursor.next_seq = max(cursor.next_seq, seq + len(bodies))


def _from_segment(
    entry: Segment, data: bytes, first: int, until: int | None, wanted: Where
) -> Iterator[AnyEvent]:
    from journal import segment  # noqa: PLC0415 (loads pyarrow, which a young journal spares)

    last = entry.last if until is None else until
    if wanted:
        found = map(decode, segment.selected(data, entry, wanted))
        yield from (event for event in found if first <= event.seq <= last)
        return
    try:
        for seq, batch in segment.unchecked(data, entry):
            begin, end = max(0, first - seq), min(batch.num_rows, last + 1 - seq)
            if begin < end:
                yield from segment.decoded(batch.slice(begin, end - begin))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableEvent(
            f"{entry.file}: {error}; `daybook verify` names the event"
        ) from error
