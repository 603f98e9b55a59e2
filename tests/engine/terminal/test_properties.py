"""Properties that hold whatever a program does: the money adds up, and only the module's errors
occur."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket, Market, RandomMarket, TickMarket, Walk
from engine.terminal.market.paths import corners
from engine.terminal.profile import Commission, Profile, Spread
from engine.terminal.request import Request
from tests.engine.terminal.worlds import (
    bars,
    connected,
    deals,
    market_order,
    sent,
    ticks,
    with_account,
    with_symbol,
)

BUY, SELL = 0, 1
CENT = 0.005
seeded = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

WALKS = {
    "EURUSD": Walk(price=1.1, digits=5, spread=0.0001, volatility=4e-4),
    "USDJPY": Walk(price=145.0, digits=3, spread=0.01, volatility=4e-4),
}


def world(seed: int, margin_mode: str, book: Path | None = None) -> tuple[Terminal, ModuleType]:
    profile = with_account(load_profile("ecn-hedging"), margin_mode=margin_mode)
    market = RandomMarket(WALKS, ticks=120, seed=seed, interval_msc=1_500_000)
    terminal = Terminal(profile, market, book=book)
    return terminal, connected(terminal)


DOINGS = ("deal", "deal", "deal", "pending", "wait", "wait", "close", "levels", "by", "remove")


@st.composite
def actions(draw: st.DrawFn) -> dict[str, Any]:
    """Something a robot may do; `pick` chooses among the positions or orders there are."""
    return {
        "do": draw(st.sampled_from(DOINGS)),
        "symbol": draw(st.sampled_from(tuple(WALKS))),
        "type": draw(st.integers(0, 7)),
        "volume": draw(st.integers(1, 60)) / 100,
        "points": draw(st.sampled_from((-300, -120, -40, 0, 40, 120, 300))),
        "pick": draw(st.integers(0, 9)),
        "steps": draw(st.integers(1, 25)),
    }


def act(terminal: Terminal, mt5: ModuleType, action: dict[str, Any]) -> None:
    """Do it, if there is anything to do it with; what is refused is refused."""
    symbol, held, live = action["symbol"], mt5.positions_get(), mt5.orders_get()
    tick, info = mt5.symbol_info_tick(symbol), mt5.symbol_info(symbol)
    near = round(tick.bid + action["points"] * info.point, info.digits)
    request: dict[str, Any] = {"symbol": symbol, "volume": action["volume"], "type_filling": 1}
    position = held[action["pick"] % len(held)] if held else None
    match action["do"]:
        case "deal":
            side = action["type"] % 2
            away = abs(near - tick.bid) + 20 * info.point
            sl = tick.ask + away if side else tick.bid - away
            request |= {"action": 1, "type": side, "sl": round(sl, info.digits)}
        case "close" if position is not None:
            request |= {"action": 1, "type": 1 - position.type, "position": position.ticket}
            request["symbol"] = position.symbol
        case "levels" if position is not None:
            request |= {"action": 6, "position": position.ticket, "sl": near, "tp": 0.0}
            request["symbol"] = position.symbol
        case "pending":
            far = round(near + 50 * info.point, info.digits)
            request |= {"action": 5, "type": action["type"], "price": near, "stoplimit": far}
        case "remove" if live:
            request = {"action": 8, "order": live[action["pick"] % len(live)].ticket}
        case "by" if position is not None:
            others = [one.ticket for one in held if one.symbol == position.symbol]
            other = others[action["steps"] % len(others)]
            request = {"action": 10, "position": position.ticket, "position_by": other}
        case _:
            for _ in range(action["steps"]):
                terminal.advance()
            return
    assert mt5.order_send(request) is not None


def books_balance(mt5: ModuleType) -> None:
    """The account's figures follow from its lists."""
    info, held, made = mt5.account_info(), mt5.positions_get(), deals(mt5)
    floating = sum(position.profit + position.swap for position in held)
    assert info.profit == pytest.approx(floating, abs=CENT)
    assert info.equity == pytest.approx(info.balance + info.credit + floating, abs=CENT)
    booked = sum(deal.profit + deal.commission + deal.swap + deal.fee for deal in made)
    assert info.balance == pytest.approx(booked, abs=CENT)
    assert info.margin_free == pytest.approx(info.equity - info.margin, abs=CENT)
    by_position: dict[int, float] = {}
    for deal in made:
        sign = {BUY: 1, SELL: -1}.get(deal.type, 0)
        by_position[deal.position_id] = by_position.get(deal.position_id, 0) + sign * deal.volume
    open_volumes = {p.identifier: p.volume * (1 if p.type == BUY else -1) for p in held}
    for identifier, volume in by_position.items():
        assert volume == pytest.approx(open_volumes.get(identifier, 0.0), abs=1e-8)


