"""How the positions of one symbol go together: what may be opened beside what is held, what must be
closed first, and what becomes of positions that are found.

Pure. A reversal is never one order: the position is closed, and only when its deals are known is
the other one opened. One order for both would leave it open, when its answer is lost or it fills
in part, which way the account stands; a close names its position, so that the server refuses a
second one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from engine.config import DEFAULT, Config, PositionPolicy
from engine.execution.closing import Objection, close, close_by, may_close
from engine.execution.intents import Draft, Keys
from engine.risk.sizing import VOLUME_DECIMALS
from engine.strategies.base import StrategyBase
from journal.events import OrderIntended, OrderVetoed, PositionAdopted
from journal.events.mt5 import MarginMode
from projections.orders import VOLUME_EPSILON, Order
from projections.positions import Position
from projections.state import State

NOTHING_SAID = PositionPolicy()

CLOSE_BY_BIT = 64
"""Of a symbol's `order_mode` mask."""

MAKE_WAY = ("reduce", "reverse")
"""Policies under which a signal first closes what lies the other way."""


def policy_of(config: Config, symbol: str) -> PositionPolicy:
    """Return a symbol's policy."""
    return config.positions.get(symbol) or config.positions.get(DEFAULT) or NOTHING_SAID


def objection(state: State, config: Config, order: Order) -> Objection | None:
    """Return rule and reason why what is held forbids this opening, None when it does not."""
    held = [p for p in state.positions.open.values() if p.symbol == order.symbol]
    if not held:
        return None
    policy = policy_of(config, order.symbol)
    if state.run.margin_mode != MarginMode.RETAIL_HEDGING:
        against = _merges(policy, held[0], order)
        if against is not None:
            return against
    own = [p for p in held if p.magic == order.magic]
    against = _opposes(policy, [p for p in held if p.strategy], own, order)
    if against is not None:
        return against
    one = policy.policy == "one"
    # Of its own magic and nobody's: what a lost journal opened, perhaps. It is left alone, and
    # nothing is put beside it.
    same = [p for p in own if one or p.side == order.sign or not p.strategy]
    if not same:
        return None
    openings = _openings(state, same)
    if openings < policy.most:
        return None
    if policy.most == 1:
        return "one position", f"position {same[0].identifier} of the same strategy is open"
    return "positions", f"the strategy has {openings} openings of {policy.most} allowed"


def _merges(policy: PositionPolicy, held: Position, order: Order) -> Objection | None:
    """On a netting account an order does not stand beside the symbol's position, it changes it."""
    if not held.strategy:
        return "netting", f"position {held.identifier} is none of ours, and an order would alter it"
    if held.strategy == order.strategy:
        return None
    if held.side != order.sign and policy.policy in MAKE_WAY and policy.close == "fifo":
        return None
    return "netting", f"position {held.identifier} is {held.strategy}'s, and it would be altered"


def _opposes(
    policy: PositionPolicy, ours: list[Position], own: list[Position], order: Order
) -> Objection | None:
    """What lies the other way forbids an opening, unless it is closed first."""
    if policy.policy == "one" or (policy.policy in MAKE_WAY and not order.is_pending):
        return None
    scope = own if policy.policy == "add" else ours
    for position in scope:
        if position.side != order.sign:
            return "one direction", f"position {position.identifier} lies the other way"
    return None


def _openings(state: State, same: list[Position]) -> int:
    """How many orders built these positions; on a netting account several build one."""
    tracks = state.protection.tracks
    return sum(len(tracks[p.identifier].stops) for p in same if p.identifier in tracks)


def in_the_way(state: State, config: Config, order: Order) -> list[Position]:
    """Return the positions that must be closed before this may be opened, the oldest first."""
    policy = policy_of(config, order.symbol)
    if policy.policy not in MAKE_WAY or order.action != "open":
        return []
    way = [
        position
        for position in state.positions.open.values()
        if position.symbol == order.symbol
        and position.side != order.sign
        and position.strategy
        and (policy.close == "fifo" or position.strategy == order.strategy)
    ]
    way.sort(key=lambda position: (position.opened, position.identifier))
    return way


def admit(
    state: State, config: Config, keys: Keys, order: Order, weighed: OrderIntended | OrderVetoed
) -> Iterable[Draft]:
    """Let a weighed order pass, or make way for it first: then it waits as a proposal."""
    if not isinstance(weighed, OrderIntended) or order.action != "open":
        return ((weighed, order.key),)
    policy = policy_of(config, order.symbol).policy
    if policy not in MAKE_WAY:
        return ((weighed, order.key),)
    way = in_the_way(state, config, order)
    if policy == "reduce":
        return _reduce(state, keys, order, weighed, way)
    return _make_way(state, keys, order, way) if way else ((weighed, order.key),)


def _make_way(state: State, keys: Keys, order: Order, way: list[Position]) -> Iterator[Draft]:
    """Close one after the other: what is closed already may keep the next one waiting."""
    for position in way:
        if may_close(state, position):
            yield close(keys, position, 0.0, f"makes way for {order.key}")


