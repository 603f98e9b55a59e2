"""Reconciliation is a pure and total diff: of what is healed nothing is left."""

from __future__ import annotations

import typing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.broker.gateway import OrderSeen
from engine.execution import differences
from engine.execution.differences import KINDS, Discrepancy, Name, page
from engine.execution.reconcile import History, diff
from journal.events import (
    TYPES,
    BrokerSnapshotTaken,
    DealRecorded,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderListed,
    OrderProposed,
    PositionSeen,
)
from projections.state import State, initial
from tests.given import KEY, LOGIN, MAGIC, SERVER, T0, Story, a, deposit, ready

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
        a(
            PositionSeen,
            ticket=i,
            identifier=i,
            type=side,
            volume=volume,
            sl=0.0,
            tp=0.0,
            price_open=a(DealRecorded).price,
        )
        for i, (side, volume) in book.items()
    ]
    return a(BrokerSnapshotTaken, balance=balance, positions=positions)


@given(books)
def test_a_journal_that_holds_the_brokers_deals_differs_in_nothing(book: Book) -> None:
    assert diff(ready().given(*deals(book)).state, snapshot(book)) == []


@given(books, books)
def test_every_position_that_differs_is_found_once_and_no_other(ours: Book, theirs: Book) -> None:
    found = diff(ready().given(*deals(ours)).state, snapshot(theirs), [MAGIC])
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


@given(books, books, st.data())
def test_reconciled_twice_the_second_list_is_empty(
    ours: Book, theirs: Book, data: st.DataObject
) -> None:
    """Whatever the broker's book is, recording its deals and letting the kernel take its word for
    the rest leaves no difference."""
    story = ready().given(*deals(ours))
    now = snapshot(theirs, balance=story.state.account.balance)
    levels = st.sampled_from([0.0, 1.04, 1.0495, 1.06])
    now.positions[:] = [
        msgspec.structs.replace(
            one,
            sl=data.draw(levels),
            tp=data.draw(levels),
            ticket=data.draw(st.sampled_from([one.ticket, 900 + one.ticket])),
            price_open=data.draw(st.sampled_from([one.price_open, 1.1])),
        )
        for one in now.positions
    ]
    ticket = 1000
    for identifier in sorted(ours.keys() | theirs.keys()):
        was, is_now = ours.get(identifier), theirs.get(identifier)
        if was == is_now:
            continue
        if was is not None:  # closed, as the broker's history has it
            ticket += 1
            closing = {"ticket": ticket, "order": ticket, "position_id": identifier}
            story.given(
                a(DealRecorded, type=1 - was[0], volume=was[1], entry=1, commission=0.0, **closing)
            )
        if is_now is not None:
            ticket += 1
            opening = {"ticket": ticket, "order": identifier, "position_id": identifier}
            story.given(
                a(DealRecorded, type=is_now[0], volume=is_now[1], commission=0.0, **opening)
            )
    now = msgspec.structs.replace(now, balance=story.state.account.balance)
    story.when(now)
    assert diff(story.state, now, [MAGIC]) == []
    assert story.when(now) == []
    assert story.state.run.halt_rule == ""


# --- total


def anything(kind: type[msgspec.Struct]) -> st.SearchStrategy[typing.Any]:
    """Any value of a payload's type that a terminal could give: its fields independent of each
    other."""
    by_type: dict[object, st.SearchStrategy[typing.Any]] = {
        int: st.integers(0, 2**64 - 1) | st.integers(0, 5),  # as MT5 has its tickets and magics
        float: st.floats() | st.sampled_from([0.0, 1.0]),
        str: st.text(max_size=5) | st.sampled_from([KEY, KEY.lower(), "EURUSD"]),
        bool: st.booleans(),
        list[PositionSeen]: st.deferred(lambda: st.lists(anything(PositionSeen), max_size=3)),
        list[OrderListed]: st.deferred(lambda: st.lists(anything(OrderListed), max_size=3)),
    }
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: by_type[hints[name]] for name in kind.__struct_fields__})


def stories() -> list[State]:
    filled = ready().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))
    resting = ready().given(
        a(OrderProposed, type="limit"), a(OrderIntended, type="limit"), a(OrderAccepted, order=3)
    )
    return [initial(), ready().state, filled.state, resting.state]


