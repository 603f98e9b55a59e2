"""A large sealed journal: the demo's events over and over, each time with new times, tickets and
keys. It is not the record of a run, and cannot be replayed with its decisions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec

from engine.execution.intents import CODE_LENGTH, base32
from journal import Limits, Writer, read
from journal.envelope import AnyEvent
from journal.events import BarClosed, DealRecorded, Payload
from journal.seal import SealLimits, seal
from tools.bench.corpus import events
from tools.bench.rows import Round, Sample, Setting

WHOLE = 1 << 62
SEGMENTS = 20
"""At least so many, and none of more than 50,000 events."""

_SECONDS = {"time"}
_MILLISECONDS = {"time_msc", "server_msc"}
_TICKETS = {"ticket", "order", "deal", "position_id"}
_KEYS = {"key", "comment"}
_TICKET_STRIDE = 10_000_000
_ONCE = {
    "RunStarted",
    "RunEnded",
    "TerminalConnected",
    "SymbolSpecified",
    "ClockOffsetMeasured",
    "FeedCaughtUp",
    "BrokerSnapshotTaken",
}


def make(setting: Setting) -> Round:
    """Write and seal `size` events into the folder `sealed` beside the corpus."""

    def run() -> Sample:
        directory = Path(setting.folder) / "sealed"
        at_once = min(50_000, max(1, setting.size // SEGMENTS))
        limits = Limits(batch=at_once, file_events=at_once)
        with Writer.open(directory, run="", limits=limits, seal=False) as writer:
            for event in islice(repeated(events(setting, WHOLE)), setting.size):
                writer.append(event)
        made = seal(directory, limits=SealLimits(events=at_once))
        return {"events": setting.size, "segments": len(made)}

    return run


def repeated(once: list[AnyEvent]) -> Iterator[AnyEvent]:
    """Yield the events again and again, as if the market and the account had gone on."""
    yield from once
    seq = len(once)
    span = _span(once)
    again = [event for event in once if event.type not in _ONCE and not _is_deposit(event.data)]
    for number in count(1):
        moved: dict[int, int] = {}
        for event in again:
            seq += 1
            moved[event.seq] = seq
            yield _shifted(event, seq, moved.get(event.cause, 0), number, span)


def _shifted(event: AnyEvent, seq: int, cause: int, number: int, span: int) -> AnyEvent:
    return msgspec.structs.replace(
        event,
        seq=seq,
        ts=event.ts + number * span * 1_000_000_000,
        cause=cause,
        corr=_key(event.corr, event.run, number),
        data=_moved(event, number, span),
    )


def _moved(event: AnyEvent, number: int, span: int) -> Payload:
    changes: dict[str, Any] = {}
    for name in event.data.__struct_fields__:
        value = getattr(event.data, name)
        if name in _SECONDS:
            changes[name] = value + number * span
        elif name in _MILLISECONDS:
            changes[name] = value + number * span * 1000
        elif name in _TICKETS and value:
            changes[name] = value + number * _TICKET_STRIDE
        elif name in _KEYS:
            changes[name] = _key(value, event.run, number)
    return msgspec.structs.replace(event.data, **changes)


def _key(text: str, run: str, number: int) -> str:
    """Give an order key the code of another run; leave any other text alone."""
    if not text or text[:CODE_LENGTH] != run[-CODE_LENGTH:]:
        return text
    return base32(number, CODE_LENGTH) + text[CODE_LENGTH:]


def _is_deposit(data: Payload) -> bool:
    return isinstance(data, DealRecorded) and not data.position_id


def _span(once: list[AnyEvent]) -> int:
    """Return whole weeks of seconds that the bars take."""
    times = [event.data.time for event in once if isinstance(event.data, BarClosed)]
    week = 7 * 86_400
    return ((times[-1] - times[0]) // week + 1) * week


def some_key(directory: Path) -> str:
    """Return the key of an order in the middle of the journal."""
    intents = read(directory, types={"OrderIntended"}, verify=False)
    keys = [event.corr for event in intents]
    return keys[len(keys) // 2]
