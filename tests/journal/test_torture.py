"""Crash safety on a simulated disk. The long form is `python -m tools.journal_torture`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from journal import Limits, Writer, manifest, read, snapshot
from journal.envelope import stamp
from journal.errors import JournalCorrupt
from journal.fs import OS_FS
from journal.seal import GRACE_NS, SealLimits, seal
from journal.simfs import SimFs
from journal.snapshot import Snapshot
from journal.visits import VISITS, Branch
from tests.journal.builders import RUN, grow
from tools import journal_torture as torture

LIVES = [torture.life_of_a_writer, torture.life_with_sealing]

uncounted = pytest.mark.no_cover
"""Takes hundreds of times what other tests take once; to count its lines only costs time."""


@uncounted
@pytest.mark.parametrize("life", LIVES)
def test_death_at_any_operation_loses_nothing_that_was_acknowledged(life: torture.Life) -> None:
    counts = Counter(torture.deaths(life, seeds=2))
    assert set(counts) == {
        f"{kind}, {what}" for kind in torture.DEATHS for what in ("killed", "power lost")
    }
    assert min(counts.values()) >= 40


@uncounted
@pytest.mark.parametrize("life", LIVES)
def test_a_failure_of_any_operation_loses_nothing_that_was_acknowledged(life: torture.Life) -> None:
    counts = Counter(torture.failures(life))
    assert set(counts) == {"EIO", "ENOSPC", "EINTR", "short write"}
    assert min(counts.values()) >= 40


@uncounted
@pytest.mark.parametrize("life", LIVES)
def test_death_during_the_recovery_from_a_death_loses_nothing(life: torture.Life) -> None:
    assert Counter(torture.deaths_in_recovery(life, seeds=2)).total() >= 100


@uncounted
@pytest.mark.parametrize("life", LIVES)
def test_a_power_loss_after_a_kill_takes_nothing_that_was_built_upon(life: torture.Life) -> None:
    assert Counter(torture.power_lost_after_a_kill(life, seeds=1)).total() >= 120


def test_the_harness_notices_an_acknowledged_event_that_is_lost() -> None:
    class Forgetful(SimFs):
        def sync(self, handle: int) -> None:
            """Say that it is done and do nothing."""

    fs, ledger = Forgetful(seed=3), torture.Ledger()
    torture.life_of_a_writer(fs, ledger)
    fs.restart(power_lost=True)
    with pytest.raises((torture.Broken, JournalCorrupt)):
        torture._check(fs, ledger)


def small(directory: Path) -> None:
    grow(directory, 23, limits=Limits(batch=1, file_events=5))


def sealed(directory: Path, *, swept: bool = True) -> None:
    small(directory)
    for now in (0, GRACE_NS) if swept else (0,):
        seal(directory, limits=SealLimits(events=10), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot


def rot(directory: Path) -> None:
    small(directory)
    path = directory / "tail" / "000000000006.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"spread":7', b'"spread":8', 1))


def gap(directory: Path) -> None:
    small(directory)
    (directory / "tail" / "000000000006.jsonl").unlink()


def lost_segment(directory: Path) -> None:
    sealed(directory)
    next((directory / "segments").iterdir()).unlink()


def unlisted_segment(directory: Path) -> None:
    sealed(directory)
    (directory / "tail" / "000000000021.jsonl").unlink()
    (directory / "manifest.jsonl").write_bytes(
        (directory / "manifest.jsonl").read_bytes().splitlines(keepends=True)[0]
    )


def damaged_manifest(directory: Path) -> None:
    sealed(directory)
    path = directory / "manifest.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"first":1,', b'"first":2,'))


def cut_end(directory: Path) -> None:
    small(directory)
    snapshot.save(directory, Snapshot(99, "0" * 32, "orders", 1, b"state"))


REFUSALS: list[Callable[[Path], None]] = [
    rot,
    gap,
    lost_segment,
    unlisted_segment,
    damaged_manifest,
    cut_end,
]


@pytest.mark.parametrize("damage", REFUSALS)
def test_damage_is_refused_and_nothing_is_changed(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(tmp_path)
    before = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.name.endswith("lock")
    }
    with pytest.raises(JournalCorrupt):
        Writer.open(tmp_path, run=RUN)
    for path, data in before.items():
        assert path.read_bytes() == data


def test_every_branch_of_recovery_is_taken(tmp_path: Path) -> None:
    VISITS.clear()
    for life in LIVES:
        Counter(torture.deaths(life, seeds=1))
    for number, damage in enumerate(REFUSALS):
        damage(tmp_path / str(number))
        with pytest.raises(JournalCorrupt):
            Writer.open(tmp_path / str(number), run=RUN)
    assert snapshot.newest(tmp_path / "5", "orders", 1) is None
    _note_a_recovery(tmp_path / "noted")
    _read_while_it_is_sealed(tmp_path / "vanishing")
    never = [branch for branch in Branch if not VISITS[branch]]
    assert never == []


def _note_a_recovery(directory: Path) -> None:
    grow(directory, 3)
    path = next((directory / "tail").iterdir())
    path.write_bytes(path.read_bytes()[:-90])
    with Writer.open(directory, run=RUN) as writer:
        (note,) = writer.recovered
        writer.append(stamp(note, seq=writer.next_seq, ts=1, run=RUN))
    Writer.open(directory, run=RUN).close()


def _read_while_it_is_sealed(directory: Path) -> None:
    small(directory)
    events = read(directory)
    next(events)
    for now in (0, GRACE_NS):
        seal(directory, limits=SealLimits(events=10), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
    assert manifest.load(OS_FS, directory).last == 20
    assert len(list(events)) == 22
