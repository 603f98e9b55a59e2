"""The composition root: builds an engine from a configuration and runs it. It alone knows every
room."""

from __future__ import annotations

import hashlib
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

import anyio
import msgspec

from engine import memory
from engine.config import Config
from engine.execution.intents import CODE_LENGTH, base32
from engine.kernel import warmup_of
from engine.ops.channel import listening
from engine.ops.inbox import Inbox
from engine.ops.obey import deals_of
from engine.ops.operator import Doors
from engine.ops.switch import Switch
from engine.recovery import rebuild, require_account
from engine.runtime import Ending, Engine, World
from engine.runtime import Progress as Turned
from engine.settings import canonical
from journal import Writer
from journal.errors import JournalNewer, UndecodableEvent, UsageError
from journal.events import RunStarted
from journal.writer import Limits
from projections.account import net_profit
from projections.state import State
from tools.cli.brokers import Broker, hash_files, reach

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "tools" / "locks" / "runtime.txt"


class Progress(msgspec.Struct, frozen=True):
    """How far a run has come; `total` bars are expected in all, 0 when nobody knows."""

    bars: int
    total: int
    fills: int
    equity: float


class Summary(msgspec.Struct, frozen=True):
    """What one screen says at the end.

    bars, seconds  of this run; all else is of the whole journal
    costs          commission, swap and fees; the spread is in the profit
    drawdown       deepest fall of equity. Money is in `currency`
    """

    run: str
    reason: str
    bars: int
    orders: int
    fills: int
    trades: int
    net_profit: float
    costs: float
    drawdown: float
    drawdown_percent: float
    balance: float
    currency: str
    events: int
    seconds: float
    journal: Path
    digest: str
    halted: str


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
    broker = reach(config, base, directory)
    begun = time.perf_counter()
    doors = Doors(Inbox(), Switch(directory), deals_of(directory))
    limits = Limits(batch=config.limits.batch, delay_ns=int(config.limits.delay_ms * 1e6))
    with _opened(directory, limits) as writer:
        kernel = memory.recall(directory)
        keeper = memory.Keeper(directory, after=kernel.state.seq)
        missing = rebuild(kernel, memory.later(directory, kernel))
        require_account(kernel.state, config.broker.account)
        manifest = _manifest(config, broker)

        async def drive() -> tuple[str, Ending]:
            async with broker.opened as reached:
                run = writer.run = _run_name(
                    reached.clock.now_ns(), writer.head, manifest, broker.salt
                )
                engine = Engine(
                    config=config,
                    run=run,
                    manifest=manifest,
                    kernel=kernel,
                    world=World(
                        journal=writer,
                        gateway=reached.gateway,
                        clock=reached.clock,
                        server_time=reached.server_time,
                        memory=keeper,
                        doors=doors,
                        passage=reached.passage,
                    ),
                    observe=_observed(observer, broker.total),
                    max_bars=max_bars or 0,
                )
                with _stopping_on_signals(engine):
                    async with listening(directory, doors, lambda: engine.standing):
                        return run, await engine.run(missing)

        run, ending = anyio.run(drive)
        events = writer.next_seq - 1
    return _summary(run, ending, kernel.state, events, time.perf_counter() - begun, directory)


@contextmanager
def _opened(directory: Path, limits: Limits) -> Iterator[Writer]:
    """Open a journal to go on with it. Raises UsageError for one that a newer Daybook wrote."""
    try:
        with Writer.open(directory, run="", limits=limits) as writer:
            yield writer
    except (UndecodableEvent, JournalNewer) as error:
        raise UsageError(
            f"{directory} cannot be gone on with: {error}; nothing was started. Use the Daybook "
            "that wrote it, or a newer one"
        ) from error


def _manifest(config: Config, broker: Broker) -> RunStarted:
    # Where the journal lies is no part of what it holds: it may be moved.
    settings, config_hash = canonical(msgspec.structs.replace(config, journal=""))
    return RunStarted(
        code_version=_code_version(),
        mode=broker.mode,
        config=settings,
        config_hash=config_hash,
        lock_hash=hash_files([LOCK]) if LOCK.exists() else "",
        python=platform.python_version(),
        platform=f"{sys.platform} {platform.machine()}",
        seed=config.seed,
        warmup=warmup_of(config),
        data_name=broker.data_name,
        data_hash=broker.data_hash,
    )


def _run_name(now_ns: int, head: bytes, manifest: RunStarted, salt: bytes) -> str:
    """Name a run by its day and a code that no other run has.

    A simulated run's code follows from what it is made of, so that the same demo writes the same
    bytes twice.
    """
    day = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%Y%m%d")
    material = b"|".join(
        (
            head,
            manifest.config_hash.encode(),
            manifest.data_hash.encode(),
            b"%d" % manifest.seed + salt,
        )
    )
    number = int.from_bytes(hashlib.blake2b(material, digest_size=8).digest(), "big")
    return f"{day}-{base32(number % 32**CODE_LENGTH, CODE_LENGTH)}"


def _code_version() -> str:
    try:
        return version("mt5-daybook")
    except PackageNotFoundError:
        return "unpackaged"


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
        signal.signal(number, before[signal.Signals(number)])

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
        net_profit=net_profit(state.account),
        costs=state.account.commission + state.account.swap + state.account.fee,
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
