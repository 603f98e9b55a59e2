"""Order keys are short, unique and read the same in upper and lower case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.intents import (
    ALPHABET,
    CODE_LENGTH,
    MAX_KEYS,
    MAX_LENGTH,
    Keys,
    base32,
    order_key,
    run_code,
)
from journal.errors import DaybookError
from tests.given import ready

runs = st.integers(0, 32**CODE_LENGTH - 1).map(lambda n: f"20231002-{base32(n, CODE_LENGTH)}")
places = st.tuples(runs, st.integers(1, 32**7 - 1), st.integers(0, MAX_KEYS - 1))


@given(places)
def test_a_key_fits_any_broker_and_any_case(place: tuple[str, int, int]) -> None:
    key = order_key(*place)
    assert 15 <= len(key) <= MAX_LENGTH
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
    keys = {order_key(run, s, i) for s in (seq, seq + 1) for i in range(MAX_KEYS)}
    assert len(keys) == 2 * MAX_KEYS


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


def test_no_key_is_the_beginning_of_another_as_brokers_add_to_comments() -> None:
    keys = [order_key("20231002-ABCDEFG", 33, index) for index in range(MAX_KEYS)]
    assert not [(a, b) for a in keys for b in keys if a != b and b.startswith(a)]


def test_one_key_more_than_there_are_is_an_error_rather_than_anothers() -> None:
    with pytest.raises(DaybookError, match="decide the rest on a later event"):
        order_key("20231002-ABCDEFG", 1, MAX_KEYS)


def test_keys_are_handed_out_once_each_behind_those_that_are_taken() -> None:
    event = ready().events[0]
    keys = Keys(event, taken=2)
    assert keys.left == MAX_KEYS - 2
    assert [keys.take(), keys.take()] == [order_key(event.run, event.seq, i) for i in (2, 3)]
    assert keys.left == MAX_KEYS - 4
