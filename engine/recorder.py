"""Where the kernel and the journal meet: every input and every decision is appended before anybody
acts on it.

There is one recorder a run, and nothing else appends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.clock import Clock
from engine.kernel import Kernel
from journal.envelope import AnyEvent, stamp, stamp_all
from journal.events import BarClosed, JournalRecovered, OrderVetoed, Payload
from projections.state import State


class Journal(Protocol):
    """What a run needs of the journal's writer."""

    next_seq: int
    recovered: list[JournalRecovered]

    @property
    def head(self) -> bytes:
        """The hash of the last appended event."""

    def append(self, event: AnyEvent) -> None:
        """Add an event behind the last one."""

    def append_all(self, events: Sequence[AnyEvent]) -> None:
        """Add events one behind the other, all of them or none."""

    def commit(self) -> None:
        """Return when everything appended is durable."""

    def commit_if_due(self) -> None:
        """Commit when the oldest uncommitted event has waited long enough."""


class Memory(Protocol):
    """Keeps what the kernel knows, so that the next start need not fold the whole journal."""

    def due(self, seq: int) -> bool:
        """Tell whether it is time to keep it again."""

    def save(self, kernel: Kernel, head: bytes) -> None:
        """Keep what the kernel knows at the journal's head, all of it durable."""


class Recorder:
    """One run's hold on journal and kernel.

    state    what the projections say now
    decided  decisions that nobody has carried out yet, oldest first
    """

    def __init__(self, journal: Journal, kernel: Kernel, clock: Clock, run: str) -> None:
        self._journal, self._kernel, self._clock, self._run = journal, kernel, clock, run
        self.state: State = kernel.state
        self.decided: deque[AnyEvent] = deque()
        self._step = kernel.step
        self.commit = journal.commit
        self.commit_if_due = journal.commit_if_due

    def record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        """Append an input, let the kernel decide, append what it decided."""
        journal = self._journal
        event = stamp(data, journal.next_seq, self._clock.now_ns(), self._run, cause, corr)
        journal.append(event)
        decisions = self._step(event)
        if decisions:
            self._append_decisions(decisions)

    def record_bars(self, bars: Sequence[BarClosed], moments: Iterable[int]) -> int:
        """Record bars of one series, at least one, as they closed at these moments (nanoseconds
        UTC), up to the first on which the kernel decides something; return how many."""
        journal = self._journal
        events = stamp_all(bars, journal.next_seq, moments, self._run)
        count, decisions = self._kernel.step_bars(events)
        journal.append_all(events[:count])
        if decisions:
            self._append_decisions(decisions)
        return count

    def _append_decisions(self, decisions: list[AnyEvent]) -> None:
        append = self._journal.append
        for decision in decisions:
            append(decision)
        if type(decisions[-1].data) is OrderVetoed:  # proposed and refused at once, as a rule
            refused = {one.corr for one in decisions if type(one.data) is OrderVetoed}
            decisions = [one for one in decisions if one.corr not in refused]
        self.decided += decisions

    def begin(self, missing: list[AnyEvent]) -> None:
        """Append what a crash cut off the journal's last step, and what its recovery found."""
        for decision in missing:
            self._journal.append(decision)
        for note in self._journal.recovered:
            now = self._clock.now_ns()
            self._journal.append(stamp(note, self._journal.next_seq, now, self._run))

    def remember(self, memory: Memory) -> None:
        """Keep what the kernel knows; everything appended becomes durable first."""
        self._journal.commit()
        memory.save(self._kernel, self._journal.head)