@pytest.mark.parametrize("margin_mode", ["hedging", "netting", "exchange"])
@given(seed=st.integers(0, 2), todo=st.lists(actions(), min_size=15, max_size=40))
@seeded
def test_the_money_adds_up_whatever_is_done(
    margin_mode: str, seed: int, todo: list[dict[str, Any]]
) -> None:
    terminal, mt5 = world(seed, margin_mode)
    for action in todo:
        act(terminal, mt5, action)
        books_balance(mt5)
    if margin_mode != "hedging":
        symbols = [position.symbol for position in mt5.positions_get()]
        assert len(symbols) == len(set(symbols))


@given(
    seed=st.integers(0, 2),
    todo=st.lists(actions(), min_size=15, max_size=30),
    cut=st.integers(0, 24),
)
@seeded
def test_a_book_left_anywhere_goes_on_as_if_it_had_not_been(
    seed: int, todo: list[dict[str, Any]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("books")
    contents = []
    for name, stop in (("whole", -1), ("cut", cut)):
        terminal, mt5 = world(seed, "hedging", folder / name)
        for number, action in enumerate(todo):
            if number == stop:
                terminal.close()
                terminal, mt5 = world(seed, "hedging", folder / name)
            act(terminal, mt5, action)
        terminal.close()
        contents.append((folder / name).read_bytes())
    assert contents[0] == contents[1]


flows = st.lists(
    st.tuples(st.sampled_from((BUY, SELL)), st.integers(1, 50), st.integers(1, 5)),
    min_size=1,
    max_size=15,
)


@given(flow=flows)
@seeded
def test_netting_and_hedging_end_with_the_same_money_for_the_same_flow(
    flow: list[tuple[int, int, int]],
) -> None:
    """Hedging closes the oldest opposite positions first, then opens; at the end all is closed.

    A netting position has one average price, so each closing deal may round by half a cent.
    """

    def run(margin_mode: str) -> tuple[float, int]:
        terminal, mt5 = world(1, margin_mode)
        for side, volume, steps in flow:
            _trade(mt5, side, volume, hedging=margin_mode == "hedging")
            for _ in range(steps):
                terminal.advance()
            assert mt5.account_info().margin_level > 60 or not mt5.positions_total()
        for position in mt5.positions_get():
            request = market_order(mt5, 1 - position.type, position.volume)
            sent(mt5, request | {"position": position.ticket})
        return mt5.account_info().balance, len(deals(mt5))

    (netted, count), (hedged, more) = run("netting"), run("hedging")
    assert netted == pytest.approx(hedged, abs=CENT * (count + more))


def _trade(mt5: ModuleType, side: int, hundredths: int, *, hedging: bool) -> None:
    rest = hundredths
    if hedging:
        for position in mt5.positions_get():
            part = min(rest, round(position.volume * 100))
            if position.type != side and part:
                request = market_order(mt5, side, part / 100, position=position.ticket)
                sent(mt5, request)
                rest -= part
    if rest:
        sent(mt5, market_order(mt5, side, rest / 100))


@st.composite
def bar(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Open, high, low and close in points from 1.1, with the open at 1.1."""
    low, high = draw(st.integers(-60, 0)), draw(st.integers(0, 60))
    return 0, high, low, draw(st.integers(low, high))


resting = st.lists(
    st.tuples(st.integers(0, 5), st.integers(-60, 60), st.integers(-70, 70), st.integers(-70, 70)),
    min_size=1,
    max_size=6,
)


@given(shape=bar(), orders=resting)
@settings(seeded, max_examples=150)
def test_a_bar_fills_what_a_tick_at_every_point_of_its_way_would_fill(
    shape: tuple[int, int, int, int], orders: list[tuple[int, int, int, int]]
) -> None:
    """The oracle: the same way in ticks one point apart, each of which only looks at itself."""

    def price(points: int) -> float:
        return round(1.1 + points / 1e5, 5)

    opened, high, low, close = shape
    way = [opened]
    for corner in map(int, corners(opened, high, low, close)):
        step = 1 if corner > way[-1] else -1
        way.extend(range(way[-1] + step, corner + step, step) if corner != way[-1] else ())
    rows = ticks([(10 * n, price(at), price(at + 10)) for n, at in enumerate(way)])
    bar_ = price(opened), price(high), price(low), price(close)
    by_bar = BarMarket({"EURUSD": bars([1.1, bar_, bar_[3]])}, start=1)

    def run(market: Market, steps: int) -> list[tuple[object, ...]]:
        terminal = Terminal(load_profile("ecn-hedging"), market)
        mt5 = connected(terminal)
        for kind, at, sl, tp in orders:
            levels = {"sl": price(at + sl) if sl else 0.0, "tp": price(at + tp) if tp else 0.0}
            if kind < 2:
                mt5.order_send(market_order(mt5, kind, 0.1, **levels))
                continue
            request = {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": kind}
            mt5.order_send(request | {"price": price(at), "type_filling": 2} | levels)
        for _ in range(steps):
            terminal.advance()
        fields = ("type", "entry", "price", "profit", "comment", "position_id", "order")
        return [tuple(getattr(deal, field) for field in fields) for deal in deals(mt5)]

    assert run(by_bar, 1) == run(TickMarket({"EURUSD": rows}), len(way))


prices = st.integers(80_000, 160_000).map(lambda points: points / 100_000)


@given(opened=prices, closed=prices, lots=st.integers(1, 1000), side=st.sampled_from((BUY, SELL)))
@seeded
def test_profit_and_margin_are_the_documented_formulas(
    opened: float, closed: float, lots: int, side: int
) -> None:
    """Exact arithmetic beside the module's: lots * contract * move, lots * contract / leverage."""
    _, mt5 = world(0, "hedging")
    exact = Fraction(lots, 100) * 100_000
    move = Fraction(str(closed)) - Fraction(str(opened))
    profit = exact * (move if side == BUY else -move)
    got = mt5.order_calc_profit(side, "EURUSD", lots / 100, opened, closed)
    assert abs(Fraction(str(got)) - profit) <= Fraction(1, 200)
    margin = exact * Fraction(str(opened)) / 200
    got = mt5.order_calc_margin(side, "EURUSD", lots / 100, opened)
    assert abs(Fraction(str(got)) - margin) <= Fraction(1, 200)


# Whatever is passed

texts = st.one_of(
    st.sampled_from(("EURUSD", "NOPE", "", "x" * 30, "*", "a\0b")), st.text(max_size=40)
)
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.integers(-3, 20),
    st.floats(),
    st.binary(max_size=3),
    texts,
    st.just(dt.datetime(2024, 1, 8, tzinfo=dt.UTC)),
    st.just(dt.date(2024, 1, 8)),
    st.just(np.int64(5)),
    st.just(np.float32(0.1)),
    st.just(()),
)
FIELDS = [*Request.__struct_fields__, "nonsense"]
plausible = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from((0, 1, 5, 6, 7, 8, 10, 11)),
        "symbol": texts,
        "volume": st.floats(),
        "price": st.floats(),
        "stoplimit": st.floats(),
        "sl": st.floats(),
        "tp": st.floats(),
        "type": st.integers(0, 9),
        "type_filling": st.integers(0, 4),
        "type_time": st.integers(0, 4),
        "expiration": st.integers(-(2**63), 2**63 - 1),
        "deviation": st.integers(0, 2**64 - 1),
        "position": st.integers(0, 2**64 - 1),
        "order": st.integers(0, 2**64 - 1),
        "magic": st.integers(0, 2**64 - 1),
    },
)
requests = st.one_of(plausible, st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6))
NAMES = sorted(
    name
    for name in vars(world(0, "hedging")[1])
    if name.islower()
    and not name.startswith("_")
    and name not in ("initialize", "shutdown", "login")
)


