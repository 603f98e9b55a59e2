"""Plays many sessions, in several processes at once. What comes out is the same whatever their
number: a session knows nothing of any other, and results are taken in the order of the plans.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from tools.simulation.plan import Plan
from tools.simulation.report import Failure, Result, play

AT_ONCE = 10
"""Sessions that a process is given at a time: a second's work, roughly."""


class Played(msgspec.Struct, frozen=True):
    """What did not hold in each session of a batch, and what they met together."""

    problems: list[list[str]]
    visits: Counter[str]


def play_all(plans: Sequence[Plan], told: Callable[[Result], object], *, jobs: int = 1) -> Result:
    """Play every plan. `told` hears now and then how far it has come; Ctrl-C ends it there.

    jobs  processes; with one, it is this one
    """
    result = Result()
    batches = [plans[first : first + AT_ONCE] for first in range(0, len(plans), AT_ONCE)]
    try:
        for batch, played in zip(batches, _play(batches, jobs), strict=True):
            result.visits.update(played.visits)
            for plan, problems in zip(batch, played.problems, strict=True):
                if problems:
                    result.failures.append(Failure(plan, problems))
                else:
                    result.passed += 1
            told(result)
    except KeyboardInterrupt:
        result.interrupted = True
    return result


def _play(batches: list[Sequence[Plan]], jobs: int) -> Iterator[Played]:
    if min(jobs, len(batches)) <= 1:
        yield from map(_play_batch, batches)
        return
    # Spawned, not forked: the same on every system, and no process inherits another's state.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _leave_interrupts_to_the_parent)
    try:
        yield from pool.map(_play_batch, batches)
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _play_batch(plans: Sequence[Plan]) -> Played:
    visits = Counter[str]()
    return Played([play(plan, visits) for plan in plans], visits)
