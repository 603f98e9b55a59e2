"""What must hold after every session, whatever has happened in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine.execution.differences import Name
from engine.execution.outcome import classify
from journal import verify
from journal.events import (
    BarClosed,
    BrokerReplied,
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    DealRecorded,
    DiscrepancyFound,
    OperatorHalted,
    OrderAccepted,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
    PositionAdopted,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from replay.session import replay
from tools.simulation.agreement import disagreements
from tools.simulation.draw import MOST_READS
from tools.simulation.plan import ClockSet, DealLate
from tools.simulation.session import Record, SentAt
from tools.simulation.settings import RETRIES

WAITING = ("unresolved", "one order")
"""Vetoes that must not last: something under way has to end."""


def violations(record: Record) -> list[str]:
    """Return everything that does not hold, in words; empty when all is well."""
    found = list(record.problems)
    if record.state is not None:
        found += disagreements(record.state, record.broker.book, asked=record.broker.nameless())
    for check in (
        _one_effect,
        _each_deal_once,
        _verdicts_are_true,
        _durable_before_sent,
        _nothing_sent_when_forbidden,
        _strangers_are_left_alone,
        _changes_are_sound,
        _protected,
        _halts_are_justified,
        _reconciled,
        _trades_again,
        _bars_in_order,
        _journal_is_whole,
    ):
        found += check(record)
    if record.former is not None:
        for check in OF_A_FORMER:
            found += (f"before the account was begun anew: {it}" for it in check(record.former))
    return found


def _executed(record: Record) -> Counter[str]:
    """How many orders of the broker's book with a deal each key has led to."""
    filled = {deal.order for deal in record.broker.book.deals if deal.order}
    return Counter(one.key for one in record.broker.sendings if one.ticket in filled)


def _one_effect(record: Record) -> Iterator[str]:
    for key, count in Counter(one.key for one in record.broker.sendings).items():
        if count > 1:
            yield f"intent {key} was sent {count} times"
    for key, count in _executed(record).items():
        if count > 1:
            yield f"intent {key} had {count} effects"


def _each_deal_once(record: Record) -> Iterator[str]:
    recorded = Counter(e.data.ticket for e in record.events if type(e.data) is DealRecorded)
    for ticket, count in recorded.items():
        if count > 1:
            yield f"deal {ticket} was recorded {count} times"
    if recorded.keys() != {deal.ticket for deal in record.broker.book.deals}:
        yield "the journal's deals are not the broker's"


def _verdicts_are_true(record: Record) -> Iterator[str]:
    executed = _executed(record)
    tickets = {one.key: one.ticket for one in record.broker.sendings if one.ticket}
    for event in record.events:
        data = event.data
        if isinstance(data, OrderRefused) and executed[data.key]:
            yield f"{data.key} is reported refused ({data.reason}), and was executed"
        if isinstance(data, OrderAccepted) and data.key in record.broker.doubled:
            continue  # either of the two is the intent's
        if isinstance(data, OrderAccepted) and data.order not in (0, tickets.get(data.key)):
            yield f"{data.key} is reported accepted as {data.order}, which is another order"
        if isinstance(data, OrderAccepted) and data.order and data.key not in tickets:
            yield f"{data.key} is reported accepted, and the broker never had it"


def _durable_before_sent(record: Record) -> Iterator[str]:
    for sent in record.sent:
        if not sent.durable:
            yield f"{sent.key or 'a change'} was sent before its intent was durable"
        if sent.disk_failed:
            yield f"{sent.key} was sent after the journal's disk had failed"


def _nothing_sent_when_forbidden(record: Record) -> Iterator[str]:
    """Nothing leaves while the operator's switch is thrown or something of the symbol is in doubt;
    nothing that opens leaves after any halt."""
    sent = {one.seq: one for one in record.sent}
    doubt: dict[str, str] = {}
    halted = ""
    for event in record.events:
        data = event.data
        match data:
            case OrderUnresolved() | ChangeUnresolved():
                doubt[data.key] = data.symbol
            case OrderAccepted() | OrderRefused() | ChangeApplied() | ChangeRefused():
                doubt.pop(data.key, None)
            case TradingHalted():
                halted = halted or data.rule
            case TradingPaused() | OperatorHalted():
                halted = halted or "operator"
            case TradingResumed():
                halted = ""
        one = sent.get(event.seq)
        if one is not None:
            yield from _wrongly_sent(one, halted, doubt)


def _wrongly_sent(one: SentAt, halted: str, doubt: dict[str, str]) -> Iterator[str]:
    what = one.key or f"the change at {one.seq}"
    if halted and one.opens:
        yield f"{what} was sent after the halt {halted!r}"
    if one.switched_off:
        yield f"{what} was sent while the operator's switch was thrown"
    others = [key for key, symbol in doubt.items() if key != one.key and symbol == one.symbol]
    if others:
        yield f"{what} was sent while {others} were unresolved"


