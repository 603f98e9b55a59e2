"""The engine's side of the worker process: starts it, times every call from outside, kills it when
a deadline passes, and lets no call through to an account that was not identified.

It never sends a call twice. What was perhaps carried out comes back as a `CallFailed` whose code
says so (`engine.broker.calls.Fault`).
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
import anyio.abc
from loguru import logger

from engine.broker.calls import Answer, CallRaised
from engine.broker.fault import Fault
from engine.broker.gateway import CallFailed, WrongAccount
from engine.broker.identity import check_identity
from engine.broker.messages import Link
from engine.config import Account

QUEUE = 64
"""Calls that may wait for the worker; the engine itself never has more than a few."""
STDERR_LINES, STDERR_LIMIT = 20, 4096
"""Last lines and bytes of the worker's standard error that are kept for an error message."""
GRACE_S = 5.0
"""Seconds that a worker's last bytes have to arrive after its end, or its end after them."""
STABLE_S = 60.0
"""Seconds in service after which a failure counts as the first one."""

ALWAYS = frozenset({"shutdown", "version", "last_error"})
"""Functions that touch no account: let through before it is identified."""
CONNECTING = frozenset({"initialize", "login"})
"""Functions after which the account may be another one."""
SLOW = ("copy_", "history_")
"""What may make the terminal download before it answers."""

_LOST = (
    OSError,  # TimeoutError is one
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)
"""What a pipe or a deadline raises when no reply comes any more."""


class Pause(Protocol):
    """The supervisor's own time; tests give one that does not pass."""

    def now(self) -> float:
        """Return seconds that never run backwards."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


class RealPause:
    """Time as the event loop has it."""

    def now(self) -> float:
        """Return the event loop's seconds."""
        return anyio.current_time()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await anyio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Launch:
    """How the worker is started: a program with its arguments, and its whole environment."""

    command: Sequence[str]
    env: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that the worker has: to start, to answer, to answer about history, to initialise, to
    end by itself."""

    start: float = 60.0
    call: float = 30.0
    history: float = 120.0
    initialize: float = 180.0
    stop: float = GRACE_S

    def of(self, function: str) -> float:
        """Return the seconds that a function may take."""
        if function in CONNECTING:
            return self.initialize
        return self.history if function.startswith(SLOW) else self.call


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between a failure and the next start: `first`, doubled each time up to `longest`."""

    first: float = 1.0
    longest: float = 60.0

    def after(self, failures: int) -> float:
        """Return the wait after so many failures in a row."""
        if failures == 0:
            return 0.0
        return min(self.first * 2.0 ** min(failures - 1, 32), self.longest)


@dataclass(slots=True)
class _Running:
    """One worker process, from its start to its end."""

    process: anyio.abc.Process
    link: Link
    started: float
    stderr: deque[str] = field(default_factory=lambda: deque(maxlen=STDERR_LINES))
    waiting: anyio.CancelScope | None = None

    @property
    def gone(self) -> bool:
        return self.process.returncode is not None

    def last_words(self) -> str:
        words = self.stderr[-1] if self.stderr else "it said nothing"
        return f"exit code {self.process.returncode}; {words}"


