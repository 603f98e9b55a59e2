"""Replaying a recorded journal: every decision is computed again from the recorded inputs with
today's code."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from engine.kernel import Kernel
from journal import codec, read
from journal.envelope import AnyEvent
from journal.events import Role, RunEnded
from projections.state import digest

PROGRESS_EVERY = 8192


class Divergence(msgspec.Struct, frozen=True):
    """The first event in which a replay differs from the record; both as canonical JSON, empty
    where there is none."""

    seq: int
    reason: str
    recorded: str
    computed: str


class ReplayReport(msgspec.Struct, frozen=True):
    """The result of a replay.

    digest           of all projections at the end, as recomputed; before `RunEnded` where that is
                     the last input
    recorded_digest  the one that the last `RunEnded` recorded, empty when the last run has not
                     ended
    unfinished       decisions still to come of the last input: a run that goes on, or was killed in
                     a step
    """

    events: int
    inputs: int
    decisions: int
    digest: str
    recorded_digest: str
    unfinished: int
    divergence: Divergence | None

    @property
    def agrees(self) -> bool:
        """Whether the replay decided exactly what was recorded."""
        return self.divergence is None


class Replay:
    """Feeds recorded events to a kernel and holds its decisions against the recorded ones, byte
    for byte."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.events = self.inputs = self.decisions = 0
        self.recorded_digest = ""
        self._digest_at_end = ""
        self._expected: deque[AnyEvent] = deque()

    def take(self, event: AnyEvent) -> Divergence | None:
        """Take in the next recorded event; return the divergence that it shows, if any."""
        self.events += 1
        role = event.data.ROLE
        if role is Role.NOTE:
            return None
        if role is Role.DECISION:
            self.decisions += 1
            return self._compare(event)
        self.inputs += 1
        if self._expected:
            return Divergence(
                event.seq,
                "a decision is missing in the record",
                _text(event),
                _text(self._expected[0]),
            )
        self.recorded_digest = self._digest_at_end = ""
        if isinstance(event.data, RunEnded):
            self.recorded_digest = event.data.digest
            computed = self._digest_at_end = digest(self.kernel.state)
            if computed != event.data.digest:
                return Divergence(
                    event.seq, "the projections' digest differs", event.data.digest, computed
                )
        self._expected.extend(self.kernel.step(event))
        return None

    def report(self, divergence: Divergence | None) -> ReplayReport:
        """Sum up."""
        return ReplayReport(
            events=self.events,
            inputs=self.inputs,
            decisions=self.decisions,
            digest=self._digest_at_end or digest(self.kernel.state),
            recorded_digest=self.recorded_digest,
            unfinished=len(self._expected),
            divergence=divergence,
        )

    def _compare(self, recorded: AnyEvent) -> Divergence | None:
        if not self._expected:
            return Divergence(
                recorded.seq, "today's code decides nothing here", _text(recorded), ""
            )
        computed = self._expected.popleft()
        if codec.encode(computed) == codec.encode(recorded):
            return None
        return Divergence(
            recorded.seq, "today's code decides otherwise", _text(recorded), _text(computed)
        )


def replay(
    events: Iterable[AnyEvent], progress: Callable[[int], None] | None = None
) -> ReplayReport:
    """Replay events from the journal's beginning until the first divergence."""
    run = Replay()
    divergence: Divergence | None = None
    for event in events:
        divergence = run.take(event)
        if divergence is not None:
            break
        if progress is not None and run.events % PROGRESS_EVERY == 0:
            progress(run.events)
    return run.report(divergence)


def verify_session(directory: Path, progress: Callable[[int], None] | None = None) -> ReplayReport:
    """Replay the journal in `directory`, checking its chain on the way. Raises JournalError."""
    return replay(read(directory), progress)


def _text(event: AnyEvent) -> str:
    return codec.encode(event).decode() + "}"
