"""A MetaTrader5 stand-in for the worker whose misbehaviour the caller names: the function's own
arguments say what it does."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from engine.terminal.records import RATES, TYPES

SEND_DELAY_S = 3600.0


class Scripted:
    """Just enough of the module. `ledger` is a file that outlives the process, as a broker does."""

    __version__ = "scripted"
    last = (1, "Success")

    def __init__(self, ledger: str, login: str) -> None:
        self._ledger = Path(ledger)
        self._login = int(login)
        for name, kind in TYPES.items():
            setattr(self, name, kind)

    def last_error(self) -> tuple[int, str]:
        return self.last

    def initialize(self, **settings: object) -> bool:
        self._note("initialize")
        return True

    def shutdown(self) -> bool:
        self._note("shutdown")
        return True

    def version(self) -> tuple[int, int, str]:
        return (500, 5260, "1 Aug 2025")

    def account_info(self) -> object:
        kind = TYPES["AccountInfo"]
        values: dict[str, object] = dict.fromkeys(kind.__match_args__, 0)
        values |= {"login": self._login, "server": "Scripted-Demo", "trade_mode": 0}
        return kind(list(values.values()))

    def terminal_info(self) -> object:
        """Die as if killed: without an answer."""
        os._exit(7)

    def symbol_info_tick(self, what: str) -> object:
        """Do as told: `None`, an exception, noise on stdout, a garbled frame, or a tick."""
        self.last = (1, "Success")
        if what == "none":
            self.last = (-4, "Terminal: Not found")
            return None
        if what == "raise":
            self.last = (-2, "Invalid arguments")
            raise SystemError("returned a result with an exception set")
        if what == "noise":
            print("hello from the module")
            os.write(1, b"hello from C\n")
        if what == "last words":
            print("the terminal is on fire", file=sys.stderr)
            os._exit(9)
        return TYPES["Tick"]((1700000000, 1.1, 1.2, 0.0, 2**63, 1700000000123, 6, 0.5))

    def copy_rates_from_pos(self, symbol: str, timeframe: int, start: int, count: int) -> object:
        rates = np.zeros(count, dtype=RATES)
        rates["time"] = np.arange(count)
        return rates

    def positions_get(self, **filters: object) -> tuple[object, ...]:
        kind = TYPES["TradePosition"]
        return (kind(range(19)), kind(range(19)))

    def orders_get(self) -> tuple[object, ...]:
        return ()

    def order_send(self, request: dict[str, object]) -> object:
        """Execute (into the ledger), then answer, block for ever or die, as the comment says."""
        self._note(f"order_send {request['comment']}")
        if request["comment"] == "block":
            time.sleep(SEND_DELAY_S)
        if request["comment"] == "die":
            os._exit(9)
        asked = TYPES["TradeRequest"](
            [request.get(name, 0) for name in TYPES["TradeRequest"].__match_args__]
        )
        return TYPES["OrderSendResult"](
            (10009, 1, 2, 0.1, 1.1, 1.1, 1.2, "Request executed", 3, 0, asked)
        )

    def _note(self, line: str) -> None:
        with self._ledger.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def open_module(ledger: str, login: str) -> Scripted:
    return Scripted(ledger, login)
