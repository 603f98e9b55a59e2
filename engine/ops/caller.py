"""An operator's side of the channel: find the engine of a journal, ask, wait for the answer."""

from __future__ import annotations

import hmac
import platform
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.ops.channel import LOOPBACK, NAME, Address, Reply, Request
from engine.ops.commands import Answer, Command
from journal.errors import DaybookError

CONNECT_S = 2.0
ANSWER_S = 30.0
"""Seconds for an answer: the loop may be waiting for the terminal."""
REPLY_LIMIT = 4 * 1024 * 1024
"""Bytes of one answer; a thousand discrepancies have a tenth of it."""


class NoAnswer(DaybookError):
    """An engine runs and did not answer."""


class HungUp(NoAnswer):
    """The conversation ended in the middle: the engine's run ended just then, or it was killed."""


def find(directory: Path) -> Address | None:
    """Return where the engine of a journal says that it listens; None when none has said so here.

    It may be dead: a killed process cannot take its file with it.
    """
    try:
        address = msgspec.json.decode((directory / NAME).read_bytes(), type=Address)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NoAnswer(
            f"{directory / NAME} cannot be read: {error.strerror or error}; only the user who "
            "started the engine can talk to it"
        ) from error
    except msgspec.MsgspecError:
        return None
    return address if address.host == platform.node() else None


def ask(directory: Path, command: Command, *, answer_s: float = ANSWER_S) -> Answer | None:
    """Have a running engine obey; None when none runs.

    Raises NoAnswer when one runs and does not answer in time: what was asked may still be done.
    """
    with _asked(directory, command, answer_s) as (_, answer):
        return answer


def ask_and_await_end(directory: Path, command: Command, *, end_s: float) -> Answer | None:
    """Have a running engine stop, and wait until its run has ended; None when none runs.

    Raises NoAnswer when it has not ended within `end_s` seconds.
    """
    try:
        return _await_end(directory, command, end_s)
    except HungUp:  # it ended by itself; if another one has begun meanwhile, that is meant
        return _await_end(directory, command, end_s)


def _await_end(directory: Path, command: Command, end_s: float) -> Answer | None:
    with _asked(directory, command, ANSWER_S) as (connection, answer):
        if connection is not None and answer is not None and answer.done:
            connection.settimeout(end_s)
            try:
                connection.recv(1)
            except TimeoutError as error:
                raise NoAnswer(
                    f"the engine was asked to stop and has not ended within {end_s:g} seconds; it "
                    "may be waiting for the terminal"
                ) from error
            except ConnectionError:  # its process has gone
                pass
        return answer


@contextmanager
def _asked(
    directory: Path, command: Command, answer_s: float
) -> Iterator[tuple[socket.socket | None, Answer | None]]:
    address = find(directory)
    if address is None:
        yield None, None
        return
    try:
        connection = socket.create_connection((LOOPBACK, address.port), CONNECT_S)
    except ConnectionRefusedError:  # it was killed, and left its file
        yield None, None
        return
    except OSError as error:
        raise NoAnswer(
            f"process {address.pid} cannot be reached: {error.strerror or error}"
        ) from error
    with connection:
        connection.settimeout(answer_s)
        yield connection, _exchange(connection, address, command)


def _exchange(connection: socket.socket, address: Address, command: Command) -> Answer | None:
    """Return the answer; None when another program has got the port of an engine that is dead."""
    request = Request(address.ask, msgspec.Raw(msgspec.json.encode(command)))
    try:
        connection.sendall(msgspec.json.encode(request) + b"\n")
        with connection.makefile("rb") as stream:
            line = _line(stream)
    except TimeoutError as error:
        raise NoAnswer(
            f"the engine (process {address.pid}) did not answer in time; it may be waiting for the "
            "terminal, and still do what was asked: look at `daybook status`"
        ) from error
    except OSError as error:
        raise HungUp(
            f"the engine (process {address.pid}) ended the conversation without an answer; look at "
            "`daybook status`, and ask again"
        ) from error
    try:
        reply = msgspec.json.decode(line, type=Reply)
    except msgspec.MsgspecError:
        return None
    ours = hmac.compare_digest(reply.token.encode(), address.proof.encode())
    return reply.answer if ours else None


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline(REPLY_LIMIT)
    if not line.endswith(b"\n"):
        raise ConnectionError("the line is not whole")
    return line
