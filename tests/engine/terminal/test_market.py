"""Markets: bars, ticks and random prices, and what `copy_*` shows of them."""

from __future__ import annotations

import itertools
import tracemalloc
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.terminal import Terminal, load_profile
from engine.terminal.clock import ZoneRule
from engine.terminal.errors import MarketError
from engine.terminal.market import BarMarket, RandomMarket, TickMarket, Walk
from engine.terminal.market.base import Point
from engine.terminal.market.paths import generated_path, ohlc_path
from engine.terminal.profile import Spread
from tests.engine.terminal.worlds import (
    MONDAY_10,
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
EURUSD = load_profile("ecn-hedging").symbols["EURUSD"]
RISING = (1.1, 1.1010, 1.0990, 1.1005)
FALLING = (1.1, 1.1010, 1.0990, 1.0995)


def ecn(market: BarMarket) -> Terminal:
    return Terminal(load_profile("ecn-hedging"), market)


def on_bars(rows: Any, **how: Any) -> tuple[Terminal, ModuleType]:
    terminal = ecn(BarMarket({"EURUSD": rows}, **how))
    return terminal, connected(terminal)


def test_a_step_ends_the_minute_and_opens_the_next_bar() -> None:
    terminal, mt5 = on_bars(bars([1.1, RISING, 1.1007, 1.1009]), start=1)
    assert terminal.server_time_msc == (MONDAY_10 + 60) * 1000
    (unfinished,) = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 1)
    assert unfinished.item()[1:5] == (1.1, 1.1, 1.1, 1.1)
    terminal.advance()
    finished, unfinished = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 2)
    assert finished.item()[:5] == (MONDAY_10 + 60, *RISING)
    assert (unfinished["time"], unfinished["open"]) == (MONDAY_10 + 120, 1.1007)
    tick = mt5.symbol_info_tick("EURUSD")
    assert (tick.bid, tick.ask, tick.time) == (1.1007, 1.1008, MONDAY_10 + 120)


def test_at_the_end_of_the_data_nothing_changes() -> None:
    terminal, mt5 = on_bars(bars([1.1, 1.1, 1.2]), start=1)
    assert terminal.advance()
    seen = mt5.symbol_info_tick("EURUSD"), terminal.server_time_msc
    assert not terminal.advance()
    assert (mt5.symbol_info_tick("EURUSD"), terminal.server_time_msc) == seen


@pytest.mark.parametrize(("bar", "first"), [(RISING, "[sl 1.09950]"), (FALLING, "[tp 1.10050]")])
def test_a_rising_bar_visits_its_low_first_and_a_falling_one_its_high(bar: Any, first: str) -> None:
    terminal, mt5 = on_bars(bars([1.1, bar, 1.1]), start=1)
    sent(mt5, market_order(mt5, BUY, sl=1.0995, tp=1.1005))
    terminal.advance()
    assert deals(mt5)[-1].comment == first


