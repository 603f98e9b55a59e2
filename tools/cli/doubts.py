"""Show what is known of an unresolved order or change: for the operator who has to say what became
of it. It changes nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine import memory
from journal import read
from journal.errors import UsageError
from journal.events import BrokerReplied, ChangeChecked, DealRecorded, EvidenceGathered
from projections.changes import Change
from projections.orders import UNKNOWN, Order
from projections.state import State
from tools.cli import screen
from tools.cli.errors import FINE
from tools.cli.places import existing
from tools.cli.screen import quoted

Search = EvidenceGathered | ChangeChecked
CANDIDATES = 20
"""Deals that are shown at the most."""


class Doubt(msgspec.Struct, frozen=True):
    """What is known.

    replies   the broker's answers, as they came
    searches  what its lists showed, oldest first
    deals     recorded deals of every order that a search named
    """

    key: str
    order: Order | None
    change: Change | None
    replies: list[BrokerReplied]
    searches: list[Search]
    deals: list[DealRecorded]


def show(directory: Path, key: str, *, as_json: bool) -> int:
    """Print what is known, and what can be typed."""
    kernel = memory.recall(existing(directory))
    for event in memory.later(directory, kernel):
        kernel.evolve(event)
    found = gather(directory, kernel.state, key.upper())
    if as_json:
        screen.json_text(found)
        return FINE
    screen.title(found.key, "in doubt")
    screen.facts([("wished", _wish(found)), ("why", _note(found))])
    for search in found.searches[-3:]:
        screen.facts([("search", _search(search))])
    _print_deals(found.deals)
    screen.line()
    command = f"daybook resolve {quoted(directory)} {found.key}"
    screen.line("Ask the broker, or look into its terminal; then say what is so:")
    screen.copyable(f"  {command} --executed TICKET --reason TEXT")
    screen.copyable(f"  {command} --not-executed --reason TEXT")
    return FINE


def gather(directory: Path, state: State, key: str) -> Doubt:
    """Collect what the journal has. Raises UsageError when nothing is in doubt under this key."""
    order, change = state.orders.open.get(key), state.changes.open.get(key)
    if change is None and (order is None or order.status not in UNKNOWN):
        waiting = [o.key for o in state.orders.open.values() if o.status in UNKNOWN]
        waiting += state.changes.open
        raise UsageError(f"{key} is not unresolved; unresolved: {', '.join(waiting) or 'nothing'}")
    kinds = {"BrokerReplied", "EvidenceGathered", "ChangeChecked", "DealRecorded"}
    after = state.idempotency.intents.get(key, 0) if order is not None else 0
    told = [event.data for event in read(directory, after=after, types=kinds)]
    searches = [d for d in told if isinstance(d, Search) and d.key == key]
    named = {
        ticket
        for search in searches
        if isinstance(search, EvidenceGathered)
        for ticket in (*search.orders, *search.suspects)
    }
    return Doubt(
        key,
        order,
        change,
        [d for d in told if isinstance(d, BrokerReplied) and d.key == key],
        searches,
        [d for d in told if isinstance(d, DealRecorded) and d.order in named],
    )


def _wish(found: Doubt) -> str:
    if found.order is not None:
        order = found.order
        return (
            f"{order.action}: {order.side} {order.volume:g} lots {order.symbol} at "
            f"{screen.price(order.price)}, {order.type}"
        )
    assert found.change is not None
    wish = found.change.wish
    return f"{wish.action} of {wish.symbol}, ticket {wish.ticket}"


def _note(found: Doubt) -> str:
    if found.order is not None:
        return found.order.note
    assert found.change is not None
    return found.change.note


def _search(search: Search) -> str:
    if isinstance(search, ChangeChecked):
        if not search.found:
            return f"{search.polls} readings: what it was to alter is gone"
        prices = [("price", search.price), ("stop", search.sl), ("target", search.tp)]
        has = ", ".join(f"{name} {screen.price(value)}" for name, value in prices)
        return f"{search.polls} readings: at the broker it has {has}"
    named = [("with its key", search.orders), ("alike, without its key", search.suspects)]
    listed = [f"orders {', '.join(map(str, found))} {what}" for what, found in named if found]
    return f"{search.polls} readings: {'; '.join(listed) or 'no trace of it'}"


def _print_deals(deals: list[DealRecorded]) -> None:
    if not deals:
        return
    screen.line()
    screen.table(
        [("order", "left"), ("deal", "left"), ("symbol", "left"), ("lots", "right"),
         ("price", "right"), ("magic", "left"), ("comment", "left")],
        [
            (str(d.order), str(d.ticket), d.symbol, f"{d.volume:g}", screen.price(d.price),
             str(d.magic), d.comment)
            for d in deals[:CANDIDATES]
        ],
    )  # fmt: skip