def _reduce(
    state: State, keys: Keys, order: Order, weighed: OrderIntended, way: list[Position]
) -> Iterator[Draft]:
    """Close as much as the order is worth; what is left of it is opened once that is known."""
    spec = state.market.symbols[order.symbol]
    used = state.policies.used.get(order.key, 0.0)
    left = round(weighed.volume - used, VOLUME_DECIMALS)
    if not way and left >= spec.volume_min - VOLUME_EPSILON:
        risk = round(weighed.risk * left / weighed.volume, 2)
        yield msgspec.structs.replace(weighed, volume=left, risk=risk), order.key
        return
    closed = used
    for position in way:
        part = min(position.volume, left)
        if part < spec.volume_min - VOLUME_EPSILON or not may_close(state, position):
            break
        whole = part >= position.volume - VOLUME_EPSILON
        yield close(keys, position, 0.0 if whole else part, f"makes way for {order.key}")
        left = round(left - part, VOLUME_DECIMALS)
        closed += part
    if left < spec.volume_min - VOLUME_EPSILON:
        reason = f"its {weighed.volume:g} lots close {closed:g} that lay the other way"
        yield _veto(order, "reduced", reason), order.key


def close_all(
    state: State, config: Config, keys: Keys, wanted: Iterable[tuple[Position, str]]
) -> Iterator[Draft]:
    """Propose to close positions that all have to go, each with the reason why, as far as there are
    keys: opposite ones by each other where that is allowed. What the larger of two has left over is
    for a later event."""
    waiting = [(position, why) for position, why in wanted if may_close(state, position)]
    while waiting and keys.left:
        position, why = waiting.pop(0)
        pair = next((p for p in waiting if _may_meet(state, config, position, p[0])), None)
        if pair is None:
            yield close(keys, position, 0.0, why)
        else:
            waiting.remove(pair)
            both = why if why == pair[1] else f"{why}; {pair[1]}"
            yield close_by(keys, position, pair[0], both)


def _may_meet(state: State, config: Config, one: Position, other: Position) -> bool:
    """Whether two positions can be closed by each other. A pair that the broker has refused is not
    offered again: each is closed by itself then."""
    if one.symbol != other.symbol or one.side == other.side:
        return False
    if not policy_of(config, one.symbol).close_by:
        return False
    if state.run.margin_mode != MarginMode.RETAIL_HEDGING:
        return False
    if not state.market.symbols[one.symbol].order_mode & CLOSE_BY_BIT:
        return False
    pair = {one.identifier, other.identifier}
    refused = (o for o in state.orders.done if o.action == "close by" and o.status == "refused")
    return not any({order.position, order.by} == pair for order in refused)


def ready(state: State, config: Config) -> list[Order]:
    """Return the openings that have waited for closes and need to wait no more, oldest first: none
    of the closes is under way, and nothing is left in their way."""
    busy = {state.policies.closes.get(key) for key in state.orders.open}
    return [
        order
        for order in waiting(state)
        if order.key not in busy and not in_the_way(state, config, order)
    ]


def waiting(state: State) -> list[Order]:
    """Return the openings that wait, oldest first: all others are weighed as they are proposed."""
    return [o for o in state.orders.open.values() if o.status == "proposed" and o.action == "open"]


def lapse(state: State, config: Config, ts: int) -> Iterator[Draft]:
    """Veto the openings that have waited too long. `ts`: nanoseconds UTC."""
    for order in waiting(state):
        seconds = policy_of(config, order.symbol).wait_s
        if ts - order.proposed > seconds * 1e9:
            held = [str(p.identifier) for p in in_the_way(state, config, order)]
            reason = f"waited {seconds:g} s for positions {', '.join(held)} to be closed"
            yield _veto(order, "wait", reason), order.key


def makes_way(config: Config) -> bool:
    """Whether an opening may ever wait under this configuration."""
    return any(policy.policy in MAKE_WAY for policy in config.positions.values())


def found(state: State, config: Config, keys: Keys) -> Iterator[Draft]:
    """Decide about positions that are there when a run starts and that nobody manages; at its
    first look at the account only."""
    if state.policies.snapshots != 1:
        return
    unwanted = []
    for position in list(state.positions.open.values()):
        policy = policy_of(config, position.symbol)
        manager = manager_of(config, position.symbol)
        if position.strategy or manager is None or policy.found == "leave":
            continue
        if policy.found == "adopt":
            adopted = PositionAdopted(
                position.identifier, position.symbol, manager.name, manager.magic
            )
            yield adopted, ""
        else:
            unwanted.append((position, "found at the start"))
    yield from close_all(state, config, keys, unwanted)


def manager_of(config: Config, symbol: str) -> StrategyBase | None:
    """Return the strategy that manages what is adopted in a symbol, None where nobody trades it."""
    policy = policy_of(config, symbol)
    traders = [s for s in config.strategies if s.symbol == symbol]
    named = [s for s in traders if s.name == policy.adopt_by]
    return next(iter(named or traders), None)


def _veto(order: Order, rule: str, reason: str) -> OrderVetoed:
    return OrderVetoed(order.key, order.strategy, order.symbol, order.side, rule, reason)