def test_inside_a_bar_triggers_go_off_in_the_order_the_price_reaches_them() -> None:
    terminal, mt5 = on_bars(bars([1.1, (1.1, 1.1, 1.0900, 1.1), 1.1]), start=1)
    order = {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type_filling": 2, "type": 2}
    sent(mt5, order | {"price": 1.0950, "sl": 1.0930, "comment": "limit"})
    sent(mt5, market_order(mt5, BUY, sl=1.0970, comment="market"))
    terminal.advance()
    assert [deal.comment for deal in deals(mt5)[2:]] == ["[sl 1.09700]", "limit", "[sl 1.09300]"]
    assert [deal.price for deal in deals(mt5)[2:]] == [1.0970, 1.0950, 1.0930]


def test_a_sell_is_stopped_by_the_ask() -> None:
    terminal, mt5 = on_bars(bars([1.1, (1.1, 1.10095, 1.1, 1.1), 1.1]), start=1)
    sent(mt5, market_order(mt5, SELL, sl=1.1010))
    terminal.advance()
    assert (deals(mt5)[-1].price, deals(mt5)[-1].reason) == (1.1010, 4)


def test_the_open_model_trades_opening_prices_only() -> None:
    terminal, mt5 = on_bars(bars([1.1, RISING, 1.0980, 1.1]), model="open", start=1)
    sent(mt5, market_order(mt5, BUY, sl=1.0995, tp=1.1005))
    terminal.advance()
    assert (deals(mt5)[-1].price, deals(mt5)[-1].comment) == (1.0980, "[sl 1.09950]")


def corners_of(bar: Any) -> list[float]:
    return [price for _, price in ohlc_path(*bar)]


def test_paths_have_the_bars_corners_in_order() -> None:
    assert ohlc_path(*RISING) == ((20_000, 1.0990), (40_000, 1.1010), (59_000, 1.1005))
    assert [price for _, price in ohlc_path(*FALLING)] == [1.1010, 1.0990, 1.0995]
    drawn = generated_path(*RISING, ticks=50, tick_size=1e-5)
    prices = [price for _, price in drawn]
    assert len(drawn) == 49  # and the open
    assert (min(prices), max(prices), prices[-1]) == (1.0990, 1.1010, 1.1005)
    assert [time for time, _ in drawn] == sorted(time for time, _ in drawn)
    assert prices.index(1.0990) < prices.index(1.1010)


@given(
    digits=st.integers(0, 8),
    lowest=st.integers(1, 10**8),
    way=st.lists(st.integers(0, 5000), min_size=8, max_size=8),
    spread=st.integers(1, 300),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_step_is_played_at_the_decimals_nearest_to_its_bars_prices(
    digits: int, lowest: int, way: list[int], spread: int
) -> None:
    symbol = msgspec.structs.replace(EURUSD, digits=digits)
    prices = [float(f"{lowest + points}e-{digits}") for points in way]
    # Computed prices are seldom exactly the decimals that they stand for.
    one, two = (
        (corners[0], max(corners) * (1 + 1e-16), min(corners) * (1 - 1e-16), corners[3])
        for corners in (prices[:4], prices[4:])
    )
    market = BarMarket({"EURUSD": bars([one, one, two], spread=spread)}, start=0)
    market.bind({"EURUSD": symbol}, ZoneRule())
    played: list[Point] = []
    market.listener = played.extend
    market.timer = 0  # nothing passes by
    while market.advance():
        pass
    assert len(played) == 8
    expected = [*corners_of(one), one[0], *corners_of(one), two[0]]
    assert [point.bid for point in played] == [round(price, digits) for price in expected]
    assert [point.ask for point in played] == [
        round(point.bid + spread * symbol.point, digits) for point in played
    ]


def test_longer_timeframes_are_grouped_and_never_show_the_future() -> None:
    rows = bars([(1.1 + n / 1e4, 1.2 + n / 1e4, 1.0 + n / 1e4, 1.15) for n in range(30)])
    terminal, mt5 = on_bars(rows, start=7)
    for _ in range(6):
        terminal.advance()
    got = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M5, 0, 10)
    assert [int(time) for time in got["time"]] == [MONDAY_10, MONDAY_10 + 300, MONDAY_10 + 600]
    assert got["high"][1] == rows["high"][5:10].max()
    assert got["tick_volume"][1] == 20
    # Minutes 10 to 12 are closed, of minute 13 only the open is known.
    assert got["high"][2] == rows["high"][12]
    assert got["close"][2] == rows["open"][13]
    assert got["tick_volume"][2] == 13


def test_copies_by_date_include_both_ends() -> None:
    _, mt5 = on_bars(bars([1.1] * 20), start=10)
    m1 = mt5.TIMEFRAME_M1
    times = mt5.copy_rates_range("EURUSD", m1, MONDAY_10 + 60, MONDAY_10 + 180)["time"]
    assert list(times - MONDAY_10) == [60, 120, 180]
    for moment in (180, 185, 239):
        times = mt5.copy_rates_from("EURUSD", m1, MONDAY_10 + moment, 2)["time"]
        assert list(times - MONDAY_10) == [120, 180]
    assert len(mt5.copy_rates_range("EURUSD", m1, MONDAY_10 - 600, MONDAY_10 - 60)) == 0
    assert len(mt5.copy_rates_from_pos("EURUSD", m1, 0, 1000)) == 11
    assert len(mt5.copy_rates_from_pos("EURUSD", m1, 50, 5)) == 0
    assert len(mt5.copy_rates_from_pos("GBPUSD", m1, 0, 5)) == 0  # known, without data


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m: m.copy_rates_from_pos("NOPE", 1, 0, 1), -1),
        (lambda m: m.copy_rates_from_pos("EURUSD", 77, 0, 1), -2),
        (lambda m: m.copy_rates_from_pos("EURUSD", 1, -1, 1), -2),
        (lambda m: m.copy_rates_from_pos("EURUSD", 1, 0, 0), -2),
        (lambda m: m.copy_ticks_from("NOPE", 1, 1, -1), -1),
        (lambda m: m.copy_ticks_from("EURUSD", 1, 0, -1), -2),
        (lambda m: m.symbol_info("NOPE"), -4),
        (lambda m: m.symbol_info_tick("NOPE"), -4),
    ],
)
def test_a_failed_copy_is_none_with_an_error(call: Any, error: int) -> None:
    _, mt5 = on_bars(bars([1.1] * 3), start=1)
    assert call(mt5) is None
    assert mt5.last_error()[0] == error


