"""Plays a session, keeps what is needed to look at a failing one, and says what was met."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console, JustifyMethod
from rich.table import Table

from tools.simulation.invariants import violations
from tools.simulation.plan import Plan, save_plan
from tools.simulation.session import Session
from tools.simulation.shrink import shrink
from tools.simulation.visits import WENT_ON, expected, went_on

COLUMNS: dict[str, JustifyMethod] = {
    "group": "left",
    "what": "left",
    "visits": "right",
    "went on": "right",
}


class Failure(msgspec.Struct, frozen=True):
    """A session in which something did not hold."""

    plan: Plan
    problems: list[str]


class Result(msgspec.Struct):
    """All sessions of a run."""

    passed: int = 0
    failures: list[Failure] = []
    visits: Counter[str] = msgspec.field(default_factory=Counter)
    interrupted: bool = False

    @property
    def sessions(self) -> int:
        """How many were played."""
        return self.passed + len(self.failures)


def play(plan: Plan, visits: Counter[str] | None = None) -> list[str]:
    """Play one session; return what did not hold in it, and count what it met."""
    session = Session(plan)
    try:
        record = session.run()
        found = violations(record)
    except Exception as error:  # noqa: BLE001 (a crash is a finding like any other)
        place = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"]
    if visits is not None:
        visits.update(record.visits)
        visits["orders sent"] += len(record.sent)
        visits["events"] += len(record.events)
        visits["processes"] += len(record.endings)
    return found


def keep(failure: Failure, folder: Path, *, smaller: bool) -> Path:
    """Leave a failing session's plan, its journal and the smallest plan that fails."""
    place = folder / f"seed-{failure.plan.seed}"
    save_plan(failure.plan, place / "plan.yaml")
    session = Session(failure.plan)
    try:
        session.run()
    except Exception as error:  # noqa: BLE001 (it failed before: this is what it said)
        (place / "error.txt").write_text("".join(traceback.format_exception(error)), "utf-8")
    session.record.disk.save(session.record.journal, place / "journal")
    if session.record.former is not None:
        session.record.disk.save(session.record.former.journal, place / "former-journal")
    if smaller:
        wanted = _kinds(failure.problems)
        smallest = shrink(failure.plan, lambda plan: bool(wanted & _kinds(play(plan))))
        save_plan(smallest, place / "smallest.yaml")
    return place


def _kinds(problems: Iterable[str]) -> set[str]:
    """What problems are of, without whose: a plan is made smaller only while it shows the same."""
    return {re.sub(r"\S*\d\S*", "…", problem) for problem in problems}


def unvisited(result: Result) -> list[str]:
    """Return the rows that no session visited."""
    return [name for name in expected() if not result.visits[name]]


def print_visits(console: Console, result: Result) -> None:
    """Print the table of what was met."""
    table = Table(title="Visits", title_justify="left")
    for name, justify in COLUMNS.items():
        table.add_column(name, justify=justify)
    rows = dict.fromkeys([*expected(), *sorted(result.visits)])
    for row in rows:
        group, colon, what = row.partition(": ")
        if colon and not row.endswith(WENT_ON):
            lived = str(result.visits[went_on(row)]) if group == "trouble" else ""
            table.add_row(group, what, str(result.visits[row]), lived)
    console.print(table)
    for name in ("processes", "events", "orders sent"):
        console.print(f"{result.visits[name]:>12,} {name}")
