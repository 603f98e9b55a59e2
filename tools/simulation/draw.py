"""Draws a plan from a seed: same seed, same plan. What may come together is decided here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, get_args

from engine.execution.outcome import ERRORS, RETCODES, Verdict
from engine.terminal import faults
from engine.terminal.faults import Fault, When
from engine.terminal.views import ListName
from tools.simulation.plan import (
    REQUOTES,
    BrokerKind,
    ByHand,
    CallLost,
    ClockSet,
    Commanded,
    Comment,
    CommentChanged,
    DealLate,
    DiskTrouble,
    Doubled,
    Entry,
    Found,
    Hand,
    HandBefore,
    ListsLag,
    ListsSlow,
    Manner,
    Operation,
    Order,
    Plan,
    Policy,
    ServerReset,
    Stopped,
    Switch,
    SwitchedOff,
    Trouble,
    dice,
    name_of,
)

GONE = 10036
"""Said of a position that is not there: it comes about by itself, and said of another it would be a
lie."""
LOST: tuple[Literal[-1, -10000, -10001, -10002], ...] = (-1, -10000, -10001, -10002)
UNKNOWN_RETCODES = (10005, 10037, 10099, 1)
UNKNOWN_ERRORS = (-77, -3)

VERDICTS = {
    code: meaning.verdict for table in (RETCODES, ERRORS) for code, meaning in table.items()
}
"""What is true at this broker: read once, so that a table made wrong does not change the broker."""

HISTORY = 40
"""Bars before the first that is traded."""
AFTERWARDS = 365
"""Bars after the troubles, in which the engine has to find its feet and to trade again."""
MOST_READS = 3
"""Readings for which lists lag: fewer than the search makes before it says "not executed"."""

SLOWEST_S = 5.0
"""Seconds for which lists lag at the most: what is reported, and less than a search takes."""

SENDINGS = 20
"""Requests that most sessions send, roughly; likewise the calls of each function."""
CALLS = {
    "initialize": 3, "account_info": 30, "symbol_select": 3, "terminal_info": 3, "version": 3,
    "symbol_info": 3, "symbol_info_tick": 60, "copy_rates_from_pos": 130, "order_calc_margin": 15,
    "positions_get": 10, "positions_total": 60, "history_deals_get": 60, "orders_get": 6,
    "history_orders_get": 6, "shutdown": 3,
}  # fmt: skip
READ_ERRORS = (-1, -2, -10000, -10001, -10002, -10004, -10005, -20001, -20011, -20012, -20013)

RESETS = 0.02
"""Sessions whose account is begun anew: what happens after it is of little interest."""
HANDS: tuple[Hand, ...] = get_args(Hand)
COMMENTS: tuple[Comment, ...] = get_args(Comment)
MANNERS: tuple[Manner, ...] = get_args(Manner)
ORDERS: tuple[Order, ...] = ("flatten", *get_args(Order))
OPENING: tuple[Hand, ...] = (
    "trade", "close", "close part", "move stops", "remove stops", "cancel rest", "move order",
    "robot trades", "twin trades",
)  # fmt: skip
"""What may happen right before a request arrives."""
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
SWITCHES: tuple[Switch, ...] = get_args(Switch)

ENTRIES: tuple[Entry, ...] = ("market", *get_args(Entry))
POLICIES: tuple[Policy, ...] = ("one", *get_args(Policy))
FOUND: tuple[Found, ...] = ("leave", *get_args(Found))

_LISTS: tuple[ListName, ...] = get_args(ListName)


class Dice:
    """The draws of one plan."""

    def __init__(self, seed: int, bars: int) -> None:
        self.chance = dice(seed, 0)
        self.bars = bars
        self.kinds: list[Callable[[], Fault | Trouble | list[Fault | Trouble]]] = [
            self.reply_lost,
            self.reply_lost,
            self.retcode,
            self.retcode,
            self.retcode,
            self.worker,
            self.worker,
            self.reading,
            self.reading,
            self.deal_zero,
            self.lag,
            self.lists_lag,
            self.deal_late,
            self.reversed_lists,
            self.comment_overwritten,
            self.comment_changed,
            self.comment_changed,
            self.nameless,
            self.connection_lost,
            self.disconnected,
            self.frozen,
            self.late_ticks,
            self.ticket_change,
            self.death,
            self.death,
            self.disk,
            self.disk,
            self.disk,
            self.by_hand,
            self.by_hand,
            self.hand_before,
            self.hand_before,
            self.found_together,
            self.requotes,
            self.commanded,
            self.commanded,
            self.lists_slow,
            self.doubled,
            self.clock,
            self.switched_off,
            self.stopped,
        ]

    def any_call(self) -> tuple[str, int]:
        """A function and the number of one of its calls."""
        call = self.chance.choice(list(CALLS))
        return call, self.chance.randint(1, CALLS[call])

    def sending(self) -> When:
        """One sending of an order."""
        return When(number=self.chance.randint(1, SENDINGS), times=1)

    def calling(self) -> When:
        """One call of any function."""
        if self.chance.random() < 0.3:
            return self.sending()
        call, number = self.any_call()
        return When(call=call, number=number, times=1)

    def step(self) -> int:
        """A step of the market."""
        return self.chance.randint(1, self.bars)

    def reply_lost(self) -> Fault:
        error = self.chance.choice(LOST)
        return faults.ReplyLost(
            when=self.sending(), executed=self.chance.random() < 0.5, error=error
        )

    def retcode(self) -> Fault:
        """Any answer. Only one that proves nothing may be untrue."""
        code = self.chance.choice((*(code for code in RETCODES if code != GONE), *UNKNOWN_RETCODES))
        verdict = VERDICTS.get(code, Verdict.UNRESOLVED)
        executed = verdict is Verdict.ACCEPTED or (
            verdict is Verdict.UNRESOLVED and self.chance.random() < 0.5
        )
        return faults.Retcode(when=self.sending(), code=code, executed=executed)

    def worker(self) -> Trouble:
        """Any error of the module or the worker; refused ones were not carried out."""
        error = self.chance.choice((*ERRORS, *UNKNOWN_ERRORS))
        proves = VERDICTS.get(error) is Verdict.REFUSED
        return CallLost(
            call="order_send",
            number=self.chance.randint(1, SENDINGS),
            error=int(error),
            executed=not proves and self.chance.random() < 0.5,
        )

    def reading(self) -> Trouble:
        call, number = self.any_call()
        return CallLost(call=call, number=number, error=self.chance.choice(READ_ERRORS))

    def requotes(self) -> list[Fault | Trouble]:
        """One refusal for the price, or more in a row than will be tried."""
        first, code = self.chance.randint(1, SENDINGS), self.chance.choice(REQUOTES)
        return [
            faults.Retcode(when=When(number=number, times=1), code=code)
            for number in range(first, first + self.chance.randint(1, 4))
        ]

    def deal_zero(self) -> Fault:
        return faults.DealZero(when=self.sending())

    def some_lists(self) -> tuple[ListName, ...]:
        return tuple(name for name in _LISTS if self.chance.random() < 0.6) or _LISTS

    def lag(self) -> Fault:
        return faults.Lag(
            when=self.sending(),
            lists=self.some_lists(),
            reads=self.chance.randint(1, MOST_READS),
        )

    def lists_lag(self) -> Trouble:
        call, number = self.any_call()
        return ListsLag(
            call=call,
            number=number,
            lists=self.some_lists(),
            reads=self.chance.randint(1, MOST_READS),
        )

    def lists_slow(self) -> Trouble:
        call, number = (
            self.any_call()
            if self.chance.random() < 0.5
            else ("order_send", self.chance.randint(1, SENDINGS))
        )
        return ListsSlow(
            call=call,
            number=number,
            lists=self.some_lists(),
            seconds=round(self.chance.uniform(0.1, SLOWEST_S), 1),
        )

    def doubled(self) -> Trouble:
        return Doubled(number=self.chance.randint(1, SENDINGS))

    def deal_late(self) -> Trouble:
        return DealLate(
            number=self.chance.randint(2, CALLS["history_deals_get"]),
            reads=self.chance.randint(1, 30),
        )

    def reversed_lists(self) -> Fault:
        call = self.chance.choice(
            ("history_deals_get", "history_orders_get", "orders_get", "positions_get")
        )
        return faults.ReversedLists(when=When(call=call))

    def comment_overwritten(self) -> Fault:
        return faults.CommentOverwritten(when=self.sending())

    def comment_changed(self) -> Trouble:
        return CommentChanged(
            number=self.chance.randint(1, SENDINGS),
            how=self.chance.choice(COMMENTS),
        )

    def nameless(self) -> list[Fault | Trouble]:
        """An order whose answer is lost, and whose key the broker does not keep."""
        when = self.sending()
        return [
            faults.ReplyLost(when=when, executed=True, error=self.chance.choice(LOST)),
            faults.CommentOverwritten(when=when),
        ]

    def connection_lost(self) -> Fault:
        return faults.ConnectionLost(when=self.calling())

    def disconnected(self) -> Fault:
        return faults.Disconnected(when=self.calling(), calls=self.chance.randint(1, 40))

    def frozen(self) -> Fault:
        return faults.FrozenClock(when=self.calling(), steps=self.chance.randint(1, 15))

    def late_ticks(self) -> Fault:
        return faults.LateTicks(when=When(call="symbol_info_tick", every=2, times=6))

    def ticket_change(self) -> Fault:
        return faults.TicketChange(when=self.calling())

    def death(self) -> Fault:
        return faults.ProcessDeath(when=self.calling(), after=self.chance.random() < 0.5)

    def disk(self) -> Trouble:
        manner, operation = self.chance.choice(MANNERS), self.chance.choice(OPERATIONS)
        if operation == "sync" and manner == "die half":
            manner = "die before"
        return DiskTrouble(operation=operation, number=self.chance.randint(1, 45), manner=manner)

    def by_hand(self) -> Trouble:
        what = self.chance.choice(HANDS)
        size = round(self.chance.uniform(0.01, 0.3), 2)
        if what in ("deposit", "withdraw", "credit", "correction", "dividend", "commission"):
            size = round(self.chance.uniform(1.0, 300.0), 2)
        return ByHand(step=self.step(), what=what, size=size)

    def found_together(self) -> list[Fault | Trouble]:
        """Strangers trade, often against each other, right before the engine is started."""
        step = self.step()
        whats: list[Hand] = ["trade", "robot trades"]
        return [
            *(ByHand(step=step, what=what, size=self.chance.choice((0.1, 0.2))) for what in whats),
            Stopped(step=step),
        ]

    def hand_before(self) -> Trouble:
        return HandBefore(number=self.chance.randint(1, SENDINGS), what=self.chance.choice(OPENING))

    def commanded(self) -> list[Fault | Trouble]:
        """A command; what stops trading is lifted again after a while, or is not."""
        step, what = self.step(), self.chance.choice(ORDERS)
        items: list[Fault | Trouble] = [Commanded(step=step, what=what)]
        if what in ("pause", "halt", "halt file") and self.chance.random() < 0.7:
            items.append(Commanded(step=step + self.chance.randint(1, 20), what="resume"))
        return items

    def clock(self) -> list[Fault | Trouble]:
        """This computer's clock is wrong for a while; often the engine is started meanwhile."""
        step = self.step()
        seconds = self.chance.choice((-7200.0, -3600.0, -90.0, -1.5, 2.5, 400.0, 3600.0, 86400.0))
        until = step + self.chance.randint(1, 40)
        items: list[Fault | Trouble] = [ClockSet(step=step, seconds=seconds, until=until)]
        if self.chance.random() < 0.5:
            items.append(Stopped(step=self.chance.randint(step, until)))
        return items

    def switched_off(self) -> Trouble:
        step = self.step()
        what = self.chance.choice(SWITCHES)
        return SwitchedOff(step=step, what=what, until=step + self.chance.randint(1, 20))

    def server_reset(self) -> Trouble:
        return ServerReset(step=self.step())

    def stopped(self) -> Trouble:
        return Stopped(step=self.step())


