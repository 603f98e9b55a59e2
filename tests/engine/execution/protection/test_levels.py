"""Each rule alone: given a position and a market, then this stop or this part to close."""

from __future__ import annotations

import pytest

from engine.execution.protection.levels import Held, Reduction, Seen, reduction, tightest
from engine.execution.protection.rules import (
    BreakEven,
    PartialTarget,
    Protection,
    TimeStop,
    TrailAtr,
    TrailBar,
    TrailR,
    TrailSteps,
)
from tests.engine.execution.protection.worlds import SPEC, bar, long, seen, short, spec


def level(rule: Protection, held: Held, market: Seen) -> float | None:
    wish = tightest([rule], held, market, SPEC)
    return round(wish.level, 6) if wish is not None else None


# --- trailing by ATR


def test_the_stop_follows_the_best_price_at_so_many_atr() -> None:
    assert level(TrailAtr(multiple=3.0), long(best=1.102), seen(1.101)) == 1.1005
    assert level(TrailAtr(multiple=3.0), short(best=1.098), seen(1.099)) == 1.0995


def test_an_atr_that_is_not_ready_moves_no_stop() -> None:
    assert level(TrailAtr(period=20), long(best=1.102), seen(1.101)) is None


def test_trailing_waits_for_the_gain_from_which_on_it_shall_follow() -> None:
    rule = TrailAtr(multiple=1.0, from_r=2.0)
    assert level(rule, long(best=1.1019), seen(1.1019)) is None
    assert level(rule, long(best=1.102), seen(1.102)) == 1.1015


def test_a_position_without_an_r_trails_only_where_no_gain_is_waited_for() -> None:
    position = long(best=1.102, r=0.0, sl=0.0)
    assert level(TrailAtr(from_r=1.0), position, seen(1.102)) is None
    assert level(TrailAtr(), position, seen(1.102)) == 1.1005


@pytest.mark.parametrize(
    ("rule", "coarse"),
    [
        (TrailAtr(multiple=1.0), TrailAtr(multiple=1.0, least_points=50)),
        (TrailBar(), TrailBar(least_points=50)),
    ],
)
def test_a_stop_is_not_moved_for_less_than_it_shall_be(
    rule: Protection, coarse: Protection
) -> None:
    market = seen(1.102, bars=[bar(1.1015, 1.102)])
    near, far = long(best=1.102, sl=1.1012), long(best=1.102, sl=1.101)
    assert level(rule, near, market) == level(rule, far, market) == 1.1015
    assert level(coarse, near, market) is None
    assert level(coarse, far, market) == 1.1015


# --- trailing by a previous bar's extreme


def test_the_stop_follows_the_lowest_bid_of_the_last_bars_of_a_long_position() -> None:
    bars = [bar(1.0999, 1.101), bar(1.1012, 1.103), bar(1.1015, 1.104)]
    market = seen(1.104, bars=bars)
    assert level(TrailBar(bars=1, offset_points=20), long(), market) == 1.1013
    assert level(TrailBar(bars=2), long(), market) == 1.1012
    assert level(TrailBar(bars=3), long(), market) == 1.0999


def test_the_stop_follows_the_highest_ask_of_the_last_bars_of_a_short_position() -> None:
    bars = [bar(1.096, 1.0985, spread=30), bar(1.095, 1.0986, spread=10)]
    market = seen(1.095, bars=bars)
    assert level(TrailBar(bars=2, offset_points=20), short(), market) == 1.099
    assert level(TrailBar(bars=1), short(), market) == 1.0987


def test_fewer_bars_than_are_asked_for_move_no_stop() -> None:
    assert level(TrailBar(bars=2), long(), seen(1.104, bars=[bar(1.1, 1.104)])) is None


# --- trailing by steps and by R


@pytest.mark.parametrize(
    ("best", "stop"), [(1.10049, None), (1.1005, 1.1002), (1.10099, 1.1002), (1.1010, 1.1007)]
)
def test_each_whole_step_of_points_moves_the_stop(best: float, stop: float | None) -> None:
    rule = TrailSteps(step_points=50, behind_points=30)
    assert level(rule, long(best=best), seen(best)) == stop
    mirrored = 2.2 - stop if stop is not None else None
    assert level(rule, short(best=2.2 - best), seen(2.2 - best)) == pytest.approx(mirrored)


@pytest.mark.parametrize(
    ("best", "stop"), [(1.1009, None), (1.101, 1.1), (1.1019, 1.1), (1.102, 1.101)]
)
def test_each_whole_r_moves_the_stop(best: float, stop: float | None) -> None:
    assert level(TrailR(), long(best=best), seen(best)) == stop
    mirrored = 2.2 - stop if stop is not None else None
    assert level(TrailR(), short(best=2.2 - best), seen(2.2 - best)) == pytest.approx(mirrored)


