"""A hand-written module in the shape of MetaTrader5: it answers what a test puts into it, and
remembers every call. It knows nothing of trading.
"""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np

from engine.terminal.records import FIELDS, RATES

_SURFACE = Path(__file__).parents[1] / "terminal" / "surface.json"
TYPES: dict[str, dict[str, str]] = {
    kind: {field["name"]: field["type"] for field in fields}
    for kind, fields in json.loads(_SURFACE.read_text(encoding="utf-8"))["types"]["fields"].items()
}
"""Of every field of the module's records, as they were observed on the module itself."""


def record(kind: str, **values: Any) -> Any:
    """A record of the module; a field that is not named is told apart from every other."""
    names = FIELDS[kind].split()
    assert set(values) <= set(names), set(values) - set(names)
    # The fields are known at run time only.
    shape: Any = namedtuple(kind, names)  # type: ignore[misc] # noqa: PYI024
    told = {name: _told(TYPES[kind][name], i) for i, name in enumerate(names)}
    return shape(**{**told, **values})


def _told(kind: str, index: int) -> int | float | bool | str | None:
    number = 1000 + index
    told: dict[str, int | float | bool | str] = {
        "int": number,
        "float": float(number),
        "bool": True,
        "str": f"text {index}",
    }
    return told.get(kind)  # None of a record within a record


def rates(times: list[int]) -> Any:
    """Bars that opened at these server seconds, each with figures of its own."""
    rows = [(t, 1 + t / 1e6, 2 + t / 1e6, 0.5, 1.5, t, t % 97, t % 89) for t in times]
    return np.array(rows, dtype=RATES)


class Module:
    """The double.

    answers  what each function returns; from a list, one call after the other
    error    what `last_error()` says
    bars     every bar there is, oldest first; the last one is unfinished
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error = (1, "Success")
        self.bars = rates([])
        self.answers: dict[str, Any] = {
            "initialize": True,
            "shutdown": True,
            "version": (500, 4755, "1 Dec 2024"),
            "account_info": record(
                "AccountInfo", login=5012345, server="Daybook-ECN", trade_mode=0, currency="USD"
            ),
            "terminal_info": record("TerminalInfo", name="Terminal"),
            "symbol_select": True,
            "symbol_info": record("SymbolInfo", name="EURUSD", filling_mode=1, trade_exemode=2),
            "symbol_info_tick": record("Tick", bid=1.05, ask=1.0501, time_msc=1_696_204_860_100),
            "order_calc_margin": 1050.1,
            "order_send": record("OrderSendResult", retcode=10009),
            "positions_get": (),
            "orders_get": (),
            "history_orders_get": (),
            "history_deals_get": (),
        }

    def last_error(self) -> tuple[int, str]:
        return self.error

    def __getattr__(self, function: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((function, *args, *([kwargs] if kwargs else [])))
            if function == "copy_rates_from_pos":
                return self._rates(*args)
            answer = self.answers[function]
            return answer.pop(0) if isinstance(answer, list) else answer

        return call

    def called(self, function: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of a function."""
        return [call[1:] for call in self.calls if call[0] == function]

    def _rates(self, symbol: str, timeframe: int, position: int, count: int) -> Any:
        end = len(self.bars) - position
        return self.bars[max(0, end - count) : max(0, end)]
