"""The process that holds the MetaTrader5 module: reads calls from its standard input, writes
answers to its standard output, and ends when its input does.

It must run by itself, as one file, under a Windows Python (also in Wine) that has only msgspec and
the module; so it imports nothing of ours. It calls what is in `FUNCTIONS` and evaluates nothing.

A frame is a length (four bytes, little-endian) and that many bytes of MessagePack. The worker
writes one `Hello`, then one `Reply` for each `Request`, in order. A frame it cannot read ends it:
an order must never be guessed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

import msgspec

PROTOCOL = 1
LENGTH = struct.Struct("<I")
REQUEST_LIMIT = 64 * 1024
"""Bytes of one request; the largest the module understands is a tenth of that."""
REPLY_LIMIT = 64 * 1024 * 1024
"""Bytes of one reply: a million bars or ticks of 60 bytes."""

FUNCTIONS = frozenset(
    {
        "account_info",
        "copy_rates_from",
        "copy_rates_from_pos",
        "copy_rates_range",
        "copy_ticks_from",
        "copy_ticks_range",
        "history_deals_get",
        "history_deals_total",
        "history_orders_get",
        "history_orders_total",
        "initialize",
        "last_error",
        "login",
        "market_book_add",
        "market_book_get",
        "market_book_release",
        "order_calc_margin",
        "order_calc_profit",
        "order_check",
        "order_send",
        "orders_get",
        "orders_total",
        "positions_get",
        "positions_total",
        "shutdown",
        "symbol_info",
        "symbol_info_tick",
        "symbol_select",
        "symbols_get",
        "symbols_total",
        "terminal_info",
        "version",
    }
)
"""All that may be called: the module's own functions, without its Python helpers."""

Scalar = None | bool | int | float | str
Plain = Scalar | dict[str, Scalar]
"""What an argument may be."""


class Request(msgspec.Struct, array_like=True, frozen=True):
    """One call. `id` counts up from 1."""

    id: int
    function: str
    args: list[Plain]
    kwargs: dict[str, Plain]


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """What came of the request with the same `id`.

    kind        `plain`, `record`, `records` (`name` is their type), `array` (`value` is the dtype's
                description and the bytes), `raised` (`name` is the exception, `value` its text) or
                `refused` (nothing was called; `value` says why)
    code, text  the module's `last_error()` right after the call
    """

    id: int
    kind: str
    name: str
    value: Any
    code: int
    text: str


class Hello(msgspec.Struct, array_like=True, frozen=True):
    """The worker's first frame.

    module   version of the module it holds, empty when it could not be imported
    problem  why it could not, empty otherwise
    records  field names of each record type, in order
    """

    protocol: int
    python: str
    module: str
    problem: str
    records: dict[str, list[str]]


def frame(body: bytes, limit: int) -> bytes:
    """Return `body` with its length before it. Raises ValueError above `limit` bytes."""
    if len(body) > limit:
        raise ValueError(f"{len(body)} bytes are more than the {limit} that one frame may have")
    return LENGTH.pack(len(body)) + body


def serve(
    module: Any, read: Callable[[], bytes], write: Callable[[bytes], None], extra: frozenset[str]
) -> None:
    """Answer requests until there are none. `extra` are functions of a simulated terminal."""
    allowed = FUNCTIONS | extra
    decode = msgspec.msgpack.Decoder(Request).decode
    encode = msgspec.msgpack.Encoder().encode
    while body := read():
        request = decode(body)
        if request.function in allowed:
            reply = _carry_out(module, request)
        else:
            what = f"{request.function} is not a function that a worker calls"
            reply = Reply(request.id, "refused", "", what, 0, "")
        data = encode(reply)
        if len(data) > REPLY_LIMIT:
            what = f"an answer of {len(data)} bytes is more than the {REPLY_LIMIT} allowed"
            data = encode(Reply(request.id, "raised", "ValueError", what, reply.code, reply.text))
        write(frame(data, REPLY_LIMIT))


