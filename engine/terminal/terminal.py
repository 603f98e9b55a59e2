"""The simulated terminal: a program's end of the broker, with its own view of it.

It relays requests and shows lists; what is true is in `server`, what a program may call is in
`api`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

from engine.terminal.api import build_module
from engine.terminal.api.conventions import Link
from engine.terminal.conditions import Conditions
from engine.terminal.desk import Reply
from engine.terminal.faults import FaultPlan
from engine.terminal.market.base import Market
from engine.terminal.profile import Profile
from engine.terminal.request import Request
from engine.terminal.sabotage import Saboteur, die
from engine.terminal.server import Server
from engine.terminal.snapshots import SymbolSnapshots
from engine.terminal.views import Views


@dataclass
class Watched:
    """Whether a symbol is in Market Watch, and shown there."""

    selected: bool
    visible: bool


class Terminal:
    """A MetaTrader 5 terminal with one account at a simulated broker.

    Args:
        profile: the broker, the account and the switches.
        market: where prices come from; it belongs to this terminal from now on.
        book: the file in which the broker keeps its book, so that it survives this process; without
            one everything is forgotten with the terminal.
        seed: for all that is drawn: slippage and latency (a fault plan has a seed of its own).

    Raises:
        MarketError: the market has data the profile does not know.
        BookError: the book belongs to another profile, market or seed.
    """

    def __init__(
        self, profile: Profile, market: Market, book: str | Path | None = None, seed: int = 0
    ) -> None:
        self.profile = profile
        self.server = Server(profile, market, book, seed)
        self.watch = {
            name: Watched(symbol.visible, symbol.visible)
            for name, symbol in profile.symbols.items()
        }
        self.views = Views(self.server.book)
        self._saboteur: Saboteur | None = None
        self._link = Link(self)
        self._module: ModuleType | None = None
        self._snapshots: dict[str, SymbolSnapshots] = {}
        self._request_id = 0
        self.closed = False
        #: Make the market's next step; False when the data has ended (and nothing has changed).
        self.advance = self.server.advance
        #: Undo the last steps of the glide just made.
        self.back = self.server.back

    def module(self) -> ModuleType:
        """The object that programs use as `MetaTrader5`."""
        if self._module is None:
            self._module = build_module(self._link)
        return self._module

    def glide(self, limit: int) -> list[int]:
        """Make up to `limit` of the market's next steps at once, as far as nothing happens in them;
        return the server milliseconds of each.

        With faults none is made: a plan may deal one at any call between two steps.
        """
        return self.server.glide(limit) if self._saboteur is None else []

    @property
    def server_time_msc(self) -> int:
        """The server's clock in milliseconds of server time; it stands between ticks."""
        return self.server.market.time_msc

    @property
    def conditions(self) -> Conditions:
        """The switches of connection and permissions, to be flipped at will."""
        return self.server.conditions

    def inject(
        self,
        plan: FaultPlan,
        sleep: Callable[[float], None] = time.sleep,
        die: Callable[[], None] = die,
    ) -> None:
        """Let the calls of the module run into the faults of a plan from now on.

        `sleep` and `die` are what blocks a call and what kills the process.
        """
        self._saboteur = self._link.interference = Saboteur(self, plan, sleep, die)

    def pace(self, steps: int, at_end: Callable[[], None] | None = None) -> None:
        """Let the market make that many steps before each call that reads prices or lists.

        For programs that only ever call the module and wait for something to happen; 0 stops it.
        `at_end` is called when such a step finds that the data has ended.
        """
        self._link.steps_per_read = steps
        self._link.at_end = at_end

    def close(self) -> None:
        """Let go of the book's file; the module answers no more."""
        self._link.open = False
        self.closed = True
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # For the module's functions

    def reconnected(self) -> None:
        """A program has connected anew: request numbers begin at 1 again."""
        self._request_id = 0

    def next_request_id(self) -> int:
        """The number of the next request in this connection."""
        self._request_id += 1
        return self._request_id

    def send(self, request: Request) -> Reply:
        """Relay a request to the server."""
        if self._saboteur is not None:
            return self._saboteur.send(request, self.server.execute)
        return self.server.execute(request)

    def break_pipe(self) -> None:
        """Cut the program off: every call gives -10004 until it initializes again."""
        self._link.open = False

    def snapshot(self, name: str) -> SymbolSnapshots:
        """The builder of a symbol's `symbol_info`."""
        known = self._snapshots.get(name)
        if known is None:
            server = self.server
            known = self._snapshots[name] = SymbolSnapshots(
                name, self.profile.symbols[name], server.account, lambda: server.day_range(name)
            )
        return known
