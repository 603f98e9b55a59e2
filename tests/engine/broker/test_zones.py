"""The broker's clock is found from what it shows: fresh ticks, and when its weeks end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.broker import zones
from engine.broker.server_time import ServerTime
from engine.broker.zones import CANDIDATES, HOUR_S, Look, Measured, ZoneUnknown
from engine.feeds.bars import read_rates

ROOT = Path(__file__).resolve().parents[3]
Q4_2023 = ROOT / "tools" / "data" / "eurusd_m1_2023q4.csv"
NEW_YORK = ZoneInfo("America/New_York")
ATHENS = ZoneInfo("Europe/Athens")
NOW_S = 1_700_000_000


def server_offset(rule: str, utc_s: int) -> int:
    """Server time minus UTC at a UTC second: the other direction than `ServerTime` goes."""
    name, _, hours = rule.replace("utc-", "utc+-").partition("+")
    moment = datetime.fromtimestamp(utc_s, UTC)
    zone = {"new-york": NEW_YORK, "eu": ATHENS}.get(name)
    own = 0.0
    if zone is not None:
        there = moment.astimezone(zone).utcoffset()
        assert there is not None
        own = there.total_seconds() - (2 * HOUR_S if name == "eu" else 0)
    return int(own) + int(hours or 0) * HOUR_S


def year_of_hours(rule: str, first: datetime, weeks: int) -> list[int]:
    """H1 opening times, in server seconds, of a market open from Sunday to Friday 17:00 in New
    York."""
    times = []
    sunday = first - timedelta(days=(first.weekday() + 1) % 7)
    for week in range(weeks):
        begin = (sunday + timedelta(weeks=week)).replace(hour=17, tzinfo=NEW_YORK)
        end = (sunday + timedelta(weeks=week, days=5)).replace(hour=17, tzinfo=NEW_YORK)
        open_hours = range(int(begin.timestamp()), int(end.timestamp()), HOUR_S)
        times += [utc + server_offset(rule, utc) for utc in open_hours]
    return times


def looks(ahead_s: float, ages: dict[str, float]) -> list[Look]:
    """Two looks a second apart, with a tick of each symbol so many seconds old at the second."""
    old = {symbol: int((NOW_S + ahead_s - 90 - age) * 1000) for symbol, age in ages.items()}
    new = {symbol: int((NOW_S + ahead_s - age) * 1000) for symbol, age in ages.items()}
    return [Look((NOW_S - 1) * 10**9, old), Look(NOW_S * 10**9, new)]


# --- measuring


@given(
    st.integers(-14 * 4, 14 * 4),
    st.dictionaries(st.sampled_from("ABCDE"), st.floats(0.0, 59.0), min_size=1),
)
def test_fresh_ticks_show_the_offset_whatever_their_age(
    quarters: int, ages: dict[str, float]
) -> None:
    offset = quarters * 900
    measured = zones.measure(looks(offset, ages))
    assert measured is not None
    assert (measured.offset_s, measured.symbols) == (offset, len(ages))


def test_a_market_that_stands_still_shows_nothing() -> None:
    still = Look(NOW_S * 10**9, {"EURUSD": (NOW_S + 7200) * 1000})
    assert zones.measure([still, Look((NOW_S + 900) * 10**9, still.ticks)]) is None
    assert zones.measure([still]) is None
    assert zones.measure([]) is None


@given(st.floats(61.0, 839.0))
def test_a_tick_between_two_zones_shows_nothing(age: float) -> None:
    assert zones.measure(looks(7200, {"EURUSD": age})) is None


def test_one_symbol_with_another_clock_is_outvoted() -> None:
    ours = looks(7200, {"EURUSD": 1, "USDJPY": 2})
    other = looks(0, {"BTCUSD": 1})
    both = [Look(a.now_ns, {**a.ticks, **b.ticks}) for a, b in zip(ours, other, strict=True)]
    measured = zones.measure(both)
    assert measured is not None
    assert (measured.offset_s, measured.symbols) == (7200, 2)


def test_symbols_that_disagree_evenly_show_nothing() -> None:
    ours, other = looks(7200, {"EURUSD": 1}), looks(0, {"BTCUSD": 1})
    both = [Look(a.now_ns, {**a.ticks, **b.ticks}) for a, b in zip(ours, other, strict=True)]
    assert zones.measure(both) is None


def test_a_symbol_that_appears_with_its_first_tick_is_not_known_to_be_fresh() -> None:
    first, second = looks(7200, {"EURUSD": 1})
    assert zones.measure([Look(first.now_ns, {}), second]) is None


# --- recognising


@pytest.mark.parametrize("rule", ["new-york+7", "new-york+6", "eu+2", "eu+1", "utc+2", "utc-5"])
def test_a_year_of_weeks_names_its_rule_alone(rule: str) -> None:
    closes = zones.weekly_closes(year_of_hours(rule, datetime(2023, 1, 1), 53))  # noqa: DTZ001 # a date
    found = zones.detect(closes, None)
    assert (found.rule, found.seen, found.agreeing) == (rule, 52, 52)


@settings(max_examples=20)
@given(st.sampled_from(CANDIDATES), st.integers(0, 600))
def test_a_year_from_any_day_names_the_rule_alone(rule: str, day: int) -> None:
    first = datetime(2022, 1, 1) + timedelta(days=day)  # noqa: DTZ001 # a date
    closes = zones.weekly_closes(year_of_hours(rule, first, 54))
    assert zones.detect(closes, None).rule == rule


def test_a_winter_fits_several_rules_and_is_refused_with_their_names() -> None:
    closes = zones.weekly_closes(year_of_hours("new-york+7", datetime(2023, 11, 12), 14))  # noqa: DTZ001 # a date
    with pytest.raises(ZoneUnknown, match=r"new-york\+7, eu\+2, utc\+2; set broker\.zone"):
        zones.detect(closes, None)


def test_a_measured_offset_leaves_only_rules_that_agree_with_it() -> None:
    closes = zones.weekly_closes(year_of_hours("new-york+7", datetime(2023, 11, 12), 14))  # noqa: DTZ001 # a date
    summer = Measured(3 * HOUR_S, int(datetime(2024, 3, 15, tzinfo=UTC).timestamp()) * 1000, 3)
    # In mid-March the United States have summer time, and Europe has not.
    assert zones.detect(closes, summer).rule == "new-york+7"


def test_a_market_without_weekends_is_no_evidence() -> None:
    hours = range(NOW_S - NOW_S % HOUR_S, NOW_S + 365 * 86_400, HOUR_S)
    assert zones.weekly_closes(hours) == []
    with pytest.raises(ZoneUnknown, match="0 weekly closes fit no rule"):
        zones.detect([], None)


def test_holidays_do_not_spoil_a_year() -> None:
    times = year_of_hours("new-york+7", datetime(2023, 1, 1), 53)  # noqa: DTZ001 # a date
    christmas = range(*(int(datetime(2023, 12, day, tzinfo=UTC).timestamp()) for day in (22, 27)))
    found = zones.detect(zones.weekly_closes(t for t in times if t not in christmas), None)
    assert found.rule == "new-york+7"
    assert found.agreeing == found.seen - 1


# --- real bars


def hours_of(path: Path) -> list[int]:
    times: list[int] = np.unique(read_rates(path)["time"] // HOUR_S * HOUR_S).tolist()
    return times


def test_the_shipped_bars_name_new_york_alone() -> None:
    """They reach into the week of 2023 in which Europe had left summer time and New York not."""
    closes = zones.weekly_closes(hours_of(Q4_2023))
    found = zones.detect(closes, None)
    assert (found.rule, found.seen, found.agreeing) == ("new-york+7", 12, 12)
    assert zones.hold("eu", closes).agreeing == 11


def test_the_shipped_bars_after_that_week_are_ambiguous() -> None:
    november = int(datetime(2023, 11, 6, tzinfo=UTC).timestamp())
    closes = zones.weekly_closes(t for t in hours_of(Q4_2023) if t >= november)
    with pytest.raises(ZoneUnknown, match="fit no rule"):  # seven weeks are no history
        zones.detect(closes, None)


# --- holding the configuration against the clock


@given(st.sampled_from(CANDIDATES), st.integers(0, 3 * 365 * 24))
def test_the_right_rule_is_never_contradicted(rule: str, hour: int) -> None:
    utc = 1_650_000_000 + hour * HOUR_S
    server = utc + server_offset(rule, utc)
    offset = ServerTime(rule).offset(server)
    zones.require_agreement(rule, Measured(offset, server * 1000, 1))


def test_a_wrong_rule_is_refused_with_what_was_found_and_what_to_do() -> None:
    summer = int(datetime(2024, 3, 15, tzinfo=UTC).timestamp()) * 1000
    with pytest.raises(ZoneUnknown, match=r"\+3 h from UTC .* 2 symbols.*'eu' says \+2 h.*auto"):
        zones.require_agreement("eu", Measured(3 * HOUR_S, summer, 2))
