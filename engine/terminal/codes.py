"""The module's numbers for the names that profiles use."""

from __future__ import annotations

from engine.terminal import constants as mt5

CALC_MODES: dict[str, int] = {
    "forex": mt5.SYMBOL_CALC_MODE_FOREX,
    "forex_no_leverage": mt5.SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE,
    "cfd": mt5.SYMBOL_CALC_MODE_CFD,
    "cfd_leverage": mt5.SYMBOL_CALC_MODE_CFDLEVERAGE,
    "cfd_index": mt5.SYMBOL_CALC_MODE_CFDINDEX,
    "futures": mt5.SYMBOL_CALC_MODE_FUTURES,
    "exchange_stocks": mt5.SYMBOL_CALC_MODE_EXCH_STOCKS,
    "exchange_futures": mt5.SYMBOL_CALC_MODE_EXCH_FUTURES,
}
EXECUTIONS: dict[str, int] = {
    "request": mt5.SYMBOL_TRADE_EXECUTION_REQUEST,
    "instant": mt5.SYMBOL_TRADE_EXECUTION_INSTANT,
    "market": mt5.SYMBOL_TRADE_EXECUTION_MARKET,
    "exchange": mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE,
}
TRADE_MODES: dict[str, int] = {
    "disabled": mt5.SYMBOL_TRADE_MODE_DISABLED,
    "long_only": mt5.SYMBOL_TRADE_MODE_LONGONLY,
    "short_only": mt5.SYMBOL_TRADE_MODE_SHORTONLY,
    "close_only": mt5.SYMBOL_TRADE_MODE_CLOSEONLY,
    "full": mt5.SYMBOL_TRADE_MODE_FULL,
}
SWAP_MODES: dict[str, int] = {
    "disabled": mt5.SYMBOL_SWAP_MODE_DISABLED,
    "points": mt5.SYMBOL_SWAP_MODE_POINTS,
    "currency_symbol": mt5.SYMBOL_SWAP_MODE_CURRENCY_SYMBOL,
    "currency_margin": mt5.SYMBOL_SWAP_MODE_CURRENCY_MARGIN,
    "currency_deposit": mt5.SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT,
    "interest_current": mt5.SYMBOL_SWAP_MODE_INTEREST_CURRENT,
    "interest_open": mt5.SYMBOL_SWAP_MODE_INTEREST_OPEN,
    "reopen_current": mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT,
    "reopen_bid": mt5.SYMBOL_SWAP_MODE_REOPEN_BID,
}
MARGIN_MODES: dict[str, int] = {
    "netting": mt5.ACCOUNT_MARGIN_MODE_RETAIL_NETTING,
    "exchange": mt5.ACCOUNT_MARGIN_MODE_EXCHANGE,
    "hedging": mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING,
}
STOP_OUT_MODES: dict[str, int] = {
    "percent": mt5.ACCOUNT_STOPOUT_MODE_PERCENT,
    "money": mt5.ACCOUNT_STOPOUT_MODE_MONEY,
}
ACCOUNT_MODES: dict[str, int] = {
    "demo": mt5.ACCOUNT_TRADE_MODE_DEMO,
    "contest": mt5.ACCOUNT_TRADE_MODE_CONTEST,
    "real": mt5.ACCOUNT_TRADE_MODE_REAL,
}
GTC_MODES: dict[str, int] = {
    "gtc": mt5.SYMBOL_ORDERS_GTC,
    "daily": mt5.SYMBOL_ORDERS_DAILY,
    "daily_no_stops": mt5.SYMBOL_ORDERS_DAILY_NO_STOPS,
}
#: Bits of `filling_mode`, `expiration_mode` and `order_mode`; the module exports no names for them.
FILLING_BITS: dict[str, int] = {"fok": 1, "ioc": 2, "boc": 4}
EXPIRATION_BITS: dict[str, int] = {"gtc": 1, "day": 2, "specified": 4, "specified_day": 8}
ORDER_BITS: dict[str, int] = {
    "market": 1,
    "limit": 2,
    "stop": 4,
    "stop_limit": 8,
    "sl": 16,
    "tp": 32,
    "close_by": 64,
}


def mask(names: tuple[str, ...], bits: dict[str, int]) -> int:
    """The bit mask of some names."""
    return sum(bits[name] for name in set(names))
