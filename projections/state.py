"""All projections together: what the journal says, as one value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from journal.envelope import AnyEvent, Event
from journal.events import BarClosed, DealRecorded, Payload
from projections.account import ACCOUNT, Account
from projections.base import Handler, Projection, Reading, digest
from projections.changes import CHANGES, Changes
from projections.commands import COMMANDS, Commands
from projections.costs import COSTS, Costs
from projections.idempotency import IDEMPOTENCY, Idempotency
from projections.market import MARKET, Market
from projections.orders import ORDERS, Orders
from projections.performance import PERFORMANCE, Performance
from projections.policies import POLICIES, Policies
from projections.positions import POSITIONS, Positions
from projections.protection import PROTECTION, Protection
from projections.reconciliation import RECONCILIATION, Reconciliation
from projections.run import RUN, Run
from projections.unexplained import UNEXPLAINED, Unexplained

__all__ = ["PROJECTIONS", "Fold", "State", "digest", "fold", "initial"]

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
    UNEXPLAINED,
    PERFORMANCE,
)


@dataclass(slots=True)
class State:
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
    unexplained: Unexplained
    performance: Performance
    seq: int = 0
    ts: int = 0


def initial() -> State:
    """Return the state before any event."""
    return State(**{one.name: one.initial() for one in PROJECTIONS})


class Fold:
    """Folds events into one State, each event only into the projections that take it in."""

    def __init__(
        self, state: State | None = None, only: Iterable[Projection[Any]] = PROJECTIONS
    ) -> None:
        """Go on from `state`.

        only   the projections to fold; what they read, and which deals are recorded, is folded too
        """
        self.state = initial() if state is None else state
        self._routes: dict[type, list[Callable[[Event[Any]], None]]] = {}
        self._bars: list[Callable[[Sequence[Event[BarClosed]]], None]] = []
        needed = {IDEMPOTENCY.name, *(projection.name for projection in only)}
        for projection in reversed(PROJECTIONS):  # what is read comes before what reads it
            if projection.name in needed:
                needed |= projection.reads
        for projection in PROJECTIONS:
            if projection.name in needed:
                self._take_on(projection)
        self._deal_routes = self._routes[DealRecorded]
        self._routes[DealRecorded] = [self._deal]

    def _take_on(self, projection: Projection[Any]) -> None:
        own = getattr(self.state, projection.name)
        for kind, handler in projection.handlers.items():
            parts = [own]
            if isinstance(handler, Reading):
                parts += (getattr(self.state, other.name) for other in handler.of)
                handler = handler.handler
            self.also(kind, handler, *parts)
            if kind is BarClosed and projection.bars is not None:
                self._bars.append(partial(projection.bars, *parts))

    def also(self, kind: type[Payload], handler: Handler, *parts: object) -> None:
        """Tell `handler` of every event of a kind that `evolve` is given, `parts` before it, after
        the projections."""
        self._routes.setdefault(kind, []).append(partial(handler, *parts))

    def evolve(self, event: Event[Any]) -> None:
        """Fold in one event. A deal that is recorded already changes nothing."""
        state = self.state
        state.seq, state.ts = event.seq, event.ts
        for handle in self._routes.get(type(event.data), ()):
            handle(event)

    def evolve_bars(self, events: Sequence[Event[BarClosed]]) -> None:
        """Fold in bars of one series, at least one, as `evolve` does one by one: no projection
        reads what a bar changes in another."""
        state, last = self.state, events[-1]
        state.seq, state.ts = last.seq, last.ts
        for handle in self._bars:
            handle(events)

    def _deal(self, event: Event[DealRecorded]) -> None:
        if event.data.ticket not in self.state.idempotency.deals:
            for handle in self._deal_routes:
                handle(event)


def fold(events: Iterable[AnyEvent], only: Iterable[Projection[Any]] = PROJECTIONS) -> State:
    """Fold all events from the beginning and return the state; `only` as for Fold."""
    folding = Fold(only=only)
    evolve = folding.evolve
    for event in events:
        evolve(event)
    return folding.state
