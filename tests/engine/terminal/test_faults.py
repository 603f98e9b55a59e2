"""Faults: what a program is told, and that the book stays true."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.errors import ProfileError
from engine.terminal.faults import (
    Block,
    CommentOverwritten,
    ConnectionLost,
    DealZero,
    Disconnected,
    DuplicateTicks,
    Fault,
    FaultPlan,
    FrozenClock,
    Lag,
    LateTicks,
    ProcessDeath,
    ReplyLost,
    Retcode,
    ReversedLists,
    TicketChange,
    When,
    load_faults,
)
from engine.terminal.market import TickMarket
from engine.terminal.texts import TEXTS
from tests.engine.terminal.worlds import connected, deals, market_order, sent, ticks

BUY, SELL = 0, 1


def world(*faults: Fault, seed: int = 0, **hooks: Any) -> tuple[Terminal, ModuleType]:
    rows = ticks(
        [(1000 * n, round(1.1 + n / 1e4, 5), round(1.1001 + n / 1e4, 5)) for n in range(50)]
    )
    terminal = Terminal(load_profile("ecn-hedging"), TickMarket({"EURUSD": rows}, start=10))
    terminal.inject(FaultPlan(faults, seed), **hooks)
    return terminal, connected(terminal)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize(
    ("error", "text", "pipe_breaks"),
    [
        (-10002, "IPC recv failed", True),
        (-10001, "IPC send failed", True),
        (-10000, "IPC call failed", False),
        (-1, "Terminal: Call failed", False),
    ],
)
def test_a_lost_reply_says_nothing_about_what_was_executed(
    executed: bool, error: Any, text: str, pipe_breaks: bool
) -> None:
    _, mt5 = world(ReplyLost(executed=executed, error=error, when=When(number=1)))
    assert mt5.order_send(market_order(mt5, BUY)) is None
    assert mt5.last_error() == (error, text)
    if pipe_breaks:
        assert mt5.positions_get() is None
        assert mt5.last_error() == (-10004, "No IPC connection")
        assert mt5.initialize()
    assert len(mt5.positions_get()) == executed
    sent(mt5, market_order(mt5, BUY))


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_retcode_can_be_told_with_and_without_execution(code: int, executed: bool) -> None:
    _, mt5 = world(Retcode(code=code, executed=executed, when=When(number=1)))
    result = mt5.order_send(market_order(mt5, BUY))
    assert (result.retcode, result.comment) == (code, TEXTS[code])
    assert (result.deal, result.order) == (0, 0)
    assert len(mt5.positions_get()) == executed


@pytest.mark.parametrize("code", [10008, 10009, 10010, 10025])
def test_what_the_server_has_refused_is_not_told_as_done(code: int) -> None:
    _, mt5 = world(Retcode(code=code, executed=True))
    sent(mt5, market_order(mt5, BUY, position=123), retcode=10036)


def test_a_deal_may_not_be_known_yet() -> None:
    _, mt5 = world(DealZero(when=When(number=1)))
    result = sent(mt5, market_order(mt5, BUY))
    assert result.deal == 0 < result.order
    assert len(mt5.history_deals_get(position=result.order)) == 1


@pytest.mark.parametrize(
    ("lists", "first_seen"),
    [
        (("deals", "history_orders"), {"positions"}),
        (("positions",), {"deals", "history_orders"}),
        (("positions", "deals", "history_orders"), set()),
    ],
)
def test_lists_lag_in_either_order(lists: Any, first_seen: set[str]) -> None:
    _, mt5 = world(Lag(lists=lists, reads=2, when=When(number=1)))
    result = sent(mt5, market_order(mt5, BUY))

    def seen() -> set[str]:
        found = {
            "positions": mt5.positions_get(ticket=result.order),
            "deals": mt5.history_deals_get(position=result.order),
            "history_orders": mt5.history_orders_get(ticket=result.order),
        }
        return {name for name, rows in found.items() if rows}

    assert seen() == first_seen
    assert seen() == first_seen
    assert seen() == {"positions", "deals", "history_orders"}


def test_a_closed_position_may_still_be_listed() -> None:
    _, mt5 = world(Lag(lists=("positions",), reads=1, when=When(number=2)))
    opened = sent(mt5, market_order(mt5, BUY))
    sent(mt5, market_order(mt5, SELL, position=opened.order))
    assert [position.ticket for position in mt5.positions_get()] == [opened.order]
    assert mt5.positions_get() == ()


def test_a_list_may_come_newest_first() -> None:
    _, mt5 = world(ReversedLists(when=When(call="history_deals_get", number=1)))
    sent(mt5, market_order(mt5, BUY))
    assert deals(mt5) == deals(mt5)[::-1]


def test_a_broker_may_write_its_own_comment() -> None:
    _, mt5 = world(CommentOverwritten(text="#42"))
    result = sent(mt5, market_order(mt5, BUY, comment="mine"))
    assert result.request.comment == "mine"
    (position,) = mt5.positions_get()
    assert (position.comment, deals(mt5)[-1].comment) == ("#42", "#42")


def test_a_lost_connection_lasts_until_initialize() -> None:
    _, mt5 = world(ConnectionLost(when=When(call="positions_get", number=2)))
    assert mt5.positions_get() == ()
    assert mt5.positions_get() is None
    assert mt5.last_error()[0] == -10004
    assert mt5.account_info() is None
    assert mt5.initialize()
    assert mt5.positions_get() == ()


def test_the_terminal_may_be_without_its_server_for_a_while() -> None:
    _, mt5 = world(Disconnected(calls=2, when=When(call="terminal_info", number=1)))
    assert not mt5.terminal_info().connected
    assert mt5.order_send({"action": 1}).retcode == 10031
    assert mt5.symbol_info_tick("EURUSD") is not None  # reads keep serving cached data
    assert mt5.terminal_info().connected


def test_the_servers_clock_may_stand() -> None:
    terminal, mt5 = world(FrozenClock(steps=3, when=When(call="account_info", number=1)))
    before = terminal.server_time_msc
    mt5.account_info()
    assert [terminal.advance() for _ in range(3)] == [True] * 3
    assert terminal.server_time_msc == before
    terminal.advance()
    assert terminal.server_time_msc == before + 1000


def test_ticks_may_come_twice_or_late() -> None:
    once = When(call="copy_ticks_from", number=1)
    _, mt5 = world(DuplicateTicks(when=once))
    got = mt5.copy_ticks_from("EURUSD", 1, 100, -1)
    assert (len(got), got[-1]) == (11, got[-2])
    _, mt5 = world(
        LateTicks(count=2, when=once), LateTicks(when=When(call="symbol_info_tick", number=1))
    )
    assert len(mt5.copy_ticks_from("EURUSD", 1, 100, -1)) == 8
    assert len(mt5.copy_ticks_from("EURUSD", 1, 100, -1)) == 10
    assert [mt5.symbol_info_tick("EURUSD").bid for _ in range(2)] == [1.1008, 1.1009]


def test_a_positions_ticket_may_change() -> None:
    _, mt5 = world(TicketChange(when=When(call="positions_get", number=2)))
    opened = sent(mt5, market_order(mt5, BUY, comment="c"))
    assert mt5.positions_get()[0].ticket == opened.order
    (position,) = mt5.positions_get()
    assert position.ticket != opened.order == position.identifier
    assert position.comment == "c"


def test_a_call_may_block_for_a_minute() -> None:
    slept: list[float] = []
    _, mt5 = world(Block(seconds=60.0, when=When(call="copy_rates_from_pos")), sleep=slept.append)
    assert mt5.copy_rates_from_pos("EURUSD", 1, 0, 1) is not None
    assert slept == [60.0]


@pytest.mark.parametrize(("after", "executed"), [(False, 0), (True, 1)])
def test_a_process_may_die_before_or_after_the_server_has_executed(
    after: bool, executed: int
) -> None:
    class Died(BaseException):
        pass

    def dying() -> None:
        raise Died

    terminal, mt5 = world(ProcessDeath(after=after), die=dying)
    with pytest.raises(Died):
        mt5.order_send(market_order(mt5, BUY))
    assert len(terminal.server.book.positions) == executed


def test_chances_are_a_function_of_the_seed() -> None:
    def struck(seed: int) -> list[bool]:
        rare = When(call="positions_get", chance=0.3)
        _, mt5 = world(ConnectionLost(when=rare), seed=seed)
        outcomes = []
        for _ in range(60):
            outcomes.append(mt5.positions_get() is None)
            mt5.initialize()
        return outcomes

    assert struck(1) == struck(1) != struck(2)
    assert 5 < sum(struck(1)) < 35


def test_every_nth_call_and_a_bound_on_how_often() -> None:
    _, mt5 = world(ReversedLists(when=When(call="history_deals_get", every=2, times=2)))
    sent(mt5, market_order(mt5, BUY))
    kinds = [deals(mt5)[0].type for _ in range(7)]
    assert kinds == [2, 0, 2, 0, 2, 2, 2]


def test_a_plan_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        """
seed: 7
faults:
  - {fault: reply_lost, executed: true, when: {number: 3}}
  - {fault: retcode, code: 10012, when: {chance: 0.1}}
  - {fault: lag, lists: [deals, positions], reads: 4, when: {every: 2}}
  - {fault: process_death, after: true, when: {call: positions_get, number: 9}}
