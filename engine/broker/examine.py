"""Looks at a terminal as a doctor does: everything that keeps an engine from trading, in the order
in which it would, each with how to mend it. It reads, and puts symbols into Market Watch as a run
would; it never sends an order.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec

from engine.broker.calls import RawCalls
from engine.broker.fault import Fault
from engine.broker.gateway import CallFailed, WrongAccount
from engine.broker.identity import check_identity
from engine.broker.mt5 import Mt5Gateway
from engine.broker.requests import filling_for_market_order
from engine.broker.server_time import AUTO, ServerTime
from engine.broker.server_watch import measure_offset, read_weeks
from engine.broker.zones import HOUR_S, Measured, Weeks, detect, hold, require_agreement
from engine.clock import Clock
from engine.config import Config
from engine.kernel import warmup_of
from journal.errors import BrokerError
from journal.events import SymbolSpecified
from journal.events.mt5 import MarginMode, TradeMode

Level = Literal["ok", "warning", "problem"]

_OPEN_SYMBOL = "open the symbol's chart in the terminal until it shows prices"
_FULL_TRADING = 4
_SYMBOL_MODES = {
    0: "trading is disabled",
    1: "only buying is allowed",
    2: "only selling is allowed",
    3: "only closing is allowed",
}
"""`SYMBOL_TRADE_MODE_*` other than full."""

_CONNECT_ADVICE = {
    -6: "log the terminal in by hand, and let it save the password",
    -10003: "install MetaTrader 5 where the worker runs, or name its terminal64.exe in "
    "broker.worker.terminal",
    -10005: "start the terminal by hand, log it in, close its dialogs, then try again",
    Fault.NOT_RUNNING: "broker.worker.python must name a Python with MetaTrader5 and msgspec, or "
    "broker.worker.wine a prefix made by `python -m tools.wine prepare`",
    Fault.STUCK: "start the terminal by hand, close its dialogs, then try again",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    level  `problem`: the engine cannot trade; `warning`: it can, and a person should know
    mend   what to do about it; empty when there is nothing to do
    """

    subject: str
    level: Level
    found: str
    mend: str = ""


async def examine(
    calls: RawCalls, config: Config, clock: Clock, initialize: dict[str, Any]
) -> AsyncIterator[Finding]:
    """Yield what is found, as it is found.

    calls       to a module that is not yet connected, without a pinned account
    initialize  what `initialize` is told
    """
    try:
        await calls.call("initialize", **initialize)
    except CallFailed as error:
        advice = _CONNECT_ADVICE.get(error.code, "restart the terminal, then try again")
        yield Finding("terminal", "problem", f"not reached: {error.text} ({error.code})", advice)
        return
    for look in (_terminal, _account, _permissions):
        yield await _guarded(look.__name__.strip("_"), look(calls, config))
    gateway = Mt5Gateway(calls, config.broker.account)
    for symbol in sorted({strategy.symbol for strategy in config.strategies}):
        yield await _guarded(symbol, _symbol(calls, gateway, symbol))
    for symbol, timeframe in sorted({(s.symbol, s.timeframe) for s in config.strategies}):
        wanted = warmup_of(config)
        yield await _guarded(f"{symbol} {timeframe}", _history(gateway, symbol, timeframe, wanted))
    yield await _guarded("clock", _clock(gateway, config, clock))


async def _guarded(subject: str, look: Any) -> Finding:
    """Await one look; a call that fails in it is what it found."""
    try:
        finding: Finding = await look
    except CallFailed as error:
        return Finding(
            subject,
            "problem",
            f"{error.function}: {error.text} ({error.code})",
            "mend what stands above first; then restart the terminal, and try again",
        )
    return finding


async def _terminal(calls: RawCalls, config: Config) -> Finding:
    del config
    info = await calls.call("terminal_info")
    named = f"{info.name}, build {info.build}, {info.path}"
    if not info.connected:
        mend = "check the internet connection and the log-in in the terminal's lower right corner"
        return Finding("terminal", "problem", f"{named}; not connected to the broker", mend)
    return Finding("terminal", "ok", f"{named}; connected, {info.ping_last / 1000:.0f} ms away")


async def _account(calls: RawCalls, config: Config) -> Finding:
    info = await calls.call("account_info")
    try:
        check_identity(info, config.broker.account)
    except WrongAccount as error:
        found, _, mend = str(error).partition("; ")
        return Finding("account", "problem", found, mend)
    mode = TradeMode(info.trade_mode).name.lower()
    margin = MarginMode(info.margin_mode).name.lower().removeprefix("retail_")
    found = f"{info.login} on {info.server}, {mode}, {margin}, {info.currency} 1:{info.leverage}"
    return Finding("account", "ok", found)


