"""Whether a proposal may become an intent, and of which size. Every refusal carries its rule and
its figures."""

from __future__ import annotations

from engine.broker.prices import round_to_tick, stops_problem
from engine.config import Config
from engine.risk.sizing import Constraints, position_size
from journal.events import OrderIntended, OrderVetoed, QuoteObserved, SymbolSpecified
from projections.orders import Order
from projections.positions import of_magic
from projections.state import State


def objection(state: State, order: Order) -> tuple[str, str] | None:
    """Return rule and reason why nothing may be sent for this proposal now, None when it may be
    weighed."""
    if state.run.halt_rule:
        return "halted", f"trading is halted: {state.run.halt_reason}"
    if order.symbol not in state.market.symbols:
        return "symbol", f"the terminal has not described {order.symbol}"
    for other in state.orders.open.values():
        if other.key == order.key or other.symbol != order.symbol:
            continue
        if other.status in ("intended", "unresolved"):
            return "unresolved", f"the outcome of {other.key} in {order.symbol} is not known yet"
        if other.magic == order.magic:
            return "one order", f"{other.key} of the same strategy is {other.status}"
    held = of_magic(state.positions, order.magic, order.symbol)
    if held:
        return "one position", f"position {held[0].identifier} of the same strategy is open"
    return None


def weigh(
    state: State, config: Config, order: Order, quote: QuoteObserved
) -> OrderIntended | OrderVetoed:
    """Turn a proposal and a fresh quote into an intent, or into a veto."""
    against = objection(state, order)
    if against is not None:
        return veto(order, *against)
    spec = state.market.symbols[order.symbol]
    sign = 1 if order.side == "buy" else -1
    price = quote.ask if sign > 0 else quote.bid
    sl = round_to_tick(price - sign * order.stop_distance, spec)
    tp = round_to_tick(price + sign * order.target_distance, spec)
    problem = stops_problem(order.side, quote, sl, tp, spec)
    if problem:
        return veto(order, "stops", problem)
    sizing = position_size(
        budget=state.performance.equity * config.risk.per_trade_percent / 100.0,
        loss_per_lot=abs(price - sl) / spec.tick_size * quote.tick_value,
        margin_budget=quote.margin_free * config.risk.margin_use_percent / 100.0,
        margin_per_lot=quote.margin_per_lot,
        constraints=_constraints(spec),
    )
    if sizing.problem:
        return veto(order, "size", sizing.problem)
    return OrderIntended(
        key=order.key,
        strategy=order.strategy,
        magic=order.magic,
        symbol=order.symbol,
        side=order.side,
        volume=sizing.volume,
        price=price,
        sl=sl,
        tp=tp,
        deviation=config.broker.deviation,
        risk=round(sizing.risk, 2),
        login=state.run.login,
        server=state.run.server,
        server_msc=quote.time_msc,
    )


def veto(order: Order, rule: str, reason: str) -> OrderVetoed:
    """Refuse a proposal."""
    return OrderVetoed(order.key, order.strategy, order.symbol, order.side, rule, reason)


def _constraints(spec: SymbolSpecified) -> Constraints:
    return Constraints(spec.volume_min, spec.volume_max, spec.volume_step)
