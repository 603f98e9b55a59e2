"""The server's zone rule, against the zone database, and the weekly sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.terminal.clock import ZoneRule
from engine.terminal.profile import Symbol
from engine.terminal.sessions import is_open

YEARS = range(1996, 2031)


def test_new_york_plus_seven_is_new_yorks_wall_clock_seven_hours_on() -> None:
    rule, zone = ZoneRule("new-york+7"), ZoneInfo("America/New_York")
    moment = datetime(YEARS[0], 1, 1, tzinfo=UTC)
    while moment.year in YEARS:
        there = moment.astimezone(zone).utcoffset()
        assert there is not None
        assert rule.offset(moment.timestamp()) == (there + timedelta(hours=7)).total_seconds()
        moment += timedelta(hours=5)


def test_eu_changes_with_brussels() -> None:
    rule, zone = ZoneRule("eu"), ZoneInfo("Europe/Athens")
    moment = datetime(YEARS[0], 11, 1, tzinfo=UTC)
    while moment.year in YEARS:
        there = moment.astimezone(zone).utcoffset()
        assert there is not None
        assert rule.offset(moment.timestamp()) == there.total_seconds()
        moment += timedelta(hours=5)


def test_a_fixed_zone_never_changes() -> None:
    rule = ZoneRule("fixed", hours=-3.5)
    assert {rule.offset(86_400.0 * day) for day in range(0, 20_000, 30)} == {-12_600}


@pytest.mark.parametrize("zone", ["new-york+7", "eu"])
def test_server_time_goes_back_to_utc_except_in_the_hour_that_repeats(zone: str) -> None:
    rule = ZoneRule(zone)  # type: ignore[arg-type]  # parametrised over the literals
    ambiguous = 0
    for hour in range(24 * 366):
        utc = datetime(2024, 1, 1, tzinfo=UTC).timestamp() + 3600 * hour
        back = rule.to_utc(rule.to_server(utc))
        ambiguous += back != utc
        assert back in (utc, utc + 3600)
    assert ambiguous == 1


def _at(weekday_of_january: int, clock: str) -> int:
    hour, minute = map(int, clock.split(":"))
    moment = datetime(2024, 1, weekday_of_january, hour, minute, tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def test_sessions_and_holidays_open_and_close_a_symbol() -> None:
    plain = Symbol(digits=2, currency_base="USD", currency_profit="USD")
    assert is_open(plain, _at(12, "23:59"))  # Friday
    assert not is_open(plain, _at(13, "00:00"))
    assert not is_open(plain, _at(14, "12:00"))
    timed = Symbol(
        digits=2,
        currency_base="USD",
        currency_profit="USD",
        sessions={"monday": ("01:00-12:00", "13:00-24:00"), "saturday": ("00:00-24:00",)},
        holidays=("2024-01-15",),
    )
    open_at = {
        (8, "00:59"): False, (8, "01:00"): True, (8, "12:00"): False, (8, "12:59"): False,
        (8, "23:59"): True, (9, "10:00"): False, (13, "10:00"): True, (15, "10:00"): False,
    }  # fmt: skip
    assert {key: is_open(timed, _at(*key)) for key in open_at} == open_at
