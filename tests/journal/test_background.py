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


def test_the_writer_asks_for_a_sealing_only_when_enough_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    with Writer.open(tmp_path, run=RUN, limits=SMALL) as writer:

        def start(_: Sealing) -> bool:
            asked.append(writer.next_seq)
            return True

        monkeypatch.setattr(Sealing, "start", start)
        for seq in range(1, 1001):
            writer.append(event(seq))
    assert asked == [401, 801]


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
