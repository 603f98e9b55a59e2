"""How a configuration's broker is reached: the simulated terminal in this process or behind a
worker, or a real terminal behind a worker."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.broker.calls import InProcess, RawCalls, ReadingCalls
from engine.broker.gateway import Gateway, ReadingGateway
from engine.broker.launch import (
    deadlines_of,
    initialize_arguments,
    launch_of,
    launch_simulated,
)
from engine.broker.mt5 import Mt5Gateway
from engine.broker.server_time import AUTO, ServerTime
from engine.broker.server_watch import find_rule
from engine.broker.simulated import RemoteMarketClock, Setup, build_terminal, read_bars
from engine.broker.supervisor import supervise
from engine.clock import Clock, MarketClock, Passage, WallClock
from engine.config import Config, Worker
from engine.settings.rules import named_file
from engine.terminal import Terminal
from journal.errors import UsageError


@dataclass(frozen=True, slots=True)
class Connection:
    """What a run needs of a broker that is reached."""

    gateway: Gateway
    clock: Clock
    server_time: ServerTime
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class Broker:
    """A way to a broker, and what a manifest says of its prices.

    mode        `simulated` or `live`
    opened      gives the connection for as long as it is held
    data_name, data_hash   files of prices and their SHA-256; empty when live
    salt        makes the run's name its own; empty when the run follows from its data
    total       bars to expect, 0 when nobody knows
    """

    mode: str
    opened: AbstractAsyncContextManager[Connection]
    data_name: str = ""
    data_hash: str = ""
    salt: bytes = b""
    total: int = 0


def reach(config: Config, base: Path, directory: Path) -> Broker:
    """Return the way to the configured broker; nothing is started yet.

    base       folder that relative paths of price files start at
    directory  the journal's; a simulated broker keeps its book beside it
    Raises DaybookError.
    """
    if config.broker.kind == "mt5":
        # Two runs of one day must not share order keys, whatever their journals.
        return Broker("live", _live(config), salt=b"%d" % time.time_ns())
    directory.parent.mkdir(parents=True, exist_ok=True)
    setup = _setup(config, base, book_beside(directory))
    files = [Path(file) for file in setup.bars.values()]
    rates = read_bars(setup)
    server_time = ServerTime(config.broker.zone)
    opened = (
        _local(config, build_terminal(setup, rates), server_time)
        if config.broker.worker is None
        else _remote(config, config.broker.worker, setup, server_time)
    )
    return Broker(
        "simulated",
        opened,
        ", ".join(file.name for file in files),
        hash_files(files),
        total=max(len(series) for series in rates.values()) - setup.history,
    )


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of a broker, and nothing to send with."""

    gateway: ReadingGateway
    clock: Clock


@asynccontextmanager
async def see(config: Config, base: Path, directory: Path) -> AsyncIterator[Sight]:
    """Give the configured account for reading, as it is now.

    A simulated broker is seen in a copy of its book: an engine may be going on with the book itself
    meanwhile. Raises DaybookError.
    """
    account, settings = config.broker.account, config.broker.worker or Worker()
    if config.broker.kind == "mt5":
        launch = launch_of(settings)
        async with supervise(launch, account, deadlines=deadlines_of(settings)) as calls:
            gateway = Mt5Gateway(ReadingCalls(calls), account, initialize_arguments(settings))
            yield Sight(gateway, WallClock(config.broker.poll_s))
        return
    book = book_beside(directory)
    if not book.exists():
        raise UsageError(f"there is no simulated broker's book {book}; run the engine first")
    with tempfile.TemporaryDirectory(prefix="daybook-") as place:
        copy = Path(place) / book.name
        for file in (book, book.with_name(book.name + ".cursor")):
            shutil.copy(file, place)
        setup = msgspec.structs.replace(_setup(config, base, copy), faults="")
        with build_terminal(setup, read_bars(setup)) as terminal:
            gateway = Mt5Gateway(ReadingCalls(InProcess(terminal.module())), account)
            yield Sight(gateway, MarketClock(terminal, ServerTime(config.broker.zone)))


def book_beside(directory: Path) -> Path:
    """Return where a simulated broker keeps its book: beside the journal."""
    return directory.with_name(directory.name + ".broker")


@asynccontextmanager
async def look_at(
    config: Config, base: Path
) -> AsyncIterator[tuple[RawCalls, Clock, dict[str, Any]]]:
    """Give calls to the configured broker without a connection, a pinned account or a trace: with
    its clock, and what `initialize` is told.

    A simulated broker is a new one, without the book of any run. Raises DaybookError.
    """
    settings = config.broker.worker or Worker()
    if config.broker.kind == "mt5":
        launch = launch_of(settings)
        async with supervise(launch, None, deadlines=deadlines_of(settings)) as calls:
            yield calls, WallClock(config.broker.poll_s), initialize_arguments(settings)
        return
    setup = _setup(config, base, None)
    server_time = ServerTime(config.broker.zone)
    if config.broker.worker is None:
        with build_terminal(setup, read_bars(setup)) as terminal:
            yield InProcess(terminal.module()), MarketClock(terminal, server_time), {}
        return
    launch = launch_simulated(setup)
    async with supervise(launch, None, deadlines=deadlines_of(settings)) as calls:
        yield calls, await RemoteMarketClock.begin(calls, server_time), {}


def _setup(config: Config, base: Path, book: Path | None) -> Setup:
    settings = config.terminal
    if settings is None:
        raise UsageError("broker.kind is 'simulated': the section `terminal` is needed for it")
    return Setup(
        profile=str(named_file(settings.profile, base.absolute())),
        bars={symbol: str((base / name).absolute()) for symbol, name in settings.bars.items()},
        model=settings.model,
        history=settings.history,
        faults=str(named_file(settings.faults, base.absolute())),
        book=str(book.absolute()) if book is not None else "",
        seed=config.seed,
    )


def hash_files(files: Iterable[Path]) -> str:
    """Return the SHA-256 of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


@asynccontextmanager
async def _local(
    config: Config, terminal: Terminal, server_time: ServerTime
) -> AsyncIterator[Connection]:
    with terminal:
        gateway = Mt5Gateway(InProcess(terminal.module()), config.broker.account)
        clock = MarketClock(terminal, server_time)
        yield Connection(gateway, clock, server_time, clock)


@asynccontextmanager
async def _remote(
    config: Config, settings: Worker, setup: Setup, server_time: ServerTime
) -> AsyncIterator[Connection]:
    account = config.broker.account
    launch = launch_simulated(setup)
    async with supervise(launch, account, deadlines=deadlines_of(settings)) as calls:
        clock = await RemoteMarketClock.begin(calls, server_time)
        yield Connection(Mt5Gateway(calls, account), clock, server_time)


@asynccontextmanager
async def _live(config: Config) -> AsyncIterator[Connection]:
    account, settings = config.broker.account, config.broker.worker or Worker()
    launch = launch_of(settings)
    async with supervise(launch, account, deadlines=deadlines_of(settings)) as calls:
        gateway = Mt5Gateway(calls, account, initialize_arguments(settings))
        clock = WallClock(config.broker.poll_s)
        yield Connection(gateway, clock, await _server_time(config, gateway, clock))


async def _server_time(config: Config, gateway: Mt5Gateway, clock: Clock) -> ServerTime:
    """Return the configured rule of the broker's clock, or find it there."""
    if config.broker.zone != AUTO:
        return ServerTime(config.broker.zone)
    symbols = sorted({strategy.symbol for strategy in config.strategies})
    await gateway.connect(symbols)
    for symbol in symbols:
        await gateway.specify(symbol)
    return await find_rule(gateway, clock, symbols)