def draw(seed: int, *, bars: int, available: int, only: Collection[str] = ()) -> Plan:
    """Return the plan of a seed.

    bars       that are traded with troubles
    available  in the file of bars
    only       names of `Dice`'s kinds; all of them when left out
    """
    drawn = Dice(seed, bars)
    chance = drawn.chance
    kinds = [kind for kind in drawn.kinds if not only or kind.__name__ in only]
    broker: BrokerKind = chance.choice(get_args(BrokerKind))
    symbols = chance.choice((1, 1, 2))
    drawn_items = [chance.choice(kinds)() for _ in range(chance.randint(1, 9))]
    items = _one_lag(
        [one for item in drawn_items for one in (item if isinstance(item, list) else [item])]
    )
    if not only and chance.random() < RESETS:
        items.append(drawn.server_reset())
    return Plan(
        seed=seed,
        broker=broker,
        strategies=symbols if broker == "netting" else chance.randint(symbols, 2),
        symbols=symbols,
        entries=(chance.choice(ENTRIES), chance.choice(ENTRIES)),
        protected=chance.random() < 0.5,
        policy=chance.choice(POLICIES),
        found=chance.choice(FOUND),
        close_by=chance.random() < 0.5,
        most=chance.choice((0, 0, 0, 2)),
        first_bar=chance.randint(0, available - HISTORY - bars - AFTERWARDS),
        bars=bars,
        batch=chance.choice((1, 8, 40, 512)),
        away=chance.choice((0, 1, 5)),
        faults=tuple(item for item in items if isinstance(item, Fault)),
        troubles=tuple(item for item in items if isinstance(item, Trouble)),
    )


