"""The table that a person reads, and the file that a program reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.bench.machine import IN_MEMORY, Machine
from tools.bench.rows import Figure, Result, Row

PREFACE = """\
Ours and each reference run in turns in this same run, each in a process of its own; a line is the
median of the rounds with the least and the greatest. Read the ratios: absolute figures belong to
this machine and to what else it does. Not measured: start-up, imports, reading price files, and
everything else that tools/bench/README.md names."""


class Report(msgspec.Struct, frozen=True):
    """Everything that a run of the benchmarks found."""

    machine: Machine
    quick: bool
    seconds: float
    rows: list[Row]
    notes: list[str]


def write(report: Report, path: Path) -> None:
    """Write the report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def print_preface(console: Console, machine: Machine, *, quick: bool) -> None:
    """Print what is about to be measured, and on what."""
    console.print(PREFACE, style="dim")
    busy = "" if machine.load is None else f", {machine.load:.1f} tasks busy in the minute before"
    disk = f" on {machine.file_system}" if machine.file_system else ""
    console.print(
        f"\n{machine.processor}, {machine.cores} cores{busy}\n{machine.system}, {machine.python}\n"
        f"a durable append of 200 bytes{disk}: {machine.sync_us:.0f} µs "
        f"(one in ten above {machine.sync_p90_us:.0f})"
    )
    if machine.file_system in IN_MEMORY:
        console.print("This is no disk: syncs cost nothing here. Use --dir.", style="bold")
    if quick:
        console.print("--quick: far too little work to say anything about speed.", style="bold")


def print_results(console: Console, report: Report) -> None:
    """Print one table for each group, then the notes."""
    for group in ("journal", "engine", "terminal"):
        rows = [row for row in report.rows if row.group == group]
        if rows:
            console.print(_table(group, rows))
    for note in report.notes:
        console.print(Text(note, style="dim"))


def results(found: Sequence[Result]) -> tuple[list[Row], list[str]]:
    """Join the rows and the notes of several contests."""
    rows = [row for result in found for row in result.rows]
    return rows, [result.note for result in found if result.note]


def _table(group: str, rows: list[Row]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=group.title(), title_justify="left", pad_edge=False)
    table.add_column("what", no_wrap=True)
    for name in ("ours", "from .. to", "reference", "from .. to", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("beside", no_wrap=True)
    table.add_column("asked", justify="right", no_wrap=True)
    table.add_column("reached", no_wrap=True)
    before = ""
    for row in rows:
        ours = ("", "", "") if row.what == before else (row.what, *_ours(row))
        before = row.what
        table.add_row(*ours, *_reference(row), _against(row), row.target, _verdict(row))
    return table


def _ours(row: Row) -> tuple[str, str]:
    return f"{_text(row.ours.median)} {row.unit}", _span(row.ours)


def _reference(row: Row) -> tuple[str, str, str]:
    if row.reference is None or row.ratio is None:
        return "", "", ""
    ratio = f"{row.ratio.median:.2f} x" if row.ratio.median < 10 else f"{row.ratio.median:.0f} x"
    return _text(row.reference.median), _span(row.reference), ratio


def _against(row: Row) -> str:
    return f"{row.against}: {row.missing}" if row.missing else row.against


def _verdict(row: Row) -> Text:
    if row.reached is None:
        return Text("")
    return Text("yes", style="green") if row.reached else Text("no", style="red")


def _span(figure: Figure) -> str:
    return f"{_text(figure.low)} .. {_text(figure.high)}"


def _text(value: float) -> str:
    """Write three figures, or a whole number with thousands apart, or millions."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