@settings(max_examples=200)
@given(
    st.sampled_from(range(4)),
    anything(BrokerSnapshotTaken),
    st.lists(anything(DealRecorded), max_size=3),
    st.lists(anything(OrderSeen), max_size=3),
    st.integers(),
)
def test_any_two_values_can_be_compared(
    which: int,
    broker: BrokerSnapshotTaken,
    history: list[DealRecorded],
    orders: list[OrderSeen],
    login: int,
) -> None:
    state = stories()[which]
    for whose in (login, state.run.login):
        known = History(whose, state.run.server, history, orders)
        found = diff(state, broker, [0, 1, MAGIC], known)
        assert {type(one) for one in found} <= {Discrepancy}
        assert found == diff(state, broker, [0, 1, MAGIC], known) or "nan" in repr(found)


# --- money


def test_a_balance_a_cent_away_is_a_discrepancy_and_dust_is_none() -> None:
    cents = [deposit(0.01, ticket=100 + i) for i in range(30)]
    state = ready().given(*cents).state
    assert state.account.balance != 10_000.3  # a sum in binary
    assert diff(state, snapshot({}, 10_000.3)) == []
    assert [d.name for d in diff(state, snapshot({}, 10_000.31))] == ["balance"]
    assert [d.name for d in diff(state, snapshot({}, 10_000.29))] == ["balance"]


def test_a_credit_is_no_balance() -> None:
    credit = msgspec.structs.replace(deposit(250.0, ticket=7), type=3)
    state = ready().given(credit).state
    broker = msgspec.structs.replace(snapshot({}), credit=250.0)
    assert diff(state, broker) == []
    assert [d.name for d in diff(state, snapshot({}))] == ["credit"]


# --- with the broker's history


def history(*deals: DealRecorded, orders: tuple[OrderSeen, ...] = ()) -> History:
    return History(LOGIN, SERVER, deals, orders)


def test_another_accounts_picture_is_not_compared_any_further() -> None:
    other = History(LOGIN + 1, SERVER, [a(DealRecorded)])
    [found] = diff(ready().state, snapshot({2: (0, 1.0)}), [MAGIC], other)
    assert (found.name, found.subject) == (Name.ACCOUNT, f"{LOGIN + 1} on {SERVER}")
    assert found.halts


def test_deals_that_are_missing_are_named_by_what_they_are() -> None:
    known = deposit(10_000.0)
    dividend = msgspec.structs.replace(deposit(3.5, ticket=8), type=15)
    strange = msgspec.structs.replace(deposit(1.0, ticket=9), type=99)
    found = diff(
        ready().state, snapshot({}), [MAGIC], history(strange, known, dividend, *deals({2: (1, 3)}))
    )
    assert [(d.name, d.subject, d.broker) for d in found] == [
        (Name.BALANCE_OPERATION, "8", "dividend 3.50"),
        (Name.BALANCE_OPERATION, "9", "type 99 1.00"),
        (Name.MISSING_DEAL, "102", f"sell 3 EURUSD at {a(DealRecorded).price:g}"),
    ]
    assert not any(d.halts for d in found)


def test_deals_years_old_and_out_of_order_are_missing_like_any_other() -> None:
    old = [deposit(1.0, ticket=t) for t in (50, 40, 60)]
    old = [msgspec.structs.replace(d, time_msc=T0 - d.ticket * 10**9) for d in old]
    story = ready()
    assert [d.subject for d in diff(story.state, snapshot({}), (), history(*old))] == [
        "40",
        "50",
        "60",
    ]
    for deal in old:
        story.when(deal)
    assert diff(story.state, snapshot({}, 10_003.0), (), history(*old)) == []


@pytest.mark.parametrize("known", [2, 200])
def test_few_and_many_known_deals_answer_alike(known: int) -> None:
    """A whole history is looked up in another way than the last hours of a long one."""
    story = ready()
    told = [deposit(0.0, ticket=100 + 2 * n) for n in range(known)]
    for deal in told:
        story.when(deal)
    between, new = deposit(0.0, ticket=101), deposit(0.0, ticket=9_000)
    reused = msgspec.structs.replace(told[0], time_msc=10**15)
    shown = history(new, reused, between, *told[:5])
    assert [(d.name, d.subject) for d in diff(story.state, snapshot({}), (), shown)] == [
        (Name.TICKET_REUSED, "100"),
        (Name.BALANCE_OPERATION, "101"),
        (Name.BALANCE_OPERATION, "9000"),
    ]


