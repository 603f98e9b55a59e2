"""The kernel's reactions to differences between the journal and the broker: each is named, what can
be healed is healed by a decision, and what cannot halts. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.config import Config
from engine.execution.differences import Discrepancy, Name
from engine.execution.intents import Draft
from engine.execution.reconcile import diff, reused
from journal.envelope import Event
from journal.events import (
    BrokerSnapshotTaken,
    ClockOffsetMeasured,
    DealRecorded,
    TradingHalted,
)
from projections.state import State

RULE = "discrepancy"
"""The rule that such a halt bears.

The engine never lifts it by itself, even when a later deal explains everything: somebody should
know why the broker's lists were wrong for longer than they are allowed to lag, and meanwhile the
market has moved on without the strategies. That nothing differs any more is journalled, and
`daybook status` says it.
"""


def magics_of(config: Config) -> frozenset[int]:
    """Return the magics that are ours."""
    return frozenset(strategy.magic for strategy in config.strategies)


def on_snapshot(state: State, config: Config, event: Event[BrokerSnapshotTaken]) -> Iterator[Draft]:
    """Name every difference; take the broker's word where that heals; halt on what is left."""
    found = diff(state, event.data, magics_of(config))
    for one in found:
        yield one.found, ""
    for heal in dict.fromkeys(one.heal for one in found if one.heal is not None):
        yield heal, getattr(heal, "key", "")
    yield from _halt(state, [one for one in found if one.halts])


def on_reused(state: State, event: Event[DealRecorded]) -> Iterator[Draft]:
    """Halt on a ticket that an older deal had: the deal was not taken in, as deals are known by
    their tickets."""
    one = reused(event.data)
    yield one.found, ""
    yield from _halt(state, [one])


def on_clock(state: State, event: Event[ClockOffsetMeasured]) -> Iterator[Draft]:
    """Halt when the broker's clock is not as its rule says: days and sessions would begin at wrong
    hours."""
    if not event.data.agrees:
        measured = f"{event.data.offset_s / 3600:+g} h from UTC"
        one = Discrepancy(Name.CLOCK, state.run.server, f"rule {event.data.rule}", measured)
        yield one.found, ""
        yield from _halt(state, [one])


def _halt(state: State, left: Sequence[Discrepancy]) -> Iterator[Draft]:
    if left and not state.run.halt_rule:
        first = left[0]
        reason = (
            f"{len(left)} found; first: {first.name} {first.subject}, "
            f"journal {first.journal}, broker {first.broker}"
        )
        yield TradingHalted(RULE, reason), ""
