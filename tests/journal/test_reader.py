from __future__ import annotations

from pathlib import Path

import pytest

from journal import Limits, Writer, read
from journal.chain import GENESIS, link
from journal.codec import encode
from journal.envelope import stamp
from journal.errors import JournalCorrupt, JournalMissing
from journal.events import OrderUnresolved
from journal.reader import lines
from tests.journal.builders import RUN, event, events, grow, lines_of, only_tail


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    grow(tmp_path, 23, limits=Limits(batch=3, file_events=7))
    return tmp_path


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    ("after", "until"),
    [
        (0, None),
        (0, 1),
        (1, 1),
        (6, 7),
        (7, 8),
        (5, 20),
        (22, None),
        (23, None),
        (50, None),
        (0, 0),
    ],
)
def test_a_range_is_exactly_what_was_asked_for(
    journal: Path, after: int, until: int | None, verify: bool
) -> None:
    found = list(read(journal, after=after, until=until, verify=verify))
    assert found == [e for e in events(23) if e.seq > after and (until is None or e.seq <= until)]


def test_types_select(journal: Path) -> None:
    with Writer.open(journal, run=RUN) as writer:
        writer.append(event(24))
        note = OrderUnresolved(key="K", symbol="EURUSD", reason="timeout")
        writer.append(stamp(note, seq=25, ts=1, run=RUN, corr="K"))
    assert [e.data for e in read(journal, types={"OrderUnresolved"})] == [note]
    assert list(read(journal, types=())) == []


def test_lines_give_bytes_and_hashes_without_decoding(journal: Path) -> None:
    head = GENESIS
    for seq, body, h in lines(journal):
        assert body == encode(event(seq))
        head = link(head, body)
        assert h == head
    assert seq == 23


def test_reading_needs_no_lock_and_ends_at_the_last_committed_event(tmp_path: Path) -> None:
    with Writer.open(tmp_path, run=RUN) as writer:
        for seq in (1, 2):
            writer.append(event(seq))
            writer.commit()
            assert list(read(tmp_path)) == events(seq)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("room", [b"", b"\n" * 500])
def test_a_line_that_is_being_written_is_where_reading_ends(
    tmp_path: Path, verify: bool, room: bytes
) -> None:
    writer = grow(tmp_path, 3, batch=1, close=False)
    path = only_tail(tmp_path)
    data = lines_of(path)
    for size in range(data.rindex(b"\n ") + 1, len(data) - 1):
        path.write_bytes(data[:size] + room)
        assert list(read(tmp_path, verify=verify)) == events(2), size
    for size in range(data.index(b"\n") + 1):
        path.write_bytes(data[:size])
        assert list(read(tmp_path, verify=verify)) == [], size
    path.write_bytes(data)
    writer.close()


def test_an_event_out_of_its_place_is_corrupt_though_its_hash_fits(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, run=RUN)
    writer.append(event(1))
    writer.next_seq = 3  # a writer that breaks the order
    writer.append(event(3))
    writer.next_seq = 3
    writer.close()
    with pytest.raises(JournalCorrupt, match="seq 3 stands where 2 is expected"):
        list(read(tmp_path))


def test_a_place_without_a_journal_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing, match="no journal in"):
        list(read(tmp_path / "nowhere"))


def test_an_empty_journal_has_no_events(tmp_path: Path) -> None:
    grow(tmp_path, 0)
    assert list(read(tmp_path)) == []
