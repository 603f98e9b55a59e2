"""The search for what became of an unresolved intent. It reads, and cannot send."""

from __future__ import annotations

from engine.broker.gateway import AccountView, OrderSeen
from engine.broker.requests import PENDING, OrderType
from engine.clock import Clock
from engine.config import Evidence
from engine.execution.settling import fulfils
from journal.events import (
    BrokerSnapshotTaken,
    ChangeChecked,
    ChangeIntended,
    DealRecorded,
    EvidenceGathered,
)
from journal.events.mt5 import SERVER_MADE, DealEntry
from projections.idempotency import Idempotency, key_in
from projections.orders import VOLUME_EPSILON, Order

BEHIND_MSC = 24 * 3600 * 1000
"""How far before the intent's quote the search begins: server clocks are set back, and stamps are
coarse."""

EARLY_MSC = 60 * 1000
"""How much older than the quote an order may be and still be suspected of being this intent's."""


async def gather(
    view: AccountView, order: Order, index: Idempotency, clock: Clock, limits: Evidence
) -> EvidenceGathered:
    """Read the broker's lists several times over several seconds and say what they show.

    Every list is eventually consistent, so only absence needs all the polls: one sight of the key
    is enough.
    """
    orders: set[int] = set()
    again: set[int] = set()  # a position that the broker re-opens bears its comment once more
    deals: set[int] = set()
    positions: set[int] = set()
    suspects: set[int] = set()  # one sight in any poll counts: a list may drop what it showed
    polls = 0
    while polls < limits.polls and not orders - again:
        if polls:
            await clock.sleep(limits.interval_s)
        polls += 1
        since = order.server_msc - BEHIND_MSC
        seen = await view.orders(since)
        history = await view.deals(since)
        held = (await view.snapshot()).positions
        own = [d for d in history if bears(d.magic, d.comment, order)]
        deals.update(d.ticket for d in own)
        orders.update(d.order for d in own if d.order)
        orders.update(o.ticket for o in seen if bears(o.magic, o.comment, order))
        positions.update(p.identifier for p in held if bears(p.magic, p.comment, order))
        again.update(d.order for d in own if d.reason in SERVER_MADE)
        again.update(o.ticket for o in seen if o.reason in SERVER_MADE)
        alike = (*seen, *(_order_of(d) for d in history if _could_fill(d, order)))
        suspects.update(o.ticket for o in alike if resembles(o, order, index))
    # Under netting a position bears the comment of the order that turned it or added to it, and the
    # identifier of the one that opened it: a last resort, and only where nobody else opened it.
    strange = positions & (index.positions.keys() | index.orders.keys())
    orders = orders - again or orders or positions - strange
    suspects = (suspects | strange if not orders else suspects) - orders
    return EvidenceGathered(order.key, polls, sorted(orders), sorted(deals), sorted(suspects))


def _could_fill(deal: DealRecorded, order: Order) -> bool:
    """Tell whether a deal is of the kind that fills such an order: of one that closes, a deal of
    the position that it closes."""
    if order.action == "open":
        return deal.entry == DealEntry.IN
    return deal.entry != DealEntry.IN and deal.position_id == order.position


def _order_of(deal: DealRecorded) -> OrderSeen:
    """The order behind a deal, for when the broker lists the deal before the order."""
    return OrderSeen(
        ticket=deal.order,
        symbol=deal.symbol,
        type=deal.type,
        magic=deal.magic,
        volume=deal.volume,
        time_msc=deal.time_msc,
        comment=deal.comment,
        reason=deal.reason,
        position=deal.position_id,
    )


def bears(magic: int, comment: str, order: Order) -> bool:
    """Tell whether a record bears the intent's magic and its key; brokers may add to a comment or
    change its case."""
    return magic == order.magic and order.key in comment.upper()


def types_of(order: Order) -> tuple[int, ...]:
    """Return the types that an intent's order may have at the broker: a stop limit that was
    triggered is a limit order, and a deal of either side tells no more than that."""
    if order.action == "close by":
        return (OrderType.CLOSE_BY, OrderType.BUY, OrderType.SELL)
    market = OrderType.BUY if order.side == "buy" else OrderType.SELL
    if not order.is_pending:
        return (market,)
    return (PENDING[order.type, order.side], PENDING["limit", order.side], market)


def resembles(seen: OrderSeen, order: Order, index: Idempotency) -> bool:
    """Tell whether an order could be this intent's with its comment lost.

    All but the key agrees (a deal may have filled a part only), it was not made by the server for a
    position's sake (which bears the magic as well), and no other intent is known to own it. What
    opened a position bears its identifier and does not close it.
    """
    return (
        seen.magic == order.magic
        and seen.reason not in SERVER_MADE
        and seen.symbol == order.symbol
        and seen.type in types_of(order)
        and (order.action == "open" or order.position == seen.position != seen.ticket)
        and seen.volume <= order.volume + VOLUME_EPSILON
        and seen.time_msc >= order.server_msc - EARLY_MSC
        and seen.ticket not in index.orders
        and not key_in(index, seen.comment)
    )


async def inspect(
    view: AccountView, wish: ChangeIntended, clock: Clock, limits: Evidence
) -> ChangeChecked:
    """Read the broker's lists several times over several seconds and say how it has what a change
    was to alter. One sight of the wish fulfilled is enough."""
    polls = 0
    while True:
        polls += 1
        seen = _seen(wish, await view.snapshot(), polls)
        if polls >= limits.polls or (seen.found and fulfils(seen, wish)):
            return seen
        await clock.sleep(limits.interval_s)


def _seen(wish: ChangeIntended, snapshot: BrokerSnapshotTaken, polls: int) -> ChangeChecked:
    if wish.action == "levels":
        for position in snapshot.positions:
            if position.identifier == wish.position:
                return ChangeChecked(wish.key, polls, True, 0.0, 0.0, position.sl, position.tp, 0)
    for order in snapshot.orders if wish.action != "levels" else ():
        if order.ticket == wish.ticket:
            return ChangeChecked(
                wish.key, polls, True, order.price, order.limit, order.sl, order.tp,
                order.expiration,
            )  # fmt: skip
    return ChangeChecked(wish.key, polls, False, 0.0, 0.0, 0.0, 0.0, 0)
