"""The loop's ear for operators: takes commands out of the inbox between two turns and has them
obeyed. It never sends anything: what a command leads to is the kernel's to decide."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from engine.config import Config
from engine.ops.commands import (
    Answer,
    Command,
    LookAtSwitch,
    ReconcileAccount,
    ResumeTrading,
    StopEngine,
)
from engine.ops.inbox import Errand, Inbox
from engine.ops.obey import (
    Deals,
    answer,
    note_reconcile,
    note_stop,
    note_thrown,
    obey,
    said_of,
    still_blocked,
)
from engine.ops.switch import Switch
from engine.reconciler import Reconciler
from engine.recorder import Recorder
from journal.errors import BrokerError, JournalError, UsageError


@dataclass(frozen=True, slots=True)
class Doors:
    """What an operator reaches a run by.

    deals  reads recorded deals out of the journal
    """

    inbox: Inbox
    switch: Switch
    deals: Deals


class Operator:
    """Obeys, for one run.

    waiting  what nobody has heard yet; the loop looks whether it is empty
    """

    def __init__(
        self,
        doors: Doors,
        recorder: Recorder,
        reconciler: Reconciler,
        config: Config,
        stop: Callable[[str], None],
    ) -> None:
        self._doors, self._recorder, self._reconciler = doors, recorder, reconciler
        self._config, self._stop = config, stop
        self.waiting: Collection[Errand] = doors.inbox.waiting

    def look_at_switch(self) -> None:
        """Record that the switch is thrown, if it is: a start must know before anything is sent."""
        note_thrown(self._recorder, self._doors.switch)

    async def hear(self) -> None:
        """Obey what waits, in order. Raises JournalHalted, and CallFailed when the terminal is
        lost."""
        waiting = self._doors.inbox.waiting
        while waiting:
            errand = waiting.popleft()
            try:
                answered = await self._obey(errand.command)
            except UsageError as refusal:
                answered = Answer(done=False, text=str(refusal))
            except (BrokerError, JournalError) as error:
                errand.settle(Answer(done=False, text=str(error)))
                raise
            errand.settle(answered)

    async def _obey(self, command: Command | LookAtSwitch) -> Answer:
        recorder = self._recorder
        match command:
            case StopEngine():
                note_stop(recorder, command)
                why = f": {command.reason}" if command.reason else ""
                self._stop(f"stopped by {command.by}{why}")
                return answer(recorder.state, "stopping")
            case ReconcileAccount():
                return await self._reconcile(command)
            case ResumeTrading():
                return await self._resume(command)
            case LookAtSwitch():
                self.look_at_switch()
                recorder.commit()
                return answer(recorder.state, "looked")
            case _:
                return self._record(command)

    def _record(self, command: Command) -> Answer:
        doors = self._doors
        return obey(command, self._recorder, self._config, doors.switch, doors.deals)

    async def _resume(self, command: ResumeTrading) -> Answer:
        """Resume, and look at once whether what halted it is mended."""
        recorder = self._recorder
        answered = self._record(command)
        if not recorder.state.run.connected:  # the next connection looks
            return answered
        try:
            await self._reconciler.reconcile()
        except BrokerError as error:  # the next turn meets it, too
            return answer(recorder.state, f"resumed; but {error}")
        recorder.commit()
        run = recorder.state.run
        again = f"resumed, and {said_of(run)} again{still_blocked(recorder.state)}"
        text = again if run.halt_rule else answered.text
        return answer(recorder.state, text)

    async def _reconcile(self, command: ReconcileAccount) -> Answer:
        recorder = self._recorder
        if not recorder.state.run.connected:
            raise UsageError("the terminal is not connected: there is nothing to compare with now")
        note_reconcile(recorder, command)
        audit = await self._reconciler.audit(
            command.since_msc, command.since_s, dry_run=command.dry_run, running=True
        )
        recorder.commit()
        left = len(audit.remaining)
        text = f"{left} discrepancies" if left else "journal and broker agree"
        return msgspec.structs.replace(answer(recorder.state, text), audit=audit)
