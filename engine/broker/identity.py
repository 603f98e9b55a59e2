"""The account that a configuration pins: whatever terminal answers, no other one is traded."""

from __future__ import annotations

from typing import Any

from engine.broker.gateway import WrongAccount
from engine.config import Account
from journal.events.mt5 import TradeMode

MODES = {mode.value: mode.name.lower() for mode in TradeMode}
"""What a configuration calls the module's trade modes."""


def check_identity(info: Any, wanted: Account) -> None:
    """Hold an `account_info()` record against the configured account. Raises WrongAccount.

    `Any`: the record is the module's, or what came of it over the worker.
    """
    mode = MODES.get(info.trade_mode, info.trade_mode)
    for what, found, expected in (
        ("login", info.login, wanted.login),
        ("server", info.server, wanted.server),
        ("trade mode", mode, wanted.trade_mode),
    ):
        if found != expected:
            raise WrongAccount(
                f"the terminal is logged in with {what} {found}, the configuration pins "
                f"{expected}; log the terminal in to the configured account, or configure "
                "another one on purpose"
            )
