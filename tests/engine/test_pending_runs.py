"""Whole runs of strategies that lay pending orders of every kind and close by the clock: nothing is
doubled or forgotten, whenever the process dies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from engine.config import Config
from engine.execution.commands import outstanding
from engine.execution.protection.rules import TimeStop, TrailAtr
from engine.ops.commands import FlattenPositions
from engine.ops.doors import obey_at_rest
from engine.strategies.breakout import BreakoutConfig
from journal.events import (
    ChangeApplied,
    ChangeIntended,
    ChangeUnresolved,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderUnresolved,
)
from projections.orders import pendings
from tests.engine import rig
from tests.engine.rig import Died, Fate, Rig
from tests.engine.test_crash import check

BARS = 330


def config() -> Config:
    """One strategy for each kind of pending order."""
    kinds = [("stop", 71), ("stop limit", 72), ("limit", 73)]
    strategies = [
        BreakoutConfig(
            name=entry.replace(" ", "-"),
            magic=magic,
            symbol="EURUSD",
            entry=entry,  # type: ignore[arg-type] # one of three
            channel=12,
            zone=0.3,
            atr_period=5,
            offset_atr=0.3,
            lifetime_s=900,
            protection=[TimeStop(minutes=25), TrailAtr(period=5, multiple=2.0, least_points=20)],
        )
        for entry, magic in kinds
    ]
    return msgspec.structs.replace(rig.CONFIG, strategies=strategies)


def lying(folder: Path) -> Rig:
    return Rig(folder, config(), bars=BARS)


def test_every_kind_of_pending_order_is_laid_filled_and_ended(tmp_path: Path) -> None:
    run = lying(tmp_path)
    assert run.process().reason == "data ended"
    check(run)
    state = run.state
    assert state is not None
    intents = run.recorded(OrderIntended)
    filled = {order.type for order in state.orders.done if order.status == "filled"}
    assert filled >= {"stop", "stop limit", "limit"}
    assert {intent.type for intent in intents} == {"stop", "stop limit", "limit", "market"}
    assert {intent.action for intent in intents} == {"open", "close"}
    assert state.orders.expired > 2
    assert run.recorded(OrderFinished)
    assert run.recorded(ChangeApplied)
    assert {wish.action for wish in run.recorded(ChangeIntended)} == {"levels", "modify"}


def moments(folder: Path) -> list[str]:
    fate = Fate()
    lying(folder).process(fate)
    return fate.seen


VISITS: Counter[str] = Counter()


@pytest.mark.no_cover  # the same lines again and again: to count them takes twice as long
@pytest.mark.parametrize("first", range(4))
def test_death_at_any_moment_of_such_a_run_loses_and_doubles_nothing(
    tmp_path: Path, first: int
) -> None:
    """A part of all moments in each of four: sendings in both manners, writes in turn."""
    seen = moments(tmp_path / "undisturbed")
    sendings = [moment for moment, name in enumerate(seen, start=1) if name == "order_send"]
    chosen = [(moment, manner) for moment in sendings for manner in ("before", "after")]
    others = [moment for moment in range(1, len(seen) + 1) if moment not in sendings]
    chosen += [(moment, ("before", "after")[moment // 9 % 2]) for moment in others[::9]]
    for moment, manner in chosen[first::12]:
        run = lying(tmp_path / f"{moment}-{manner}")
        with pytest.raises(Died):
            run.process(Fate(moment, manner))
        run.process()
        check(run)
        for what in (OrderUnresolved, ChangeUnresolved):
            VISITS[what.__name__] += len(run.recorded(what))


def test_the_deaths_before_left_orders_and_changes_in_doubt() -> None:
    if VISITS:  # run by itself, there is nothing to look back on
        assert VISITS["OrderUnresolved"]
        assert VISITS["ChangeUnresolved"]


def test_an_operators_flatten_outlives_a_death_and_leaves_nothing(tmp_path: Path) -> None:
    run = lying(tmp_path)
    run.process(max_bars=166)
    state = run.state
    assert state is not None
    assert state.positions.open
    assert pendings(state.orders)
    obey_at_rest(run.journal, FlattenPositions(by="anna", reason="going to bed"))
    with pytest.raises(Died):
        run.process(Fate(5, "after"))
    run.process(max_bars=3)
    check(run)
    after = run.state
    assert after is not None
    assert outstanding(after) == ([], [])
    reasons = [wish.reason for wish in run.recorded(OrderProposed, ChangeIntended)]
    assert "flatten: anna: going to bed" in reasons
    assert "cancel: anna: going to bed" in reasons
