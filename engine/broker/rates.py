"""Bars as the module copies them: an array of records in one layout, read in one go.

An array of any other layout is refused: its bytes would be taken for prices.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import starmap
from struct import Struct
from typing import Any

import numpy as np

from engine.broker.records import ADVICE
from journal.errors import BrokerError
from journal.events import BarClosed

Row = tuple[int, float, float, float, float, int, int, int]
"""One bar: time, open, high, low, close, tick_volume, spread, real_volume."""

LAYOUT = np.dtype(
    [
        ("time", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("tick_volume", "<u8"),
        ("spread", "<i4"),
        ("real_volume", "<u8"),
    ]
)
"""What `copy_rates_*` returns (facts 1.4)."""

_unpack = Struct("<q4dQiQ").iter_unpack  # the same; `tolist` takes twice as long over a record


def rows_of(rates: Any, symbol: str) -> list[Row]:
    """Return the array's bars, in its order. Raises BrokerError for an array of another layout."""
    if rates.dtype != LAYOUT:
        raise BrokerError(
            f"the terminal gave {symbol}'s bars as {rates.dtype}, expected {LAYOUT}. {ADVICE}"
        )
    return list(_unpack(rates.tobytes()))


def bars_of(symbol: str, timeframe: str, rows: Iterable[Row]) -> list[BarClosed]:
    """Return the payloads of bars of one series."""
    return list(starmap(partial(BarClosed, symbol, timeframe), rows))
