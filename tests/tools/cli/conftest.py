"""A small real journal, made once, and a way to call the command as a person would."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from loguru import logger

from journal import Limits, Writer, read
from journal.seal import GRACE_NS, SealLimits, seal
from replay.snapshots import rebuild
from tools.cli import main

ROOT = Path(__file__).resolve().parents[3]
BARS = 2000


class Said(NamedTuple):
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Return a function that runs `daybook` in this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def call(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    yield call
    logger.remove()  # `run` and `demo` set the process's log up
    logger.configure(patcher=lambda _: None)
    root.handlers[:], root.level = handlers, level


def daybook(*arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
    """Start `daybook` in a process of its own."""
    command = [sys.executable, "-m", "tools.cli", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{**pipes, "cwd": ROOT, **options})  # type: ignore[call-overload, no-any-return] # options of all kinds


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a short demo, for reading only; `journal` is a copy to play with."""
    directory = tmp_path_factory.mktemp("recorded") / "demo"
    process = daybook("demo", "--bars", str(BARS), "--journal", directory)
    out, err = process.communicate()
    assert process.returncode == 0, (out, err)
    return directory


@pytest.fixture
def journal(recorded: Path, tmp_path: Path) -> Path:
    """Return a copy of the recorded journal and of the simulated terminal's book."""
    copy = tmp_path / "demo"
    shutil.copytree(recorded, copy)
    for book in recorded.parent.glob("demo.broker*"):
        target = tmp_path / book.name
        shutil.copytree(book, target) if book.is_dir() else shutil.copy(book, target)
    return copy


@pytest.fixture(scope="session")
def questioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a longer demo with an operator's word in the middle, all of it in the
    tail, for reading only."""
    directory = tmp_path_factory.mktemp("questioned") / "demo"
    for arguments in (
        ("demo", "--bars", "1000", "--journal", directory),
        ("pause", directory, "--reason", "to be found in the journal"),
        ("resume", directory, "--reason", "found"),
        ("demo", "--bars", "2000", "--journal", directory),
    ):
        process = daybook(*arguments)
        out, err = process.communicate()
        assert process.returncode == 0, (out, err)
    return directory


@pytest.fixture(scope="session")
def segmented(questioned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same events in segments of 500 with a snapshot, for reading only."""
    directory = tmp_path_factory.mktemp("segmented") / "demo"
    with Writer.open(directory, run="", limits=Limits(batch=100, file_events=500)) as writer:
        for event in read(questioned):
            writer.append(event)
    for now in (0, GRACE_NS):
        seal(directory, limits=SealLimits(events=500), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot infer it
    rebuild(directory)
    return directory


@pytest.fixture
def sealed(segmented: Path, tmp_path: Path) -> Path:
    """Return a copy of the segmented journal to play with."""
    return shutil.copytree(segmented, tmp_path / "sealed")


def tail_file(journal: Path) -> Path:
    """Return the newest file of a journal."""
    return max((journal / "tail").iterdir())
