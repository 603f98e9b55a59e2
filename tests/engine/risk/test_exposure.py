"""Limits count what is open and what is on the way; strangers' positions by configuration."""

from __future__ import annotations

import msgspec
import pytest

from engine.config import Config, Foreign, Risk
from journal.events import (
    DealRecorded,
    FeedCaughtUp,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderVetoed,
    Payload,
    QuoteObserved,
    SymbolSpecified,
    TerminalConnected,
)
from tests.given import CONFIG, KEY, MAGIC, OTHER_KEY, Story, a, deposit, manifest

NOBODY, OTHER_ROBOT = 0, MAGIC + 1


def config(*, count: bool = True, positions: int = 0, lots: float = 0.0) -> Config:
    risk = Risk(most_positions=positions, most_lots=lots)
    return msgspec.structs.replace(CONFIG, risk=risk, foreign=Foreign(count_in_exposure=count))


def weighed(settings: Config, *given: Payload) -> Payload:
    """What becomes of a proposal in a fresh account of which this is given."""
    story = Story().given(
        manifest(settings),
        a(TerminalConnected),
        a(SymbolSpecified),
        deposit(10_000.0),
        a(FeedCaughtUp),
    )
    story.given(*given).given(a(OrderProposed))
    [decision, *_] = story.when(a(QuoteObserved), corr=KEY)
    return decision


def foreign(magic: int, volume: float = 0.4, symbol: str = "EURUSD") -> DealRecorded:
    return a(DealRecorded, ticket=5, magic=magic, volume=volume, symbol=symbol, comment="by hand")


@pytest.mark.parametrize("magic", [NOBODY, OTHER_ROBOT])
@pytest.mark.parametrize("symbol", ["EURUSD", "XAUUSD"])
def test_a_strangers_position_takes_a_place_where_it_counts(magic: int, symbol: str) -> None:
    position = foreign(magic, symbol=symbol)
    refused = weighed(config(positions=1), position)
    assert isinstance(refused, OrderVetoed)
    assert (refused.rule, refused.reason) == (
        "positions",
        "1 are open and 0 on the way, of 1 allowed",
    )
    assert isinstance(weighed(config(positions=1, count=False), position), OrderIntended)
    assert isinstance(weighed(config(positions=2), position), OrderIntended)


def test_a_strangers_lots_of_the_symbol_count_where_they_count() -> None:
    alone = weighed(config())
    assert isinstance(alone, OrderIntended)
    room = alone.volume + 0.4
    assert isinstance(weighed(config(lots=room), foreign(NOBODY)), OrderIntended)
    refused = weighed(config(lots=room - 0.01), foreign(NOBODY))
    assert isinstance(refused, OrderVetoed)
    assert refused.rule == "lots"
    assert "0.4 lots of EURUSD" in refused.reason
    gold = foreign(NOBODY, symbol="XAUUSD")
    for settings in (config(lots=room - 0.01, count=False), config(lots=room - 0.01)):
        position = foreign(NOBODY) if not settings.foreign.count_in_exposure else gold
        assert isinstance(weighed(settings, position), OrderIntended)


def test_an_order_on_the_way_counts_as_if_it_were_filled() -> None:
    resting = (
        a(OrderProposed, key=OTHER_KEY, magic=OTHER_ROBOT, type="limit"),
        a(OrderIntended, key=OTHER_KEY, magic=OTHER_ROBOT, type="limit"),
        a(OrderAccepted, key=OTHER_KEY),
    )
    refused = weighed(config(positions=1), *resting)
    assert isinstance(refused, OrderVetoed)
    assert refused.reason == "0 are open and 1 on the way, of 1 allowed"


def test_without_limits_nothing_is_counted() -> None:
    assert isinstance(weighed(config(), foreign(NOBODY, volume=900.0)), OrderIntended)
