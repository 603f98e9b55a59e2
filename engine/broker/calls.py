"""How calls reach a MetaTrader5-shaped module: the seam between in-process, worker process and
Wine."""

from __future__ import annotations

from typing import Any, Protocol

from engine.broker.gateway import CallFailed


class Calls(Protocol):
    """Something that can call the functions of the MetaTrader5 module."""

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Return what the module's function returned.

        Raises CallFailed, with the module's last error, for `None` and for `False`.
        """


class InProcess:
    """Calls a module of this process. Meant for the simulated terminal: the real module would hold
    up the engine."""

    def __init__(self, module: Any) -> None:
        self._module = module

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call the module's function."""
        result = getattr(self._module, function)(*args, **kwargs)
        if result is None or result is False:
            raise CallFailed(function, *self._module.last_error())
        return result
