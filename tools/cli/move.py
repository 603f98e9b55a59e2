"""Take events out of a journal: to a file, or its segments to a store. The journal is only read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from journal import export as exports
from journal import manifest
from journal.errors import JournalMissing, UsageError
from journal.export import Format
from journal.fs import OS_FS
from tools.cli import screen
from tools.cli.errors import FINE
from tools.cli.places import existing
from tools.cli.queries import check_select, one_line
from tools.cli.screen import number, plural, size

if TYPE_CHECKING:
    import pyarrow.fs

FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".csv": "csv",
}
"""The kind of file that a name asks for."""

CONNECT_S, ANSWER_S, ATTEMPTS = 5, 30, 2
"""How long a store may take, and how often it is tried."""


def export(directory: Path, target: Path, *, form: str | None, query: str, as_json: bool) -> int:
    """Write what a query returns, or every event, to a new file."""
    existing(directory)
    wanted = next((kind for kind in FORMATS.values() if kind == form), None)
    wanted = wanted or FORMATS.get(target.suffix.lower())
    if wanted is None:
        raise UsageError(
            f"{target} has none of the endings {', '.join(FORMATS)}; say --format parquet, arrow "
            "or csv"
        )
    written = to_file(directory, target, wanted, query)
    if as_json:
        screen.json_text({"journal": str(directory), "file": str(target), "size": written})
    else:
        screen.line(f"wrote {target}, {size(written)}")
    return FINE


def to_file(directory: Path, target: Path, form: Format, query: str) -> int:
    """Write a query's result to a new file, every event without one; return the file's size."""
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}; make it first")
    try:
        if query:
            with duckdb.connect(":memory:") as connection:
                check_select(connection, query)
            exports.export(directory, target, form=form, query=query)
        else:
            exports.export(directory, target, form=form)
    except duckdb.Error as error:
        raise UsageError(one_line(str(error))) from error
    return target.stat().st_size


def publish(directory: Path, uri: str, *, endpoint: str, region: str, as_json: bool) -> int:
    """Copy the segments that a store does not have yet."""
    existing(directory)
    listed = manifest.load(OS_FS, directory)
    if not listed.segments:
        raise UsageError(
            f"{directory} has no sealed segment, and only those are published; "
            "`daybook seal --all` makes one"
        )
    store, base = open_store(uri, endpoint, region)
    copied = exports.publish(directory, store, base)
    if as_json:
        value = {"journal": str(directory), "uri": uri, "copied": copied, "last": listed.last}
        screen.json_text(value)
        return FINE
    text = plural(len(copied), "segment") if copied else "nothing new"
    screen.facts(
        [
            ("published", text, f"of {number(len(listed.segments))}"),
            ("reaches", f"seq {number(listed.last)}", uri),
        ]
    )
    return FINE


def open_store(uri: str, endpoint: str, region: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """Return the file system that a URI names, and the folder in it. Raises UsageError."""
    import pyarrow.fs  # noqa: PLC0415 (takes a while to load)

    scheme, mark, path = uri.partition("://")
    path = path.rstrip("/")
    if scheme not in ("s3", "file") if mark else not uri:  # others would be tried for minutes
        raise UsageError(
            f"{uri!r} is no place to publish to; expected s3://bucket/name, file:///folder, or a "
            "folder"
        )
    if not mark:
        return pyarrow.fs.LocalFileSystem(), Path(uri).absolute().as_posix()
    if scheme == "s3" and "?" not in path:
        if not path:
            raise UsageError(f"{uri!r} names no bucket; expected s3://bucket/name")
        given = {"endpoint_override": endpoint, "region": region}
        store = pyarrow.fs.S3FileSystem(
            connect_timeout=CONNECT_S,
            request_timeout=ANSWER_S,
            retry_strategy=pyarrow.fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            **{name: value for name, value in given.items() if value},
        )
        return store, path
    try:
        found, base = pyarrow.fs.FileSystem.from_uri(uri)
    except (ValueError, NotImplementedError, OSError) as error:
        raise UsageError(f"{uri!r} is no place to publish to: {error}") from error
    return found, base


def ask_published(uris: list[str], endpoint: str, region: str) -> duckdb.DuckDBPyConnection:
    """Return a connection over published journals. Raises JournalMissing, UsageError, OSError."""
    places = [open_store(uri, endpoint, region) for uri in uris]
    kinds = {place[0].type_name for place in places}
    if len(kinds) > 1:
        raise UsageError(f"journals in stores of one kind can be asked together, not {kinds}")
    try:
        return exports.connect_published(places[0][0], [base for _, base in places])
    except JournalMissing:
        raise
    except OSError as error:
        raise UsageError(f"{' '.join(uris)} cannot be read: {error}") from error
