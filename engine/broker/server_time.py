"""The broker's clock: between its wall time and UTC, by a named rule of the IANA zone database.

Every stamp of MT5 is the broker's wall clock written as if it were UTC (facts 5.1). The raw stamp
is always kept; what is computed here is only for putting events on one time line.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from journal.errors import ConfigError

_BLOCK_S = 1800
"""Seconds for which one look at the zone database serves; changes fall on half hours."""

_FIXED = re.compile(r"utc(?:([+-]\d{1,2}))?")
_ZONES = {
    # Most FX brokers: the trading day ends at 17:00 in New York.
    "new-york+7": (ZoneInfo("America/New_York"), 7),
    # UTC+2, and +3 by the European Union's dates.
    "eu": (ZoneInfo("Europe/Athens"), 0),
}


class ServerTime:
    """Converts server milliseconds to nanoseconds UTC under one rule."""

    def __init__(self, rule: str) -> None:
        """Take a rule: `new-york+7`, `eu`, `utc` or `utc+N`. Raises ConfigError for any other."""
        self.rule = rule
        self._from = self._until = 0
        self._offset = 0
        fixed = _FIXED.fullmatch(rule)
        if rule in _ZONES:
            self._zone, self._ahead = _ZONES[rule]
        elif fixed is not None and abs(int(fixed[1] or 0)) <= 14:
            self._zone, self._ahead = ZoneInfo("UTC"), int(fixed[1] or 0)
        else:
            raise ConfigError(
                f"broker.zone is {rule!r}; allowed are {', '.join(_ZONES)} and utc, utc+1, utc-3, …"
            )

    def offset(self, server_s: int) -> int:
        """Return server time minus UTC in seconds, at a server second.

        Of an hour that the wall clock shows twice, the second pass is meant: the market is closed
        in both.
        """
        if not self._from <= server_s < self._until:
            self._look_up(server_s)
        return self._offset

    def utc_ns(self, server_msc: int) -> int:
        """Return nanoseconds UTC of a server millisecond stamp."""
        return (server_msc - 1000 * self.offset(server_msc // 1000)) * 1_000_000

    def _look_up(self, server_s: int) -> None:
        self._from = server_s - server_s % _BLOCK_S
        self._until = self._from + _BLOCK_S
        wall = datetime.fromtimestamp(self._from, UTC).replace(tzinfo=None)
        there = (wall - timedelta(hours=self._ahead)).replace(tzinfo=self._zone, fold=1)
        self._offset = self._from - int(there.timestamp())
