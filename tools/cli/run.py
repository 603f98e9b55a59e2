"""Run the engine: the live loop, or the same loop against the simulated terminal."""

from __future__ import annotations

import os
from pathlib import Path

from engine.config import Config
from engine.ops.logs import configure
from engine.settings import load
from tools.cli import screen
from tools.cli.compose import Progress, Summary, run_engine
from tools.cli.errors import FINE, PROBLEM
from tools.cli.places import writable


def run(config: Path, *, as_json: bool) -> int:
    """Run what the configuration file says, and print how it went."""
    settings = load(config, environ=os.environ)
    directory = writable(Path(settings.journal))
    if not as_json:
        screen.title(f"Running {settings.name}", f"journal {directory}")
    summary = run_behind_progress(settings, base=config.parent)
    if as_json:
        screen.json_text(summary)
    else:
        print_summary(summary)
    return PROBLEM if summary.halted else FINE


def run_behind_progress(config: Config, *, base: Path, bars: int | None = None) -> Summary:
    """Run the engine behind a progress bar; stop after `bars` bars."""
    configure(config.log, Path(config.journal))
    with screen.progress("trading") as move:

        def observe(seen: Progress) -> None:
            total = min(bars or seen.total, seen.total)
            equity = screen.money(seen.equity, "")
            remark = f"{screen.number(seen.bars)} bars   {seen.fills} fills   {equity}"
            move(seen.bars, total, remark)

        return run_engine(config, base=base, observer=observe, max_bars=bars)


def print_summary(summary: Summary) -> None:
    """Print how a run went, one figure a line."""
    rate = summary.bars / summary.seconds if summary.seconds else 0.0
    currency = summary.currency
    rows: list[screen.Fact] = [
        ("run", summary.run, summary.reason),
        ("bars", screen.number(summary.bars), "of this run"),
        ("orders", screen.number(summary.orders)),
        ("fills", screen.number(summary.fills), f"{screen.plural(summary.trades, 'trade')} closed"),
        ("net profit", screen.money(summary.net_profit, currency), "after all costs"),
        (
            "drawdown",
            screen.money(summary.drawdown, currency),
            f"{screen.percent(summary.drawdown_percent)} of equity's peak",
        ),
        ("balance", screen.money(summary.balance, currency)),
        ("events", screen.number(summary.events), "in the journal"),
        ("time", screen.duration(summary.seconds), f"{screen.number(round(rate))} bars/s"),
    ]
    if summary.halted:
        rows.append(("halted", summary.halted, "nothing new is sent until an operator resumes"))
    screen.facts(rows)
