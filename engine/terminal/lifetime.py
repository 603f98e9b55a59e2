"""How long a pending order lives: the times MetaTrader shows and the time at which it ends. Pure
functions."""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal.book import Order
from engine.terminal.market.base import NEVER

DAY = 86_400
DAY_MSC = DAY * 1000


def shown_expiration(type_time: int, expiration: int, now_msc: int) -> int:
    """`time_expiration` of an order, in server seconds (facts 3.7).

    A day order shows the beginning of its day, as recorded; SPECIFIED_DAY the last second of the
    day.
    """
    if type_time == mt5.ORDER_TIME_DAY:
        return now_msc // DAY_MSC * DAY
    if type_time == mt5.ORDER_TIME_SPECIFIED:
        return expiration
    if type_time == mt5.ORDER_TIME_SPECIFIED_DAY:
        return expiration // DAY * DAY + DAY - 1
    return 0


def deadline_msc(order: Order) -> int:
    """The server millisecond at which an order expires."""
    if order.type_time == mt5.ORDER_TIME_DAY:
        return (order.time_expiration + DAY) * 1000
    if order.type_time == mt5.ORDER_TIME_SPECIFIED:
        return order.time_expiration * 1000
    if order.type_time == mt5.ORDER_TIME_SPECIFIED_DAY:
        return (order.time_expiration + 1) * 1000
    return NEVER
