"""How the `MetaTrader5` module reads its arguments: what it accepts, what it refuses and in which
words.

Each function returns the value or raises what the module would make of it (facts 1.2, 1.5, 1.6).
"""

from __future__ import annotations

import operator
from datetime import datetime
from typing import SupportsFloat, SupportsIndex

import msgspec

from engine.terminal.request import SHORT_TEXT, ArgumentRefused, is_text

INVALID_ARGUMENTS = "Invalid arguments"
INVALID_COUNT = "Invalid number of arguments"
UNNAMED_NOT_ALLOWED = "Unnamed arguments not allowed"

C_LONG = 1 << 31
"""The first integer that C's `long` on Windows does not hold."""

_MAX_GROUP = 1997


def exactly(arguments: tuple[object, ...], count: int) -> None:
    """Raise unless there are that many positional arguments.

    Raises:
        ArgumentRefused: there are more or fewer.
    """
    if len(arguments) != count:
        raise ArgumentRefused(INVALID_ARGUMENTS)


def symbol(value: object) -> str:
    """A symbol given by position.

    Raises:
        ArgumentRefused: not a str, or longer than 29 UTF-16 units.
    """
    # Of almost every call: short enough whatever its characters, and nothing to cut off.
    if type(value) is str and len(value) <= SHORT_TEXT and "\0" not in value:
        return value
    if not is_text(value):
        raise ArgumentRefused(INVALID_ARGUMENTS)
    return str(value).partition("\0")[0]


def text(name: str, value: object) -> str:
    """A str given by keyword.

    Raises:
        ArgumentRefused: not a str.
    """
    if not isinstance(value, str):
        raise ArgumentRefused(f'Invalid "{name}" argument')
    return value


def symbol_named(value: object) -> str:
    """`symbol=`.

    Raises:
        ArgumentRefused: not a str, or longer than 29 UTF-16 units.
    """
    if not is_text(value):
        raise ArgumentRefused('Invalid "symbol" argument')
    return str(value)


def group(value: object) -> str:
    """`group=`.

    Raises:
        ArgumentRefused: not a str, or too long.
    """
    if not isinstance(value, str) or len(value) > _MAX_GROUP:
        raise ArgumentRefused('Invalid "group" argument')
    return value


def c_int(value: object) -> int:
    """An int as `PyArg_ParseTuple` reads it; the module leaves that function's errors pending.

    Raises:
        ArgumentRefused: with the pending error.
    """
    if type(value) is int and -C_LONG <= value < C_LONG:
        return value
    if isinstance(value, float) or not isinstance(value, SupportsIndex):
        kind = type(value).__name__
        error: Exception = TypeError(f"'{kind}' object cannot be interpreted as an integer")
        raise ArgumentRefused(INVALID_ARGUMENTS, error)
    number = operator.index(value)
    if not -C_LONG <= number < C_LONG:
        error = OverflowError("Python int too large to convert to C long")
        raise ArgumentRefused(INVALID_ARGUMENTS, error)
    return number


def c_action(value: object) -> int:
    """An int as the format `k` reads it: any int, its low 32 bits.

    Raises:
        ArgumentRefused: with the pending TypeError.
    """
    if not isinstance(value, int):
        error = TypeError(f"argument 1 must be int, not {_kind(value)}")
        raise ArgumentRefused(INVALID_ARGUMENTS, error)
    return value & 0xFFFF_FFFF


def c_double(value: object) -> float:
    """A float as `PyArg_ParseTuple` reads it.

    Raises:
        ArgumentRefused: with the pending TypeError.
    """
    if type(value) is float:  # the protocols below cost microseconds
        return value
    if isinstance(value, SupportsFloat | SupportsIndex) and not isinstance(value, str):
        return float(value)
    error = TypeError(f"must be real number, not {_kind(value)}")
    raise ArgumentRefused(INVALID_ARGUMENTS, error)


def _kind(value: object) -> str:
    return type(value).__name__


class Date(msgspec.Struct, frozen=True):
    """A date argument: server seconds, and the error the module forgets when an int is too
    large."""

    seconds: int
    pending: Exception | None = None


def date(value: object) -> Date:
    """A date given as int, float or datetime, in server seconds.

    A naive datetime is read in this computer's zone, as in the module. Floats and datetimes keep
    their low 32 bits.

    Raises:
        ArgumentRefused: anything else, `datetime.date` and numpy's own integers included.
    """
    if type(value) is int and -C_LONG <= value < C_LONG:
        return Date(value)
    if isinstance(value, datetime):
        value = value.timestamp()
    if isinstance(value, float):
        return Date(int(value) & 0xFFFF_FFFF)
    if not isinstance(value, int):
        raise ArgumentRefused(INVALID_ARGUMENTS)
    if not -C_LONG <= value < C_LONG:
        return Date(0, OverflowError("Python int too large to convert to C long"))
    return Date(int(value))
