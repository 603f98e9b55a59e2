"""What the commands put on a screen: numbers, facts, tables and progress, and JSON for machines.

Works the same on a terminal of any width, in a pipe (no control characters) and in a locale that
lacks a character. Texts out of a journal are made harmless before they reach a terminal.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, TextIO

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from tools.cli.streams import harmless

Justify = Literal["left", "right"]
Fact = tuple[str, str] | tuple[str, str, str]
"""A label, its value, and perhaps a remark."""

PIPE_WIDTH = 1000
"""Columns where no terminal says how many there are: nothing is cut or folded."""

REFRESH_S = 0.1
LABEL_WIDTH = 11


def out() -> Console:
    """Return the console for results."""
    return _console(sys.stdout)


def notes() -> Console:
    """Return the console for what is not the result: progress and remarks."""
    return _console(sys.stderr)


def title(text: str, remark: str = "") -> None:
    """Print a heading and an empty line."""
    line = Text(harmless(text), style="bold")
    if remark:
        line.append(f"  {harmless(remark)}", style="not bold dim")
    out().print(line)
    out().print()


def facts(rows: Iterable[Fact]) -> None:
    """Print labels and values, one a line."""
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=LABEL_WIDTH)
    grid.add_column(overflow="fold")
    for row in rows:
        if len(row) == 3 and len(grid.columns) == 2:
            grid.add_column(style="dim", overflow="fold")
        grid.add_row(*(Text(harmless(cell)) for cell in row))
    _show(grid)


def table(columns: Sequence[tuple[str, Justify]], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings; a cell too wide for the terminal is folded."""
    grid = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for name, justify in columns:
        grid.add_column(Text(harmless(name)), justify=justify, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(harmless(cell)) for cell in row))
    _show(grid)


def line(text: str = "", style: str = "") -> None:
    """Print one line; a long one is folded between words."""
    out().print(Text(harmless(text), style=style))


def copyable(text: str) -> None:
    """Print one line that is never folded by us, so that it can be copied whole."""
    out().print(Text(harmless(text)), soft_wrap=True)


def result(label: str, *, ok: bool, text: str, remark: str = "") -> None:
    """Print how a check went, as a line of `facts` that begins with its verdict."""
    line = Text("ok", style="green") if ok else Text("failed", style="bold red")
    line.append(f"   {harmless(text)}", style="not bold default")
    if remark:
        line.append(f"   {harmless(remark)}", style="not bold dim default")
    row = Table.grid(padding=(0, 3, 0, 0))
    row.add_column(style="dim", no_wrap=True, min_width=LABEL_WIDTH)
    row.add_column(overflow="fold")
    row.add_row(Text(label), line)
    _show(row)


def json_text(value: object) -> None:
    """Print a value as JSON that is valid in every encoding."""
    plain = msgspec.to_builtins(value, enc_hook=str)
    sys.stdout.write(json.dumps(plain, indent=2) + "\n")


class Move(Protocol):
    """Moves a progress bar; `total` is what it ends at, 0 while nobody knows."""

    def __call__(self, done: int, total: int, remark: str) -> None:
        """Show how far it is, now and then."""


@contextmanager
def progress(label: str) -> Iterator[Move]:
    """Show a bar on the terminal while the block runs; yield what moves it."""
    console = notes()
    if not console.is_terminal:
        yield lambda done, total, remark: None
        return
    # Room for the terminal's own `^C`: a line that wraps could not be taken back.
    console.width -= 4
    bar = Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=None if console.width < 100 else 40),
        TaskProgressColumn(),
        TextColumn("{task.fields[remark]}", style="dim"),
        console=console,
        auto_refresh=False,
        transient=True,
        expand=console.width < 100,
    )
    with bar:
        task = bar.add_task(label, total=None, remark="")
        bar.refresh()
        shown = time.monotonic()
        wide = console.width >= 60

        def move(done: int, total: int, remark: str) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= REFRESH_S:
                shown = now
                bar.update(task, completed=done, total=total or None, remark=remark if wide else "")
                bar.refresh()

        yield move


def number(value: int) -> str:
    """Write a whole number with thousands apart."""
    return f"{value:,}"


def money(value: float, currency: str) -> str:
    """Write an amount with two digits and its currency."""
    rounded = round(value, 2) + 0.0  # no "-0.00"
    return f"{rounded:,.2f} {currency}".rstrip()


def percent(value: float) -> str:
    """Write a percentage with one digit."""
    return f"{value:.1f} %"


def price(value: float) -> str:
    """Write a price as short as it reads back, absent as `-`."""
    return f"{value:.10g}" if value else "-"


def size(count: int) -> str:
    """Write a number of bytes, in thousands of them: `912 B`, `1.2 MB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Write seconds, with minutes from one minute on."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def moment(ns: int) -> str:
    """Write nanoseconds UTC as date and time."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(count: int, noun: str) -> str:
    """Write a count and its noun: `1 event`, `2 events`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def command() -> str:
    """Return what to type to start this command again from the current folder."""
    started = Path(sys.argv[0])
    if started.parts[-2:] == ("cli", "__main__.py"):
        return f"{quoted(_seen_from_here(Path(sys.executable)))} -m tools.cli"
    found = shutil.which("daybook")
    if found is not None and started.stem == "daybook" and Path(found) == started.absolute():
        return "daybook"
    return quoted(_seen_from_here(started)) if started.stem == "daybook" else "daybook"


def quoted(text: str | Path) -> str:
    """Write an argument so that the shell takes it as one."""
    if os.name == "nt":
        return f'"{text}"' if " " in str(text) else str(text)
    return shlex.quote(str(text))


def _show(renderable: Table) -> None:
    """Print a table behind an indent, without the blanks that fill its lines up in a pipe."""
    console = out()
    indented = Padding(renderable, (0, 0, 0, 2), expand=False)
    if console.is_terminal:
        console.print(indented)
        return
    with console.capture() as captured:
        console.print(indented)
    sys.stdout.write("".join(f"{text.rstrip()}\n" for text in captured.get().splitlines()))


def _seen_from_here(path: Path) -> Path:
    try:
        return path.absolute().relative_to(Path.cwd())
    except ValueError:
        return path


def _console(stream: TextIO) -> Console:
    terminal = stream.isatty()
    return Console(
        file=stream,
        width=None if terminal else PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )
