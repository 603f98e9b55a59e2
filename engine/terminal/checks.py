"""Why a trade server refuses a request: one function for each kind of reason.

The order in which they are asked is the profile's (`switches.checks`), the first to give a retcode
decides, and nothing here changes anything. Rules: facts 3.3 to 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from engine.terminal import constants as mt5
from engine.terminal.account import Account
from engine.terminal.book import Order, Position
from engine.terminal.case import Case
from engine.terminal.codes import EXPIRATION_BITS, mask
from engine.terminal.dealer import side_of
from engine.terminal.market.base import Quote
from engine.terminal.money import BUY
from engine.terminal.profile import Symbol
from engine.terminal.request import Request

_PENDING_KINDS = {2: "limit", 3: "limit", 4: "stop", 5: "stop", 6: "stop_limit", 7: "stop_limit"}
#: Execution modes in which a market order is for a price.
_AT_A_PRICE = ("request", "instant")
_ACTIONS = frozenset(
    {
        mt5.TRADE_ACTION_DEAL,
        mt5.TRADE_ACTION_PENDING,
        mt5.TRADE_ACTION_SLTP,
        mt5.TRADE_ACTION_MODIFY,
        mt5.TRADE_ACTION_REMOVE,
        mt5.TRADE_ACTION_CLOSE_BY,
    }
)


Check = Callable[[Case], int | None]


def connection(case: Case) -> int | None:
    """The terminal must be connected to the server."""
    return None if case.conditions.connected else mt5.TRADE_RETCODE_CONNECTION


def permission(case: Case) -> int | None:
    """Algorithmic trading must be allowed in the terminal, for experts and on the account."""
    if not case.conditions.trade_allowed or case.conditions.tradeapi_disabled:
        return mt5.TRADE_RETCODE_CLIENT_DISABLES_AT
    if not case.conditions.trade_expert:
        return mt5.TRADE_RETCODE_SERVER_DISABLES_AT
    if not case.conditions.account_trade_allowed:
        return mt5.TRADE_RETCODE_TRADE_DISABLED
    return None


def symbol(case: Case) -> int | None:
    """The action must be known, and so must the symbol, with a price."""
    if case.action not in _ACTIONS:
        return mt5.TRADE_RETCODE_INVALID
    if case.symbol is None:
        if case.request.symbol or case.action in (
            mt5.TRADE_ACTION_DEAL,
            mt5.TRADE_ACTION_PENDING,
        ):
            return mt5.TRADE_RETCODE_INVALID
        return None  # an order or position that does not exist: the position check says so
    if case.quote is None or not case.quote.bid:
        return mt5.TRADE_RETCODE_PRICE_OFF
    return None


def position(case: Case) -> int | None:
    """What the request wants to change must exist and must be changeable now."""
    request = case.request
    if case.action in (mt5.TRADE_ACTION_MODIFY, mt5.TRADE_ACTION_REMOVE):
        if case.order is None:
            return mt5.TRADE_RETCODE_INVALID
        return mt5.TRADE_RETCODE_FROZEN if _order_frozen(case, case.order) else None
    if case.action == mt5.TRADE_ACTION_CLOSE_BY:
        return _close_by(case)
    needs = case.action == mt5.TRADE_ACTION_SLTP or (
        case.action == mt5.TRADE_ACTION_DEAL and request.position
    )
    if not needs:
        return None
    held = case.position
    if held is None:
        return mt5.TRADE_RETCODE_POSITION_CLOSED
    if request.symbol and request.symbol != held.symbol:
        return mt5.TRADE_RETCODE_INVALID
    if case.action == mt5.TRADE_ACTION_DEAL:
        if request.type == held.type and case.account.hedging:
            return mt5.TRADE_RETCODE_INVALID
        if _not_first(case, held):
            return mt5.TRADE_RETCODE_FIFO_CLOSE
    return mt5.TRADE_RETCODE_FROZEN if _position_frozen(case, held) else None


def _close_by(case: Case) -> int | None:
    first, second = case.position, case.other
    if not case.account.hedging:
        return mt5.TRADE_RETCODE_INVALID
    if first is None or second is None:
        return mt5.TRADE_RETCODE_POSITION_CLOSED
    if first.symbol != second.symbol or first.type == second.type:
        return mt5.TRADE_RETCODE_INVALID
    if _position_frozen(case, first) or _position_frozen(case, second):
        return mt5.TRADE_RETCODE_FROZEN
    return None


def _not_first(case: Case, held: Position) -> bool:
    if not case.account.profile.account.fifo_close:
        return False
    older = case.book.by_symbol[held.symbol].values()
    return any(one.type == held.type and one.ticket < held.ticket for one in older)


def _near(case: Case, price: float, level: float) -> bool:
    """Whether a price is within the freeze level of a level."""
    assert case.symbol is not None
    return abs(_points(case.symbol, price - level)) <= case.symbol.freeze_level


def _position_frozen(case: Case, held: Position) -> bool:
    if case.symbol is None or case.quote is None or not case.symbol.freeze_level:
        return False
    price = case.quote.bid if held.type == BUY else case.quote.ask
    return any(level and _near(case, price, level) for level in (held.sl, held.tp))


def _order_frozen(case: Case, order: Order) -> bool:
    if case.symbol is None or case.quote is None or not case.symbol.freeze_level:
        return False
    price = case.quote.ask if side_of(order.type) == BUY else case.quote.bid
    return _near(case, price, order.price_open)


def mode(case: Case) -> int | None:
    """The symbol must be open for this direction and this kind of order."""
    request, facts = case.request, case.symbol
    if facts is None:
        return None
    if facts.trade_mode == "disabled":
        return mt5.TRADE_RETCODE_TRADE_DISABLED
    if case.action == mt5.TRADE_ACTION_CLOSE_BY:
        return None if "close_by" in facts.orders else mt5.TRADE_RETCODE_INVALID_ORDER
    if case.action == mt5.TRADE_ACTION_DEAL:
        if request.type not in (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL) or (
            "market" not in facts.orders
        ):
            return mt5.TRADE_RETCODE_INVALID_ORDER
    elif case.action == mt5.TRADE_ACTION_PENDING:
        if _PENDING_KINDS.get(request.type, "none") not in facts.orders:
            return mt5.TRADE_RETCODE_INVALID_ORDER
    else:
        return None
    if case.closes:
        return None
    if facts.trade_mode == "close_only":
        return mt5.TRADE_RETCODE_CLOSE_ONLY
    buy = side_of(request.type) == BUY
    if facts.trade_mode == "long_only" and not buy:
        return mt5.TRADE_RETCODE_LONG_ONLY
    if facts.trade_mode == "short_only" and buy:
        return mt5.TRADE_RETCODE_SHORT_ONLY
    return None


def session(case: Case) -> int | None:
    """The market must be open."""
    return None if case.is_open else mt5.TRADE_RETCODE_MARKET_CLOSED


def volume(case: Case) -> int | None:
    """The volume must lie in the symbol's range, on its grid, and within what is to be closed."""
    if case.action not in (mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING) or case.symbol is None:
        return None
    lots, facts = case.request.volume, case.symbol
    if case.request.position and case.position is not None and lots > case.position.volume:
        return mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    # A comparison with NaN is false, so NaN and infinities are refused here as well.
    if not facts.volume_min - 1e-9 <= lots <= facts.volume_max + 1e-9:
        return mt5.TRADE_RETCODE_INVALID_VOLUME
    if not on_grid(lots, facts.volume_step):
        return mt5.TRADE_RETCODE_INVALID_VOLUME
    return None


