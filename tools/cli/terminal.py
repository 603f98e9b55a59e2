"""Runs programs that were written for the real MetaTrader5 module on the simulated terminal.

Nothing of Daybook's is run beside them: no engine, no journal. The program's output is its own.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from engine.feeds.bars import read_rates
from engine.terminal import Terminal, load_profile, run_script
from engine.terminal.market import BarMarket, Market, RandomMarket, TickMarket
from engine.terminal.market.base import Table
from engine.terminal.profile import PROFILES, Profile
from engine.terminal.records import TICKS
from journal.errors import UsageError
from tools.cli import screen
from tools.cli.errors import FINE, PROBLEM, say

Stamps = Literal["server", "utc"]


def run(
    script: Path,
    arguments: Sequence[str],
    *,
    profile: str,
    bars: Sequence[str],
    ticks: Sequence[str],
    stamps: Stamps,
    seed: int,
    book: Path | None,
) -> int:
    """Run a program to its end or to that of the data, and return its exit code.

    bars, ticks  `SYMBOL=FILE` each; without either, prices are drawn for every symbol
    Raises DaybookError for what is wrong before the program begins, and KeyboardInterrupt.
    """
    if not script.is_file():
        raise UsageError(f"there is no program {script}; give the path of a Python file")
    facts = load_profile(profile)
    market = _market(facts, bars, ticks, stamps, seed)
    with Terminal(facts, market, book, seed) as terminal:
        try:
            ended = run_script(script, terminal, arguments)
        except SystemExit as stop:
            return _exit_code(stop)
        except Exception as error:  # noqa: BLE001 (the program's own, shown as Python shows it)
            _show(error, script)
            return PROBLEM
        if ended:
            say(f"the prices have ended; {_account(terminal)}")
    return FINE


def profiles() -> int:
    """Print the accounts that can be simulated by name."""
    rows = []
    for file in sorted(PROFILES.glob("*.yaml")):
        facts = load_profile(file)
        account = facts.account
        money = f"{account.currency} {account.balance:,.0f}"
        names = ", ".join(facts.symbols)
        rows.append((file.stem, account.margin_mode, money, f"1:{account.leverage}", names))
    columns: list[tuple[str, screen.Justify]] = [
        ("profile", "left"),
        ("account", "left"),
        ("balance", "right"),
        ("leverage", "right"),
        ("symbols", "left"),
    ]
    screen.table(columns, rows)
    return FINE


def _market(
    profile: Profile, bars: Iterable[str], ticks: Iterable[str], stamps: Stamps, seed: int
) -> Market:
    bar_files, tick_files = _files("--bars", bars), _files("--ticks", ticks)
    if bar_files and tick_files:
        raise UsageError("--bars and --ticks exclude each other; give one kind of prices")
    if bar_files:
        return BarMarket({symbol: read_rates(file) for symbol, file in bar_files.items()})
    if tick_files:
        data = {symbol: _read_ticks(file) for symbol, file in tick_files.items()}
        return TickMarket(data, stamps)
    return RandomMarket.of(profile, seed=seed)


def _files(option: str, given: Iterable[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for text in given:
        symbol, equals, file = text.partition("=")
        if not (symbol and equals and file):
            raise UsageError(f"{option} is {text!r}; expected SYMBOL=FILE, as EURUSD=prices.csv")
        if symbol in files:
            raise UsageError(f"{option} names {symbol} twice; give each symbol one file")
        files[symbol] = Path(file)
    return files


def _read_ticks(path: Path) -> Table:
    """Return the ticks of a CSV or Parquet file in the layout of `copy_ticks_*`."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}; --ticks names a CSV or Parquet file of ticks")
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path} cannot be read as ticks: {str(error).splitlines()[0]}") from error
    known = [name for name in TICKS.names or () if name in frame.columns]
    missing = [name for name in ("time_msc", "bid", "ask") if name not in known]
    if missing:
        raise UsageError(
            f"{path} has no column {', '.join(missing)}; ticks need time_msc, bid and ask"
        )
    if frame.is_empty():
        raise UsageError(f"{path} holds no ticks")
    rows: Table = np.zeros(frame.height, dtype=[(name, TICKS[name]) for name in known])
    for name in known:
        column = frame[name]
        if not column.dtype.is_numeric() or column.null_count() or not column.is_finite().all():
            raise UsageError(f"{path}: column {name} does not hold numbers throughout")
        rows[name] = column.to_numpy()
    return rows


def _account(terminal: Terminal) -> str:
    module = terminal.module()
    module.initialize()
    account = module.account_info()
    return (
        f"balance {account.balance:,.2f} {account.currency}, equity {account.equity:,.2f}, "
        f"open positions {module.positions_total()}"
    )


def _exit_code(stop: SystemExit) -> int:
    """Return what Python would end with, and print what it would print."""
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or FINE
    sys.stderr.write(f"{stop.code}\n")
    return PROBLEM


def _show(error: Exception, script: Path) -> None:
    """Print the traceback from the program's first line on, without what called it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != str(script):
        trace = trace.tb_next
    sys.stderr.write("".join(traceback.format_exception(error.with_traceback(trace))))
