"""A strategy's newest wish moves the pending order that it has, where that risks no more."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config import Config
from engine.execution.intents import Keys
from engine.execution.moving import move
from engine.strategies.base import Proposal
from journal.events import (
    BarClosed,
    ChangeApplied,
    ChangeIntended,
    DealRecorded,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    Payload,
    SymbolSpecified,
    TradingHalted,
    TradingPaused,
)
from tests.given import CONFIG, KEY, MAGIC, Story, a, ready

BAR = a(BarClosed, close=1.0500, spread=10)
WISH = Proposal("buy", 0.001, 0.002, "higher edge", "stop", 1.0530, 0.0, 600)


def working(kind: str = "stop", **changes: Any) -> Story:
    fields = {
        "type": kind, "price": 1.0520, "sl": 1.0510, "tp": 1.0540, "risk": 100.0, "volume": 1.0,
        **changes,
    }  # fmt: skip
    return ready().given(a(OrderProposed, type=kind), a(OrderIntended, **fields), a(OrderAccepted))


def moved(story: Story, config: Config = CONFIG, **changes: Any) -> Payload | None:
    event: Any = story._next(BAR, "")
    wish = Proposal(**{**{n: getattr(WISH, n) for n in WISH.__struct_fields__}, **changes})
    draft = move(story.state, config, event, Keys(event), config.strategies[0], wish)
    return draft[0] if draft is not None else None


def test_the_order_is_moved_with_its_levels_and_a_new_end() -> None:
    story = working()
    wish = moved(story)
    now_s = story.events[-1].ts // 1_000_000_000 + 10_800
    assert isinstance(wish, ChangeIntended)
    assert (wish.action, wish.order_key, wish.magic, wish.reason) == (
        "modify", KEY, MAGIC, "higher edge",
    )  # fmt: skip
    assert (wish.price, wish.sl, wish.tp, wish.expiration) == (1.053, 1.052, 1.055, now_s + 600)


def test_a_stop_limits_levels_are_measured_from_its_limit() -> None:
    story = working("stop limit", limit=1.0515, sl=1.0505)
    wish = moved(story, type="stop limit", limit=1.0525)
    assert isinstance(wish, ChangeIntended)
    assert (wish.limit, wish.sl, wish.tp) == (1.0525, 1.0515, 1.0545)


@pytest.mark.parametrize(
    ("story", "changes"),
    [
        (ready(), {}),
        (working(), {"side": "sell"}),
        (working(), {"type": "limit", "price": 1.04}),
        (working(), {"type": "market"}),
        (working(), {"stop_distance": 0.0011}),
        (working(), {"price": 1.0501}),
        (working().given(a(TradingHalted)), {}),
        (working().given(a(TradingPaused)), {}),
        (working().given(a(SymbolSpecified, freeze_level=300)), {}),
        (working().given(a(ChangeIntended, order_key=KEY, position=0)), {}),
        (working(), {"price": 1.0520, "lifetime_s": 0}),
    ],
    ids=[
        "no order", "other side", "other kind", "market", "more risk", "at the market", "halted",
        "paused", "frozen", "in flight", "there already",
    ],
)  # fmt: skip
def test_it_is_not_moved(story: Story, changes: dict[str, Any]) -> None:
    assert moved(story, **changes) is None


def test_an_order_that_is_filled_in_part_is_left_alone() -> None:
    story = working().given(a(DealRecorded, volume=0.4), corr=KEY)
    assert moved(story) is None


def test_a_smaller_stop_lowers_the_risk_that_is_remembered() -> None:
    story = working()
    wish = moved(story, stop_distance=0.0005)
    assert isinstance(wish, ChangeIntended)
    story.given(wish).given(a(ChangeApplied, key=wish.key))
    assert story.state.orders.open[KEY].risk == pytest.approx(50.0)
    assert moved(story, price=1.0540, stop_distance=0.001) is not None
    assert moved(story, price=1.0540, stop_distance=0.0011) is None
