"""A trade request as a value, and the module's own check of it before it is sent (facts 1.5).

The check looks at types, in the module's order, and stops at the first fault; whether a request
makes sense is the server's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.terminal.records import TradeRequest

#: Symbols and comments hold at most this many UTF-16 units.
MAX_TEXT = 29
#: A character is one or two units: a text of so many characters fits, whichever they are.
SHORT_TEXT = MAX_TEXT // 2

_U32 = 1 << 32
_U64 = 1 << 64
_I64 = 1 << 63


# What is plainly good, so that it needs no second look. What is not may be good all the same.
_Plain32 = Annotated[int, Meta(ge=0, lt=_U32)]
_Plain64 = Annotated[int, Meta(ge=0, le=_I64 - 1)]
_PlainText = Annotated[str, Meta(max_length=MAX_TEXT)]


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """The 17 fields of a request in the record's order; what a caller left out is 0 or empty."""

    action: _Plain32 = 0
    magic: _Plain64 = 0
    order: _Plain64 = 0
    symbol: _PlainText = ""
    volume: float = 0.0
    price: float = 0.0
    stoplimit: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    deviation: _Plain64 = 0
    type: _Plain32 = 0
    type_filling: _Plain32 = 0
    type_time: _Plain32 = 0
    expiration: _Plain64 = 0
    comment: _PlainText = ""
    position: _Plain64 = 0
    position_by: _Plain64 = 0

    def record(self) -> tuple[object, ...]:
        """The `TradeRequest` that a result echoes."""
        echo: tuple[object, ...] = TradeRequest(msgspec.structs.astuple(self))
        return echo


class ArgumentRefused(Exception):
    """The module refuses an argument: `None` (or `False`) for the caller and `-2` in `last_error`.

    `pending` is the CPython error that the module forgets to clear; the interpreter then raises
    SystemError from it.
    """

    def __init__(self, text: str, pending: Exception | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.pending = pending


def unsigned32(value: int) -> None:
    """Raise what `PyLong_AsUnsignedLong` raises (32 bits on Windows)."""
    if value < 0:
        raise OverflowError("can't convert negative value to unsigned int")
    if value >= _U32:
        raise OverflowError("Python int too large to convert to C unsigned long")


def unsigned64(value: int) -> None:
    """Raise what `PyLong_AsUnsignedLongLong` raises."""
    if value < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if value >= _U64:
        raise OverflowError("int too big to convert")


def signed64(value: int) -> None:
    """Raise what `PyLong_AsLongLong` raises."""
    if not -_I64 <= value < _I64:
        raise OverflowError("int too big to convert")


def is_text(value: object) -> bool:
    """Whether the module takes this as a symbol or comment."""
    if not isinstance(value, str):
        return False
    if len(value) <= SHORT_TEXT:  # which almost all are
        return True
    return len(value.encode("utf-16-le", "surrogatepass")) <= 2 * MAX_TEXT


#: The fields in the order in which the module looks at them.
_INTEGERS: dict[str, Callable[[int], None]] = {
    "action": unsigned32,
    "magic": unsigned64,
    "order": unsigned64,
    "deviation": unsigned64,
    "type": unsigned32,
    "type_filling": unsigned32,
    "type_time": unsigned32,
    "expiration": signed64,
    "position": unsigned64,
    "position_by": unsigned64,
}
_TEXTS = frozenset({"symbol", "comment"})
_FLOATS = ("volume", "price", "sl", "tp", "stoplimit")
_ORDER = Request.__struct_fields__


def parse(fields: dict[object, object]) -> Request:
    """The request in a dict; unknown keys are ignored.

    Raises:
        ArgumentRefused: at the first bad field.
    """
    return _plain(fields) or _looked_at(fields)


def _plain(fields: dict[object, object]) -> Request | None:
    """The request, if nothing of it needs a closer look: so is almost every one."""
    for name in _FLOATS:
        if type(fields.get(name, 0.0)) is not float:  # msgspec would take an int for one
            return None
    try:
        request = msgspec.convert(fields, Request)
    except msgspec.ValidationError:
        return None
    texts = request.symbol + request.comment
    return request if texts.isascii() and "\0" not in texts else None


def _looked_at(fields: dict[object, object]) -> Request:
    values: dict[str, object] = {}
    for name in _ORDER:
        if name not in fields:
            continue
        value = fields[name]
        if name in _TEXTS:
            if not is_text(value):
                raise ArgumentRefused(f'Invalid "{name}" argument')
            # The terminal reads C strings.
            values[name] = str(value).partition("\0")[0]
        elif name in _INTEGERS:
            values[name] = integer(name, value, _INTEGERS[name])
        elif isinstance(value, float):
            values[name] = float(value)
        else:
            raise ArgumentRefused(f'Invalid "{name}" argument')
    return Request(**values)  # type: ignore[arg-type]  # each was checked above


def integer(name: str, value: object, fits: Callable[[int], None]) -> int:
    """An integer argument by name.

    Raises:
        ArgumentRefused: it is no Python int, or does not fit.
    """
    if not isinstance(value, int):
        raise ArgumentRefused(f'Invalid "{name}" argument')
    try:
        fits(value)
    except OverflowError as error:
        raise ArgumentRefused(f'Invalid "{name}" argument', error) from None
    return int(value)
