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
    """An operator has looked, and lets trading go on after a halt or a pause. Fields as above."""

    by: str
    reason: str


class TradingHalted(Decision, frozen=True, gc=False):
    """Nothing new is sent until an operator resumes.

    rule    short name of what tripped
    reason  for people
    """

    rule: str
    reason: str
