"""One sealed segment as a Parquet file: writing it, and reading it with its chain checked.

Column `data` or, for the types of which there are most, `bulk` has each event's exact bytes; the
other columns are there to be filtered and summed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from operator import call

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from journal.chain import _BLANK
from journal.codec import WHOLE, decode, version_of
from journal.envelope import AnyEvent
from journal.errors import JournalCorrupt, UndecodableEvent
from journal.events import TYPES
from journal.manifest import Segment
from journal.promote import BULK, PROMOTED, Value, promoted

_ARROW = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
_DICTIONARY = ["type", "run", "symbol", "side", "v"]
_ENCODING = {
    # Each the smallest for its column, by measurement over the demo's journal.
    **dict.fromkeys(["seq", "ts", "ticket", "order_ticket", "position"], "DELTA_BINARY_PACKED"),
    "cause": "BYTE_STREAM_SPLIT",
    # An event begins as the one before it began.
    **dict.fromkeys(["data", "bulk"], "DELTA_BYTE_ARRAY"),
}
_LOOKED_UP = ["corr", "position"]
"""Columns with a Bloom filter: an order's story then opens three of two hundred segments. Together
they take 0.06 bytes an event."""
_TEXT = ["data", "bulk"]
_PAGE = 4 << 20
_ROWS = 2048  # at a time: they stay in the processor's cache while they are decoded


def to_parquet(bodies: list[bytes]) -> bytes:
    """Return the Parquet file of some events. The same events give the same bytes."""
    events = [decode(body) for body in bodies]
    columns = {
        "seq": pa.array([event.seq for event in events], pa.int64()),
        "ts": pa.array([event.ts for event in events], pa.int64()),
        "type": pa.array([event.type for event in events], pa.string()),
        # Of the bytes: what was decoded is of the current version.
        "v": pa.array(map(version_of, bodies), pa.int32()),
        "run": pa.array([event.run for event in events], pa.string()),
        "cause": pa.array([event.cause for event in events], pa.int64()),
        "corr": pa.array([event.corr for event in events], pa.string()),
        **{name: _promoted_column(events, name) for name in PROMOTED},
        "data": _text_column(events, bodies, bulk=False),
        "bulk": _text_column(events, bodies, bulk=True),
    }
    table = pa.table(columns)
    different = {name: pc.count_distinct(table.column(name)).as_py() for name in _LOOKED_UP}
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=len(bodies),
        compression="zstd",
        compression_level=12,  # 6 takes a tenth more bytes, 15 thrice the time for two per cent
        use_dictionary=_DICTIONARY,
        column_encoding=_ENCODING,
        data_page_size=_PAGE,
        store_schema=False,
        write_page_checksum=True,
        sorting_columns=[pq.SortingColumn(0)],
        bloom_filter_options={
            name: {"ndv": max(1, count), "fpp": 0.01} for name, count in different.items()
        },
    )
    result: bytes = sink.getvalue().to_pybytes()
    return result


def checked(data: bytes, entry: Segment) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
    """Check the chain; yield first sequence, bodies and hashes of some events at a time.

    Raises JournalCorrupt when the file's events are not those that were sealed.
    """
    seq, head = entry.first, entry.prev.encode()
    blank = _BLANK.copy
    for batch in _batches(data, entry, _TEXT):
        bodies, hashes = [text[:-1] for text in _texts(batch)], []
        for body in bodies:  # `link` written out
            state = blank()
            state.update(head)
            state.update(body)
            head = state.hexdigest().encode()
            hashes.append(head)
        yield seq, bodies, hashes
        seq += len(bodies)
    if (seq - 1, head.decode()) != (entry.last, entry.head):
        raise JournalCorrupt(
            f"{entry.file} ends at seq {seq - 1} with hash {head.decode()}, the manifest says "
            f"{entry.last} with {entry.head}: it was changed. Restore it from a backup"
        )


def unchecked(data: bytes, entry: Segment) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield first sequence and the columns for `decoded`, the chain not checked."""
    seq = entry.first
    for batch in _batches(data, entry, ["type", "v", *_TEXT]):
        yield seq, batch
        seq += batch.num_rows


def decoded(batch: pa.RecordBatch) -> Iterator[AnyEvent]:
    """Decode the events of a batch of `unchecked`. Raises UndecodableEvent or a msgspec error."""
    kinds, versions, texts = batch.column("type"), batch.column("v"), _texts(batch)
    names = kinds.dictionary.to_pylist()
    current = pa.array([TYPES[name].VERSION if name in TYPES else 0 for name in names], pa.int32())
    if not pc.all(pc.equal(current.take(kinds.indices), versions)).as_py():
        return (decode(text[:-1]) for text in texts)  # an older version among them
    decoders = [WHOLE[name] for name in names]
    return map(call, [decoders[index] for index in kinds.indices.to_pylist()], texts)


