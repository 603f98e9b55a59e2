"""Every benchmark runs and gives whole rows. Nothing here says anything about speed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal import writer
from journal.background import Sealing
from journal.fs import OS_FS
from tools.bench import contest
from tools.bench.catalogue import CONTESTS, QUICK_CORPUS, QUICK_SEALED
from tools.bench.contender import Here, prepare
from tools.bench.rows import Contest, Figure, Result, Setting


@pytest.fixture(scope="module", autouse=True)
def probes_are_taken_out() -> Iterator[None]:
    yield
    OS_FS.__dict__.pop("sync", None)
    setattr(writer, "Sealing", Sealing)  # noqa: B010 (mypy refuses to replace a class)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bench")
    for name, size in (("corpus", QUICK_CORPUS), ("sealed", QUICK_SEALED)):
        setting = Setting(str(folder), str(folder / "corpus"), size)
        assert prepare(f"tools.bench.{name}:make", setting)()["events"] >= size
    return {"demo": folder / "corpus", "sealed": folder / "sealed"}


@pytest.mark.parametrize("one", CONTESTS, ids=lambda one: one.name)
def test_a_benchmark_runs_and_gives_whole_rows(
    one: Contest, corpora: dict[str, Path], tmp_path: Path
) -> None:
    corpus = corpora[one.corpus]
    found = contest.run(one, Here, folder=tmp_path, corpus=corpus, size=one.quick, rounds=1)
    assert {row.what for row in found.rows} == {metric.what for metric in one.metrics}
    check_references(one, found)
    # A part is what one measurement took longer than another: less than nothing on a busy machine.
    least = -math.inf if one.name.endswith("-parts") else 0.0
    for row in found.rows:
        assert row.rounds == 1
        check(row.ours, least)


def check_references(one: Contest, found: Result) -> None:
    asked = [name for metric in one.metrics for name in metric.against]
    shown = [row for row in found.rows if row.against]
    assert [row.against for row in shown] == asked
    for row in shown:
        if row.missing:
            assert row.missing.endswith(" is not installed")
            assert row.reference is None
        else:
            assert row.reference is not None
            assert row.ratio is not None
            check(row.reference)
            check(row.ratio)


def check(figure: Figure, least: float = 0.0) -> None:
    assert math.isfinite(figure.median)
    assert least <= figure.low <= figure.median <= figure.high


def test_benchmarks_have_names_of_their_own() -> None:
    assert len({one.name for one in CONTESTS}) == len(CONTESTS)


def test_a_metric_is_held_against_references_that_run() -> None:
    for one in CONTESTS:
        for metric in one.metrics:
            assert metric.against.keys() <= one.references.keys()
