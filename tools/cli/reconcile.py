"""Hold a journal against its broker: through the engine while one runs, else by itself with a
gateway that cannot send."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from engine import memory
from engine.audit import Audit, Stranger
from engine.config import Config
from engine.execution.differences import KINDS, Name
from engine.ops import caller
from engine.ops.commands import ReconcileAccount
from engine.ops.obey import note_reconcile
from engine.reconciler import Reconciler
from engine.recorder import Recorder
from engine.recovery import rebuild
from engine.settings import load
from journal import Writer
from journal.envelope import AnyEvent
from journal.errors import UsageError
from journal.events import DiscrepancyFound, JournalRecovered
from projections.state import State
from tools.cli import screen
from tools.cli.brokers import Sight, see
from tools.cli.errors import FINE, PROBLEM
from tools.cli.operate import operator
from tools.cli.places import existing

ANSWER_S = 180.0
"""Seconds for the engine's answer: a long history may have to be read, and read again."""

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


@dataclass(frozen=True, slots=True)
class Since:
    """How far back to look: so many seconds, or from a server millisecond on; one of them is 0."""

    seconds: int = 0
    msc: int = 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    audit: Audit
    halt_rule: str
    halt_reason: str
    running: bool


def reconcile(config: Path, *, since: str, dry_run: bool, as_json: bool) -> int:
    """Compare, heal unless it is a dry run, and print; PROBLEM when differences remain."""
    settings, window = load(config, environ=os.environ), parse_since(since)
    directory = existing(Path(settings.journal))
    outcome = _asked(directory, window, dry_run=dry_run)
    if outcome is None:
        work = _look if dry_run else _mend
        outcome = anyio.run(work, settings, config.parent, directory, window)
    if as_json:
        screen.json_text(_value(directory, outcome, dry_run=dry_run))
    else:
        _print(settings.name, directory, outcome, dry_run=dry_run)
    return PROBLEM if outcome.audit.remaining else FINE


