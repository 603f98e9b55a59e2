"""Carries a fault plan out around the calls of a simulated terminal; what faults there are is in
`faults`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from engine.terminal import constants as mt5
from engine.terminal import noise
from engine.terminal.api.conventions import CallFailed
from engine.terminal.desk import Reply
from engine.terminal.faults import (
    Block,
    CommentOverwritten,
    ConnectionLost,
    DealZero,
    Disconnected,
    DuplicateTicks,
    Fault,
    FaultPlan,
    FrozenClock,
    Lag,
    LateTicks,
    ProcessDeath,
    ReplyLost,
    Retcode,
    ReversedLists,
    TicketChange,
)
from engine.terminal.records import Tick
from engine.terminal.request import Request
from engine.terminal.texts import TEXTS

if TYPE_CHECKING:
    from engine.terminal.terminal import Terminal

_STREAM = 3  # of the seed


def die() -> None:
    """End this process as a crash would: nothing is flushed, nothing is closed."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)


# Faults of a request on its way, as against those of the call around it.
_SENDING = (ReplyLost, Retcode, DealZero, Lag, CommentOverwritten)


_DONE = (
    mt5.TRADE_RETCODE_PLACED,
    mt5.TRADE_RETCODE_DONE,
    mt5.TRADE_RETCODE_DONE_PARTIAL,
    mt5.TRADE_RETCODE_NO_CHANGES,
)


class Saboteur:
    """Carries a plan out around the calls of one terminal.

    `sleep` and `die` are what blocks and what kills; tests put something harmless in their place.
    """

    def __init__(
        self,
        terminal: Terminal,
        plan: FaultPlan,
        sleep: Callable[[float], None] = time.sleep,
        die: Callable[[], None] = die,
    ) -> None:
        self._terminal = terminal
        self._plan = plan
        self._sleep = sleep
        self._die = die
        self._calls: dict[str, int] = {}
        self._struck = [0] * len(plan.faults)
        self._sending: list[Fault] = []
        self._offline = 0

    def around(self, name: str, arguments: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        """Make a call of the module, with whatever the plan has for it."""
        self._reconnect()
        number = self._calls[name] = self._calls.get(name, 0) + 1
        struck = [
            fault
            for place, fault in enumerate(self._plan.faults)
            if self._strikes(place, fault, name, number)
        ]
        for fault in struck:
            self._before(fault)
        self._sending = [fault for fault in struck if isinstance(fault, _SENDING)]
        result = call()
        for fault in struck:
            result = self._after(fault, name, arguments, result)
        return result

    def _strikes(self, place: int, fault: Fault, name: str, number: int) -> bool:
        when = fault.when
        if when.call != name or (when.times and self._struck[place] >= when.times):
            return False
        if when.number is not None and number != when.number:
            return False
        if when.every is not None and number % when.every:
            return False
        if when.chance is not None:
            stream = _STREAM + place
            if noise.unit(self._plan.seed, stream, number) >= when.chance:
                return False
        self._struck[place] += 1
        return True

    def _reconnect(self) -> None:
        if self._offline:
            self._offline -= 1
            self._terminal.conditions.connected = not self._offline

    def _before(self, fault: Fault) -> None:
        terminal = self._terminal
        match fault:
            case ConnectionLost():
                terminal.break_pipe()
            case Disconnected(calls=calls):
                self._offline = calls + 1
                terminal.conditions.connected = False
            case FrozenClock(steps=steps):
                terminal.server.frozen = steps
            case TicketChange():
                terminal.server.change_tickets()
            case Block(seconds=seconds):
                self._sleep(seconds)
            case ProcessDeath(after=False):
                self._die()
            case _:
                pass

    def _after(self, fault: Fault, name: str, arguments: tuple[Any, ...], result: Any) -> Any:
        match fault:
            case ProcessDeath(after=True):
                self._die()
            case ReversedLists() if type(result) is tuple:  # a record is a tuple too
                return result[::-1]
            case DuplicateTicks() if result is not None and len(result) and "ticks" in name:
                return np.concatenate([result, result[-1:]])
            case LateTicks(count=count) if result is not None:
                return _late(name, arguments[0], result, count, self._terminal)
        return result

    # Requests

    def send(self, request: Request, execute: Callable[[Request], Reply]) -> Reply:
        """Send a request through the faults that the current call has drawn."""
        sending, self._sending = self._sending, []
        for fault in sending:
            if isinstance(fault, Lag):
                self._terminal.views.lag(fault.lists, fault.reads)
            elif isinstance(fault, CommentOverwritten):
                request = msgspec.structs.replace(request, comment=fault.text)
        for fault in sending:
            if isinstance(fault, ReplyLost | Retcode) and not fault.executed:
                return self._untruth(fault)
        reply = execute(request)
        for fault in sending:
            if isinstance(fault, Retcode) and fault.code in _DONE and reply.retcode not in _DONE:
                continue  # what was not done is not told as done
            if isinstance(fault, ReplyLost | Retcode):
                return self._untruth(fault)
            if isinstance(fault, DealZero):
                reply = msgspec.structs.replace(reply, deal=0)
        return reply

    def _untruth(self, fault: ReplyLost | Retcode) -> Reply:
        """What the program is told instead of the truth."""
        if isinstance(fault, Retcode):
            return Reply(fault.code, TEXTS.get(fault.code, ""))
        if fault.error in (mt5.RES_E_INTERNAL_FAIL_SEND, mt5.RES_E_INTERNAL_FAIL_RECEIVE):
            self._terminal.break_pipe()
        raise CallFailed(fault.error)


def _late(name: str, symbol: object, result: Any, count: int, terminal: Terminal) -> Any:
    """A result without the last ticks."""
    if name.startswith("copy_ticks"):
        return result[:-count]
    if name != "symbol_info_tick":
        return result
    ticks = terminal.server.market.ticks(str(symbol)).table
    return Tick(ticks[-1 - count].item()) if len(ticks) > count else result
