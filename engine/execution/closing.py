"""Closing what is open: proposals that reduce risk, when they must wait, and how they become
intents.

Anyone may propose one: an operator, a rule that protects, a policy. A pause or a halt does not hold
it up, as reducing risk is always allowed; only the operator's own emergency stop does.
"""

from __future__ import annotations

from engine.config import Config
from engine.execution.intents import Draft, Keys
from engine.risk.sizing import STEP_TOLERANCE, round_down
from journal.events import OrderIntended, OrderProposed, QuoteObserved, SymbolSpecified
from projections.orders import UNKNOWN, VOLUME_EPSILON, Order, closing
from projections.positions import Position
from projections.run import SWITCHED_OFF
from projections.state import State

Objection = tuple[str, str]
"""The rule that forbids, and why, with figures."""


def close(keys: Keys, position: Position, volume: float, reason: str) -> Draft:
    """Propose to close `volume` lots of a position, 0 for all of it. Raises DaybookError when the
    event has no key left."""
    return _proposed(keys, position, 0, volume, reason)


def close_by(keys: Keys, position: Position, opposite: Position, reason: str) -> Draft:
    """Propose to close two opposite positions of a hedging account against each other; the smaller
    volume counts."""
    return _proposed(keys, position, opposite.identifier, 0.0, reason)


def _proposed(keys: Keys, position: Position, by: int, volume: float, reason: str) -> Draft:
    key = keys.take()
    proposed = OrderProposed(
        key=key,
        strategy=position.strategy,
        magic=position.magic,
        symbol=position.symbol,
        side="sell" if position.side > 0 else "buy",
        stop_distance=0.0,
        target_distance=0.0,
        reason=reason,
        action="close by" if by else "close",
        position=position.identifier,
        by=by,
        volume=volume,
    )
    return proposed, key


def may_close(state: State, position: Position) -> bool:
    """Whether a close of this position would be weighed now: who wants one need not ask
    otherwise."""
    return obstacle(state, position.symbol, position.identifier) is None


def obstacle(state: State, symbol: str, *identifiers: int, asking: str = "") -> Objection | None:
    """Return rule and reason why these positions cannot be closed now, None when they can.

    asking  key of the order that wants to close them, if it is proposed already
    """
    if state.run.halt_rule == SWITCHED_OFF:
        return "halted", f"trading is switched off: {state.run.halt_reason}"
    if symbol not in state.market.symbols:
        return "symbol", f"the terminal has not described {symbol}"
    for identifier in identifiers:
        if identifier not in state.positions.open:
            return "position gone", f"position {identifier} is not open"
        other = closing(state.orders, identifier, asking)
        if other is not None:
            return "closing", f"{other.key} closes position {identifier} and is {other.status}"
    return unknown(state, symbol, asking)


def unknown(state: State, symbol: str, asking: str = "") -> Objection | None:
    """Return what keeps a symbol still: an order or a change of which nobody knows the outcome."""
    for order in state.orders.open.values():
        if order.symbol == symbol and order.status in UNKNOWN and order.key != asking:
            return "unresolved", f"the outcome of {order.key} in {symbol} is not known yet"
    for change in state.changes.open.values():
        if change.wish.symbol == symbol and change.status == "unresolved":
            return "unresolved", f"the outcome of {change.wish.key} in {symbol} is not known yet"
    return None


def objection(state: State, order: Order) -> Objection | None:
    """Return rule and reason why this close may not be sent now."""
    wanted = (order.position, order.by) if order.by else (order.position,)
    against = obstacle(state, order.symbol, *wanted, asking=order.key)
    if against is not None:
        return against
    sides = [state.positions.open[identifier].side for identifier in wanted]
    if order.by and sides[0] == sides[1]:
        return "same side", f"positions {order.position} and {order.by} lie on the same side"
    if sides[0] == order.sign:
        return "position gone", f"position {order.position} has turned round"
    return None


def weigh(
    state: State, config: Config, order: Order, quote: QuoteObserved
) -> OrderIntended | Objection:
    """Turn the proposal of a close, to which there is no objection, and a fresh quote into an
    intent."""
    spec = state.market.symbols[order.symbol]
    position = state.positions.open[order.position]
    volume = position.volume
    if order.by:
        volume = min(volume, state.positions.open[order.by].volume)
    elif order.lots:
        volume = part_of(volume, order.lots, spec)
    if not volume:
        return "size", f"{order.lots:g} lots are less than the symbol's {spec.volume_min:g}"
    return OrderIntended(
        key=order.key,
        strategy=order.strategy,
        magic=order.magic,
        symbol=order.symbol,
        side=order.side,
        volume=volume,
        price=quote.bid if order.sign < 0 else quote.ask,
        sl=0.0,
        tp=0.0,
        deviation=config.broker.deviation,
        risk=0.0,
        login=state.run.login,
        server=state.run.server,
        server_msc=quote.time_msc,
        action=order.action,
        position=order.position,
        by=order.by,
    )


def part_of(held: float, lots: float, spec: SymbolSpecified) -> float:
    """Return how many of `held` lots are closed when `lots` shall be, 0 when that is too few.

    All of them when the rest would be less than the symbol's least volume: nobody could close it.
    """
    part = round_down(min(lots, held), spec.volume_step)
    if held - part < spec.volume_min - STEP_TOLERANCE * spec.volume_step:
        return held
    return part if part >= spec.volume_min - VOLUME_EPSILON else 0.0
