"""Historical bars from files, in the shape that MT5's `copy_rates_*` returns them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.terminal.records import RATES
from journal.errors import UsageError


def read_rates(path: Path) -> npt.NDArray[Any]:
    """Return the bars of a CSV or Parquet file as a structured array, as `copy_rates_*` do.

    Raises UsageError when the file is missing, lacks a column, or its bars are not in order and
    consistent.
    """
    if not path.is_file():
        raise UsageError(
            f"there is no price file {path}; `terminal.bars` names a CSV or Parquet file of bars"
        )
    frame = _read(path)
    missing = [name for name in RATES.names or () if name not in frame.columns]
    if missing:
        raise UsageError(
            f"{path} has no column {', '.join(missing)}; a price file has the columns of MT5's "
            f"rates: {', '.join(RATES.names or ())}"
        )
    rates = np.empty(frame.height, dtype=RATES)
    try:
        for name in RATES.names or ():
            if frame[name].null_count():
                row = int(frame[name].is_null().arg_max() or 0) + 1
                raise UsageError(f"{path}: bar {row} has no {name}")
            rates[name] = frame[name].to_numpy()
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: column {name} does not hold numbers throughout: {error}"
        ) from error
    _check(path, rates)
    return rates


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path} cannot be read as bars: {str(error).splitlines()[0]}") from error


def _check(path: Path, rates: npt.NDArray[Any]) -> None:
    if not len(rates):
        raise UsageError(f"{path} holds no bars")
    low, high = rates["low"], rates["high"]
    wrong = (
        (
            "is not later than the one before",
            np.diff(rates["time"], prepend=rates["time"][0] - 1) <= 0,
        ),
        ("has a price that is not a positive number", ~(np.isfinite(high) & (low > 0.0))),
        (
            "has its open or close outside its low and high",
            ~(
                (low <= rates["open"])
                & (low <= rates["close"])
                & (rates["open"] <= high)
                & (rates["close"] <= high)
            ),
        ),
    )
    for what, rows in wrong:
        if rows.any():
            row = int(rows.argmax())
            raise UsageError(f"{path}: bar {row + 1} (time {int(rates['time'][row])}) {what}")
