"""Names for the integers that MetaTrader 5 puts into its records. Values as observed on the module
itself."""

from __future__ import annotations

from enum import IntEnum


class DealType(IntEnum):
    """`DEAL_TYPE_*`."""

    BUY = 0
    SELL = 1
    BALANCE = 2
    CREDIT = 3
    CHARGE = 4
    CORRECTION = 5
    BONUS = 6
    COMMISSION = 7
    COMMISSION_DAILY = 8
    COMMISSION_MONTHLY = 9
    COMMISSION_AGENT_DAILY = 10
    COMMISSION_AGENT_MONTHLY = 11
    INTEREST = 12
    BUY_CANCELED = 13
    SELL_CANCELED = 14
    DIVIDEND = 15
    DIVIDEND_FRANKED = 16
    TAX = 17


class DealEntry(IntEnum):
    """`DEAL_ENTRY_*`."""

    IN = 0
    OUT = 1
    INOUT = 2
    OUT_BY = 3


class DealReason(IntEnum):
    """`DEAL_REASON_*`."""

    CLIENT = 0
    MOBILE = 1
    WEB = 2
    EXPERT = 3
    SL = 4
    TP = 5
    SO = 6
    ROLLOVER = 7
    VMARGIN = 8
    SPLIT = 9


SERVER_MADE = frozenset(
    {
        DealReason.SL,
        DealReason.TP,
        DealReason.SO,
        DealReason.ROLLOVER,
        DealReason.VMARGIN,
        DealReason.SPLIT,
    }
)
"""Reasons of orders that the server places by itself; orders and deals share the numbers."""


class OrderState(IntEnum):
    """`ORDER_STATE_*`."""

    STARTED = 0
    PLACED = 1
    CANCELED = 2
    PARTIAL = 3
    FILLED = 4
    REJECTED = 5
    EXPIRED = 6
    REQUEST_ADD = 7
    REQUEST_MODIFY = 8
    REQUEST_CANCEL = 9


class TradeMode(IntEnum):
    """`ACCOUNT_TRADE_MODE_*`."""

    DEMO = 0
    CONTEST = 1
    REAL = 2


class MarginMode(IntEnum):
    """`ACCOUNT_MARGIN_MODE_*`."""

    RETAIL_NETTING = 0
    EXCHANGE = 1
    RETAIL_HEDGING = 2
