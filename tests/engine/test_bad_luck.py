"""Bad input and bad luck, met by the whole engine: whatever comes, nothing is doubled and nothing
is made up. `tools/RUNBOOK.md` has a sentence for each."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.broker.server_time import ServerTime
from engine.clock import MarketClock
from engine.terminal import Terminal, constants
from engine.terminal.book import Book, Deal
from engine.terminal.faults import (
    CommentOverwritten,
    FaultPlan,
    ReplyLost,
    Retcode,
    ReversedLists,
    When,
)
from journal.errors import BrokerError
from journal.events import (
    DiscrepancyFound,
    OrderAccepted,
    OrderIntended,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
    QuoteUnavailable,
    RunEnded,
    TradingHalted,
)
from projections.orders import unresolved
from replay.session import verify_session
from tests.engine.rig import PROFILE, Rig

Twist = Callable[[Any], Any]
"""What is made of a record of the terminal, or of a function of its module."""


class Replaced:
    """A terminal with one function of its module replaced by another around it."""

    def __init__(self, terminal: Terminal, function: str, around: Twist) -> None:
        self._terminal, self._function, self._around = terminal, function, around

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)

    def module(self) -> SimpleNamespace:
        """Return the terminal's module with that function replaced."""
        module = vars(self._terminal.module()).copy()
        module[self._function] = self._around(module[self._function])
        return SimpleNamespace(**module)


def replaced(folder: Path, function: str, around: Twist) -> Rig:
    """Return a rig whose terminal has one function replaced; `around` makes it of the real one."""
    rig = Rig(folder)
    terminal = rig.terminal
    rig.terminal = lambda: Replaced(terminal(), function, around)  # type: ignore[method-assign,assignment,return-value] # stands for it
    return rig


def twisted(folder: Path, function: str, twist: Twist) -> Rig:
    """Return a rig whose terminal twists what a function returns."""

    def around(real: Any) -> Any:
        def found(*args: Any, **kwargs: Any) -> Any:
            found = real(*args, **kwargs)
            if isinstance(found, tuple) and not hasattr(found, "_asdict"):  # a list of them
                return tuple(twist(one) for one in found)
            return found and twist(found)

        return found

    return replaced(folder, function, around)


def changed(**fields: Any) -> Twist:
    """Give a record's fields other values."""
    return lambda record: SimpleNamespace(**{**record._asdict(), **fields})


def without(field: str) -> Twist:
    """Take a field away, as a module of another age has it."""
    return lambda record: SimpleNamespace(
        **{name: value for name, value in record._asdict().items() if name != field}
    )


def struck(folder: Path, *faults: Any) -> Rig:
    """Return a rig whose terminal has these faults."""
    rig = Rig(folder)
    terminal = rig.terminal

    def unlucky() -> Terminal:
        one = terminal()
        one.inject(FaultPlan(faults))
        return one

    rig.terminal = unlucky  # type: ignore[method-assign] # stands for it
    return rig


CUT = 6
"""Characters that a stingy broker keeps of a comment."""
ANEW = 12_345.0
"""The first deposit of an account that is begun anew."""
OLD = range(11, 14)
"""Tickets of deals that a broker books into the past."""


def cutting(folder: Path) -> Rig:
    """Return a rig whose broker keeps only the beginning of every comment."""

    def around(send: Any) -> Any:
        return lambda request: send({**request, "comment": request.get("comment", "")[:CUT]})

    return replaced(folder, "order_send", around)


def begun_anew(folder: Path, at_bar: int) -> Rig:
    """Return a rig whose broker forgets the account at a bar and opens it again."""
    rig = Rig(folder, clock=partial(MarketClock, longest=0))  # each bar is a step of its own
    plain = rig.terminal

    def forgetful() -> Terminal:
        terminal = plain()
        bars = count(1)

        def advance() -> bool:
            if next(bars) == at_bar:
                server = terminal.server
                digits = server.account.digits
                vars(server.book).update(vars(Book(PROFILE.first_ticket, digits)))
                server.operate(constants.DEAL_TYPE_BALANCE, ANEW)
            return terminal.server.advance()

        terminal.advance = advance
        return terminal

    rig.terminal = forgetful  # type: ignore[method-assign] # stands for it
    return rig


