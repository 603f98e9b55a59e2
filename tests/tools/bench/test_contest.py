from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tools.bench.contender import Contender, Missing
from tools.bench.contest import run
from tools.bench.rows import Contest, Figure, Metric, Result, Sample, Setting

CONTEST = Contest(
    name="example",
    group="journal",
    summary="an example",
    ours="mine",
    references={"other": "theirs"},
    metrics=(Metric("rate", "rate", "events/s", against={"other": 2.0}),),
    size=10,
    quick=1,
)


class Scripted:
    """Contenders whose samples are written down; what happens to them is kept in `seen`."""

    def __init__(self, samples: dict[str, list[Sample]]) -> None:
        self.samples = samples
        self.seen: list[str] = []

    def __call__(self, entrant: str, setting: Setting) -> Contender:
        if entrant not in self.samples:
            raise Missing(f"{entrant} is not installed")
        return _Contender(entrant, iter(self.samples[entrant]), self.seen)


class _Contender:
    def __init__(self, name: str, samples: Iterator[Sample], seen: list[str]) -> None:
        self._name, self._samples, self._seen = name, samples, seen

    def round(self) -> Sample:
        self._seen.append(self._name)
        return next(self._samples)

    def close(self) -> None:
        self._seen.append(f"{self._name} closed")


def rates(*values: float) -> list[Sample]:
    return [{"rate": value} for value in values]


def result(contest: Contest, rounds: int, **samples: list[Sample]) -> Result:
    start = Scripted(samples)
    return run(contest, start, folder=Path(), corpus=Path(), size=1, rounds=rounds)


def test_sides_take_turns_and_are_closed() -> None:
    start = Scripted({"mine": rates(1, 1, 1), "theirs": rates(1, 1, 1)})
    run(CONTEST, start, folder=Path(), corpus=Path(), size=1, rounds=2)
    assert start.seen == [*["mine", "theirs"] * 3, "mine closed", "theirs closed"]


def test_the_round_that_warms_up_does_not_count() -> None:
    (row,) = result(CONTEST, 3, mine=rates(999, 10, 30, 20), theirs=rates(999, 5, 5, 5)).rows
    assert row.ours == Figure(20, 10, 30)
    assert row.rounds == 3


def test_a_single_round_counts() -> None:
    (row,) = result(CONTEST, 1, mine=rates(8), theirs=rates(2)).rows
    assert (row.ours.median, row.ratio) == (8, Figure(4, 4, 4))


def test_the_ratio_is_taken_round_by_round() -> None:
    mine, theirs = rates(1, 10, 100, 1000), rates(1, 5, 20, 1000)
    (row,) = result(CONTEST, 3, mine=mine, theirs=theirs).rows
    assert row.ratio == Figure(2, 1, 5)


@pytest.mark.parametrize(("theirs", "reached"), [(5, True), (5.1, False)])
def test_a_least_ratio_is_reached_or_not(theirs: float, reached: bool) -> None:
    (row,) = result(CONTEST, 1, mine=rates(10), theirs=rates(theirs)).rows
    assert (row.target, row.reached) == ("≥ 2 x", reached)


def test_of_times_the_smaller_is_the_better() -> None:
    metric = Metric("rate", "step", "µs", better="less", limit=20, against={"other": None})
    contest = msgspec.structs.replace(CONTEST, metrics=(metric,))
    alone, beside = result(contest, 1, mine=rates(10), theirs=rates(5)).rows
    assert (alone.target, alone.reached) == ("< 20", True)
    assert beside.ratio == Figure(0.5, 0.5, 0.5)
    assert beside.reached is None


def test_a_limit_for_a_rate_is_a_least() -> None:
    metric = Metric("rate", "rate", "events/s", limit=300_000)
    contest = msgspec.structs.replace(CONTEST, references={}, metrics=(metric,))
    (row,) = result(contest, 1, mine=rates(299_999)).rows
    assert (row.target, row.reached) == ("≥ 300,000", False)


def test_a_reference_that_is_not_there_leaves_its_reason() -> None:
    (row,) = result(CONTEST, 1, mine=rates(10)).rows
    assert (row.reference, row.ratio, row.reached) == (None, None, None)
    assert row.missing == "theirs is not installed"


def test_without_ours_there_is_nothing_to_say() -> None:
    with pytest.raises(Missing):
        result(CONTEST, 1, theirs=rates(10))


def test_a_note_gets_its_figures_and_is_left_out_when_they_are_lacking() -> None:
    contest = msgspec.structs.replace(CONTEST, note="{other[rate]:.1f} there")
    assert result(contest, 1, mine=rates(1), theirs=rates(2)).note == "2.0 there"
    assert result(contest, 1, mine=rates(1)).note == ""


def test_figures_that_no_metric_shows_are_kept_as_facts() -> None:
    (row,) = result(CONTEST, 1, mine=[{"rate": 1, "trades": 7}], theirs=rates(1)).rows
    assert row.facts == {"trades": 7}