def test_no_more_bars_are_shown_than_the_terminal_keeps() -> None:
    profile = load_profile("ecn-hedging")
    small = msgspec.structs.replace(profile.machine, max_bars=5)
    market = BarMarket({"EURUSD": bars([1.1] * 20)}, start=10)
    mt5 = connected(Terminal(msgspec.structs.replace(profile, machine=small), market))
    times = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 100)["time"]
    assert list((times - MONDAY_10) // 60) == [6, 7, 8, 9, 10]


def test_a_copy_is_the_programs_own() -> None:
    _, mt5 = on_bars(bars([1.1] * 9), start=8)
    rows = mt5.copy_rates_from_pos("EURUSD", 1, 1, 3)
    rows["close"] = 9.0
    assert mt5.copy_rates_from_pos("EURUSD", 1, 1, 3)["close"].max() == 1.1


def test_ticks_are_shown_up_to_now_and_make_the_bars() -> None:
    rows = ticks(
        [(0, 1.1, 1.1001), (30_000, 1.1004, 1.1005), (61_000, 1.1002, 1.1003), (90_000, 1.2, 1.3)]
    )
    terminal = Terminal(load_profile("ecn-hedging"), TickMarket({"EURUSD": rows}))
    mt5 = connected(terminal)
    terminal.advance()
    terminal.advance()
    got = mt5.copy_ticks_from("EURUSD", MONDAY_10, 10, mt5.COPY_TICKS_ALL)
    assert list(got["bid"]) == [1.1, 1.1004, 1.1002]
    assert (
        len(mt5.copy_ticks_range("EURUSD", MONDAY_10 + 1, MONDAY_10 + 60, mt5.COPY_TICKS_INFO)) == 1
    )
    assert len(mt5.copy_ticks_from("EURUSD", MONDAY_10, 10, mt5.COPY_TICKS_TRADE)) == 0
    first, second = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 5)
    assert first.item()[1:6] == (1.1, 1.1004, 1.1, 1.1004, 2)
    assert second.item()[1:6] == (1.1002, 1.1002, 1.1002, 1.1002, 1)
    info = mt5.symbol_info("EURUSD")
    assert (info.bid, info.ask, info.spread, info.bidhigh, info.bidlow) == (
        1.1002,
        1.1003,
        10,
        1.1004,
        1.1,
    )


def test_utc_ticks_are_brought_to_the_servers_clock() -> None:
    rows = ticks([(0, 1.1, 1.1001), (1000, 1.1, 1.1001)])
    market = TickMarket({"EURUSD": rows}, stamps="utc")
    terminal = Terminal(load_profile("ecn-hedging"), market)
    assert terminal.server_time_msc == (MONDAY_10 + 2 * 3600) * 1000


@pytest.mark.parametrize("model", ["open", "ohlc", "ticks"])
def test_ticks_of_bars_are_the_prices_the_bars_were_played_with(model: Any) -> None:
    terminal, mt5 = on_bars(bars([1.1, RISING, FALLING, 1.1]), start=1, model=model)

    def seen() -> list[float]:
        got = mt5.copy_ticks_range("EURUSD", MONDAY_10 + 60, 2**31 - 1, mt5.COPY_TICKS_ALL)
        assert (np.diff(got["time_msc"]) > 0).all()
        assert got["time_msc"][-1] == mt5.symbol_info_tick("EURUSD").time_msc
        return [float(bid) for bid in got["bid"]]

    assert seen() == [1.1]
    terminal.advance()
    rising = [1.1] if model == "open" else [1.1, 1.0990, 1.1010, 1.1005]
    assert seen() == [*rising, 1.1]
    terminal.advance()
    falling = [1.1] if model == "open" else [1.1, 1.1010, 1.0990, 1.0995]
    assert seen() == [*rising, *falling, 1.1]


