"""Names of the files and folders in a journal's directory. It never touches the disk."""

from __future__ import annotations

from pathlib import Path

LOCK = "lock"
"""Names the process that writes; empty when nobody does."""

TAIL = "tail"
"""Folder of the newest events as JSON Lines."""

SEGMENTS = "segments"
"""Folder of sealed events as Parquet."""

MANIFEST = "manifest.jsonl"
"""The chained list of segments."""

SEAL_LOCK = "seal.lock"
"""Names the process that seals."""

SNAPSHOTS = "snapshots"
"""Folder of projections' states; disposable."""

QUARANTINE = "quarantine"
"""Folder of torn ends, each beside a note that says where it was cut off."""

_SUFFIX = ".jsonl"
_SEGMENT_SUFFIX = ".parquet"
_SNAPSHOT_SUFFIX = ".snapshot"


def tail_name(first: int) -> str:
    """Return the name of the tail file whose first event is `first`."""
    return f"{first:012d}{_SUFFIX}"


def tail_first(name: str) -> int | None:
    """Return the first sequence of a tail file by its name, None for any other file."""
    stem = name.removesuffix(_SUFFIX)
    return int(stem) if name.endswith(_SUFFIX) and stem.isascii() and stem.isdigit() else None


def tail_path(directory: Path, first: int) -> Path:
    """Return where the tail file whose first event is `first` lies."""
    return directory / TAIL / tail_name(first)


def segment_name(first: int, last: int) -> str:
    """Return the name of the segment that holds these sequences."""
    return f"{first:012d}-{last:012d}{_SEGMENT_SUFFIX}"


def segment_last(name: str) -> int:
    """Return the last sequence of a segment by its name, 0 for any other file."""
    _, _, last = name.removesuffix(_SEGMENT_SUFFIX).partition("-")
    return int(last) if name.endswith(_SEGMENT_SUFFIX) and last.isdigit() else 0


def snapshot_name(projection: str, seq: int) -> str:
    """Return the name of a projection's snapshot at a sequence."""
    return f"{projection}-{seq:012d}{_SNAPSHOT_SUFFIX}"


def snapshot_seq(name: str) -> int:
    """Return the sequence of a snapshot by its name, 0 for any other file."""
    _, _, seq = name.removesuffix(_SNAPSHOT_SUFFIX).rpartition("-")
    return int(seq) if name.endswith(_SNAPSHOT_SUFFIX) and seq.isdigit() else 0
