"""One session: processes of the engine, one after the other, on one journal and one account.

Trouble first, then calm: the running process has to find its feet by itself, and every start after
it. What must hold in the end is in `invariants`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio

from engine.broker.mt5 import Mt5Gateway
from engine.broker.server_time import ServerTime
from engine.execution.differences import Name
from engine.execution.intents import base32
from engine.kernel import Kernel
from engine.ops.inbox import Inbox
from engine.ops.obey import obey
from engine.ops.operator import Doors
from engine.recorder import Recorder
from engine.recovery import rebuild
from engine.runtime import Engine, World
from journal import Limits, Writer, read
from journal.envelope import AnyEvent
from journal.errors import BrokerError, JournalError, JournalHalted
from journal.events import DealRecorded, DiscrepancyFound, TradingResumed
from projections.state import State
from tools.simulation.agreement import disagreements
from tools.simulation.broker import Broker
from tools.simulation.disk import Died, Disk
from tools.simulation.line import Clock, Line
from tools.simulation.operators import BY, COMMANDS, MemorySwitch, answers
from tools.simulation.plan import DiskTrouble, Plan, dice
from tools.simulation.settings import config_of, manifest_of
from tools.simulation.visits import met, struck, went_on

JOURNAL = Path("journal")
QUIET = 25
"""Bars that the engine has, after the last trouble, to agree with the broker by itself."""
AGAIN = 15
"""Bars of each start after that."""
SOON = 150
"""Bars within which it has to trade after that; when it has halted, after an operator has lifted
it."""
MOST_STARTS = 60
"""Processes of one session. Every trouble ends at most one."""


@dataclass(frozen=True)
class SentAt:
    """A sending, as the process saw it.

    key           of the order; empty for what alters something
    opens         whether it may bring new risk
    switched_off  whether the operator's switch was thrown
    stranger      the position or order that it touches and that somebody else brought there, 0 for
                  none
    """

    key: str
    symbol: str
    opens: bool
    process: int
    seq: int
    durable: bool
    disk_failed: bool
    switched_off: bool
    stranger: int


@dataclass
class Record:
    """What is known of a session at its end.

    sent      every sending, in order
    endings   how its processes ended
    state     of the last process
    second_start  sequence after which the last process began
    problems  what was wrong while it ran
    visits    what was met
    journal   its folder
    former    the same of an older journal, when the broker began the account anew: its events and
              what was sent
    """

    plan: Plan
    broker: Broker
    disk: Disk
    journal: Path = JOURNAL
    former: Record | None = None
    sent: list[SentAt] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    state: State | None = None
    events: list[AnyEvent] = field(default_factory=list)
    second_start: int = 0
    problems: list[str] = field(default_factory=list)
    visits: Counter[str] = field(default_factory=Counter)


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
        self._line.now = self._clock.seconds
        self._switch = MemorySwitch(JOURNAL)
        self._inbox: Inbox | None = None
        self._broker.command = self._command
        self._writer: Writer | None = None
        self._kernel = Kernel()
        self._process = 0
        self._placed = 0
        self._struck: list[str] = []
        self.record = Record(plan, self._broker, self._disk)

    def run(self) -> Record:
        """Play the session to its end."""
        anyio.run(self._play)
        self._disk.begin()
        self.record.events = self._events()
        self.record.visits.update(met(self.record.events, self.record.endings))
        return self.record

    async def _play(self) -> None:
        record = self.record
        self._clock.end = self._plan.bars + QUIET
        self._clock.further = self._found_its_feet
        while self._broker.step < self._clock.end:
            await self._live()
            if self._process >= MOST_STARTS:
                record.problems.append(f"{MOST_STARTS} starts and no end: {record.endings[-5:]}")
                return
            for _ in range(self._chance.randint(0, self._plan.away)):
                self._clock.pass_minute()
        self._calm()
        if self._broker.reset:
            self._begin_anew()
        if self._has_traded("without a restart"):
            record.visits.update(went_on(name) for name in self._struck)
        for _ in range(2):
            self._clock.end = self._broker.step + AGAIN
            record.second_start = self._writer.next_seq - 1 if self._writer else 0
            ending = await self._live()
            if ending != "data ended":
                record.problems.append(f"started in the calm, it ended: {ending}")
        self._set_right()
        self._clock.end = self._broker.step + self._expect_trade()
        await self._live()
        self._has_traded("after a restart")
        record.state = self._kernel.state

    def _begin_anew(self) -> None:
        """Be the operator of an account that the broker has begun anew: a new journal for it."""
        record = self.record
        self._disk.begin()
        record.former = replace(record, events=self._events(), sent=list(record.sent))
        if not self._kernel.state.run.halt_rule and not _told(record.former.events):
            record.problems.append("it goes on although the account was begun anew")
        record.visits.update(met(record.former.events, ()))
        record.journal = Path("journal of the new account")
        record.sent.clear()
        self._broker.forget()
        self._switch.clear()
        self._writer = None

    def _events(self) -> list[AnyEvent]:
        return list(read(self.record.journal, fs=self._disk))

    def _found_its_feet(self) -> int:
        """Hold the engine, which runs, against the broker. What has not halted has to trade, too,
        with no more help than this: return the bars that it has for it."""
        state, broker = self._kernel.state, self._broker
        if broker.reset:
            return 0  # it knows another account than there is
        self.record.problems += [
            f"without a restart: {problem}"
            for problem in disagreements(state, broker.book, asked=broker.nameless())
        ]
        return 0 if state.run.halt_rule or self._switch.thrown() else self._expect_trade()

    def _expect_trade(self) -> int:
        """Take out of the way what might stay for ever; return the bars that may pass now before
        the engine trades."""
        broker = self._broker
        broker.clear_up()
        self._placed = placed = broker.placed() + 1
        self._clock.until = lambda: broker.placed() >= placed
        return SOON

    def _has_traded(self, how: str) -> bool:
        """Whether it has; it is a problem when it was expected to and has not."""
        if not self._placed:
            return False
        if self._broker.placed() < self._placed:
            self.record.problems.append(
                f"no order in {SOON} bars of calm, {how}; it ended: {self.record.endings[-1]}"
            )
            return False
        self._placed = 0
        self.record.visits[f"outcome: trades again {how}"] += 1
        return True

    def _set_right(self) -> None:
        """Be the operator who has looked and has asked the broker, while no engine runs."""
        self._disk.begin()
        if not any(answers(self._kernel.state, self._broker, self._switch)):
            return
        kernel = Kernel()
        with Writer.open(self.record.journal, run="", fs=self._disk, seal=False) as writer:
            missing = rebuild(kernel, self._events())
            book = Recorder(writer, kernel, self._clock, kernel.state.run.id)
            book.begin(missing)
            for command in answers(kernel.state, self._broker, self._switch):
                obey(command, book, self._config, self._switch, self._deals)

    def _command(self, what: str) -> None:
        """Let an operator tell the running engine something; one that is dead hears nothing."""
        if what == "halt file":
            self._switch.throw(BY, "made by hand")
        if self._inbox is not None:
            self._inbox.put(COMMANDS[what])

    def _deals(self, after: int) -> Iterator[DealRecorded]:
        journal = self.record.journal
        for event in read(journal, fs=self._disk, after=after, types={"DealRecorded"}):
            assert isinstance(event.data, DealRecorded)
            yield event.data

    # --- one process

    async def _live(self) -> str:
        """Be one process of the engine; return how it ended."""
        self._process += 1
        self._disk.begin()
        self._clock.begin(self._chance.uniform(30.0, 59.0))
        kernel = self._kernel = Kernel()
        try:
            with Writer.open(
                self.record.journal,
                run="",
                fs=self._disk,
                limits=Limits(batch=self._plan.batch, delay_ns=10**15),
                seal=False,
            ) as writer:
                self._writer = writer
                missing = rebuild(kernel, read(self.record.journal, fs=self._disk))
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
            ending = f"did not start: {error.strerror}"
        self._inbox = None
        if self._plan.found == "leave" and self._broker.strangers():
            self.record.visits["outcome: found position left"] += 1
        self.record.endings.append(ending)
        return ending

    def _engine_on(self, writer: Writer, kernel: Kernel) -> Engine:
        server_time = ServerTime(self._config.broker.zone)
        self._inbox = Inbox()
        world = World(
            journal=writer,
            gateway=Mt5Gateway(self._line, self._config.broker.account),
            clock=self._clock,
            server_time=server_time,
            doors=Doors(self._inbox, self._switch, self._deals),
        )
        writer.run = f"20231002-{base32(self._process, 7)}"
        engine = Engine(
            config=self._config,
            run=writer.run,
            manifest=manifest_of(self._config),
            kernel=kernel,
            world=world,
        )
        self._clock.stop = engine.stop
        return engine

    def _calm(self) -> None:
        if self._broker.armed:
            self._struck = list(struck(self._line, self._broker, self._clock))
            self.record.visits.update(self._struck)
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

    def _note_sending(self, key: str, request: dict[str, Any]) -> None:
        assert self._writer is not None
        ticket = request.get("position") or request.get("order", 0)
        newest = self._writer.next_seq - 1
        self.record.sent.append(
            SentAt(
                key=key,
                symbol=request.get("symbol") or self._broker.symbol_of(ticket),
                opens=bool(key) and "position" not in request,
                process=self._process,
                seq=newest,
                durable=_durable(self._disk, self.record.journal, newest),
                disk_failed=self._disk.failed,
                switched_off=self._switch.thrown(),
                stranger=self._broker.stranger(request),
            )
        )


def _told(events: list[AnyEvent]) -> bool:
    """Whether an operator has let it go on after it said that tickets are used again: that is his
    to do."""
    said = False
    for event in events:
        match event.data:
            case DiscrepancyFound(name=Name.TICKET_REUSED):
                said = True
            case TradingResumed() if said:
                return True
    return False


def _durable(disk: Disk, journal: Path, seq: int) -> bool:
    """Tell whether an event would survive a power cut at this moment."""
    begins = f'{{"seq":{seq},'.encode()
    return any(begins in data for data in disk.durable(journal / "tail"))
