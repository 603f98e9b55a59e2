"""Take events out of a journal: into one file, or segments to an object store for many readers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from journal import layout, manifest
from journal.errors import JournalMissing, UsageError
from journal.fs import OS_FS
from journal.sql import CONFIG, connect
from journal.sql.views import create_views_over

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset
    import pyarrow.fs

Format = Literal["parquet", "arrow", "csv"]

_ALL = "SELECT * EXCLUDE (utc, order_key) REPLACE (data::VARCHAR AS data) FROM events"


def export(directory: Path, target: Path, *, form: Format, query: str = _ALL) -> None:
    """Write what a query returns, all events by default, to one new file.

    Raises UsageError when the file exists, JournalMissing.
    """
    if target.exists():
        raise UsageError(f"{target} exists; name a new file")
    draft = target.with_name(target.name + ".tmp")
    try:
        with connect(directory) as connection:
            rows = connection.sql(query)
            if rows is None:
                raise UsageError("the query returns nothing; give a SELECT")
            if form == "parquet":
                rows.to_parquet(str(draft))
            elif form == "csv":
                rows.to_csv(str(draft))
            else:
                _write_arrow(rows.to_arrow_reader(65_536), draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)  # a query that fails half-way leaves nothing behind


def publish(directory: Path, store: pyarrow.fs.FileSystem, base: str) -> list[str]:
    """Copy segments that are not there yet, then the manifest; return the names that were copied.

    store, base  a pyarrow file system (S3, local, …) and a folder in it, one for each journal
    Raises UsageError when another journal was published there, or more of this one.
    """
    listed = manifest.load(OS_FS, directory)
    lines = OS_FS.read(directory / layout.MANIFEST)[: listed.size] if listed.size else b""
    if not lines.startswith(_read_manifest(store, base) or b""):
        raise UsageError(
            f"{base} holds what another journal published, or more than {directory} has; nothing "
            "was copied. Each journal needs a folder of its own there"
        )
    store.create_dir(f"{base}/{layout.SEGMENTS}", recursive=True)
    there = {info.base_name: info.size for info in _infos(store, f"{base}/{layout.SEGMENTS}")}
    copied = []
    for entry in listed.segments:
        if there.get(entry.file) != entry.size:
            data = OS_FS.read(directory / layout.SEGMENTS / entry.file)
            _put(store, f"{base}/{layout.SEGMENTS}/{entry.file}", data)
            copied.append(entry.file)
    if lines:
        _put(store, f"{base}/{layout.MANIFEST}", lines)  # last: it names what is all there by then
    return copied


def published(store: pyarrow.fs.FileSystem, bases: list[str]) -> pyarrow.dataset.Dataset:
    """Return the sealed events of several journals as one dataset, the columns of segments.

    `connection.register("events", published(...))` makes it a table of DuckDB. `run` tells the
    journals apart. What a journal dropped after it was published is still there. Raises
    JournalMissing when a folder has no manifest.
    """
    import pyarrow.dataset  # noqa: PLC0415 (who asks for this has a use for it, nobody else)

    paths = []
    for base in bases:
        found = _read_manifest(store, base)
        if found is None:
            raise JournalMissing(f"no journal is published at {base}; check the path")
        listed = manifest.parse(found, history=True)
        folder = f"{base}/{layout.SEGMENTS}"
        there = {info.base_name for info in _infos(store, folder)} if listed.dropped else set()
        paths += [
            f"{folder}/{entry.file}"
            for entry in listed.segments
            if entry.last > listed.dropped or entry.file in there
        ]
    return pyarrow.dataset.dataset(paths, filesystem=store, format="parquet")


def connect_published(store: pyarrow.fs.FileSystem, bases: list[str]) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with `journal.sql.connect`'s views over published journals.

    The ready questions are there for one journal only: the sequences of several are not unique.
    Raises JournalMissing when nothing is published at a place.
    """
    import duckdb  # noqa: PLC0415 (as above)

    events = published(store, bases)
    connection = duckdb.connect(":memory:", config=CONFIG)
    create_views_over(connection, events, questions=len(bases) == 1)
    return connection


def _infos(store: pyarrow.fs.FileSystem, folder: str) -> list[pyarrow.fs.FileInfo]:
    import pyarrow.fs  # noqa: PLC0415 (as above)

    infos: list[pyarrow.fs.FileInfo] = store.get_file_info(pyarrow.fs.FileSelector(folder))
    return infos


def _read_manifest(store: pyarrow.fs.FileSystem, base: str) -> bytes | None:
    """Return the manifest that is published in a folder, None when there is none."""
    try:
        with store.open_input_stream(f"{base}/{layout.MANIFEST}") as stream:
            data: bytes = stream.read()
    except FileNotFoundError:
        return None
    return data


def _put(store: pyarrow.fs.FileSystem, path: str, data: bytes) -> None:
    with store.open_output_stream(path) as stream:
        stream.write(data)


def _write_arrow(batches: pyarrow.RecordBatchReader, target: Path) -> None:
    import pyarrow.ipc  # noqa: PLC0415 (as above)

    with pyarrow.ipc.new_file(str(target), batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
