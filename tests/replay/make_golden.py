"""`python -m tests.replay.make_golden` makes the golden session anew: a journal, and the digest of
every projection folded from it.

Once a version is released its session stays as it is for ever, and every later version must fold it
to the same digests; before that it follows the projections.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from journal import Limits, Writer, read
from journal.seal import GRACE_NS, SealLimits, seal
from projections.state import PROJECTIONS, digest, fold
from tests.session import play, real_bars

GOLDEN = Path(__file__).with_name("golden")
DIGESTS = "digests.json"
BARS = 600


class Folded(msgspec.Struct, frozen=True):
    """What a projection of some version made of the session."""

    version: int
    digest: str


def folded(directory: Path) -> dict[str, Folded]:
    """Return what today's projections make of a journal, by name."""
    state = fold(read(directory))
    return {one.name: Folded(one.version, digest(getattr(state, one.name))) for one in PROJECTIONS}


def make(directory: Path) -> None:
    """Write the journal, most of it sealed, and the digests beside it."""
    events = play(real_bars(BARS), kill_every=BARS // 3).events
    limits = Limits(batch=100, file_events=300)
    with Writer.open(directory, run="", limits=limits, seal=False) as writer:
        for event in events:
            writer.append(event)
    for now in (0, GRACE_NS):
        seal(directory, limits=SealLimits(events=300), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
    text = msgspec.json.format(msgspec.json.encode(folded(directory)))
    (directory / DIGESTS).write_bytes(text + b"\n")
    for lock in directory.glob("*lock"):
        lock.unlink()


if __name__ == "__main__":
    target = GOLDEN / "unreleased"
    shutil.rmtree(target, ignore_errors=True)
    make(target)
