"""The command that measures: `python -m tools.bench`, which `tools/dev.py bench` runs."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from journal.errors import DaybookError
from tools.bench import contest, machine, report
from tools.bench.catalogue import CONTESTS, CORPUS, QUICK_CORPUS, QUICK_SEALED, SEALED
from tools.bench.contender import Apart, Here, Missing
from tools.bench.report import Report
from tools.bench.rows import Contest, Result, Setting

RESULTS = Path("bench-results")

SYNCS, QUICK_SYNCS = 300, 5

COULD_NOT_RUN = 2

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(epilog="Example: python3 tools/dev.py bench --only demo --only kernel")
def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this benchmark; repeatable.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Little work, one round: to see that all of it runs.")
    ] = False,
    list_only: Annotated[bool, typer.Option("--list", help="Name the benchmarks.")] = False,
    events: Annotated[
        int,
        typer.Option(metavar="N", min=100_000, help="Events in the large sealed journal."),
    ] = SEALED,
    rounds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Rounds, instead of each one's own.")
    ] = None,
    json: Annotated[
        Path, typer.Option("--json", metavar="FILE", help="Where the figures are written.")
    ] = RESULTS / "bench.json",
    folder: Annotated[
        Path,
        typer.Option(
            "--dir", metavar="DIR", help="Where to measure, on the disk in question; left empty."
        ),
    ] = RESULTS,
) -> None:
    """Measure the engine, each figure beside a reference from the same run."""
    if list_only:
        for one in CONTESTS:
            typer.echo(f"{one.name:18} {one.summary}")
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    try:
        measured = measure(
            console, chosen(only or []), folder, quick=quick, rounds=rounds, large=events
        )
        report.write(measured, json)
    except DaybookError as error:
        typer.echo(f"bench: {error}", err=True)
        raise typer.Exit(COULD_NOT_RUN) from None
    report.print_results(console, measured)
    console.print(f"{measured.seconds:.0f} s; figures in {json}")


def chosen(names: list[str]) -> list[Contest]:
    """Return the benchmarks with these names, all without any. Raises DaybookError."""
    known = [one.name for one in CONTESTS]
    for name in names:
        if name not in known:
            raise DaybookError(f"there is no benchmark {name!r}; there are {', '.join(known)}")
    return [one for one in CONTESTS if not names or one.name in names]


def measure(
    console: Console,
    contests: list[Contest],
    where: Path,
    *,
    quick: bool = False,
    rounds: int | None = None,
    large: int = SEALED,
) -> Report:
    """Run the contests in a new folder inside `where`, which is removed afterwards.

    With `quick` everything runs in this process, since then nothing is measured.
    """
    begun = time.perf_counter()
    with _folder(where) as folder:
        facts = machine.look(folder, QUICK_SYNCS if quick else SYNCS)
        report.print_preface(console, facts, quick=quick)
        corpora = {"demo": _made("corpus", CORPUS, QUICK_CORPUS, folder, quick=quick)}
        if any(one.corpus == "sealed" for one in contests):
            with console.status("writing and sealing the large journal"):
                corpora["sealed"] = _made("sealed", large, QUICK_SEALED, folder, quick=quick)
        found: list[Result] = []
        for one in contests:
            with console.status(one.summary):
                found.append(_run(one, folder, corpora[one.corpus], quick=quick, rounds=rounds))
    rows, notes = report.results(found)
    return Report(facts, quick, time.perf_counter() - begun, rows, notes)


def _run(one: Contest, folder: Path, corpus: Path, *, quick: bool, rounds: int | None) -> Result:
    place = folder / one.name
    try:
        return contest.run(
            one,
            Here if quick else Apart,
            folder=place,
            corpus=corpus,
            size=one.quick if quick else one.size,
            rounds=1 if quick else rounds or one.rounds,
        )
    except Missing as error:
        return Result([], f"{one.name}: not measured, {error}")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _made(name: str, size: int, little: int, folder: Path, *, quick: bool) -> Path:
    """Have a journal written by `tools.bench.NAME:make` and return where it is."""
    setting = Setting(str(folder), str(folder / "corpus"), little if quick else size)
    start = Here if quick else Apart
    with closing(start(f"tools.bench.{name}:make", setting)) as maker:
        maker.round()
    return folder / name


@contextmanager
def _folder(where: Path) -> Iterator[Path]:
    """A folder of our own, gone afterwards whatever happens."""
    where.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="measuring-", dir=where))
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    app()