def on_grid(value: float, step: float) -> bool:
    """Whether a value is a multiple of a step, but for the rounding of doubles."""
    count = value / step
    return abs(count - round(count)) < 1e-6


def filling(case: Case) -> int | None:
    """The filling mode must be allowed for the execution mode (facts 3.3)."""
    if case.action not in (mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING) or case.symbol is None:
        return None
    fits = takes_filling(case.symbol, case.request)
    return None if fits else mt5.TRADE_RETCODE_INVALID_FILL


def takes_filling(facts: Symbol, request: Request) -> bool:
    """Whether a symbol takes a request's filling mode for its kind of order."""
    pending = request.action == mt5.TRADE_ACTION_PENDING
    match request.type_filling:
        case mt5.ORDER_FILLING_FOK:
            return "fok" in facts.filling or facts.execution in _AT_A_PRICE
        case mt5.ORDER_FILLING_IOC:
            return "ioc" in facts.filling or facts.execution in _AT_A_PRICE
        case mt5.ORDER_FILLING_RETURN:
            return pending or facts.execution != "market"
        case mt5.ORDER_FILLING_BOC:
            limit = _PENDING_KINDS.get(request.type) in ("limit", "stop_limit")
            return pending and limit and "boc" in facts.filling
    return False


_LIFETIMES = {
    mt5.ORDER_TIME_GTC: "gtc",
    mt5.ORDER_TIME_DAY: "day",
    mt5.ORDER_TIME_SPECIFIED: "specified",
    mt5.ORDER_TIME_SPECIFIED_DAY: "specified_day",
}


