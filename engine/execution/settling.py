"""How a thing that was sent comes to its outcome: by the broker's answer or by evidence.

What proves nothing stays in doubt, and what is in doubt is never sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from engine.config import Config
from engine.execution.intents import Draft, Keys
from engine.execution.outcome import Asked, Meaning, Then, Verdict, classify
from journal.envelope import Event
from journal.events import (
    BrokerReplied,
    ChangeApplied,
    ChangeChecked,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    EvidenceGathered,
    OrderAccepted,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    Payload,
    TradingHalted,
)
from projections.orders import UNKNOWN, Order
from projections.state import State

SECOND = 1_000_000_000


def on_reply(
    state: State, config: Config, event: Event[BrokerReplied], keys: Keys
) -> Iterator[Draft]:
    """Say what the broker's answer proves."""
    reply = event.data
    order = state.orders.open.get(reply.key)
    change = state.changes.open.get(reply.key)
    if order is not None and order.status in UNKNOWN:
        asked = Asked.OPEN if order.action == "open" else Asked.CLOSE
        meaning = classify(reply, asked)
        yield _settled(order, reply, meaning), reply.key
        if meaning.then is Then.RETRY and order.attempt < config.broker.retries:
            yield _again(order, keys)
    elif change is not None:
        meaning = classify(reply, Asked.CHANGE)
        yield _changed(change.wish, reply, meaning), reply.key
    else:
        return
    if meaning.halt:
        yield TradingHalted("broker answer", f"{meaning.name} (order {reply.key})"), reply.key


def _settled(order: Order, reply: BrokerReplied, meaning: Meaning) -> Payload:
    accepted = meaning.verdict is Verdict.ACCEPTED
    if accepted and (reply.order or _nothing_left(order, reply)):
        return OrderAccepted(reply.key, reply.order, "reply")
    reason = _reason(reply, meaning)
    if meaning.verdict is Verdict.REFUSED:
        return OrderRefused(reply.key, reply.retcode or reply.error, "reply", reason)
    if accepted:  # without its ticket, nothing tells its deals
        reason += ", without an order's ticket"
    return OrderUnresolved(reply.key, order.symbol, reason)


def _nothing_left(order: Order, reply: BrokerReplied) -> bool:
    """Whether a close is accepted without an order: what it wanted is so already, and the deals
    that are read next tell how it came about."""
    return order.action != "open" and reply.retcode == 10036


def _changed(wish: ChangeIntended, reply: BrokerReplied, meaning: Meaning) -> Payload:
    if meaning.verdict is Verdict.ACCEPTED:
        return ChangeApplied(wish.key, "reply")
    reason = _reason(reply, meaning)
    if meaning.verdict is Verdict.REFUSED:
        return ChangeRefused(wish.key, reply.retcode or reply.error, "reply", reason)
    return ChangeUnresolved(wish.key, wish.symbol, reason)


def _reason(reply: BrokerReplied, meaning: Meaning) -> str:
    detail = reply.comment or reply.error_text
    return f"{meaning.name} ({reply.retcode or reply.error}{': ' + detail if detail else ''})"


def _again(order: Order, keys: Keys) -> Draft:
    """Propose a refused order once more: it is weighed afresh, and has a key of its own."""
    key = keys.take()
    proposed = OrderProposed(
        key=key,
        strategy=order.strategy,
        magic=order.magic,
        symbol=order.symbol,
        side=order.side,
        stop_distance=order.stop_distance,
        target_distance=order.target_distance,
        reason=order.reason,
        action=order.action,
        type=order.type,
        price=order.price if order.is_pending else 0.0,
        limit=order.limit,
        lifetime_s=order.lifetime_s,
        position=order.position,
        by=order.by,
        volume=order.lots,
        follows=order.key,
        attempt=order.attempt + 1,
    )
    return proposed, key


