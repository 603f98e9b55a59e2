"""Swaps over the server's midnight, and orders that live for a day."""

from __future__ import annotations

from types import ModuleType

import msgspec
import numpy as np
import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket, TickMarket
from engine.terminal.profile import Commission, Profile, Spread, Swap
from tests.engine.terminal.worlds import (
    MONDAY_10,
    bars,
    connected,
    deals,
    market_order,
    sent,
    ticks,
    with_switches,
    with_symbol,
)

BUY, SELL = 0, 1
HOUR, DAY = 3_600_000, 86_400_000


def nights(profile: Profile, *after: int) -> tuple[Terminal, ModuleType]:
    """EURUSD stands at 1.1 from Monday 10:00; ticks come these milliseconds later."""
    rows = ticks([(0, 1.1, 1.1), *((moment, 1.1, 1.1) for moment in after)])
    free = msgspec.structs.replace(profile, commission=Commission())
    terminal = Terminal(with_symbol(free, spread=Spread()), TickMarket({"EURUSD": rows}))
    return terminal, connected(terminal)


def swapping(**rule: object) -> Profile:
    swap = msgspec.structs.replace(Swap(mode="points", long=-7.0, short=2.0), **rule)
    return with_symbol(load_profile("ecn-hedging"), swap=swap)


def test_a_week_costs_seven_nights_with_three_on_wednesday() -> None:
    moments = [day * DAY for day in range(1, 5)] + [7 * DAY]
    terminal, mt5 = nights(swapping(), *moments)
    sent(mt5, market_order(mt5, BUY, 1.0))
    charged = []
    while terminal.advance():
        charged.append(mt5.positions_get()[0].swap)
    # Tuesday, Wednesday, Thursday (three nights), Friday, and Monday for the Friday before it.
    assert charged == [-7.0, -14.0, -35.0, -42.0, -49.0]


def test_the_midnights_of_a_gap_are_all_charged() -> None:
    terminal, mt5 = nights(swapping(), 7 * DAY)
    sent(mt5, market_order(mt5, SELL, 1.0))
    terminal.advance()
    assert mt5.positions_get()[0].swap == 14.0


@pytest.mark.parametrize(
    ("rule", "swap"),
    [
        (Swap(mode="points", long=-7.0), -7.0),
        (Swap(mode="currency_symbol", long=-5.0), -5.5),
        (Swap(mode="currency_deposit", long=-5.0), -5.0),
        (Swap(mode="interest_current", long=-3.6), -11.0),
        (Swap(mode="interest_open", long=-3.6), -11.0),
        (Swap(mode="disabled", long=-7.0), 0.0),
    ],
    ids=lambda value: value.mode if isinstance(value, Swap) else "",
)
def test_one_night_by_swap_mode(rule: Swap, swap: float) -> None:
    profile = with_symbol(load_profile("ecn-hedging"), swap=rule)
    terminal, mt5 = nights(profile, DAY)
    sent(mt5, market_order(mt5, BUY, 1.0))
    terminal.advance()
    assert mt5.positions_get()[0].swap == swap


def test_the_swap_is_booked_with_the_deal_that_closes_in_parts() -> None:
    terminal, mt5 = nights(swapping(), DAY)
    opened = sent(mt5, market_order(mt5, BUY, 1.0))
    terminal.advance()
    assert mt5.account_info().profit == -7.0
    for volume in (0.25, 0.75):
        sent(mt5, market_order(mt5, SELL, volume, position=opened.order))
    assert [deal.swap for deal in deals(mt5)[2:]] == [-1.75, -5.25]
    assert mt5.account_info().balance == 9993.0


def test_a_swap_by_reopening_changes_the_ticket_and_keeps_the_identifier() -> None:
    profile = swapping(mode="reopen_current", long=-10.0)
    terminal, mt5 = nights(profile, DAY)
    opened = sent(mt5, market_order(mt5, BUY, 1.0, sl=1.05, magic=4))
    terminal.advance()
    (position,) = mt5.positions_get()
    assert position.ticket != opened.order == position.identifier
    assert (position.price_open, position.sl, position.magic) == (1.1001, 1.05, 4)
    out, again = deals(mt5)[-2:]
    assert [out.reason, again.reason] == [mt5.DEAL_REASON_ROLLOVER] * 2
    assert [out.entry, again.entry] == [0 + 1, 0]
    assert out.position_id == again.position_id == opened.order


def test_a_midnight_is_settled_at_the_prices_before_it() -> None:
    profile = with_symbol(swapping(mode="reopen_current", long=-10.0), spread=Spread())
    rows = ticks([(0, 1.1, 1.1), (DAY, 1.2, 1.2)])
    terminal = Terminal(profile, TickMarket({"EURUSD": rows}))
    mt5 = connected(terminal)
    sent(mt5, market_order(mt5, BUY, 0.1))
    terminal.advance()
    assert mt5.positions_get()[0].price_open == 1.1001


def test_daily_symbols_lose_orders_and_levels_at_the_end_of_the_day() -> None:
    profile = with_symbol(load_profile("ecn-hedging"), gtc_mode="daily")
    terminal, mt5 = nights(profile, DAY)
    sent(mt5, market_order(mt5, BUY, sl=1.0))
    order = {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.0}
    placed = sent(mt5, order | {"type_filling": 2})
    terminal.advance()
    assert mt5.positions_get()[0].sl == 0.0
    assert mt5.orders_get() == ()
    assert mt5.history_orders_get(ticket=placed.order)[0].state == mt5.ORDER_STATE_EXPIRED


def test_daily_no_stops_keeps_the_levels() -> None:
    profile = with_symbol(load_profile("ecn-hedging"), gtc_mode="daily_no_stops")
    terminal, mt5 = nights(profile, DAY)
    sent(mt5, market_order(mt5, BUY, sl=1.0))
    terminal.advance()
    assert mt5.positions_get()[0].sl == 1.0


def test_whether_the_accounts_profit_has_the_swaps_in_it_is_a_switch() -> None:
    terminal, mt5 = nights(with_switches(swapping(), account_profit_with_swap=False), DAY)
    sent(mt5, market_order(mt5, BUY, 1.0))
    terminal.advance()
    info = mt5.account_info()
    assert (info.profit, info.equity) == (0.0, 9993.0)


def test_reopening_costs_no_commission() -> None:
    rows = ticks([(0, 1.1, 1.1), (DAY, 1.1, 1.1)])
    terminal = Terminal(swapping(mode="reopen_bid"), TickMarket({"EURUSD": rows}))
    mt5 = connected(terminal)
    sent(mt5, market_order(mt5, BUY, 1.0))
    terminal.advance()
    assert [deal.commission for deal in deals(mt5)] == [0.0, -3.5, 0.0, 0.0]


def test_time_passes_in_quiet_bars_too() -> None:
    hours = bars([1.1] * 30)
    hours["time"] = MONDAY_10 + 3600 * np.arange(30)
    terminal = Terminal(swapping(), BarMarket({"EURUSD": hours}, start=1))
    mt5 = connected(terminal)
    sent(mt5, market_order(mt5, BUY, 1.0, sl=0.9, tp=1.3))
    order = {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.0}
    until = {"type_filling": 2, "type_time": 2, "expiration": MONDAY_10 + 4 * 3600}
    sent(mt5, order | until)
    alive = []
    while terminal.advance():
        alive.append(mt5.orders_total())
    assert alive[:4] == [1, 1, 0, 0]
    assert mt5.positions_get()[0].swap == -7.0
