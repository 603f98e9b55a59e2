"""Builds the module's records from the server's state; nothing here decides anything."""

from __future__ import annotations

from collections.abc import Callable

from engine.terminal import money
from engine.terminal.account import Account
from engine.terminal.book import Deal, Order, Position
from engine.terminal.codes import (
    ACCOUNT_MODES,
    CALC_MODES,
    EXECUTIONS,
    EXPIRATION_BITS,
    FILLING_BITS,
    GTC_MODES,
    MARGIN_MODES,
    ORDER_BITS,
    STOP_OUT_MODES,
    SWAP_MODES,
    TRADE_MODES,
    mask,
)
from engine.terminal.conditions import Conditions
from engine.terminal.market.base import Quote
from engine.terminal.profile import WEEKDAYS, Symbol
from engine.terminal.records import (
    FIELDS,
    AccountInfo,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

Record = tuple[object, ...]


def tick(quote: Quote) -> Record:
    """`symbol_info_tick`."""
    record: Record = Tick(
        (
            quote.time_msc // 1000,
            quote.bid,
            quote.ask,
            quote.last,
            int(quote.volume),
            quote.time_msc,
            quote.flags,
            quote.volume,
        )
    )
    return record


def position(held: Position, account: Account) -> Record:
    """A row of `positions_get`."""
    record: Record = TradePosition(
        (
            held.ticket,
            held.time_msc // 1000,
            held.time_msc,
            held.time_update_msc // 1000,
            held.time_update_msc,
            held.type,
            held.magic,
            held.identifier,
            held.reason,
            held.volume,
            held.price_open,
            held.sl,
            held.tp,
            account.closing_price(held),
            held.swap,
            account.floating(held),
            held.symbol,
            held.comment,
            held.external_id,
        )
    )
    return record


def order(entry: Order, price_current: float) -> Record:
    """A row of `orders_get` or `history_orders_get`."""
    record: Record = TradeOrder(
        (
            entry.ticket,
            entry.time_setup_msc // 1000,
            entry.time_setup_msc,
            entry.time_done_msc // 1000,
            entry.time_done_msc,
            entry.time_expiration,
            entry.type,
            entry.type_time,
            entry.type_filling,
            entry.state,
            entry.magic,
            entry.position_id,
            entry.position_by_id,
            entry.reason,
            entry.volume_initial,
            entry.volume_current,
            entry.price_open,
            entry.sl,
            entry.tp,
            price_current,
            entry.price_stoplimit,
            entry.symbol,
            entry.comment,
            entry.external_id,
        )
    )
    return record


def deal(entry: Deal) -> Record:
    """A row of `history_deals_get`."""
    record: Record = TradeDeal(
        (
            entry.ticket,
            entry.order,
            entry.time_msc // 1000,
            entry.time_msc,
            entry.type,
            entry.entry,
            entry.magic,
            entry.position_id,
            entry.reason,
            entry.volume,
            entry.price,
            entry.commission,
            entry.swap,
            entry.profit,
            entry.fee,
            entry.symbol,
            entry.comment,
            entry.external_id,
        )
    )
    return record


class TerminalSnapshots:
    """`account_info` and `terminal_info`: what never changes is laid out once."""

    def __init__(self, account: Account, conditions: Conditions) -> None:
        self._account = account
        self._conditions = conditions
        facts, stop_out = account.profile.account, account.profile.account.stop_out
        self._owner = (
            facts.login,
            ACCOUNT_MODES[facts.trade_mode],
            facts.leverage,
            facts.limit_orders,
            STOP_OUT_MODES[stop_out.mode],
        )
        self._rules = MARGIN_MODES[facts.margin_mode], facts.currency_digits, facts.fifo_close
        self._limits = stop_out.call, stop_out.level
        self._names = facts.name, facts.server, facts.currency, facts.company
        machine = account.profile.machine
        folder = machine.path.rpartition("\\")[0]
        self._program = (
            False,
            False,
            False,
            False,
            machine.build,
            machine.max_bars,
            1252,
            int(machine.ping_ms * 1000),  # microseconds
            0.0,
            machine.retransmission,
            facts.company,
            "MetaTrader 5",
            "English",
            folder,
            folder,
            folder,
        )

    def account_info(self) -> Record:
        """`account_info`."""
        switches, standing = self._conditions, self._account.standing()
        record: Record = AccountInfo(
            (
                *self._owner,
                switches.account_trade_allowed,
                switches.trade_expert,
                *self._rules,
                standing.balance,
                standing.credit,
                self._account.shown_profit(standing.profit),
                standing.equity,
                standing.margin,
                standing.free,
                standing.level,
                *self._limits,
                0.0,
                0.0,
                0.0,
                0.0,
                0.0,
                *self._names,
            )
        )
        return record

    def terminal_info(self) -> Record:
        """`terminal_info`."""
        switches = self._conditions
        record: Record = TerminalInfo(
            (
                False,
                False,
                switches.connected,
                False,
                switches.trade_allowed,
                switches.tradeapi_disabled,
                *self._program,
            )
        )
        return record


_FLAGS = frozenset({"custom", "select", "visible", "spread_float", "margin_hedged_use_leg"})


def _blank_symbol() -> dict[str, object]:
    """`SymbolInfo` with nothing in it: integers and flags first, then floats, then texts."""
    fields = FIELDS["SymbolInfo"].split()
    floats, texts = fields.index("bid"), fields.index("basis")
    blank: dict[str, object] = dict.fromkeys(fields[:floats], 0)
    blank |= dict.fromkeys(fields[floats:texts], 0.0)
    blank |= dict.fromkeys(fields[texts:], "")
    return blank | dict.fromkeys(_FLAGS, False)


class SymbolSnapshots:
    """`symbol_info` of one symbol: what never changes is laid out once."""

    def __init__(
        self,
        name: str,
        symbol: Symbol,
        account: Account,
        day: Callable[[], dict[str, float]],
    ) -> None:
        self._symbol = symbol
        self._account = account
        self._day = day
        self._name = name
        self._base = _blank_symbol() | self._facts()

    def _facts(self) -> dict[str, object]:
        symbol = self._symbol
        return {
            "digits": symbol.digits,
            "spread_float": symbol.spread.model != "fixed",
            "ticks_bookdepth": symbol.book_depth,
            "trade_calc_mode": CALC_MODES[symbol.calc_mode],
            "trade_mode": TRADE_MODES[symbol.trade_mode],
            "trade_stops_level": symbol.stops_level,
            "trade_freeze_level": symbol.freeze_level,
            "trade_exemode": EXECUTIONS[symbol.execution],
            "swap_mode": SWAP_MODES[symbol.swap.mode],
            "swap_rollover3days": WEEKDAYS.index(symbol.swap.triple),
            "margin_hedged_use_leg": symbol.margin.hedged_use_leg,
            "expiration_mode": mask(symbol.expiration, EXPIRATION_BITS),
            "filling_mode": mask(symbol.filling, FILLING_BITS),
            "order_mode": mask(symbol.orders, ORDER_BITS),
            "order_gtc_mode": GTC_MODES[symbol.gtc_mode],
            "point": symbol.point,
            "trade_tick_size": symbol.tick,
            "trade_contract_size": symbol.contract_size,
            "volume_min": symbol.volume_min,
            "volume_max": symbol.volume_max,
            "volume_step": symbol.volume_step,
            "volume_limit": symbol.volume_limit,
            "swap_long": symbol.swap.long,
            "swap_short": symbol.swap.short,
            "margin_initial": symbol.margin.initial,
            "margin_maintenance": symbol.margin.maintenance,
            "margin_hedged": symbol.margin.hedged,
            "currency_base": symbol.currency_base,
            "currency_profit": symbol.currency_profit,
            "currency_margin": symbol.margin_currency,
            "description": symbol.description,
            "name": self._name,
            "path": symbol.path or self._name,
        }

    def record(self, *, selected: bool, visible: bool) -> Record:
        """The whole record, now."""
        now: dict[str, object] = {"select": selected, "visible": visible}
        quote = self._account.quotes.get(self._name)
        if quote is not None and quote.bid:
            now |= self._prices(quote)
        record: Record = SymbolInfo((self._base | now).values())
        return record

    def _prices(self, quote: Quote) -> dict[str, object]:
        symbol, day = self._symbol, self._day()
        worth = money.value_of_price(symbol) * symbol.tick
        converter = self._account.converter
        gain = worth * converter.rate(symbol.currency_profit)
        loss = worth * converter.rate(symbol.currency_profit, buying=True)
        return {
            "time": quote.time_msc // 1000,
            "spread": round((quote.ask - quote.bid) / symbol.point),
            "bid": quote.bid,
            "ask": quote.ask,
            "last": quote.last,
            "volume": int(quote.volume),
            "volume_real": quote.volume,
            "trade_tick_value": gain,
            "trade_tick_value_profit": gain,
            "trade_tick_value_loss": loss,
            **day,
        }
