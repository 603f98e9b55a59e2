"""Counts what the sessions met: every kind of trouble, every answer, every branch. What was never
met has not been proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.execution.differences import Name
from engine.execution.outcome import ERRORS, RETCODES
from journal.envelope import AnyEvent
from journal.events import (
    BrokerReplied,
    CancelRequested,
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    DiscrepancyFound,
    EvidenceGathered,
    FlattenRequested,
    JournalRecovered,
    OperatorHalted,
    OrderAccepted,
    OrderAdjusted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
    Payload,
    PositionAdjusted,
    PositionAdopted,
    TerminalLost,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from journal.events.mt5 import OrderState
from tools.simulation.broker import Broker
from tools.simulation.draw import every_trouble, halting
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
    "accepted by operator",
    "refused by reply",
    "refused by evidence",
    "unresolved",
    "search: the order",
    "search: nothing",
    "search: suspects only",
    "tried again at a fresh price",
    "cancelled or filled in part",
    "expired",
    "change applied by reply",
    "change applied by evidence",
    "change refused by reply",
    "change refused by evidence",
    "change unresolved",
    "opened by stop",
    "opened by stop limit",
    "opened by limit",
    "closed",
    "closed by its opposite",
    "closed in part",
    "stop or target moved",
    "pending order moved",
    "pending order cancelled",
    "found position left",
    "found position adopted",
    "found position closed",
    "too many positions are open",
    "levels taken over from the broker",
    "order's terms taken over from the broker",
    "paused",
    "switched off",
    "resumed",
    "flatten asked for",
    "cancel asked for",
    "halt: broker answer",
    "halt: ambiguous order",
    "halt: doubled order",
    "halt: discrepancy",
    "halt: stranger with our magic",
    "terminal lost",
    "torn end recovered",
    "trades again without a restart",
    "trades again after a restart",
)


WENT_ON = ", went on"
DIFFERENCES = (
    Name.BALANCE,
    Name.CLOCK,
    Name.LEVELS,
    Name.LOST_ORDER,
    Name.ORDER_CHANGED,
    Name.POSITION_MISSING,
    Name.POSITION_UNKNOWN,
    Name.TICKET_REUSED,
    Name.UNEXPLAINED_DEAL,
    Name.UNKNOWN_ORDER,
    Name.VOLUME,
)
"""Those that sessions lead to. The others are seen in unit tests: an account is refused before
anything is compared, and recording comes before most."""
SIMPLE: dict[type[Payload], str] = {
    OrderUnresolved: "unresolved",
    ChangeUnresolved: "change unresolved",
    PositionAdopted: "found position adopted",
    PositionAdjusted: "levels taken over from the broker",
    OrderAdjusted: "order's terms taken over from the broker",
    TradingPaused: "paused",
    OperatorHalted: "switched off",
    TradingResumed: "resumed",
    FlattenRequested: "flatten asked for",
    CancelRequested: "cancel asked for",
    TerminalLost: "terminal lost",
    JournalRecovered: "torn end recovered",
}
CHANGED = {
    "levels": "stop or target moved",
    "modify": "pending order moved",
    "cancel": "pending order cancelled",
}
FINISHED: dict[int, str] = {
    OrderState.CANCELED: "cancelled or filled in part",
    OrderState.EXPIRED: "expired",
}


def answer(reply: BrokerReplied) -> str:
    """Return the row of the outcome table that a reply falls into."""
    code, table = (reply.retcode, RETCODES) if reply.retcode else (reply.error, ERRORS)
    return f"{code} {table[code].name}" if code in table else "a code nobody knows"


def expected() -> list[str]:
    """Return every row that enough sessions must visit."""
    answers = [
        f"{code} {meaning.name}" for table in (RETCODES, ERRORS) for code, meaning in table.items()
    ]
    troubles = every_trouble()
    return [
        *(f"trouble: {name}" for name in troubles),
        *(went_on(f"trouble: {name}") for name in troubles if name not in halting()),
        *(f"answer: {name}" for name in (*answers, "a code nobody knows")),
        *(f"outcome: {name}" for name in OUTCOMES),
        *(f"outcome: difference: {name}" for name in DIFFERENCES),
        *(f"ending: {name}" for name in ENDINGS),
    ]


def struck(line: Line, broker: Broker, clock: Clock) -> Iterator[str]:
    """Yield the troubles that have struck."""
    for item in (*broker.struck, *line.struck_by_terminal(), *clock.struck()):
        yield f"trouble: {name_of(item)}"


def went_on(trouble: str) -> str:
    """Return the row that counts the sessions in which the engine lived through a trouble: when it
    was over, it traded again without a restart and without an operator."""
    return trouble + WENT_ON


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
    simple = SIMPLE.get(type(data))
    if simple is not None:
        yield simple
    match data:
        case OrderAccepted(proof=proof):
            yield f"accepted by {proof}"
        case OrderRefused(proof=proof):
            yield f"refused by {proof}"
        case ChangeApplied(proof=proof):
            yield f"change applied by {proof}"
        case ChangeRefused(proof=proof):
            yield f"change refused by {proof}"
        case EvidenceGathered(orders=orders, suspects=suspects):
            found = "the order" if orders else "suspects only" if suspects else "nothing"
            yield f"search: {found}"
        case TradingHalted(rule=rule):
            yield f"halt: {rule}"
        case DiscrepancyFound(name=name):
            yield f"difference: {name}"
        case _:
            yield from _course(data)


def _course(data: Payload) -> Iterator[str]:
    """What was wanted, and what came of it."""
    match data:
        case OrderFinished(state=state):
            yield FINISHED.get(state, f"finished in state {state}")
        case OrderProposed(action="close", volume=lots) if lots:
            yield "closed in part"
        case OrderProposed(attempt=attempt) if attempt:
            yield "tried again at a fresh price"
        case OrderProposed(reason="found at the start"):
            yield "found position closed"
        case OrderIntended(action="open", type=kind) if kind != "market":
            yield f"opened by {kind}"
        case OrderIntended(action="close by"):
            yield "closed by its opposite"
        case OrderIntended(action="close"):
            yield "closed"
        case ChangeIntended(action=action):
            yield CHANGED[action]
        case OrderVetoed(rule="positions", reason=reason) if "on the way" in reason:
            yield "too many positions are open"
