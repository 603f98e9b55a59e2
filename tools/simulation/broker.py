"""The broker of a session: the simulated terminal, and what others do to the account meanwhile.

It outlives the engine's processes, as a real one does. What it did for each order key is the truth
that the journal is held against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt

from engine.feeds.bars import read_rates
from engine.terminal import Terminal, load_profile
from engine.terminal import constants as mt5
from engine.terminal.book import Book, Order, Position
from engine.terminal.faults import FaultPlan
from engine.terminal.lifetime import DAY_MSC
from engine.terminal.market import BarMarket
from engine.terminal.profile import Profile
from engine.terminal.request import Request
from tools.simulation.disk import Died
from tools.simulation.draw import AFTERWARDS, HISTORY
from tools.simulation.plan import (
    BrokerKind,
    ByHand,
    Commanded,
    Hand,
    Plan,
    ServerReset,
    SwitchedOff,
    dice,
)

SYMBOLS = ("EURUSD", "EURUSD.b")
SYMBOL = SYMBOLS[0]
MAGIC = 71
"""Of the first strategy; the second one has the next."""
STRANGERS = {"robot": (4711, "robot 3"), "twin": (MAGIC, "W8VHS6X7777777Z")}
"""Magic and comment of who else trades on the account by program."""
AWAY = 0.0004
"""How far from the market a stranger's order waits: some are filled."""
APART = 20_000
"""Bars between the prices of the two symbols; their minutes are the same."""
BARS = Path(__file__).resolve().parents[1] / "data" / "eurusd_m1_2023q4.csv"

TIMED = ByHand | SwitchedOff | Commanded | ServerReset
_MONEY = {
    "deposit": (mt5.DEAL_TYPE_BALANCE, 1),
    "withdraw": (mt5.DEAL_TYPE_BALANCE, -1),
    "credit": (mt5.DEAL_TYPE_CREDIT, 1),
    "correction": (mt5.DEAL_TYPE_CORRECTION, -1),
    "dividend": (mt5.DEAL_DIVIDEND, 1),
    "commission": (mt5.DEAL_TYPE_COMMISSION_DAILY, -1),
}
_BUILD = (mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_INOUT)
"""Entries of deals that open a position, add to it or turn it."""
_ANEW = ("trade", "robot trades", "robot waits", "twin trades", "twin waits")
"""What brings something new to the account, rather than meddling with what is open."""


@lru_cache(maxsize=1)
def all_bars() -> npt.NDArray[Any]:
    """Return the bars that the sessions are cut from."""
    return read_rates(BARS)


@cache
def profile_of(kind: BrokerKind) -> Profile:
    """Return the broker of that kind: the ECN profile with another way of filling."""
    replace = msgspec.structs.replace
    profile = load_profile("ecn-hedging")
    symbol = profile.symbols[SYMBOL]
    match kind:
        case "market":
            pass
        case "partial":
            symbol = replace(symbol, filling=("ioc",), available_volume=0.25)
        case "resting":
            symbol = replace(symbol, execution="exchange", filling=(), available_volume=0.1)
        case "instant":
            symbol = replace(symbol, execution="instant")
        case "netting":
            profile = replace(profile, account=replace(profile.account, margin_mode="netting"))
    symbols = dict.fromkeys(SYMBOLS, symbol)
    return replace(profile, name=f"simulation-{kind}", symbols=symbols)


def bars_of(plan: Plan) -> dict[str, npt.NDArray[Any]]:
    """Return the bars of a session's symbols: of the second, other prices in the same minutes."""
    bars, length = all_bars(), HISTORY + plan.bars + AFTERWARDS
    first = bars[plan.first_bar : plan.first_bar + length]
    start = (plan.first_bar + APART) % (len(bars) - length)
    other = bars[start : start + length].copy()
    other["time"] = first["time"]
    return dict(zip(SYMBOLS[: plan.symbols], (first, other), strict=False))


@dataclass
class Sending:
    """One request for an order that reached the module: the key it was sent with, whether it opens,
    and the order it became."""

    key: str
    opens: bool
    ticket: int = 0


