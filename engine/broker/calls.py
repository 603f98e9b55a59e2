"""How calls reach a MetaTrader5-shaped module: the seam between in-process, worker process and
Wine.

Whatever the way, a call either gives what the module's function returned or raises `CallFailed`
with a code that says what is known of its effect.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from engine.broker.gateway import CallFailed
from journal.errors import BrokerError


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a function returned, and the module's `last_error()` right after it."""

    value: Any
    code: int
    text: str


class CallRaised(CallFailed):
    """The module raised; `kind` is its exception's name. The code is its `last_error()`."""

    def __init__(self, function: str, kind: str, text: str, code: int) -> None:
        self.kind = kind
        super().__init__(function, code, f"{kind}: {text}")


class Calls(Protocol):
    """Something that can call the functions of the MetaTrader5 module."""

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Return what the module's function returned.

        Raises CallFailed, with the module's last error, for `None` and for `False`.
        """


class RawCalls(Calls, Protocol):
    """Calls that can also be asked for the bare answer, `None` and `False` included."""

    async def ask(self, function: str, *args: Any, **kwargs: Any) -> Answer:
        """Return what the function returned, whatever it is, and the last error after it.

        Raises CallRaised for an exception of the module, CallFailed when the call did not reach it.
        """


class InProcess:
    """Calls a module of this process. Meant for the simulated terminal: the real module would hold
    up the engine."""

    def __init__(self, module: Any) -> None:
        self._module = module

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call the module's function. What it raises comes through as it is: a mistake of ours."""
        # Never with an empty `**{}`: see `engine.broker.worker`.
        bound = getattr(self._module, function)
        result = bound(*args, **kwargs) if kwargs else bound(*args)
        if result is None or result is False:
            raise CallFailed(function, *self._module.last_error())
        return result

    async def ask(self, function: str, *args: Any, **kwargs: Any) -> Answer:
        """Call the module's function, and tell the last error with any result."""
        bound = getattr(self._module, function)
        try:
            result = bound(*args, **kwargs) if kwargs else bound(*args)
        except Exception as error:  # whatever the module raises is its answer, as over the worker
            code, _ = self._module.last_error()
            raise CallRaised(function, type(error).__name__, str(error), code) from error
        return Answer(result, *self._module.last_error())


class ReadingCalls:
    """Calls that can only read: what would send is refused before it gets anywhere."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call the module's function. Raises BrokerError for the one that sends."""
        if function in SENDING:
            raise BrokerError(f"{function} was called where nothing may be sent: a defect")
        return await self._calls.call(function, *args, **kwargs)


SENDING = frozenset({"order_send"})
"""Functions that change something at the broker."""
