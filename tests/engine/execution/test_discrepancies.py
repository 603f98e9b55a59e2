"""What the kernel makes of a difference: it names it, heals what the broker's word heals, and halts
on the rest, once."""

from __future__ import annotations

from typing import Any

import pytest

from journal.events import (
    BrokerSnapshotTaken,
    ClockOffsetMeasured,
    DealRecorded,
    DiscrepancyFound,
    OrderAccepted,
    OrderAdjusted,
    OrderIntended,
    OrderListed,
    OrderProposed,
    PositionAdjusted,
    PositionSeen,
    TradingHalted,
    TradingResumed,
)
from tests.given import KEY, MAGIC, SERVER, T0, Story, a, deposit, ready

PRICE = 1.0501


def position(**changes: Any) -> PositionSeen:
    return a(PositionSeen, **{"sl": 0.0, "tp": 0.0, "price_open": PRICE, **changes})


def seen(**changes: Any) -> BrokerSnapshotTaken:
    return a(BrokerSnapshotTaken, positions=[position(**changes)])


def holding() -> Story:
    return ready().given(a(DealRecorded, commission=0.0, price=PRICE))


def pending(**changes: Any) -> Story:
    """A limit order that waits at the broker."""
    wish = {"type": "limit", "price": 1.0480, "sl": 1.0470, "tp": 1.0500, **changes}
    return ready().given(
        a(OrderProposed, type="limit", price=1.0480),
        a(OrderIntended, **wish),
        a(OrderAccepted, order=2002),
    )


def listed(**changes: Any) -> BrokerSnapshotTaken:
    order = {"ticket": 2002, "price": 1.0480, "sl": 1.0470, "tp": 1.0500, "comment": KEY}
    return a(BrokerSnapshotTaken, positions=[], orders=[a(OrderListed, **{**order, **changes})])


def test_a_snapshot_that_agrees_leads_to_nothing() -> None:
    assert holding().when(seen()) == []
    assert pending().when(listed()) == []


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (
            a(BrokerSnapshotTaken, positions=[]),
            DiscrepancyFound("position missing", "2001", "buy 1 EURUSD", "none"),
        ),
        (
            seen(volume=0.5),
            DiscrepancyFound("volume", "2001", "buy 1 EURUSD", "buy 0.5 EURUSD"),
        ),
        (seen(type=1), DiscrepancyFound("volume", "2001", "buy 1 EURUSD", "sell 1 EURUSD")),
        (
            a(BrokerSnapshotTaken, balance=9_999.99, positions=[position()]),
            DiscrepancyFound("balance", SERVER, "10000.00", "9999.99"),
        ),
        (
            a(BrokerSnapshotTaken, credit=50.0, positions=[position()]),
            DiscrepancyFound("credit", SERVER, "0.00", "50.00"),
        ),
        (
            a(BrokerSnapshotTaken, positions=[position(), position(identifier=9, type=1)]),
            DiscrepancyFound("position unknown", "9", "none", "sell 1 EURUSD"),
        ),
        (
            a(BrokerSnapshotTaken, positions=[position(), position(identifier=9, magic=0)]),
            DiscrepancyFound("foreign position", "9", "none", "buy 1 EURUSD"),
        ),
        (
            a(BrokerSnapshotTaken, positions=[position()], orders=[a(OrderListed, price=1.048)]),
            DiscrepancyFound("unknown order", "2002", "none", "buy 1 EURUSD at 1.048"),
        ),
    ],
    ids=["missing", "volume", "side", "balance", "credit", "unknown", "foreign", "order"],
)
def test_what_recording_has_not_healed_is_named_with_both_views_and_halts(
    snapshot: BrokerSnapshotTaken, expected: DiscrepancyFound
) -> None:
    found, halted = holding().when(snapshot)
    assert found == expected
    assert isinstance(halted, TradingHalted)
    assert halted.rule == "discrepancy"
    for words in (expected.name, expected.journal, expected.broker):
        assert words in halted.reason


def test_an_order_that_is_nowhere_any_more_halts() -> None:
    found, halted = pending().when(a(BrokerSnapshotTaken, positions=[]))
    assert found == DiscrepancyFound("lost order", "2002", "buy 1 EURUSD working", "not listed")
    assert isinstance(halted, TradingHalted)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"sl": 1.0495}, "levels"),
        ({"tp": 1.06}, "levels"),
        ({"price_open": 1.0511}, "price"),
        ({"ticket": 7777}, "re-opened"),
    ],
)
def test_the_brokers_word_about_a_position_is_taken_over_and_trading_goes_on(
    changes: dict[str, Any], name: str
) -> None:
    story = holding()
    found, healed = story.when(seen(**changes))
    assert isinstance(found, DiscrepancyFound)
    assert (found.name, found.subject) == (name, "2001")
    assert isinstance(healed, PositionAdjusted)
    held = story.state.positions.open[2001]
    now = {"sl": held.sl, "tp": held.tp, "price_open": held.price, "ticket": held.ticket}
    assert now == {**now, **changes}
    assert story.when(seen(**changes)) == []
    assert story.state.reconciliation.standing == []


