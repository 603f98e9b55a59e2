"""The promise: killed at any moment and started again, nothing is doubled and nothing forgotten."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from journal import verify
from journal.events import (
    BarClosed,
    EvidenceGathered,
    JournalRecovered,
    OrderRefused,
    OrderUnresolved,
    RunEnded,
)
from projections.orders import pendings, unresolved
from replay.session import verify_session
from tests.engine.rig import Died, Fate, Rig

MANNERS = {"write": ("before", "half", "after"), "sync": ("before", "after")}
VISITS: Counter[str] = Counter()


def moments(folder: Path) -> list[str]:
    """The moments of an undisturbed run, at each of which a process may die."""
    fate = Fate()
    Rig(folder).process(fate)
    return fate.seen


def check(rig: Rig) -> None:
    """Hold the journal against the broker's own book: one effect an intent, each deal once."""
    terminal = rig.terminal()
    mt5 = terminal.module()
    mt5.initialize()
    magics = {strategy.magic for strategy in rig.config.strategies}
    live = mt5.orders_get()
    listed = (*mt5.history_orders_get(1, 2**31 - 1), *live)
    orders = [o for o in listed if o.comment and o.magic in magics]
    deals = mt5.history_deals_get(1, 2**31 - 1)
    keys = [order.comment for order in orders if not order.comment.startswith("[")]
    assert len(keys) == len(set(keys)), "a doubled order"
    intended = {intent.key for intent in rig.intents()}
    assert set(keys) <= intended, "an order that no intent stands for"
    refused = {refusal.key for refusal in rig.recorded(OrderRefused)}
    assert set(keys) == intended - refused, "an order forgotten, or a refusal that was none"
    tickets = [deal.ticket for deal in rig.deals()]
    assert sorted(tickets) == sorted(deal.ticket for deal in deals), "a deal lost or doubled"
    state = rig.state
    assert state is not None
    assert not unresolved(state.orders)
    assert state.run.halt_rule == ""
    assert state.account.balance == pytest.approx(mt5.account_info().balance, abs=0.005)
    held = {(p.identifier, p.ticket, p.sl, p.tp) for p in mt5.positions_get()}
    assert {(p.identifier, p.ticket, p.sl, p.tp) for p in state.positions.open.values()} == held
    assert {o.ticket for o in pendings(state.orders)} == {o.ticket for o in live}
    assert not state.changes.open
    terminal.close()
    times = [bar.time for bar in rig.recorded(BarClosed)]
    assert times == sorted(set(times)), "a bar doubled or out of order"
    found = verify(rig.journal).findings
    assert not [finding for finding in found if finding.severity != "note"]
    assert verify_session(rig.journal).divergence is None


def test_an_undisturbed_run_agrees_with_the_broker(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    ending = rig.process()
    assert ending.reason == "data ended"
    assert len(rig.intents()) >= 8, "the rig must trade, or this file proves nothing"
    check(rig)


@pytest.mark.no_cover  # the same lines a hundred times: to count them takes twice as long
def test_death_at_every_write_sync_and_sending_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seen = moments(tmp_path / "undisturbed")
    assert {"write", "sync", "order_send"} <= set(seen)
    for moment, name in enumerate(seen, start=1):
        for manner in MANNERS.get(name, ("before", "after")):
            rig = Rig(tmp_path / f"{moment}-{manner}")
            with pytest.raises(Died):
                rig.process(Fate(moment, manner))
            rig.process()
            check(rig)
            _count(rig)
    # Every way out of a crash was taken, or the test has not tested it.
    for way in ("torn end", "sent and found", "never sent", "nothing under way"):
        assert VISITS[way], f"no crash led to: {way}"


def _count(rig: Rig) -> None:
    VISITS["torn end"] += len(rig.recorded(JournalRecovered))
    lost = rig.recorded(OrderUnresolved)
    found = [evidence for evidence in rig.recorded(EvidenceGathered) if evidence.orders]
    VISITS["sent and found"] += len(found)
    VISITS["never sent"] += len(lost) - len(found)
    VISITS["nothing under way"] += not lost


@pytest.mark.parametrize("deaths", [range(3, 200, 7), range(5, 200, 11)])
def test_dying_again_and_again_still_converges(tmp_path: Path, deaths: range) -> None:
    rig = Rig(tmp_path, bars=250)
    for moment in deaths:
        try:
            rig.process(Fate(moment, "after"))
        except Died:
            continue
        break
    else:
        rig.process()
    assert rig.recorded(RunEnded)
    check(rig)
