"""The broker's clock by the zone database agrees with the dates of law, written down independently
in the simulated terminal, and round trips for every hour but the repeated one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker.server_time import ServerTime
from engine.terminal.clock import ZoneRule
from journal.errors import ConfigError

HOUR = 3600


def stamp(text: str) -> int:
    """Seconds of a wall time written as if it were UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NEW_YORK_SUMMERS = {
    # UTC at which the United States went to summer time and back, from the almanac
    2020: ("2020-03-08T07:00", "2020-11-01T06:00"),
    2021: ("2021-03-14T07:00", "2021-11-07T06:00"),
    2022: ("2022-03-13T07:00", "2022-11-06T06:00"),
    2023: ("2023-03-12T07:00", "2023-11-05T06:00"),
    2024: ("2024-03-10T07:00", "2024-11-03T06:00"),
    2025: ("2025-03-09T07:00", "2025-11-02T06:00"),
    2026: ("2026-03-08T07:00", "2026-11-01T06:00"),
}
EUROPEAN_SUMMERS = {
    2020: ("2020-03-29T01:00", "2020-10-25T01:00"),
    2021: ("2021-03-28T01:00", "2021-10-31T01:00"),
    2022: ("2022-03-27T01:00", "2022-10-30T01:00"),
    2023: ("2023-03-26T01:00", "2023-10-29T01:00"),
    2024: ("2024-03-31T01:00", "2024-10-27T01:00"),
    2025: ("2025-03-30T01:00", "2025-10-26T01:00"),
    2026: ("2026-03-29T01:00", "2026-10-25T01:00"),
}
SUMMERS = {"new-york+7": NEW_YORK_SUMMERS, "eu": EUROPEAN_SUMMERS}


@pytest.mark.parametrize(
    ("rule", "year"), [(rule, year) for rule, years in SUMMERS.items() for year in years]
)
def test_summer_time_begins_and_ends_on_the_dates_of_law(rule: str, year: int) -> None:
    begin, end = (stamp(text) for text in SUMMERS[rule][year])
    clock = ServerTime(rule)
    # One second before and at the change, in the server's own time.
    assert clock.offset(begin - 1 + 2 * HOUR) == 2 * HOUR
    assert clock.offset(begin + 3 * HOUR) == 3 * HOUR
    assert clock.offset(end - HOUR - 1 + 3 * HOUR) == 3 * HOUR
    assert clock.offset(end + 3 * HOUR) == 2 * HOUR


@pytest.mark.parametrize("rule", SUMMERS)
def test_of_the_hour_that_repeats_the_second_pass_is_meant(rule: str) -> None:
    clock = ServerTime(rule)
    for year in SUMMERS[rule]:
        end = stamp(SUMMERS[rule][year][1])
        for second in (0, 1, HOUR - 1):
            shown_twice = end + 2 * HOUR + second
            assert clock.offset(shown_twice) == 2 * HOUR
            assert clock.utc_ns(shown_twice * 1000) == (end + second) * 1_000_000_000


@pytest.mark.parametrize("rule", SUMMERS)
def test_every_hour_of_seven_years_agrees_with_the_terminals_own_clock(rule: str) -> None:
    clock = ServerTime(rule)
    terminal = ZoneRule("new-york+7" if rule == "new-york+7" else "eu")
    ambiguous = 0
    for utc in range(stamp("2020-01-01T00:00"), stamp("2027-01-01T00:00"), HOUR):
        server = int(terminal.to_server(utc))
        back = clock.utc_ns(server * 1000) // 1_000_000_000
        assert back == terminal.to_utc(server)
        if back != utc:  # the first pass of the hour that repeats
            ambiguous += 1
            assert back == utc + HOUR
        else:
            assert clock.offset(server) == terminal.offset(utc)
    assert ambiguous == 7  # once a year


@pytest.mark.parametrize("hours", range(-12, 15))
def test_a_fixed_rule_is_always_as_far_ahead(hours: int) -> None:
    clock = ServerTime(f"utc{hours:+d}")
    for second in (0, stamp("2023-07-01T00:00"), stamp("2024-01-01T00:00")):
        assert clock.offset(second) == hours * HOUR


@given(
    st.integers(stamp("2007-01-01T00:00"), stamp("2037-01-01T00:00")),
    st.sampled_from([*SUMMERS, "utc+2"]),
)
def test_what_was_looked_up_before_does_not_matter(second: int, rule: str) -> None:
    used = ServerTime(rule)
    for other in (second - 1800, second + 1800, second - 86_400 * 180, second + 1):
        used.offset(other)
    assert used.offset(second) == ServerTime(rule).offset(second)


def test_milliseconds_are_kept() -> None:
    server = stamp("2023-07-03T12:00:00") * 1000 + 123
    assert (
        ServerTime("new-york+7").utc_ns(server)
        == (stamp("2023-07-03T09:00:00") * 1000 + 123) * 1_000_000
    )


def test_utc_alone_is_a_rule() -> None:
    assert ServerTime("utc").offset(stamp("2023-07-03T12:00:00")) == 0


@pytest.mark.parametrize(
    "rule", ["", "utc+15", "utc2", "UTC+2", "Europe/Athens", "new-york", "utc+2:30"]
)
def test_an_unknown_rule_is_refused_with_what_is_allowed(rule: str) -> None:
    with pytest.raises(ConfigError, match=r"broker\.zone.*new-york\+7, eu"):
        ServerTime(rule)


@given(
    rule=st.sampled_from(["new-york+7", "eu", "utc-3"]),
    begin=st.sampled_from(["2023-03-11T22:00", "2023-03-25T22:00", "2023-11-05T03:00"]),
    gaps=st.lists(st.sampled_from([60, 3600, 7200, 86_400, 200 * 86_400]), max_size=40),
)
def test_stamps_taken_together_are_converted_like_each_by_itself(
    rule: str, begin: str, gaps: list[int]
) -> None:
    stamps = [1000 * second for second in accumulate(gaps, initial=stamp(begin))]
    clock, other = ServerTime(rule), ServerTime(rule)
    assert clock.all_utc_ns(stamps) == [other.utc_ns(one) for one in stamps]