@dataclass
class Altering:
    """One request to alter something that reached the module.

    ticket  of the position or the order
    idle    whether it was exactly so already
    """

    action: int
    ticket: int
    idle: bool


@dataclass
class Broker:
    """The account's side of a session."""

    plan: Plan
    terminal: Terminal = field(init=False)
    sendings: list[Sending] = field(default_factory=list)
    alterings: list[Altering] = field(default_factory=list)
    struck: list[Any] = field(default_factory=list)
    doubled: set[str] = field(default_factory=set)
    twins: int = 0
    reset: bool = False
    armed: bool = True
    command: Callable[[str], None] = lambda what: None

    def __post_init__(self) -> None:
        """Open the account, with the plan's faults on its terminal."""
        plan = self.plan
        self._chance = dice(plan.seed, 1)
        market = BarMarket(bars_of(plan), model="ohlc", start=HISTORY)
        self.terminal = Terminal(profile_of(plan.broker), market, seed=plan.seed)
        self.terminal.inject(FaultPlan(plan.faults, plan.seed), sleep=_no_sleep, die=_die)
        self._timed = sorted(
            (item for item in plan.troubles if isinstance(item, TIMED)),
            key=lambda item: item.step,
        )
        self._off: list[SwitchedOff] = []

    @property
    def book(self) -> Book:
        """The truth."""
        return self.terminal.server.book

    @property
    def step(self) -> int:
        """Bars since the first that is traded."""
        return self.terminal.server.market.step - HISTORY

    def advance(self) -> bool:
        """Let the market make a step, and others act."""
        moved: bool = self.terminal.advance()
        if self.armed:
            self._switch()
            for item in [item for item in self._timed if item.step <= self.step]:
                if isinstance(item, SwitchedOff):
                    self._off.append(item)
                    self._switch()
                elif isinstance(item, Commanded):
                    self.command(item.what)
                elif isinstance(item, ServerReset):
                    self._begin_anew()
                elif not self._act(item):
                    continue  # until there is something to act on
                self._timed.remove(item)
                self.struck.append(item)
        return moved

    def calm(self) -> None:
        """No more trouble from now on: strangers take back what waits. Lists that lag go on
        lagging for their few readings."""
        self.armed = False
        self._off.clear()
        self._switch()
        self.terminal.inject(FaultPlan(()))
        self.terminal.server.frozen = 0
        for ticket in list(self.book.orders):
            if self.stranger({"order": ticket}):
                self._request(action=mt5.TRADE_ACTION_REMOVE, order=ticket)

    def sent_since(self, ticket: int) -> int:
        """The ticket of the first order that was asked for from a ticket on, 0 for none."""
        book = self.book
        for number in range(ticket, book.next_ticket):
            order = book.orders.get(number) or book.done_by_ticket.get(number)
            if order is not None and order.reason == mt5.ORDER_REASON_EXPERT:
                return number
        return 0

    def is_so(self, request: dict[str, Any]) -> bool:
        """Whether what a request wants to alter is exactly so already."""
        if request["action"] == mt5.TRADE_ACTION_SLTP:
            held = self.book.positions.get(request["position"])
            return held is not None and (held.sl, held.tp) == (request["sl"], request["tp"])
        order = self.book.orders.get(request["order"])
        if order is None or request["action"] == mt5.TRADE_ACTION_REMOVE:
            return False
        has = order.price_open, order.price_stoplimit, order.sl, order.tp, order.time_expiration
        names = "price", "stoplimit", "sl", "tp", "expiration"
        return has == tuple(request.get(name, 0) for name in names)

    def stranger(self, request: dict[str, Any]) -> int:
        """The position or the order that a request speaks of, if somebody else brought it there; 0
        where it is ours or nobody's. What a bridge made of ours counts as ours."""
        ours = {one.ticket for one in self.sendings}
        order = self.book.orders.get(request.get("order", 0))
        if order is not None:
            return 0 if order.ticket in ours or self._of_bridge(order) else order.ticket
        named = (request.get("position", 0), request.get("position_by", 0))
        held = [self.book.positions[ticket] for ticket in named if ticket in self.book.positions]
        return next((one.identifier for one in held if self._is_strangers(one, ours)), 0)

    def _is_strangers(self, held: Position, ours: set[int]) -> bool:
        """Whether no order of ours has built the position, as it lies now.

        Who opened it does not decide it on a netting account: an order of ours that was on its way,
        or rested, adds to what somebody else opened meanwhile, and the broker puts its stop under
        all of it. From then on the position is the strategy's, as `POSITIONS.md` says. An order of
        ours that only made it smaller brought nothing, and what somebody else has turned since is
        his: only entries from the last turn on count."""
        deals = self.book.deals_by_position[held.identifier]
        turns = [at for at, deal in enumerate(deals) if deal.entry == mt5.DEAL_ENTRY_INOUT]
        built = [deal.order for deal in deals[turns[-1] if turns else 0 :] if deal.entry in _BUILD]
        orders = [self.book.orders.get(one) or self.book.done_by_ticket[one] for one in built]
        return not any(one.ticket in ours or self._of_bridge(one) for one in orders)

    def strangers(self) -> list[int]:
        """Positions that somebody else alone has built."""
        return [one for held in self.book.positions if (one := self.stranger({"position": held}))]

    def symbol_of(self, ticket: int) -> str:
        """The symbol of a position or an order that is open, empty when it is gone."""
        known = self.book.positions.get(ticket) or self.book.orders.get(ticket)
        return known.symbol if known is not None else ""

    def placed(self) -> int:
        """How many orders that open it has taken."""
        return sum(one.opens and bool(one.ticket) for one in self.sendings)

    def clear_up(self) -> None:
        """Cancel what rests and close what is open, as the account's owner does: without an end, by
        a hand's doing or in the quiet of a holiday, it might stay for ever."""
        for ticket in list(self.book.orders):
            self._request(action=mt5.TRADE_ACTION_REMOVE, order=ticket)
        for held in list(self.book.positions.values()):
            while held.ticket in self.book.positions:
                if not self._deal(held.symbol, 1 - held.type, held.volume, held.ticket):
                    break  # what is filled in part is asked for again, what is refused is not

    def double(self, request: dict[str, Any]) -> None:
        """Carry a request out once more, as a faulty bridge does."""
        self.doubled.add(request["comment"])
        self._request(**request)

    def nameless(self) -> bool:
        """Whether the broker holds an order with our magic and without a key of ours, or two with
        the same one: nobody but an operator can tell whose it is."""
        if self.doubled or self.twins:
            return True
        kept = {
            order.ticket: order.comment for order in (*self.book.done, *self.book.orders.values())
        }
        return any(one.ticket and one.key not in kept[one.ticket].upper() for one in self.sendings)

    def _of_bridge(self, order: Order) -> bool:
        return any(key in order.comment.upper() for key in self.doubled)

    def _switch(self) -> None:
        """Set the switches as the plan has them at this step."""
        self._off = [item for item in self._off if item.until > self.step]
        conditions = self.terminal.conditions
        off = {item.what for item in self._off}
        for name in ("trade_allowed", "account_trade_allowed", "trade_expert"):
            setattr(conditions, name, name not in off)
        if "connected" in off or not self._off:
            conditions.connected = "connected" not in off

    def _begin_anew(self) -> None:
        """Forget the account and open it again: all that knows the book goes on knowing it."""
        server = self.terminal.server
        vars(server.book).update(vars(Book(server.profile.first_ticket, server.account.digits)))
        server.book.set_day(server.market.time_msc // DAY_MSC)
        server.operate(mt5.DEAL_TYPE_BALANCE, server.profile.account.balance)
        self.terminal.views.catch_up()
        self.reset = True

    def forget(self) -> None:
        """Be asked from now on by an engine that knows nothing of what was sent before: its magics
        are a twin's, and its owner has cleared up."""
        self.clear_up()
        self.sendings.clear()
        self.alterings.clear()
        self.doubled.clear()
        self.twins += 1

    # --- what others do

    def _act(self, item: ByHand) -> bool:
        money = _MONEY.get(item.what)
        if money is not None:
            kind, sign = money
            self.terminal.server.operate(kind, sign * item.size, item.what)
            return True
        if item.what not in _ANEW:
            return self.meddle(item.what)
        side = self._chance.choice((mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL))
        symbol = self._chance.choice(SYMBOLS[: self.plan.symbols])
        who, _, does = item.what.partition(" ")
        magic, comment = STRANGERS.get(who, (0, ""))
        signed: dict[str, Any] = {"magic": magic, "comment": comment} if magic else {}
        done = (self._wait if does == "waits" else self._deal)(symbol, side, item.size, **signed)
        self.twins += done and who == "twin"
        return done

    def meddle(self, what: Hand) -> bool:
        """Act as somebody else on something that is open; tell whether there was anything."""
        if what in _ANEW:
            return self._act(ByHand(step=0, what=what, size=0.05))
        orders = list(self.book.orders.values())
        if what == "cancel rest":
            return bool(orders) and self._request(
                action=mt5.TRADE_ACTION_REMOVE, order=self._chance.choice(orders).ticket
            )
        if what == "move order":
            pending = [order for order in orders if order.type > mt5.ORDER_TYPE_SELL]
            return bool(pending) and self._move(self._chance.choice(pending))
        held = list(self.book.positions.values())
        return bool(held) and self._change(self._chance.choice(held), what)

    def _move(self, order: Order) -> bool:
        return self._request(
            action=mt5.TRADE_ACTION_MODIFY,
            order=order.ticket,
            symbol=order.symbol,
            price=order.price_open,
            stoplimit=order.price_stoplimit,
            sl=order.sl,
            tp=0.0,
            type_time=order.type_time,
            expiration=order.time_expiration,
        )

    def _change(self, position: Position, what: Hand) -> bool:
        if what in ("move stops", "remove stops"):
            return self._request(
                action=mt5.TRADE_ACTION_SLTP,
                symbol=position.symbol,
                position=position.ticket,
                sl=position.sl if what == "move stops" else 0.0,
                tp=0.0,
            )
        part = what == "close part" and position.volume > 0.01
        volume = round(position.volume / 2, 2) if part else position.volume
        return self._deal(position.symbol, 1 - position.type, volume, position.ticket)

    def _wait(self, symbol: str, side: int, volume: float, **signed: Any) -> bool:
        quote = self.terminal.server.market.quotes[symbol]
        buys = side == mt5.ORDER_TYPE_BUY
        return self._request(
            action=mt5.TRADE_ACTION_PENDING,
            symbol=symbol,
            type=mt5.ORDER_TYPE_BUY_LIMIT if buys else mt5.ORDER_TYPE_SELL_LIMIT,
            volume=volume,
            price=round(quote.ask - AWAY if buys else quote.bid + AWAY, 5),
            type_filling=mt5.ORDER_FILLING_RETURN,
            **signed,
        )

    def _deal(
        self, symbol: str, side: int, volume: float, position: int = 0, **signed: Any
    ) -> bool:
        quote = self.terminal.server.market.quotes[symbol]
        filling = {"partial": mt5.ORDER_FILLING_IOC, "resting": mt5.ORDER_FILLING_RETURN}
        return self._request(
            action=mt5.TRADE_ACTION_DEAL,
            symbol=symbol,
            type=side,
            volume=volume,
            price=quote.ask if side == mt5.ORDER_TYPE_BUY else quote.bid,
            deviation=100,
            type_filling=filling.get(self.plan.broker, mt5.ORDER_FILLING_FOK),
            position=position,
            **signed,
        )

    def _request(self, **fields: Any) -> bool:
        reply = self.terminal.server.execute(Request(**fields))
        return reply.retcode in (mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_DONE_PARTIAL)


def _no_sleep(seconds: float) -> None:
    del seconds


def _die() -> None:
    raise Died
