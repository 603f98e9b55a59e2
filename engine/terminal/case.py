"""A request beside everything it speaks of, as the server sees it at one moment."""

from __future__ import annotations

import msgspec

from engine.terminal import constants as mt5
from engine.terminal.account import Account
from engine.terminal.book import Book, Order, Position
from engine.terminal.conditions import Conditions
from engine.terminal.market.base import Quote
from engine.terminal.profile import Symbol
from engine.terminal.request import Request


class Case(msgspec.Struct, gc=False):
    """What the checks look at and the desk works on; whatever does not exist is None."""

    request: Request
    account: Account
    book: Book
    conditions: Conditions
    is_open: bool
    now_msc: int
    name: str
    symbol: Symbol | None
    quote: Quote | None
    position: Position | None
    other: Position | None
    order: Order | None
    #: TRADE_ACTION_*.
    action: int = 0
    #: Whether the request only closes: by ticket, or against a larger netting position.
    closes: bool = False

    def __post_init__(self) -> None:
        self.action = self.request.action
        self.closes = self._closes()

    @property
    def opens(self) -> bool:
        """Whether the request opens or adds to a position on its own."""
        return self.action == mt5.TRADE_ACTION_DEAL and not self.closes

    def _closes(self) -> bool:
        if self.action != mt5.TRADE_ACTION_DEAL or self.position is None:
            return False
        if self.request.position:
            return True
        return (
            self.position.type != self.request.type and self.request.volume <= self.position.volume
        )
