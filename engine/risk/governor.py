"""Whether a proposal may become an intent, and of which size. Every refusal carries its rule and
its figures."""

from __future__ import annotations

from engine.broker.prices import pending_problem, round_to_tick, stops_problem
from engine.config import Config
from engine.execution import closing, policy
from engine.execution.closing import Objection, unknown
from engine.risk.exposure import exceeded
from engine.risk.sizing import Constraints, Sizing, position_size
from journal.events import OrderIntended, OrderVetoed, QuoteObserved, SymbolSpecified
from projections.orders import Order
from projections.state import State


def objection(state: State, config: Config, order: Order) -> Objection | None:
    """Return rule and reason why nothing may be sent for this proposal now, None when it may be
    weighed."""
    if order.action != "open":
        return closing.objection(state, order)
    if state.run.halt_rule:
        return "halted", f"trading is halted: {state.run.halt_reason}"
    if order.symbol not in state.market.symbols:
        return "symbol", f"the terminal has not described {order.symbol}"
    return (
        unknown(state, order.symbol, order.key)
        or _crowded(state, order)
        or policy.objection(state, config, order)
    )


def _crowded(state: State, order: Order) -> Objection | None:
    """One order at a time, of each strategy in each symbol."""
    for other in state.orders.open.values():
        if other is not order and other.symbol == order.symbol and other.magic == order.magic:
            return "one order", f"{other.key} of the same strategy is {other.status}"
    return None


def unaffordable(state: State, config: Config, order: Order) -> Objection | None:
    """Return rule and reason why this opening is too small for its symbol at whatever price, None
    when its quote may make it large enough.

    Where profits are in the account's currency, what a lot loses at the stop is known without one,
    but for the tick by which the stop moves on the grid.
    """
    if order.action != "open":
        return None
    spec = state.market.symbols[order.symbol]
    nearest = order.stop_distance - spec.tick_size
    if spec.currency_profit != state.run.currency or nearest <= 0.0:
        return None
    sizing = position_size(
        budget=_budget(state, config),
        loss_per_lot=nearest / spec.tick_size * spec.tick_value,
        margin_budget=0.0,
        margin_per_lot=0.0,
        constraints=_constraints(spec),
    )
    return ("size", sizing.problem) if sizing.problem else None


def weigh(
    state: State, config: Config, order: Order, quote: QuoteObserved
) -> OrderIntended | OrderVetoed:
    """Turn a proposal and a fresh quote into an intent, or into a veto."""
    against = objection(state, config, order)
    if against is not None:
        return veto(order, *against)
    if order.action != "open":
        weighed = closing.weigh(state, config, order, quote)
    else:
        weighed = _weigh(state, config, order, quote)
    return weighed if isinstance(weighed, OrderIntended) else veto(order, *weighed)


def _weigh(
    state: State, config: Config, order: Order, quote: QuoteObserved
) -> OrderIntended | Objection:
    spec, sign = state.market.symbols[order.symbol], order.sign
    price, limit = _prices(order, quote, spec)
    entry = limit or price
    sl = round_to_tick(entry - sign * order.stop_distance, spec)
    tp = round_to_tick(entry + sign * order.target_distance, spec)
    if not (sl > 0.0 and tp > 0.0):  # 0 would mean none
        return "stops", f"a stop at {sl:g} and a target at {tp:g} are no prices"
    problem = _problem(order, quote, price, limit, sl, tp, spec)
    if problem:
        return "stops", problem
    sizing = _size(state, config, abs(entry - sl), quote, spec)
    if sizing.problem:
        return "size", sizing.problem
    too_much = exceeded(state, config, order, sizing.volume)
    if too_much is not None:
        return too_much
    return OrderIntended(  # with all of them by name, Python would make a dictionary first
        order.key,
        order.strategy,
        order.magic,
        order.symbol,
        order.side,
        volume=sizing.volume,
        price=price,
        sl=sl,
        tp=tp,
        deviation=config.broker.deviation,
        risk=round(sizing.risk, 2),
        login=state.run.login,
        server=state.run.server,
        server_msc=quote.time_msc,
        type=order.type,
        limit=limit,
        expiration=quote.time_msc // 1000 + order.lifetime_s if order.lifetime_s else 0,
    )


def _prices(order: Order, quote: QuoteObserved, spec: SymbolSpecified) -> tuple[float, float]:
    """Return where the order fills or triggers, and a stop limit's limit; on the tick grid."""
    if not order.is_pending:
        return quote.ask if order.sign > 0 else quote.bid, 0.0
    limit = round_to_tick(order.limit, spec) if order.type == "stop limit" else 0.0
    return round_to_tick(order.price, spec), limit


def _problem(
    order: Order,
    quote: QuoteObserved,
    price: float,
    limit: float,
    sl: float,
    tp: float,
    spec: SymbolSpecified,
) -> str:
    if not order.is_pending:
        return stops_problem(order.side, quote, sl, tp, spec)
    return pending_problem(
        order.type, order.side, quote, price=price, limit=limit, sl=sl, tp=tp, spec=spec
    )


def _size(
    state: State, config: Config, distance: float, quote: QuoteObserved, spec: SymbolSpecified
) -> Sizing:
    return position_size(
        budget=_budget(state, config),
        loss_per_lot=distance / spec.tick_size * quote.tick_value,
        margin_budget=quote.margin_free * config.risk.margin_use_percent / 100.0,
        margin_per_lot=quote.margin_per_lot,
        constraints=_constraints(spec),
    )


def _budget(state: State, config: Config) -> float:
    return state.performance.equity * config.risk.per_trade_percent / 100.0


def _constraints(spec: SymbolSpecified) -> Constraints:
    return Constraints(spec.volume_min, spec.volume_max, spec.volume_step)


def veto(order: Order, rule: str, reason: str) -> OrderVetoed:
    """Refuse a proposal."""
    return OrderVetoed(order.key, order.strategy, order.symbol, order.side, rule, reason)
