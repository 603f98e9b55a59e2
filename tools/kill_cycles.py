"""Kill the engine and its worker again and again, as real processes, and check what is left.

`python -m tools.kill_cycles --cycles 200` is the long form of what the tests do a few times. The
seed repeats what is drawn; at which instruction a process dies, only the machine knows.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.settings import load
from journal.errors import DaybookError
from tools.cli.compose import run_engine
from tools.simulation.audit import Audit, audit
from tools.simulation.plan import dice
from tools.simulation.processes import VICTIMS, Pair, draw_moment

CALM_BARS = 300
"""Bars of the last run, in which nothing is killed: a quick strategy trades often in so many."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(epilog="Example: python -m tools.kill_cycles --cycles 200")
def main(
    cycles: Annotated[int, typer.Option(metavar="N", min=1, help="How many kills.")] = 20,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of all that is drawn.")] = 1,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An empty folder for journal and book, to be kept."),
    ] = None,
) -> None:
    """Run the engine with its worker, kill one or both at drawn moments, start again, and so on.

    Then let it trade in peace and hold the journal against the broker's own book. Exit code 1 when
    something was doubled, lost, left open or forgotten; the journal is kept then.
    """
    if sys.platform != "linux":
        typer.echo("kill_cycles needs Linux: it finds the worker in /proc", err=True)
        raise typer.Exit(2)
    if keep is not None and keep.exists() and any(keep.iterdir()):
        typer.echo(
            f"{keep} is not empty; give a folder that is, or that is not there yet", err=True
        )
        raise typer.Exit(2)
    folder = keep or Path(tempfile.mkdtemp(prefix="daybook-kills-"))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    begun = time.perf_counter()
    with console.status("killing") as status:
        found = play(folder, cycles, seed, status.update)
    _print(console, found, time.perf_counter() - begun)
    if found.problems:
        for problem in found.problems[:20]:
            console.print(f"  {problem}", markup=False, soft_wrap=True)
        command = f"python -m tools.kill_cycles --cycles {cycles} --seed {seed}"
        console.print(f"  repeat: {command}", soft_wrap=True)
        console.print(f"  its journal: {folder / 'journal'}", soft_wrap=True)
    elif keep is None:
        shutil.rmtree(folder)
    survived = "nothing doubled, nothing lost" if not found.problems else "failed"
    console.print(f"{found.counts['kills']} kills: {survived}")
    raise typer.Exit(1 if found.problems else 0)


def play(folder: Path, cycles: int, seed: int, told: Callable[[str], object]) -> Audit:
    """Kill so many times, trade in peace, and audit. `told` hears how far it has come."""
    chance = dice(seed, 0)
    pair = Pair(folder)
    counts = Counter[str]()
    problems: list[str] = []
    try:
        while counts["kills"] < cycles and not problems:
            problems += _cycle(pair, chance, counts)
            told(f"{counts['kills']} of {cycles} kills")
        told("trading in peace")
    finally:
        pair.kill("engine")
    counts["processes of the engine"] = pair.starts
    try:
        summary = run_engine(load(pair.config, environ={}), base=folder, max_bars=CALM_BARS)
        if summary.reason != "bars reached":
            problems.append(f"the calm run ended: {summary.reason}")
        found = audit(pair.config)
    except DaybookError as error:
        return Audit([*problems, f"{type(error).__name__}: {error}"], counts)
    return Audit(problems + found.problems, counts + found.counts)


def _cycle(pair: Pair, chance: Random, counts: Counter[str]) -> Iterator[str]:
    """Start what does not run, wait for a drawn moment, kill; yield what should not have been."""
    if not pair.running:
        pair.start()
    victim, moment = chance.choice(VICTIMS), draw_moment(chance)
    reached = pair.reach(moment)
    if reached == "stuck":
        yield f"nothing was written any more while waiting for {moment}"
        return
    if reached == "ended":
        code = pair.end()
        if not pair.orphaned:
            yield f"the engine ended by itself, with code {code}; see engine.log"
        counts["gave up: its worker died while it started"] += 1
        return
    if pair.kill(victim):
        counts["kills"] += 1
        counts[f"killed: {victim}"] += 1


def _print(console: Console, found: Audit, seconds: float) -> None:
    table = Table(title="Kill cycles", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name in sorted(found.counts):
        table.add_row(name, f"{found.counts[name]:,}")
    table.add_row("seconds", f"{seconds:,.0f}")
    console.print(table)


if __name__ == "__main__":
    app()
