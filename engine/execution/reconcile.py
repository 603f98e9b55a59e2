"""Reconciliation is a diff: the journal's state against the broker's own picture, as two values.
It is pure and total, and sends nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

import msgspec

from engine.execution.differences import Discrepancy, Name
from journal.events import (
    BrokerSnapshotTaken,
    DealRecorded,
    OrderAdjusted,
    OrderListed,
    PositionAdjusted,
    PositionSeen,
)
from journal.events.mt5 import DealType, MarginMode
from projections.changes import of_order, of_position
from projections.idempotency import key_in
from projections.orders import LIVE, VOLUME_EPSILON, Order
from projections.positions import Position
from projections.state import State

CENT = 0.005
"""Balances are sums of amounts in whole cents: half a cent apart is already a different sum."""

AVERAGING_POINTS = 1.5
"""Points that an average of several fills may lie beside ours: brokers round it."""

UNKNOWN_POINT = 1e-9
"""Price units that stand for a point of a symbol that no run has specified: then the broker's
figure is taken over, however little it differs."""


class Seen(Protocol):
    """An order as the broker's lists had it; `filled` in lots, `done` when it was in history."""

    @property
    def ticket(self) -> int:
        """By which it is known."""

    @property
    def done(self) -> bool:
        """Nothing more will come of it."""

    @property
    def filled(self) -> float:
        """Lots."""


@dataclass(frozen=True, slots=True)
class History:
    """What the broker's history showed, and whose it is: more than a snapshot has.

    deals, orders  of any stretch of time, in any order
    """

    login: int
    server: str
    deals: Sequence[DealRecorded] = ()
    orders: Sequence[Seen] = ()


def diff(
    state: State,
    broker: BrokerSnapshotTaken,
    magics: Collection[int] = (),
    history: History | None = None,
) -> list[Discrepancy]:
    """Return every difference between the journal's account and the broker's, in a fixed order.

    magics   of our strategies: whose orders and positions are no stranger's
    history  where it was read: it shows what recording would heal
    """
    if history is not None and (history.login, history.server) != _account(state):
        theirs = f"{history.login} on {history.server}"
        ours = "{} on {}".format(*_account(state))
        return [Discrepancy(Name.ACCOUNT, theirs, ours, theirs)]
    return [
        *(_deals(state, history.deals) if history is not None else ()),
        *_orders(state, broker.orders, magics, history.orders if history is not None else ()),
        *_positions(state, broker.positions, magics),
        *_money(state, broker),
    ]


def _account(state: State) -> tuple[int, str]:
    return state.run.login, state.run.server


def is_reused(state: State, deal: DealRecorded) -> bool:
    """Tell whether a deal's ticket is one that an older deal had: every recorded deal is as old as
    the watermark, or older."""
    index = state.idempotency
    return deal.time_msc > index.watermark and deal.ticket in index.deals


def _deals(state: State, deals: Sequence[DealRecorded]) -> Iterator[Discrepancy]:
    tickets, newest = state.idempotency.deals, state.idempotency.watermark
    # A plain set answers faster; it is worth making where not much less is asked than is known.
    known = set(tickets) if len(deals) > len(tickets) // 8 else tickets
    doubtful = [d for d in deals if d.time_msc > newest or d.ticket not in known]
    for deal in sorted(doubtful, key=attrgetter("ticket")):
        if deal.ticket in known:
            yield reused(deal)
        else:
            name = Name.MISSING_DEAL if deal.type in _TRADES else Name.BALANCE_OPERATION
            yield Discrepancy(name, str(deal.ticket), "none", _deal_text(deal))


_TRADES = frozenset({DealType.BUY, DealType.SELL})


def reused(deal: DealRecorded) -> Discrepancy:
    """Say that a deal's ticket was another deal's before."""
    return Discrepancy(
        Name.TICKET_REUSED, str(deal.ticket), "an older deal has this ticket", _deal_text(deal)
    )


def _deal_text(deal: DealRecorded) -> str:
    if deal.symbol:
        return f"{_lots(deal.type == DealType.BUY, deal.volume, deal.symbol)} at {deal.price:g}"
    kinds = {kind.value: kind.name.lower().replace("_", " ") for kind in DealType}
    return f"{kinds.get(deal.type, f'type {deal.type}')} {deal.profit:.2f}"


# --- orders


def _orders(
    state: State,
    live: Sequence[OrderListed],
    magics: Collection[int],
    history: Sequence[Seen],
) -> Iterator[Discrepancy]:
    if not (live or state.orders.open):
        return
    listed = {seen.ticket: seen for seen in live}
    done = {seen.ticket: seen for seen in history if seen.done}
    ours = {o.ticket: o for o in state.orders.open.values() if o.status in LIVE and o.ticket}
    for ticket in sorted(ours.keys() | listed.keys()):
        order, seen = ours.get(ticket), listed.get(ticket)
        if seen is None:
            assert order is not None
            if of_order(state.changes, order.key) is None:
                yield _lost(order, done.get(ticket))
        elif order is None:
            if seen.magic in magics and key_in(state.idempotency, seen.comment) not in _doubted(
                state
            ):
                lots = f"{_lots(seen.type % 2 == 0, seen.volume, seen.symbol)} at {seen.price:g}"
                yield Discrepancy(Name.UNKNOWN_ORDER, str(ticket), "none", lots)
        elif order.is_pending and of_order(state.changes, order.key) is None:
            yield from _order_changed(state, order, seen)


def _doubted(state: State) -> list[str]:
    """Keys of orders whose search is not over: it will tell whose a live order is."""
    return [order.key for order in state.orders.open.values() if order.status not in LIVE]


