"""A journal is sealed, copied, brought back, thinned and mended, and says what became of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from journal import Writer, layout, read, snapshot, verify
from journal.fs import OS_FS
from tests.tools.cli.conftest import BARS, Call, tail_file
from tests.tools.cli.test_journal_verify import alter, saved, state_at


def folder(journal: Path) -> dict[str, bytes]:
    """Return every file of a journal but its locks."""
    return {
        file.relative_to(journal).as_posix(): file.read_bytes()
        for file in journal.rglob("*")
        if file.is_file() and file.name not in (layout.LOCK, layout.SEAL_LOCK)
    }


def test_a_small_journal_is_sealed_when_asked_for(call: Call, journal: Path) -> None:
    events = list(read(journal))
    said = call("seal", journal)
    assert said.code == 0
    assert "50,000 make a segment, and --all does not wait for them" in said.out
    said = call("seal", journal, "--all", "--json")
    (made,) = json.loads(said.out)["sealed"]
    assert (made["first"], made["last"]) == (1, len(events))
    assert list(read(journal)) == events
    assert "every event is sealed" in call("seal", journal, "--all").out


def test_the_file_that_is_being_written_is_not_sealed(call: Call, journal: Path) -> None:
    events = list(read(journal))
    with Writer.open(journal, run="") as writer:
        for event in events[:2]:
            writer.append(msgspec.structs.replace(event, seq=writer.next_seq))
        writer.commit()
        said = call("seal", journal, "--all")
        assert f"{len(events):012d}.parquet" in said.out
        said = call("seal", journal, "--all")
        assert "the file with the newest 2 events is finished when the engine stops" in said.out


def test_a_backup_is_restored_as_the_same_journal(call: Call, sealed: Path, tmp_path: Path) -> None:
    said = call("backup", sealed, tmp_path / "backup")
    assert said.code == 0
    assert "chain         ok" in said.out
    assert "nothing found" in said.out
    assert call("backup", sealed, tmp_path / "backup").code == 0, "again to the same folder"
    value = json.loads(call("restore", tmp_path / "backup", tmp_path / "back", "--json").out)
    assert value["ok"] is True
    assert folder(tmp_path / "back") == folder(sealed)


def test_a_copy_never_overwrites_something(call: Call, sealed: Path, tmp_path: Path) -> None:
    other, file = tmp_path / "other", tmp_path / "file"
    other.mkdir()
    (other / "notes").touch()
    file.touch()
    for arguments, message in (
        (["backup", sealed, other], "is not empty and holds no journal"),
        (["backup", sealed, file], "is a file; a journal is a folder"),
        (["backup", sealed, sealed], "is the journal itself"),
        (["restore", sealed, other], "is not empty; restore only into a new folder"),
        (["restore", sealed, file], "is a file; a journal is a folder"),
        (["restore", other, tmp_path / "new"], "there is no journal in"),
        (["salvage", sealed, other], "is not empty; salvage makes a new folder"),
    ):
        said = call(*arguments)
        assert (said.code, said.out) == (2, "")
        assert message in said.err
        assert said.err.count("\n") == 1


def test_a_backup_of_a_damaged_journal_is_a_problem(
    call: Call, sealed: Path, tmp_path: Path
) -> None:
    flip(sorted((sealed / "segments").iterdir())[1])
    said = call("backup", sealed, tmp_path / "backup")
    assert said.code == 1
    assert "is not whole" in said.err


def test_a_plan_drops_nothing_and_applying_it_does(call: Call, sealed: Path) -> None:
    before = folder(sealed)
    said = call("retain", sealed, "--keep", "1000")
    assert said.code == 0
    assert "a plan; nothing was changed" in said.out
    assert "may go        events up to seq 2,000: 4 segments, " in said.out
    assert folder(sealed) == before
    assert call("retain", sealed, "--keep", "1000", "--plan").out == said.out
    assert "only whole segments go" in call("retain", sealed).out, "a million stay by default"
    said = call("retain", sealed, "--keep", "1000", "--apply")
    assert "dropped       events up to seq 2,000: 4 segments, " in said.out
    assert len(folder(sealed)) == len(before) - 4
    assert verify(sealed).ok
    assert call("status", sealed).code == 0, "a start needs the snapshot and what came after"


def test_nothing_goes_without_a_snapshot_that_a_replay_agrees_with(
    call: Call, sealed: Path
) -> None:
    alter(saved(sealed), state=b"{}")
    said = call("retain", sealed, "--keep", "0", "--apply")
    assert said.code == 2
    assert "does not agree with a replay" in said.err
    assert "daybook rebuild" in said.err
    saved(sealed).unlink()
    said = call("retain", sealed, "--keep", "0", "--apply")
    assert "no snapshot agrees with a replay: every event is needed" in said.out
    assert verify(sealed).first_seq == 1


def test_a_snapshot_of_other_code_does_not_let_events_go(call: Call, sealed: Path) -> None:
    snapshot.save(sealed, state_at(sealed, 1200), keep=9)
    newest = sealed / "snapshots" / max(path.name for path in (sealed / "snapshots").iterdir())
    alter(newest, version=1)
    said = call("retain", sealed, "--keep", "0", "--json")
    assert json.loads(said.out)["plan"]["through"] == 1000


def test_a_retained_journal_cannot_be_rebuilt(call: Call, sealed: Path) -> None:
    assert call("retain", sealed, "--keep", "0", "--apply").code == 0
    before = folder(sealed)
    said = call("rebuild", sealed)
    assert said.code == 2
    assert "Rebuild in a full backup" in said.err
    assert folder(sealed) == before


def test_rebuilding_replaces_every_older_snapshot(call: Call, sealed: Path) -> None:
    for seq in (400, 2000):
        snapshot.save(sealed, state_at(sealed, seq), keep=9)
    right = saved_state(sealed)
    said = call("rebuild", sealed)
    assert said.code == 0
    assert "in place of 2 older ones" in said.out
    assert saved(sealed).read_bytes() == right
    shutil.rmtree(sealed / "snapshots")
    assert call("rebuild", sealed).code == 0
    assert saved(sealed).read_bytes() == right


def saved_state(journal: Path) -> bytes:
    newest = max((journal / "snapshots").iterdir(), key=lambda path: path.name)
    return newest.read_bytes()


def test_a_rebuild_does_not_remove_the_evidence_of_a_cut_off_end(call: Call, journal: Path) -> None:
    file = tail_file(journal)
    file.write_bytes(file.read_bytes()[:40_000])
    before = folder(journal)
    said = call("rebuild", journal)
    assert said.code == 1
    assert "its end was cut off" in said.err
    assert folder(journal) == before


def test_nothing_is_rebuilt_or_repaired_while_an_engine_writes(call: Call, journal: Path) -> None:
    release = OS_FS.lock(journal / layout.LOCK)
    try:
        for arguments in (
            ["rebuild", journal],
            ["repair", journal, "--verdict", "tail"],
            ["repair", journal, "--verdict", "prefix"],
        ):
            said = call(*arguments)
            assert (said.code, said.out) == (2, "")
            assert said.err.count("\n") == 1
    finally:
        release()


def test_a_rebuild_before_any_step_is_whole_makes_no_snapshot(call: Call, tmp_path: Path) -> None:
    Writer.open(tmp_path / "empty", run="").close()
    said = call("rebuild", tmp_path / "empty")
    assert said.code == 0
    assert "there is no snapshot" in said.out


@pytest.fixture
def torn(journal: Path) -> Path:
    """Return a journal whose last line a crash cut short."""
    shutil.rmtree(journal / "snapshots")
    *whole, last, _footer = tail_file(journal).read_bytes().splitlines(keepends=True)
    tail_file(journal).write_bytes(b"".join(whole) + last[:40])
    return journal


def test_a_torn_end_goes_to_quarantine(call: Call, torn: Path) -> None:
    said = call("repair", torn, "--verdict", "tail")
    assert said.code == 0
    assert "quarantined   tail/000000000001.jsonl from byte " in said.out
    assert list((torn / "quarantine").iterdir())
    assert "nothing to repair" in call("repair", torn, "--verdict", "tail").out
    assert verify(torn).ok


@pytest.fixture
def rotten(sealed: Path) -> Path:
    """Return a journal with damage in the middle of its third segment."""
    flip(sorted((sealed / "segments").iterdir())[2])
    return sealed


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 8
    file.write_bytes(data)


def test_rot_is_cut_only_by_the_verdict_prefix(call: Call, segmented: Path, rotten: Path) -> None:
    before, end = folder(rotten), [event.seq for event in read(segmented)][-1]
    said = call("repair", rotten, "--verdict", "tail")
    assert said.out == f"nothing to repair, no end is torn: the journal ends at seq {end:,}\n"
    assert folder(rotten) == before
    said = call("repair", rotten, "--verdict", "prefix")
    assert said.code == 0
    assert "goes on       after seq 1,000" in said.out
    assert "quarantined   snapshots/kernel-" in said.out
    assert verify(rotten).ok
    assert [event.seq for event in read(rotten)] == list(range(1, 1001))


def test_salvage_leaves_the_damaged_journal_alone(call: Call, rotten: Path, tmp_path: Path) -> None:
    before = folder(rotten)
    said = call("salvage", rotten, tmp_path / "saved")
    assert said.code == 0
    assert "whole up to seq 1,000" in said.out
    assert "no chain vouches for them" in said.out
    assert folder(rotten) == before
    assert verify(tmp_path / "saved").last_seq == 1000
    value = json.loads(call("salvage", rotten, tmp_path / "again", "--json").out)
    loose = (tmp_path / "again" / "salvaged.jsonl").read_bytes().count(b"\n")
    assert value["salvaged"]["salvaged"] == loose > BARS - 1500


@pytest.mark.parametrize(
    "arguments",
    [
        ["seal"],
        ["retain"],
        ["rebuild"],
        ["head"],
        ["tail"],
        ["prove", "7"],
        ["repair", "--verdict", "tail"],
        ["backup", "copy"],
        ["salvage", "copy"],
        ["export", "a.csv"],
        ["publish", "store"],
    ],
)
def test_a_folder_without_a_journal_is_one_line(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name, *rest = arguments
    said = call(name, tmp_path, *rest)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"daybook: there is no journal in {tmp_path}; check the path\n"
    assert list(tmp_path.iterdir()) == []
