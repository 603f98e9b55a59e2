"""What an operator can do to a journal whose engine is not running. Each leaves one event, or none.

While an engine runs it holds the journal's lock, and a door says so instead of opening.
"""

from __future__ import annotations

import getpass
import time
from pathlib import Path

from engine import memory
from engine.recovery import rebuild
from journal import Writer
from journal.envelope import AnyEvent, stamp
from journal.errors import UsageError
from journal.events import Payload, TradingPaused, TradingResumed
from projections.state import State


def pause(directory: Path, reason: str) -> State:
    """Let nothing new be sent from the next start on. Returns the state after it.

    Raises UsageError when trading is halted already, JournalError as opening the journal does.
    """
    return _record(directory, TradingPaused(_operator(), reason), halted=False)


def resume(directory: Path, reason: str) -> State:
    """Let trading go on after a halt or a pause, from the next start on. Returns the state then.

    Raises UsageError when nothing is halted, JournalError as opening the journal does.
    """
    return _record(directory, TradingResumed(_operator(), reason), halted=True)


def _record(directory: Path, command: Payload, *, halted: bool) -> State:
    with Writer.open(directory, run="") as writer:
        kernel = memory.recall(directory)
        missing = rebuild(kernel, memory.later(directory, kernel))
        run = kernel.state.run
        if not run.id:
            raise UsageError(f"no run has begun in {directory} yet; start the engine first")
        if halted != bool(run.halt_rule):
            now = f"halted ({run.halt_rule}: {run.halt_reason})" if run.halt_rule else "not halted"
            raise UsageError(f"trading is {now} in {directory}; nothing was changed")
        writer.run = run.id
        for decision in missing:  # finish what a crash cut off, as a start would
            writer.append(decision)
        for note in writer.recovered:
            writer.append(_stamped(note, writer))
        event = _stamped(command, writer)
        writer.append(event)
        kernel.step(event)
    return kernel.state


def _stamped(data: Payload, writer: Writer) -> AnyEvent:
    return stamp(data, writer.next_seq, time.time_ns(), writer.run)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user on this machine, as in some containers
        return "operator"
