"""The proof of execution and recovery, in small; `python tools/simulate.py` is it in large."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from engine.terminal import faults
from engine.terminal.faults import When
from journal import read, verify
from journal.events import OrderFinished
from tests.simulation.plans import quiet, seeds
from tools.simulate import app
from tools.simulation.plan import (
    ByHand,
    CommentChanged,
    DealLate,
    DiskTrouble,
    HandBefore,
    Plan,
    Stopped,
    load_plan,
    save_plan,
)
from tools.simulation.report import Failure, keep, play
from tools.simulation.session import Session
from tools.simulation.shrink import shrink
from tools.simulation.visits import expected

SEEDS = 110

ALWAYS = (
    "answer: 10009 done",
    "outcome: accepted by evidence",
    "outcome: refused by evidence",
    "outcome: halt: broker answer",
    "outcome: terminal lost",
    "outcome: torn end recovered",
    "outcome: trades again without a restart",
    "outcome: trades again after a restart",
    "outcome: pending order moved",
    "outcome: found position left",
    "outcome: found position adopted",
    "outcome: found position closed",
    "ending: died",
    "ending: journal halted: write",
    "ending: journal halted: sync",
    "ending: failed: CallFailed",
)
"""What a hundred seeds have to meet, or they have tested little."""


@pytest.mark.no_cover  # the same lines a hundred times: to count them takes thrice as long
def test_whatever_goes_wrong_nothing_is_doubled_lost_or_stuck() -> None:
    visits: Counter[str] = Counter()
    failed = {plan.seed: found for plan in seeds(range(SEEDS)) if (found := play(plan, visits))}
    assert failed == {}
    assert [name for name in ALWAYS if not visits[name]] == []
    assert visits["orders sent"] > 10 * SEEDS


def test_a_seed_is_the_same_session_every_time() -> None:
    [plan] = seeds([42])
    first, second = (Session(plan).run() for _ in range(2))
    assert first.events == second.events
    assert first.endings == second.endings
    assert first.visits == second.visits


def test_every_row_of_the_table_has_a_name_of_its_own() -> None:
    assert len(expected()) == len(set(expected())) > 100


# --- what the simulation has found: each of these failed once


FOUND = {
    "the rest of a partial fill is cancelled, and no deal tells": quiet("partial"),
    "a rest that somebody cancels by hand": quiet(
        "resting", troubles=tuple(ByHand(step=s, what="cancel rest", size=1.0) for s in range(90))
    ),
    "a deal that closes is listed before the one that opened": quiet(
        "netting", troubles=(DealLate(number=11, reads=29),)
    ),
    "an acceptance that names no order, its comment overwritten": quiet(
        faults=(
            faults.Retcode(code=10009, executed=True, when=When(number=2)),
            faults.CommentOverwritten(when=When(number=2)),
        )
    ),
    "killed between write and sync, then a power cut": quiet(
        batch=8,
        troubles=(
            Stopped(step=25),
            DiskTrouble(operation="sync", number=32, manner="die before"),
            DiskTrouble(operation="write", number=41, manner="power cut"),
        ),
    ),
    "a reply lost right before the broker opens positions again": quiet(
        faults=(
            faults.ReplyLost(executed=True, error=-1, when=When(every=3)),
            faults.TicketChange(when=When(call="orders_get", every=2)),
        )
    ),
    "a reply lost, and the broker names the key on the order and not on its deals": quiet(
        faults=(faults.ReplyLost(executed=True, error=-10002, when=When(number=3)),),
        troubles=(CommentChanged(number=3, how="deals"),),
    ),
    "killed behind a sending, and the same": quiet(
        faults=(faults.ProcessDeath(after=True, when=When(number=3)),),
        troubles=(CommentChanged(number=3, how="deals"),),
    ),
    "a reply lost while turning a position that somebody opened by hand (seed 8183)": quiet(
        "netting",
        faults=(faults.ReplyLost(executed=True, error=-10002, when=When(every=2)),),
        troubles=tuple(ByHand(step=step, what="trade", size=0.27) for step in range(0, 100, 7)),
    ),
    "a robot is quicker than a request, which adds to its position (seed 5166)": replace(
        quiet(
            "netting",
            troubles=tuple(HandBefore(number=n, what="robot trades") for n in range(1, 60, 3)),
        ),
        policy="reverse",
    ),
    "two strangers' positions that shall close each other, and the answer is lost": replace(
        quiet(
            strategies=2,
            faults=(faults.ReplyLost(executed=False, error=-1, when=When(every=2)),),
            troubles=tuple(
                trouble
                for step in (20, 40, 60, 80)
                for trouble in (
                    ByHand(step=step, what="trade", size=0.1),
                    ByHand(step=step, what="robot trades", size=0.1),
                    Stopped(step=step),
                )
            ),
        ),
        found="close",
        close_by=True,
    ),
    "a reply lost right after a stop was hit": quiet(
        strategies=2, faults=(faults.ReplyLost(executed=False, error=-10000, when=When(every=2)),)
    ),
}


@pytest.mark.parametrize("plan", FOUND.values(), ids=FOUND)
def test_what_it_has_found_stays_mended(plan: Plan) -> None:
    for first_bar in (0, 20_000, 50_000):
        assert play(replace(plan, first_bar=first_bar)) == []


def test_a_partial_fill_is_finished_by_the_brokers_history() -> None:
    events = Session(quiet("partial")).run().events
    assert any(isinstance(event.data, OrderFinished) for event in events)


# --- the tool


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    for plan in seeds(range(30)):
        save_plan(plan, tmp_path / "plan.yaml")
        assert load_plan(tmp_path / "plan.yaml") == plan


def test_shrinking_leaves_what_is_needed_and_nothing_else() -> None:
    [plan] = [plan for plan in seeds(range(40)) if len(plan.troubles) >= 5][:1]
    needed = plan.troubles[2]
    small = shrink(plan, lambda other: needed in other.troubles)
    assert (small.troubles, small.faults, small.bars) == ((needed,), (), 1)


def test_a_failing_seed_leaves_its_plan_and_a_journal_that_can_be_read(tmp_path: Path) -> None:
    [plan] = seeds([3])
    place = keep(Failure(plan, ["something"]), tmp_path, smaller=False)
    assert load_plan(place / "plan.yaml") == plan
    assert verify(place / "journal").ok
    assert list(read(place / "journal")) == Session(plan).run().events


def test_a_plan_is_made_smaller_only_while_it_shows_the_same_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [plan] = [plan for plan in seeds(range(40)) if len(plan.troubles) >= 4][:1]
    monkeypatch.setattr(
        "tools.simulation.report.play",
        lambda other: ["order K7 is lost" if other.bars == plan.bars else "another"],
    )
    place = keep(Failure(plan, ["order K1 is lost"]), tmp_path, smaller=True)
    smallest = load_plan(place / "smallest.yaml")
    assert (smallest.bars, smallest.troubles) == (plan.bars, ())


def test_the_last_line_says_how_many_passed() -> None:
    done = CliRunner().invoke(app, ["--first", "5", "--seeds", "3"])
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "3 of 3 seeds passed"


def test_a_failing_seed_prints_how_to_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.simulation.report.violations", lambda record: ["it is wrong"])
    done = CliRunner().invoke(app, ["--first", "8", "--seeds", "1", "--keep", str(tmp_path)])
    assert done.exit_code == 1
    assert "tools/simulate.py --first 8 --seeds 1 --bars 100" in done.output
    assert (tmp_path / "seed-8" / "smallest.yaml").is_file()
    assert done.output.splitlines()[-1] == "0 of 1 seeds passed"


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("troubles: []", encoding="utf-8")
    done = CliRunner().invoke(app, ["--plan", str(tmp_path / "plan.yaml")])
    assert done.exit_code == 2
    assert "is not a plan of the simulation" in done.output
