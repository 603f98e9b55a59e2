"""The demo: real prices, the simulated terminal, the real engine, and the proof of its journal.

The journal it uses when none is named is `journals/demo` in the current folder. One that was cut
short is continued; one that has ended is left alone, and `journals/demo-2`, `-3`, … is begun.
"""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path
from typing import Literal

import msgspec

from engine.settings import load
from journal import read
from journal.events import RunEnded
from journal.verify import Report, verify
from replay.session import ReplayReport
from tools.cli import screen
from tools.cli.compose import Summary
from tools.cli.errors import FINE, PROBLEM
from tools.cli.inspect import chain_text
from tools.cli.places import holds_journal, writable
from tools.cli.replay import digest_text, print_divergence, replay_text, replayed
from tools.cli.run import print_summary, run_behind_progress

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "demo.yaml"
JOURNALS = Path("journals")

SQL_TO_TRY = (
    "select side, count(*) as orders, round(avg(volume), 2) as lots "
    "from order_intended group by side"
)

State = Literal["absent", "cut short", "bars reached", "data ended"]
"""A journal's: none yet; killed, stopped or failed; ran as far as asked; traded every bar."""


class Choice(msgspec.Struct, frozen=True):
    """The journal that a demo uses, and what to say about it."""

    directory: Path
    state: State
    remark: str


def demo(*, bars: int | None, journal: Path | None, seed: int | None, as_json: bool) -> int:
    """Run the demo, prove its journal, and say what to look at next."""
    chosen = choose(journal)
    if not as_json:
        screen.title("Daybook demo", chosen.remark)
    summary = None
    if chosen.state != "data ended":
        summary = _trade(chosen.directory, bars, seed, quiet=as_json)
    chain, again = _prove(chosen.directory, quiet=as_json)
    ok = chain.ok and again.agrees and not (summary is not None and summary.halted)
    if as_json:
        result = {"journal": str(chosen.directory), "ok": ok, "run": summary}
        screen.json_text({**result, "verify": chain, "replay": again})
    else:
        _print_next(chosen.directory)
    return FINE if ok else PROBLEM


def choose(wanted: Path | None) -> Choice:
    """Return the journal to use: the one asked for, or the first that can be gone on with."""
    if wanted is not None:
        return _choice(writable(wanted), last=None)
    last = None
    for number in count(1):
        directory = JOURNALS / ("demo" if number == 1 else f"demo-{number}")
        state = state_of(directory)
        if state == "cut short" or (state == "absent" and _free(directory)):
            return _choice(directory, last)
        last = directory
    raise AssertionError("there is always another number")


def state_of(directory: Path) -> State:
    """Return how far the demo in this journal came, by its last run's end."""
    if not holds_journal(directory):
        return "absent"
    reason = ""
    for event in read(directory, types={"RunStarted", "RunEnded"}, verify=False):
        reason = event.data.reason if isinstance(event.data, RunEnded) else ""
    if reason in ("data ended", "bars reached"):
        return reason  # type: ignore[return-value] # a Literal is not narrowed by `in`
    return "cut short"


def _free(directory: Path) -> bool:
    """Return whether nothing is in the way, a terminal's book without its journal included."""
    book = directory.with_name(f"{directory.name}.broker")
    return not directory.exists() and not book.exists()


def _choice(directory: Path, last: Path | None) -> Choice:
    state = state_of(directory)
    if state == "absent":
        why = f"a new journal, {last} has ended" if last is not None else "a new journal"
    elif state == "data ended":
        why = "every bar is traded already, so its journal is only checked"
    else:
        why = "goes on where it was"
    return Choice(directory, state, f"{directory}: {why}")


def _trade(directory: Path, bars: int | None, seed: int | None, *, quiet: bool) -> Summary:
    chosen = {"DAYBOOK_JOURNAL": str(directory)}
    if seed is not None:
        chosen["DAYBOOK_SEED"] = str(seed)
    config = load(CONFIG, environ={**os.environ, **chosen})
    summary = run_behind_progress(config, base=CONFIG.parent, bars=bars)
    if not quiet:
        print_summary(summary)
    return summary


def _prove(directory: Path, *, quiet: bool) -> tuple[Report, ReplayReport]:
    """Verify the chain and replay the run, and print how each went."""
    begun = time.perf_counter()
    chain = verify(directory)
    verified = time.perf_counter()
    if not quiet:
        screen.line()
        took = screen.duration(verified - begun)
        screen.result("chain", ok=chain.ok, text=chain_text(chain), remark=took)
    again = replayed(directory, chain.events)
    if not quiet:
        took = screen.duration(time.perf_counter() - verified)
        screen.result("replay", ok=again.agrees, text=replay_text(again), remark=took)
        screen.result("digest", ok=again.agrees, text=digest_text(again))
        if again.divergence is not None:
            print_divergence(again.divergence)
    return chain, again


def _print_next(directory: Path) -> None:
    start, path = screen.command(), screen.quoted(directory)
    screen.line()
    screen.line("  Look at it", style="dim")
    for rest in (
        f"status {path}",
        f"verify {path}",
        f"replay {path} --verify",
        f'sql {path} "{SQL_TO_TRY}"',
    ):
        screen.copyable(f"  {start} {rest}")
    screen.line()
    screen.line("  This baseline is here to exercise the engine, not to make money.", style="dim")
