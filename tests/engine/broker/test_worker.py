"""The worker process by itself, over real pipes: what it answers, and what it refuses."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from engine.broker import worker
from engine.broker.worker import LENGTH, Hello, Reply, Request, frame
from tests.engine.broker.scripted import Scripted

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 30


class Pipe:
    """A worker with its streams, spoken to frame by frame."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", worker.__file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        self.hello = msgspec.msgpack.decode(self.read(), type=Hello)

    def read(self) -> bytes:
        (size,) = LENGTH.unpack(self.output.read(LENGTH.size))
        return self.output.read(size)

    def write(self, data: bytes) -> None:
        self.input.write(data)
        self.input.flush()

    def ask(self, function: str, *args: worker.Plain, **kwargs: worker.Plain) -> Reply:
        request = Request(1, function, list(args), kwargs)
        self.write(frame(msgspec.msgpack.encode(request), worker.REQUEST_LIMIT))
        return msgspec.msgpack.decode(self.read(), type=Reply)

    def end(self) -> tuple[bytes, bytes, int]:
        """Close its input; return what it still wrote to both streams, and its exit code."""
        output, errors = self.process.communicate(timeout=SECONDS)
        return output, errors, self.process.returncode


@contextmanager
def running(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe("--module", "tests.engine.broker.scripted", str(tmp_path / "ledger"), "7")
    try:
        yield pipe
    finally:
        pipe.process.kill()
        pipe.process.communicate()


def test_it_imports_nothing_but_the_standard_library_and_msgspec() -> None:
    tree = ast.parse(Path(worker.__file__).read_text(encoding="utf-8"))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names - sys.stdlib_module_names == {"msgspec"}


def test_it_greets_with_the_fields_of_every_record_type(tmp_path: Path) -> None:
    with running(tmp_path) as pipe:
        assert pipe.hello.module == "scripted"
        assert pipe.hello.problem == ""
        assert pipe.hello.records["Tick"][:2] == ["time", "bid"]
        assert len(pipe.hello.records) == 11


def test_a_record_travels_as_its_values_with_the_type_and_the_last_error(tmp_path: Path) -> None:
    with running(tmp_path) as pipe:
        reply = pipe.ask("symbol_info_tick", "EURUSD")
        assert (reply.kind, reply.name, reply.code, reply.text) == ("record", "Tick", 1, "Success")
        assert reply.value == [1700000000, 1.1, 1.2, 0.0, 2**63, 1700000000123, 6, 0.5]


def test_the_last_error_belongs_to_the_call_it_comes_with(tmp_path: Path) -> None:
    with running(tmp_path) as pipe:
        reply = pipe.ask("symbol_info_tick", "none")
        assert (reply.value, reply.code, reply.text) == (None, -4, "Terminal: Not found")


def test_an_exception_of_the_module_is_an_answer(tmp_path: Path) -> None:
    with running(tmp_path) as pipe:
        reply = pipe.ask("symbol_info_tick", "raise")
        assert (reply.kind, reply.name, reply.code) == ("raised", "SystemError", -2)
        assert pipe.ask("orders_get").kind == "plain"


@pytest.mark.parametrize(
    "name", ["open_module", "_note", "__class__", "Buy", "_RawOrder", "eval", "advance", ""]
)
def test_a_name_outside_the_list_is_refused_and_nothing_is_called(
    tmp_path: Path, name: str
) -> None:
    with running(tmp_path) as pipe:
        assert pipe.ask(name, "anything").kind == "refused"
        assert not (tmp_path / "ledger").exists()


def test_what_the_module_prints_goes_to_standard_error(tmp_path: Path) -> None:
    with running(tmp_path) as pipe:
        assert pipe.ask("symbol_info_tick", "noise").kind == "record"
        output, errors, _ = pipe.end()
        assert output == b""
        assert b"hello from the module" in errors
        assert b"hello from C" in errors


def test_it_shuts_the_module_down_and_ends_when_its_input_does(tmp_path: Path) -> None:
    with running(tmp_path) as pipe:
        assert pipe.end() == (b"", b"", 0)
        assert (tmp_path / "ledger").read_text(encoding="utf-8") == "shutdown\n"


@pytest.mark.parametrize(
    "data",
    [
        LENGTH.pack(0),
        LENGTH.pack(worker.REQUEST_LIMIT + 1),
        frame(b"\xc1", 100),
        frame(msgspec.msgpack.encode([1, "orders_get", [[1]], {}]), 100),
        frame(msgspec.msgpack.encode([1, "orders_get", []]), 100),
    ],
    ids=["empty", "too long", "not MessagePack", "an argument that is not plain", "too short"],
)
def test_a_frame_it_cannot_read_ends_it_without_an_answer(tmp_path: Path, data: bytes) -> None:
    with running(tmp_path) as pipe:
        pipe.write(data)
        output, errors, code = pipe.end()
        assert output == b""
        assert code != 0
        assert b"Error" in errors


def test_a_frame_that_the_engine_s_end_cut_off_asks_for_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as pipe:
        request = Request(1, "order_send", [{"comment": "cut"}], {})
        pipe.write(frame(msgspec.msgpack.encode(request), 100)[:-1])
        assert pipe.end() == (b"", b"", 0)
        assert "cut" not in (tmp_path / "ledger").read_text(encoding="utf-8")


def test_a_missing_module_is_told_and_not_thrown() -> None:
    pipe = Pipe("--module", "no_such_module")
    assert pipe.hello.problem == "ModuleNotFoundError: No module named 'no_such_module'"
    assert pipe.end() == (b"", b"", 1)


def test_an_answer_that_is_too_large_is_told_and_the_next_call_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(worker, "REPLY_LIMIT", 1000)
    requests = [
        msgspec.msgpack.encode(Request(1, "copy_rates_from_pos", ["EURUSD", 1, 0, 100], {})),
        msgspec.msgpack.encode(Request(2, "orders_get", [], {})),
        b"",
    ]
    written: list[bytes] = []
    module = Scripted(str(tmp_path / "ledger"), "7")
    worker.serve(module, lambda: requests.pop(0), written.append, frozenset())
    large, small = (msgspec.msgpack.decode(data[4:], type=Reply) for data in written)
    assert (large.id, large.kind, large.name) == (1, "raised", "ValueError")
    assert "more than the 1000 allowed" in large.value
    assert (small.id, small.kind) == (2, "plain")


def test_only_the_module_s_own_functions_are_on_the_list() -> None:
    assert len(worker.FUNCTIONS) == 32
    assert not worker.FUNCTIONS & {"Buy", "Sell", "Close", "_RawOrder"}
