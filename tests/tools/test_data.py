"""The demo's bars are what the README beside them says, and how they were cut."""

from __future__ import annotations

import csv
import hashlib
import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tools.data.cut import COLUMNS, TARGET, cut

README = TARGET.with_name("README.md")


@pytest.fixture(scope="module")
def bars() -> list[dict[str, str]]:
    with TARGET.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))


def test_the_readme_names_the_files_hash_size_and_rows(bars: list[dict[str, str]]) -> None:
    text = README.read_text(encoding="utf-8")
    content = TARGET.read_bytes()
    assert hashlib.sha256(content).hexdigest() in text
    assert f"{len(content):,} bytes" in text
    assert f"{len(bars):,} bars" in text
    assert f"{bars[0]['time']} and {bars[-1]['time']}" in text


def test_the_readme_names_source_licence_and_changes() -> None:
    text = README.read_text(encoding="utf-8")
    for word in ("pyeventbt", "Apache License 2.0", "Copyright 2025 Marti Castany", "Changed here"):
        assert word in text


def test_the_readme_counts_what_is_odd_as_the_file_has_it(bars: list[dict[str, str]]) -> None:
    text = README.read_text(encoding="utf-8")
    spreads = [int(bar["spread"]) for bar in bars]
    flat = sum(len({bar["open"], bar["high"], bar["low"], bar["close"]}) == 1 for bar in bars)
    assert f"Spread 0 in {spreads.count(0):,} bars" in text
    assert f"in {sum(spread >= 20 for spread in spreads):,} bars" in text
    assert f"The\n  largest is {max(spreads)}, in {spreads.count(max(spreads))} bars" in text
    assert f"{flat:,} have one price" in text
    assert f"{sum(bar['tick_volume'] == '1' for bar in bars)} were made by one tick" in text


def test_bars_are_in_order_and_each_holds_its_prices(bars: list[dict[str, str]]) -> None:
    assert tuple(bars[0]) == COLUMNS
    before = 0
    for bar in bars:
        opened, high, low, closed = (float(bar[name]) for name in COLUMNS[1:5])
        assert before < (before := int(bar["time"]))
        assert low <= min(opened, closed)
        assert max(opened, closed) <= high


def test_a_price_is_the_shortest_decimal_of_its_double(bars: list[dict[str, str]]) -> None:
    for bar in bars[:1000]:
        for name in COLUMNS[1:5]:
            assert repr(float(bar[name])) == bar[name]
            assert math.isclose(float(bar[name]) * 1e5, round(float(bar[name]) * 1e5))


def test_a_cut_takes_the_first_second_and_leaves_the_last() -> None:
    columns: dict[str, list[float]] = {name: [1, 1, 1, 1] for name in COLUMNS}
    columns |= {"time": [59, 60, 119, 120], "close": [1.1, 1.10001, 0.1, 1.0]}
    year = pa.table({"extra": [0, 0, 0, 0], **columns})
    text = cut(year, datetime.fromtimestamp(60, UTC), datetime.fromtimestamp(120, UTC))
    assert text == (
        b"time,open,high,low,close,tick_volume,spread,real_volume\n"
        b"60,1,1,1,1.10001,1,1,1\n"
        b"119,1,1,1,0.1,1,1,1\n"
    )
