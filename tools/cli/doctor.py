"""Look at everything a run needs, before there is one: terminal, account, symbols, clock, disk and
journal. Each line says what is wrong and how to mend it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import anyio

from engine.broker.examine import Finding, Level, examine
from engine.config import Config
from engine.settings import load
from journal.errors import JournalError
from journal.verify import verify
from tools.cli import screen
from tools.cli.brokers import look_at
from tools.cli.errors import FINE, PROBLEM
from tools.cli.places import holds_journal

ENOUGH_BYTES = 1 << 30
"""A gigabyte is years of a few strategies' events."""
FEW_BYTES = 100 << 20
"""With less the journal may halt, and trading with it, within days."""

_WORDS: dict[Level, str] = {"ok": "ok", "warning": "mind", "problem": "failed"}


def doctor(config: Path, *, as_json: bool) -> int:
    """Print what was found; PROBLEM when something keeps the engine from trading."""
    settings = load(config, environ=os.environ)
    if not as_json:
        screen.title(f"Examining {settings.name}", str(config))
    findings: list[Finding] = []

    def add(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            rows: list[screen.Fact] = [
                (finding.subject, f"{_WORDS[finding.level]:<8}{finding.found}")
            ]
            if finding.mend:
                rows.append(("", f"{'mend':<8}{finding.mend}"))
            screen.facts(rows)

    add(Finding("settings", "ok", f"{config} is valid"))
    add(disk(Path(settings.journal)))
    add(journal(Path(settings.journal)))
    anyio.run(_examine, settings, config.parent, add)
    ok = all(finding.level != "problem" for finding in findings)
    if as_json:
        screen.json_text({"config": str(config), "ok": ok, "findings": findings})
    return FINE if ok else PROBLEM


async def _examine(config: Config, base: Path, add: Callable[[Finding], None]) -> None:
    async with look_at(config, base) as (calls, clock, initialize):
        async for finding in examine(calls, config, clock, initialize):
            add(finding)


def disk(directory: Path) -> Finding:
    """Say how much room the journal has."""
    there = directory.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    found = f"{free / 1e9:.1f} GB free at {there}"
    mend = "make room, or configure a journal elsewhere: a full disk halts trading"
    if free < FEW_BYTES:
        return Finding("disk", "problem", found, mend)
    if free < ENOUGH_BYTES:
        return Finding("disk", "warning", found, mend)
    return Finding("disk", "ok", found)


def journal(directory: Path) -> Finding:
    """Say whether the journal is whole; it is only read."""
    if not holds_journal(directory):
        return Finding("journal", "ok", f"none in {directory} yet: the first run begins it")
    try:
        report = verify(directory)
    except JournalError as error:
        return Finding("journal", "problem", str(error), f"daybook verify {directory}")
    bad = [one for one in report.findings if one.severity == "corrupt"]
    if bad:
        return Finding("journal", "problem", bad[0].what, bad[0].advice)
    found = f"{screen.plural(report.events, 'event')} up to {report.last_seq}, whole"
    torn = [one for one in report.findings if one.severity == "torn"]
    if torn:
        return Finding("journal", "warning", f"{found}; {torn[0].what}", torn[0].advice)
    return Finding("journal", "ok", found)
