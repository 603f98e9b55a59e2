"""The adapter translates exactly, reads windows in server time, refuses another account, and sends
once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import anyio
import msgspec
import pytest

from engine.broker.calls import InProcess
from engine.broker.gateway import CallFailed, Stamps, WrongAccount
from engine.broker.mt5 import MAX_CATCH_UP, Mt5Gateway
from engine.config import Account
from journal.errors import BrokerError
from journal.events import BrokerReplied, DealRecorded, OrderIntended, PositionSeen, PriceSeen
from tests.engine.broker.double import Module, rates, record
from tests.given import KEY, LOGIN, SERVER, SYMBOL, T0, a

ACCOUNT = Account(login=LOGIN, server=SERVER, trade_mode="demo")
R = TypeVar("R")


def ask(module: Module, question: Callable[[Mt5Gateway], Awaitable[R]]) -> R:
    """Let a fresh adapter over the module answer."""
    gateway = Mt5Gateway(InProcess(module), ACCOUNT)

    async def run() -> R:
        return await question(gateway)

    return anyio.run(run)


def specified() -> Any:
    return record(
        "SymbolInfo",
        name="EURUSD",
        point=0.00001,
        trade_tick_size=0.00001,
        volume_min=0.01,
        volume_max=50.0,
        volume_step=0.01,
        filling_mode=1,
        trade_exemode=2,
        bid=0.0,
    )


@pytest.fixture
def module() -> Module:
    double = Module()
    double.answers["symbol_info"] = specified()
    return double


# --- connecting


def test_connecting_initialises_checks_selects_and_tells_who_is_there(module: Module) -> None:
    connected = ask(module, lambda gateway: gateway.connect(["EURUSD", "GBPUSD"]))
    info = module.answers["account_info"]
    assert (connected.login, connected.server, connected.trade_mode) == (LOGIN, SERVER, 0)
    assert (connected.currency, connected.leverage) == ("USD", info.leverage)
    assert (connected.margin_mode, connected.company) == (info.margin_mode, info.company)
    assert (connected.terminal, connected.build) == ("Terminal", 4755)
    assert module.calls[0] == ("initialize",)
    assert module.called("symbol_select") == [("EURUSD", True), ("GBPUSD", True)]


@pytest.mark.parametrize(
    ("field", "found", "words"),
    [
        ("login", 777, ["login 777", str(LOGIN)]),
        ("server", "Other-Live", ["server Other-Live", SERVER]),
        ("trade_mode", 2, ["trade mode real", "demo"]),
        ("trade_mode", 1, ["trade mode contest", "demo"]),
    ],
)
def test_another_account_is_refused_before_any_symbol_is_touched(
    module: Module, field: str, found: Any, words: list[str]
) -> None:
    info = module.answers["account_info"]
    module.answers["account_info"] = info._replace(**{field: found})
    with pytest.raises(WrongAccount) as refused:
        ask(module, lambda gateway: gateway.connect(["EURUSD"]))
    for word in [*words, "configured account"]:
        assert word in str(refused.value)
    assert module.called("symbol_select") == []


@pytest.mark.parametrize(
    "function", ["initialize", "account_info", "symbol_select", "terminal_info"]
)
@pytest.mark.parametrize("nothing", [None, False])
def test_a_call_that_gives_nothing_bears_the_modules_last_error(
    module: Module, function: str, nothing: Any
) -> None:
    module.answers[function] = nothing
    module.error = (-10004, "No IPC connection")
    with pytest.raises(CallFailed, match=rf"{function}.*No IPC connection \(-10004\)") as failed:
        ask(module, lambda gateway: gateway.connect(["EURUSD"]))
    assert (failed.value.code, failed.value.text) == (-10004, "No IPC connection")


def test_closing_shuts_the_module_down_and_a_lost_one_needs_no_more(module: Module) -> None:
    ask(module, lambda gateway: gateway.close())
    assert module.calls == [("shutdown",)]
    module.answers["shutdown"] = None
    ask(module, lambda gateway: gateway.close())


# --- symbols and quotes


def test_a_symbols_constraints_are_the_brokers_own_numbers(module: Module) -> None:
    spec = ask(module, lambda gateway: gateway.specify("EURUSD"))
    info = module.answers["symbol_info"]
    renamed = {
        "tick_size": "trade_tick_size",
        "tick_value": "trade_tick_value",
        "contract_size": "trade_contract_size",
        "stops_level": "trade_stops_level",
        "freeze_level": "trade_freeze_level",
        "execution_mode": "trade_exemode",
        "symbol": "name",
    }
    for name, value in msgspec.structs.asdict(spec).items():
        assert value == getattr(info, renamed.get(name, name)), name
    assert spec.symbol == "EURUSD"


@pytest.mark.parametrize(
    "field", ["point", "trade_tick_size", "volume_min", "volume_max", "volume_step"]
)
def test_a_symbol_that_the_terminal_does_not_know_yet_is_refused(
    module: Module, field: str
) -> None:
    module.answers["symbol_info"] = specified()._replace(**{field: 0.0})
    with pytest.raises(BrokerError, match=rf"EURUSD has {field.removeprefix('trade_')} 0"):
        ask(module, lambda gateway: gateway.specify("EURUSD"))


@pytest.mark.parametrize(("side", "kind", "price"), [("buy", 0, 1.0501), ("sell", 1, 1.05)])
def test_a_quote_asks_the_broker_what_a_lot_on_that_side_binds(
    module: Module, side: str, kind: int, price: float
) -> None:
    quote = ask(module, lambda gateway: gateway.quote("EURUSD", side))
    assert module.called("order_calc_margin") == [(kind, "EURUSD", 1.0, price)]
    tick, info = module.answers["symbol_info_tick"], module.answers["symbol_info"]
    assert (quote.bid, quote.ask, quote.time_msc) == (tick.bid, tick.ask, tick.time_msc)
    assert quote.tick_value == info.trade_tick_value_loss
    assert quote.margin_per_lot == 1050.1
    assert quote.margin_free == module.answers["account_info"].margin_free


def test_a_tick_of_a_symbol_in_the_accounts_currency_is_worth_what_it_always_is(
    module: Module,
) -> None:
    info = specified()._replace(currency_profit="USD", trade_tick_value=1.0)
    module.answers["symbol_info"] = info
    assert ask(module, lambda gateway: gateway.quote("EURUSD", "buy")).tick_value == 1.0


@pytest.mark.parametrize(("bid", "ask_"), [(0.0, 0.0), (0.0, 1.05), (1.0502, 1.0501), (-1.0, 1.0)])
def test_a_market_without_two_sides_is_no_quote(module: Module, bid: float, ask_: float) -> None:
    module.answers["symbol_info_tick"] = record("Tick", bid=bid, ask=ask_)
    with pytest.raises(BrokerError, match="EURUSD has no usable quote"):
        ask(module, lambda gateway: gateway.quote("EURUSD", "buy"))
    assert ask(module, lambda gateway: gateway.price("EURUSD")) is None


def test_a_price_is_the_newest_tick_and_one_call(module: Module) -> None:
    tick = module.answers["symbol_info_tick"]
    price = ask(module, lambda gateway: gateway.price("EURUSD"))
    assert price == PriceSeen("EURUSD", tick.time_msc, tick.bid, tick.ask)
    assert [call[0] for call in module.calls].count("symbol_info_tick") == 1


# --- bars


def minutes(count: int) -> list[int]:
    return [T0 + 60 * n for n in range(count)]


def test_a_bar_is_the_modules_record_in_plain_python(module: Module) -> None:
    module.bars = rates([T0, T0 + 60])
    [bar] = ask(module, lambda gateway: gateway.bars(SYMBOL, "M1", 0))
    row = module.bars[0]
    for name in row.dtype.names:
        assert getattr(bar, name) == row[name]
        assert type(getattr(bar, name)) in (int, float)
    assert (bar.symbol, bar.timeframe) == (SYMBOL, "M1")


@pytest.mark.parametrize("there", [0, 1, 2, 3, 10, 200])
@pytest.mark.parametrize("known", [0, 1, 2, 9, 150])
def test_every_complete_bar_after_the_known_one_is_read_and_the_unfinished_never(
    module: Module, there: int, known: int
) -> None:
    times = minutes(there)
    module.bars = rates(times)
    after = T0 + 60 * (known - 1) if known else 0
    found = ask(module, lambda gateway: gateway.bars(SYMBOL, "M1", after))
    assert [bar.time for bar in found] == [t for t in times[:-1] if t > after]


def test_one_new_bar_costs_one_call(module: Module) -> None:
    module.bars = rates(minutes(50))
    ask(module, lambda gateway: gateway.bars(SYMBOL, "M1", T0 + 60 * 47))
    assert module.called("copy_rates_from_pos") == [(SYMBOL, 1, 1, 1)]


def test_a_gap_of_the_market_costs_one_call_more(module: Module) -> None:
    friday, monday = T0, T0 + 3 * 86_400
    module.bars = rates([friday, monday, monday + 60])
    [bar] = ask(module, lambda gateway: gateway.bars(SYMBOL, "M1", friday))
    assert bar.time == monday
    assert len(module.called("copy_rates_from_pos")) == 2


def test_what_was_missed_is_caught_up_to_a_limit(module: Module) -> None:
    times = minutes(MAX_CATCH_UP + 500)
    module.bars = rates(times)
    found = ask(module, lambda gateway: gateway.bars(SYMBOL, "M1", T0))
    assert len(found) == MAX_CATCH_UP
    assert found[-1].time == times[-2]
    assert len(module.called("copy_rates_from_pos")) < 10


def test_the_latest_bars_are_complete_and_oldest_first(module: Module) -> None:
    module.bars = rates(minutes(10))
    found = ask(module, lambda gateway: gateway.latest_bars(SYMBOL, "H4", 3))
    assert [bar.time for bar in found] == minutes(10)[6:9]
    assert {bar.timeframe for bar in found} == {"H4"}
    assert module.called("copy_rates_from_pos") == [(SYMBOL, 16388, 1, 3)]


# --- account and history


DEAL = record("TradeDeal", ticket=5, time_msc=T0 * 1000, symbol="EURUSD", comment=KEY)


def test_a_deal_is_taken_over_field_by_field(module: Module) -> None:
    module.answers["history_deals_get"] = (DEAL,)
    [deal] = ask(module, lambda gateway: gateway.deals(0))
    assert msgspec.structs.asdict(deal) == DEAL._asdict()
    assert len({repr(v) for v in DEAL}) == len(DEAL)  # no two fields could be exchanged unseen


def test_deals_come_by_ticket_as_server_time_may_run_backwards(module: Module) -> None:
    late, early = DEAL._replace(ticket=9, time_msc=1), DEAL._replace(ticket=3, time_msc=2)
    module.answers["history_deals_get"] = (late, early)
    assert [d.ticket for d in ask(module, lambda gateway: gateway.deals(0))] == [3, 9]


def test_a_deal_that_is_read_again_is_the_brokers_newest_word_of_it(module: Module) -> None:
    async def twice(gateway: Mt5Gateway) -> list[DealRecorded]:
        seen = []
        for comment in (KEY, "rewritten"):
            module.answers["history_deals_get"] = (DEAL._replace(comment=comment),)
            seen += await gateway.deals(0)
        return seen

    first, changed = ask(module, twice)
    assert changed == msgspec.structs.replace(first, comment="rewritten")


def test_known_deals_are_not_told_again_but_one_under_a_known_ones_ticket_is(
    module: Module,
) -> None:
    other, stamp = DEAL._replace(ticket=6), DEAL.time_msc
    reused = DEAL._replace(time_msc=stamp + 1)
    module.answers["history_deals_get"] = (DEAL, other, reused)
    told = ask(module, lambda gateway: gateway.deals(0, {5: stamp}))
    assert [(deal.ticket, deal.time_msc) for deal in told] == [(5, stamp + 1), (6, stamp)]


@pytest.mark.parametrize("known", [{}, {5: DEAL.time_msc}], ids=["none known", "known"])
@pytest.mark.parametrize("broken", [{"ticket": []}, {"time_msc": "soon"}, {"time_msc": None}])
def test_no_deal_is_known_by_what_is_neither_ticket_nor_stamp(
    module: Module, broken: dict[str, Any], known: Stamps
) -> None:
    module.answers["history_deals_get"] = (DEAL, DEAL._replace(**broken))
    with pytest.raises(BrokerError, match=f"deal .*'{next(iter(broken))}' is .*, expected int"):
        ask(module, lambda gateway: gateway.deals(0, known))


def test_a_deal_without_a_stamp_is_refused_however_much_is_known(module: Module) -> None:
    module.answers["history_deals_get"] = (SimpleNamespace(ticket=5),)
    with pytest.raises(BrokerError, match="deal 5 has no field"):
        ask(module, lambda gateway: gateway.deals(0, {5: DEAL.time_msc}))


@pytest.mark.parametrize(
    ("since_msc", "begin"),
    [(T0 * 1000 + 999, T0), (0, 1), (-5_000, 1)],
    ids=["now", "zero", "below"],
)
def test_a_history_window_is_in_server_seconds_begins_never_at_zero_and_ends_days_ahead(
    module: Module, since_msc: int, begin: int
) -> None:
    async def both(gateway: Mt5Gateway) -> None:
        await gateway.deals(since_msc)
        await gateway.orders(since_msc)

    ask(module, both)
    for function in ("history_deals_get", "history_orders_get"):
        [(start, end)] = module.called(function)
        assert start == begin
        assert type(start) is type(end) is int
        newest_s = module.answers["symbol_info_tick"].time_msc // 1000
        assert newest_s + 86_400 <= end < 2**31  # the module refuses anything later


ORDER = record("TradeOrder", ticket=5, symbol="EURUSD", comment=KEY)


def test_an_order_is_what_was_asked_for_and_when(module: Module) -> None:
    module.answers["orders_get"] = (ORDER,)
    [order] = ask(module, lambda gateway: gateway.orders(0))
    assert (order.volume, order.time_msc) == (ORDER.volume_initial, ORDER.time_setup_msc)
    for name in ("ticket", "symbol", "type", "magic", "comment"):
        assert getattr(order, name) == getattr(ORDER, name)


def test_an_order_that_is_live_and_in_history_at_once_is_one_order(module: Module) -> None:
    module.answers["orders_get"] = (ORDER, ORDER._replace(ticket=2))
    module.answers["history_orders_get"] = (ORDER, ORDER._replace(ticket=4))
    assert [o.ticket for o in ask(module, lambda gateway: gateway.orders(0))] == [2, 4, 5]


def test_a_snapshot_has_the_accounts_money_and_its_positions(module: Module) -> None:
    held = record("TradePosition", symbol="EURUSD", comment=KEY)
    module.answers["positions_get"] = (held,)
    snapshot = ask(module, lambda gateway: gateway.snapshot())
    info = module.answers["account_info"]
    for name in ("balance", "credit", "equity", "margin", "margin_free"):
        assert getattr(snapshot, name) == getattr(info, name)
    assert snapshot.positions == [
        PositionSeen(**{name: getattr(held, name) for name in PositionSeen.__struct_fields__})
    ]


@pytest.mark.parametrize("read", ["quote", "snapshot"])
def test_a_terminal_that_was_logged_in_elsewhere_meanwhile_is_noticed(
    module: Module, read: str
) -> None:
    module.answers["account_info"] = module.answers["account_info"]._replace(login=777)
    with pytest.raises(WrongAccount, match="login 777"):
        ask(module, lambda g: g.snapshot() if read == "snapshot" else g.quote("EURUSD", "buy"))


@pytest.mark.parametrize("read", ["deals", "orders", "snapshot"])
def test_a_list_that_fails_is_an_error_and_never_an_empty_list(module: Module, read: str) -> None:
    for function in ("history_deals_get", "history_orders_get", "positions_get"):
        module.answers[function] = None
    module.error = (-10002, "IPC recv failed")
    with pytest.raises(CallFailed, match="IPC recv failed"):
        ask(module, lambda g: g.snapshot() if read == "snapshot" else getattr(g, read)(0))


def test_the_brokers_clock_is_the_newest_tick_of_the_known_symbols(module: Module) -> None:
    async def clock(gateway: Mt5Gateway) -> int:
        assert await gateway.server_msc() == 0
        await gateway.specify("EURUSD")
        await gateway.specify("GBPUSD")
        return await gateway.server_msc()

    module.answers["symbol_info_tick"] = [record("Tick", time_msc=7), record("Tick", time_msc=5)]
    assert ask(module, clock) == 7


# --- sending


def send(module: Module, **changes: Any) -> BrokerReplied:
    return ask(module, lambda gateway: gateway.submit(a(OrderIntended, **changes)))


def test_a_reply_is_taken_over_field_by_field(module: Module) -> None:
    reply = send(module)
    result = module.answers["order_send"]._asdict()
    del result["request"]
    assert msgspec.structs.asdict(reply) == {"key": KEY, "error": 1, "error_text": "", **result}


def test_an_intent_is_sent_once_with_its_key_and_the_price_of_now(module: Module) -> None:
    send(module)
    [(request,)] = module.called("order_send")
    assert (request["comment"], request["price"], request["volume"]) == (KEY, 1.0501, 1.0)


@pytest.mark.parametrize(
    "error", [(-10002, "IPC recv failed"), (-1, "Terminal: Call failed"), (-2, 'Invalid "sl"')]
)
def test_a_lost_reply_is_not_sent_again(module: Module, error: tuple[int, str]) -> None:
    module.answers["order_send"] = None
    module.error = error
    reply = send(module)
    assert len(module.called("order_send")) == 1
    assert (reply.retcode, reply.error, reply.error_text) == (0, *error)
    assert (reply.order, reply.deal) == (0, 0)


@pytest.mark.parametrize("retcode", [10004, 10012, 10018, 10020, 10021, 10024, 10031])
def test_no_return_code_is_answered_by_sending_again(module: Module, retcode: int) -> None:
    module.answers["order_send"] = record("OrderSendResult", retcode=retcode)
    assert send(module).retcode == retcode
    assert len(module.called("order_send")) == 1


@pytest.mark.parametrize("function", ["symbol_info_tick", "symbol_info"])
def test_a_failure_before_the_sending_call_is_proof_that_nothing_was_sent(
    module: Module, function: str
) -> None:
    module.answers[function] = None
    module.error = (-10002, "IPC recv failed")
    reply = send(module)
    assert module.called("order_send") == []
    assert (reply.retcode, reply.error) == (0, -10004)
    assert "nothing was sent" in reply.error_text
    assert "IPC recv failed" in reply.error_text


@pytest.mark.parametrize("changes", [{"volume": float("nan")}, {"sl": float("inf")}])
def test_what_may_not_be_sent_is_refused_as_the_module_itself_would(
    module: Module, changes: dict[str, float]
) -> None:
    reply = send(module, **changes)
    assert module.called("order_send") == []
    assert reply.error == -2
    assert KEY in reply.error_text


def test_a_symbol_without_a_filling_mode_is_not_traded(module: Module) -> None:
    module.answers["symbol_info"] = specified()._replace(filling_mode=0)
    reply = send(module)
    assert module.called("order_send") == []
    assert (reply.error, "no filling mode" in reply.error_text) == (-2, True)