def expiration(case: Case) -> int | None:
    """A pending order's lifetime must be allowed and must not be over already."""
    if case.action not in (mt5.TRADE_ACTION_PENDING, mt5.TRADE_ACTION_MODIFY):
        return None
    if case.symbol is None:
        return None
    name = _LIFETIMES.get(case.request.type_time, "")
    bits = mask(case.symbol.expiration, EXPIRATION_BITS)
    if not bits & EXPIRATION_BITS.get(name, 0):
        return mt5.TRADE_RETCODE_INVALID_EXPIRATION
    now = case.now_msc // 1000
    if name == "specified" and case.request.expiration <= now:
        return mt5.TRADE_RETCODE_INVALID_EXPIRATION
    if name == "specified_day" and case.request.expiration < now // 86_400 * 86_400:
        return mt5.TRADE_RETCODE_INVALID_EXPIRATION
    return None


def price(case: Case) -> int | None:
    """Prices must be on the tick grid and on the right side of the market (facts 3.4)."""
    request, facts, quote = case.request, case.symbol, case.quote
    if facts is None or quote is None:
        return None
    if case.action == mt5.TRADE_ACTION_DEAL:
        wanted = facts.execution in _AT_A_PRICE
        bad = wanted and not _is_price(request.price, facts.tick)
        return mt5.TRADE_RETCODE_INVALID_PRICE if bad else None
    if case.action == mt5.TRADE_ACTION_PENDING:
        kind = request.type
    elif case.action == mt5.TRADE_ACTION_MODIFY and case.order is not None:
        kind = case.order.type
    else:
        return None
    if not _pending_price(request, kind, facts, quote):
        return mt5.TRADE_RETCODE_INVALID_PRICE
    return None


def _is_price(value: float, tick: float) -> bool:
    return 0.0 < value < math.inf and on_grid(value, tick)


def _pending_price(request: Request, kind: int, facts: Symbol, quote: Quote) -> bool:
    if not _is_price(request.price, facts.tick):
        return False
    buy = side_of(kind) == BUY
    market = quote.ask if buy else quote.bid
    stop = _PENDING_KINDS[kind] != "limit"
    ahead = request.price - market if buy == stop else market - request.price
    if _points(facts, ahead) < facts.stops_level:
        return False
    if _PENDING_KINDS[kind] != "stop_limit":
        return True
    if not _is_price(request.stoplimit, facts.tick):
        return False
    back = request.price - request.stoplimit if buy else request.stoplimit - request.price
    return _points(facts, back) >= facts.stops_level


def _points(facts: Symbol, distance: float) -> int:
    return round(distance / facts.point)