def test_ticks_between_two_dates_include_both_ends() -> None:
    rows = ticks([(1000 * n, 1.1, 1.1001) for n in range(6)])
    terminal = Terminal(load_profile("ecn-hedging"), TickMarket({"EURUSD": rows}, start=6))
    found = connected(terminal).copy_ticks_range("EURUSD", MONDAY_10 + 1, MONDAY_10 + 3, -1)
    assert list(found["time"] - MONDAY_10) == [1, 2, 3]


def test_the_servers_clock_never_runs_back_when_an_hour_repeats() -> None:
    fold = 1_730_613_600  # 3 November 2024, 06:00 UTC: New York goes back to winter time
    rows = ticks([(600_000 * n, 1.1, 1.1001) for n in range(-12, 13)], start=fold)
    market = TickMarket({"EURUSD": rows}, stamps="utc")
    terminal = Terminal(load_profile("ecn-hedging"), market)
    stamps = [terminal.server_time_msc]
    while terminal.advance():
        stamps.append(terminal.server_time_msc)
    assert stamps == sorted(stamps)
    assert stamps[0] == (fold - 7200 + 3 * 3600) * 1000
    assert stamps[-1] == (fold + 7200 + 2 * 3600) * 1000


def test_symbols_move_in_one_order_of_time() -> None:
    one = ticks([(0, 1.1, 1.1001), (2000, 1.2, 1.2001)])
    two = ticks([(0, 1.3, 1.3001), (1000, 1.4, 1.4001)])
    terminal = Terminal(load_profile("ecn-hedging"), TickMarket({"EURUSD": one, "GBPUSD": two}))
    mt5 = connected(terminal)
    terminal.advance()
    bids = [mt5.symbol_info_tick(name).bid for name in ("EURUSD", "GBPUSD")]
    assert bids == [1.1, 1.4]
    terminal.advance()
    assert mt5.symbol_info_tick("EURUSD").bid == 1.2


def test_bars_of_symbols_with_different_minutes_stay_in_step() -> None:
    one = bars([1.1, 1.11, 1.12, 1.13])
    two = bars([1.3, 1.31, 1.32, 1.33])[[0, 2]]
    two["close"][0] = 1.305
    two["high"][0] = 1.305
    market = BarMarket({"EURUSD": one, "GBPUSD": two}, start=0)
    terminal = Terminal(load_profile("ecn-hedging"), market)
    mt5 = connected(terminal)
    seen = []
    while terminal.advance():
        seen.append(mt5.symbol_info_tick("GBPUSD").bid)
        last = mt5.copy_rates_from_pos("GBPUSD", 1, 0, 1)[0]
        assert last["close"] == seen[-1]
    assert seen == [1.305, 1.32, 1.32]


@pytest.mark.parametrize(
    ("rule", "ask"),
    [
        (Spread(), 1.1001),
        (Spread(minimum=25.0), 1.10025),
        (Spread(model="fixed", points=15.0), 1.10015),
        (Spread(model="modelled", points=15.0), 1.10015),
    ],
)
def test_the_spread_follows_the_profiles_rule(rule: Spread, ask: float) -> None:
    profile = with_symbol(load_profile("ecn-hedging"), spread=rule)
    for market in (
        BarMarket({"EURUSD": bars([1.1] * 3)}, start=1),
        TickMarket({"EURUSD": ticks([(0, 1.1, 1.1001)])}),
    ):
        assert connected(Terminal(profile, market)).symbol_info_tick("EURUSD").ask == ask


def test_a_modelled_spread_is_three_times_as_wide_at_midnight() -> None:
    profile = with_symbol(load_profile("ecn-hedging"), spread=Spread(model="modelled", points=10.0))
    midnight = MONDAY_10 - 10 * 3600
    market = BarMarket({"EURUSD": bars([1.1] * 3, start=midnight)}, start=0)
    assert connected(Terminal(profile, market)).symbol_info("EURUSD").spread == 30


