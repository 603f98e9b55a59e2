"""A desk for tests: the real engine and adapter over a simulated terminal, and a hand in the kernel
that wishes what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anyio
import msgspec

from engine.broker.calls import InProcess
from engine.broker.mt5 import Mt5Gateway
from engine.broker.server_time import ServerTime
from engine.clock import MarketClock
from engine.config import Account, Config, PositionPolicy
from engine.execution import reactors
from engine.execution.intents import Draft, Keys
from engine.kernel import Kernel
from engine.runtime import Engine, World
from engine.settings import canonical
from engine.strategies.base import Proposal
from engine.strategies.baseline import MaCrossRsiConfig
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from journal.envelope import AnyEvent, Event
from journal.events import JournalRecovered, RunStarted, TradingResumed
from projections.orders import Order, pendings
from projections.positions import Position
from projections.state import State
from tests.engine import rig
from tests.given import a

SYMBOL, MAGIC = "EURUSD", 71

Wish = Callable[[State, Event[Any], Keys], Iterable[Draft | None]]


class Pages:
    """A journal in memory."""

    def __init__(self) -> None:
        self.next_seq, self.head = 1, b""
        self.recovered: list[JournalRecovered] = []
        self.events: list[AnyEvent] = []

    def append(self, event: AnyEvent) -> None:
        assert event.seq == self.next_seq
        self.next_seq += 1
        self.events.append(event)

    def append_all(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            self.append(event)

    def commit(self) -> None:
        """Everything is as durable as it will ever be."""

    commit_if_due = commit


class Desk:
    """One engine at one broker, connected and live; its strategies say nothing."""

    def __init__(
        self,
        profile: str = "ecn-hedging",
        available: float = 0.0,
        *,
        positions: dict[str, PositionPolicy] | None = None,
        orders: tuple[str, ...] = (),
    ) -> None:
        """Take a place at a broker.

        available  lots that can be had at once, 0 for any number
        positions  policies; there are two strategies, so that both sides can be held at once
        orders     kinds of orders that the symbol allows, all where nothing is said
        """
        facts = load_profile(profile)
        if available:
            symbol = msgspec.structs.replace(
                facts.symbols[SYMBOL], available_volume=available, filling=("ioc",)
            )
            facts = msgspec.structs.replace(facts, symbols={**facts.symbols, SYMBOL: symbol})
        if orders:
            symbol = msgspec.structs.replace(facts.symbols[SYMBOL], orders=orders)
            facts = msgspec.structs.replace(facts, symbols={**facts.symbols, SYMBOL: symbol})
        rates = rig.RATES[rig.FIRST_BAR : rig.FIRST_BAR + 900]
        market = BarMarket({SYMBOL: rates}, model="ohlc", start=100)
        self.terminal = Terminal(facts, market, seed=1)
        self.module: Any = self.terminal.module()
        account = self.terminal.profile.account
        self.config: Config = msgspec.structs.replace(
            rig.CONFIG,
            broker=msgspec.structs.replace(
                rig.CONFIG.broker,
                account=Account(login=account.login, server=account.server),
                zone="utc+3" if profile == "exchange-netting" else "new-york+7",
            ),
            strategies=[
                MaCrossRsiConfig(name=name, magic=magic, symbol=SYMBOL, fast=5000, slow=9999)
                for name, magic in (("mute", MAGIC), ("silent", MAGIC + 1))
            ],
            positions=positions or {},
        )
        self.pages, self.kernel = Pages(), Kernel()
        self._wish: Wish = lambda *_: ()
        self.kernel._reactors[TradingResumed] = self._drafts
        server_time = ServerTime(self.config.broker.zone)
        self.gateway = Mt5Gateway(InProcess(self.module), self.config.broker.account)
        world = World(
            self.pages, self.gateway, MarketClock(self.terminal, server_time), server_time
        )
        settings, _ = canonical(self.config)
        self.engine = Engine(
            config=self.config,
            run="20231002-DESK001",
            manifest=a(RunStarted, config=settings, warmup=4),
            kernel=self.kernel,
            world=world,
        )
        anyio.run(self._connect)

    @property
    def state(self) -> State:
        return self.kernel.state

    @property
    def position(self) -> Position:
        """The one open position."""
        (only,) = self.state.positions.open.values()
        return only

    @property
    def pending(self) -> Order:
        """The one pending order."""
        (only,) = pendings(self.state.orders)
        return only

    def recorded(self, *kinds: type) -> list[Any]:
        """The payloads of these types, in order."""
        return [event.data for event in self.pages.events if type(event.data) in kinds]

    def wish(self, wish: Wish) -> list[Any]:
        """Let the kernel decide this, carry it out; return the payloads that it led to."""
        self._wish, before = wish, len(self.pages.events)
        anyio.run(self._act)
        return [event.data for event in self.pages.events[before + 1 :]]

    def propose(self, proposal: Proposal, strategy: int = 0) -> list[Any]:
        """Let a strategy have spoken."""

        def drafts(_: State, __: Event[Any], keys: Keys) -> Iterable[Draft]:
            yield reactors.propose(keys, self.config.strategies[strategy], proposal)

        return self.wish(drafts)

    def open(self, side: str = "buy", distance: float = 0.005, strategy: int = 0) -> Position:
        """Open a position at the market."""
        before = set(self.state.positions.open)
        self.propose(Proposal(side, distance, 2 * distance, "test"), strategy)  # type: ignore[arg-type] # one of two
        (new,) = set(self.state.positions.open) - before
        return self.state.positions.open[new]

    def pass_by(self, steps: int) -> None:
        """Let the market move on, and the engine look at it."""
        anyio.run(self._pass_by, steps)

    def check(self) -> None:
        """Hold the projections against the terminal's own lists."""
        held = {
            (p.identifier, p.ticket, p.type, round(p.volume, 8), p.sl, p.tp)
            for p in self.module.positions_get()
        }
        ours = {
            (p.identifier, p.ticket, 0 if p.side > 0 else 1, round(p.volume, 8), p.sl, p.tp)
            for p in self.state.positions.open.values()
        }
        assert ours == held
        live = {
            (o.ticket, o.price_open, o.price_stoplimit, o.sl, o.tp, o.time_expiration)
            for o in self.module.orders_get()
        }
        known = {
            (o.ticket, o.price, o.limit, o.sl, o.tp, o.expiration)
            for o in pendings(self.state.orders)
        }
        assert known == live
        assert round(self.state.account.balance, 2) == self.module.account_info().balance
        assert self.state.run.halt_rule == "", self.state.run.halt_reason

    def _drafts(self, event: Event[Any]) -> Iterable[Draft]:
        drafts = self._wish(self.state, event, Keys(event))
        return [draft for draft in drafts if draft is not None] if drafts else ()

    async def _connect(self) -> None:
        self.engine._recorder.record(self.engine._manifest)
        await self.engine._connection.connect()

    async def _act(self) -> None:
        self.engine._recorder.record(a(TradingResumed))
        await self.engine._effects.settle()
        await self.engine._reconciler.read()

    async def _pass_by(self, steps: int) -> None:
        for _ in range(steps):
            assert await self.engine._clock.next()
            await self.engine._turn()