def stops(case: Case) -> int | None:
    """SL and TP must be on their sides, far enough from the price that would set them off."""
    request, facts, quote = case.request, case.symbol, case.quote
    if facts is None or quote is None or not (request.sl or request.tp):
        return None
    reference = _reference(case, quote)
    if reference is None:
        return None
    buy, price, resting = reference
    least = facts.stops_level
    if not least and not resting:
        floating = case.account.profile.switches.floating_stops
        least = max(1, _points(facts, quote.ask - quote.bid)) if floating else 1
    least, tick, point = max(least, 1), facts.tick, facts.point
    for level, above in ((request.sl, not buy), (request.tp, buy)):
        if not level:
            continue
        if not _is_price(level, tick):
            return mt5.TRADE_RETCODE_INVALID_STOPS
        distance = level - price if above else price - level
        if round(distance / point) < least:
            return mt5.TRADE_RETCODE_INVALID_STOPS
    allowed = (not request.sl or "sl" in facts.orders) and (not request.tp or "tp" in facts.orders)
    return None if allowed else mt5.TRADE_RETCODE_INVALID_STOPS


def _reference(case: Case, quote: Quote) -> tuple[bool, float, bool] | None:
    """Direction, the price SL and TP are measured from, and whether that is an order's own
    price."""
    request = case.request
    if case.action == mt5.TRADE_ACTION_DEAL:
        if case.closes:
            return None
        buy = request.type == BUY
    elif case.action == mt5.TRADE_ACTION_SLTP:
        if case.position is None:
            return None
        buy = case.position.type == BUY
    elif case.action in (mt5.TRADE_ACTION_PENDING, mt5.TRADE_ACTION_MODIFY):
        kind = case.order.type if case.order is not None else request.type
        stop_limit = _PENDING_KINDS.get(kind) == "stop_limit"
        return side_of(kind) == BUY, request.stoplimit if stop_limit else request.price, True
    else:
        return None
    return buy, quote.bid if buy else quote.ask, False


def limits(case: Case) -> int | None:
    """Counts of orders and positions, and the volume in one direction, have caps (facts 3.5)."""
    account, facts, request = case.account.profile.account, case.symbol, case.request
    pending = case.action == mt5.TRADE_ACTION_PENDING
    if facts is None or not (pending or case.opens):
        return None
    orders, positions = len(case.book.orders), len(case.book.positions)
    if pending and account.limit_orders and orders >= account.limit_orders:
        return mt5.TRADE_RETCODE_LIMIT_ORDERS
    if account.limit_positions:
        count = positions + orders if case.account.hedging else positions
        new = case.account.hedging or not case.book.by_symbol[case.name]
        if new and count >= account.limit_positions:
            return mt5.TRADE_RETCODE_LIMIT_POSITIONS
    if facts.volume_limit:
        held = _held(case, side_of(request.type))
        if held + request.volume > facts.volume_limit + 1e-9:
            return mt5.TRADE_RETCODE_LIMIT_VOLUME
    return None


def _held(case: Case, side: int) -> float:
    """Lots of positions and pending orders of the symbol in one direction."""
    positions = case.book.by_symbol[case.name].values()
    return sum(held.volume for held in positions if held.type == side) + sum(
        order.volume_current
        for order in case.book.orders.values()
        if order.symbol == case.name and side_of(order.type) == side
    )


def money(case: Case) -> int | None:
    """The free margin must cover what is opened."""
    if not case.opens or case.quote is None:
        return None
    request = case.request
    price = case.quote.ask if request.type == BUY else case.quote.bid
    if can_afford(case.account, case.name, request.type, request.volume, price):
        return None
    return mt5.TRADE_RETCODE_NO_MONEY


def can_afford(account: Account, name: str, side: int, volume: float, price: float) -> bool:
    """Whether the free margin is not negative after a trade, or no smaller than before."""
    before, after = account.margins(name, side, volume, price)
    return after <= before or account.equity() >= after


CHECKS: dict[str, Check] = {
    "connection": connection,
    "permission": permission,
    "symbol": symbol,
    "position": position,
    "mode": mode,
    "session": session,
    "volume": volume,
    "filling": filling,
    "expiration": expiration,
    "price": price,
    "stops": stops,
    "limits": limits,
    "money": money,
}


def refusal(case: Case, checks: Iterable[Check]) -> int | None:
    """The retcode of the first reason to refuse, or None."""
    for check in checks:
        code = check(case)
        if code is not None:
            return code
    return None
