"""Where commands wait until the loop, which alone may touch kernel and journal, takes them between
two turns. It is bounded, and nobody waits in it unnoticed."""

from __future__ import annotations

from collections import deque

import anyio

from engine.ops.commands import Answer, Command, LookAtSwitch
from journal.errors import UsageError

ROOM = 16
"""Commands that may wait; an operator has one at a time."""


class Errand:
    """A command that waits for its answer."""

    def __init__(self, command: Command | LookAtSwitch) -> None:
        self.command = command
        self._settled = anyio.Event()
        self._answer: Answer | None = None

    def settle(self, answer: Answer) -> None:
        """Answer it."""
        self._answer = answer
        self._settled.set()

    async def answer(self) -> Answer:
        """Wait for the answer and return it."""
        await self._settled.wait()
        assert self._answer is not None
        return self._answer


class Inbox:
    """Commands that nobody has taken yet, oldest first. For one thread."""

    def __init__(self) -> None:
        self.waiting: deque[Errand] = deque()

    def put(self, command: Command | LookAtSwitch) -> Errand:
        """Let a command wait. Raises UsageError when too many do."""
        if len(self.waiting) >= ROOM:
            raise UsageError(f"{ROOM} commands wait already; the engine is busy. Ask again later")
        errand = Errand(command)
        self.waiting.append(errand)
        return errand
