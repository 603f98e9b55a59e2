"""A run's beginning and end, and what an operator or the engine itself decided about trading as a
whole."""

from __future__ import annotations

from typing import Any

from journal.events.base import Decision, Input


class RunStarted(Input, frozen=True, gc=False):
    """The manifest of a run: everything needed to repeat it.

    mode         `simulated` or `live`
    config       the whole configuration as it was in force (never a secret)
    config_hash, lock_hash, data_hash   SHA-256, hexadecimal; empty where there is nothing to hash
    seed         of everything random outside the kernel
    warmup       bars of each series that strategies need to see before they can speak
    """

    code_version: str
    mode: str
    config: dict[str, Any]
    config_hash: str
    lock_hash: str
    python: str
    platform: str
    seed: int
    warmup: int
    data_name: str
    data_hash: str


class RunEnded(Input, frozen=True, gc=False):
    """A run's last event.

    reason  `data ended`, `stopped` or `failed`
    digest  of all projections before this event
    """

    reason: str
    detail: str
    digest: str


class TradingPaused(Input, frozen=True, gc=False):
    """An operator wants nothing new to be sent. It outlives the run.

    by      who asked: the user's name on the machine
    reason  in the operator's words
    """

    by: str
    reason: str


class TradingResumed(Input, frozen=True, gc=False):
    """An operator has looked, and lets trading go on after a halt or a pause."""

    by: str
    reason: str


class OperatorHalted(Input, frozen=True, gc=False):
    """An operator threw the switch: nothing is sent until the halt file is gone and trading is
    resumed."""

    by: str
    reason: str


class FlattenRequested(Input, frozen=True, gc=False):
    """An operator wants positions closed and pending orders cancelled.

    symbol, strategy  only theirs; empty for all
    """

    by: str
    reason: str
    symbol: str
    strategy: str


class CancelRequested(Input, frozen=True, gc=False):
    """An operator wants pending orders cancelled.

    order_key         key of one; empty for all of `symbol` and `strategy`, empty for all
    """

    by: str
    reason: str
    order_key: str
    symbol: str
    strategy: str


class OrderResolved(Input, frozen=True, gc=False):
    """An operator says what became of an unresolved order or change: the broker's own staff was
    asked, or its lists were read by eye.

    executed  whether it was
    order     the broker's ticket, 0 when it was not executed, or for a change
    filled    lots of that order's deals that were recorded before anybody knew whose they are;
              `average` their price, `position` the identifier of the position that they opened
    """

    by: str
    reason: str
    key: str
    executed: bool
    order: int
    filled: float
    average: float
    position: int


class StopRequested(Input, frozen=True, gc=False):
    """An operator wants the run to end. What is in flight is settled first; then `RunEnded` says
    so, unless it is killed before.

    reason  in the operator's words, empty for none
    """

    by: str
    reason: str


class ReconcileRequested(Input, frozen=True, gc=False):
    """An operator wants the journal held against the broker; what that showed, and healed, follows.

    A dry run heals nothing; one that is made while no engine runs is not recorded.

    reason     in the operator's words, empty for none
    since_msc  server milliseconds from which on the broker's history is read; 0 for `since_s`
               seconds back
    dry_run    whether nothing may be healed because of it
    """

    by: str
    reason: str
    since_s: int
    since_msc: int
    dry_run: bool


class TradingHalted(Decision, frozen=True, gc=False):
    """Nothing new is sent until an operator resumes.

    rule    short name of what tripped
    reason  for people
    """

    rule: str
    reason: str
