"""Pause and resume trading in a journal whose engine is not running."""

from __future__ import annotations

from pathlib import Path

from engine.ops import doors
from journal.errors import UsageError
from projections.state import State
from tools.cli import screen
from tools.cli.errors import FINE
from tools.cli.places import existing


def pause(directory: Path, reason: str, *, as_json: bool) -> int:
    """Journal a pause."""
    return _say(doors.pause(existing(directory), _given(reason)), as_json=as_json)


def resume(directory: Path, reason: str, *, as_json: bool) -> int:
    """Journal that trading may go on."""
    return _say(doors.resume(existing(directory), _given(reason)), as_json=as_json)


def _given(reason: str) -> str:
    if not reason.strip():
        raise UsageError("--reason is empty; say in a few words why, it goes into the journal")
    return reason.strip()


def _say(state: State, *, as_json: bool) -> int:
    run = state.run
    if as_json:
        halted = {"rule": run.halt_rule, "reason": run.halt_reason} if run.halt_rule else None
        screen.json_text({"seq": state.seq, "run": run.id, "halted": halted})
    elif run.halt_rule:
        screen.line(f"paused ({run.halt_reason}), from the next start on")
    else:
        screen.line("trading goes on with the next start")
    return FINE
