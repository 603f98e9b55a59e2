"""What an operator does in a session: commands to a running engine, answers when it is calm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.ops.commands import (
    CancelOrders,
    Command,
    FlattenPositions,
    HaltTrading,
    LookAtSwitch,
    PauseTrading,
    ReconcileAccount,
    ResolveOrder,
    ResumeTrading,
)
from engine.ops.switch import Switch, Thrown
from projections.orders import unresolved
from projections.state import State
from tools.simulation.broker import Broker

BY = "operator"
COMMANDS: dict[str, Command | LookAtSwitch] = {
    "pause": PauseTrading(by=BY),
    "resume": ResumeTrading(by=BY),
    "flatten": FlattenPositions(by=BY),
    "cancel": CancelOrders(by=BY),
    "halt": HaltTrading(by=BY),
    "halt file": LookAtSwitch(by=BY),
    "reconcile": ReconcileAccount(by=BY),
}
"""By their names in a plan."""


class MemorySwitch(Switch):
    """The halt file, without a disk; it outlives the engine as a file does."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._thrown: Thrown | None = None

    def thrown(self) -> bool:
        """Tell whether it is there."""
        return self._thrown is not None

    def read(self) -> Thrown:
        """Return what it says."""
        return self._thrown or Thrown("", "")

    def throw(self, by: str, reason: str) -> None:
        """Make it."""
        self._thrown = self._thrown or Thrown(by, reason)

    def clear(self) -> None:
        """Remove it."""
        self._thrown = None


def answers(state: State, broker: Broker, switch: Switch) -> Iterator[Command]:
    """Yield what sets right what halted, from the broker's own book."""
    tickets = {one.key: one.ticket for one in broker.sendings}
    for order in unresolved(state.orders):
        ticket = tickets.get(order.key, 0)
        yield ResolveOrder(by=BY, key=order.key, executed=bool(ticket), order=ticket)
    if state.run.halt_rule or switch.thrown():
        yield ResumeTrading(by=BY, reason="the calm has come")