def test_a_position_that_differs_in_several_ways_is_adjusted_once() -> None:
    decisions = holding().when(seen(sl=1.04, ticket=7777, price_open=1.06))
    names = [d.name for d in decisions if isinstance(d, DiscrepancyFound)]
    assert names == ["price", "levels", "re-opened"]
    assert [type(d) for d in decisions[3:]] == [PositionAdjusted]


def test_a_pending_order_that_somebody_changed_is_taken_over_and_trading_goes_on() -> None:
    story = pending()
    found, healed = story.when(listed(price=1.0475, sl=0.0))
    assert isinstance(found, DiscrepancyFound)
    assert found.name == "order changed"
    assert healed == OrderAdjusted(KEY, 2002, 1.0475, 0.0, 0.0, 1.0500, 0)
    assert story.when(listed(price=1.0475, sl=0.0)) == []
    order = story.state.orders.open[KEY]
    assert (order.price, order.sl) == (1.0475, 0.0)


def test_somebody_elses_pending_order_is_none_of_our_business() -> None:
    order = a(OrderListed, magic=MAGIC + 1, comment="")
    snapshot = a(BrokerSnapshotTaken, positions=[position()], orders=[order])
    assert holding().when(snapshot) == []


def test_a_live_order_whose_search_is_not_over_is_no_stranger() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended))
    order = a(OrderListed, type=0, comment=f"x:{KEY.lower()}")
    assert story.when(a(BrokerSnapshotTaken, positions=[], orders=[order])) == []


def test_a_snapshot_names_every_discrepancy_and_halts_once() -> None:
    *found, halted = holding().when(a(BrokerSnapshotTaken, balance=1.0, positions=[]))
    assert [d.name for d in found if isinstance(d, DiscrepancyFound)] == [
        "position missing",
        "balance",
    ]
    assert isinstance(halted, TradingHalted)
    assert "2 found" in halted.reason
    assert len(found) == 2


def test_a_halted_engine_still_names_discrepancies_and_keeps_its_first_reason() -> None:
    story = holding().given(a(TradingHalted, rule="broker answer"))
    decisions = story.when(a(BrokerSnapshotTaken, positions=[]))
    assert [type(d) for d in decisions] == [DiscrepancyFound]
    assert story.state.run.halt_rule == "broker answer"


def test_a_halt_that_a_later_deal_explains_stays_until_an_operator_resumes() -> None:
    story = ready()
    story.when(seen())
    assert [one.name for one in story.state.reconciliation.standing] == ["position unknown"]
    story.given(a(DealRecorded, commission=0.0, price=PRICE))
    assert story.when(seen()) == []
    assert story.state.reconciliation.standing == []  # explained, and `status` says so
    assert story.state.run.halt_rule == "discrepancy"
    story.given(a(TradingResumed))
    assert story.state.run.halt_rule == ""


def test_a_ticket_that_an_older_deal_had_halts_and_the_deal_is_not_taken_in() -> None:
    story = holding()
    again = a(DealRecorded, order=5, position_id=5, time_msc=T0 * 1000 + 10**9, profit=1.0)
    found, halted = story.when(again)
    assert isinstance(found, DiscrepancyFound)
    assert (found.name, found.subject) == ("ticket reused", str(again.ticket))
    assert isinstance(halted, TradingHalted)
    assert 5 not in story.state.positions.open
    story.when(seen())
    assert [one.name for one in story.state.reconciliation.standing] == ["ticket reused"]


def test_a_deal_that_is_seen_again_is_no_reused_ticket() -> None:
    story = ready()
    late = a(DealRecorded, ticket=7, time_msc=T0 * 1000 + 500_000)
    for deal in (a(DealRecorded), late, a(DealRecorded), late, deposit(5.0, ticket=9)):
        assert story.when(deal) == []


def test_a_clock_that_is_not_as_its_rule_says_halts_until_it_is() -> None:
    story = ready()
    found, halted = story.when(
        a(ClockOffsetMeasured, offset_s=3600, symbols=2, agrees=False, rule="new-york+7")
    )
    assert found == DiscrepancyFound("clock", SERVER, "rule new-york+7", "+1 h from UTC")
    assert isinstance(halted, TradingHalted)
    story.when(a(BrokerSnapshotTaken, positions=[]))
    assert [one.name for one in story.state.reconciliation.standing] == ["clock"]
    assert story.when(a(ClockOffsetMeasured, symbols=2)) == []
    assert story.state.reconciliation.standing == []
    assert story.state.run.halt_rule == "discrepancy"


def test_somebody_elses_position_of_another_symbol_is_compared_as_well() -> None:
    deal = a(DealRecorded, symbol="XAUUSD", magic=0, price=1900.5, commission=0.0)
    story = ready().given(deal)
    assert story.when(seen(symbol="XAUUSD", magic=0, price_open=1900.5)) == []
    found, healed = story.when(seen(symbol="XAUUSD", magic=0, price_open=1900.5, sl=1890.0))
    assert (type(found), type(healed)) == (DiscrepancyFound, PositionAdjusted)
