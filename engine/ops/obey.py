"""What an operator's commands lead to, whether the engine runs or not: which event, or which
refusal.

Deciding takes values and returns values; `obey` alone records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import fsum
from pathlib import Path
from typing import Protocol

from engine.config import Config
from engine.execution.settling import blocked
from engine.ops.commands import (
    Answer,
    CancelOrders,
    Command,
    FlattenPositions,
    HaltTrading,
    PauseTrading,
    ReconcileAccount,
    ResolveOrder,
    ResumeTrading,
    StopEngine,
)
from engine.ops.switch import Switch
from journal import read
from journal.errors import UsageError
from journal.events import (
    CancelRequested,
    DealRecorded,
    FlattenRequested,
    OperatorHalted,
    OrderResolved,
    Payload,
    ReconcileRequested,
    StopRequested,
    TradingPaused,
    TradingResumed,
)
from journal.events.mt5 import DealEntry
from projections.idempotency import key_of
from projections.orders import UNKNOWN, Order, unresolved
from projections.run import SWITCHED_OFF, Run
from projections.state import State

Deals = Callable[[int], Iterable[DealRecorded]]
"""Gives the deals that are recorded after a sequence."""


def deals_of(directory: Path) -> Deals:
    """Return what gives a journal's deals."""

    def after(seq: int) -> Iterator[DealRecorded]:
        for event in read(directory, after=seq, types={"DealRecorded"}):
            assert isinstance(event.data, DealRecorded)
            yield event.data

    return after


class Book(Protocol):
    """Where commands are recorded."""

    @property
    def state(self) -> State:
        """What the projections say now."""

    def record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        """Append an input and what the kernel decides on it."""

    def commit(self) -> None:
        """Return when everything appended is durable."""


def obey(command: Command, book: Book, config: Config, switch: Switch, deals: Deals) -> Answer:
    """Record what a command says; return when it is durable. What follows is the kernel's.

    Raises UsageError with the reason when it is refused: then nothing was changed.
    """
    match command:
        case PauseTrading():
            text = _pause(command, book)
        case HaltTrading():
            text = _halt(command, book, switch)
        case ResumeTrading():
            text = _resume(command, book, switch)
        case ResolveOrder():
            text = _resolve(command, book, deals)
        case FlattenPositions() | CancelOrders():
            text = _request(command, book, config)
        case _:
            raise UsageError(f"{type(command).__name__} is nothing that can be done here")
    book.commit()
    return answer(book.state, text)


def note_stop(book: Book, command: StopEngine) -> None:
    """Record that the run shall end; whoever can end it does so then."""
    book.record(StopRequested(command.by, command.reason))
    book.commit()


def note_reconcile(book: Book, command: ReconcileAccount) -> None:
    """Record that a comparison is asked for, a dry one included; whoever can compare does so
    then."""
    book.record(
        ReconcileRequested(
            command.by, command.reason, command.since_s, command.since_msc, command.dry_run
        )
    )
    book.commit()


def answer(state: State, text: str) -> Answer:
    """Say that a command was obeyed."""
    run = state.run
    return Answer(
        done=True, text=text, seq=state.seq, halt_rule=run.halt_rule, halt_reason=run.halt_reason
    )


def _pause(command: PauseTrading, book: Book) -> str:
    run = book.state.run
    if run.halt_rule:
        raise UsageError(f"trading is {said_of(run)}; nothing was changed")
    book.record(TradingPaused(command.by, command.reason))
    return "paused: nothing new is sent; `daybook resume` ends it"


def _halt(command: HaltTrading, book: Book, switch: Switch) -> str:
    try:
        switch.throw(command.by, command.reason)
    except OSError as error:
        raise UsageError(f"{switch.path} could not be made: {error.strerror or error}") from error
    note_thrown(book, switch)
    return f"halted: nothing at all is sent while {switch.path.name} is there"


def note_thrown(book: Book, switch: Switch) -> None:
    """Record that the switch is thrown, once."""
    if switch.thrown() and book.state.run.halt_rule != SWITCHED_OFF:
        thrown = switch.read()
        book.record(OperatorHalted(thrown.by, thrown.reason))


def _resume(command: ResumeTrading, book: Book, switch: Switch) -> str:
    if not book.state.run.halt_rule and not switch.thrown():
        raise UsageError("trading is not halted; nothing was changed")
    note_thrown(book, switch)  # made by hand while nobody looked: the story is told whole
    try:
        switch.clear()
    except OSError as error:
        raise UsageError(
            f"{switch.path} could not be removed: {error.strerror or error}; remove it by hand and "
            "resume again. Trading stays halted"
        ) from error
    book.record(TradingResumed(command.by, command.reason))
    return f"resumed{still_blocked(book.state)}"


def still_blocked(state: State) -> str:
    """Say for which symbols nothing is sent although trading goes on, and what ends it; empty for
    none."""
    return "".join(
        f"; nothing is sent for {one.symbol} until {one.key} is settled: "
        f"`daybook resolve DIR {one.key}`"
        for one in blocked(state)
    )


