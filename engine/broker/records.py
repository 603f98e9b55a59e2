"""The module's records as the engine's payloads: field by field, with every type checked.

A field that is missing, or not what it should be, is an error with its name: it must never reach
the journal, which could not be read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from engine.broker.gateway import OrderSeen, Stamps
from journal.errors import BrokerError
from journal.events import DealRecorded, OrderListed, PositionSeen, SymbolSpecified

P = TypeVar("P", bound=msgspec.Struct)

ADVICE = "Bring the terminal and the MetaTrader5 package to the same age, then start again"

MOST_SHOWN = 60
"""Characters of a value that is not what it should be."""


class Translation(Generic[P]):
    """From records of one type to payloads of one type.

    what     such a record is called, where one is refused
    renamed  fields of the payload that the module calls otherwise
    """

    def __init__(self, kind: type[P], what: str, **renamed: str) -> None:
        hints = get_type_hints(kind)
        self._kind, self._what = kind, what
        self._names = [renamed.get(name, name) for name in kind.__struct_fields__]
        self._types: list[type] = [hints[name] for name in kind.__struct_fields__]
        get = attrgetter(*self._names)  # of one name it gives a bare value
        self._values = get if len(self._names) > 1 else lambda record: (get(record),)

    @property
    def takes(self) -> dict[str, type]:
        """Return the fields of the module's record that are read, and their types."""
        return dict(zip(self._names, self._types, strict=True))

    def __call__(self, record: Any, subject: str = "") -> P:
        """Translate one record; `subject` says whose it is where it bears no ticket. Raises
        BrokerError."""
        try:
            values = self._values(record)
        except AttributeError as error:
            raise self._refused(record, subject, f"has no field {error.name!r}") from error
        if list(map(type, values)) == self._types:
            return self._kind(*values)
        return self._kind(*self._converted(record, subject, values))

    def _converted(self, record: Any, subject: str, values: Sequence[Any]) -> list[Any]:
        """A whole number for a price is none to complain about; anything else is."""
        converted: list[Any] = []
        for name, value, kind in zip(self._names, values, self._types, strict=True):
            try:
                converted.append(msgspec.convert(value, kind))
            except msgspec.ValidationError as error:
                found = f"{name!r} is {repr(value)[:MOST_SHOWN]}, expected {kind.__name__}"
                problem = f"has a field of the wrong type: {found}"
                raise self._refused(record, subject, problem) from error
        return converted

    def _refused(self, record: Any, subject: str, problem: str) -> BrokerError:
        ticket = getattr(record, "ticket", None)
        of = subject or ("" if ticket is None else str(ticket))
        return BrokerError(
            f"the terminal's {f'{self._what} {of}'.strip()} {problem}; nothing was recorded of it. "
            f"{ADVICE}"
        )


deal_recorded = Translation(DealRecorded, "deal")
"""A deal of the history."""

_NO_STAMP = object()
"""Of a deal that is not known: unlike whatever is in a stamp's place."""


def deals_recorded(records: Sequence[Any], known: Stamps) -> list[DealRecorded]:
    """Translate those deals of the history that are not known. Raises BrokerError."""
    stamp_of = known.get
    try:
        return [
            deal_recorded(record)
            for record in records
            if stamp_of(record.ticket, _NO_STAMP) != record.time_msc
        ]
    except (AttributeError, TypeError):
        return [deal_recorded(record) for record in records]  # which says what is wrong


position_seen = Translation(PositionSeen, "position")
"""An open position."""

order_listed = Translation(
    OrderListed,
    "order",
    volume="volume_current",
    price="price_open",
    limit="price_stoplimit",
    expiration="time_expiration",
    time_msc="time_setup_msc",
)
"""A live order."""


class _Order(msgspec.Struct, frozen=True, gc=False):
    """An order, live or done, as the module has it."""

    ticket: int
    symbol: str
    type: int
    magic: int
    volume_initial: float
    time_setup_msc: int
    comment: str
    volume_current: float
    state: int
    reason: int
    position_id: int
    position_by_id: int


_order = Translation(_Order, "order")


def order_seen(record: Any, *, done: bool) -> OrderSeen:
    """Translate an order; `done` when it was in the history. Raises BrokerError."""
    order = _order(record)
    return OrderSeen(
        ticket=order.ticket,
        symbol=order.symbol,
        type=order.type,
        magic=order.magic,
        volume=order.volume_initial,
        time_msc=order.time_setup_msc,
        comment=order.comment,
        filled=round(order.volume_initial - order.volume_current, 8),
        state=order.state,
        done=done,
        reason=order.reason,
        position=order.position_id,
        by=order.position_by_id,
    )


class TickSeen(msgspec.Struct, frozen=True, gc=False):
    """A symbol's newest tick; prices in price units, 0 where there is none."""

    time_msc: int
    bid: float
    ask: float

    @property
    def is_usable(self) -> bool:
        """Whether it can be traded on."""
        return self.bid > 0.0 and self.ask >= self.bid


tick_seen = Translation(TickSeen, "tick of")
"""A tick."""


class TickStamp(msgspec.Struct, frozen=True, gc=False):
    """Server milliseconds of a symbol's newest tick, whatever its prices are."""

    time_msc: int


tick_stamp = Translation(TickStamp, "tick of")
"""A tick that only tells the time."""


class AccountSeen(msgspec.Struct, frozen=True, gc=False):
    """The account as the terminal shows it; money in its currency."""

    login: int
    server: str
    trade_mode: int
    margin_mode: int
    currency: str
    leverage: int
    company: str
    balance: float
    credit: float
    equity: float
    margin: float
    margin_free: float


account_seen = Translation(AccountSeen, "account")
"""The account."""


class TerminalSeen(msgspec.Struct, frozen=True, gc=False):
    """The terminal program, and whether it has its broker."""

    name: str
    connected: bool


terminal_seen = Translation(TerminalSeen, "terminal")
"""The terminal itself."""

symbol_specified = Translation(
    SymbolSpecified,
    "symbol",
    symbol="name",
    tick_size="trade_tick_size",
    tick_value="trade_tick_value",
    contract_size="trade_contract_size",
    stops_level="trade_stops_level",
    freeze_level="trade_freeze_level",
    execution_mode="trade_exemode",
)
"""A symbol's constraints."""


class TickValue(msgspec.Struct, frozen=True, gc=False):
    """What one lot loses per tick of an adverse move, account currency."""

    loss: float


tick_value = Translation(TickValue, "symbol", loss="trade_tick_value_loss")
"""The same, read again where it moves."""
