"""The broker's clock: between its wall time and UTC, by a named rule of the IANA zone database.

Every stamp of MT5 is the broker's wall clock written as if it were UTC (facts 5.1). The raw stamp
is always kept; what is computed here is only for putting events on one time line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from journal.errors import ConfigError

_DAY_S = 86_400
"""Seconds for which one look at the zone database serves, on all days but two of a year."""

_BLOCK_S = 1800
"""The same on a day on which the clocks change; they change on half hours."""

_RULE = re.compile(r"(new-york|eu|utc)([+-]\d{1,2})?")
_ZONES = {
    # name: the zone whose dates count, and the hours by which its winter is ahead of UTC
    "new-york": (ZoneInfo("America/New_York"), 0),
    "eu": (ZoneInfo("Europe/Athens"), 2),
    "utc": (ZoneInfo("UTC"), 0),
}
_FARTHEST_H = 14
AUTO = "auto"
"""Instead of a rule, in a configuration: to be found at the broker (`engine.broker.zones`)."""


class ServerTime:
    """Converts server milliseconds to nanoseconds UTC under one rule."""

    def __init__(self, rule: str) -> None:
        """Take a rule. Raises ConfigError for one that there is not.

        new-york+N  N hours ahead of New York; most FX brokers have 7, so that the trading day ends
                    at their midnight, 17:00 in New York
        eu, eu+N    N hours ahead of UTC in winter, 2 when left out; summer by the European dates
        utc, utc+N  always N hours ahead
        """
        self.rule = rule
        self._from = self._until = 0
        self._offset = 0
        found = _RULE.fullmatch(rule)
        hours = int(found[2] or 0) if found is not None else 0
        if found is None or abs(hours) > _FARTHEST_H or rule == "new-york":
            raise ConfigError(
                f"broker.zone is {rule!r}; allowed are new-york+7, eu, utc, and with other hours "
                "new-york+6, eu+1, utc-3, …"
            )
        self._zone, own = _ZONES[found[1]]
        self._ahead = hours - own if found[2] else 0

    def offset(self, server_s: int) -> int:
        """Return server time minus UTC in seconds, at a server second.

        Of an hour that the wall clock shows twice, the second pass is meant. Currencies and metals
        are closed in both; of a market that never closes, the first pass is put an hour late.
        """
        if not self._from <= server_s < self._until:
            self._look_up(server_s)
        return self._offset

    def utc_ns(self, server_msc: int) -> int:
        """Return nanoseconds UTC of a server millisecond stamp."""
        server_s = server_msc // 1000
        if not self._from <= server_s < self._until:
            self._look_up(server_s)
        return (server_msc - 1000 * self._offset) * 1_000_000

    def all_utc_ns(self, server_mscs: Sequence[int]) -> list[int]:
        """Return nanoseconds UTC of ascending server millisecond stamps, at least one."""
        utc_ns = self.utc_ns
        utc_ns(server_mscs[0])
        if server_mscs[-1] // 1000 >= self._until:  # not all under what was looked up for the first
            return [utc_ns(server_msc) for server_msc in server_mscs]
        shift = 1000 * self._offset
        return [(server_msc - shift) * 1_000_000 for server_msc in server_mscs]

    def _look_up(self, server_s: int) -> None:
        begin, length = server_s - server_s % _DAY_S, _DAY_S
        offset = self._zone_offset(begin)
        if self._zone_offset(begin + length) != offset:
            begin, length = server_s - server_s % _BLOCK_S, _BLOCK_S
            offset = self._zone_offset(begin)
        self._from, self._until, self._offset = begin, begin + length, offset

    def _zone_offset(self, server_s: int) -> int:
        wall = datetime.fromtimestamp(server_s, UTC).replace(tzinfo=None)
        there = (wall - timedelta(hours=self._ahead)).replace(tzinfo=self._zone, fold=1)
        return server_s - int(there.timestamp())