def _resolve(command: ResolveOrder, book: Book, deals: Deals) -> str:
    book.commit()  # `deals` reads what is in the journal
    data, seq = resolution(book.state, command, deals)
    book.record(data, cause=seq, corr=data.key)
    if not data.executed:
        return f"{data.key} was not executed"
    if not data.order:
        return f"{data.key} was applied"
    if not data.filled:
        return f"{data.key} is order {data.order}, of which no deal is recorded yet"
    return f"{data.key} is order {data.order}: {data.filled:g} lots at {data.average:.10g}"


def resolution(state: State, command: ResolveOrder, deals: Deals) -> tuple[OrderResolved, int]:
    """Return what an operator's word is as an event, and the sequence of the decision it settles.

    Deals of the named order that were recorded before anybody knew whose they are, are counted in.
    Raises UsageError when it contradicts what is known.
    """
    key, order = command.key.upper(), state.orders.open.get(command.key.upper())
    change = state.changes.open.get(key)
    if change is not None:
        if command.order:
            raise UsageError(f"{key} is a change, which has no order of its own; give ticket 0")
        data = OrderResolved(command.by, command.reason, key, command.executed, 0, 0.0, 0.0, 0)
        return data, change.seq
    if order is None or order.status not in UNKNOWN:
        raise UsageError(_not_unresolved(state, key, order))
    known = deals(state.idempotency.intents.get(key, 0))
    if not command.executed:
        for deal in known:
            if key_of(state.idempotency, deal) == key:
                raise UsageError(
                    f"{key} was executed: deal {deal.ticket} of order {deal.order} is in the "
                    "journal; nothing was changed"
                )
        data = OrderResolved(command.by, command.reason, key, False, 0, 0.0, 0.0, 0)
        return data, order.seq
    if not command.order:
        raise UsageError(f"{key} is an order: say with which ticket the broker executed it")
    owner = state.idempotency.orders.get(command.order, key)
    if owner != key:
        raise UsageError(f"order {command.order} is {owner}'s already; nothing was changed")
    return _executed(command, order, known), order.seq


def _executed(command: ResolveOrder, order: Order, deals: Iterable[DealRecorded]) -> OrderResolved:
    own = [deal for deal in deals if deal.order == command.order]
    for deal in own:
        if deal.symbol != order.symbol:
            raise UsageError(
                f"order {command.order} is of {deal.symbol} (deal {deal.ticket}), {order.key} of "
                f"{order.symbol}; nothing was changed"
            )
    filled = fsum(deal.volume for deal in own)
    average = fsum(deal.volume * deal.price for deal in own) / filled if filled else 0.0
    opening = (d.position_id for d in own if d.entry in (DealEntry.IN, DealEntry.INOUT))
    position = next(opening, 0)
    return OrderResolved(
        command.by, command.reason, order.key, True, command.order, filled, average, position
    )


def _not_unresolved(state: State, key: str, order: Order | None) -> str:
    waiting = [(one.key, one.note) for one in unresolved(state.orders)]
    waiting += [(change.wish.key, change.note) for change in state.changes.open.values()]
    found = order or next((one for one in state.orders.done if one.key == key), None)
    what = f"{key} is {found.status}" if found is not None else f"no order {key} is open"
    listed = "; ".join(f"{name} ({note})" for name, note in waiting)
    return f"{what}; unresolved: {listed or 'nothing'}. Nothing was changed"


def _request(command: FlattenPositions | CancelOrders, book: Book, config: Config) -> str:
    """Record a wish that the kernel pursues until nothing of it is left, over restarts as well."""
    state = book.state
    if state.run.halt_rule == SWITCHED_OFF:
        raise UsageError(
            f"trading is {said_of(state.run)}: nothing is sent, not even closes. `daybook resume` "
            "first, or act in the terminal by hand"
        )
    _known(command, state, config)
    if isinstance(command, FlattenPositions):
        book.record(FlattenRequested(command.by, command.reason, command.symbol, command.strategy))
        return "to be closed: `daybook status` shows what is left"
    key = command.order_key.upper()
    if key and key not in (order.key for order in state.orders.open.values() if order.is_pending):
        raise UsageError(f"no pending order {key} is open; nothing was changed")
    book.record(
        CancelRequested(command.by, command.reason, key, command.symbol, command.strategy),
        corr=key,
    )
    return "to be cancelled: `daybook status` shows what is left"


def _known(command: FlattenPositions | CancelOrders, state: State, config: Config) -> None:
    """Refuse a misspelt name: it would match nothing, and look as if all were flat."""
    symbols = {*state.market.symbols, *(p.symbol for p in state.positions.open.values())}
    if command.symbol and command.symbol not in symbols:
        known = ", ".join(sorted(symbols))
        raise UsageError(f"no symbol {command.symbol} is traded here; there are: {known}")
    strategies = [strategy.name for strategy in config.strategies]
    if command.strategy and command.strategy not in strategies:
        known = ", ".join(strategies)
        raise UsageError(f"no strategy {command.strategy} runs here; there are: {known}")


def said_of(run: Run) -> str:
    """Say whether trading is halted, and by what."""
    return f"halted ({run.halt_rule}: {run.halt_reason})" if run.halt_rule else "not halted"
