"""The kernel's reactions: given the state after an input, which decisions follow. Pure; each takes
what it needs."""

from __future__ import annotations

from collections.abc import Iterator

from engine.config import Config
from engine.execution.intents import order_key
from engine.execution.outcome import Meaning, Verdict, classify
from engine.execution.reconcile import diff
from engine.risk.governor import objection, veto, weigh
from engine.strategies.base import Proposal, StrategyBase
from journal.envelope import Event
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    EvidenceGathered,
    OrderAccepted,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    Payload,
    QuoteObserved,
    QuoteUnavailable,
    RunStarted,
    TerminalLost,
    TradingHalted,
)
from projections.orders import Order
from projections.state import State

Draft = tuple[Payload, str]
"""A decision before it has a place in the journal: payload and order key."""


def propose(
    event: Event[BarClosed], index: int, strategy: StrategyBase, proposal: Proposal
) -> OrderProposed:
    """Make a strategy's wish an event with a key of its own."""
    return OrderProposed(
        key=order_key(event.run, event.seq, index),
        strategy=strategy.name,
        magic=strategy.magic,
        symbol=strategy.symbol,
        side=proposal.side,
        stop_distance=proposal.stop_distance,
        target_distance=proposal.target_distance,
        reason=proposal.reason,
    )


def on_proposed(state: State, key: str) -> Iterator[Draft]:
    """Veto at once what needs no quote to be refused."""
    order = state.orders.open[key]
    against = objection(state, order)
    if against is not None:
        yield veto(order, *against), key


def on_quote(state: State, config: Config, event: Event[QuoteObserved]) -> Iterator[Draft]:
    """Weigh the proposal that the quote was fetched for."""
    order = state.orders.open.get(event.corr)
    if order is not None and order.status == "proposed":
        yield weigh(state, config, order, event.data), order.key


def on_no_quote(state: State, event: Event[QuoteUnavailable]) -> Iterator[Draft]:
    """Without a quote nothing can be sized."""
    order = state.orders.open.get(event.corr)
    if order is not None and order.status == "proposed":
        yield veto(order, "quote", event.data.reason), order.key


def on_reply(state: State, event: Event[BrokerReplied]) -> Iterator[Draft]:
    """Say what the broker's answer proves."""
    reply = event.data
    order = state.orders.open.get(reply.key)
    if order is None or order.status not in ("intended", "unresolved"):
        return
    meaning = classify(reply)
    yield _settled(order, reply, meaning), reply.key
    if meaning.halt:
        yield TradingHalted("broker answer", f"{meaning.name} (order {reply.key})"), reply.key


def _settled(order: Order, reply: BrokerReplied, meaning: Meaning) -> Payload:
    if meaning.verdict is Verdict.ACCEPTED and reply.order:
        return OrderAccepted(reply.key, reply.order, "reply")
    code = reply.retcode or reply.error
    detail = reply.comment or reply.error_text
    reason = f"{meaning.name} ({code}{': ' + detail if detail else ''})"
    if meaning.verdict is Verdict.REFUSED:
        return OrderRefused(reply.key, code, "reply", reason)
    if meaning.verdict is Verdict.ACCEPTED:  # without its ticket, nothing tells its deals
        reason += ", without an order's ticket"
    return OrderUnresolved(reply.key, order.symbol, reason)


def on_evidence(state: State, event: Event[EvidenceGathered]) -> Iterator[Draft]:
    """Settle an unresolved intent by what the broker's lists showed. Resemblance proves nothing:
    it halts."""
    seen = event.data
    order = state.orders.open.get(seen.key)
    if order is None or order.status not in ("intended", "unresolved"):
        return
    if len(seen.orders) > 1:
        reason = f"orders {seen.orders} all bear the key {seen.key}"
        yield TradingHalted("doubled order", reason), seen.key
    elif seen.orders or seen.deals:  # a deal alone proves the execution, not the order's ticket
        ticket = seen.orders[0] if seen.orders else 0
        yield OrderAccepted(seen.key, ticket, "evidence"), seen.key
    elif seen.suspects:
        reason = f"{seen.key} may be one of {seen.suspects}: they match it but do not bear its key"
        yield TradingHalted("ambiguous order", reason), seen.key
    else:
        reason = f"not in the broker's orders, positions or history after {seen.polls} readings"
        yield OrderRefused(seen.key, 0, "evidence", reason), seen.key


def on_start(state: State, _: Event[RunStarted]) -> Iterator[Draft]:
    """A new run trusts nothing that was under way: old proposals lapse, and what may have been
    sent is unresolved."""
    for order in list(state.orders.open.values()):  # each decision changes what is open
        if order.status == "proposed":
            yield veto(order, "restart", "the engine stopped before it could be weighed"), order.key
        elif order.status == "intended":
            reason = "the engine stopped before the broker's answer was recorded"
            yield OrderUnresolved(order.key, order.symbol, reason), order.key


def on_lost(state: State, _: Event[TerminalLost]) -> Iterator[Draft]:
    """Without a terminal nothing can be weighed; once it is back, the market has moved."""
    for order in list(state.orders.open.values()):
        if order.status == "proposed":
            yield (
                veto(order, "connection", "the terminal was lost before it could be weighed"),
                order.key,
            )


def on_snapshot(state: State, event: Event[BrokerSnapshotTaken]) -> Iterator[Draft]:
    """Name every discrepancy; one that recording the broker's deals has not healed halts."""
    found = diff(state, event.data)
    for discrepancy in found:
        yield discrepancy, ""
    if found and not state.run.halt_rule:
        first = found[0]
        reason = (
            f"{len(found)} found; first: {first.name} {first.subject}, "
            f"journal {first.journal}, broker {first.broker}"
        )
        yield TradingHalted("discrepancy", reason), ""
