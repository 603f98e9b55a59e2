"""Which clock the broker's server keeps: measured on fresh ticks against UTC, and recognised by
when its trading weeks end. Pure: looks and bars come in as values.

No function of MT5 tells the server's zone (`engine/broker/MT5.md` 5.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from engine.broker.server_time import ServerTime
from journal.errors import BrokerError

QUARTER_S = 900
"""Every zone of the world is a multiple of fifteen minutes from UTC."""
MAX_AGE_S = 60
"""Seconds that a tick's stamp may lie behind; and by as much may our own clock be wrong."""
WEEKEND_S = 24 * 3600
"""A gap between bars that is longer ends a week of trading; holidays inside a week are shorter."""
HOUR_S = 3600
MIN_WEEKS = 8
"""Fewer weekly closes are no history."""
MIN_SHARE = 0.9
"""Of the weeks, those that have to end by the rule; holidays move a few."""

_NEW_YORK = ZoneInfo("America/New_York")
_CLOSE = (4, 17, 0)
"""Friday 17:00 in New York, where the week of currencies and metals ends."""

CANDIDATES = (
    *(f"new-york+{hours}" for hours in range(13)),
    *(f"eu+{hours}" for hours in range(5)),
    *(f"utc{hours:+d}" for hours in range(-6, 13)),
)
"""Rules that are tried."""


class Look(msgspec.Struct, frozen=True):
    """The newest tick of each symbol at one moment: server milliseconds, and UTC nanoseconds of the
    moment."""

    now_ns: int
    ticks: Mapping[str, int]


class Measured(msgspec.Struct, frozen=True):
    """How far the server's clock is ahead of UTC.

    offset_s    seconds, a multiple of fifteen minutes
    server_msc  server milliseconds of the newest tick that shows it
    symbols     whose fresh ticks agree on it
    """

    offset_s: int
    server_msc: int
    symbols: int


class Weeks(msgspec.Struct, frozen=True):
    """How many weekly closes were seen, and how many of them are at Friday 17:00 in New York when
    the server's clock keeps `rule`."""

    rule: str
    seen: int
    agreeing: int

    @property
    def confirmed(self) -> bool:
        """Whether the weeks speak for the rule."""
        return self.seen >= MIN_WEEKS and self.agreeing >= MIN_SHARE * self.seen


class ZoneUnknown(BrokerError):
    """The broker's clock could not be found out, or it is not the configured one."""


def measure(looks: Sequence[Look]) -> Measured | None:
    """Return the offset that fresh ticks show; None when there is none, or when they disagree.

    A tick is fresh when it was not there at the look before: what a stamp says of its own age
    cannot be known without the offset, and a market that stands still would pass for another zone.
    """
    freshest: dict[str, tuple[float, int]] = {}
    for before, after in pairwise(looks):
        for symbol, server_msc in after.ticks.items():
            if server_msc > before.ticks.get(symbol, server_msc):
                ahead = server_msc / 1e3 - after.now_ns / 1e9
                if symbol not in freshest or ahead > freshest[symbol][0]:
                    freshest[symbol] = ahead, server_msc
    votes: Counter[int] = Counter()
    newest: dict[int, int] = {}
    for ahead, server_msc in freshest.values():
        offset = round(ahead / QUARTER_S) * QUARTER_S
        if abs(ahead - offset) <= MAX_AGE_S:
            votes[offset] += 1
            newest[offset] = max(server_msc, newest.get(offset, 0))
    if not votes:
        return None
    offset, count = votes.most_common(1)[0]
    if 2 * count <= votes.total():
        return None
    return Measured(offset, newest[offset], count)


def weekly_closes(opened: Iterable[int]) -> list[int]:
    """Return the server seconds at which trading weeks ended.

    opened  server seconds at which H1 bars opened, ascending
    """
    return [earlier + HOUR_S for earlier, later in pairwise(opened) if later - earlier > WEEKEND_S]


def hold(rule: str, closes: Sequence[int]) -> Weeks:
    """Hold weekly closes against one rule."""
    server_time = ServerTime(rule)
    agreeing = sum(_ends_the_week(close - server_time.offset(close)) for close in closes)
    return Weeks(rule, len(closes), agreeing)


def detect(closes: Sequence[int], measured: Measured | None) -> Weeks:
    """Return the one rule that the closes and the measured offset, where there is one, agree with.

    Rules that differ in the dates of summer time tell apart only when the closes reach into the
    weeks between the American and the European dates. Raises ZoneUnknown when no rule fits, or
    several do.
    """
    held = [hold(rule, closes) for rule in CANDIDATES if _fits(rule, measured)]
    best = max((weeks.agreeing for weeks in held), default=0)
    fitting = [weeks for weeks in held if weeks.confirmed and weeks.agreeing == best]
    if len(fitting) == 1:
        return fitting[0]
    seen = f"{len(closes)} weekly closes"
    if measured is not None:
        seen += f" and a clock that is {measured.offset_s / HOUR_S:+g} h from UTC"
    if fitting:
        names = ", ".join(weeks.rule for weeks in fitting)
        raise ZoneUnknown(
            f"{seen} fit several rules: {names}; set broker.zone to the one that the broker names"
        )
    raise ZoneUnknown(
        f"{seen} fit no rule by which the week ends at 17:00 in New York; ask the broker, and set "
        "broker.zone"
    )


def require_agreement(rule: str, measured: Measured) -> None:
    """Raise ZoneUnknown when the server's clock is measured to be another than the rule says."""
    expected = ServerTime(rule).offset(measured.server_msc // 1000)
    if measured.offset_s != expected:
        raise ZoneUnknown(
            f"the server's clock is {measured.offset_s / HOUR_S:+g} h from UTC by fresh ticks of "
            f"{measured.symbols} symbols, and broker.zone {rule!r} says {expected / HOUR_S:+g} h; "
            "check this computer's clock first, then set broker.zone right, or to 'auto'"
        )


def _fits(rule: str, measured: Measured | None) -> bool:
    if measured is None:
        return True
    return ServerTime(rule).offset(measured.server_msc // 1000) == measured.offset_s


def _ends_the_week(utc_s: int) -> bool:
    there = datetime.fromtimestamp(utc_s, UTC).astimezone(_NEW_YORK)
    return (there.weekday(), there.hour, there.minute) == _CLOSE