def _raised(call: Callable[[], object]) -> SystemError | TypeError | None:
    """The error of a call that the module itself may raise; any other passes through."""
    try:
        call()
    except (SystemError, TypeError) as error:
        return error
    return None


@given(
    name=st.sampled_from(NAMES),
    args=st.lists(st.one_of(anything, requests), max_size=5),
    named=st.one_of(
        st.just({}),
        st.dictionaries(st.sampled_from([*FIELDS, "ticket", "group"]), anything, max_size=3),
    ),
)
@settings(seeded, max_examples=1500)
def test_no_call_raises_anything_but_what_the_module_raises(
    name: str, args: list[Any], named: dict[str, Any]
) -> None:
    _, mt5 = _SHARED
    raised = _raised(lambda: getattr(mt5, name)(*args, **named))
    if isinstance(raised, SystemError):
        assert str(raised) == f"<built-in function {name}> returned a result with an exception set"
        assert isinstance(raised.__cause__, OverflowError | TypeError)
    else:
        assert raised is None or "takes no" in str(raised)
    code, text = mt5.last_error()
    assert isinstance(code, int)
    assert isinstance(text, str)


@given(request=requests)
@settings(seeded, max_examples=500)
def test_any_request_is_answered_or_refused_by_the_module(request: dict[str, Any]) -> None:
    terminal, mt5 = _SHARED
    checked = result = None

    def call() -> None:
        nonlocal checked, result
        checked, result = mt5.order_check(request), mt5.order_send(request)

    raised = _raised(call)
    if raised is not None:
        assert isinstance(raised.__cause__, OverflowError)
        return
    if checked is None or result is None:
        assert mt5.last_error()[0] == -2
        return
    assert (checked.retcode == 0) <= (result.retcode in (10009, 10025))
    terminal.advance()
    books_balance(mt5)