def test_the_history_says_what_became_of_a_lost_order() -> None:
    story = ready().given(
        a(OrderProposed, type="limit"),
        a(OrderIntended, type="limit"),
        a(OrderAccepted, order=3),
    )
    done = OrderSeen(3, "EURUSD", 2, MAGIC, 1.0, T0, KEY, filled=0.0, state=2, done=True)
    [lost] = diff(story.state, snapshot({}), [MAGIC], history(orders=(done,)))
    assert (lost.name, lost.subject, lost.broker) == (Name.LOST_ORDER, "3", "done, 0 filled")
    story.given(OrderFinished(KEY, 3, 2, 0.0))
    assert diff(story.state, snapshot({}), [MAGIC], history(orders=(done,))) == []


def test_an_order_that_has_just_triggered_is_not_held_to_its_trigger() -> None:
    """A stop limit that was triggered is listed as the limit order that it became."""
    story = stop_limit()
    order = a(OrderListed, ticket=3, type=2, price=1.06, limit=0.0, sl=1.05, tp=1.08)
    assert diff(story.state, listing(order), [MAGIC]) == []
    moved = msgspec.structs.replace(order, sl=1.04)
    [changed] = diff(story.state, listing(moved), [MAGIC])
    assert changed.name == Name.ORDER_CHANGED
    assert isinstance(changed.heal, msgspec.Struct)
    story.when(listing(moved))
    assert diff(story.state, listing(moved), [MAGIC]) == []


def stop_limit() -> Story:
    prices = {"type": "stop limit", "price": 1.07, "limit": 1.06}
    return ready().given(
        a(OrderProposed, **prices),
        a(OrderIntended, sl=1.05, tp=1.08, **prices),
        a(OrderAccepted, order=3),
    )


def listing(order: OrderListed) -> BrokerSnapshotTaken:
    return msgspec.structs.replace(snapshot({}), orders=[order])


# --- prices


@pytest.mark.parametrize(("away", "found"), [(0.0, []), (0.4, []), (1.0, ["levels"])])
def test_a_level_differs_by_a_point_or_not_at_all(away: float, found: list[str]) -> None:
    story = ready().given(*deals({2: (0, 1.0)}))
    broker = snapshot({2: (0, 1.0)})
    story.when(msgspec.structs.replace(broker, positions=[with_stop(broker, 1.05)]))
    moved = msgspec.structs.replace(broker, positions=[with_stop(broker, 1.05 + away * 1e-5)])
    assert [d.name for d in diff(story.state, moved)] == found


def with_stop(broker: BrokerSnapshotTaken, sl: float) -> PositionSeen:
    return msgspec.structs.replace(broker.positions[0], sl=sl)


def test_prices_of_zero_are_compared_like_any_other() -> None:
    story = ready().given(*(msgspec.structs.replace(d, price=0.0) for d in deals({2: (0, 1.0)})))
    broker = snapshot({2: (0, 1.0)})
    [found, healed] = story.when(broker)
    assert isinstance(found, msgspec.Struct)
    assert diff(story.state, broker) == []
    none = msgspec.structs.replace(broker.positions[0], price_open=0.0, symbol="")
    [still] = diff(story.state, msgspec.structs.replace(broker, positions=[none]))
    assert still.name == Name.PRICE
    assert healed is not found


# --- the list of kinds


def test_every_kind_of_difference_has_a_meaning_and_names_real_events() -> None:
    assert list(KINDS) == list(Name)
    for kind in KINDS.values():
        assert kind.meaning.endswith(".")
        assert set(filter(None, kind.healed.split(", "))) <= TYPES.keys()
        assert kind.healed or kind.halts  # what nothing heals must not go on


def test_the_page_is_written_from_the_list() -> None:
    written = Path(differences.__file__).with_name("RECONCILIATION.md")
    assert written.read_text(encoding="utf-8") == page(), (
        "run `python -m engine.execution.document`"
    )