async def _permissions(calls: RawCalls, config: Config) -> Finding:
    del config
    terminal = await calls.call("terminal_info")
    account = await calls.call("account_info")
    for allowed, what, mend in (
        (
            terminal.trade_allowed,
            "the terminal does not allow algorithmic trading",
            "press the button Algo Trading in the terminal's toolbar",
        ),
        (
            not terminal.tradeapi_disabled,
            "the terminal does not allow trading through the Python module",
            "Tools, Options, Expert Advisors: clear 'Disable algorithmic trading via external "
            "Python API'",
        ),
        (
            account.trade_allowed,
            "the account may not trade",
            "log in with the master password, not the investor's; else ask the broker",
        ),
        (
            account.trade_expert,
            "the broker does not allow algorithmic trading on this account",
            "ask the broker to allow expert advisors",
        ),
    ):
        if not allowed:
            return Finding("permissions", "problem", what, mend)
    return Finding("permissions", "ok", "algorithmic trading is allowed by terminal and account")


async def _symbol(calls: RawCalls, gateway: Mt5Gateway, symbol: str) -> Finding:
    info = (await calls.ask("symbol_info", symbol)).value
    if info is None:
        names = [one.name for one in (await calls.ask("symbols_get")).value or ()]
        near = difflib.get_close_matches(symbol, names, n=3, cutoff=0.5)
        mend = f"this broker has {', '.join(near)}" if near else "see Market Watch for its names"
        return Finding(symbol, "problem", "the broker has no such symbol", mend)
    if not info.select:
        await calls.call("symbol_select", symbol, True)
    try:
        spec = await gateway.specify(symbol)
        filling = filling_for_market_order(spec).name
    except CallFailed:
        raise
    except BrokerError as error:
        return Finding(symbol, "problem", str(error), _OPEN_SYMBOL)
    if spec.trade_mode != _FULL_TRADING:
        mode = _SYMBOL_MODES.get(spec.trade_mode, f"its trade mode is {spec.trade_mode}")
        return Finding(symbol, "problem", mode, "ask the broker, or trade another symbol")
    tick = (await calls.ask("symbol_info_tick", symbol)).value
    if tick is None or not tick.bid > 0.0 or not tick.ask >= tick.bid:
        return Finding(symbol, "problem", "it has no prices", _OPEN_SYMBOL)
    return Finding(symbol, "ok", _describe(spec, filling))


def _describe(spec: SymbolSpecified, filling: str) -> str:
    levels = f"stops level {spec.stops_level}, freeze level {spec.freeze_level} points"
    volumes = f"{spec.volume_min:g} to {spec.volume_max:g} lots by {spec.volume_step:g}"
    return f"filled {filling}, {levels}, {volumes}"


async def _history(gateway: Mt5Gateway, symbol: str, timeframe: str, wanted: int) -> Finding:
    subject = f"{symbol} {timeframe}"
    bars = await gateway.latest_bars(symbol, timeframe, wanted)
    found = f"{len(bars)} complete bars of the {wanted} that the strategies need"
    if len(bars) < wanted:
        mend = "scroll the symbol's chart back in the terminal, and raise 'Max bars in chart'"
        return Finding(subject, "problem", found, mend)
    return Finding(subject, "ok", found)


async def _clock(gateway: Mt5Gateway, config: Config, clock: Clock) -> Finding:
    """Measure the server's clock, and hold measured and configured rule against each other."""
    if config.broker.kind == "simulated":
        return Finding("clock", "ok", f"simulated: by the rule {config.broker.zone}")
    symbol = min(strategy.symbol for strategy in config.strategies)
    measured = await measure_offset(gateway, clock)
    closes = await read_weeks(gateway, symbol)
    rule = config.broker.zone
    try:
        if rule == AUTO:
            rule = detect(closes, measured).rule
        elif measured is not None:
            require_agreement(rule, measured)
    except BrokerError as error:
        found, _, mend = str(error).rpartition("; ")
        return Finding("clock", "problem", found, mend)
    weeks = hold(rule, closes)
    found = f"{_offset(rule, measured, await gateway.server_msc())}; {_weeks(weeks)}"
    if measured is None:
        mend = "look again while the market is open"
        return Finding("clock", "warning", f"no fresh tick to measure it by; {found}", mend)
    if weeks.seen and not weeks.confirmed:
        mend = f"is broker.zone {rule!r} right? `auto` finds the rule, or says why it cannot"
        return Finding("clock", "warning", found, mend)
    return Finding("clock", "ok", found)


def _offset(rule: str, measured: Measured | None, server_msc: int) -> str:
    offset = ServerTime(rule).offset(server_msc // 1000) if measured is None else measured.offset_s
    by = "by the rule" if measured is None else f"by fresh ticks of {measured.symbols}"
    return f"server time is UTC{offset / HOUR_S:+g} h {by}, rule {rule}"


def _weeks(weeks: Weeks) -> str:
    return f"{weeks.agreeing} of {weeks.seen} weeks ended at 17:00 in New York by it"
