"""One side of a contest in a process of its own, so that neither side's imports, heap or garbage
collector disturbs the other.

Run as a program it reads a line for each round and answers with a line of JSON. It never runs
unasked, so only one side works at a time.
"""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

import msgspec

from journal.errors import DaybookError
from tools.bench.rows import Entrant, Round, Sample, Setting

ROOT = Path(__file__).resolve().parents[2]


class Missing(DaybookError):
    """A contender cannot run here; the text says what is not installed."""


class Broken(DaybookError):
    """A contender's process ended or answered nonsense."""


class Answer(msgspec.Struct, frozen=True):
    """What a contender's process says: a sample, or what it lacks. Neither means ready."""

    sample: Sample = {}
    missing: str = ""


class Contender(Protocol):
    """Something that can run a round."""

    def round(self) -> Sample:
        """Run one round."""

    def close(self) -> None:
        """Let go of everything."""


class Here:
    """A contender in this process: for trying that it runs, not for measuring."""

    def __init__(self, entrant: str, setting: Setting) -> None:
        self._round = prepare(entrant, setting)

    def round(self) -> Sample:
        """Run one round."""
        return self._round()

    def close(self) -> None:
        """Let go of what the round holds."""
        del self._round


class Apart:
    """A contender in a process of its own. Raises Missing when it lacks a package."""

    def __init__(self, entrant: str, setting: Setting) -> None:
        self._entrant = entrant
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.contender", entrant],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            self._ask(msgspec.json.encode(setting))
        except BaseException:
            self.close()
            raise

    def round(self) -> Sample:
        """Run one round over there."""
        return self._ask(b"").sample

    def _ask(self, question: bytes) -> Answer:
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        try:
            asked.write(question + b"\n")
            asked.flush()
        except OSError as error:
            raise Broken(f"{self._entrant}: its process is gone ({error})") from error
        line = answered.readline()
        if not line:
            raise Broken(
                f"{self._entrant}: its process ended with code {self._process.wait()} before it "
                "answered; what it printed above says why"
            )
        answer = msgspec.json.decode(line, type=Answer)
        if answer.missing:
            raise Missing(answer.missing)
        return answer

    def close(self) -> None:
        """End the process and wait for it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # a question that a dead process never took
                    pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def prepare(entrant: str, setting: Setting) -> Round:
    """Find an entrant by its name and let it prepare. Raises Missing when a package is lacking."""
    module, _, name = entrant.partition(":")
    try:
        enter = cast(Entrant, getattr(importlib.import_module(module), name))
        Path(setting.folder).mkdir(parents=True, exist_ok=True)
        return enter(setting)
    except ModuleNotFoundError as error:
        raise Missing(f"{error.name} is not installed") from error


def main(entrant: str) -> None:
    """Prepare the entrant with the first line read, then run a round for every further one."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    setting = msgspec.json.decode(sys.stdin.buffer.readline(), type=Setting)
    try:
        run = prepare(entrant, setting)
    except Missing as error:
        answers.write(msgspec.json.encode(Answer(missing=str(error))) + b"\n")
        return
    answers.write(msgspec.json.encode(Answer()) + b"\n")
    while sys.stdin.buffer.readline():
        gc.collect()
        answers.write(msgspec.json.encode(Answer(sample=run())) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
