"""The way from the engine to the terminal, with what can happen on it; and the session's clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from engine.broker.calls import InProcess
from engine.broker.gateway import CallFailed
from engine.broker.server_time import ServerTime
from engine.terminal import constants as mt5
from engine.terminal.faults import Fault
from tools.simulation.broker import Altering, Broker, Sending
from tools.simulation.disk import Died, Disk
from tools.simulation.plan import (
    CallLost,
    ClockSet,
    CommentChanged,
    DealLate,
    Doubled,
    HandBefore,
    ListsLag,
    ListsSlow,
    Plan,
    Stopped,
)

OnTheLine = CallLost | CommentChanged | Doubled | ListsLag | ListsSlow | DealLate | HandBefore
MINUTE_S = 60.0
AFTER = 5
"""Bars after what was waited for: lists may lag for some more readings."""
LOOKS, LOOK_S = 3, 7.0
"""Looks, and the seconds between them, that the engine has when the market stands at its end: what
happened in the last minute is not seen before the next look."""
FOR_EVER = 10**9
"""Readings; seconds end it before."""
_BREAKING = (-10001, -10002, -10004, -20001, -20011, -20012, -20013)
"""Errors after which the module has to be initialised anew."""


class Line:
    """Calls to the terminal's module, one process after the other.

    `now` tells seconds. `sent` is told each request, and its key if it has one, before the module
    has it.
    """

    def __init__(
        self, broker: Broker, disk: Disk, sent: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._broker = broker
        self._disk = disk
        self._sent = sent
        self._module = InProcess(broker.terminal.module())
        self._numbers: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()
        self._troubles = [
            item
            for item in broker.plan.troubles
            if isinstance(
                item,
                CallLost | CommentChanged | Doubled | ListsLag | ListsSlow | DealLate | HandBefore,
            )
        ]
        self._renamed: set[int] = set()
        self._hidden = 0
        self._hidden_reads = 0
        self._slow = -math.inf, math.inf
        self.now: Callable[[], float] = lambda: 0.0

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call the module's function, with the plan's troubles around it."""
        if self._disk.dead:
            raise Died
        begun, end = self._slow
        if not begun <= self.now() < end:  # also when the clock was set back meanwhile
            self._show_all()
        self._numbers[function] += 1
        lost = self._meet(function)
        if lost is not None and not lost.executed:
            self._lose(lost)
        self.reached[function] += 1
        try:
            result = await self._carry(function, args, kwargs)
        except Died:
            self._disk.die()
            raise
        if lost is not None:
            self._lose(lost)
        return result

    async def _carry(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if function == "order_send":
            return await self._send(args[0])
        result = await self._module.call(function, *args, **kwargs)
        if function == "history_deals_get":
            return self._as_named(self._without_late_deal(result))
        return result

    async def _send(self, request: dict[str, Any]) -> Any:
        self._meddle()
        if "comment" not in request:
            return await self._alter(request)
        sending = Sending(request["comment"], opens="position" not in request)
        self._sent(sending.key, request)
        self._broker.sendings.append(sending)
        first = self._broker.book.next_ticket
        comment = self._comment(request["comment"])
        asked = {**request, "comment": comment or sending.key}
        try:
            result = await self._module.call("order_send", asked)
            if self._doubles(request):
                self._broker.double(asked)
                raise CallFailed("order_send", -10002, "lost by a bridge")
            return result
        finally:
            sending.ticket = self._broker.sent_since(first)
            if not comment:
                self._renamed.add(sending.ticket)

    async def _alter(self, request: dict[str, Any]) -> Any:
        ticket = request.get("position") or request["order"]
        self._sent("", request)
        idle = self._broker.is_so(request)
        self._broker.alterings.append(Altering(request["action"], ticket, idle))
        return await self._module.call("order_send", request)

    def _doubles(self, request: dict[str, Any]) -> bool:
        if request["action"] != mt5.TRADE_ACTION_DEAL or "position" in request:
            return False
        number = self._numbers["order_send"]
        due = [i for i in self._troubles if isinstance(i, Doubled) and i.number == number]
        self._broker.struck += due if self._broker.armed else []
        return bool(due) and self._broker.armed

    def _meddle(self) -> None:
        """Let a hand be quicker than the request that is on its way."""
        number = self._numbers["order_send"]
        for item in self._troubles:
            if not isinstance(item, HandBefore) or item.number != number or not self._broker.armed:
                continue
            if self._broker.meddle(item.what):
                self._broker.struck.append(item)

    def _meet(self, function: str) -> CallLost | None:
        """Meet what the plan has for this call; return what loses its answer."""
        if not self._broker.armed:
            return None
        number = self._numbers[function]
        lost = None
        for item in self._troubles:
            match item:
                case CallLost() if (item.call, item.number) == (function, number):
                    lost = lost or item
                    self._broker.struck.append(item)
                case ListsSlow() if (item.call, item.number) == (function, number):
                    self._broker.terminal.views.lag(item.lists, FOR_EVER)
                    self._slow = self.now(), self.now() + item.seconds
                    self._broker.struck.append(item)
                case ListsLag() if (item.call, item.number) == (function, number):
                    self._broker.terminal.views.lag(item.lists, item.reads)
                    self._broker.struck.append(item)
        return lost

    def _lose(self, lost: CallLost) -> None:
        if lost.error in _BREAKING:
            self._broker.terminal.break_pipe()
        raise CallFailed(lost.call, lost.error, "lost in the simulation")

    def _comment(self, comment: str) -> str:
        """The comment that the broker keeps; empty when it keeps it on all but the deals."""
        for item in self._troubles:
            if (
                isinstance(item, CommentChanged)
                and self._broker.armed
                and item.number == self._numbers["order_send"]
            ):
                self._broker.struck.append(item)
                comment = {
                    "prefix": f"r:{comment}",
                    "suffix": f"{comment} from web",
                    "case": comment.lower(),
                    "cut": comment[:8],
                    "deals": "",
                }[item.how]
        return comment

    def _as_named(self, deals: tuple[Any, ...]) -> tuple[Any, ...]:
        """The deals with the comments that the broker gave them."""
        if not self._renamed:
            return deals
        return tuple(
            type(deal)({**deal._asdict(), "comment": "by broker"}.values())
            if deal.order in self._renamed
            else deal
            for deal in deals
        )

    def _without_late_deal(self, deals: tuple[Any, ...]) -> tuple[Any, ...]:
        """Keep one deal back for some readings; later ones are shown."""
        number = self._numbers["history_deals_get"]
        for item in self._troubles:
            if isinstance(item, DealLate) and item.number == number and self._broker.armed:
                trades = [deal.ticket for deal in deals if deal.order]
                if trades:
                    self._hidden, self._hidden_reads = max(trades), item.reads
                    self._broker.struck.append(item)
        if not self._hidden_reads:
            return deals
        self._hidden_reads -= 1
        return tuple(deal for deal in deals if deal.ticket != self._hidden)

    def calm(self) -> None:
        """Show everything; what lags for some seconds goes on doing so."""
        self._hidden_reads = 0

    def _show_all(self) -> None:
        self._slow = -math.inf, math.inf
        self._broker.terminal.views.catch_up()

    def struck_by_terminal(self) -> list[Fault]:
        """Which of the terminal's faults have struck, by the calls that reached it."""
        return [
            fault
            for fault in self._broker.plan.faults
            if self.reached[fault.when.call] >= (fault.when.number or fault.when.every or 1)
        ]


def _never() -> bool:
    return False


def _no_more() -> int:
    return 0


class Clock:
    """The session's time: the market's, what was slept meanwhile, and how wrong this computer is.

    The market moves on while the engine sleeps. `stop` ends the engine; for it the data ends soon
    after the step `end`, or after `until` says so. `further` is asked then, once the engine has
    looked at the end: how many steps it goes on.
    """

    def __init__(self, plan: Plan, broker: Broker, calm: Callable[[], None]) -> None:
        self._plan = plan
        self._broker = broker
        self._calm = calm
        self._server_time = ServerTime("new-york+7")
        self._slept = 0.0
        self._stood = 0.0
        self._looks = 0
        self._sets = [item for item in plan.troubles if isinstance(item, ClockSet)]
        self._stops = {item.step for item in plan.troubles if isinstance(item, Stopped)}
        self.end = 0
        self.stop: Callable[[], None] = lambda: None
        self.until: Callable[[], bool] = _never
        self.further: Callable[[], int] = _no_more

    def now_ns(self) -> int:
        """Nanoseconds UTC, as this computer has them."""
        true = self._server_time.utc_ns(self._broker.terminal.server_time_msc)
        return true + int((self._slept + self._stood + self._wrong_by()) * 1e9)

    def seconds(self) -> float:
        """The broker's seconds, as they are."""
        return self._broker.terminal.server_time_msc / 1e3 + self._slept + self._stood

    def _wrong_by(self) -> float:
        step = self._broker.step
        if not self._broker.armed:
            return 0.0
        return sum(item.seconds for item in self._sets if item.step <= step < item.until)

    def begin(self, second: float) -> None:
        """Begin a process so many seconds into the minute."""
        self._slept = second
        self._looks = 0

    async def next(self) -> bool:
        """Wait for the next bar."""
        self._slept = 0.0
        if self.until():
            self.end = min(self.end, self._broker.step + AFTER)
            self.until = _never
        if self.pass_minute():
            return True
        self._looks += 1
        self._slept = self._looks * LOOK_S
        if self._looks <= LOOKS:
            return True
        steps, self.further = self.further(), _no_more
        self.end = self._broker.step + steps
        self.begin(0.0)
        return self.pass_minute()

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and the market with it."""
        self._slept += seconds
        while self._slept >= MINUTE_S:
            self._slept -= MINUTE_S
            if not self.pass_minute():
                raise Died  # waiting for what never comes: the session's time is over

    def struck(self) -> list[ClockSet]:
        """The settings of the clock that came about."""
        return [item for item in self._sets if item.step <= self._broker.step]

    def pass_minute(self) -> bool:
        """Take a step; False at the end."""
        if self._broker.step >= self.end:
            return False
        before = self._broker.step
        moved = self._broker.advance()
        step = self._broker.step
        self._stood = 0.0 if step != before else self._stood + MINUTE_S
        if step != before and step in self._stops and self._broker.armed:
            self._broker.struck += [
                item
                for item in self._plan.troubles
                if isinstance(item, Stopped) and item.step == step
            ]
            self.stop()
        if step == self._plan.bars:
            self._calm()
        return moved
