"""Follow a journal from what is sealed into the tail and on to whatever is written next.

There is no gap and no duplicate. It polls the files, so it works from any process and never holds
up the writer. An event is seen as soon as it is written; who acts on the world waits until it is
durable (`durable`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from pathlib import Path

from journal.codec import decode, type_of
from journal.cursor import Cursor
from journal.envelope import AnyEvent
from journal.fs import OS_FS, Fs

INTERVAL_S = 0.05


class Subscription:
    """A place in a journal that moves on with every `poll`."""

    def __init__(
        self,
        directory: Path,
        *,
        after: int = 0,
        types: Collection[str] | None = None,
        durable: Callable[[], int] | None = None,
        fs: Fs = OS_FS,
    ) -> None:
        """Start behind `after`.

        types    only events of these types
        durable  gives the last durable sequence (`Writer.durable_seq`): nothing beyond is seen
        Raises JournalMissing.
        """
        self._cursor = Cursor(fs, directory, after)
        self._types = types
        self._durable = durable

    @property
    def position(self) -> int:
        """The last sequence looked at: subscribe `after` this one to go on in another process."""
        return self._cursor.next_seq - 1

    def poll(self) -> Iterator[AnyEvent]:
        """Yield what there is now. Raises JournalCorrupt, UndecodableEvent."""
        until = self._durable() if self._durable else None
        for _, bodies, _ in self._cursor.blocks(until):
            for body in bodies:
                if self._types is None or type_of(body) in self._types:
                    yield decode(body)


def subscribe(
    directory: Path,
    *,
    after: int = 0,
    types: Collection[str] | None = None,
    wait: Callable[[], bool] | None = None,
    fs: Fs = OS_FS,
) -> Iterator[AnyEvent]:
    """Yield events for ever: all after a sequence, then each new one.

    wait  called when there is nothing new; ends the iteration when it returns False
    """
    subscription = Subscription(directory, after=after, types=types, fs=fs)
    pause = wait or _pause
    while True:
        yield from subscription.poll()
        if not pause():
            return


async def asubscribe(
    directory: Path,
    *,
    after: int = 0,
    types: Collection[str] | None = None,
    durable: Callable[[], int] | None = None,
    interval_s: float = INTERVAL_S,
    fs: Fs = OS_FS,
) -> AsyncIterator[AnyEvent]:
    """Yield events for ever, as `subscribe` does, and leave the event loop free between polls."""
    from anyio import sleep  # noqa: PLC0415 (only here, and it takes longer to load than the rest)

    subscription = Subscription(directory, after=after, types=types, durable=durable, fs=fs)
    while True:
        for event in subscription.poll():
            yield event
        await sleep(interval_s)


def _pause() -> bool:
    time.sleep(INTERVAL_S)
    return True
