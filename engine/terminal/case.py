"""A request beside everything it speaks of, as the server sees it at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from engine.terminal import constants as mt5
from engine.terminal.account import Account
from engine.terminal.book import Book, Order, Position
from engine.terminal.conditions import Conditions
from engine.terminal.market.base import Quote
from engine.terminal.profile import Symbol
from engine.terminal.request import Request


@dataclass(slots=True)
class Case:
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

    @property
    def action(self) -> int:
        """TRADE_ACTION_*."""
        return self.request.action

    @property
    def opens(self) -> bool:
        """Whether the request opens or adds to a position on its own."""
        return self.action == mt5.TRADE_ACTION_DEAL and not self.closes

    @property
    def closes(self) -> bool:
        """Whether the request only closes: by ticket, or against a larger netting position."""
        if self.action != mt5.TRADE_ACTION_DEAL or self.position is None:
            return False
        if self.request.position:
            return True
        return (
            self.position.type != self.request.type and self.request.volume <= self.position.volume
        )