def add_old_deals(terminal: Terminal) -> None:
    """Book deals into the past, before everything that the account has, the newest last."""
    book = terminal.server.book
    first = book.deals[0].time_msc
    for number, ticket in enumerate(OLD):
        old = Deal(
            ticket=ticket,
            type=constants.DEAL_TYPE_CORRECTION,
            time_msc=first - (len(OLD) - number) * 365 * 24 * 3600 * 1000,
            profit=1.5,
        )
        book.deals.insert(number, old)
        book.deal_times.insert(number, old.time_msc)
        book.deal_by_ticket[ticket] = old
        book.balance += old.amount


class OffClock(MarketClock):
    """A market's clock on a computer whose own is wrong from a bar on; the market goes on while
    somebody waits."""

    def __init__(self, terminal: Terminal, rule: ServerTime, hours: int, since: int) -> None:
        super().__init__(terminal, rule)
        self._hours, self._bars_left = hours, since

    def now_ns(self) -> int:
        """The time of the last tick, or hours beside it."""
        off = 0 if self._bars_left > 0 else self._hours * 3600 * 1_000_000_000
        return super().now_ns() + off

    async def next(self) -> bool:
        """Advance the market by one step."""
        self._bars_left -= 1
        return await super().next()

    async def sleep(self, seconds: float) -> None:
        """Let the market make a step."""
        await super().next()


def effects(rig: Rig) -> Counter[int]:
    """How many opening orders the broker's deals show for each position."""
    return Counter(deal.position_id for deal in rig.deals() if deal.entry == 0 and deal.order)


# --- return codes that nobody knows


@pytest.mark.parametrize("executed", [True, False])
def test_a_return_code_that_nobody_knows_halts_and_evidence_tells_what_became_of_it(
    tmp_path: Path, executed: bool
) -> None:
    rig = struck(tmp_path, Retcode(code=19999, executed=executed, when=When(number=2)))
    rig.process()
    first, second = rig.intents()
    [doubt] = rig.recorded(OrderUnresolved)
    assert doubt.key == second.key
    assert [halt.rule for halt in rig.recorded(TradingHalted)] == ["broker answer"]
    [settled] = [e for e in rig.recorded(OrderAccepted, OrderRefused) if e.key == second.key]
    assert isinstance(settled, OrderAccepted) is executed
    assert settled.proof == "evidence"
    assert len(effects(rig)) == 1 + executed
    assert first.key != second.key
    assert verify_session(rig.journal).agrees


# --- records with missing fields


@pytest.mark.parametrize(
    ("function", "twist", "said"),
    [
        ("history_deals_get", without("fee"), "deal 50000001 has no field 'fee'"),
        ("history_deals_get", changed(comment=None), "wrong type: 'comment' is None, expected str"),
        ("account_info", without("margin_mode"), "account has no field 'margin_mode'"),
        ("account_info", changed(balance=None), "'balance' is None, expected float"),
        ("account_info", changed(login="5012345"), "'login' is '5012345', expected int"),
        ("symbol_info", without("trade_stops_level"), "symbol EURUSD has no field"),
        ("symbol_info", changed(volume_step="0.01"), "'volume_step' is '0.01', expected float"),
        ("terminal_info", changed(name=None), "terminal has a field of the wrong type: 'name'"),
    ],
)
def test_a_record_without_a_field_ends_the_run_and_names_it_and_nothing_of_it_is_recorded(
    tmp_path: Path, function: str, twist: Twist, said: str
) -> None:
    rig = twisted(tmp_path, function, twist)
    with pytest.raises(BrokerError, match=said):
        rig.process()
    [ended] = rig.recorded(RunEnded)
    assert ended.reason == "failed"
    assert said in ended.detail
    assert rig.deals() == []
    assert rig.intents() == []


def test_a_price_without_a_field_is_no_price_and_nothing_is_sent_on_it(tmp_path: Path) -> None:
    rig = twisted(tmp_path, "symbol_info_tick", without("bid"))
    rig.process()
    [reason] = {missing.reason for missing in rig.recorded(QuoteUnavailable)}
    assert "tick of EURUSD has no field 'bid'" in reason
    assert rig.intents() == []


@pytest.mark.parametrize(("field", "value"), [("bid", None), ("ask", "1.1"), ("time_msc", 1.5)])
def test_a_price_that_is_no_number_is_no_price_and_nothing_is_sent_on_it(
    tmp_path: Path, field: str, value: object
) -> None:
    rig = twisted(tmp_path, "symbol_info_tick", changed(**{field: value}))
    said = f"tick of EURUSD has a field of the wrong type: '{field}' is {value!r}"
    if field == "time_msc":  # by which the broker's clock is measured, before anything else
        with pytest.raises(BrokerError, match=said):
            rig.process()
    else:
        rig.process()
        [reason] = {missing.reason for missing in rig.recorded(QuoteUnavailable)}
        assert said in reason
    assert rig.intents() == []


