"""What was done twice is found, what was done once is not; effects without intents are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from journal.events import (
    BrokerReplied,
    DealRecorded,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    Payload,
)
from replay.duplicates import Findings, find
from tests.given import KEY, MAGIC, OTHER_KEY, T0, Story, a, ready
from tests.session import play, real_bars

THIRD_KEY = "TEST001000000C0"


def intent(key: str, order: int, ticket: int, **changes: Any) -> list[Payload]:
    """One intent's story, from proposal to fill."""
    proposed = {n: changes[n] for n in ("follows", "action", "position") if n in changes}
    intended = {n: v for n, v in changes.items() if n != "follows"}
    return [
        a(OrderProposed, key=key, **proposed),
        a(OrderIntended, key=key, **intended),
        a(OrderAccepted, key=key, order=order),
        a(DealRecorded, ticket=ticket, order=order, position_id=order, comment=key),
    ]


def told(*stories: Sequence[Payload], apart: int = 1) -> Story:
    """Several stories in one journal; events are a second apart, and `apart` more between two."""
    story = ready()
    for events in stories:
        for payload in events:
            corr = getattr(payload, "comment", "") if isinstance(payload, DealRecorded) else ""
            story.given(payload, corr=corr)
        for _ in range(apart):
            story.given(a(BrokerReplied, key="nobody"))
    return story


def found(story: Story, within_s: float = 30.0) -> Findings:
    return find(story.events, within_s)


def test_an_honest_session_with_kills_and_lost_replies_has_nothing_to_show() -> None:
    findings = find(play(real_bars(3000), kill_every=400).events)
    assert findings.intents > 10
    assert findings.deals > 20
    assert (findings.pairs, findings.unmeant) == ([], [])


def test_two_intents_of_one_purpose_close_together_are_a_pair() -> None:
    story = told(intent(KEY, 2001, 11), intent(OTHER_KEY, 2002, 12))
    [pair] = found(story).pairs
    assert (pair.first.key, pair.second.key) == (KEY, OTHER_KEY)
    assert pair.why == "5.000 s apart"
    assert (pair.first.filled, pair.second.effect) == (1.0, "1 lots filled")
    assert found(story, within_s=5.0).pairs == []


def test_three_of_one_purpose_are_three_pairs() -> None:
    story = told(intent(KEY, 2001, 11), intent(OTHER_KEY, 2002, 12), intent(THIRD_KEY, 2003, 13))
    assert len(found(story).pairs) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"strategy": "another"},
        {"symbol": "GBPUSD"},
        {"side": "sell"},
        {"action": "close", "position": 2001},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_purpose_is_no_pair(other: dict[str, Any]) -> None:
    story = told(intent(KEY, 2001, 11), intent(OTHER_KEY, 2002, 12, **other))
    assert found(story).pairs == []


def test_two_closes_of_one_position_are_a_pair() -> None:
    close = {"action": "close", "position": 77, "side": "sell"}
    story = told(intent(KEY, 2001, 11, **close), intent(OTHER_KEY, 2002, 12, **close))
    assert len(found(story).pairs) == 1


def test_a_retry_that_follows_a_refused_intent_is_no_pair() -> None:
    refused = [*intent(KEY, 2001, 11)[:2], a(OrderRefused, key=KEY)]
    again = intent(OTHER_KEY, 2002, 12, follows=KEY)
    assert found(told(refused, again)).pairs == []
    both = told(intent(KEY, 2001, 11), again)  # refused, said the first answer, and executed
    assert found(both).pairs == []
    assert len(found(told(intent(KEY, 2001, 11), intent(OTHER_KEY, 2002, 12))).pairs) == 1


def test_an_unresolved_intent_may_have_had_the_effect() -> None:
    unresolved = [*intent(KEY, 2001, 11)[:2], a(OrderUnresolved, key=KEY)]
    [pair] = found(told(unresolved, intent(OTHER_KEY, 2002, 12))).pairs
    assert pair.first.effect == "not known"
    settled = [a(OrderResolved, key=KEY, executed=False, order=0)]
    assert found(told(unresolved, settled, intent(OTHER_KEY, 2002, 12))).pairs == []


def test_what_one_event_led_to_twice_is_a_pair_however_late_it_was_sent() -> None:
    story = ready()
    bar = len(story.events)
    for key, order in ((KEY, 2001), (OTHER_KEY, 2002)):
        for payload in intent(key, order, order):
            story.given(payload, corr=key)
        for _ in range(100):
            story.given(a(BrokerReplied, key="nobody"))
    story.events[:] = [
        msgspec.structs.replace(event, cause=bar)
        if isinstance(event.data, OrderProposed)
        else event
        for event in story.events
    ]
    [pair] = found(story).pairs
    assert pair.why == "proposed by the same event"


def test_a_deal_with_our_magic_and_no_known_key_is_an_effect_without_an_intent() -> None:
    stranger = a(DealRecorded, ticket=31, order=3001, position_id=3001, comment="ELSE0001")
    closed = a(DealRecorded, ticket=32, order=3002, position_id=3001, entry=1, comment="[sl 1.1]")
    story = told([stranger, closed])
    assert [(one.deal, one.position) for one in found(story).unmeant] == [(31, 3001), (32, 3001)]
    assert "no known key" in found(story).unmeant[0].why


def test_what_others_do_is_none_of_our_effects() -> None:
    by_hand = a(DealRecorded, ticket=31, order=3001, position_id=3001, magic=0, comment="")
    robot = a(DealRecorded, ticket=32, order=3002, position_id=3002, magic=MAGIC + 5, comment="x")
    assert found(told([by_hand, robot])).unmeant == []


def test_a_stop_that_the_server_fills_belongs_to_the_intent_that_opened() -> None:
    story = told(intent(KEY, 2001, 11))
    stop = a(
        DealRecorded, ticket=12, order=2009, position_id=2001, entry=1, reason=4, comment="[sl 1]"
    )
    story.given(stop, corr=KEY)
    assert (found(story).unmeant, found(story).pairs) == ([], [])


def test_two_orders_of_one_intent_are_a_doubled_effect() -> None:
    story = told(intent(KEY, 2001, 11))
    story.given(
        a(DealRecorded, ticket=12, order=2002, position_id=2002, comment=KEY, time=T0), corr=KEY
    )
    [one] = found(story).unmeant
    assert one.why == "orders [2001, 2002] all come from one intent"


def test_an_intent_reported_refused_and_filled_is_shown() -> None:
    story = told([*intent(KEY, 2001, 11)[:2], a(OrderRefused, key=KEY)])
    story.given(a(DealRecorded, ticket=12, order=2002, position_id=2002, comment=KEY), corr=KEY)
    [one] = found(story).unmeant
    assert "refused, and it was filled" in one.why
