"""The zone of a broker's server clock: UTC to server wall time and back, daylight saving included.

Pure functions of a rule and a time. A server second is the wall clock written as if it were UTC
(facts 5.1); nothing here reads a clock or a zone database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from engine.terminal.profile import Clock

_HOUR = 3600


@dataclass(frozen=True)
class ZoneRule:
    """How far the server's wall clock is ahead of UTC.

    `new-york+7`: New York's clock plus seven hours, so that the trading day ends at 17:00 in New
    York: UTC+2, and UTC+3 while the United States have daylight saving. `eu`: UTC+2, and UTC+3 in
    the European Union's summer. `fixed`: `hours` always.
    """

    zone: Literal["new-york+7", "eu", "fixed"] = "new-york+7"
    hours: float = 2.0

    @classmethod
    def of(cls, clock: Clock) -> ZoneRule:
        """The rule that a profile names."""
        return cls(clock.zone, clock.hours)

    def offset(self, utc: float) -> int:
        """Seconds that the server's clock is ahead of UTC at a UTC second."""
        if self.zone == "fixed":
            return round(self.hours * _HOUR)
        begin, end = _summer(self.zone, datetime.fromtimestamp(utc, UTC).year)
        return 3 * _HOUR if begin <= utc < end else 2 * _HOUR

    def to_server(self, utc: float) -> float:
        """The server second of a UTC second."""
        return utc + self.offset(utc)

    def to_utc(self, server: float) -> float:
        """The UTC second of a server second; of the hour that repeats in autumn, the second
        pass."""
        late = server - self.offset(server - 2 * _HOUR)
        return late if self.to_server(late) == server else server - 2 * _HOUR


@lru_cache(maxsize=256)
def _summer(zone: str, year: int) -> tuple[float, float]:
    """The UTC seconds at which daylight saving begins and ends in a year."""
    if zone == "eu":  # directive 2000/84/EC: last Sundays of March and October, 01:00 UTC
        return _at(_sunday(year, 3, -1), 1), _at(_sunday(year, 10, -1), 1)
    # 02:00 of New York's clock: 07:00 UTC in winter time, 06:00 UTC in summer time.
    if year >= 2007:  # Energy Policy Act of 2005
        return _at(_sunday(year, 3, 2), 7), _at(_sunday(year, 11, 1), 6)
    return _at(_sunday(year, 4, 1), 7), _at(_sunday(year, 10, -1), 6)  # 1987 to 2006


def _sunday(year: int, month: int, number: int) -> date:
    """The n-th Sunday of a month; the last one for -1."""
    if number > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))
    last = date(year, month + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def _at(day: date, hour: int) -> float:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()