def on_evidence(state: State, event: Event[EvidenceGathered]) -> Iterator[Draft]:
    """Settle an unresolved intent by what the broker's lists showed. Resemblance proves nothing:
    it halts."""
    seen = event.data
    order = state.orders.open.get(seen.key)
    if order is None or order.status not in UNKNOWN:
        return
    if len(seen.orders) > 1:
        reason = f"orders {seen.orders} all bear the key {seen.key}"
        yield TradingHalted("doubled order", reason), seen.key
    elif seen.orders or seen.deals:  # a deal alone proves the execution, not the order's ticket
        ticket = seen.orders[0] if seen.orders else 0
        yield OrderAccepted(seen.key, ticket, "evidence"), seen.key
    elif seen.suspects:
        reason = (
            f"{seen.key} may be one of {seen.suspects}: they match it but do not bear its key; "
            "`daybook resolve` takes an operator's word for it"
        )
        yield TradingHalted("ambiguous order", reason), seen.key
    else:
        reason = f"not in the broker's orders, positions or history after {seen.polls} readings"
        yield OrderRefused(seen.key, 0, "evidence", reason), seen.key


def on_checked(state: State, event: Event[ChangeChecked]) -> Iterator[Draft]:
    """Settle an unresolved change by how the broker has what it was to alter."""
    seen = event.data
    change = state.changes.open.get(seen.key)
    if change is None:
        return
    if fulfils(seen, change.wish):
        yield ChangeApplied(seen.key, "evidence"), seen.key
    else:
        reason = f"{'not so' if seen.found else 'gone'} after {seen.polls} readings"
        yield ChangeRefused(seen.key, 0, "evidence", reason), seen.key


def fulfils(seen: ChangeChecked, wish: ChangeIntended) -> bool:
    """Tell whether the broker has what was wished. Prices were put on its grid before they were
    sent, so it gives them back as they were."""
    if wish.action == "cancel":
        return not seen.found
    pairs = [(seen.sl, wish.sl), (seen.tp, wish.tp)]
    if wish.action == "modify":
        pairs += [(seen.price, wish.price), (seen.limit, wish.limit)]
        pairs += [(seen.expiration, wish.expiration)]
    return seen.found and all(abs(has - wished) < 1e-9 for has, wished in pairs)


class Blocked(msgspec.Struct, frozen=True):
    """A symbol for which nothing is sent, and what keeps it so.

    key    of the order or change of which nobody knows the outcome
    since  nanoseconds UTC; why  for people, empty while its answer is only awaited
    """

    symbol: str
    key: str
    since: int
    why: str


def blocked(state: State) -> list[Blocked]:
    """Return what nobody knows the outcome of, orders first, oldest first. A halt that is lifted
    leaves it as it was."""
    found = [
        Blocked(order.symbol, key, order.doubted, order.note if order.status != "intended" else "")
        for key, order in state.orders.open.items()
        if order.status in UNKNOWN
    ]
    found += [
        Blocked(change.wish.symbol, key, change.doubted, change.note)
        for key, change in state.changes.open.items()
    ]
    return found


def forgotten(state: State, config: Config, ts: int) -> list[Blocked]:
    """Return what has been in doubt for longer than it may be, and halts nothing any more: an
    operator who lets trading go on over it gets so long again. `ts`: nanoseconds UTC."""
    if state.run.halt_rule:
        return []
    limit = config.broker.evidence.limit_s * SECOND
    return [one for one in blocked(state) if ts - max(one.since, state.run.resumed) > limit]


def overdue(state: State, config: Config, event: Event[Any]) -> Iterator[Draft]:
    """Halt when an outcome has not been known for too long: an operator has to look."""
    for one in forgotten(state, config, event.ts)[:1]:
        reason = (
            f"the outcome of {one.key} has not been known for {(event.ts - one.since) // SECOND} "
            f"s, more than {config.broker.evidence.limit_s:g}; `daybook resolve` takes an "
            "operator's word for it"
        )
        yield TradingHalted("unresolved too long", reason), one.key
