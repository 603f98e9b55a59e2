"""Reconciliation is a pure and total diff: of what is healed nothing is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.execution.reconcile import diff
from journal.events import BrokerSnapshotTaken, DealRecorded, PositionSeen
from tests.given import a, deposit, ready

Book = dict[int, tuple[int, float]]
"""Position identifier to type (0 buy, 1 sell) and lots."""

books = st.dictionaries(
    st.integers(2, 50),
    st.tuples(st.integers(0, 1), st.integers(1, 500).map(lambda steps: steps / 100)),
    max_size=6,
)


def deals(book: Book) -> list[DealRecorded]:
    return [
        a(DealRecorded, ticket=100 + i, order=i, position_id=i, type=side, volume=volume)
        for i, (side, volume) in book.items()
    ]


def snapshot(book: Book, balance: float = 10_000.0) -> BrokerSnapshotTaken:
    positions = [
        a(PositionSeen, ticket=i, identifier=i, type=side, volume=volume)
        for i, (side, volume) in book.items()
    ]
    return a(BrokerSnapshotTaken, balance=balance, positions=positions)


@given(books)
def test_a_journal_that_holds_the_brokers_deals_differs_in_nothing(book: Book) -> None:
    assert diff(ready().given(*deals(book)).state, snapshot(book)) == []


@given(books, books)
def test_every_position_that_differs_is_found_once_and_no_other(ours: Book, theirs: Book) -> None:
    found = diff(ready().given(*deals(ours)).state, snapshot(theirs))
    expected = {
        str(i): "position missing"
        if i not in theirs
        else "position unknown"
        if i not in ours
        else "volume"
        for i in ours.keys() | theirs.keys()
        if ours.get(i) != theirs.get(i)
    }
    assert {d.subject: d.name for d in found} == expected
    assert [int(d.subject) for d in found] == sorted(int(subject) for subject in expected)


@given(books)
def test_the_order_of_the_brokers_list_does_not_matter(book: Book) -> None:
    state = ready().state
    backwards = dict(reversed(book.items()))
    assert diff(state, snapshot(book)) == diff(state, snapshot(backwards))


def test_a_balance_a_cent_away_is_a_discrepancy_and_dust_is_none() -> None:
    cents = [deposit(0.01, ticket=100 + i) for i in range(30)]
    state = ready().given(*cents).state
    assert state.account.balance != 10_000.3  # a sum in binary
    assert diff(state, snapshot({}, 10_000.3)) == []
    assert [d.name for d in diff(state, snapshot({}, 10_000.31))] == ["balance"]
    assert [d.name for d in diff(state, snapshot({}, 10_000.29))] == ["balance"]
