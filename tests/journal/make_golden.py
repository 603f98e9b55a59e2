"""`python -m tests.journal.make_golden` makes the golden journal of the format anew.

One event of every type, half of them sealed. Once a version is released its golden journal stays as
it is for ever, and every later version must read it; before that it follows the types.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from journal import Limits, Writer, read
from journal.envelope import stamp
from journal.events import TYPES
from journal.seal import GRACE_NS, SealLimits, seal
from tests.journal.builders import sample

GOLDEN = Path(__file__).with_name("golden")
EXPECTED = "expected.jsonl"


def make(directory: Path) -> None:
    """Write the journal, and beside it every event as it was decoded."""
    limits = Limits(batch=4, file_events=8)
    with Writer.open(directory, run="golden", limits=limits, seal=False) as writer:
        for seq, kind in enumerate(TYPES.values(), 1):
            writer.append(stamp(sample(kind), seq=seq, ts=seq * 10**9, run="golden", corr="K"))
    for now in (0, GRACE_NS):
        seal(directory, limits=SealLimits(events=8), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
    lines = [msgspec.json.encode(event) for event in read(directory)]
    (directory / EXPECTED).write_bytes(b"\n".join(lines) + b"\n")
    for lock in directory.glob("*lock"):
        lock.unlink()


if __name__ == "__main__":
    target = GOLDEN / "unreleased"
    shutil.rmtree(target, ignore_errors=True)
    make(target)