def _one_lag(items: list[Fault | Trouble]) -> list[Fault | Trouble]:
    """Keep one lag of lists: a second one right behind it would last longer than the promise."""
    lags = [item for item in items if isinstance(item, faults.Lag | ListsLag | ListsSlow)]
    return [item for item in items if item not in lags or item is lags[0]]


def halting() -> set[str]:
    """Return the names of those upon which the engine halts as soon as it has to do with them:
    only an operator ends it."""
    errors = [code for code, meaning in ERRORS.items() if meaning.halt]
    return {
        name_of(Doubled(number=1)),
        name_of(ServerReset(step=1)),
        name_of(HandBefore(number=1, what="twin trades")),
        *(name_of(ByHand(step=1, what=what, size=1.0)) for what in ("twin trades", "twin waits")),
        *(
            name_of(SwitchedOff(step=1, what=what, until=2))
            for what in SWITCHES
            if what != "connected"
        ),
        *(
            name_of(CallLost(call="order_send", number=1, error=int(error), executed=executed))
            for error in (*errors, *UNKNOWN_ERRORS)
            for executed in (True, False)
        ),
    }


def every_trouble() -> list[str]:
    """Return the names of all that can be drawn: the rows that enough seeds must visit."""
    items: list[Fault | Trouble] = [
        *(faults.ReplyLost(executed=done, error=error) for error in LOST for done in (True, False)),
        *(faults.Retcode(code=0, executed=done) for done in (True, False)),
        faults.Retcode(code=REQUOTES[0]),
        *(
            CallLost(call="order_send", number=1, error=int(error), executed=done)
            for error in (*ERRORS, *UNKNOWN_ERRORS)
            for done in (True, False)
            if not (done and VERDICTS.get(error) is Verdict.REFUSED)
        ),
        *(CallLost(call="version", number=1, error=error) for error in READ_ERRORS),
        *(CommentChanged(number=1, how=how) for how in COMMENTS),
        *(
            DiskTrouble(operation=operation, number=1, manner=manner)
            for operation in OPERATIONS
            for manner in MANNERS
            if (operation, manner) != ("sync", "die half")
        ),
        *(ByHand(step=1, what=what, size=1.0) for what in HANDS),
        *(HandBefore(number=1, what=what) for what in OPENING),
        *(Commanded(step=1, what=what) for what in dict.fromkeys(ORDERS)),
        *(SwitchedOff(step=1, what=what, until=2) for what in SWITCHES),
        *(
            faults.ProcessDeath(when=When(call=call), after=after)
            for call in ("order_send", "version")
            for after in (True, False)
        ),
        faults.DealZero(),
        faults.Lag(lists=_LISTS),
        faults.ReversedLists(),
        faults.CommentOverwritten(),
        faults.ConnectionLost(),
        faults.Disconnected(),
        faults.FrozenClock(),
        faults.LateTicks(),
        faults.TicketChange(),
        ListsSlow(call="version", number=1, lists=_LISTS, seconds=1.0),
        ListsLag(call="version", number=1, lists=_LISTS, reads=1),
        DealLate(number=1, reads=1),
        Doubled(number=1),
        ClockSet(step=1, seconds=1.0, until=2),
        Stopped(step=1),
        ServerReset(step=1),
    ]
    return [name_of(item) for item in items]
