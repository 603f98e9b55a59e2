"""One suite for every implementation of `Fs`, and what the simulated one may forget."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from journal.errors import JournalLocked
from journal.fs import OS_FS, Fs, append_file, write_file
from journal.simfs import PAGE, Crash, Fault, SimFs


@pytest.fixture(params=["the operating system", "simulated"])
def fs(request: pytest.FixtureRequest) -> Fs:
    return SimFs() if request.param == "simulated" else OS_FS


@pytest.fixture
def folder(fs: Fs, tmp_path: Path) -> Path:
    fs.make_folder(tmp_path / "a" / "b")
    return tmp_path / "a" / "b"


def test_what_is_written_is_read_and_named(fs: Fs, folder: Path) -> None:
    handle = fs.open(folder / "x", new=True)
    assert fs.write(handle, b"one") == 3
    fs.sync(handle)
    assert fs.write(handle, b"two") == 3
    fs.close(handle)
    assert fs.read(folder / "x") == b"onetwo"
    assert fs.read(folder / "x", 4) == b"wo"
    assert fs.size(folder / "x") == 6
    assert fs.names(folder) == ["x"]
    assert fs.names(folder / "nowhere") == []
    assert fs.exists(folder / "x")
    assert fs.exists(folder)
    assert not fs.exists(folder / "y")


def test_what_is_written_at_an_offset_lies_over_what_was_there_and_beyond(
    fs: Fs, folder: Path
) -> None:
    handle = fs.create(folder / "x")
    assert fs.write_at(handle, b"one.....", 0) == 8
    fs.sync(handle)
    assert fs.write_at(handle, b"two", 3) == 3
    assert fs.read(folder / "x") == b"onetwo.."
    assert fs.write_at(handle, b"three", 6) == 5
    fs.truncate(folder / "x", 10)
    assert fs.write_at(handle, b"!", 10) == 1
    fs.close(handle)
    assert fs.read(folder / "x") == b"onetwothre!"
    with pytest.raises(FileExistsError):
        fs.create(folder / "x")


@pytest.mark.parametrize("blanks", [1, 3000, (512 << 10) + 1])
def test_blank_lines_are_written_behind_what_is_written(fs: Fs, folder: Path, blanks: int) -> None:
    handle = fs.create(folder / "x")
    assert fs.write_at(handle, b"lines", 0, blanks) == 5 + blanks
    assert fs.write_at(handle, b"more", 5) == 4
    assert fs.write_at(handle, b"beyond", 5 + blanks, blanks) == 6 + blanks
    fs.close(handle)
    expected = b"lines" + b"more"[:blanks] + b"\n" * (blanks - 4) + b"beyond" + b"\n" * blanks
    assert fs.read(folder / "x") == expected


def test_opening_appends_and_new_refuses_what_exists(fs: Fs, folder: Path) -> None:
    append_file(fs, folder / "x", b"one")
    append_file(fs, folder / "x", b"two")
    assert fs.read(folder / "x") == b"onetwo"
    with pytest.raises(FileExistsError):
        fs.open(folder / "x", new=True)


def test_truncate_rename_and_unlink(fs: Fs, folder: Path) -> None:
    write_file(fs, folder / "x", b"123456")
    write_file(fs, folder / "y", b"other")
    fs.truncate(folder / "x", 3)
    fs.rename(folder / "x", folder / "y")
    fs.sync_folder(folder)
    assert fs.names(folder) == ["y"]
    assert fs.read(folder / "y") == b"123"
    fs.unlink(folder / "y")
    assert fs.names(folder) == []


def test_what_is_not_there_is_said(fs: Fs, folder: Path) -> None:
    for act in (fs.read, fs.size, fs.unlink):
        with pytest.raises(FileNotFoundError):
            act(folder / "nowhere")
    with pytest.raises(FileNotFoundError):
        fs.rename(folder / "nowhere", folder / "x")


def test_a_lock_has_one_holder_at_a_time(fs: Fs, folder: Path) -> None:
    release = fs.lock(folder / "lock")
    with pytest.raises(JournalLocked):
        fs.lock(folder / "lock")
    release()
    fs.lock(folder / "lock")()


def test_a_draft_that_a_crash_left_is_in_nobodys_way(fs: Fs, folder: Path) -> None:
    append_file(fs, folder / "x.tmp", b"left over")
    write_file(fs, folder / "x", b"whole")
    assert fs.names(folder) == ["x"]
    assert fs.read(folder / "x") == b"whole"


X = Path("folder/x")


def outcomes(*, sync: bool, name: bool) -> set[bytes | None]:
    """Return what a file may hold after a power loss, over many seeds."""
    found: set[bytes | None] = set()
    for seed in range(60):
        fs = SimFs(seed=seed)
        fs.make_folder(X.parent)
        handle = fs.open(X, new=True)
        fs.write(handle, b"a" * 200)
        if sync:
            fs.sync(handle)
        if name:
            fs.sync_folder(X.parent)
        fs.write(handle, b"b" * 200)
        fs.restart(power_lost=True)
        found.add(fs.read(X) if fs.exists(X) else None)
    return found


def test_without_a_sync_a_power_loss_may_take_tear_and_reorder_everything() -> None:
    found = outcomes(sync=False, name=False)
    assert None in found, "the name was never synced"
    assert any(data is not None and len(data) < 50 for data in found)
    assert any(data and b"\0" in data.rstrip(b"\0") for data in found), "a page lost in the middle"
    assert any(data and 200 < len(data) < 400 for data in found)


def test_what_was_synced_stays_and_only_that() -> None:
    found = outcomes(sync=True, name=True)
    assert all(data and data.startswith(b"a" * 200) for data in found)
    assert len(found) > 5


def overwritten(*, power_lost: bool, sync: bool, die: Fault | None = None) -> set[bytes]:
    """Return what may be in a synced file that was written over in place, over many seeds."""
    found = set()
    for seed in range(60):
        fs = SimFs(seed=seed, fault=die)
        fs.make_folder(X.parent)
        handle = fs.create(X)
        fs.write_at(handle, b"a" * 400, 0)
        fs.sync(handle)
        fs.sync_folder(X.parent)
        fs.write_at(handle, b"b" * 250, 100)
        with suppress(Crash):
            if sync:
                fs.sync(handle)
        fs.restart(power_lost=power_lost)
        found.add(fs.read(X))
    return found


NEW = b"a" * 100 + b"b" * 250 + b"a" * 50


def test_each_page_that_was_written_over_and_not_synced_holds_old_bytes_or_new_ones() -> None:
    found = overwritten(power_lost=True, sync=False)
    assert {b"a" * 400, NEW} < found
    assert len(found) == 8  # three pages
    for data in found:
        assert all(
            data[at : at + PAGE] in (b"a" * PAGE, NEW[at : at + PAGE]) for at in range(0, 384, PAGE)
        )
    assert overwritten(power_lost=True, sync=True) == {NEW}
    assert overwritten(power_lost=False, sync=False) == {NEW}
    assert 1 < len(overwritten(power_lost=True, sync=True, die=Fault(7, "die half-way"))) < 8


def test_a_cut_that_the_power_interrupts_may_leave_zeros() -> None:
    fs = SimFs(fault=Fault(6, "die half-way"))
    fs.make_folder(X.parent)
    append_file(fs, X, b"a" * 400)
    with pytest.raises(Crash):
        fs.truncate(X, 200)
    fs.restart(power_lost=False)
    assert fs.read(X) == b"a" * 200 + b"\0" * (256 - 200) + b"a" * (400 - 256)


def test_a_kill_loses_nothing_that_was_written() -> None:
    fs = SimFs(fault=Fault(4, "die before"))
    fs.make_folder(X.parent)
    handle = fs.open(X, new=True)
    fs.write(handle, b"data")
    with pytest.raises(Crash):
        fs.sync(handle)
    with pytest.raises(Crash):
        fs.read(X)
    fs.restart(power_lost=False)
    assert fs.read(X) == b"data"


def test_after_a_failed_sync_the_next_one_lies() -> None:
    lost = 0
    for seed in range(20):
        fs = SimFs(seed=seed, fault=Fault(5, "fail"))
        fs.make_folder(X.parent)
        handle = fs.open(X, new=True)
        fs.sync_folder(X.parent)
        fs.write(handle, b"data")
        with pytest.raises(OSError, match="made to fail"):
            fs.sync(handle)
        fs.sync(handle)
        fs.restart(power_lost=True)
        lost += fs.read(X) != b"data"
    assert lost > 5