def _strangers_are_left_alone(record: Record) -> Iterator[str]:
    """What others brought to the account is touched only when the policy of found positions says
    so."""
    touched = {one.stranger: one for one in record.sent if one.stranger}
    if not touched:
        return
    managed = set()
    for event in record.events if record.plan.found != "leave" else ():
        match event.data:
            case PositionAdopted(identifier=identifier):
                managed.add(identifier)
            case OrderProposed(reason="found at the start", position=one, by=other):
                managed.update((one, other))
    for stranger in touched.keys() - managed:
        yield f"{touched[stranger].key or 'a change'} touches {stranger}, which is a stranger's"


def _changes_are_sound(record: Record) -> Iterator[str]:
    """A change alters something, is the only one of its subject, and is asked for with measure."""
    for one in record.broker.alterings:
        if one.idle:
            yield f"a request ({one.action}) that changes nothing was sent for {one.ticket}"
    under_way: dict[str, tuple[int, str]] = {}
    tries: dict[str, int] = {}
    for event in record.events:
        match event.data:
            case ChangeIntended(key=key, position=position, order_key=order):
                if (position, order) in under_way.values():
                    yield f"{key} alters {position or order} beside another change of it"
                under_way[key] = position, order
            case ChangeApplied(key=key) | ChangeRefused(key=key):
                under_way.pop(key, None)
            case OrderProposed(key=key, follows=first) if first:
                tries[key] = tries.get(first, 0) + 1
                if tries[key] > RETRIES:
                    yield f"{key} is try {tries[key]} again of an order"


def _protected(record: Record) -> Iterator[str]:
    """No position of ours is left without the stop that it was promised, unless by a hand."""
    removed = any(getattr(one, "what", "") == "remove stops" for one in record.broker.struck)
    if record.state is None or removed or record.plan.broker == "netting":
        return
    for position in record.state.positions.open.values():
        held = record.broker.book.positions.get(position.ticket)
        if position.strategy and held is not None and not held.sl:
            yield f"position {position.identifier} has no stop"


def _halts_are_justified(record: Record) -> Iterator[str]:
    """A halt that nothing calls for is a day without trading."""
    codes = (classify(e.data) for e in record.events if type(e.data) is BrokerReplied)
    answered = any(meaning.halt for meaning in codes)
    late = any(
        isinstance(item, ClockSet) or (isinstance(item, DealLate) and item.reads > MOST_READS)
        for item in record.plan.troubles
    )
    allowed = {
        "broker answer": answered,
        "ambiguous order": record.broker.nameless(),
        "doubled order": bool(record.broker.doubled),
        "unresolved too long": record.broker.nameless(),
        "discrepancy": late or bool(record.broker.twins),
        "stranger with our magic": bool(record.broker.twins or record.broker.doubled),
    }
    for event in record.events:
        if isinstance(event.data, TradingHalted) and not allowed.get(event.data.rule, False):
            yield f"halted without need: {event.data.rule}, {event.data.reason}"


def _reconciled(record: Record) -> Iterator[str]:
    """What differed was named before the calm, once. Only a twin's deal may wait longer: until the
    operator has said whose the orders of its symbol are."""
    named: set[tuple[str, str]] = set()
    for event in record.events:
        if not isinstance(event.data, DiscrepancyFound):
            continue
        name, subject = event.data.name, event.data.subject
        waited = name == Name.UNEXPLAINED_DEAL and (name, subject) not in named
        if event.seq > record.second_start and not waited:
            yield f"a second reconciliation finds {event.data}"
        named.add((name, subject))


def _trades_again(record: Record) -> Iterator[str]:
    last = [e.data for e in record.events if e.seq > record.second_start]
    if any(isinstance(data, OrderUnresolved) for data in last):
        yield "in the calm an order became unresolved"
    proposed = sum(isinstance(data, OrderProposed) for data in last)
    waiting = [d for d in last if isinstance(d, OrderVetoed) and d.rule in WAITING]
    resting = record.plan.broker == "resting"
    if proposed and len(waiting) == proposed and not resting:
        yield f"it does not trade again: {waiting[0].reason}"


def _bars_in_order(record: Record) -> Iterator[str]:
    times: dict[str, list[int]] = {}
    for event in record.events:
        if isinstance(event.data, BarClosed):
            times.setdefault(event.data.symbol, []).append(event.data.time)
    for symbol, seen in times.items():
        if seen != sorted(set(seen)):
            yield f"a bar of {symbol} doubled or out of order"


def _journal_is_whole(record: Record) -> Iterator[str]:
    for finding in verify(record.journal, fs=record.disk).findings:
        if finding.severity != "note":
            yield f"the journal is {finding.severity}: {finding.what}"
    report = replay(record.events)
    if report.divergence is not None:
        divergence = report.divergence
        yield f"a replay differs at {divergence.seq}: {divergence.reason}"
    if report.unfinished:
        yield "the journal ends in the middle of a step"


OF_A_FORMER = (
    _durable_before_sent,
    _nothing_sent_when_forbidden,
    _bars_in_order,
    _journal_is_whole,
)
"""What is told by a journal and what was sent, without the broker's book, which is another now."""