_SHARED = world(2, "hedging")


def test_costs_are_the_only_difference_to_a_free_account() -> None:
    """The same trades with and without commission differ by the commission booked, to the cent."""

    def run(profile: Profile) -> tuple[float, float]:
        rows = ticks([(1000 * n, 1.1 + n % 7 / 1e4, 1.1001 + n % 7 / 1e4) for n in range(60)])
        terminal = Terminal(with_symbol(profile, spread=Spread()), TickMarket({"EURUSD": rows}))
        mt5 = connected(terminal)
        for number in range(50):
            sent(mt5, market_order(mt5, number % 2, 0.07))
            terminal.advance()
        paid = sum(deal.commission for deal in deals(mt5))
        return mt5.account_info().equity, paid

    ecn = load_profile("ecn-hedging")
    free = msgspec.structs.replace(ecn, commission=Commission())
    (with_costs, paid), (without, nothing) = run(ecn), run(free)
    assert nothing == 0.0
    assert with_costs == pytest.approx(without + paid, abs=CENT)


def test_bars_of_one_price_change_no_money() -> None:
    terminal = Terminal(
        load_profile("ecn-hedging"), BarMarket({"EURUSD": bars([1.1] * 50)}, start=1)
    )
    mt5 = connected(terminal)
    sent(mt5, market_order(mt5, BUY, sl=1.09, tp=1.11))
    before = mt5.account_info()
    while terminal.advance():
        pass
    assert mt5.account_info() == before