def parse_since(text: str) -> Since:
    """Return what `7d`, `12h`, `90m` or a date means. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,5})([dhm])", text.strip())
    if found is not None:
        return Since(seconds=int(found[1]) * int(_UNITS[found[2]].total_seconds()))
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"--since is {text!r}; expected 7d, 12h, 90m or a date of the broker's clock such as "
            "2026-11-01 or 2026-11-01T08:00"
        ) from None
    # The broker's wall clock, written as if it were UTC: as MT5 writes every time (facts 5.1).
    return Since(msc=max(int(moment.replace(tzinfo=UTC).timestamp() * 1000), 1))


def _asked(directory: Path, since: Since, *, dry_run: bool) -> _Outcome | None:
    """Let the running engine do it; None when none runs."""
    answer = caller.ask(directory, _command(since, dry_run=dry_run), answer_s=ANSWER_S)
    if answer is None:
        return None
    if answer.audit is None:
        raise UsageError(answer.text)
    return _Outcome(answer.audit, answer.halt_rule, answer.halt_reason, running=True)


def _command(since: Since, *, dry_run: bool) -> ReconcileAccount:
    return ReconcileAccount(
        by=operator(), since_s=since.seconds, since_msc=since.msc, dry_run=dry_run
    )


class _Nowhere:
    """A journal in which nothing is written."""

    def __init__(self) -> None:
        self.next_seq, self.head = 0, b""
        self.recovered: list[JournalRecovered] = []

    def append(self, event: AnyEvent) -> None:
        raise AssertionError(f"a dry run would have recorded {event.type}")

    def append_all(self, events: Sequence[AnyEvent]) -> None:
        """Nothing comes here."""
        for event in events:
            self.append(event)

    def commit(self) -> None:
        """Nothing waits."""

    def commit_if_due(self) -> None:
        """Nothing waits."""


async def _look(config: Config, base: Path, directory: Path, since: Since) -> _Outcome:
    """Compare and change nothing; the journal is read as `daybook status` reads it."""
    kernel = memory.recall(directory)
    for event in memory.later(directory, kernel):
        kernel.evolve(event)
    _require_run(kernel.state, directory)
    async with see(config, base, directory) as sight:
        recorder = Recorder(_Nowhere(), kernel, sight.clock, kernel.state.run.id)
        return await _audited(recorder, sight, config, since, dry_run=True)


async def _mend(config: Config, base: Path, directory: Path, since: Since) -> _Outcome:
    """Compare, and record what heals; the last run goes on with these events."""
    with Writer.open(directory, run="") as writer:
        kernel = memory.recall(directory)
        missing = rebuild(kernel, memory.later(directory, kernel))
        run = writer.run = _require_run(kernel.state, directory)
        async with see(config, base, directory) as sight:
            recorder = Recorder(writer, kernel, sight.clock, run)
            recorder.begin(missing)
            outcome = await _audited(recorder, sight, config, since, dry_run=False)
            recorder.commit()
            return outcome


def _require_run(state: State, directory: Path) -> str:
    if not state.run.login:
        raise UsageError(
            f"no run has connected to an account in {directory} yet; start the engine first"
        )
    return state.run.id


async def _audited(
    recorder: Recorder, sight: Sight, config: Config, since: Since, *, dry_run: bool
) -> _Outcome:
    connected = await sight.gateway.connect([])
    whose = connected.login, connected.server
    try:
        if not dry_run and whose == (recorder.state.run.login, recorder.state.run.server):
            note_reconcile(recorder, _command(since, dry_run=False))
        reconciler = Reconciler(recorder, sight.gateway, sight.clock, config)
        audit = await reconciler.audit(since.msc, since.seconds, dry_run=dry_run, whose=whose)
    finally:
        await sight.gateway.close()
    run = recorder.state.run
    return _Outcome(audit, run.halt_rule, run.halt_reason, running=False)


# --- words


def _print(name: str, directory: Path, outcome: _Outcome, *, dry_run: bool) -> None:
    audit = outcome.audit
    through = "through the running engine" if outcome.running else "no engine runs"
    screen.title(f"Reconciling {name}", f"journal {directory}, {through}")
    since = datetime.fromtimestamp(audit.since_msc / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    screen.facts(
        [
            ("compared", _counts(audit), f"from {since} on, the broker's clock"),
            ("found", _number(audit.found)),
            ("remaining", _number(audit.remaining), _remark(audit, dry_run=dry_run)),
            *([("halted", outcome.halt_rule, outcome.halt_reason)] if outcome.halt_rule else []),
        ]
    )
    for label, ones in (("found", audit.found), ("remaining", audit.remaining)):
        if ones and not (label == "remaining" and ones == audit.found):
            screen.line()
            screen.table(_COLUMNS, [(label, *_row(one)) for one in ones])
    if audit.strangers:
        screen.line()
        screen.line("Not ours, never touched:")
        screen.table(_STRANGERS, [_stranger(one) for one in audit.strangers])


_COLUMNS: list[tuple[str, screen.Justify]] = [
    ("", "left"),
    ("difference", "left"),
    ("of", "left"),
    ("journal", "left"),
    ("broker", "left"),
    ("healed by", "left"),
]
_STRANGERS: list[tuple[str, screen.Justify]] = [
    ("what", "left"),
    ("ticket", "left"),
    ("symbol", "left"),
    ("side", "left"),
    ("lots", "right"),
    ("price", "right"),
    ("magic", "right"),
    ("comment", "left"),
]


def _counts(audit: Audit) -> str:
    return f"{screen.plural(audit.deals, 'deal')}, {screen.plural(audit.orders, 'order')}"


def _number(ones: list[DiscrepancyFound]) -> str:
    return screen.plural(len(ones), "difference") if ones else "no difference"


def _remark(audit: Audit, *, dry_run: bool) -> str:
    if dry_run and audit.found:
        return "a dry run: nothing was recorded"
    return "all healed by recording" if audit.found and not audit.remaining else ""


def _row(one: DiscrepancyFound) -> tuple[str, ...]:
    return one.name, one.subject, one.journal, one.broker, KINDS[Name(one.name)].healed or "nothing"


def _stranger(one: Stranger) -> tuple[str, ...]:
    price = screen.price(one.price)
    lots = f"{one.volume:g}"
    return one.kind, str(one.ticket), one.symbol, one.side, lots, price, str(one.magic), one.comment


def _value(directory: Path, outcome: _Outcome, *, dry_run: bool) -> dict[str, object]:
    rule = outcome.halt_rule
    return {
        "journal": directory,
        "running": outcome.running,
        "dry_run": dry_run,
        "halted": {"rule": rule, "reason": outcome.halt_reason} if rule else None,
        **{name: getattr(outcome.audit, name) for name in Audit.__struct_fields__},
    }
