"""Whether the journal's state is the broker's own book, and whether what is settled is settled."""

from __future__ import annotations

import math

from engine.terminal import constants as mt5
from engine.terminal.book import Book
from engine.terminal.book import Position as Held
from projections.orders import LIVE, VOLUME_EPSILON
from projections.positions import Position
from projections.state import State

CENT = 0.005
PRICE = 1e-7
WAIT_NS = 120 * 10**9
"""A proposal may wait for a minute, by the settings, and that is seen at the next bar."""


def disagreements(state: State, book: Book, *, asked: bool = False) -> list[str]:
    """Return in what the two differ: money, deals, positions, and orders that nothing will end.

    asked  whether only the operator can tell whose an order is; then it may stay unresolved
    """
    found = []
    for name, ours, theirs in (
        ("balance", state.account.balance, book.balance),
        ("credit", state.account.credit, book.credit),
    ):
        if abs(ours - theirs) >= CENT:
            found.append(f"{name} {ours:.2f}, the broker's {theirs:.2f}")
    recorded, made = set(state.idempotency.deals), {deal.ticket for deal in book.deals}
    if recorded != made:
        missing, strange = sorted(made - recorded), sorted(recorded - made)
        found.append(f"deals missing {missing}, deals nobody made {strange}")
    theirs_by_id = {held.identifier: held for held in book.positions.values()}
    for identifier in sorted(state.positions.open.keys() | theirs_by_id.keys()):
        found += _differ(state.positions.open.get(identifier), theirs_by_id.get(identifier))
    found += _orders_differ(state, book)
    found += _results_differ(state, book)
    found += _stuck(state, book, asked=asked)
    found += [f"change {key} is still {one.status}" for key, one in state.changes.open.items()]
    return found


def _differ(ours: Position | None, theirs: Held | None) -> list[str]:
    if ours is None or theirs is None:
        return [f"position {ours or theirs} is known to one side only"]
    same = (
        abs(ours.volume - theirs.volume) <= VOLUME_EPSILON
        and (ours.side > 0) == (theirs.type == 0)
        and abs(ours.price - theirs.price_open) <= PRICE
        and abs(ours.sl - theirs.sl) <= PRICE
        and abs(ours.tp - theirs.tp) <= PRICE
        and ours.ticket == theirs.ticket
    )
    return [] if same else [f"position {ours}, the broker's {theirs}"]


def _results_differ(state: State, book: Book) -> list[str]:
    """What trades have brought, against a recomputation from the broker's own history."""
    trades = (mt5.DEAL_TYPE_BUY, mt5.DEAL_TYPE_SELL)
    theirs = math.fsum(deal.amount for deal in book.deals if deal.type in trades)
    ours = state.performance
    performance = ours.gross_profit - ours.gross_loss + math.fsum(ours.results.values())
    strategies = math.fsum(one.sums.net for one in state.costs.strategies.values())
    return [
        f"the result by {name} is {mine:.2f}, from the broker's history {theirs:.2f}"
        for name, mine in (("performance", performance), ("strategies", strategies))
        if abs(mine - theirs) >= CENT
    ]


def _orders_differ(state: State, book: Book) -> list[str]:
    """Pending orders that rest at the broker, with other terms than the journal has."""
    found = []
    for order in state.orders.open.values():
        theirs = book.orders.get(order.ticket)
        if theirs is None or not order.is_pending:
            continue
        triggered = order.type == "stop limit" and not theirs.price_stoplimit
        pairs = (
            (order.limit if triggered else order.price, theirs.price_open),
            (0.0 if triggered else order.limit, theirs.price_stoplimit),
            (order.sl, theirs.sl),
            (order.tp, theirs.tp),
            (order.expiration, theirs.time_expiration),
        )
        if any(abs(ours - his) > PRICE for ours, his in pairs):
            found.append(f"order {order}, the broker's {theirs}")
    return found


def _stuck(state: State, book: Book, *, asked: bool) -> list[str]:
    """Orders whose fate the broker has decided and the journal has not."""
    found = []
    for order in state.orders.open.values():
        if order.status in LIVE and order.ticket in book.orders:
            continue  # it rests at the broker
        if order.status == "proposed" and state.ts - order.proposed < WAIT_NS:
            continue  # until what is in its way is closed
        if order.status == "unresolved" and asked:
            continue  # the operator was asked, even if he has resumed without an answer
        found.append(f"order {order.key} is still {order.status}")
    return found
