"""Bars that are taken in many at once leave what they leave one by one, and lead to the same
decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, groupby
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Config
from engine.execution.protection.rules import TrailAtr
from engine.kernel import Kernel
from engine.strategies.baseline import MaCrossRsiConfig
from engine.strategies.breakout import BreakoutConfig
from engine.strategies.catalogue import build
from journal.codec import encode, encode_all
from journal.envelope import AnyEvent, Event, stamp, stamp_all
from journal.events import BarClosed, DealRecorded, RunStarted, SymbolSpecified
from projections.account import ACCOUNT
from projections.market import MARKET
from projections.state import Fold
from tests.given import CONFIG, MAGIC, RISING, RUN, SYMBOL, a, bars, ready
from tests.session import TWO_STRATEGIES, play, real_bars

BREAKOUT = BreakoutConfig(name="breakout", magic=MAGIC, symbol=SYMBOL, channel=5, atr_period=3)
CONFIGS = {
    "one strategy": CONFIG,
    "two strategies": TWO_STRATEGIES,
    "protected": msgspec.structs.replace(
        CONFIG,
        strategies=[
            msgspec.structs.replace(CONFIG.strategies[0], protection=[TrailAtr(period=3)]),
        ],
    ),
}
prices = st.lists(st.integers(109_950, 110_050).map(lambda p: p / 100_000), max_size=60)


def stretches(events: Sequence[AnyEvent]) -> Iterator[list[AnyEvent]]:
    """A session's events: bars between which there is nothing else, and others one by one; each
    with the decisions behind it."""
    for is_bar, some in groupby(events, lambda event: type(event.data) is BarClosed):
        if is_bar:
            yield list(some)
            continue
        for event in some:
            yield [event]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_session_is_the_same_taken_in_by_strides(config: Config) -> None:
    events = play(real_bars(1500), config).events
    singly, at_once = Kernel(), Kernel()
    longest = 0
    expected: list[AnyEvent] = []
    for stretch in stretches(events):
        if expected:  # a decision, folded in already
            assert stretch == [expected.pop(0)]
        elif type(stretch[0].data) is BarClosed:
            longest = max(longest, len(stretch))
            some = cast("list[Event[BarClosed]]", stretch)
            for bar in stretch:
                assert expected == []
                expected = singly.step(bar)
            assert at_once.step_bars(some) == (len(some), expected)
        else:
            expected = singly.step(stretch[0])
            assert at_once.step(stretch[0]) == expected
        assert msgspec.json.encode(singly.memory) == msgspec.json.encode(at_once.memory)
    assert longest >= 10


def test_bars_behind_a_decision_are_not_taken_in() -> None:
    kernel = ready().kernel
    told = [*RISING, *bars(1.2, 1.3, start=RISING[-1].time + 60)]
    first = kernel.state.seq + 1

    taken, decisions = kernel.step_bars(stamp_all(told, first, range(len(told)), RUN))

    assert taken == len(RISING)
    [decision] = decisions
    last = first + taken - 1
    assert (decision.seq, decision.cause, decision.ts) == (last + 1, last, taken - 1)
    assert kernel.state.market.series["EURUSD M1"].last_time == RISING[-1].time


SLOWER = MaCrossRsiConfig(
    name="slower", magic=MAGIC, symbol=SYMBOL, fast=3, slow=5, rsi_period=4, atr_period=6
)


@pytest.mark.parametrize("config", [CONFIG.strategies[0], SLOWER, BREAKOUT])
@given(closes=prices, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_a_strategy_follows_bars_as_it_is_told_them(
    config: MaCrossRsiConfig | BreakoutConfig, closes: list[float], cuts: list[int]
) -> None:
    singly, following = build(config), build(config)
    for rest in cut(bars(*closes), cuts):
        while rest:
            taken = following.follow(rest)
            for bar in rest[: taken - 1]:
                singly.update(bar)
                assert singly.propose() is None
            singly.update(rest[taken - 1])
            assert following.propose() == singly.propose()
            assert following == singly
            rest = rest[taken:]


def cut(told: list[BarClosed], cuts: list[int]) -> Iterator[list[BarClosed]]:
    begin = 0
    for end in sorted({*(c for c in cuts if c < len(told)), len(told)}):
        yield told[begin:end]
        begin = end


@given(closes=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_many_events_are_stamped_and_encoded_as_each_by_itself(closes: list[float]) -> None:
    told = bars(*closes)
    singly = [stamp(bar, 7 + place, 1000 * place, "run") for place, bar in enumerate(told)]
    at_once = stamp_all(told, 7, range(0, 1000 * len(told), 1000), "run")
    assert at_once == singly
    assert encode_all(at_once) == [encode(event) for event in singly]


@given(sizes=st.lists(st.integers(1, 150), max_size=6), keep=st.integers(0, 100))
def test_projections_fold_bars_at_once_as_one_by_one(sizes: list[int], keep: int) -> None:
    begun = [stamp(a(RunStarted, warmup=keep), 1, 0, RUN), stamp(a(SymbolSpecified), 2, 0, RUN)]
    begun.append(stamp(a(DealRecorded, ticket=5, type=0, entry=0), 3, 0, RUN))
    told = stamp_all(bars(*(1.0 + n / 1000 for n in range(1 + sum(sizes)))), 4, count(), RUN)
    singly, at_once = Fold(), Fold()
    for event in (*begun, told[0]):
        singly.evolve(event)
        at_once.evolve(event)
    place = 1
    for size in sizes:
        for event in told[place : place + size]:
            singly.evolve(event)
        at_once.evolve_bars(told[place : place + size])
        assert at_once.state == singly.state
        place += size


def test_a_projection_that_takes_in_bars_in_one_way_only_is_refused() -> None:
    with pytest.raises(TypeError, match="projection market takes in bars"):
        replace(MARKET, bars=None)
    with pytest.raises(TypeError, match="projection account takes in bars"):
        replace(ACCOUNT, bars=MARKET.bars)
