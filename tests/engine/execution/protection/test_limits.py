"""What may be sent: never looser, never too near to the market, never while frozen."""

from __future__ import annotations

import pytest

from engine.execution.protection.guard import plan
from engine.execution.protection.levels import Reduction, Wish
from engine.execution.protection.limits import (
    allowed_stop,
    is_frozen,
    least_distance,
    nearest_stop,
    target_in_the_way,
)
from engine.execution.protection.rules import (
    BreakEven,
    PartialTarget,
    Protection,
    TimeStop,
    TrailSteps,
)
from tests.engine.execution.protection.worlds import SPEC, long, seen, short, spec


@pytest.mark.parametrize(
    ("stops", "freeze", "spread", "points"),
    [
        (20, 0, 0.0001, 30),  # the stops level
        (0, 0, 0.0001, 11),  # 0 may float with the spread
        (0, 0, 0.0, 1),  # beyond the price in any case
        (5, 10, 0.0001, 21),  # out of the freeze level
    ],
)
def test_a_stop_keeps_the_brokers_distances_and_a_spread_more(
    stops: int, freeze: int, spread: float, points: int
) -> None:
    symbol = spec(stops_level=stops, freeze_level=freeze)
    assert least_distance(seen(1.1, spread), symbol) == pytest.approx(points * 1e-5)


def test_the_distance_is_from_where_the_position_would_be_closed() -> None:
    assert nearest_stop(1, seen(1.1), SPEC) == 1.0997
    assert nearest_stop(-1, seen(1.1), SPEC) == 1.1004


def test_on_a_coarse_grid_the_nearest_stop_is_rounded_away_from_the_market() -> None:
    coarse = spec(tick_size=0.00025)
    assert nearest_stop(1, seen(1.1), coarse) == 1.0995
    assert nearest_stop(-1, seen(1.1), coarse) == 1.1005


def test_a_level_that_is_too_near_becomes_the_nearest_that_is_allowed() -> None:
    assert allowed_stop(1.0999, long(), seen(1.1), SPEC) == 1.0997
    assert allowed_stop(1.1010, long(), seen(1.1), SPEC) == 1.0997
    assert allowed_stop(1.1002, short(), seen(1.1), SPEC) == 1.1004


def test_the_nearest_that_is_allowed_is_followed_a_spread_at_a_time() -> None:
    position = long(sl=1.0997)
    assert allowed_stop(1.1010, position, seen(1.10009), SPEC) is None
    assert allowed_stop(1.1010, position, seen(1.1001), SPEC) == 1.0998
    assert allowed_stop(1.09971, position, seen(1.10009), SPEC) == 1.09971


def test_a_stop_never_loosens() -> None:
    assert allowed_stop(1.0989, long(sl=1.099), seen(1.1), SPEC) is None
    assert allowed_stop(1.1011, short(sl=1.101), seen(1.1), SPEC) is None


def test_a_stop_that_is_the_same_on_the_tick_grid_is_not_sent() -> None:
    assert allowed_stop(1.099004, long(sl=1.099), seen(1.1), SPEC) is None
    assert allowed_stop(1.099006, long(sl=1.099), seen(1.1), SPEC) == 1.09901


def test_a_position_without_a_stop_takes_any() -> None:
    assert allowed_stop(1.05, long(sl=0.0), seen(1.1), SPEC) == 1.05


def test_no_price_is_not_a_stop() -> None:
    assert allowed_stop(-0.5, long(sl=0.0), seen(1.1), SPEC) is None


@pytest.mark.parametrize(
    ("bid", "frozen"), [(1.09910, True), (1.09911, False), (1.1019, True), (1.10189, False)]
)
def test_within_the_freeze_level_of_stop_or_target_nothing_is_touched(
    bid: float, frozen: bool
) -> None:
    position = long(tp=1.102)
    assert is_frozen(position, seen(bid), SPEC) is frozen
    assert not is_frozen(position, seen(bid), spec(freeze_level=0))
    rules = [TimeStop(minutes=1)]
    late = long(tp=1.102, age_s=60)
    assert (plan(rules, late, seen(bid), SPEC) is None) is frozen


def test_a_target_within_the_stops_level_keeps_the_stop_from_being_moved() -> None:
    position = long(tp=1.10215, best=1.102)
    assert target_in_the_way(position, seen(1.102), SPEC)
    assert plan([BreakEven()], position, seen(1.102), SPEC) is None
    assert plan([BreakEven()], position, seen(1.10195), SPEC) == Wish(
        1.1, "break-even at 1 R, 0 points beyond entry"
    )


def test_a_close_goes_before_a_better_stop() -> None:
    rules: list[Protection] = [BreakEven(), PartialTarget(at_r=1.0, part_percent=50)]
    assert isinstance(plan(rules, long(best=1.102), seen(1.102), SPEC), Reduction)
    assert isinstance(plan(rules, long(best=1.102, volume=0.5), seen(1.102), SPEC), Wish)


def test_a_market_that_fell_back_behind_the_level_is_followed_as_near_as_allowed() -> None:
    rules = [TrailSteps(step_points=100, behind_points=20)]
    wish = plan(rules, long(best=1.102), seen(1.1005), SPEC)
    assert isinstance(wish, Wish)
    assert wish.level == 1.1002
