from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from journal import read, verify
from journal.events import TYPES
from tests.journal.make_golden import EXPECTED, GOLDEN

JOURNALS = sorted(GOLDEN.iterdir())


@pytest.mark.parametrize("directory", JOURNALS, ids=lambda path: path.name)
def test_every_golden_journal_is_whole_and_decodes_to_what_it_did(directory: Path) -> None:
    hint = "before a release: run `python -m tests.journal.make_golden`; after: add an upcaster"
    report = verify(directory, deep=True)
    assert report.findings == [], hint
    expected = (directory / EXPECTED).read_bytes().splitlines()
    for check in (True, False):
        assert [msgspec.json.encode(e) for e in read(directory, verify=check)] == expected, hint


def test_a_golden_journal_holds_segments_and_a_tail() -> None:
    for directory in JOURNALS:
        assert list((directory / "segments").iterdir())
        assert list((directory / "tail").iterdir())


def test_every_event_type_is_in_a_golden_journal() -> None:
    held = {event.type for directory in JOURNALS for event in read(directory)}
    assert held >= set(TYPES), "run `python -m tests.journal.make_golden`"