def test_a_random_market_is_a_function_of_its_seed_with_gaps_over_weekends() -> None:
    walk = Walk(price=1.1, digits=5, spread=0.0001)

    def prices(seed: int) -> Any:
        market = RandomMarket({"EURUSD": walk}, ticks=3000, seed=seed, interval_msc=300_000)
        terminal = Terminal(load_profile("ecn-hedging"), market)
        while terminal.advance():
            pass
        return connected(terminal).copy_ticks_range("EURUSD", 1, 2**31 - 1, -1)

    one = prices(1)
    assert np.array_equal(one, prices(1))
    assert not np.array_equal(one, prices(2))
    assert (one["ask"] > one["bid"]).all()
    days = (one["time"] // 86_400 + 4) % 7
    assert set(days.tolist()) == {1, 2, 3, 4, 5}
    assert np.diff(one["time"]).max() > 2 * 86_400


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BarMarket({}), "at least one symbol"),
        (lambda: BarMarket({"EURUSD": bars([1.1] * 3)}), "has 3 minutes"),
        (lambda: BarMarket({"EURUSD": bars([1.1] * 3)[::-1]}, start=0), "must ascend"),
        (lambda: BarMarket({"EURUSD": bars([1.1] * 3)}, model="magic"), "unknown bar model"),  # type: ignore[arg-type]  # that is the question
        (lambda: BarMarket({"EURUSD": np.zeros(3, dtype=[("time", "<i8")])}), "'open' is missing"),
        (lambda: TickMarket({}), "at least one symbol"),
        (lambda: TickMarket({"EURUSD": ticks([])}), "no data"),
        (lambda: TickMarket({"EURUSD": ticks([(5, 1, 1), (4, 1, 1)])}), "must ascend"),
        (lambda: TickMarket({"EURUSD": ticks([(5, 1, 1)])}, start=2), "allowed is 1 to 1"),
    ],
)  # fmt: skip
def test_wrong_data_is_refused_with_what_was_found(make: Any, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        make()


def test_data_of_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(MarketError, match="'NOPE', which the profile does not know"):
        Terminal(load_profile("ecn-hedging"), TickMarket({"NOPE": ticks([(0, 1.0, 1.1)])}))


def test_memory_stays_flat_over_many_ticks() -> None:
    walk = Walk(price=1.1, digits=5, spread=0.0001, volatility=1e-5)
    market = RandomMarket({"EURUSD": walk}, ticks=150_000, seed=2)
    terminal = Terminal(load_profile("ecn-hedging"), market)
    mt5 = connected(terminal)
    for number in range(10):
        sl, tp = (1.3, 0.9) if number % 2 else (0.9, 1.3)
        sent(mt5, market_order(mt5, number % 2, 0.01, sl=sl, tp=tp))

    def step(count: int) -> None:
        for _ in range(count):
            terminal.advance()

    step(50_000)
    tracemalloc.start()
    step(32_768)  # one chunk of steps, so that as much is read ahead as at the beginning
    before, _ = tracemalloc.get_traced_memory()
    step(32_768)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000
    assert mt5.positions_total() == 10


def test_the_guard_lets_nothing_pass_that_every_price_played_would_have_set_off() -> None:
    """A guarded market and one whose guards always give way end with the same deals."""

    def run(*, guarded: bool) -> Any:
        walk = Walk(price=1.1, digits=5, spread=0.0001, volatility=1e-4)
        market = RandomMarket({"EURUSD": walk}, ticks=3000, seed=9)
        terminal = Terminal(load_profile("ecn-hedging"), market)
        mt5 = connected(terminal)
        going = True
        while going:
            if len(mt5.positions_get()) < 4:
                tick = mt5.symbol_info_tick("EURUSD")
                side = len(deals(mt5)) % 2
                sign = -1 if side else 1
                sl, tp = tick.bid - sign * 0.0009, tick.bid + sign * 0.0011
                mt5.order_send(market_order(mt5, side, sl=round(sl, 5), tp=round(tp, 5)))
            if not guarded:
                terminal.server.market.timer = 0
            going = terminal.advance()
        return deals(mt5)

    guarded = run(guarded=True)
    assert guarded == run(guarded=False)
    assert len(guarded) > 20


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_the_guard_hides_no_stop_out_over_several_symbols_and_currencies(currency: str) -> None:
    walks = {
        "EURUSD": Walk(price=1.1, digits=5, spread=0.0001, volatility=3e-4),
        "USDJPY": Walk(price=145.0, digits=3, spread=0.01, volatility=3e-4),
        "XAUUSD": Walk(price=2000.0, digits=2, spread=0.2, volatility=5e-4),
    }
    profile = with_account(load_profile("ecn-hedging"), balance=2000.0, currency=currency)

    def run(*, guarded: bool) -> Any:
        market = RandomMarket(walks, ticks=1500, seed=4, interval_msc=20_000)
        terminal = Terminal(profile, market)
        mt5 = connected(terminal)
        sides = itertools.cycle((BUY, SELL, SELL, BUY, BUY))
        going, number = True, 0
        while going:
            number += 1
            if number % 40 == 0:
                symbol = ("EURUSD", "USDJPY", "XAUUSD")[number // 40 % 3]
                request = {"action": 1, "symbol": symbol, "volume": 0.3, "type_filling": 1}
                mt5.order_send(request | {"type": next(sides)})
            if not guarded:
                terminal.server.market.timer = 0
            going = terminal.advance()
        return deals(mt5)

    guarded = run(guarded=True)
    assert guarded == run(guarded=False)
    assert sum(deal.reason == 6 for deal in guarded) >= 2


def state_of(terminal: Terminal, mt5: ModuleType) -> tuple[Any, ...]:
    """Everything that a program can see change."""
    info = mt5.account_info()
    return (
        terminal.server_time_msc,
        mt5.symbol_info_tick("EURUSD"),
        info.balance,
        info.equity,
        info.margin,
        mt5.positions_get(),
        len(deals(mt5)),
        mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M5, 0, 3).tolist(),
    )


@given(
    seed=st.integers(0, 10_000),
    ahead=st.sampled_from([1, 7, 40, 1000]),
    doings=st.lists(
        st.tuples(st.sampled_from(["step", "glide", "buy", "sell"]), st.integers(0, 40)),
        min_size=5,
        max_size=60,
    ),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_a_glide_and_its_undoing_leave_the_market_where_single_steps_lead(
    seed: int, ahead: int, doings: list[tuple[str, int]]
) -> None:
    moves = np.round(np.random.default_rng(seed).normal(0, 2e-4, 300).cumsum() + 1.1, 5).tolist()
    rows = bars([(a, max(a, b) + 1e-5, min(a, b) - 1e-5, b) for a, b in itertools.pairwise(moves)])
    markets = [BarMarket({"EURUSD": rows}, start=1) for _ in range(2)]
    markets[1].ahead = ahead
    worlds = [(world, connected(world)) for world in map(ecn, markets)]
    (stepped, _), (gliding, _) = worlds

    for doing, number in doings:
        if doing in ("buy", "sell"):
            for _, mt5 in worlds:
                tick = mt5.symbol_info_tick("EURUSD")
                away = 1e-4 * (1 + number) * (1 if doing == "buy" else -1)
                levels = {"sl": round(tick.bid - away, 5), "tp": round(tick.bid + away, 5)}
                mt5.order_send(market_order(mt5, BUY if doing == "buy" else SELL, **levels))
        elif doing == "step":
            assert stepped.advance() == gliding.advance()
        else:
            passed = gliding.glide(number)
            gliding.back(undone := min(number // 3, len(passed)))
            for time_msc in passed[: len(passed) - undone]:
                stepped.advance()
                assert stepped.server_time_msc == time_msc
        assert state_of(*worlds[0]) == state_of(*worlds[1])


def test_a_glide_ends_before_the_step_that_sets_something_off() -> None:
    terminal, mt5 = on_bars(bars([1.1, 1.1, 1.1, 1.1, 1.0980, 1.1]), start=1)
    sent(mt5, market_order(mt5, BUY, sl=1.0990))

    assert len(terminal.glide(10)) == 2
    assert terminal.glide(10) == []
    terminal.advance()

    assert deals(mt5)[-1].comment == "[sl 1.09900]"


def test_several_symbols_do_not_glide() -> None:
    profile = load_profile("ecn-hedging")
    rows = bars([1.1] * 9)
    terminal = Terminal(profile, BarMarket({"EURUSD": rows, "GBPUSD": rows}, start=1))
    assert terminal.glide(5) == []


def test_a_loss_beyond_one_guard_counts_when_another_symbol_moves_inside_its_own() -> None:
    data = {"EURUSD": bars([1.1, 1.1, 1.082]), "GBPUSD": bars([1.27, 1.27, 1.267])}
    profile = with_account(load_profile("ecn-hedging"), balance=2600.0)
    terminal = Terminal(profile, BarMarket(data, model="open", start=1))
    mt5 = connected(terminal)
    for symbol in data:
        sent(mt5, market_order(mt5, BUY, 1.0, symbol=symbol))
    assert mt5.account_info().equity - 0.5 * mt5.account_info().margin > 1800  # but not for 2100
    assert terminal.server.market.quotes["GBPUSD"].guard.bid_low < 1.267
    terminal.advance()
    assert deals(mt5)[-1].reason == mt5.DEAL_REASON_SO
