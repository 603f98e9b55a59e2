"""All projections together: what the journal says, as one value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import msgspec

from journal.envelope import AnyEvent, Event
from journal.events import DealRecorded, Payload
from projections.account import ACCOUNT, Account
from projections.base import Projection, digest
from projections.changes import CHANGES, Changes
from projections.commands import COMMANDS, Commands
from projections.costs import COSTS, Costs
from projections.idempotency import IDEMPOTENCY, Idempotency
from projections.market import MARKET, Market
from projections.orders import ORDERS, Orders
from projections.performance import PERFORMANCE, Performance
from projections.performance import initial as initial_performance
from projections.policies import POLICIES, Policies
from projections.positions import POSITIONS, Positions
from projections.protection import PROTECTION, Protection
from projections.protection import initial as initial_protection
from projections.reconciliation import RECONCILIATION, Reconciliation
from projections.run import RUN, Run

__all__ = ["PROJECTIONS", "Fold", "State", "digest", "fold", "initial"]

S = TypeVar("S")

PROJECTIONS: tuple[Projection[Any], ...] = (
    RUN,
    MARKET,
    ORDERS,
    CHANGES,
    COMMANDS,
    POSITIONS,
    POLICIES,
    PROTECTION,
    ACCOUNT,
    IDEMPOTENCY,
    COSTS,
    RECONCILIATION,
    PERFORMANCE,
)


class State(msgspec.Struct):
    """The state of every projection, and sequence and time of the last event folded in."""

    run: Run
    market: Market
    orders: Orders
    changes: Changes
    commands: Commands
    positions: Positions
    policies: Policies
    protection: Protection
    account: Account
    idempotency: Idempotency
    costs: Costs
    reconciliation: Reconciliation
    performance: Performance
    seq: int = 0
    ts: int = 0


def initial() -> State:
    """Return the state before any event."""
    return State(
        Run(),
        Market(),
        Orders(),
        Changes(),
        Commands(),
        Positions(),
        Policies(),
        initial_protection(),
        Account(),
        Idempotency(),
        Costs(),
        Reconciliation(),
        initial_performance(),
    )


class Fold:
    """Folds events into one State, each event only into the projections that take it in."""

    def __init__(
        self, state: State | None = None, only: Iterable[Projection[Any]] = PROJECTIONS
    ) -> None:
        """Go on from `state`.

        only   the projections to fold, IDEMPOTENCY among them: it knows which deals are recorded
        """
        self.state = initial() if state is None else state
        self._routes: dict[type, list[Callable[[Event[Any]], None]]] = {}
        for projection in only:
            part = getattr(self.state, projection.name)
            for kind, handler in projection.handlers.items():
                self.also(kind, handler, part)
        self._deal_routes = self._routes[DealRecorded]
        self._routes[DealRecorded] = [self._deal]

    def also(self, kind: type[Payload], handler: Callable[[S, Event[Any]], None], part: S) -> None:
        """Tell `handler` of every event of a kind, after the projections."""
        self._routes.setdefault(kind, []).append(partial(handler, part))

    def evolve(self, event: Event[Any]) -> None:
        """Fold in one event. A deal that is recorded already changes nothing."""
        state = self.state
        state.seq, state.ts = event.seq, event.ts
        for handle in self._routes.get(type(event.data), ()):
            handle(event)

    def _deal(self, event: Event[DealRecorded]) -> None:
        if event.data.ticket not in self.state.idempotency.deals:
            for handle in self._deal_routes:
                handle(event)


def fold(events: Iterable[AnyEvent], only: Iterable[Projection[Any]] = PROJECTIONS) -> State:
    """Fold all events from the beginning and return the state; `only` as for Fold."""
    folding = Fold(only=only)
    for event in events:
        folding.evolve(event)
    return folding.state
