"""The broker's book: it survives the process, never executes twice, and refuses a stranger."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.book import Book, Deal
from engine.terminal.errors import BookError
from engine.terminal.market import BarMarket, RandomMarket, Walk
from tests.engine.terminal.worlds import bars, connected, deals, market_order, sent, with_symbol

BUY = 0
ROOT = Path(__file__).parents[3]


def terminal_on(book: Path, seed: int = 0) -> Terminal:
    path = (1.1, 1.1005, 1.0980, 1.1)
    market = BarMarket({"EURUSD": bars([1.1, 1.1, 1.1, path, 1.1, 1.1])}, start=1)
    return Terminal(load_profile("ecn-hedging"), market, book=book, seed=seed)


def everything(mt5: ModuleType) -> tuple[object, ...]:
    lists = mt5.positions_get(), mt5.orders_get(), mt5.history_orders_get(1, 2**31 - 1)
    return (*lists, deals(mt5), mt5.account_info(), mt5.symbol_info_tick("EURUSD"))


def test_a_deal_that_was_read_is_told_from_another_one_under_its_ticket(tmp_path: Path) -> None:
    with terminal_on(tmp_path / "book") as terminal:
        mt5 = connected(terminal)
        sent(mt5, market_order(mt5, BUY, comment="one"))
        book, seen = terminal.server.book, deals(mt5)
        assert seen == deals(mt5)
        book.deals[-1] = msgspec.structs.replace(book.deals[-1], comment="other")
        assert (seen[-1].comment, deals(mt5)[-1].comment) == ("one", "other")


def test_the_past_between_two_moments_is_what_each_time_by_itself_says() -> None:
    times = [1000 * (number // 3) for number in range(60)]  # three at a time
    book = Book(1, 2)
    for count in range(len(times)):
        for first, last in itertools.product(range(-500, times[count] + 1000, 500), repeat=2):
            expected = [deal for deal in book.deals if first <= deal.time_msc <= last]
            assert book.deals_between(first, last) == expected
        book.add_deal(Deal(ticket=count, type=2, time_msc=times[count]))


def test_a_book_opened_again_is_the_account_that_was_left(tmp_path: Path) -> None:
    book = tmp_path / "book"
    with terminal_on(book) as terminal:
        mt5 = connected(terminal)
        sent(mt5, market_order(mt5, BUY, sl=1.0990, comment="a"))
        sent(mt5, market_order(mt5, BUY, tp=1.2, comment="b"))
        terminal.advance()
        sent(
            mt5,
            {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.05}
            | {"type_filling": 2},
        )
        left = everything(mt5)
    with terminal_on(book) as terminal:
        mt5 = connected(terminal)
        assert everything(mt5) == left
        while terminal.advance():
            pass
        assert len(mt5.positions_get()) == 1
        assert [deal.comment for deal in deals(mt5)][-1] == "[sl 1.09900]"


def test_a_run_interrupted_anywhere_ends_with_the_book_of_a_run_that_was_not(
    tmp_path: Path,
) -> None:
    def run(book: Path, *, interrupted: bool) -> bytes:
        terminal = terminal_on(book)
        mt5 = connected(terminal)
        sent(mt5, market_order(mt5, BUY, sl=1.0990))
        while terminal.advance():
            if interrupted:
                terminal.close()
                terminal = terminal_on(book)
        terminal.close()
        return book.read_bytes()

    assert run(tmp_path / "one", interrupted=True) == run(tmp_path / "two", interrupted=False)


def test_the_same_profile_data_seed_and_calls_give_the_same_bytes(tmp_path: Path) -> None:
    def run(book: Path) -> bytes:
        profile = load_profile("exchange-netting")
        walk = Walk(price=1.1, digits=5, spread=0.0001)
        market = RandomMarket({"EURUSD": walk}, ticks=500, seed=5)
        with Terminal(profile, market, book=book, seed=7) as terminal:
            mt5 = connected(terminal)
            for number in range(60):
                order = market_order(mt5, number % 3 % 2, float(1 + number % 5), type_filling=1)
                mt5.order_send(order)
                terminal.advance()
        return book.read_bytes()

    assert run(tmp_path / "one") == run(tmp_path / "two")


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_dropped(tmp_path: Path, cut: int) -> None:
    book = tmp_path / "book"
    with terminal_on(book) as terminal:
        mt5 = connected(terminal)
        sent(mt5, market_order(mt5, BUY))
        before = deals(mt5)
        whole = book.stat().st_size
        sent(mt5, market_order(mt5, BUY))
    os.truncate(book, book.stat().st_size - cut)
    with terminal_on(book) as terminal:
        mt5 = connected(terminal)
        assert deals(mt5) == before
        assert book.stat().st_size == whole
        sent(mt5, market_order(mt5, BUY))
    with terminal_on(book) as terminal:
        assert len(deals(connected(terminal))) == len(before) + 1


def test_a_step_written_but_not_counted_is_not_done_again(tmp_path: Path) -> None:
    book = tmp_path / "book"
    cursor = tmp_path / "book.cursor"
    with terminal_on(book) as terminal:
        mt5 = connected(terminal)
        sent(mt5, market_order(mt5, BUY, sl=1.0990))
        terminal.advance()
        terminal.advance()
        before = cursor.read_bytes()
        terminal.advance()  # the stop loss
        closed = everything(mt5)
    cursor.write_bytes(before)  # as if the process had died between the two writes
    with terminal_on(book) as terminal:
        assert everything(connected(terminal)) == closed


@pytest.mark.parametrize("change", ["seed", "data", "profile"])
def test_a_book_of_another_world_is_refused(tmp_path: Path, change: str) -> None:
    book = tmp_path / "book"
    terminal_on(book).close()
    profile = load_profile("market-maker" if change == "profile" else "ecn-hedging")
    path = (1.1, 1.1005, 1.0980, 1.1)
    rows = bars([1.1, 1.1, 1.1, path, 1.1, 1.2 if change == "data" else 1.1])
    market = BarMarket({"EURUSD": rows}, start=1)
    named = {"data": "market"}.get(change, change)
    with pytest.raises(BookError, match=f"was kept with {named}"):
        Terminal(profile, market, book=book, seed=1 if change == "seed" else 0)
    terminal_on(book).close()


@pytest.mark.parametrize("content", ["my notes\n", "my notes", '{"a":1}\n', '{"step":'])
def test_what_is_no_book_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    book = tmp_path / "notes.txt"
    book.write_text(content, encoding="utf-8")
    with pytest.raises(BookError, match="not a terminal's book"):
        terminal_on(book)
    assert book.read_text(encoding="utf-8") == content


def test_a_book_begun_and_not_finished_is_begun_again(tmp_path: Path) -> None:
    book = tmp_path / "book"
    terminal_on(book).close()
    whole = book.read_bytes()
    for length in (0, 10, whole.index(b"\n"), whole.index(b"\n") + 1, len(whole) - 3):
        book.write_bytes(whole[:length])
        terminal_on(book).close()
        assert book.read_bytes() == whole


def test_a_new_book_does_not_inherit_the_cursor_of_one_moved_away(tmp_path: Path) -> None:
    book = tmp_path / "book"
    with terminal_on(book) as terminal:
        while terminal.advance():
            pass
    book.unlink()
    for _ in range(2):
        with terminal_on(book) as terminal:
            assert terminal.server.market.step == 1


_TRADER = """
import sys
from engine.terminal import Terminal, load_profile
from engine.terminal.market import RandomMarket, Walk
walk = Walk(price=1.1, digits=5, spread=0.0001, volatility=1e-4)
market = RandomMarket({"EURUSD": walk}, ticks=200_000, seed=3)
terminal = Terminal(load_profile("ecn-hedging"), market, book=sys.argv[1])
mt5 = terminal.module()
mt5.initialize()
while terminal.advance():
    if mt5.positions_total() < 3:
        tick = mt5.symbol_info_tick("EURUSD")
        result = mt5.order_send({
            "action": 1, "symbol": "EURUSD", "volume": 0.01, "type": 0, "type_filling": 1,
            "sl": round(tick.bid - 0.0004, 5), "tp": round(tick.bid + 0.0004, 5)})
        print(result.order, result.deal, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_whatever_was_answered_before_a_kill_is_in_the_book_afterwards(tmp_path: Path) -> None:
    book = tmp_path / "book"
    answered: list[tuple[int, int]] = []
    for lines in (3, 7, 11):
        trader = subprocess.Popen(
            [sys.executable, "-c", _TRADER, str(book)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert trader.stdout is not None
        for _ in range(lines):
            order, deal = trader.stdout.readline().split()
            answered.append((int(order), int(deal)))
        trader.kill()
        # Answers that were on their way when it died count too.
        late = (line.split() for line in trader.stdout.read().splitlines())
        answered.extend((int(words[0]), int(words[1])) for words in late if len(words) == 2)
        trader.wait()
        trader.stdout.close()
    walk = Walk(price=1.1, digits=5, spread=0.0001, volatility=1e-4)
    market = RandomMarket({"EURUSD": walk}, ticks=200_000, seed=3)
    with Terminal(load_profile("ecn-hedging"), market, book=book) as terminal:
        mt5 = connected(terminal)
        made = deals(mt5)
        opened = [(deal.order, deal.ticket) for deal in made if deal.entry == 0 and deal.order]
        assert set(answered[:-1]) <= set(opened)
        assert len(opened) == len(set(opened))
        closed = [deal.position_id for deal in made if deal.entry == 1]
        assert len(closed) == len(set(closed)), "a stop was executed twice"
        assert set(closed) | {position.identifier for position in mt5.positions_get()} == {
            order for order, _ in opened
        }
        booked = sum(deal.profit + deal.commission + deal.swap for deal in made)
        assert mt5.account_info().balance == pytest.approx(booked, abs=0.005)


def test_a_position_that_comes_back_in_the_transition_that_closed_it_is_there_afterwards(
    tmp_path: Path,
) -> None:
    """The rest of an order fills the position's ticket anew, in the bar that stopped it out."""
    thin = with_symbol(load_profile("ecn-hedging"), execution="exchange", available_volume=0.3)

    def opened() -> Terminal:
        path = (1.1, 1.1005, 1.0980, 1.0990)
        market = BarMarket({"EURUSD": bars([1.1, 1.1, path, 1.0990])}, start=1)
        return Terminal(thin, market, book=tmp_path / "book")

    with opened() as terminal:
        mt5 = connected(terminal)
        order = market_order(mt5, BUY, 3.0, sl=1.0985, type_filling=mt5.ORDER_FILLING_RETURN)
        result = sent(mt5, order, mt5.TRADE_RETCODE_DONE_PARTIAL)
        terminal.advance()
        terminal.advance()
        assert deals(mt5)[-1].entry == 0
        assert any(deal.entry == 1 for deal in deals(mt5))
        left = everything(mt5)
        assert [position.ticket for position in left[0]] == [result.order]  # type: ignore[attr-defined]  # a tuple of records
    with opened() as terminal:
        assert everything(connected(terminal)) == left