@pytest.mark.parametrize("field", ["order", "retcode", "deal", "request_id"])
def test_an_answer_without_a_field_is_no_answer_and_evidence_tells(
    tmp_path: Path, field: str
) -> None:
    rig = twisted(tmp_path, "order_send", without(field))
    rig.process()
    [intent] = rig.intents()[:1]
    assert [doubt.key for doubt in rig.recorded(OrderUnresolved)][:1] == [intent.key]
    accepted = [e for e in rig.recorded(OrderAccepted) if e.key == intent.key]
    assert [e.proof for e in accepted] == ["evidence"]
    assert set(effects(rig).values()) == {1}
    assert verify_session(rig.journal).agrees


# --- prices of zero


@pytest.mark.parametrize("fields", [{"bid": 0.0, "ask": 0.0}, {"bid": 0.0}, {"ask": 0.0}])
def test_on_a_price_of_zero_nothing_is_sent(tmp_path: Path, fields: dict[str, float]) -> None:
    rig = twisted(tmp_path, "symbol_info_tick", changed(**fields))
    rig.process()
    assert rig.recorded(QuoteUnavailable)
    assert {veto.rule for veto in rig.recorded(OrderVetoed)} == {"quote"}
    assert rig.intents() == []


def test_an_answer_without_prices_is_believed_and_the_deal_tells_them(tmp_path: Path) -> None:
    rig = twisted(tmp_path, "order_send", changed(price=0.0, bid=0.0, ask=0.0, volume=0.0))
    rig.process()
    assert rig.state is not None
    assert {order.average for order in rig.state.orders.done if order.status == "filled"} <= {
        deal.price for deal in rig.deals()
    }
    assert not rig.recorded(OrderUnresolved, TradingHalted)


def test_a_positions_price_of_zero_is_a_discrepancy_and_never_booked(tmp_path: Path) -> None:
    rig = twisted(tmp_path, "positions_get", changed(price_open=0.0, price_current=0.0))
    rig.process()
    assert {found.name for found in rig.recorded(DiscrepancyFound)} == {"price"}
    assert rig.state is not None
    assert all(position.price for position in rig.state.positions.open.values())


# --- comments


@pytest.mark.parametrize("text", ["", "#1", "[sl 1.05]", "R0000010000"])
def test_without_any_comment_of_ours_every_deal_is_still_known_by_its_order(
    tmp_path: Path, text: str
) -> None:
    rig = struck(tmp_path, CommentOverwritten(text=text))
    rig.process()
    assert rig.state is not None
    assert not unresolved(rig.state.orders)
    assert not rig.recorded(OrderUnresolved, TradingHalted, DiscrepancyFound)
    plain = Rig(tmp_path / "plain")
    plain.folder.mkdir()
    plain.process()
    assert rig.state.performance == plain.state.performance  # type: ignore[union-attr] # it has run


def test_a_lost_answer_and_a_lost_comment_together_halt_and_are_never_sent_again(
    tmp_path: Path,
) -> None:
    second = When(number=2)
    rig = struck(
        tmp_path,
        CommentOverwritten(text="by dealer 7", when=second),
        ReplyLost(executed=True, when=second),
    )
    rig.process()
    assert [halt.rule for halt in rig.recorded(TradingHalted)][:1] == ["ambiguous order"]
    assert len(rig.intents()) == 2
    assert set(effects(rig).values()) == {1}
    rig.process()
    assert rig.state is not None
    assert [order.status for order in unresolved(rig.state.orders)] == ["unresolved"]
    assert len(rig.intents()) == 2


def test_a_broker_that_cuts_every_comment_short_changes_nothing(tmp_path: Path) -> None:
    rig = cutting(tmp_path)
    rig.process()
    assert rig.state is not None
    assert {len(deal.comment) for deal in rig.deals() if deal.magic and not deal.entry} == {CUT}
    assert not unresolved(rig.state.orders)
    assert not rig.recorded(OrderUnresolved, TradingHalted, DiscrepancyFound)
    assert set(effects(rig).values()) == {1}


# --- tickets that are used again


