"""The kernel's reactions to what begins and ends an attempt: proposals, quotes, starts and losses.
Pure; each takes what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.config import Config
from engine.execution import policy
from engine.execution.intents import Draft, Keys
from engine.risk.governor import objection, unaffordable, veto, weigh
from engine.strategies.base import Proposal, StrategyBase
from journal.envelope import Event
from journal.events import (
    ChangeUnresolved,
    OrderProposed,
    OrderUnresolved,
    QuoteObserved,
    QuoteUnavailable,
    RunStarted,
    TerminalLost,
)
from projections.state import State


def propose(keys: Keys, strategy: StrategyBase, proposal: Proposal) -> Draft:
    """Make a strategy's wish an event with a key of its own."""
    key = keys.take()
    proposed = OrderProposed(
        key=key,
        strategy=strategy.name,
        magic=strategy.magic,
        symbol=strategy.symbol,
        side=proposal.side,
        stop_distance=proposal.stop_distance,
        target_distance=proposal.target_distance,
        reason=proposal.reason,
        type=proposal.type,
        price=proposal.price,
        limit=proposal.limit,
        lifetime_s=proposal.lifetime_s,
    )
    return proposed, key


def on_proposed(state: State, config: Config, key: str) -> Iterable[Draft]:
    """Veto at once what needs no quote to be refused."""
    order = state.orders.open[key]
    against = objection(state, config, order) or unaffordable(state, config, order)
    return ((veto(order, *against), key),) if against is not None else ()


def on_quote(
    state: State, config: Config, event: Event[QuoteObserved], keys: Keys
) -> Iterable[Draft]:
    """Weigh the proposal that the quote was fetched for."""
    order = state.orders.open.get(event.corr)
    if order is None or order.status != "proposed":
        return ()
    weighed = weigh(state, config, order, event.data)
    return policy.admit(state, config, keys, order, weighed)


def on_no_quote(state: State, event: Event[QuoteUnavailable]) -> Iterator[Draft]:
    """Without a quote nothing can be sized."""
    order = state.orders.open.get(event.corr)
    if order is not None and order.status == "proposed":
        yield veto(order, "quote", event.data.reason), order.key


def on_start(state: State, _: Event[RunStarted]) -> Iterator[Draft]:
    """A new run trusts nothing that was under way: old proposals lapse, and what may have been
    sent is unresolved."""
    stopped = "the engine stopped before the broker's answer was recorded"
    for order in list(state.orders.open.values()):  # each decision changes what is open
        if order.status == "proposed":
            yield veto(order, "restart", "the engine stopped before it could be weighed"), order.key
        elif order.status == "intended":
            yield OrderUnresolved(order.key, order.symbol, stopped), order.key
    for key, change in list(state.changes.open.items()):
        if change.status == "intended":
            yield ChangeUnresolved(key, change.wish.symbol, stopped), key


def on_lost(state: State, _: Event[TerminalLost]) -> Iterator[Draft]:
    """Without a terminal nothing can be weighed; once it is back, the market has moved."""
    for order in list(state.orders.open.values()):
        if order.status == "proposed":
            yield (
                veto(order, "connection", "the terminal was lost before it could be weighed"),
                order.key,
            )
