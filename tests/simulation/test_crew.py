"""Playing many sessions in several processes."""

from __future__ import annotations

from tests.simulation.plans import seeds
from tools.simulation.crew import AT_ONCE, play_all
from tools.simulation.report import Result


def test_two_processes_find_and_meet_what_one_does() -> None:
    plans = list(seeds(range(2 * AT_ONCE)))
    alone, together = (play_all(plans, lambda result: None, jobs=jobs) for jobs in (1, 2))
    assert together == alone
    assert alone.passed == len(plans)
    assert alone.visits["orders sent"] > 10 * len(plans)


def test_an_interrupted_run_keeps_what_was_played() -> None:
    def impatient(result: Result) -> None:
        raise KeyboardInterrupt

    result = play_all(list(seeds(range(2 * AT_ONCE))), impatient)
    assert result.interrupted
    assert result.sessions == AT_ONCE