""",
        encoding="utf-8",
    )
    assert load_faults(path) == FaultPlan(
        (
            ReplyLost(executed=True, when=When(number=3)),
            Retcode(code=10012, when=When(chance=0.1)),
            Lag(lists=("deals", "positions"), reads=4, when=When(every=2)),
            ProcessDeath(after=True, when=When(call="positions_get", number=9)),
        ),
        seed=7,
    )
    path.write_text("faults: [{fault: gremlins}]", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"plan\.yaml.*gremlins"):
        load_faults(path)
    with pytest.raises(ProfileError, match="No such file"):
        load_faults(tmp_path / "none.yaml")


def test_the_plan_that_comes_with_daybook_strikes_and_leaves_the_book_true() -> None:
    plan = load_faults("bad-day")
    rows = ticks([(1000 * n, 1.1, 1.1001) for n in range(400)])
    terminal = Terminal(load_profile("ecn-hedging"), TickMarket({"EURUSD": rows}, start=10))
    terminal.inject(plan, sleep=lambda seconds: None)
    mt5 = connected(terminal)
    outcomes = set()
    for _ in range(300):
        tick = mt5.symbol_info_tick("EURUSD")
        request = {"action": 1, "symbol": "EURUSD", "volume": 0.01, "type_filling": 1}
        result = mt5.order_send(request)
        outcomes.add(mt5.last_error()[0] if result is None else result.retcode)
        if tick is None or result is None:
            mt5.initialize()
        terminal.advance()
    assert {-10002, 10004, 10009, 10012} <= outcomes
    book = terminal.server.book
    assert len(book.positions) == sum(deal.entry == 0 and deal.order > 0 for deal in book.deals)
    assert book.balance == pytest.approx(sum(deal.amount for deal in book.deals), abs=0.005)
