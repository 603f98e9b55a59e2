"""What must hold after processes were killed, looked at from outside: the journal's files against
the broker's book, with nothing of the processes that wrote them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.broker.simulated import Setup, build_terminal, read_bars
from engine.config import Config
from engine.kernel import Kernel
from engine.recovery import rebuild
from engine.settings import load
from engine.terminal import constants as mt5
from engine.terminal.book import Book
from journal import read
from journal.envelope import AnyEvent
from journal.events import (
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    DealRecorded,
    JournalRecovered,
    OrderAccepted,
    OrderIntended,
    OrderRefused,
    OrderUnresolved,
    Payload,
    RunStarted,
    TerminalLost,
)
from projections.orders import unresolved
from tools.simulation.agreement import disagreements

ROOT = Path(__file__).resolve().parents[2]


class Audit(msgspec.Struct):
    """What was found, and how much there was to look at."""

    problems: list[str]
    counts: Counter[str]


def audit(config_file: Path) -> Audit:
    """Hold the journal against the broker's book; its last run must have been a calm one.

    config_file  that all processes ran with
    """
    config = load(config_file, environ={})
    journal = Path(config.journal)
    events = list(read(journal))
    book = book_of(config)
    problems = [*differences(events, book), *unsettled(events, book), *_trades_again(events)]
    return Audit([*problems, *doors(journal)], _counts(events))


def differences(events: list[AnyEvent], book: Book) -> list[str]:
    """Return in words what the journal's events say otherwise than the broker's book."""
    checks = (_one_effect, _verdicts_are_true, _each_deal_once)
    return [problem for check in checks for problem in check(events, book)]


def unsettled(events: list[AnyEvent], book: Book) -> list[str]:
    """Return what the journal's state has otherwise than the broker's book, or left open."""
    kernel = Kernel()
    problems = []
    if rebuild(kernel, events):
        problems.append("the journal ends in the middle of a step")
    state = kernel.state
    problems += disagreements(state, book)
    problems += [f"order {order.key} is unresolved" for order in unresolved(state.orders)]
    if state.run.halt_rule:
        problems.append(f"it halted: {state.run.halt_rule}, {state.run.halt_reason}")
    return problems


def book_of(config: Config) -> Book:
    """Return the broker's book, opened by a terminal of our own."""
    journal = Path(config.journal)
    assert config.terminal is not None
    setup = Setup(
        profile=config.terminal.profile,
        bars=config.terminal.bars,
        model=config.terminal.model,
        history=config.terminal.history,
        book=str(journal.with_name(journal.name + ".broker")),
        seed=config.seed,
    )
    with build_terminal(setup, read_bars(setup)) as terminal:
        return terminal.server.book


def _one_effect(events: list[AnyEvent], book: Book) -> Iterator[str]:
    intended = Counter(e.data.key for e in events if isinstance(e.data, OrderIntended))
    yield from (f"{key} was intended {n} times" for key, n in intended.items() if n > 1)
    ours = [
        order
        for order in (*book.done, *book.orders.values())
        if order.magic and order.reason == mt5.ORDER_REASON_EXPERT
    ]
    for key, count in Counter(order.comment for order in ours).items():
        if count > 1:
            yield f"intent {key} had {count} effects"
        if key not in intended:
            yield f"the broker has an order {key!r} that no intent stands for"


def _verdicts_are_true(events: list[AnyEvent], book: Book) -> Iterator[str]:
    filled = {deal.order for deal in book.deals if deal.order}
    tickets = {
        order.comment: order.ticket
        for order in (*book.done, *book.orders.values())
        if order.reason == mt5.ORDER_REASON_EXPERT
    }
    outcomes = Counter[str]()
    for event in events:
        match event.data:
            case OrderRefused(key=key):
                outcomes[key] += 1
                if tickets.get(key) in filled:
                    yield f"{key} is reported refused, and was executed"
            case OrderAccepted(key=key, order=order):
                outcomes[key] += 1
                if order not in (0, tickets.get(key)):
                    yield f"{key} is reported accepted as {order}, not {tickets.get(key)}"
    yield from (f"{key} has {count} outcomes" for key, count in outcomes.items() if count > 1)
    yield from (f"{key} was executed and never accepted" for key in tickets.keys() - outcomes)


def _each_deal_once(events: list[AnyEvent], book: Book) -> Iterator[str]:
    recorded = Counter(e.data.ticket for e in events if isinstance(e.data, DealRecorded))
    for ticket, count in recorded.items():
        if count > 1:
            yield f"deal {ticket} was recorded {count} times"
    for deal in book.deals:
        if deal.ticket not in recorded:
            yield f"deal {deal.ticket} is in the broker's book and not in the journal"
    for ticket in recorded.keys() - book.deal_by_ticket.keys():
        yield f"deal {ticket} is in the journal and not in the broker's book"


def _trades_again(events: list[AnyEvent]) -> Iterator[str]:
    calm = max((e.seq for e in events if isinstance(e.data, RunStarted)), default=0)
    last = [event.data for event in events if event.seq > calm]
    for kind in (OrderIntended, OrderAccepted, DealRecorded):
        if not any(isinstance(data, kind) for data in last):
            yield f"it does not trade again: no {kind.__name__} in the calm run"


def doors(journal: Path) -> Iterator[str]:
    """Yield what the commands find that a person would ask."""
    for arguments in (["verify", str(journal)], ["replay", str(journal), "--verify"]):
        done = subprocess.run(
            [sys.executable, "-m", "tools.cli", *arguments],
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            said = " ".join((done.stdout + done.stderr).split())
            yield f"daybook {' '.join(arguments)} ends with {done.returncode}: {said[-400:]}"


_COUNTED: dict[type[Payload], str] = {
    RunStarted: "runs",
    OrderIntended: "orders",
    ChangeIntended: "changes",
    DealRecorded: "deals",
    OrderUnresolved: "unresolved met",
    ChangeUnresolved: "unresolved met",
    TerminalLost: "worker lost while it ran",
    JournalRecovered: "torn ends recovered",
}
_SETTLED: dict[type[Payload], str] = {
    OrderAccepted: "orders found at the broker by evidence",
    OrderRefused: "orders shown by evidence never to have arrived",
    ChangeApplied: "changes found applied by evidence",
    ChangeRefused: "changes found not applied by evidence",
}


def _counts(events: list[AnyEvent]) -> Counter[str]:
    counts = Counter[str](events=len(events))
    for event in events:
        counted = _COUNTED.get(type(event.data))
        if getattr(event.data, "proof", "") == "evidence":
            counted = _SETTLED[type(event.data)]
        if counted is not None:
            counts[counted] += 1
    return counts
