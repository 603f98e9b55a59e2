"""Cut the demo's bars out of a year of one-minute bars in Parquet: `python -m tools.data.cut YEAR`.

The same input gives the same bytes on every machine; the README beside this file has their hash.
"""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = ("time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume")
"""The fields of MetaTrader 5's rates, in its order. `time` is server time in seconds."""

FIRST = datetime(2023, 10, 1, tzinfo=UTC)
AFTER = datetime(2024, 1, 1, tzinfo=UTC)
"""Server time's wall clock, read as if it were UTC, since that is how MT5 writes it."""

TARGET = Path(__file__).with_name("eurusd_m1_2023q4.csv")


def cut(year: pa.Table, first: datetime, after: datetime) -> bytes:
    """Return the bars with first <= time < after as CSV.

    A price is written as the shortest decimal that reads back to the same double, which is what
    `repr` gives and what the broker quoted.
    """
    time = year["time"]
    wanted = pc.and_(
        pc.greater_equal(time, int(first.timestamp())), pc.less(time, int(after.timestamp()))
    )
    bars = year.filter(wanted).select(list(COLUMNS))
    lines = [",".join(COLUMNS)]
    columns = (bars[name].to_pylist() for name in COLUMNS)
    lines += [",".join(map(repr, row)) for row in zip(*columns, strict=True)]
    return ("\n".join(lines) + "\n").encode("ascii")


def main() -> None:
    """Write the slice and print what the README says about it."""
    parser = argparse.ArgumentParser(
        description="Cut the demo's bars out of a year of one-minute bars.",
        epilog="example: python -m tools.data.cut eurusd_m1_2023.parquet",
    )
    parser.add_argument("year", type=Path, help="Parquet file with the columns of MT5's rates")
    parser.add_argument("--to", type=Path, default=TARGET, help="where to write the CSV")
    arguments = parser.parse_args()
    text = cut(pq.read_table(arguments.year), FIRST, AFTER)
    arguments.to.write_bytes(text)
    print(f"rows    {len(text.splitlines()) - 1}")
    print(f"bytes   {len(text)}")
    print(f"sha256  {hashlib.sha256(text).hexdigest()}")


if __name__ == "__main__":
    main()