@pytest.mark.parametrize("rule", [TrailR(), BreakEven()])
def test_without_an_r_no_rule_in_r_speaks(rule: Protection) -> None:
    assert level(rule, long(best=1.2, r=0.0), seen(1.2)) is None


# --- break-even


def test_break_even_is_the_entry_and_an_offset_on_the_side_of_profit() -> None:
    rule = BreakEven(at_r=1.0, offset_points=15)
    assert level(rule, long(best=1.10099), seen(1.1009)) is None
    assert level(rule, long(best=1.101), seen(1.1009)) == 1.10015
    assert level(rule, short(best=1.099), seen(1.0991)) == 1.09985


# --- several


def test_of_several_stops_the_tightest_counts_and_says_which_it_is() -> None:
    rules: list[Protection] = [BreakEven(), TrailR(behind_r=0.5), TrailAtr(multiple=4.0)]
    wish = tightest(rules, long(best=1.102), seen(1.102), SPEC)
    assert wish is not None
    assert (round(wish.level, 5), wish.reason) == (1.1015, "0.5 R behind step 2")
    wish = tightest(rules, short(best=1.098), seen(1.098), SPEC)
    assert wish is not None
    assert round(wish.level, 5) == 1.0985


# --- partial targets

HALF = [PartialTarget(at_r=1.0, part_percent=50)]
TWICE = [PartialTarget(at_r=1.0, part_percent=50), PartialTarget(at_r=2.0, part_percent=30)]


def part(rules: list[PartialTarget], held: Held, **constraints: float) -> float | None:
    wanted = reduction(rules, held, seen(1.1), spec(**constraints))
    return wanted.volume if wanted is not None else None


def test_a_target_closes_its_part_of_what_was_opened() -> None:
    assert part(HALF, long(best=1.1009)) is None
    assert part(HALF, long(best=1.101)) == 0.5
    assert part(HALF, short(best=1.099)) == 0.5


def test_a_target_that_was_taken_is_not_taken_again() -> None:
    assert part(HALF, long(best=1.1015, volume=0.5)) is None
    assert part(TWICE, long(best=1.1015, volume=0.5)) is None
    assert part(TWICE, long(best=1.102, volume=0.5)) == 0.3


def test_targets_passed_at_once_are_closed_at_once() -> None:
    assert part(TWICE, long(best=1.103)) == 0.8


def test_what_was_closed_by_others_counts() -> None:
    assert part(HALF, long(best=1.101, volume=0.7)) == pytest.approx(0.2)
    assert part(HALF, long(best=1.101, volume=0.3)) is None


def test_a_part_is_rounded_down_to_the_volume_step() -> None:
    odd = [PartialTarget(at_r=1.0, part_percent=33)]
    assert part(odd, long(best=1.101, opened=0.1, volume=0.1)) == 0.03
    assert part(odd, long(best=1.101), volume_step=0.25, volume_min=0.25) == 0.25


def test_a_part_or_a_rest_below_the_least_volume_stays_open() -> None:
    small = long(best=1.101, opened=0.01, volume=0.01)
    assert part(HALF, small) is None
    assert part(HALF, long(best=1.101, opened=0.3, volume=0.3), volume_min=0.2) is None
    tenth = [PartialTarget(at_r=1.0, part_percent=90)]
    assert part(tenth, long(best=1.101, opened=1.0), volume_min=0.3) == pytest.approx(0.7)


# --- time stop


def test_after_its_time_all_of_a_position_is_closed() -> None:
    rule = [TimeStop(minutes=60)]
    assert reduction(rule, long(age_s=3599), seen(), SPEC) is None
    assert reduction(rule, long(age_s=3600), seen(), SPEC) == Reduction(0.0, "open for 60 minutes")


def test_a_time_stop_can_spare_what_has_gained_enough() -> None:
    rule = [TimeStop(minutes=60, below_r=0.5)]
    assert reduction(rule, long(age_s=3600), seen(1.1005), SPEC) is None
    assert reduction(rule, long(age_s=3600, best=1.2), seen(1.1004), SPEC) is not None
    assert reduction(rule, short(age_s=3600), seen(1.0994), SPEC) is None
    assert reduction(rule, short(age_s=3600), seen(1.0995), SPEC) is not None


def test_without_an_r_such_a_time_stop_closes_only_what_loses() -> None:
    rule = [TimeStop(minutes=60, below_r=0.5)]
    assert reduction(rule, long(age_s=3600, r=0.0), seen(1.0999), SPEC) is not None
    assert reduction(rule, long(age_s=3600, r=0.0), seen(1.1), SPEC) is None


def test_a_time_stop_goes_before_partial_targets() -> None:
    wanted = reduction([*HALF, TimeStop(minutes=1)], long(best=1.101, age_s=60), seen(), SPEC)
    assert wanted is not None
    assert wanted.volume == 0.0
