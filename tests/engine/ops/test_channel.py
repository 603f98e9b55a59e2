"""The channel lets in who can read its file and nobody else; whatever comes in, the engine goes
on."""

from __future__ import annotations

import errno
import os
import platform
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import msgspec
import pytest
from loguru import logger

from engine.ops import channel
from engine.ops.caller import NoAnswer, ask, ask_and_await_end, find
from engine.ops.channel import LOOPBACK, NAME, Address, Reply, Request, listening, publish
from engine.ops.commands import (
    Answer,
    Command,
    LookAtSwitch,
    PauseTrading,
    ReportStatus,
    Standing,
    StopEngine,
)
from engine.ops.inbox import ROOM, Inbox
from engine.ops.operator import Doors
from engine.ops.switch import Switch
from journal.errors import BrokerError

PAUSE = PauseTrading(by="anna", reason="news")
STANDING = Standing(7, "run", 41, True, True)
DEADLINE_S = 60.0
T = TypeVar("T")


class Loop:
    """What stands for the engine's loop: takes what waits, and answers all of it."""

    def __init__(self, folder: Path) -> None:
        self.doors = Doors(Inbox(), Switch(folder), lambda _: ())
        self.folder = folder
        self.taken: list[Command | LookAtSwitch] = []
        self.quick = True

    def run(self, visit: Callable[[], T]) -> T:
        """Listen while `visit` runs in a thread; return what it returned."""

        async def visited() -> T:
            return await anyio.to_thread.run_sync(visit)

        return self.run_async(visited)

    def run_async(self, visit: Callable[[], Awaitable[T]]) -> T:
        """Listen while `visit` runs beside the loop."""

        async def main() -> T:
            with anyio.fail_after(DEADLINE_S):
                async with (
                    anyio.create_task_group() as tasks,
                    listening(self.folder, self.doors, lambda: STANDING),
                ):
                    tasks.start_soon(self._take)
                    result = await visit()
                    tasks.cancel_scope.cancel()
            return result

        return anyio.run(main)

    async def _take(self) -> None:
        while True:
            await anyio.lowlevel.checkpoint()
            while self.quick and self.doors.inbox.waiting:
                errand = self.doors.inbox.waiting.popleft()
                self.taken.append(errand.command)
                errand.settle(Answer(done=True, text="obeyed", seq=42))


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path)


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What the process's log said."""
    said: list[str] = []
    sink = logger.add(lambda message: said.append(str(message)), format="{message}")
    yield said
    logger.remove(sink)


@contextmanager
def hung_up() -> Iterator[None]:
    """Go on after what the other side has closed: by then the system may call the connection
    broken, reset, aborted, or no connection at all."""
    try:
        yield
    except ConnectionError:
        pass
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise


def speak(address: Address, data: bytes, *, half: bool = False) -> bytes:
    """Send raw bytes and return all that comes back until the connection ends."""
    parts = []
    with socket.create_connection((LOOPBACK, address.port), DEADLINE_S) as connection:
        with hung_up():
            connection.sendall(data)
            if not half:
                connection.shutdown(socket.SHUT_WR)
        with hung_up():  # what came before the end is heard though nothing could be said any more
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts)


def line(token: str, command: Command) -> bytes:
    return msgspec.json.encode(Request(token, msgspec.Raw(msgspec.json.encode(command)))) + b"\n"


def here(loop: Loop) -> Address:
    address = find(loop.folder)
    assert address is not None
    return address


def test_what_is_asked_reaches_the_loop_and_its_answer_comes_back(loop: Loop) -> None:
    answer = loop.run(lambda: ask(loop.folder, PAUSE))
    assert answer == Answer(done=True, text="obeyed", seq=42)
    assert loop.taken == [PAUSE]


def test_the_status_is_told_while_the_loop_waits_for_something_else(loop: Loop) -> None:
    loop.quick = False
    answer = loop.run(lambda: ask(loop.folder, ReportStatus(by="anna")))
    assert answer is not None
    assert answer.standing == STANDING
    assert loop.taken == []


def test_only_the_owner_can_read_the_file_and_it_goes_with_the_engine(loop: Loop) -> None:
    def look() -> int:
        return stat.S_IMODE((loop.folder / NAME).stat().st_mode)

    mode = loop.run(look)
    assert os.name == "nt" or mode == 0o600
    assert list(loop.folder.iterdir()) == []


def test_a_file_that_a_killed_engine_left_is_replaced(loop: Loop) -> None:
    publish(loop.folder / NAME, Address(1, 1, "host", "a", "b"))
    (loop.folder / (NAME + ".tmp")).write_text("half", encoding="utf-8")
    assert loop.run(lambda: ask(loop.folder, PAUSE)) is not None


