"""A session that was recorded once is folded by every later version to what it was then."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from journal import read, verify
from journal.events import DealRecorded, OrderRefused, OrderUnresolved, OrderVetoed
from projections.state import PROJECTIONS
from tests.replay.make_golden import DIGESTS, GOLDEN, Folded, folded

SESSIONS = sorted(GOLDEN.iterdir())


def stored(directory: Path) -> dict[str, Folded]:
    """Return what the version that made a session folded it to."""
    return msgspec.json.decode((directory / DIGESTS).read_bytes(), type=dict[str, Folded])


@pytest.mark.parametrize("directory", SESSIONS, ids=lambda path: path.name)
def test_a_golden_session_is_folded_to_the_stored_digests(directory: Path) -> None:
    assert verify(directory, deep=True).findings == []
    today = folded(directory)
    comparable = {
        name: then for name, then in stored(directory).items()
        if name in today and today[name].version == then.version
    }  # fmt: skip
    assert {name: today[name] for name in comparable} == comparable, (
        "a projection makes something else of old events: raise its VERSION, and before a release "
        "run `python -m tests.replay.make_golden`"
    )


def test_the_newest_session_holds_every_projection_as_it_is_today() -> None:
    versions = {name: then.version for name, then in stored(SESSIONS[-1]).items()}
    assert versions == {one.name: one.version for one in PROJECTIONS}, (
        "run `python -m tests.replay.make_golden`"
    )


def test_a_golden_session_has_trades_and_trouble_in_it() -> None:
    kinds = {type(event.data) for event in read(SESSIONS[-1])}
    assert kinds >= {DealRecorded, OrderRefused, OrderUnresolved, OrderVetoed}
