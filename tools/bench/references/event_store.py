"""The PyPI library `eventsourcing` on SQLite, used as its tutorial does: aggregates and `save`.

Its settings are its own: SQLite in write-ahead mode with a sync at each commit, JSON, no cache.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate

from journal.envelope import AnyEvent
from tools.bench.corpus import events
from tools.bench.rows import Round, Sample, Setting


class Account(Aggregate):  # type: ignore[misc] # the library is not in the lock that mypy runs with
    """An account whose events are the demo's. It only counts them and sums up the deals' money:
    less than our projections do."""

    def __init__(self) -> None:
        self.seen = 0
        self.balance = 0.0

    def record(self, event: AnyEvent) -> None:
        """Trigger an event with a journal event's type and fields."""
        self.trigger_event(self.Recorded, kind=event.type, data=msgspec.to_builtins(event.data))

    class Recorded(Aggregate.Event):  # type: ignore[misc] # the same
        """Something happened on the account."""

        kind: str
        data: dict[str, Any]

        def apply(self, aggregate: Account) -> None:
            """Fold the event in."""
            aggregate.seen += 1
            if self.kind == "DealRecorded":
                aggregate.balance += self.data["profit"] + self.data["commission"]


def save_singly(setting: Setting) -> Round:
    """Save after each event."""
    return _saving(setting, 1)


def save_by_hundred(setting: Setting) -> Round:
    """Save after each hundred events."""
    return _saving(setting, 100)


def _saving(setting: Setting, batch: int) -> Round:
    todo = events(setting, setting.size + 1)[1:]
    numbers = count()

    def run() -> Sample:
        store = _open(Path(setting.folder) / f"{next(numbers)}.sqlite")
        account = Account()
        store.save(account)
        begun = perf_counter()
        for number, event in enumerate(todo, 1):
            account.record(event)
            if number % batch == 0:
                store.save(account)
        store.save(account)
        took = perf_counter() - begun
        store.close()
        return {"rate": len(todo) / took}

    return run


def replay(setting: Setting) -> Round:
    """Rebuild an account from its stored events."""
    todo = events(setting, setting.size)
    store = _open(Path(setting.folder) / "replay.sqlite")
    account = Account()
    for number, event in enumerate(todo, 1):
        account.record(event)
        if number % 1000 == 0:
            store.save(account)
    store.save(account)

    def run() -> Sample:
        begun, busy = perf_counter(), process_time()
        again = store.repository.get(account.id)
        took, worked = perf_counter() - begun, process_time() - busy
        assert again.seen == len(todo)
        return {"rate": len(todo) / took, "worked": len(todo) / worked}

    return run


def _open(path: Path) -> Any:
    return Application(
        env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)}
    )
