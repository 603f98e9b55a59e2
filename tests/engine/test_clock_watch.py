"""The broker's clock is measured again while a run goes on, without waiting, and only a change is
recorded."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.broker.gateway import CallFailed
from engine.broker.server_time import ServerTime
from engine.clock_watch import ClockWatch
from journal.events import ClockOffsetMeasured, Payload
from projections.state import State, initial

RULE = ServerTime("new-york+7")
SUMMER, WINTER = 1_698_440_000, 1_699_300_000
"""UTC seconds of a Friday before the American clocks were set back in 2023, and of the Monday after
them."""


class World:
    """A market with a tick a second, its clock, ours, and what is recorded."""

    def __init__(self, utc_s: float = SUMMER) -> None:
        self.utc_s, self.ours_wrong, self.theirs_wrong = utc_s, 0.0, 0
        self.moves, self.fails = True, False
        self.asked = 0
        self.recorded: list[ClockOffsetMeasured] = []
        self.state: State = initial()
        self.state.market.offset_s = 10_800

    def now_ns(self) -> int:
        return int((self.utc_s + self.ours_wrong) * 1e9)

    async def tick_times(self) -> dict[str, int]:
        self.asked += 1
        if self.fails:
            raise CallFailed("symbol_info_tick", -1, "Terminal: Call failed")
        utc = int(self.utc_s if self.moves else SUMMER)
        offset = next(o for o in (7200, 10_800) if RULE.offset(utc + o) == o)
        return {"EURUSD": (utc + offset + self.theirs_wrong) * 1000}

    def record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        assert isinstance(data, ClockOffsetMeasured)
        self.recorded.append(data)
        self.state.market.offset_s = data.offset_s

    def watch(self, every_s: float = 600.0) -> ClockWatch:
        me: Any = self
        watch = ClockWatch(me, me, me, RULE, every_s)
        watch.rest()
        return watch

    def run(self, watch: ClockWatch, seconds: int, step: float = 1.0) -> None:
        async def turns() -> None:
            for _ in range(int(seconds / step)):
                self.utc_s += step
                await watch.look()

        anyio.run(turns)


@pytest.fixture
def world() -> World:
    return World()


def test_a_clock_that_keeps_its_rule_leaves_nothing_in_the_journal(world: World) -> None:
    world.run(world.watch(), 4000)
    assert world.recorded == []
    assert world.asked == 2 * 6


def test_a_change_that_the_rule_foresees_is_recorded_once(world: World) -> None:
    watch = world.watch()
    world.run(watch, 700)
    world.utc_s = WINTER
    world.run(watch, 3000)
    [changed] = world.recorded
    assert (changed.offset_s, changed.agrees, changed.symbols) == (7200, True, 1)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_two_hours_off_is_a_contradiction_recorded_once_and_its_end_too(
    world: World, hours: int
) -> None:
    watch = world.watch()
    world.theirs_wrong = hours * 3600
    world.run(watch, 3000)
    [odd] = world.recorded
    assert (odd.offset_s, odd.agrees, odd.rule) == (10_800 + hours * 3600, False, "new-york+7")
    world.theirs_wrong = 0
    world.run(watch, 3000)
    assert [seen.agrees for seen in world.recorded] == [False, True]


def test_our_own_clock_two_hours_off_is_the_same_contradiction(world: World) -> None:
    watch = world.watch()
    world.ours_wrong = 7200.0
    world.run(watch, 3000)
    assert [seen.agrees for seen in world.recorded] == [False]


def test_one_odd_measurement_is_not_believed(world: World) -> None:
    watch = world.watch()
    world.run(watch, 599)
    world.theirs_wrong = 7200
    world.run(watch, 2)
    world.theirs_wrong = 0
    world.run(watch, 2000)
    assert world.recorded == []


def test_a_market_that_stands_still_tells_nothing(world: World) -> None:
    world.moves = False
    world.run(world.watch(), 4000)
    assert world.recorded == []


def test_a_reading_that_fails_is_left_for_the_next_time(world: World) -> None:
    watch = world.watch()
    world.fails = True
    world.run(watch, 1300)
    assert world.asked == 2
    world.fails = False
    world.theirs_wrong = 3600
    world.run(watch, 1300)
    assert [seen.agrees for seen in world.recorded] == [False]


def test_our_clock_put_back_by_a_day_does_not_silence_the_watch(world: World) -> None:
    watch = world.watch()
    world.run(watch, 700)
    asked = world.asked
    world.utc_s -= 86_400
    world.run(watch, 10)
    assert world.asked > asked
