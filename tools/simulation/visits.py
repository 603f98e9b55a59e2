"""Counts what the sessions met: every kind of trouble, every answer, every branch. What was never
met has not been proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.execution.outcome import ERRORS, RETCODES
from journal.envelope import AnyEvent
from journal.events import (
    BrokerReplied,
    EvidenceGathered,
    JournalRecovered,
    OrderAccepted,
    OrderFinished,
    OrderRefused,
    OrderUnresolved,
    Payload,
    TerminalLost,
    TradingHalted,
)
from tools.simulation.broker import Broker
from tools.simulation.draw import every_trouble
from tools.simulation.line import Clock, Line
from tools.simulation.plan import name_of

ENDINGS = (
    "data ended",
    "stopped",
    "died",
    "journal halted: write",
    "journal halted: sync",
    "failed: CallFailed",
    "failed: ZoneUnknown",
)
OUTCOMES = (
    "accepted by reply",
    "accepted by evidence",
    "refused by reply",
    "refused by evidence",
    "unresolved",
    "search: the order",
    "search: nothing",
    "search: suspects only",
    "halt: broker answer",
    "halt: ambiguous order",
    "terminal lost",
    "torn end recovered",
    "finished by the broker's history",
    "trades again",
)


def answer(reply: BrokerReplied) -> str:
    """Return the row of the outcome table that a reply falls into."""
    code, table = (reply.retcode, RETCODES) if reply.retcode else (reply.error, ERRORS)
    return f"{code} {table[code].name}" if code in table else "a code nobody knows"


def expected() -> list[str]:
    """Return every row that enough sessions must visit."""
    answers = [
        f"{code} {meaning.name}" for table in (RETCODES, ERRORS) for code, meaning in table.items()
    ]
    return [
        *(f"trouble: {name}" for name in every_trouble()),
        *(f"answer: {name}" for name in (*answers, "a code nobody knows")),
        *(f"outcome: {name}" for name in OUTCOMES),
        *(f"ending: {name}" for name in ENDINGS),
    ]


def struck(line: Line, broker: Broker, clock: Clock) -> Iterator[str]:
    """Yield the troubles that have struck."""
    for item in (*broker.struck, *line.struck_by_terminal(), *clock.struck()):
        yield f"trouble: {name_of(item)}"


def met(events: Iterable[AnyEvent], endings: Iterable[str]) -> Iterator[str]:
    """Yield the answers, outcomes and endings of a session."""
    for event in events:
        for name in _outcomes(event.data):
            yield f"outcome: {name}"
        if isinstance(event.data, BrokerReplied):
            yield f"answer: {answer(event.data)}"
    for ending in endings:
        yield f"ending: {ending}"


def _outcomes(data: Payload) -> Iterator[str]:
    match data:
        case OrderAccepted(proof=proof):
            yield f"accepted by {proof}"
        case OrderRefused(proof=proof):
            yield f"refused by {proof}"
        case OrderUnresolved():
            yield "unresolved"
        case EvidenceGathered(orders=orders, suspects=suspects):
            found = "the order" if orders else "suspects only" if suspects else "nothing"
            yield f"search: {found}"
        case TradingHalted(rule=rule):
            yield f"halt: {rule}"
        case OrderFinished():
            yield "finished by the broker's history"
        case TerminalLost():
            yield "terminal lost"
        case JournalRecovered():
            yield "torn end recovered"
