"""The local channel to a running engine: loopback TCP, one request and one answer a connection.

Loopback TCP and not a Unix socket: it is there on Windows as well, and a journal may lie deeper
than the hundred characters that a Unix socket's path can have. Who may speak is said by a file in
the journal's folder that only its owner can read. Whatever comes in, the engine goes on.
"""

from __future__ import annotations

import hmac
import os
import platform
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import msgspec
from anyio.streams.buffered import BufferedByteReceiveStream
from loguru import logger

from engine.ops.commands import Answer, Command, LookAtSwitch, ReportStatus, Standing, StopEngine
from engine.ops.inbox import Errand, Inbox
from engine.ops.operator import Doors
from engine.ops.switch import Switch
from journal.errors import UsageError

NAME = "channel"
"""The file beside the journal's lock that says where an engine listens, and what it believes."""

LOOPBACK = "127.0.0.1"
REQUEST_LIMIT = 8 * 1024
"""Bytes of one request; the longest command has a fifth of it."""
READ_S = 5.0
"""Seconds in which a request must have come, and an answer must have been taken."""
LEAVE_S = 1.0
"""Seconds that the last answers have to leave when the run has ended."""
ENDED = "the run ended before this was heard; nothing was changed"
ROOM = 8
"""Connections at a time; more are closed at once."""
LOOK_S = 0.25
"""Seconds between two looks for the halt file."""


class Address(msgspec.Struct, frozen=True):
    """What the file says.

    host   name of the computer: a copied file is of no use elsewhere
    ask    proves that a request comes from somebody who may read the file
    proof  proves the same of whoever answers: after a crash another program may have the port
    """

    port: int
    pid: int
    host: str
    ask: str
    proof: str


class Request(msgspec.Struct, frozen=True):
    """One line to the engine."""

    token: str
    command: msgspec.Raw


class Reply(msgspec.Struct, frozen=True):
    """One line back."""

    token: str
    answer: Answer


Status = Callable[[], Standing]


@asynccontextmanager
async def listening(directory: Path, doors: Doors, status: Status) -> AsyncIterator[None]:
    """Listen beside the loop while the block lasts, and watch for the halt file.

    Without a port or a place for its file the engine runs all the same: the halt file and signals
    still reach it.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, doors.switch, doors.inbox)
        door = _Doorkeeper(doors.inbox, status)
        await _open(directory, door, tasks)
        try:
            yield
        except Exception as error:  # noqa: BLE001 # raised again below: a task group would wrap it
            failure = error
        finally:
            with suppress(OSError):  # the next start replaces it
                (directory / NAME).unlink(missing_ok=True)
            await door.close()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def watch(switch: Switch, inbox: Inbox) -> None:
    """Tell the loop when somebody makes the halt file. The loop records it once."""
    told = False
    while True:
        thrown = switch.thrown()
        if thrown and not told:
            with suppress(UsageError):  # too many commands wait: the next look tells it
                await inbox.put(LookAtSwitch(by="halt file")).answer()
                told = True
        told = told and thrown
        await anyio.sleep(LOOK_S)


async def _open(directory: Path, door: _Doorkeeper, tasks: anyio.abc.TaskGroup) -> None:
    """Begin to listen, and say where."""
    try:
        listener = await anyio.create_tcp_listener(local_host=LOOPBACK, local_port=0)
    except OSError as error:
        logger.warning("no channel for operators: {}; the halt file works", error)
        return
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 # not Django's
    tasks.start_soon(_serve, listener, door)
    try:
        address = Address(port, os.getpid(), platform.node(), door.ask, door.proof)
        publish(directory / NAME, address)
    except OSError as error:
        logger.warning("no channel for operators: {}; the halt file works", error)


async def _serve(listener: anyio.abc.Listener[anyio.abc.SocketStream], door: _Doorkeeper) -> None:
    async with listener:
        await listener.serve(door.attend)


def publish(file: Path, address: Address) -> None:
    """Write the file so that only its owner can read it, whole or not at all.

    On Windows the folder's own permissions decide who can. Raises OSError.
    """
    draft = file.with_name(file.name + ".tmp")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, msgspec.json.encode(address) + b"\n")
    finally:
        os.close(handle)
    draft.replace(file)


class _Doorkeeper:
    """Lets in who has the token, and nobody for long."""

    def __init__(self, inbox: Inbox, status: Status) -> None:
        self.ask, self.proof = secrets.token_hex(32), secrets.token_hex(32)
        self._inbox, self._status = inbox, status
        self._inside = self._unanswered = 0
        self._all_answered = anyio.Event()

    async def close(self) -> None:
        """Answer whoever still waits; give the answers a moment to leave."""
        while self._inbox.waiting:
            self._inbox.waiting.popleft().settle(Answer(done=False, text=ENDED))
        self._all_answered = anyio.Event()
        with anyio.move_on_after(LEAVE_S, shield=True):
            if self._unanswered:
                await self._all_answered.wait()

    async def attend(self, stream: anyio.abc.SocketStream) -> None:
        """Serve one connection. To whoever does not speak the protocol nothing is said."""
        async with stream:
            if self._inside >= ROOM:
                return
            self._inside += 1
            try:
                await self._converse(stream)
            except Exception as error:  # noqa: BLE001 # no visitor may disturb the engine
                logger.warning("a visitor on the channel was sent away: {}", _named(error))
            finally:
                self._inside -= 1

    async def _converse(self, stream: anyio.abc.SocketStream) -> None:
        with anyio.fail_after(READ_S):
            line = await BufferedByteReceiveStream(stream).receive_until(b"\n", REQUEST_LIMIT)
        request = msgspec.json.decode(line, type=Request)
        if not hmac.compare_digest(request.token.encode(), self.ask.encode()):
            raise PermissionError("a wrong token")
        self._unanswered += 1
        try:
            answer = await self._answer(request.command)
            with anyio.fail_after(READ_S):
                await stream.send(msgspec.json.encode(Reply(self.proof, answer)) + b"\n")
        finally:
            self._unanswered -= 1
            if not self._unanswered:
                self._all_answered.set()
        if answer.done and _is_stop(request.command):
            await anyio.sleep_forever()  # the connection's end tells that the run has ended

    async def _answer(self, raw: msgspec.Raw) -> Answer:
        try:
            command: Command = msgspec.json.decode(raw, type=Command)
        except msgspec.MsgspecError as error:
            text = f"the engine does not know this command ({error}); it is of another version"
            return Answer(done=False, text=text)
        if isinstance(command, ReportStatus):  # needs no turn of the loop, which may wait for MT5
            return Answer(done=True, text="running", standing=self._status())
        try:
            errand: Errand = self._inbox.put(command)
        except UsageError as refusal:
            return Answer(done=False, text=str(refusal))
        return await errand.answer()


def _is_stop(raw: msgspec.Raw) -> bool:
    return isinstance(msgspec.json.decode(raw, type=Command), StopEngine)


def _named(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
