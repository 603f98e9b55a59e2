"""When a symbol trades: weekly sessions and holidays, in server time. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from engine.terminal.profile import WEEKDAYS, Symbol, Weekday

_DAY = 86_400
_THURSDAY = 4  # 1 January 1970
#: Without sessions in the profile: Monday to Friday, around the clock.
_DEFAULT = frozenset(WEEKDAYS[1:6])


def weekday(day: int) -> Weekday:
    """The weekday of a server day (days since the epoch)."""
    return WEEKDAYS[(day + _THURSDAY) % 7]


def is_open(symbol: Symbol, server_msc: int) -> bool:
    """Whether the symbol trades at a server time."""
    day, second = divmod(server_msc // 1000, _DAY)
    if not trades_on(symbol, day):
        return False
    if symbol.sessions is None:
        return True
    return any(begin <= second < end for begin, end in _parsed(symbol.sessions[weekday(day)]))


def trades_on(symbol: Symbol, day: int) -> bool:
    """Whether the symbol has any session on a server day."""
    if symbol.holidays and datetime.fromtimestamp(day * _DAY, UTC).date().isoformat() in (
        symbol.holidays
    ):
        return False
    name = weekday(day)
    return name in _DEFAULT if symbol.sessions is None else bool(symbol.sessions.get(name))


@lru_cache(maxsize=256)
def _parsed(sessions: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Begin and end in seconds of the day; "24:00" is its end."""
    return tuple(
        (_second(begin), _second(end)) for begin, end in (text.split("-") for text in sessions)
    )


def _second(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 3600 + int(minute) * 60
