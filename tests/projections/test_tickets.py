"""A deal is applied once, however late and often it is seen: its ticket is never forgotten."""

from __future__ import annotations

import sys
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.base import digest
from projections.tickets import Tickets

TICKETS = st.lists(
    st.integers(0, 40) | st.integers(10**9, 10**9 + 400) | st.integers(0, 2**64 - 1), max_size=200
)


def of(numbers: list[int]) -> Tickets:
    tickets = Tickets()
    for number in numbers:
        tickets.add(number)
    return tickets


@given(TICKETS, TICKETS)
def test_tickets_in_any_order_are_what_a_plain_set_of_them_is(
    numbers: list[int], others: list[int]
) -> None:
    plain, tickets = set[int](), Tickets()
    for number in numbers:
        assert (number in tickets) == (number in plain)
        plain.add(number)
        tickets.add(number)
        assert number in tickets
    assert [other in tickets for other in others] == [other in plain for other in others]
    assert list(tickets) == sorted(plain)
    assert len(tickets) == len(plain)


@given(TICKETS, st.randoms(use_true_random=False))
def test_the_order_in_which_tickets_came_leaves_no_trace(
    numbers: list[int], chance: Random
) -> None:
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    assert digest(of(numbers)) == digest(of(shuffled + numbers))


@given(TICKETS)
def test_a_snapshot_gives_the_same_tickets_back_and_they_go_on_growing(numbers: list[int]) -> None:
    first, second = of(numbers[::2]), of(numbers)
    loaded = msgspec.json.decode(msgspec.json.encode(first), type=Tickets)
    assert loaded == first
    for number in numbers:
        loaded.add(number)
    assert loaded == second


def test_two_sets_of_tickets_share_nothing() -> None:
    one, other = Tickets(), Tickets()
    one.add(7)
    assert 7 not in other


def test_what_is_no_ticket_of_mt5_is_refused() -> None:
    tickets = Tickets()
    for number in (-1, 2**64):
        with pytest.raises(OverflowError):
            tickets.add(number)
    assert len(tickets) == 0


def test_a_quarter_of_a_million_sparse_tickets_take_two_megabytes() -> None:
    tickets = of([5_000_000_000 + 173 * number for number in range(250_000)])
    assert 5_000_000_000 + 173 * 99_999 in tickets
    assert 5_000_000_000 + 173 * 99_999 + 1 not in tickets
    assert sys.getsizeof(tickets.packed) < 2_300_000
