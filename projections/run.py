"""The run: which one, on which account, and whether it may trade."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    FeedCaughtUp,
    OperatorHalted,
    RunEnded,
    RunStarted,
    TerminalConnected,
    TerminalLost,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from projections.base import Projection

PAUSED = "paused"
"""The `halt_rule` of an operator's pause."""

SWITCHED_OFF = "operator"
"""The `halt_rule` of an operator's emergency stop, which goes before every other."""


class Run(msgspec.Struct):
    """State of the run.

    live         the feed has caught up: bars are news
    halt_rule    what halted trading, `paused` for an operator; empty while it may trade. It
                 outlives the run: only an operator ends it
    resumed      nanoseconds UTC at which an operator last let trading go on, 0 for never
    ended        reason of the last end; empty while a run goes on, or after it was killed
    """

    id: str = ""
    number: int = 0
    mode: str = ""
    started: int = 0
    live: bool = False
    connected: bool = False
    ended: str = ""
    halt_rule: str = ""
    halt_reason: str = ""
    resumed: int = 0
    login: int = 0
    server: str = ""
    currency: str = ""
    trade_mode: int = 0
    margin_mode: int = 0


def _started(state: Run, event: Event[RunStarted]) -> None:
    state.id = event.run
    state.number += 1
    state.mode = event.data.mode
    state.started = event.ts
    state.live = state.connected = False
    state.ended = ""


def _connected(state: Run, event: Event[TerminalConnected]) -> None:
    data = event.data
    state.connected = True
    state.login, state.server = data.login, data.server
    state.currency = data.currency
    state.trade_mode, state.margin_mode = data.trade_mode, data.margin_mode


def _lost(state: Run, _: Event[TerminalLost]) -> None:
    state.connected = state.live = False


def _caught_up(state: Run, _: Event[FeedCaughtUp]) -> None:
    state.live = True


def _halted(state: Run, event: Event[TradingHalted]) -> None:
    if state.halt_rule in ("", PAUSED):  # the first cause is the one to mend; a pause is none
        state.halt_rule, state.halt_reason = event.data.rule, event.data.reason


def _paused(state: Run, event: Event[TradingPaused]) -> None:
    if not state.halt_rule:
        state.halt_rule, state.halt_reason = PAUSED, f"{event.data.by}: {event.data.reason}"


def _switched_off(state: Run, event: Event[OperatorHalted]) -> None:
    state.halt_rule, state.halt_reason = SWITCHED_OFF, f"{event.data.by}: {event.data.reason}"


def _resumed(state: Run, event: Event[TradingResumed]) -> None:
    state.halt_rule = state.halt_reason = ""
    state.resumed = event.ts


def _ended(state: Run, event: Event[RunEnded]) -> None:
    state.live = state.connected = False
    state.ended = event.data.reason


_HANDLERS: dict[Any, Any] = {
    RunStarted: _started,
    TerminalConnected: _connected,
    TerminalLost: _lost,
    FeedCaughtUp: _caught_up,
    TradingHalted: _halted,
    TradingPaused: _paused,
    OperatorHalted: _switched_off,
    TradingResumed: _resumed,
    RunEnded: _ended,
}

RUN = Projection("run", 2, Run, _HANDLERS)