def _lost(order: Order, done: Seen | None) -> Discrepancy:
    view = f"{order.side} {order.volume:g} {order.symbol} {order.status}"
    theirs = "not listed" if done is None else f"done, {done.filled:g} filled"
    return Discrepancy(Name.LOST_ORDER, str(order.ticket), view, theirs)


def _order_changed(state: State, order: Order, seen: OrderListed) -> Iterator[Discrepancy]:
    """Expirations are not compared: brokers round them."""
    ours: tuple[float, ...] = (order.sl, order.tp)
    theirs: tuple[float, ...] = (seen.sl, seen.tp)
    if seen.type == _ORDER_TYPES.get((order.side, order.type)):  # not a stop limit that triggered
        ours, theirs = (order.price, order.limit, *ours), (seen.price, seen.limit, *theirs)
    if not _alike(state, order.symbol, ours, theirs):
        heal = OrderAdjusted(
            order.key, seen.ticket, seen.price, seen.limit, seen.sl, seen.tp, seen.expiration
        )
        if len(ours) == 2:  # its price and limit are no more what was intended, nor need they be
            heal = msgspec.structs.replace(heal, price=order.price, limit=order.limit)
        yield Discrepancy(
            Name.ORDER_CHANGED, str(seen.ticket), _prices_text(ours), _prices_text(theirs), heal
        )


_ORDER_TYPES = {
    ("buy", "limit"): 2,
    ("sell", "limit"): 3,
    ("buy", "stop"): 4,
    ("sell", "stop"): 5,
    ("buy", "stop limit"): 6,
    ("sell", "stop limit"): 7,
}
"""`ORDER_TYPE_*`."""


# --- positions


def _positions(
    state: State, held: Sequence[PositionSeen], magics: Collection[int]
) -> Iterator[Discrepancy]:
    ours = state.positions.open
    theirs = {seen.identifier: seen for seen in held}
    for identifier in sorted(ours.keys() | theirs.keys()):
        mine, seen = ours.get(identifier), theirs.get(identifier)
        if mine is not None and seen is not None:
            yield from _of_position(state, mine, seen)
        elif seen is not None:
            known = seen.magic in magics or key_in(state.idempotency, seen.comment)
            name = Name.POSITION_UNKNOWN if known else Name.FOREIGN_POSITION
            yield Discrepancy(name, str(identifier), "none", _seen_text(seen))
        elif mine is not None:
            yield Discrepancy(Name.POSITION_MISSING, str(identifier), _text(mine), "none")


def _of_position(state: State, mine: Position, seen: PositionSeen) -> Iterator[Discrepancy]:
    subject = str(mine.identifier)
    if not abs(mine.volume - seen.volume) <= VOLUME_EPSILON or (mine.side > 0) != (seen.type == 0):
        yield Discrepancy(Name.VOLUME, subject, _text(mine), _seen_text(seen))
        return  # deals are missing; when they are recorded, the rest may be right
    changing = of_position(state.changes, mine.identifier) is not None
    found: list[tuple[Name, str, str]] = []
    if not _alike(state, mine.symbol, (mine.price,), (seen.price_open,), AVERAGING_POINTS):
        found.append((Name.PRICE, f"{mine.price:g}", f"{seen.price_open:g}"))
    if not changing and not _alike(state, mine.symbol, (mine.sl, mine.tp), (seen.sl, seen.tp)):
        ours, theirs = _prices_text((mine.sl, mine.tp)), _prices_text((seen.sl, seen.tp))
        found.append((Name.LEVELS, ours, theirs))
    if mine.ticket != seen.ticket:
        hedging = state.run.margin_mode == MarginMode.RETAIL_HEDGING
        name = Name.REOPENED if hedging else Name.TICKET
        found.append((name, str(mine.ticket), str(seen.ticket)))
    if found:
        held = mine if changing else seen
        heal = PositionAdjusted(mine.identifier, seen.ticket, held.sl, held.tp, seen.price_open)
        for name, ours, theirs in found:
            yield Discrepancy(name, subject, ours, theirs, heal)


def _alike(
    state: State,
    symbol: str,
    ours: tuple[float, ...],
    theirs: tuple[float, ...],
    points: float = 0.5,
) -> bool:
    """Tell whether prices are the same; those on the tick grid differ by a point or not at all."""
    if ours == theirs:
        return True
    spec = state.market.symbols.get(symbol)
    within = points * (spec.point if spec is not None else UNKNOWN_POINT)
    return all(a == b or abs(a - b) < within for a, b in zip(ours, theirs, strict=True))


# --- money


def _money(state: State, broker: BrokerSnapshotTaken) -> Iterator[Discrepancy]:
    account = state.account
    for name, ours, theirs in (
        (Name.BALANCE, account.balance, broker.balance),
        (Name.CREDIT, account.credit, broker.credit),
    ):
        if not abs(ours - theirs) < CENT:  # a balance that is no number differs from every other
            yield Discrepancy(name, state.run.server, f"{ours:.2f}", f"{theirs:.2f}")


# --- words


def _lots(buy: bool, volume: float, symbol: str) -> str:
    return f"{'buy' if buy else 'sell'} {volume:g} {symbol}"


def _text(position: Position) -> str:
    return _lots(position.side > 0, position.volume, position.symbol)


def _seen_text(seen: PositionSeen) -> str:
    return _lots(seen.type == 0, seen.volume, seen.symbol)


def _prices_text(prices: tuple[float, ...]) -> str:
    names = ("price", "limit", "stop", "target")[-len(prices) :]
    return ", ".join(f"{name} {price:g}" for name, price in zip(names, prices, strict=True))
