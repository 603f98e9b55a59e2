"""One session: processes of the engine, one after the other, on one journal and one account.

Trouble first, then calm: the running process has to find its feet by itself, and every start after
it. What must hold in the end is in `invariants`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from engine.broker.mt5 import Mt5Gateway
from engine.broker.server_time import ServerTime
from engine.config import Account, Config, Reconcile, Risk, SimulatedTerminal
from engine.config import Broker as BrokerSettings
from engine.execution.intents import base32
from engine.kernel import Kernel, warmup_of
from engine.recovery import rebuild
from engine.runtime import Engine, World
from engine.settings import canonical
from engine.strategies.baseline import MaCrossRsiConfig
from journal import Limits, Writer, read
from journal.envelope import AnyEvent, stamp
from journal.errors import BrokerError, JournalError, JournalHalted
from journal.events import RunStarted, TradingResumed
from projections.state import State
from tools.simulation.agreement import disagreements
from tools.simulation.broker import SYMBOL, SYMBOLS, Broker, profile_of
from tools.simulation.disk import Died, Disk
from tools.simulation.line import Clock, Line
from tools.simulation.plan import DiskTrouble, Plan, dice
from tools.simulation.visits import met, struck

JOURNAL = Path("journal")
QUIET = 25
"""Bars that the engine has, after the last trouble, to agree with the broker without a restart."""
AGAIN = 15
"""Bars of each start after that."""
SOON = 150
"""Bars within which it has to trade once more, when an operator has lifted the halt."""
MOST_STARTS = 60
"""Processes of one session. Every trouble ends at most one."""


@dataclass(frozen=True)
class SentAt:
    """A sending, as the process saw it."""

    key: str
    process: int
    seq: int
    durable: bool
    disk_failed: bool


@dataclass
class Record:
    """What is known of a session at its end.

    sent      every sending, in order
    endings   how its processes ended
    state     of the last process
    second_start  sequence after which the last process began
    problems  what was wrong while it ran
    visits    what was met
    """

    plan: Plan
    broker: Broker
    disk: Disk
    sent: list[SentAt] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    state: State | None = None
    events: list[AnyEvent] = field(default_factory=list)
    second_start: int = 0
    problems: list[str] = field(default_factory=list)
    visits: Counter[str] = field(default_factory=Counter)


def config_of(plan: Plan) -> Config:
    """Return the configuration of a session: quick strategies, so that much happens."""
    account = profile_of(plan.broker).account
    return Config(
        name="simulation",
        journal="",
        broker=BrokerSettings(
            kind="simulated",
            account=Account(login=account.login, server=account.server),
            deviation=0,
        ),
        terminal=SimulatedTerminal(bars=dict.fromkeys(SYMBOLS[: plan.symbols], "bars")),
        strategies=[
            _strategy(number, SYMBOLS[number % plan.symbols]) for number in range(plan.strategies)
        ],
        risk=Risk(per_trade_percent=0.5, margin_use_percent=30.0),
        reconcile=Reconcile(slow_s=360.0),
    )


def _strategy(number: int, symbol: str) -> MaCrossRsiConfig:
    return MaCrossRsiConfig(
        name=("quick", "quicker")[number],
        magic=71 + number,
        symbol=symbol,
        fast=2 + number,
        slow=5 + 2 * number,
        rsi_period=5,
        rsi_low=0.0,
        rsi_high=100.0,
        atr_period=14,
        stop_atr=1.5,
        target_r=1.0,
    )


class Session:
    """Runs one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = dice(plan.seed, 2)
        self._config = config_of(plan)
        self._disk = Disk(plan.seed)
        self._disk.interfere = self._interfere
        self._broker = Broker(plan)
        self._line = Line(self._broker, self._disk, self._note_sending)
        self._clock = Clock(plan, self._broker, self._calm)
        self._writer: Writer | None = None
        self._process = 0
        self._calm_process = -1
        self.record = Record(plan, self._broker, self._disk)

    def run(self) -> Record:
        """Play the session to its end."""
        anyio.run(self._play)
        self._disk.begin()
        self.record.events = list(read(JOURNAL, fs=self._disk))
        self.record.visits.update(met(self.record.events, self.record.endings))
        return self.record

    async def _play(self) -> None:
        record, bars = self.record, self._plan.bars
        self._clock.end = bars + QUIET
        while self._broker.step < self._clock.end:
            ending, state = await self._live()
            if self._process == self._calm_process and ending == "data ended":
                record.problems += [
                    f"without a restart: {problem}"
                    for problem in disagreements(
                        state, self._broker.book, asked=self._broker.nameless()
                    )
                ]
            if self._process >= MOST_STARTS:
                record.problems.append(f"{MOST_STARTS} starts and no end: {record.endings[-5:]}")
                return
            for _ in range(self._chance.randint(0, self._plan.away)):
                self._clock.pass_minute()
        self._calm()
        for _ in range(2):
            self._clock.end = self._broker.step + AGAIN
            record.second_start = self._writer.next_seq - 1 if self._writer else 0
            ending, record.state = await self._live()
            if ending != "data ended":
                record.problems.append(f"started in the calm, it ended: {ending}")
        await self._trade_again()

    async def _trade_again(self) -> None:
        """Lift the halt that there may be, and start once more: it must trade, and that soon."""
        record, broker = self.record, self._broker
        assert record.state is not None
        if record.state.run.halt_rule and broker.nameless():
            return  # whose order it is must be asked of the broker's staff
        if record.state.run.halt_rule:
            self._resume()
        broker.cancel_rests()
        executed = broker.executed()
        self._clock.until = lambda: broker.executed() > executed
        self._clock.end = broker.step + SOON
        ending, record.state = await self._live()
        if not self._clock.until():
            record.problems.append(f"no order in {SOON} bars of calm; it ended: {ending}")
        record.visits["outcome: trades again"] += 1

    def _resume(self) -> None:
        """Be the operator who has looked, while no engine runs."""
        self._disk.begin()
        kernel = Kernel()
        with Writer.open(JOURNAL, run="", fs=self._disk, seal=False) as writer:
            rebuild(kernel, read(JOURNAL, fs=self._disk))
            resumed = TradingResumed("operator", "the calm has come")
            now = self._clock.now_ns()
            writer.append(stamp(resumed, writer.next_seq, now, kernel.state.run.id))

    # --- one process

    async def _live(self) -> tuple[str, State]:
        """Be one process of the engine; return how it ended."""
        self._process += 1
        self._disk.begin()
        self._clock.begin(self._chance.uniform(30.0, 59.0))
        kernel = Kernel()
        if not self._broker.armed:
            self._calm_process = self._process
        try:
            with Writer.open(
                JOURNAL,
                run="",
                fs=self._disk,
                limits=Limits(batch=self._plan.batch, delay_ns=10**15),
                seal=False,
            ) as writer:
                self._writer = writer
                missing = rebuild(kernel, read(JOURNAL, fs=self._disk))
                ending = (await self._engine_on(writer, kernel).run(missing)).reason
        except Died:
            ending = "died"
        except JournalHalted as error:
            ending = f"journal halted: {error.operation}"
        except JournalError as error:
            ending = f"journal error: {error}"
            self.record.problems.append(ending)
        except BrokerError as error:
            ending = f"failed: {type(error).__name__}"
        except OSError as error:  # the disk, before the writer had begun
            ending = f"did not start: {error}"
        self.record.endings.append(ending)
        return ending, kernel.state

    def _engine_on(self, writer: Writer, kernel: Kernel) -> Engine:
        server_time = ServerTime(self._config.broker.zone)
        world = World(
            writer, Mt5Gateway(self._line, self._config.broker.account), self._clock, server_time
        )
        writer.run = f"20231002-{base32(self._process, 7)}"
        engine = Engine(
            config=self._config,
            run=writer.run,
            manifest=_manifest(self._config),
            kernel=kernel,
            world=world,
        )
        self._clock.stop = engine.stop
        return engine

    def _calm(self) -> None:
        if self._broker.armed:
            self._calm_process = self._process
            self.record.visits.update(struck(self._line, self._broker, self._clock))
        self._broker.calm()
        self._line.calm()

    # --- what the wrappers tell

    def _interfere(self, operation: str, number: int) -> str:
        for item in self._plan.troubles:
            if (
                isinstance(item, DiskTrouble)
                and self._broker.armed
                and (item.operation, item.number) == (operation, number)
            ):
                self._broker.struck.append(item)
                return item.manner
        return ""

    def _note_sending(self, key: str) -> None:
        assert self._writer is not None
        self.record.sent.append(
            SentAt(
                key=key,
                process=self._process,
                seq=self._writer.next_seq - 1,
                durable=_durable(self._disk, key),
                disk_failed=self._disk.failed,
            )
        )


def _manifest(config: Config) -> RunStarted:
    settings, config_hash = canonical(config)
    return RunStarted(
        "0", "simulated", settings, config_hash, "", "", "", 0, warmup_of(config), SYMBOL, ""
    )


def _durable(disk: Disk, key: str) -> bool:
    """Tell whether the intent of a key would survive a power cut at this moment."""
    mark = f'"key":"{key}"'.encode()
    return any(
        b'"OrderIntended"' in line and mark in line
        for data in disk.durable(JOURNAL / "tail")
        for line in reversed(data.splitlines())
    )
