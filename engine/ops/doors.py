"""What an operator can do to a journal whose engine is not running. It takes the journal's lock:
while an engine has it, a door says so instead of opening.

Nothing here reaches a broker: what is to be done there, the next start does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import memory
from engine.config import Config
from engine.kernel import Kernel
from engine.ops.commands import Answer, Command, HaltTrading, ResumeTrading
from engine.ops.obey import deals_of, obey
from engine.ops.switch import Switch
from engine.recovery import rebuild
from journal import Writer
from journal.envelope import stamp
from journal.errors import JournalError, UsageError
from journal.events import Payload
from projections.state import State

LATER = "the journal learns it at the next start"


def obey_at_rest(directory: Path, command: Command) -> Answer:
    """Carry out a command without an engine.

    Raises UsageError when it is refused, JournalError as opening the journal does.
    """
    with _opened(directory) as book:
        if book.state.run.id:
            return obey(command, book, book.config, Switch(directory), deals_of(directory))
    if isinstance(command, ResumeTrading) and Switch(directory).thrown():
        Switch(directory).clear()
        return Answer(done=True, text="resumed")
    raise UsageError(f"no run has begun in {directory} yet; start the engine first")


def halt_at_rest(directory: Path, command: HaltTrading) -> Answer:
    """Make the halt file, whatever the journal is like, and record it there if that can be done.

    Raises OSError when the file cannot be made.
    """
    switch = Switch(directory)
    switch.throw(command.by, command.reason)
    try:
        return obey_at_rest(directory, command)
    except (JournalError, UsageError) as error:
        text = f"halted by {switch.path.name}; {LATER} ({error})"
        return Answer(done=True, text=text, halt_reason=command.reason)


class _Book:
    """A journal that is opened for one command."""

    def __init__(self, writer: Writer, kernel: Kernel) -> None:
        self._writer, self._kernel = writer, kernel
        self.commit = writer.commit

    @property
    def state(self) -> State:
        return self._kernel.state

    @property
    def config(self) -> Config:
        """The configuration of the last run."""
        return self._kernel.config

    def record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        writer = self._writer
        event = stamp(data, writer.next_seq, time.time_ns(), writer.run, cause, corr)
        writer.append(event)
        for decision in self._kernel.step(event):
            writer.append(decision)


@contextmanager
def _opened(directory: Path) -> Iterator[_Book]:
    """Open the journal and finish what a crash cut off, as a start would; the last run goes on."""
    with Writer.open(directory, run="") as writer:
        kernel = memory.recall(directory)
        missing = rebuild(kernel, memory.later(directory, kernel))
        run = writer.run = kernel.state.run.id
        if run:
            for decision in missing:
                writer.append(decision)
            for note in writer.recovered:
                writer.append(stamp(note, writer.next_seq, time.time_ns(), run))
        yield _Book(writer, kernel)
