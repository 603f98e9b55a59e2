from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from journal import Limits, Writer, manifest, read
from journal.background import Sealing
from journal.fs import OS_FS
from tests.journal.builders import RUN, event, events, grow

SMALL = Limits(batch=100, file_events=200, seal_events=400)


def big(directory: Path) -> None:
    """Grow a journal by as many events as a sealing takes by default, cheaply."""
    grow(directory, 50_000, limits=Limits(batch=5000, file_events=50_000, seal_events=10**9))


def sealed_to(directory: Path) -> int:
    return manifest.load(OS_FS, directory).last


def test_a_child_process_seals_while_the_writer_writes(tmp_path: Path) -> None:
    big(tmp_path)
    with Writer.open(tmp_path, run=RUN) as writer:  # starts it: enough events wait
        assert writer.sealing is not None
        while writer.sealing.running():
            writer.append(event(writer.next_seq))
            writer.commit()
        last = writer.next_seq - 1
        assert writer.sealing.error == ""
    assert sealed_to(tmp_path) == 50_000
    tail = read(tmp_path, after=49_990)
    assert list(tail) == events(last, 49_991)


def test_without_child_processes_a_thread_seals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no process can be started here")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    sealing = Sealing(tmp_path)
    assert sealing.start()
    sealing.wait()
    assert (sealed_to(tmp_path), sealing.error) == (50_000, "")


def test_a_failed_sealing_says_why_and_stops_nobody(tmp_path: Path) -> None:
    big(tmp_path)
    path = tmp_path / "tail" / "000000000001.jsonl"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"spread":7', b'"spread":8', 1))
    sealing = Sealing(tmp_path)
    assert sealing.start()
    sealing.wait()
    assert "damaged at byte" in sealing.error


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folder of every sealing that is asked for; none is started."""
    folders: list[Path] = []

    def start(sealing: Sealing) -> bool:
        folders.append(sealing._directory)
        return True

    monkeypatch.setattr(Sealing, "start", start)
    return folders


def test_a_writer_without_pauses_asks_for_a_sealing_when_much_waits(
    tmp_path: Path, asked: list[Path]
) -> None:
    with Writer.open(tmp_path, run=RUN, limits=SMALL, clock=lambda: 0) as writer:
        for seq in range(1, 1600):
            writer.append(event(seq))
            writer.commit_if_due()
        assert asked == []
        writer.append(event(1600))
        assert asked == [tmp_path]


def test_in_the_first_pause_of_writing_a_sealing_that_is_due_starts(
    tmp_path: Path, asked: list[Path]
) -> None:
    now = [0]
    with Writer.open(tmp_path, run=RUN, limits=SMALL, clock=lambda: now[0]) as writer:
        for seq in range(1, 401):
            writer.append(event(seq))
        now[0] = SMALL.seal_pause_ns - 1
        writer.commit_if_due()
        assert asked == []
        now[0] += 1
        writer.commit_if_due()
        writer.commit_if_due()
        assert asked == [tmp_path]


def test_a_pause_in_which_little_waits_starts_no_sealing(tmp_path: Path, asked: list[Path]) -> None:
    now = [0]
    with Writer.open(tmp_path, run=RUN, limits=SMALL, clock=lambda: now[0]) as writer:
        for seq in range(1, 400):
            writer.append(event(seq))
        writer.commit()
        now[0] = 10 * SMALL.seal_pause_ns
        writer.commit_if_due()
    assert asked == []


def test_a_writer_told_not_to_seal_never_does(tmp_path: Path) -> None:
    with Writer.open(tmp_path, run=RUN, limits=SMALL, seal=False) as writer:
        for seq in range(1, 1001):
            writer.append(event(seq))
        assert writer.sealing is None


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["a", "b"], 2)])
def test_the_child_says_how_it_is_called(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "journal", *arguments], capture_output=True, check=False
    )
    assert done.returncode == code