def readable(data: bytes) -> Iterator[bytes]:
    """Yield the bodies that a damaged file still gives, nothing about them proven."""
    try:
        for batch in _file(data, [], verify=False).iter_batches(_ROWS, columns=_TEXT):
            yield from (text[:-1] for text in _texts(batch))
    except (pa.ArrowException, OSError):  # this far and no further
        return


def wrong_columns(data: bytes, entry: Segment) -> Iterator[tuple[int, str]]:
    """Yield sequence and description of each value in a column that its event does not have.

    An event that cannot be decoded is passed over. Raises JournalCorrupt for an unreadable column.
    """
    with _reading(entry):
        rows = _file(data, []).read(use_threads=False)
    bodies = [text[:-1] for text in _texts(rows)]
    events = [_decodable(body) for body in bodies]
    for name in rows.column_names[: -len(_TEXT)]:
        found = rows.column(name).to_pylist()
        for body, event, value in zip(bodies, events, found, strict=True):
            upcast = event is not None and event.v != version_of(body)
            if event is None or (upcast and name in PROMOTED):
                continue  # the column may be of the shape before
            wanted = version_of(body) if name == "v" else _value(event, name)
            if value != wanted:
                yield event.seq, f"column {name} has {value!r}, the event says {wanted!r}"


def selected(data: bytes, entry: Segment, where: Mapping[str, Collection[Value]]) -> list[bytes]:
    """Return the bodies of the events that have the wanted values, the chain not checked.

    Raises JournalCorrupt when what has to be read of the file is damaged.
    """
    with _reading(entry):
        table = _file(data, []).read(list(where), use_threads=False)
        mask = pa.chunked_array([pa.repeat(pa.scalar(True), table.num_rows)])
        for name, values in where.items():
            column = table.column(name)
            mask = pc.and_(mask, pc.is_in(column, pa.array(list(values), column.type)))
        if not pc.any(mask).as_py():
            return []  # without having touched the events themselves
        found = _file(data, []).read(_TEXT, use_threads=False).filter(mask)
    return [text[:-1] for text in _texts(found)]


def _decodable(body: bytes) -> AnyEvent | None:
    try:
        return decode(body)
    except UndecodableEvent:
        return None


def _value(event: AnyEvent, name: str) -> Value:
    """Return what a column says of an event."""
    value: Value = promoted(event, name) if name in PROMOTED else getattr(event, name)
    return value


def _texts(rows: pa.RecordBatch | pa.Table) -> list[bytes]:
    """Return the whole JSON text of each row."""
    if not set(_TEXT) <= set(rows.schema.names):
        raise JournalCorrupt(f"a segment without the columns {_TEXT}; restore it from a backup")
    try:
        texts = pc.coalesce(rows.column("data"), rows.column("bulk")).cast(pa.binary())
    except pa.ArrowException as error:
        raise JournalCorrupt(f"a segment of other types: {error}; restore it") from error
    if texts.null_count:
        raise JournalCorrupt("a segment has a row without an event; restore it from a backup")
    # Never by way of numpy: where pandas is installed Arrow loads it for that, 37 MB.
    result: list[bytes] = texts.to_pylist()
    return result


def _batches(data: bytes, entry: Segment, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with _reading(entry):
        file = _file(data, ["type"] if "type" in columns else [])
        yield from file.iter_batches(_ROWS, columns=columns, use_threads=False)


@contextmanager
def _reading(entry: Segment) -> Iterator[None]:
    """Make an error of Arrow the journal's own."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:  # OSError is how Arrow reports a bad page
        raise JournalCorrupt(
            f"{entry.file} cannot be read: {error}. Restore it from a backup"
        ) from error


def _file(data: bytes, dictionary: list[str], *, verify: bool = True) -> pq.ParquetFile:
    return pq.ParquetFile(
        pa.BufferReader(data),
        page_checksum_verification=verify,
        read_dictionary=dictionary,
        arrow_extensions_enabled=False,
    )


def _text_column(events: list[AnyEvent], bodies: list[bytes], *, bulk: bool) -> pa.Array:
    texts = [
        body + b"}" if (event.type in BULK) == bulk else None
        for event, body in zip(events, bodies, strict=True)
    ]
    return pa.array(texts, pa.json_(pa.utf8()))


def _promoted_column(events: list[AnyEvent], name: str) -> pa.Array:
    kind, _ = PROMOTED[name]
    return pa.array([promoted(event, name) for event in events], _ARROW[kind])
