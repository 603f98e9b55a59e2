"""Order keys are short, unique and read the same in upper and lower case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.intents import ALPHABET, CODE_LENGTH, MAX_LENGTH, base32, order_key, run_code

runs = st.integers(0, 32**CODE_LENGTH - 1).map(lambda n: f"20231002-{base32(n, CODE_LENGTH)}")
places = st.tuples(runs, st.integers(1, 32**7 - 1), st.integers(0, 31))


@given(places)
def test_a_key_fits_any_broker_and_any_case(place: tuple[str, int, int]) -> None:
    key = order_key(*place)
    assert len(key) == 15 <= MAX_LENGTH
    assert key == key.upper()
    assert set(key) <= set(ALPHABET)


@given(places, places)
def test_different_places_have_different_keys(
    one: tuple[str, int, int], other: tuple[str, int, int]
) -> None:
    keys = {order_key(*one).lower(), order_key(*other).lower()}
    assert len(keys) == (1 if one == other else 2)


@given(runs, st.integers(1, 32**7 - 2))
def test_neighbours_have_different_keys(run: str, seq: int) -> None:
    keys = {order_key(run, s, i) for s in (seq, seq + 1) for i in range(32)}
    assert len(keys) == 64


def test_the_alphabet_has_no_two_letters_that_are_mixed_up() -> None:
    assert len(ALPHABET) == len(set(ALPHABET.lower())) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_a_key_begins_with_its_runs_code() -> None:
    assert run_code("20231002-ABCDEFG") == "ABCDEFG"
    assert order_key("20231002-ABCDEFG", 33, 2) == "ABCDEFG" + "0000011" + "2"


@given(st.integers(0, 2**62))
def test_base32_is_a_number_in_that_base(number: int) -> None:
    digits = base32(number, 7)
    assert len(digits) >= 7
    value = 0
    for digit in digits:
        value = 32 * value + ALPHABET.index(digit)
    assert value == number


def test_a_thirty_third_proposal_of_one_event_has_no_key_rather_than_anothers() -> None:
    with pytest.raises(IndexError):
        order_key("20231002-ABCDEFG", 1, 32)
