"""The search for what became of an unresolved intent. It reads, and cannot send."""

from __future__ import annotations

from engine.broker.gateway import AccountView, OrderSeen
from engine.clock import Clock
from engine.config import Evidence
from journal.events import DealRecorded, EvidenceGathered
from journal.events.mt5 import DealEntry, DealReason
from projections.idempotency import Idempotency, key_in
from projections.orders import VOLUME_EPSILON, Order

BEHIND_MSC = 24 * 3600 * 1000
"""How far before the intent's quote the search begins: server clocks are set back, and stamps are
coarse."""

EARLY_MSC = 60 * 1000
"""How much older than the quote an order may be and still be suspected of being this intent's."""

SERVER_MADE = frozenset(
    {DealReason.SL, DealReason.TP, DealReason.SO, DealReason.ROLLOVER, DealReason.VMARGIN,
     DealReason.SPLIT}
)  # fmt: skip
"""Reasons of orders that the server places by itself; orders and deals share the numbers."""


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
        alike = (*seen, *(_order_of(d) for d in history if d.entry == DealEntry.IN))
        suspects.update(o.ticket for o in alike if resembles(o, order, index))
    # Under netting a position bears the comment of the order that turned it or added to it, and the
    # identifier of the one that opened it: a last resort, and only where nobody else opened it.
    strange = positions & (index.positions.keys() | index.orders.keys())
    orders = orders - again or orders or positions - strange
    suspects = (suspects | strange if not orders else suspects) - orders
    return EvidenceGathered(order.key, polls, sorted(orders), sorted(deals), sorted(suspects))


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
    )


def bears(magic: int, comment: str, order: Order) -> bool:
    """Tell whether a record bears the intent's magic and its key; brokers may add to a comment or
    change its case."""
    return magic == order.magic and order.key in comment.upper()


def resembles(seen: OrderSeen, order: Order, index: Idempotency) -> bool:
    """Tell whether an order could be this intent's with its comment lost.

    All but the key agrees (a deal may have filled a part only), it was not made by the server for a
    position's sake (which bears the magic as well), and no other intent is known to own it.
    """
    return (
        seen.magic == order.magic
        and seen.reason not in SERVER_MADE
        and seen.symbol == order.symbol
        and seen.type == (0 if order.side == "buy" else 1)
        and seen.volume <= order.volume + VOLUME_EPSILON
        and seen.time_msc >= order.server_msc - EARLY_MSC
        and seen.ticket not in index.orders
        and not key_in(index, seen.comment)
    )
