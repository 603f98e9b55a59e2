"""Hold a broker's terminal against the numbered cases, on a demo account only."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import msgspec

from engine.broker.conformance import Outcome, Part, Session, run_suite
from engine.config import Config
from engine.settings import load
from journal.errors import UsageError
from tools.cli import screen
from tools.cli.brokers import look_at
from tools.cli.errors import FINE, PROBLEM

_WORDS = {"passed": "ok", "failed": "failed", "skipped": "skipped"}


class Vectors(msgspec.Struct, frozen=True):
    """What is recorded: every case with every call it made and the broker's answers."""

    server: str
    symbol: str
    outcomes: list[Outcome]


def conformance(
    config: Path, *, symbol: str, record: Path | None, reading: bool, as_json: bool
) -> int:
    """Run the cases and print what became of each; PROBLEM when one failed."""
    settings = load(config, environ=os.environ)
    if settings.broker.account.trade_mode != "demo":
        raise UsageError(
            f"{config} configures a {settings.broker.account.trade_mode} account; the cases send "
            "orders, so they run on demo accounts only"
        )
    chosen = symbol or settings.strategies[0].symbol
    if not as_json:
        screen.title(f"Conformance of {settings.broker.account.server}", chosen)
    parts = (Part.UNCONNECTED, Part.READING) if reading else tuple(Part)
    outcomes = anyio.run(_run, settings, config.parent, chosen, parts, not as_json)
    vectors = Vectors(settings.broker.account.server, chosen, outcomes)
    if record is not None:
        record.write_bytes(msgspec.json.format(msgspec.json.encode(vectors)) + b"\n")
    counts = {word: sum(one.result == word for one in outcomes) for word in _WORDS}
    if as_json:
        screen.json_text(vectors)
    else:
        screen.line()
        screen.line("  " + ", ".join(f"{count} {word}" for word, count in counts.items()))
    return PROBLEM if counts["failed"] else FINE


async def _run(
    config: Config, base: Path, symbol: str, parts: tuple[Part, ...], show: bool
) -> list[Outcome]:
    outcomes = []
    async with look_at(config, base) as (calls, clock, initialize):

        async def wait(seconds: float) -> None:
            del seconds
            await clock.next()

        session = Session(calls, symbol, config.broker.account, wait, initialize)
        async for outcome in run_suite(session, parts):
            outcomes.append(outcome)
            if show:
                said = f": {outcome.said}" if outcome.said else ""
                line = f"{_WORDS[outcome.result]:<9}{outcome.title}{said}"
                screen.facts([(str(outcome.number), line)])
    return outcomes
