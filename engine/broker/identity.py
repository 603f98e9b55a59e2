"""The account that a configuration pins: whatever terminal answers, no other one is traded."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from engine.broker.gateway import WrongAccount
from engine.broker.records import Translation
from engine.config import Account
from journal.events.mt5 import TradeMode

MODES = {mode.value: mode.name.lower() for mode in TradeMode}
"""What a configuration calls the module's trade modes."""


class Identified(Protocol):
    """What tells which account it is; every type of it is checked already."""

    @property
    def login(self) -> int: ...
    @property
    def server(self) -> str: ...
    @property
    def trade_mode(self) -> int: ...


class _Identity(msgspec.Struct, frozen=True, gc=False):
    """Which account it is."""

    login: int
    server: str
    trade_mode: int


_identity = Translation(_Identity, "account")


def check_identity(info: Any, wanted: Account) -> None:
    """Hold an `account_info()` record against the configured account. Raises WrongAccount, and
    BrokerError where the record does not tell.

    `Any`: the record is the module's, or what came of it over the worker.
    """
    check_account(_identity(info), wanted)


def check_account(seen: Identified, wanted: Account) -> None:
    """Hold an account against the configured one. Raises WrongAccount."""
    found = seen.login, seen.server, MODES.get(seen.trade_mode, seen.trade_mode)
    pinned = wanted.login, wanted.server, wanted.trade_mode
    if found == pinned:
        return
    for what, one, expected in zip(("login", "server", "trade mode"), found, pinned, strict=True):
        if one != expected:
            raise WrongAccount(
                f"the terminal is logged in with {what} {one}, the configuration pins "
                f"{expected}; log the terminal in to the configured account, or configure "
                "another one on purpose"
            )
