"""The engine's end of the pipe to a worker: requests out, replies in, records made of them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import anyio.abc
import msgspec
import numpy as np
from anyio.streams.buffered import BufferedByteReceiveStream

from engine.broker.worker import (
    LENGTH,
    PROTOCOL,
    REPLY_LIMIT,
    REQUEST_LIMIT,
    Hello,
    Reply,
    Request,
    frame,
)

_PLAIN = (bool, int, float, str, type(None))


class Link:
    """Framed messages over one process's standard streams. A link that failed once is of no use."""

    def __init__(self, process: anyio.abc.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._out = process.stdin
        self._in = BufferedByteReceiveStream(process.stdout)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Reply).decode
        self._types: dict[str, Any] = {}
        self._asked = 0
        self.ended = False

    async def greet(self) -> Hello:
        """Read the first frame. Raises ValueError for another protocol."""
        hello = msgspec.msgpack.decode(await self._receive(), type=Hello)
        if hello.protocol != PROTOCOL:
            raise ValueError(
                f"the worker speaks protocol {hello.protocol}, the engine {PROTOCOL}: "
                "they are of different releases"
            )
        self._types = {
            name: namedtuple(name, fields)  # noqa: PYI024 # the fields are the worker's to say
            for name, fields in hello.records.items()
        }
        return hello

    def encode(self, function: str, args: Sequence[Any], kwargs: dict[str, Any]) -> bytes:
        """Return the next request's frame.

        Raises TypeError for an argument that is not plain, OverflowError for an integer that does
        not fit 64 bits, ValueError for too many bytes.
        """
        for value in (*args, *kwargs.values()):
            _check_plain(value)
        request = Request(self._asked + 1, function, list(args), kwargs)
        data = frame(self._encode(request), REQUEST_LIMIT)
        self._asked += 1
        return data

    async def exchange(self, data: bytes) -> Reply:
        """Write the frame and return the reply to it. Raises ValueError for any other reply."""
        await self._out.send(data)
        reply = self._decode(await self._receive())
        if reply.id != self._asked:
            raise ValueError(f"it answered request {reply.id} instead of {self._asked}")
        return reply

    def value(self, reply: Reply) -> Any:
        """Return what the module returned, its records as named tuples.

        Raises KeyError, TypeError or ValueError for a reply of an unknown shape.
        """
        if reply.kind in ("plain", "raised", "refused"):
            return tuple(reply.value) if isinstance(reply.value, list) else reply.value
        if reply.kind == "array":
            fields, data = reply.value
            return np.frombuffer(data, dtype=[(name, kind) for name, kind in fields])
        if reply.kind == "record":
            return self._record(reply.name, reply.value)
        return tuple(self._record(reply.name, values) for values in reply.value)

    def _record(self, name: str, values: list[Any]) -> Any:
        record = self._types[name]._make(values)
        if name in ("OrderSendResult", "OrderCheckResult"):
            record = record._replace(request=self._types["TradeRequest"]._make(record.request))
        return record

    async def _receive(self) -> bytes:
        try:
            (size,) = LENGTH.unpack(await self._in.receive_exactly(LENGTH.size))
            if not 0 < size <= REPLY_LIMIT:
                raise ValueError(f"a frame of {size} bytes; 1 to {REPLY_LIMIT} are allowed")
            return await self._in.receive_exactly(size)
        except (anyio.EndOfStream, anyio.IncompleteRead):
            self.ended = True
            raise


def _check_plain(value: object) -> None:
    """Raise TypeError unless the protocol carries this argument. Subclasses lose their type on the
    way, so they are refused: an IntEnum, a NumPy float."""
    inner = value.values() if type(value) is dict else (value,)
    for one in inner:
        if type(one) not in _PLAIN:
            raise TypeError(f"an argument is a {type(one).__name__}; plain values are sent only")
