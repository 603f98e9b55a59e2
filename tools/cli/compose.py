"""The composition root: builds an engine from a configuration and runs it. It alone knows every
room."""

from __future__ import annotations

import hashlib
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

import anyio
import msgspec

from engine.broker.calls import InProcess
from engine.broker.mt5 import Mt5Gateway
from engine.broker.server_time import ServerTime
from engine.clock import MarketClock
from engine.config import Config
from engine.execution.intents import CODE_LENGTH, base32
from engine.feeds.bars import read_rates
from engine.kernel import Kernel, warmup_of
from engine.recovery import rebuild
from engine.runtime import Ending, Engine, World
from engine.runtime import Progress as Turned
from engine.settings import canonical
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from journal import Writer, read
from journal.errors import UsageError
from journal.events import RunStarted
from journal.writer import Limits
from projections.performance import net_profit
from projections.state import State

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "tools" / "locks" / "runtime.txt"


class Progress(msgspec.Struct, frozen=True):
    """How far a run has come; `total` bars are expected in all, 0 when nobody knows."""

    bars: int
    total: int
    fills: int
    equity: float


class Summary(msgspec.Struct, frozen=True):
    """What one screen says at the end; money in `currency`, `bars` and `seconds` of this run, the
    rest of the journal."""

    run: str
    reason: str
    bars: int
    orders: int
    fills: int
    trades: int
    net_profit: float
    drawdown: float
    drawdown_percent: float
    balance: float
    currency: str
    events: int
    seconds: float
    journal: Path
    digest: str
    halted: str


@dataclass
class _Simulation:
    """A simulated terminal and what a manifest says of its prices."""

    terminal: Terminal
    data_name: str
    data_hash: str
    total: int


def run_engine(
    config: Config,
    *,
    base: Path,
    observer: Callable[[Progress], None] | None = None,
    max_bars: int | None = None,
) -> Summary:
    """Run the engine until stopped or until the data ends, and say how it went.

    base      folder that relative paths of price files start at
    observer  told now and then how far it has come
    max_bars  stop after so many bars of this run
    Raises DaybookError.
    """
    directory = Path(config.journal)
    simulation = _simulate(config, base, directory)
    begun = time.perf_counter()
    kernel = Kernel()
    limits = Limits(batch=config.limits.batch, delay_ns=int(config.limits.delay_ms * 1e6))
    with Writer.open(directory, run="", limits=limits) as writer:
        missing = rebuild(kernel, read(directory))
        server_time = ServerTime(config.broker.zone)
        clock = MarketClock(simulation.terminal, server_time)
        manifest = _manifest(config, simulation)
        run = _run_name(clock.now_ns(), writer.head, manifest)
        engine = Engine(
            config=config,
            run=run,
            manifest=manifest,
            kernel=kernel,
            world=World(
                journal=writer,
                gateway=Mt5Gateway(InProcess(simulation.terminal.module()), config.broker.account),
                clock=clock,
                server_time=server_time,
            ),
            observe=_observed(observer, simulation.total),
            max_bars=max_bars or 0,
        )
        try:
            with _stopping_on_signals(engine):
                ending = anyio.run(engine.run, missing)
        finally:
            simulation.terminal.close()
        events = writer.next_seq - 1
    return _summary(run, ending, kernel.state, events, time.perf_counter() - begun, directory)


def _simulate(config: Config, base: Path, directory: Path) -> _Simulation:
    settings = config.terminal
    if config.broker.kind != "simulated" or settings is None:
        raise UsageError(
            "broker.kind is 'mt5': this build can only drive the simulated terminal; set "
            "broker.kind to 'simulated'"
        )
    files = {symbol: base / name for symbol, name in settings.bars.items()}
    rates = {symbol: read_rates(file) for symbol, file in files.items()}
    market = BarMarket(rates, model=settings.model, start=settings.history)
    directory.parent.mkdir(parents=True, exist_ok=True)
    terminal = Terminal(
        load_profile(settings.profile),
        market,
        book=directory.with_name(directory.name + ".broker"),
        seed=config.seed,
    )
    return _Simulation(
        terminal,
        ", ".join(file.name for file in files.values()),
        _hash_files(files.values()),
        max(len(series) for series in rates.values()) - settings.history,
    )


def _manifest(config: Config, simulation: _Simulation) -> RunStarted:
    settings, config_hash = canonical(config)
    return RunStarted(
        code_version=_code_version(),
        mode="simulated",
        config=settings,
        config_hash=config_hash,
        lock_hash=_hash_files([LOCK]) if LOCK.exists() else "",
        python=platform.python_version(),
        platform=f"{sys.platform} {platform.machine()}",
        seed=config.seed,
        warmup=warmup_of(config),
        data_name=simulation.data_name,
        data_hash=simulation.data_hash,
    )


def _run_name(now_ns: int, head: bytes, manifest: RunStarted) -> str:
    """Name a run by its day and a code that no other run has.

    A simulated run's code follows from what it is made of, so that the same demo writes the same
    bytes twice.
    """
    day = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%Y%m%d")
    material = b"|".join(
        (head, manifest.config_hash.encode(), manifest.data_hash.encode(), b"%d" % manifest.seed)
    )
    number = int.from_bytes(hashlib.blake2b(material, digest_size=8).digest(), "big")
    return f"{day}-{base32(number % 32**CODE_LENGTH, CODE_LENGTH)}"


def _code_version() -> str:
    try:
        return version("mt5-daybook")
    except PackageNotFoundError:
        return "unpackaged"


def _hash_files(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _observed(
    observer: Callable[[Progress], None] | None, total: int
) -> Callable[[Turned], None] | None:
    if observer is None:
        return None
    tell = observer
    return lambda turned: tell(Progress(turned.bars, total, turned.fills, turned.equity))


@contextmanager
def _stopping_on_signals(engine: Engine) -> Iterator[None]:
    """Let Ctrl-C or SIGTERM end the run cleanly; a second one ends it at once."""

    def stop(number: int, _: FrameType | None) -> None:
        engine.stop(f"stopped by {signal.Signals(number).name}")
        signal.signal(number, before[number])

    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(
    run: str, ending: Ending, state: State, events: int, seconds: float, directory: Path
) -> Summary:
    performance = state.performance
    return Summary(
        run=run,
        reason=ending.reason,
        bars=ending.bars,
        orders=state.orders.intended,
        fills=state.orders.fills,
        trades=performance.trades,
        net_profit=net_profit(performance),
        drawdown=performance.drawdown,
        drawdown_percent=performance.drawdown_percent,
        balance=state.account.balance,
        currency=state.account.currency,
        events=events,
        seconds=seconds,
        journal=directory,
        digest=ending.digest,
        halted=state.run.halt_reason,
    )