@asynccontextmanager
async def supervise(
    launch: Launch,
    account: Account | None,
    *,
    deadlines: Deadlines = Deadlines(),
    backoff: Backoff = Backoff(),
    pause: Pause | None = None,
) -> AsyncIterator[Supervisor]:
    """Hold a worker for as long as the block lasts; it is started by the first `initialize`.

    account  that must be behind the terminal at every connection; None lets every call through
             (doctor and conformance look at terminals that are not yet right)
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        time = pause if pause is not None else RealPause()
        supervisor = Supervisor(launch, account, deadlines, backoff, time, tasks)
        try:
            yield supervisor
        except Exception as error:  # noqa: BLE001 # raised again below: a task group would wrap it
            failure = error
        finally:
            with anyio.CancelScope(shield=True):
                await supervisor.stop()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


class Supervisor:
    """Calls over a worker process; made by `supervise`."""

    def __init__(
        self,
        launch: Launch,
        account: Account | None,
        deadlines: Deadlines,
        backoff: Backoff,
        pause: Pause,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        self._launch = launch
        self._account = account
        self._deadlines = deadlines
        self._backoff = backoff
        self._pause = pause
        self._tasks = tasks
        self._turn = anyio.Lock(fast_acquire=True)
        self._queued = 0
        self._worker: _Running | None = None
        self._identified = False
        self._failures = 0
        self._failed_at = 0.0
        self.starts = 0

    @property
    def pid(self) -> int:
        """The worker's process, 0 while there is none."""
        return self._worker.process.pid if self._worker is not None else 0

    @property
    def alive(self) -> bool:
        """Whether a worker's process runs, as far as the event loop has heard."""
        return self._worker is not None and not self._worker.gone

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function; `None` and `False` raise CallFailed, as everything that went wrong."""
        answer = await self.ask(function, *args, **kwargs)
        if answer.value is None or answer.value is False:
            raise CallFailed(function, answer.code, answer.text)
        return answer.value

    async def ask(self, function: str, *args: Any, **kwargs: Any) -> Answer:
        """Call a function and return the bare answer, in turn with all other calls."""
        if self._queued >= QUEUE:
            raise CallFailed(
                function,
                Fault.NOT_RUNNING,
                f"{QUEUE} calls wait for the worker already; nothing was sent",
            )
        self._queued += 1
        try:
            async with self._turn:
                if function in CONNECTING or self._account is None:
                    return await self._connect(function, args, kwargs)
                if not self._identified and function not in ALWAYS:
                    raise CallFailed(
                        function,
                        Fault.NOT_RUNNING,
                        "the worker was not (again) initialised; nothing was sent",
                    )
                return await self._exchange(function, args, kwargs)
        finally:
            self._queued -= 1

    async def stop(self) -> None:
        """End the worker: it is asked to by closing its input, and killed when it does not."""
        worker = self._worker
        if worker is None or worker.gone:
            return
        self._worker, self._identified = None, False
        assert worker.process.stdin is not None
        with anyio.move_on_after(self._deadlines.stop):
            await worker.process.stdin.aclose()
            await worker.process.wait()
        self._kill(worker)

    # --- connecting

    async def _connect(self, function: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Answer:
        """Carry out what may change the account, and let other calls through only to the pinned
        one."""
        self._identified = False
        await self._ensure_worker(function)
        answer = await self._exchange(function, args, kwargs)
        if self._account is None or not answer.value:
            return answer
        info = await self._exchange("account_info", (), {})
        if info.value is None:
            raise CallFailed("account_info", info.code, info.text)
        try:
            check_identity(info.value, self._account)
        except WrongAccount:
            await self._exchange("shutdown", (), {})
            raise
        self._identified = True
        return answer

    async def _ensure_worker(self, function: str) -> None:
        if self._worker is not None and not self._worker.gone:
            return
        if self._worker is not None:
            self._give_up(self._worker)
        wait = self._failed_at + self._backoff.after(self._failures) - self._pause.now()
        if self._failures and wait > 0.0:
            await self._pause.sleep(wait)
        self._worker = await self._start(function)

    async def _start(self, function: str) -> _Running:
        """Start a process and read its greeting."""
        self.starts += 1
        try:
            process = await _open_process(self._launch)
        except OSError as error:
            self._count_failure(0.0)
            program = self._launch.command[0]
            why = f"the worker's program {program} cannot be started: {error.strerror}"
            raise CallFailed(function, Fault.NOT_RUNNING, why) from error
        worker = _Running(process, Link(process), self._pause.now())
        self._tasks.start_soon(self._attend, worker)
        try:
            with anyio.fail_after(self._deadlines.start) as scope:
                worker.waiting = scope
                hello = await worker.link.greet()
        except (*_LOST, ValueError) as error:
            await self._bury(worker)
            why = f"the worker did not start ({worker.last_words()})"
            raise CallFailed(function, Fault.NOT_RUNNING, why) from error
        except anyio.get_cancelled_exc_class():
            self._give_up(worker)
            raise
        finally:
            worker.waiting = None
        if hello.problem:
            await self._bury(worker)
            raise CallFailed(
                function,
                Fault.NOT_RUNNING,
                f"the worker has no MetaTrader5 module: {hello.problem}",
            )
        return worker

    # --- one call

    async def _exchange(self, function: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Answer:
        """Write one request and read its reply, or say what is known of it."""
        worker = self._worker
        if worker is None or worker.gone:
            self._identified = False
            raise CallFailed(
                function, Fault.NOT_RUNNING, "the worker is not running; nothing was sent"
            )
        try:
            data = worker.link.encode(function, args, kwargs)
        except (TypeError, ValueError, OverflowError) as error:
            raise CallFailed(
                function, Fault.NOT_ALLOWED, f"cannot be sent to the worker: {error}"
            ) from error
        # From the first byte on the call may have its effect, whatever happens here.
        seconds = self._deadlines.of(function)
        try:
            with anyio.fail_after(seconds) as scope:
                worker.waiting = scope
                reply = await worker.link.exchange(data)
            value = worker.link.value(reply)
        except anyio.get_cancelled_exc_class():
            self._give_up(worker)  # its reply would be taken for the next call's
            raise
        except _LOST as error:
            raise await self._lost(worker, function, seconds) from error
        except (ValueError, TypeError, KeyError) as error:  # msgspec's are ValueErrors
            await self._bury(worker)
            raise CallFailed(function, Fault.GARBLED, f"the worker was killed: {error}") from error
        finally:
            worker.waiting = None
        if reply.kind == "refused":
            raise CallFailed(function, Fault.NOT_ALLOWED, reply.value)
        if reply.kind == "raised":
            raise CallRaised(function, reply.name, reply.value, reply.code)
        return Answer(value, reply.code, reply.text)

    async def _lost(self, worker: _Running, function: str, seconds: float) -> CallFailed:
        """End what is left of a worker that gave no reply, and return the error that says so."""
        stuck = not (worker.gone or worker.link.ended)
        if not stuck:
            with anyio.move_on_after(GRACE_S):
                await worker.process.wait()  # its pipe ends a moment before it does
        await self._bury(worker)
        if stuck:
            return CallFailed(
                function, Fault.STUCK, f"no answer within {seconds:g} s; the worker was killed"
            )
        return CallFailed(
            function, Fault.DIED, f"the worker ended during the call ({worker.last_words()})"
        )

    # --- the process

    async def _bury(self, worker: _Running) -> None:
        self._give_up(worker)
        with anyio.move_on_after(GRACE_S):
            await worker.process.wait()

    def _give_up(self, worker: _Running) -> None:
        """Kill a worker that cannot be trusted any more, and count it."""
        self._kill(worker)
        self._count_failure(self._pause.now() - worker.started)
        self._worker, self._identified = None, False

    def _count_failure(self, seconds_in_service: float) -> None:
        self._failures = 1 if seconds_in_service >= STABLE_S else self._failures + 1
        self._failed_at = self._pause.now()

    @staticmethod
    def _kill(worker: _Running) -> None:
        # The worker alone: a terminal that it started lives on, with its positions and its log-in.
        if not worker.gone:
            worker.process.kill()

    async def _attend(self, worker: _Running) -> None:
        """Wait for a process's end and let go of its pipes.

        A call that still waits then is cut short: the pipe may be held open by a program that
        inherited it.
        """
        async with worker.process, anyio.create_task_group() as tasks:
            tasks.start_soon(_listen, worker)
            await worker.process.wait()
            soon = anyio.current_time() + GRACE_S
            tasks.cancel_scope.deadline = soon
            if worker.waiting is not None:
                worker.waiting.deadline = min(worker.waiting.deadline, soon)
            async with self._turn:  # whoever reads the last reply comes first
                pass


async def _listen(worker: _Running) -> None:
    """Read what the worker says to people."""
    assert worker.process.stderr is not None
    rest = b""
    async for part in worker.process.stderr:
        *lines, rest = (rest + part)[-STDERR_LIMIT:].split(b"\n")
        for line in lines:
            text = line.decode("utf-8", errors="replace").rstrip()
            worker.stderr.append(text)
            logger.bind(pid=worker.process.pid).debug("worker: {}", text)


async def _open_process(launch: Launch) -> anyio.abc.Process:
    """Start a process apart from our terminal's signals: Ctrl-C is for the engine alone."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        import subprocess  # noqa: PLC0415 # its flags exist on Windows only

        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        apart = {"creationflags": flags}
    env = dict(launch.env) if launch.env is not None else dict(os.environ)
    return await anyio.open_process(launch.command, env=env, **apart)
