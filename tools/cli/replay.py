"""Run a recorded journal again with today's code and say whether it decides the same."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from journal.errors import UsageError
from replay.session import Divergence, ReplayReport, verify_session
from tools.cli import screen
from tools.cli.errors import FINE, PROBLEM
from tools.cli.places import existing
from tools.cli.screen import duration, number, plural

ABSENT = "-"


def replay(directory: Path, *, verify: bool, as_json: bool) -> int:
    """Replay the journal and print whether it agrees; PROBLEM when it does not."""
    if not verify:
        raise UsageError("say what the replay is for: `daybook replay DIR --verify`")
    begun = time.perf_counter()
    report = replayed(existing(directory))
    seconds = time.perf_counter() - begun
    code = FINE if report.agrees else PROBLEM
    if as_json:
        screen.json_text({"journal": str(directory), "agrees": report.agrees, "report": report})
        return code
    screen.title(str(directory), "every decision computed again from the recorded inputs")
    took = duration(seconds)
    screen.result("replay", ok=report.agrees, text=replay_text(report), remark=took)
    screen.result("digest", ok=report.agrees, text=digest_text(report))
    if report.divergence is not None:
        print_divergence(report.divergence)
    return code


def replayed(directory: Path, events: int = 0) -> ReplayReport:
    """Replay a journal behind a progress bar; `events` are expected, 0 when nobody knows."""
    with screen.progress("replaying") as move:
        return verify_session(directory, lambda done: move(done, events, plural(done, "event")))


def replay_text(report: ReplayReport) -> str:
    """Sum up a replay in a few words."""
    decisions = plural(report.decisions, "decision")
    if report.divergence is not None:
        return f"differs at seq {number(report.divergence.seq)}: {report.divergence.reason}"
    return f"{decisions} from {plural(report.inputs, 'input')}, as recorded"


def digest_text(report: ReplayReport) -> str:
    """Say which state the replay ended in, and whether the run recorded the same."""
    if report.divergence is not None:
        return f"{report.digest}, where the replay stopped"
    if report.recorded_digest:
        return f"{report.digest}, as recorded"
    return f"{report.digest}; none is recorded, the last run has not ended"


def print_divergence(divergence: Divergence) -> None:
    """Print what differs, field by field, recorded beside computed."""
    recorded, computed = _fields(divergence.recorded), _fields(divergence.computed)
    names = list(dict.fromkeys([*recorded, *computed]))
    screen.line()
    screen.table(
        [("field", "left"), ("recorded", "left"), ("computed today", "left")],
        [
            (name, recorded.get(name, ABSENT), computed.get(name, ABSENT))
            for name in names
            if name == "type" or recorded.get(name) != computed.get(name)
        ],
    )


def _fields(text: str) -> dict[str, str]:
    """Return the fields of an event's JSON by dotted name; any other text as one field."""
    try:
        value = json.loads(text)
    except ValueError:
        return {"value": text} if text else {}
    return dict(_flat(value, "")) if isinstance(value, dict) else {"value": text}


def _flat(value: dict[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", item if isinstance(item, str) else json.dumps(item)
