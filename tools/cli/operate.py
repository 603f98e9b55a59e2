"""An operator's commands: to the running engine over its channel, to the journal or the halt file
when none runs."""

from __future__ import annotations

import getpass
import time
from pathlib import Path

from engine.ops import caller, doors
from engine.ops.commands import (
    Answer,
    CancelOrders,
    Command,
    FlattenPositions,
    HaltTrading,
    PauseTrading,
    ResolveOrder,
    ResumeTrading,
    StopEngine,
)
from engine.ops.switch import NAME, Switch
from journal import layout
from journal.errors import UsageError
from journal.lock import holder
from tools.cli import doubts, screen
from tools.cli.errors import FINE, PROBLEM
from tools.cli.places import existing

NEXT = "No engine runs: it counts from the next start on."
BY_HAND = (
    "No engine runs, so nothing has happened at the broker yet: the next start does it before it "
    "trades. If that is too late, act in the terminal by hand; the next start takes that in."
)

RELEASE_S = 10.0
"""Seconds that a process has, after its run has ended, to let go of the journal."""


def pause(directory: Path, reason: str, *, as_json: bool) -> int:
    """Let nothing new be sent."""
    command = PauseTrading(by=operator(), reason=given(reason))
    return _either(directory, command, NEXT, as_json=as_json)


def resume(directory: Path, reason: str, *, as_json: bool) -> int:
    """Let trading go on, and remove the halt file; PROBLEM when it halted again at once."""
    command = ResumeTrading(by=operator(), reason=given(reason))
    answer, running = _asked(directory, command)
    _say(answer, running=running, as_json=as_json, remark="" if running else NEXT)
    return PROBLEM if answer.halt_rule else FINE


def halt(directory: Path, reason: str, *, as_json: bool) -> int:
    """Make the halt file first: it counts whether or not anybody answers."""
    command = HaltTrading(by=operator(), reason=given(reason))
    Switch(existing(directory)).throw(command.by, command.reason)
    try:
        answer = caller.ask(directory, command)
    except caller.NoAnswer as error:
        text = f"halted: {NAME} is there, and the engine obeys it; but {error}"
        return _say(Answer(done=True, text=text), running=True, as_json=as_json)
    running = answer is not None
    answer = answer or doors.halt_at_rest(directory, command)
    return _say(answer, running=running, as_json=as_json)


def resolve(
    directory: Path, key: str, *, executed: int | None, not_executed: bool, reason: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Settle an unresolved order or change by an operator's word; without one, show what is
    known of it."""
    if executed is not None and not_executed:
        raise UsageError("--executed and --not-executed exclude each other; it is one or the other")
    if executed is None and not not_executed:
        return doubts.show(directory, key, as_json=as_json)
    command = ResolveOrder(
        by=operator(), reason=given(reason), key=key,
        executed=executed is not None, order=executed or 0,
    )  # fmt: skip
    return _either(directory, command, "", as_json=as_json)


def flatten(directory: Path, *, symbol: str, strategy: str, reason: str, as_json: bool) -> int:
    """Have positions closed and pending orders cancelled."""
    command = FlattenPositions(
        by=operator(), reason=given(reason), symbol=symbol, strategy=strategy
    )
    return _either(directory, command, BY_HAND, as_json=as_json)


def cancel(
    directory: Path, *, key: str, symbol: str, strategy: str, reason: str, as_json: bool
) -> int:
    """Have pending orders cancelled."""
    if key and (symbol or strategy):
        raise UsageError("a key names one order: leave out --symbol and --strategy")
    command = CancelOrders(
        by=operator(), reason=given(reason), order_key=key, symbol=symbol, strategy=strategy
    )
    return _either(directory, command, BY_HAND, as_json=as_json)


def stop(directory: Path, reason: str, *, timeout_s: float, as_json: bool) -> int:
    """Have the run end, and wait until the journal is free."""
    command = StopEngine(by=operator(), reason=reason.strip())
    existing(directory)
    answer = caller.ask_and_await_end(directory, command, end_s=timeout_s)
    if answer is None:
        return _say(Answer(done=True, text="no engine runs there"), running=False, as_json=as_json)
    if answer.done:
        _await_release(directory)
        answer = Answer(done=True, text="stopped", seq=answer.seq)
    return _say(answer, running=True, as_json=as_json)


def operator() -> str:
    """Return who asks."""
    try:
        return getpass.getuser()[:64]
    except (OSError, KeyError):  # no such user on this machine, as in some containers
        return "operator"


def given(reason: str) -> str:
    """Return the reason. Raises UsageError when there is none."""
    if not reason.strip():
        raise UsageError("--reason is empty; say in a few words why, it goes into the journal")
    if len(reason) > 500:
        raise UsageError(f"--reason has {len(reason)} characters; 500 are allowed")
    return reason.strip()


def _either(directory: Path, command: Command, at_rest: str, *, as_json: bool) -> int:
    """Have a command obeyed and say so; `at_rest` is what it means when no engine runs."""
    answer, running = _asked(directory, command)
    return _say(answer, running=running, as_json=as_json, remark="" if running else at_rest)


def _asked(directory: Path, command: Command) -> tuple[Answer, bool]:
    """Ask the engine, or open the journal when none runs; return also whether one does."""
    answer = caller.ask(existing(directory), command)
    running = answer is not None
    return answer or doors.obey_at_rest(directory, command), running


def _await_release(directory: Path) -> None:
    deadline = time.monotonic() + RELEASE_S
    while holder(directory / layout.LOCK) is not None and time.monotonic() < deadline:
        time.sleep(0.05)


def _say(answer: Answer, *, running: bool, as_json: bool, remark: str = "") -> int:
    if not answer.done:
        raise UsageError(answer.text)
    rule = answer.halt_rule
    if as_json:
        halted = {"rule": rule, "reason": answer.halt_reason} if rule else None
        value = {"text": answer.text, "seq": answer.seq, "running": running, "halted": halted}
        screen.json_text(value)
    else:
        screen.line(answer.text)
        if remark:
            screen.line(remark)
    return FINE
