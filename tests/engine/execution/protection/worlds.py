"""A symbol, a position and a market to start from, with some of it changed."""

from __future__ import annotations

from typing import Any

from engine.execution.protection.levels import Held, Seen
from journal.events import BarClosed, SymbolSpecified
from tests.given import a

SPEC = a(SymbolSpecified, stops_level=20, freeze_level=10)
"""EURUSD with a stops level of 2 pips and a freeze level of 1."""


def spec(**changes: Any) -> SymbolSpecified:
    """The symbol with other constraints."""
    return a(SymbolSpecified, **{"stops_level": 20, "freeze_level": 10, **changes})


def long(**changes: Any) -> Held:
    """One lot bought at 1.10000 with a stop 10 pips below: R is 10 pips."""
    return held(**{"side": 1, "best": 1.1, "sl": 1.099, **changes})


def short(**changes: Any) -> Held:
    """The same, sold."""
    return held(**{"side": -1, "best": 1.1, "sl": 1.101, **changes})


def held(**changes: Any) -> Held:
    """A position of one lot at 1.10000 with an R of 10 pips and no target."""
    typical: dict[str, Any] = {
        "entry": 1.1,
        "r": 0.001,
        "tp": 0.0,
        "volume": 1.0,
        "opened": 1.0,
        "age_s": 0.0,
    }
    return Held(**{**typical, **changes})


def seen(bid: float = 1.1, spread: float = 0.0001, **changes: Any) -> Seen:
    """A market at this Bid."""
    typical: dict[str, Any] = {"atr": {14: 0.0005}, "bars": ()}
    return Seen(bid, round(bid + spread, 5), **{**typical, **changes})


def bar(low: float, high: float, spread: int = 10) -> BarClosed:
    """A bar between two Bids."""
    return a(BarClosed, open=low, low=low, high=high, close=high, spread=spread)