def test_every_engine_has_tokens_of_its_own(loop: Loop) -> None:
    first, second = (loop.run(lambda: here(loop)) for _ in range(2))
    assert len({first.ask, first.proof, second.ask, second.proof}) == 4
    assert len(first.ask) == 64


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x00\xff" * 1000,
        b"{}\n",
        b'{"token":1,"command":{}}\n',
        line("0" * 64, PAUSE),
        line("\N{SNOWMAN}", PAUSE),
        line("", PAUSE),
        b"x" * (channel.REQUEST_LIMIT + 1),
        b'{"token":"' + b"x" * channel.REQUEST_LIMIT + b'"}\n',
    ],
    ids=lambda data: data[:12].decode("ascii", "replace") or "nothing",
)
def test_who_does_not_know_the_token_hears_nothing_and_changes_nothing(
    loop: Loop, data: bytes
) -> None:
    def visit() -> bytes:
        said = speak(here(loop), data)
        assert ask(loop.folder, PAUSE) is not None, "the engine still listens"
        return said

    assert loop.run(visit) == b""
    assert loop.taken == [PAUSE]


def test_a_visitor_who_says_nothing_is_sent_away_in_time(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    monkeypatch.setattr(channel, "READ_S", 0.05)
    assert loop.run(lambda: speak(here(loop), b'{"tok', half=True)) == b""
    assert ["TimeoutError" in said for said in warnings] == [True]


def test_more_visitors_than_there_is_room_for_are_turned_away_and_the_engine_goes_on(
    loop: Loop,
) -> None:
    def visit() -> bytes:
        address = here(loop)
        sitting = [
            socket.create_connection((LOOPBACK, address.port), DEADLINE_S)
            for _ in range(channel.ROOM)
        ]
        try:
            return speak(address, line(address.ask, PAUSE))
        finally:
            for connection in sitting:
                connection.close()

    assert loop.run(visit) == b""
    assert loop.taken == []


def test_a_command_of_another_version_is_refused_in_words(loop: Loop) -> None:
    def visit() -> Reply:
        address = here(loop)
        request = Request(address.ask, msgspec.Raw(b'{"type":"Fly","by":"anna"}'))
        data = msgspec.json.encode(request) + b"\n"
        return msgspec.json.decode(speak(address, data), type=Reply)

    answer = loop.run(visit).answer
    assert not answer.done
    assert "another version" in answer.text


def test_what_only_the_engine_asks_of_itself_cannot_be_asked_from_outside(loop: Loop) -> None:
    def visit() -> Reply:
        address = here(loop)
        data = msgspec.json.encode({"type": "LookAtSwitch", "by": "anna"})
        return msgspec.json.decode(
            speak(address, msgspec.json.encode(Request(address.ask, msgspec.Raw(data))) + b"\n"),
            type=Reply,
        )

    assert not loop.run(visit).answer.done
    assert loop.taken == []


def test_too_many_waiting_commands_are_refused_and_not_forgotten(loop: Loop) -> None:
    loop.quick = False
    for _ in range(ROOM):
        loop.doors.inbox.put(PAUSE)
    answer = loop.run(lambda: ask(loop.folder, PAUSE))
    assert answer is not None
    assert not answer.done
    assert f"{ROOM} commands wait already" in answer.text


def test_a_loop_that_does_not_get_to_it_is_said_to_be_silent(loop: Loop) -> None:
    loop.quick = False

    def visit() -> str:
        with pytest.raises(NoAnswer) as caught:
            ask(loop.folder, PAUSE, answer_s=0.1)
        return str(caught.value)

    assert "did not answer in time" in loop.run(visit)


def test_stopping_is_over_when_the_engine_has_ended(tmp_path: Path) -> None:
    loop = Loop(tmp_path)
    seen: list[str] = []

    async def main() -> None:
        with anyio.fail_after(DEADLINE_S):
            async with anyio.create_task_group() as tasks:

                async def stop() -> None:
                    command = StopEngine(by="anna")
                    await anyio.to_thread.run_sync(
                        lambda: ask_and_await_end(tmp_path, command, end_s=DEADLINE_S)
                    )
                    seen.append("heard of the end")

                async with listening(tmp_path, loop.doors, lambda: STANDING):
                    tasks.start_soon(stop)
                    while not loop.doors.inbox.waiting:
                        await anyio.lowlevel.checkpoint()
                    loop.doors.inbox.waiting[0].settle(Answer(done=True, text="stopping"))
                    for _ in range(100):
                        await anyio.lowlevel.checkpoint()
                    seen.append("ending")

    anyio.run(main)
    assert seen == ["ending", "heard of the end"]


def test_an_answer_that_was_given_right_before_the_end_still_leaves(tmp_path: Path) -> None:
    loop = Loop(tmp_path)
    heard: list[Answer | None] = []

    async def main() -> None:
        with anyio.fail_after(DEADLINE_S):
            async with anyio.create_task_group() as tasks:

                async def asking() -> None:
                    heard.append(await anyio.to_thread.run_sync(lambda: ask(tmp_path, PAUSE)))

                async with listening(tmp_path, loop.doors, lambda: STANDING):
                    tasks.start_soon(asking)
                    tasks.start_soon(asking)
                    while len(loop.doors.inbox.waiting) < 2:
                        await anyio.lowlevel.checkpoint()
                    loop.doors.inbox.waiting.popleft().settle(Answer(done=True, text="last"))

    anyio.run(main)
    texts = {answer.text for answer in heard if answer is not None}
    assert texts == {"last", channel.ENDED}, "who was not heard is told so"


def test_an_engine_that_does_not_end_in_time_is_named(loop: Loop) -> None:
    def visit() -> str:
        with pytest.raises(NoAnswer) as caught:
            ask_and_await_end(loop.folder, StopEngine(by="anna"), end_s=0.05)
        return str(caught.value)

    assert "has not ended within 0.05 seconds" in loop.run(visit)


# --- where no engine is


def test_without_a_file_no_engine_runs(tmp_path: Path) -> None:
    assert ask(tmp_path, PAUSE) is None
    assert ask_and_await_end(tmp_path, StopEngine(by="anna"), end_s=1.0) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"port": "x"}'])
