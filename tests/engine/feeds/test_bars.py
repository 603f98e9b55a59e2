"""A file of bars is read as MT5's own records; what is wrong with it is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.feeds.bars import read_rates
from engine.terminal.records import RATES
from journal.errors import UsageError
from tests.session import BARS

GOOD = {
    "time": [60, 120, 180],
    "open": [1.1, 1.1, 1.1],
    "high": [1.2, 1.2, 1.2],
    "low": [1.0, 1.0, 1.0],
    "close": [1.15, 1.15, 1.15],
    "tick_volume": [5, 6, 7],
    "spread": [1, 2, 3],
    "real_volume": [0, 0, 0],
}


def written(folder: Path, kind: str = "csv", **changes: Any) -> Path:
    frame = pl.DataFrame({**GOOD, **changes})
    path = folder / f"bars.{kind}"
    if kind == "csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_becomes_rates_of_the_modules_layout(tmp_path: Path, kind: str) -> None:
    rates = read_rates(written(tmp_path, kind))
    assert rates.dtype == RATES
    assert rates.dtype.itemsize == 60
    for name, column in GOOD.items():
        assert rates[name].tolist() == column


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    frame = pl.DataFrame({"symbol": ["X"] * 3, **dict(reversed(GOOD.items()))})
    frame.write_csv(path)
    assert read_rates(path)["open"].tolist() == GOOD["open"]


def test_the_bars_that_the_repository_ships_are_read_whole() -> None:
    rates = read_rates(BARS)
    assert len(rates) == len(BARS.read_bytes().splitlines()) - 1
    assert (np.diff(rates["time"]) >= 60).all()


def refused(path: Path, *words: str) -> None:
    with pytest.raises(UsageError) as error:
        read_rates(path)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named_with_the_key_that_names_it(tmp_path: Path) -> None:
    refused(tmp_path / "none.csv", "none.csv", "terminal.bars")


def test_a_missing_column_is_named_with_those_that_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    pl.DataFrame(GOOD).drop("spread").write_csv(path)
    refused(path, "no column spread", "real_volume")


def test_no_bars_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    pl.DataFrame(GOOD).head(0).write_parquet(path)
    refused(path, "holds no bars")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"bars.{kind}"
    path.write_bytes(b"\x00\xff\xfenot a table" * 20)
    refused(path, str(path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": [60, 60, 180]}, ["bar 2 (time 60)", "not later"]),
        ({"time": [60, 180, 120]}, ["bar 3 (time 120)", "not later"]),
        ({"low": [1.0, 0.0, 1.0]}, ["bar 2", "not a positive number"]),
        ({"low": [1.0, -1.0, 1.0]}, ["bar 2", "not a positive number"]),
        ({"high": [1.2, 1.2, float("inf")]}, ["bar 3", "not a positive number"]),
        ({"open": [1.3, 1.1, 1.1]}, ["bar 1", "outside its low and high"]),
        ({"close": [1.1, 1.1, 0.9]}, ["bar 3", "outside its low and high"]),
        ({"open": [1.1, float("nan"), 1.1]}, ["bar 2", "outside its low and high"]),
        ({"spread": [1, None, 3]}, ["bar 2 has no spread"]),
        ({"time": [60, 120, None]}, ["bar 3 has no time"]),
        ({"close": [None, 1.1, 1.1]}, ["bar 1 has no close"]),
        ({"open": ["a", "b", "c"]}, ["column open", "numbers"]),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_wrong_bar_is_named_by_its_place(
    tmp_path: Path, kind: str, changes: dict[str, Any], words: list[str]
) -> None:
    path = written(tmp_path, kind, **changes)
    refused(path, str(path), *words)
