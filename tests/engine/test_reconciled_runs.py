"""Whole runs on a simulated account at which others act: the journal keeps to the broker's truth
without a restart, and trading goes on where it may."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from journal import Writer, read
from journal.envelope import stamp
from journal.events import (
    DealRecorded,
    DiscrepancyFound,
    OrderIntended,
    OrderVetoed,
    PositionAdjusted,
    TradingHalted,
)
from projections.state import fold
from replay.duplicates import find
from tests.engine.rig import CONFIG, Rig
from tests.given import deposit
from tests.simulation.plans import quiet
from tools.simulation.plan import BrokerKind, ByHand, Comment, CommentChanged, Hand
from tools.simulation.report import play
from tools.simulation.session import Session

KINDS: tuple[BrokerKind, ...] = ("market", "netting")
MONEY = ("deposit", "withdraw", "credit", "correction", "dividend", "commission")


# --- what others do


@pytest.mark.parametrize("what", get_args(Hand))
@pytest.mark.parametrize("broker", KINDS)
def test_what_others_do_is_in_the_journal_without_a_restart_and_only_a_twin_halts(
    broker: BrokerKind, what: Hand
) -> None:
    """`play` holds the journal against the broker's book before the first restart, too."""
    by_hand = tuple(ByHand(step=step, what=what, size=0.05) for step in range(5, 95, 9))
    plan = quiet(broker, troubles=by_hand)
    assert play(plan) == []
    events = [event.data for event in Session(plan).run().events]
    halts = {e.rule for e in events if isinstance(e, TradingHalted)}
    if what.startswith("twin"):  # the order of one that waits differs until it is filled
        assert "stranger with our magic" in halts
        assert halts <= {"stranger with our magic", "discrepancy"}
    else:
        assert halts == set()
    operations = [e for e in events if isinstance(e, DealRecorded) and not e.symbol]
    assert len(operations) == (1 + len(by_hand) if what in MONEY else 1)
    if what == "move stops":
        found = [e.name for e in events if isinstance(e, DiscrepancyFound)]
        assert set(found) == {"levels"}
        assert sum(isinstance(e, PositionAdjusted) for e in events) == len(found)


@pytest.mark.parametrize("how", [how for how in get_args(Comment) if how != "cut"])
def test_a_broker_that_rewrites_every_comment_is_traded_with_like_any_other(how: Comment) -> None:
    plan = quiet(troubles=tuple(CommentChanged(number=n, how=how) for n in range(1, 60)))
    assert play(plan) == []


def test_a_broker_that_cuts_every_comment_off_is_traded_with_like_any_other() -> None:
    """The orders' tickets are in its answers: no comment is needed while none is lost."""
    plan = quiet(troubles=tuple(CommentChanged(number=n, how="cut") for n in range(1, 60)))
    assert play(plan) == []
    events = [event.data for event in Session(plan).run().events]
    assert sum(isinstance(e, OrderIntended) for e in events) > 3
    assert [e for e in events if isinstance(e, TradingHalted)] == []


# --- starts


def test_a_start_on_a_journal_that_differs_sends_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.process(max_bars=150)
    before = len(rig.intents())
    assert before
    append(rig.journal, msgspec.structs.replace(deposit(77.0), ticket=3, time_msc=5))
    rig.process()
    assert [one.rule for one in rig.recorded(TradingHalted)] == ["discrepancy"]
    assert [one.name for one in rig.recorded(DiscrepancyFound)] == ["balance"]
    assert len(rig.intents()) == before
    vetoes = {one.rule for one in rig.recorded(OrderVetoed)}
    assert "halted" in vetoes


def test_an_older_copy_of_a_journal_takes_in_what_happened_since_halts_and_shows_it(
    tmp_path: Path,
) -> None:
    """A backup is put back, or the journal was copied to another machine: the engine that went on
    with it has traded meanwhile."""
    rig = Rig(tmp_path)
    rig.process(max_bars=120)
    shutil.copytree(rig.journal, tmp_path / "copy")
    rig.process(max_bars=120)
    assert find(read(rig.journal)).unmeant == []
    lost = len(rig.deals())
    shutil.rmtree(rig.journal)
    (tmp_path / "copy").rename(rig.journal)
    known = {deal.ticket for deal in rig.deals()}
    assert len(known) < lost

    rig.process()
    [halt] = rig.recorded(TradingHalted)
    assert halt.rule == "stranger with our magic"
    with rig.terminal() as terminal:
        book = terminal.server.book
        assert sorted(deal.ticket for deal in rig.deals()) == [d.ticket for d in book.deals]
        state = fold(read(rig.journal))
        assert round(state.account.balance, 2) == book.balance
        assert state.positions.open.keys() == {p.identifier for p in book.positions.values()}
    strange = find(read(rig.journal)).unmeant
    assert strange
    assert {one.magic for one in strange} == {CONFIG.strategies[0].magic}
    told = {int(one.subject) for one in rig.recorded(DiscrepancyFound)}
    assert told
    assert told <= {one.deal for one in strange}
    assert known.isdisjoint(one.deal for one in strange)


def append(journal: Path, payload: DealRecorded) -> None:
    """Let a journal go on with one more event."""
    *_, last = read(journal)
    with Writer.open(journal, run=last.run) as writer:
        writer.append(stamp(payload, writer.next_seq, last.ts, last.run))
        writer.commit()