def test_a_file_that_is_no_address_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert ask(tmp_path, PAUSE) is None


@contextmanager
def stranger(reply: bytes) -> Iterator[int]:
    """Another program on the port of an engine that was killed: it answers one request."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        with anyio.from_thread.start_blocking_portal() as portal:
            future = portal.start_task_soon(anyio.to_thread.run_sync, serve)
            yield port
            future.result(DEADLINE_S)


def left(folder: Path, port: int, host: str | None = None) -> None:
    """The file of an engine that was killed."""
    publish(folder / NAME, Address(port, 1, host or platform.node(), "a" * 64, "b" * 64))


def test_a_killed_engines_port_where_nobody_listens_is_no_engine(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
    left(tmp_path, port)
    assert ask(tmp_path, PAUSE) is None


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        msgspec.json.encode(Reply("c" * 64, Answer(done=True, text="halted, believe me"))) + b"\n",
    ],
    ids=["another protocol", "a liar"],
)
def test_another_program_on_a_killed_engines_port_is_not_believed(
    tmp_path: Path, reply: bytes
) -> None:
    with stranger(reply) as port:
        left(tmp_path, port)
        assert ask(tmp_path, PAUSE) is None


def test_a_visitor_that_hangs_up_is_no_answer(tmp_path: Path) -> None:
    with stranger(b"") as port:
        left(tmp_path, port)
        with pytest.raises(NoAnswer, match="without an answer"):
            ask(tmp_path, PAUSE)


def test_the_file_of_a_journal_copied_from_another_machine_is_not_for_here(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        left(tmp_path, server.getsockname()[1], host="elsewhere")
        assert ask(tmp_path, PAUSE) is None


def test_a_file_that_somebody_else_owns_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(NoAnswer, match="only the user who started the engine"):
        ask(tmp_path, PAUSE)


# --- the engine


def test_what_the_engine_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path, Loop(tmp_path).doors, lambda: STANDING):
            raise BrokerError("the terminal is gone")

    with pytest.raises(BrokerError, match="the terminal is gone"):
        anyio.run(main)
    assert not (tmp_path / NAME).exists()


def test_without_a_place_for_its_file_the_engine_runs_all_the_same(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(channel, "publish", full)
    assert loop.run(lambda: 41) == 41
    assert "the halt file works" in warnings[0]


def test_without_a_port_the_engine_runs_all_the_same(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    async def none(**_: object) -> None:
        raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(anyio, "create_tcp_listener", none)
    assert loop.run(lambda: 41) == 41
    assert "the halt file works" in warnings[0]


def test_the_halt_file_is_noticed_once_each_time_it_is_made(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "LOOK_S", 0.0)
    switch = loop.doors.switch

    async def made_twice() -> None:
        for times in (1, 2):
            switch.throw("anna", "stop")
            while len(loop.taken) < times:
                await anyio.lowlevel.checkpoint()
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
            switch.clear()
            for _ in range(50):
                await anyio.lowlevel.checkpoint()

    loop.run_async(made_twice)
    assert loop.taken == [LookAtSwitch(by="halt file")] * 2
