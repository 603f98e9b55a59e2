"""Reconciliation is a diff: the journal's state against the broker's own picture, as two values.
It sends nothing."""

from __future__ import annotations

from journal.events import BrokerSnapshotTaken, DiscrepancyFound
from projections.orders import VOLUME_EPSILON
from projections.positions import Position
from projections.state import State

CENT = 0.005
"""Balances are sums of amounts in whole cents: half a cent apart is already a different sum."""


def diff(state: State, broker: BrokerSnapshotTaken) -> list[DiscrepancyFound]:
    """Return every difference between the journal's account and the broker's, in a fixed order."""
    found: list[DiscrepancyFound] = []
    ours = state.positions.open
    theirs = {seen.identifier: seen for seen in broker.positions}
    for identifier in sorted(ours.keys() | theirs.keys()):
        mine, seen = ours.get(identifier), theirs.get(identifier)
        if seen is None:
            found.append(_difference("position missing", identifier, _text(mine), "none"))
        elif mine is None:
            lots = f"{'buy' if seen.type == 0 else 'sell'} {seen.volume:g} {seen.symbol}"
            found.append(_difference("position unknown", identifier, "none", lots))
        elif abs(mine.volume - seen.volume) > VOLUME_EPSILON or (mine.side > 0) != (seen.type == 0):
            lots = f"{'buy' if seen.type == 0 else 'sell'} {seen.volume:g} {seen.symbol}"
            found.append(_difference("volume", identifier, _text(mine), lots))
    if abs(state.account.balance - broker.balance) >= CENT:
        found.append(
            DiscrepancyFound(
                "balance", state.run.server, f"{state.account.balance:.2f}", f"{broker.balance:.2f}"
            )
        )
    return found


def _difference(name: str, identifier: int, journal: str, broker: str) -> DiscrepancyFound:
    return DiscrepancyFound(name, str(identifier), journal, broker)


def _text(position: Position | None) -> str:
    if position is None:
        return "none"
    return f"{'buy' if position.side > 0 else 'sell'} {position.volume:g} {position.symbol}"
