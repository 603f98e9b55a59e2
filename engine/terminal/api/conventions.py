"""The calling conventions of the module's C functions, and the line between a program and the
terminal.

A function here is written for its arguments alone; these wrappers give it `last_error`, the failure
value, the errors that CPython raises before a C function runs, and the ones the module forgets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from engine.terminal import constants as mt5
from engine.terminal.request import ArgumentRefused

if TYPE_CHECKING:
    from engine.terminal.server import Server
    from engine.terminal.terminal import Terminal

ERRORS: dict[int, str] = {
    mt5.RES_S_OK: "Success",
    mt5.RES_E_FAIL: "Terminal: Call failed",
    mt5.RES_E_INVALID_PARAMS: "Terminal: Invalid params",
    mt5.RES_E_NO_MEMORY: "Terminal: Out of memory",
    mt5.RES_E_NOT_FOUND: "Terminal: Not found",
    mt5.RES_E_INVALID_VERSION: (
        "Terminal: Incompatible versions, please install the latest version of Terminal and Python"
        " module"
    ),
    mt5.RES_E_AUTH_FAILED: "Terminal: Authorization failed",
    mt5.RES_E_UNSUPPORTED: "Terminal: Unsupported function",
    mt5.RES_E_AUTO_TRADING_DISABLED: "Auto-Trading using Python API disabled in Terminal",
    mt5.RES_E_INTERNAL_FAIL: "IPC call failed",
    mt5.RES_E_INTERNAL_FAIL_SEND: "IPC send failed",
    mt5.RES_E_INTERNAL_FAIL_RECEIVE: "IPC recv failed",
    mt5.RES_E_INTERNAL_FAIL_INIT: "IPC initialize failed",
    mt5.RES_E_INTERNAL_FAIL_CONNECT: "No IPC connection",
    mt5.RES_E_INTERNAL_FAIL_TIMEOUT: "IPC timeout",
}
SUCCESS = (mt5.RES_S_OK, ERRORS[mt5.RES_S_OK])


#: The calls with which a waiting program looks whether something has happened.
_READS = frozenset(
    {
        "symbol_info_tick",
        "copy_rates_from",
        "copy_rates_from_pos",
        "copy_rates_range",
        "copy_ticks_from",
        "copy_ticks_range",
        "positions_get",
        "orders_get",
    }
)


class CallFailed(Exception):
    """A call ends with the function's failure value and this `last_error`."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.text = text or ERRORS[code]


class Interference(Protocol):
    """What a fault plan may do around a call."""

    def around(self, name: str, arguments: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        """Make the call, or not, and give its result, or another; may raise CallFailed."""


class Link:
    """The pipe between a Python process and its terminal, and what the module remembers of it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.open = False
        self.error: tuple[int, str] = SUCCESS
        self.interference: Interference | None = None
        #: How far the market moves with each reading call, for programs that only wait.
        self.steps_per_read = 0
        self.at_end: Callable[[], None] | None = None

    def server(self) -> Server:
        """What is at the other end.

        Raises:
            CallFailed: -10004, there is no connection.
        """
        if not self.open:
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL_CONNECT)
        return self.terminal.server

    def let_market_move(self) -> None:
        """Make the steps that go with a reading call."""
        if self.open:
            for _ in range(self.steps_per_read):
                if not self.terminal.advance() and self.at_end is not None:
                    self.at_end()


# The module's functions take whatever a program passes and say themselves what is wrong with it, so
# their Python signatures can promise nothing.
Function = Callable[..., Any]
F = TypeVar("F", bound=Function)


class Convention:
    """How CPython calls a function, and the value it gives when it fails."""

    def __init__(self, kind: str, failure: object) -> None:
        self.kind = kind
        self.failure = failure

    def __call__(self, function: F) -> F:
        """Mark a method as one of the module's functions."""
        function.convention = self  # type: ignore[attr-defined]  # read back by `bind` only
        return function


_NONE, _POSITIONAL, _KEYWORDS = "none", "positional", "keywords"


def no_arguments(failure: object = None) -> Convention:
    """`METH_NOARGS`."""
    return Convention(_NONE, failure)


def positional(failure: object = None) -> Convention:
    """`METH_VARARGS`: the method gets the arguments."""
    return Convention(_POSITIONAL, failure)


def keywords(failure: object = None) -> Convention:
    """`METH_VARARGS | METH_KEYWORDS`: the method gets the tuple and the dict."""
    return Convention(_KEYWORDS, failure)


def bind(link: Link, method: Function) -> Function:
    """A method as a program calls it: `last_error`, the market's pace and faults are around it.

    One function and no layers: a robot makes some of these calls with every bar.
    """
    convention: Convention = method.convention  # type: ignore[attr-defined]  # set by the decorator
    name, failure = method.__name__, convention.failure
    whole, bare = convention.kind == _KEYWORDS, convention.kind == _NONE
    reads = name in _READS

    def function(*arguments: Any, **named: Any) -> Any:
        if whole:
            arguments = arguments, named
        elif named or (bare and arguments):
            raise _not_taken(name, arguments, named, bare=bare)
        link.error = SUCCESS
        if reads and link.steps_per_read:
            link.let_market_move()
        try:
            if link.interference is not None:
                return link.interference.around(name, arguments, partial(method, *arguments))
            return method(*arguments)
        except ArgumentRefused as refused:
            link.error = (mt5.RES_E_INVALID_PARAMS, refused.text)
            if refused.pending is not None:
                raise exception_set(name) from refused.pending
            return failure
        except CallFailed as failed:
            link.error = (failed.code, failed.text)
            return failure

    function.__name__ = function.__qualname__ = name
    function.__doc__ = method.__doc__
    return function


def _not_taken(
    name: str, arguments: tuple[Any, ...], named: dict[str, Any], *, bare: bool
) -> TypeError:
    """What CPython raises before the C function runs."""
    if not bare:
        return TypeError(f"{name}() takes no keyword arguments")
    if named:
        return TypeError(f"MetaTrader5._core.{name}() takes no keyword arguments")
    return TypeError(f"MetaTrader5._core.{name}() takes no arguments ({len(arguments)} given)")


def exception_set(name: str) -> SystemError:
    """What the interpreter raises when a C function returns a value and forgets an error."""
    return SystemError(f"<built-in function {name}> returned a result with an exception set")