def _carry_out(module: Any, request: Request) -> Reply:
    try:
        function = getattr(module, request.function)
        # An empty `**{}` reaches a C function as a dictionary, and the module then refuses
        # positional arguments: "Unnamed arguments not allowed".
        result = (
            function(*request.args, **request.kwargs) if request.kwargs else function(*request.args)
        )
        kind, name, value = _portable(result)
    except Exception as error:  # noqa: BLE001 # whatever the module raises is its answer
        kind, name, value = "raised", type(error).__name__, str(error)
    code, text = module.last_error()
    return Reply(request.id, kind, name, value, code, text)


def _portable(result: Any) -> tuple[str, str, Any]:
    """Return kind, type name and plain value. Records are tuples that know their field names."""
    if hasattr(result, "dtype"):
        return "array", "", (result.dtype.descr, result.tobytes())
    if hasattr(result, "n_fields"):
        return "record", type(result).__name__, result
    if isinstance(result, tuple) and result and hasattr(result[0], "n_fields"):
        return "records", type(result[0]).__name__, result
    return "plain", "", result


def _record_types(module: Any) -> dict[str, list[str]]:
    found = {}
    for name in dir(module):
        kind: Any = getattr(module, name)
        if hasattr(kind, "n_fields"):
            found[name] = list(kind.__match_args__)
    return found


def _open(name: str, arguments: list[str]) -> tuple[Any, frozenset[str], Hello]:
    """Import the module, or let a stand-in's `open_module` build one from `arguments`."""
    python = sys.version.split()[0]
    try:
        module = importlib.import_module(name)
        extra = frozenset(getattr(module, "EXTRA_FUNCTIONS", ()))
        if arguments:
            module = module.open_module(*arguments)
    except Exception as error:  # noqa: BLE001 # told to the engine, which tells the operator
        problem = f"{type(error).__name__}: {error}"
        return None, frozenset(), Hello(PROTOCOL, python, "", problem, {})
    module_version = str(getattr(module, "__version__", "unknown"))
    records = _record_types(module)
    return module, extra, Hello(PROTOCOL, python, module_version, "", records)


def _claim_streams() -> tuple[int, int]:
    """Take standard input and output for frames alone; what the module prints goes to stderr.

    The copies are not inherited: a terminal that the module starts must not hold our pipes open.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 # exists on Windows only

        msvcrt.setmode(0, os.O_BINARY)
        msvcrt.setmode(1, os.O_BINARY)
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, replies


def _reader(descriptor: int) -> Callable[[], bytes]:
    """Return what reads one frame's body; empty at the end of the input."""

    def exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = os.read(descriptor, size - len(data))
            if not part:
                return b""  # a frame cut off by the engine's end asks for nothing
            data += part
        return data

    def read() -> bytes:
        head = exactly(LENGTH.size)
        if not head:
            return b""
        (size,) = LENGTH.unpack(head)
        if not 0 < size <= REQUEST_LIMIT:
            raise ValueError(f"a request of {size} bytes; 1 to {REQUEST_LIMIT} are allowed")
        return exactly(size)

    return read


def _writer(descriptor: int) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    return write


def main() -> int:
    """Serve one module until the input ends."""
    parser = argparse.ArgumentParser(description="Hold the MetaTrader5 module for an engine.")
    parser.add_argument("--module", default="MetaTrader5", help="what to import and call")
    parser.add_argument("arguments", nargs="*", help="for a stand-in's `open_module`")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the engine's to handle
    requests, replies = _claim_streams()
    write = _writer(replies)
    module, extra, hello = _open(options.module, options.arguments)
    write(frame(msgspec.msgpack.encode(hello), REPLY_LIMIT))
    if module is None:
        return 1
    try:
        serve(module, _reader(requests), write, extra)
    except OSError:
        return 0  # the pipes broke: the engine is gone
    module.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
