"""Whatever a broker's record of a deal holds, taking it in never fails: an engine that cannot read
its own journal is worse than one that disagrees with a broker."""

from __future__ import annotations

import typing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.execution.reconcile import diff
from journal.events import (
    BrokerSnapshotTaken,
    DealRecorded,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
)
from tests.given import KEY, MAGIC, T0, Story, a, ready

TICKETS = st.sampled_from([0, 1, 2, 2001, 2**64 - 1])
BY_TYPE: dict[object, st.SearchStrategy[typing.Any]] = {
    int: st.sampled_from([0, 1, 2, 3, 5, 7, 13, 15, 99]),
    float: st.sampled_from([0.0, -0.0, 0.01, 1.0, -1.0, 1e300, 5e-324]),
    str: st.sampled_from(["", KEY, KEY.lower(), "EURUSD", "so: 49.9%/1/2", "[sl 0.0]"]),
}
NAMED = {
    "ticket": TICKETS,
    "order": TICKETS,
    "position_id": TICKETS,
    "magic": st.sampled_from([0, MAGIC, 2**64 - 1]),
    "time_msc": st.sampled_from([0, 1, T0 * 1000, 2**62]),
}


def deals() -> st.SearchStrategy[DealRecorded]:
    hints = typing.get_type_hints(DealRecorded)
    fields = DealRecorded.__struct_fields__
    drawn = {name: NAMED.get(name, BY_TYPE[hints[name]]) for name in fields}
    return st.builds(DealRecorded, **drawn)


@pytest.fixture
def running() -> Story:
    return story()


def story() -> Story:
    return ready().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))


@settings(max_examples=150)
@given(st.lists(st.tuples(deals(), st.booleans()), max_size=6))
def test_any_deals_can_be_taken_in_and_compared(broken: list[tuple[DealRecorded, bool]]) -> None:
    one = story()
    for deal, ours in broken:
        one.when(deal, corr=KEY if ours else "")
    assert one.state.account.deals <= len(broken) + 1
    diff(one.state, a(BrokerSnapshotTaken, balance=one.state.account.balance))


def test_a_fill_without_a_volume_changes_no_average(running: Story) -> None:
    running.when(a(DealRecorded, volume=0.0, price=0.0), corr=KEY)
    order = running.state.orders.open[KEY]
    assert (order.filled, order.average) == (0.0, 0.0)


def test_a_record_of_the_year_1970_is_no_reason_to_forget_the_newest(running: Story) -> None:
    newest = running.state.idempotency.watermark
    running.when(msgspec.structs.replace(a(DealRecorded), ticket=5, time=0, time_msc=0), corr=KEY)
    assert running.state.idempotency.watermark == newest
