"""The command that proves execution and recovery: whole sessions with seeded trouble.

`python tools/simulate.py --seeds 10000` plays that many; the same seed is the same session on any
machine. It touches no real disk but for what it keeps of failing seeds.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from journal.errors import DaybookError
from tools.simulation import report
from tools.simulation.broker import all_bars
from tools.simulation.crew import play_all
from tools.simulation.draw import AFTERWARDS, HISTORY, draw
from tools.simulation.plan import Plan, load_plan
from tools.simulation.report import Failure, Result

ENOUGH = 5000
"""Sessions from which on every row of the table must have been visited."""

SHRUNK = 3
"""Failing seeds that are made small; the others are kept as they are."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(epilog="Example: python tools/simulate.py --seeds 10000")
def main(
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="How many sessions.")] = 200,
    first: Annotated[int, typer.Option(metavar="N", min=0, help="The first one's seed.")] = 0,
    bars: Annotated[
        int, typer.Option(metavar="N", min=20, max=2000, help="Bars with trouble in each.")
    ] = 100,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Processes; 0 for one on each processor.")
    ] = 0,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play this one plan (YAML) instead.")
    ] = None,
    keep: Annotated[
        Path, typer.Option(metavar="DIR", help="Where plans and journals of failing seeds go.")
    ] = Path("logs/simulation"),
) -> None:
    """Play sessions with trouble at every boundary, and check what must hold after each.

    Exit code 1 when a session failed, or when enough were played and something was never met; 130
    when interrupted.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    begun = time.perf_counter()
    try:
        plans = [load_plan(plan)] if plan else _drawn(first, seeds, bars)
    except DaybookError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    with console.status("playing") as status:

        def told(result: Result) -> None:
            status.update(f"{result.sessions} of {len(plans)}, {len(result.failures)} failed")

        result = play_all(plans, told, jobs=jobs or os.cpu_count() or 1)
    seconds = time.perf_counter() - begun
    report.print_visits(console, result)
    for number, failure in enumerate(result.failures):
        _tell(console, failure, keep, bars, smaller=number < SHRUNK)
    missing = report.unvisited(result) if result.sessions >= ENOUGH else []
    for name in missing:
        console.print(f"never visited: {name}")
    console.print(f"{result.sessions / seconds:.1f} sessions a second")
    if result.interrupted:
        console.print(f"interrupted: {len(plans) - result.sessions} were not played")
    console.print(f"{result.passed} of {result.sessions} seeds passed")
    if result.interrupted:
        raise typer.Exit(130)
    raise typer.Exit(1 if result.failures or missing else 0)


def _drawn(first: int, seeds: int, bars: int) -> list[Plan]:
    available = len(all_bars())
    assert available > HISTORY + bars + AFTERWARDS
    return [draw(seed, bars=bars, available=available) for seed in range(first, first + seeds)]


def _tell(console: Console, failure: Failure, folder: Path, bars: int, *, smaller: bool) -> None:
    """Say what failed, how to repeat it, and where its journal is."""
    place = report.keep(failure, folder, smaller=smaller)
    seed = failure.plan.seed
    console.print(f"seed {seed} failed:")
    for problem in failure.problems[:5]:
        console.print(f"  {problem}", markup=False)
    console.print(
        f"  repeat: python tools/simulate.py --first {seed} --seeds 1 --bars {bars}", soft_wrap=True
    )
    if smaller:
        console.print(
            f"  smaller: python tools/simulate.py --plan {place / 'smallest.yaml'}", soft_wrap=True
        )
    console.print(f"  its journal: {place / 'journal'}", soft_wrap=True)


if __name__ == "__main__":
    app()
