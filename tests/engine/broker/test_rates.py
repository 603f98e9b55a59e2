"""Bars as the module copies them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker.rates import LAYOUT, bars_of, rows_of
from engine.terminal.records import RATES
from journal.errors import BrokerError
from journal.events import BarClosed

PRICES = st.floats(-1e9, 1e9)
ROWS = st.tuples(
    st.integers(0, 2**62),
    PRICES,
    PRICES,
    PRICES,
    PRICES,
    st.integers(0, 2**63 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**63 - 1),
)


def test_the_layout_is_the_simulated_terminals_which_is_held_against_the_recorded_one() -> None:
    assert LAYOUT == RATES


@given(st.lists(ROWS, max_size=5), st.sampled_from([1, 2, -1]))
def test_every_value_is_read_as_numpy_reads_it(
    rows: list[tuple[int, float, float, float, float, int, int, int]], step: int
) -> None:
    rates = np.array(rows, dtype=RATES)[::step]

    read = rows_of(rates, "EURUSD")

    assert read == rates.tolist()
    assert {type(value) for row in read for value in row} <= {int, float}
    assert bars_of("EURUSD", "M1", read) == [BarClosed("EURUSD", "M1", *row) for row in read]


@pytest.mark.parametrize(
    "rates",
    [
        np.zeros(1, RATES)[["time", "open", "high", "low", "close"]],
        np.zeros(1, [(name, "<f8") for name in RATES.names or ()]),
        np.zeros(1, RATES.newbyteorder(">")),
        np.zeros(3),
    ],
    ids=["a field is missing", "another type", "another byte order", "no records"],
)
def test_an_array_of_another_layout_is_refused_with_what_it_is(rates: object) -> None:
    with pytest.raises(BrokerError, match=r"EURUSD's bars as .*, expected .*Bring the terminal"):
        rows_of(rates, "EURUSD")