def test_an_account_that_is_begun_anew_uses_its_tickets_again_and_halts_and_is_not_taken_in(
    tmp_path: Path,
) -> None:
    rig = begun_anew(tmp_path, at_bar=150)
    rig.process()
    assert rig.state is not None
    known = [deal.ticket for deal in rig.deals()]
    again = {ticket for ticket in known if known.count(ticket) > 1}
    assert again, "no ticket was used again"
    found = rig.recorded(DiscrepancyFound)
    assert {one.subject for one in found if one.name == "ticket reused"} == {
        str(ticket) for ticket in again
    }
    [halt] = rig.recorded(TradingHalted)
    assert halt.rule == "discrepancy"
    assert rig.state.account.balance != ANEW  # a deposit of this size was made, and is not counted
    ours = [type(one) for one in rig.recorded(TradingHalted, OrderIntended)]
    assert ours.index(TradingHalted) == len(ours) - 1, "something was sent after the halt"
    assert verify_session(rig.journal).agrees


# --- deals that are years old, and out of order


def test_deals_that_are_years_old_and_listed_in_any_order_are_taken_in_once(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path)
    rig.process(max_bars=150)
    before = {deal.ticket for deal in rig.deals()}
    assert len(before) > 1
    plain = rig.terminal

    def older() -> Terminal:
        terminal = plain()
        add_old_deals(terminal)
        terminal.inject(FaultPlan((ReversedLists(when=When(call="history_deals_get")),)))
        return terminal

    rig.terminal = older  # type: ignore[method-assign] # stands for it
    rig.process()
    assert rig.state is not None
    tickets = [deal.ticket for deal in rig.deals()]
    assert len(tickets) == len(set(tickets))
    assert set(tickets) - before >= set(OLD)
    assert not rig.recorded(TradingHalted)
    assert verify_session(rig.journal).agrees


# --- a clock two hours off


@pytest.mark.parametrize("hours", [-2, 2])
def test_no_run_starts_while_this_computers_clock_is_two_hours_off(
    tmp_path: Path, hours: int
) -> None:
    rig = Rig(tmp_path, clock=lambda terminal, rule: OffClock(terminal, rule, hours, since=0))
    with pytest.raises(BrokerError, match="check this computer's clock first"):
        rig.process()
    assert rig.intents() == []
    assert [ended.reason for ended in rig.recorded(RunEnded)] == ["failed"]


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_goes_two_hours_off_while_a_run_trades_halts_it(
    tmp_path: Path, hours: int
) -> None:
    rig = Rig(tmp_path, clock=lambda terminal, rule: OffClock(terminal, rule, hours, since=100))
    rig.process()
    [halt] = rig.recorded(TradingHalted)
    assert halt.reason.startswith("1 found; first: clock Daybook-ECN")
    ours = [type(one) for one in rig.recorded(TradingHalted, OrderIntended)]
    assert ours.index(TradingHalted) > 0, "it did not trade before"
    assert ours.index(TradingHalted) == len(ours) - 1, "something was sent after the halt"
    tickets = [deal.ticket for deal in rig.deals()]
    assert len(tickets) == len(set(tickets))


# --- a journal copied from another machine


def moved(rig: Rig, folder: Path) -> Rig:
    """Copy the journal elsewhere, with all that lies beside it, and the account as it is now."""
    folder.mkdir()
    shutil.copytree(rig.journal, folder / "journal")
    for book in rig.folder.glob("broker*"):
        shutil.copy(book, folder / book.name)
    return Rig(folder)


def test_a_journal_that_was_moved_to_another_machine_goes_on_where_it_was(tmp_path: Path) -> None:
    here = Rig(tmp_path / "here")
    here.folder.mkdir()
    here.process(max_bars=200)
    (here.journal / "lock").write_text('{"pid":1,"host":"elsewhere"}', encoding="utf-8")
    (here.journal / "channel").write_text('{"port":1,"pid":1}', encoding="utf-8")
    there = moved(here, tmp_path / "there")
    there.process()
    here.process()
    assert there.state is not None
    assert here.state is not None
    assert there.state.performance == here.state.performance
    assert verify_session(there.journal).agrees


def test_an_old_copy_of_a_journal_takes_in_what_happened_without_it_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    here = Rig(tmp_path / "here")
    here.folder.mkdir()
    here.process(max_bars=200)
    copy = moved(here, tmp_path / "copy")
    here.process(max_bars=100)
    for book in here.folder.glob("broker*"):
        shutil.copy(book, copy.folder / book.name)
    elsewhere = {deal.ticket for deal in here.deals()} - {deal.ticket for deal in copy.deals()}
    assert elsewhere, "nothing happened without it"
    copy.process()
    tickets = [deal.ticket for deal in copy.deals()]
    assert len(tickets) == len(set(tickets))
    assert elsewhere <= set(tickets)
    assert set(effects(copy).values()) == {1}
    assert verify_session(copy.journal).agrees
