"""The `MetaTrader5` module over a simulated terminal: its functions, constants and types."""

from __future__ import annotations

from types import ModuleType

from engine.terminal.api.connection import Connection
from engine.terminal.api.conventions import Link, bind
from engine.terminal.api.helpers import Helpers
from engine.terminal.api.lists import Lists
from engine.terminal.api.prices import Prices
from engine.terminal.api.symbols import Symbols
from engine.terminal.api.trading import Trading
from engine.terminal.constants import EXPORTED
from engine.terminal.records import TYPES

#: The version of the package whose behaviour was recorded.
VERSION = "5.0.6231"
AUTHOR = "MetaQuotes Ltd."


def build_module(link: Link) -> ModuleType:
    """A module object that a program cannot tell from the real one by what it exports."""
    module = ModuleType("MetaTrader5", "MetaTrader 5, simulated by Daybook.")
    module.__dict__.update(EXPORTED)
    module.__dict__.update(TYPES)
    for part in (Connection(link), Symbols(link), Prices(link), Trading(link), Lists(link)):
        for name, function in vars(type(part)).items():
            if hasattr(function, "convention"):
                setattr(module, name, bind(link, getattr(part, name)))
    module.__dict__["last_error"] = _last_error(link)
    module.__dict__.update(Helpers(module).functions())
    module.__dict__["__version__"] = VERSION
    module.__dict__["__author__"] = AUTHOR
    return module


def _last_error(link: Link) -> object:
    """`last_error`: the only function that leaves the error as it is."""

    def last_error(*arguments: object, **named: object) -> tuple[int, str]:
        if named:
            raise TypeError("MetaTrader5._core.last_error() takes no keyword arguments")
        if arguments:
            raise TypeError(
                f"MetaTrader5._core.last_error() takes no arguments ({len(arguments)} given)"
            )
        return link.error

    return last_error


__all__ = ["build_module"]
