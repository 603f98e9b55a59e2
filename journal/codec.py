"""Canonical bytes of events, both ways.

One line of the journal is `BODY,"h":"<32 hex>"}` where BODY is the event as compact JSON in fixed
key order, without its closing brace. The same event always gives the same bytes: floats are written
shortest-round-trip and NaN and infinities are refused. Decoding is strict: unknown types, unknown
fields and wrong types are errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from journal import upcast
from journal.envelope import AnyEvent, Event
from journal.errors import InvalidEvent, UndecodableEvent
from journal.events import TYPES

HASH_MARK = b',"h":"'
END = b'"}'
TRAILER = len(HASH_MARK) + 32 + len(END)
"""Bytes of a line after its body."""
FRAME = b"%b" + HASH_MARK + b"%b" + END + b"\n"
"""A whole line, of body and hash."""

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
WHOLE: dict[str, Callable[[bytes], AnyEvent]] = {
    # The types of a registry are known at run time only.
    name: msgspec.json.Decoder(Event[kind]).decode  # type: ignore[valid-type]
    for name, kind in TYPES.items()
}
"""Decoders of whole JSON texts of each type's current version; they raise msgspec's own errors."""

_decoders = {
    b'"type":"%s""v":%d' % (name.encode(), TYPES[name].VERSION): decoder
    for name, decoder in WHOLE.items()
}


def encode(event: AnyEvent) -> bytes:
    """Return the event's body: canonical JSON without the closing brace.

    Raises InvalidEvent for NaN and infinities, for text that is not Unicode and for integers beyond
    64 bits.
    """
    try:
        body = _encode(event)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError) as error:
        raise InvalidEvent(f"{event.type} at seq {event.seq} cannot be written: {error}") from error
    # That is how msgspec writes NaN and infinities; a text may say it too, so look closely.
    if body.rfind(b"null") >= 0:  # from the end it costs half as much
        _refuse_non_finite(event)
    return body.removesuffix(b"}")


def encode_all(events: Sequence[AnyEvent]) -> list[bytes]:
    """Return the events' bodies, as `encode` does one by one; of many it costs half as much.

    Raises InvalidEvent, as it does.
    """
    try:
        lines = _encode_lines(events)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError):
        return [encode(event) for event in events]  # says which of them, and why
    if lines.rfind(b"null") >= 0:
        return [encode(event) for event in events]
    # Within an event JSON escapes every newline. To split at the brace, too, would take longer.
    return [line[:-1] for line in lines.split(b"\n")[:-1]]


def decode(body: bytes) -> AnyEvent:
    """Return the event whose body this is. Raises UndecodableEvent."""
    head = body.split(b",", 4)  # seq, ts, type, v, the rest; one split is cheaper than two searches
    decoder = _decoders.get(head[2] + head[3]) if len(head) == 5 else None
    if decoder is None:
        return _decode_older(body)
    try:
        return decoder(body + b"}")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableEvent(f"{error}; the bytes begin {body[:80]!r}") from error


def type_of(body: bytes) -> str:
    """Return the type's name without decoding the event; an empty text where there is none."""
    head = body.split(b",", 3)
    return head[2][8:-1].decode("utf-8", "replace") if len(head) == 4 else ""


def version_of(body: bytes) -> int:
    """Return the version of the type's shape that these bytes have, 0 where there is none."""
    head = body.split(b",", 4)
    version = head[3][len(b'"v":') :] if len(head) == 5 else b""
    return int(version) if version.isdigit() else 0


def frame(body: bytes, h: bytes) -> bytes:
    """Return the whole line, newline included."""
    return FRAME % (body, h)


def unframe(line: bytes) -> tuple[bytes, bytes]:
    """Split a line without its newline into body and hash. Raises UndecodableEvent."""
    body, trailer = line[:-TRAILER], line[-TRAILER:]
    if not (body and trailer.startswith(HASH_MARK) and trailer.endswith(END)):
        raise UndecodableEvent(
            f'a line must end in {HASH_MARK.decode()}<32 hex>"}}, this ends in {line[-48:]!r}'
        )
    return body, trailer[len(HASH_MARK) : -len(END)]


def _decode_older(body: bytes) -> AnyEvent:
    """Decode an event of an earlier version of its type. Raises UndecodableEvent."""
    try:
        raw = msgspec.json.decode(body + b"}", type=dict[str, Any])
        name, data = raw["type"], upcast.to_current(raw["type"], raw["v"], raw["data"])
        whole = {**raw, "v": TYPES[name].VERSION, "data": data}
        return WHOLE[name](msgspec.json.encode(whole))
    except upcast.NoWay:
        raise UndecodableEvent(_unknown(body)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UndecodableEvent(_unknown(body)) from error


def _unknown(body: bytes) -> str:
    try:
        raw = msgspec.json.decode(body + b"}")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"not JSON: {error}; the bytes begin {body[:80]!r}"
    if not isinstance(raw, dict) or "type" not in raw or "v" not in raw:
        return f"not an event, type and version are missing; the bytes begin {body[:80]!r}"
    name, version = raw["type"], raw["v"]
    known = TYPES.get(name) if isinstance(name, str) else None
    if known is None:
        return f"unknown event type {name!r}; it may come from a newer Daybook"
    return f"{name} has version {version!r}, this Daybook knows version {known.VERSION}"


def _refuse_non_finite(event: AnyEvent) -> None:
    for path, value in _floats(msgspec.to_builtins(event.data), "data"):
        if not math.isfinite(value):
            raise InvalidEvent(
                f"{event.type} at seq {event.seq} has {value} in {path}; "
                "only finite numbers can be journalled"
            )


def _floats(value: Any, path: str) -> Iterable[tuple[str, float]]:
    if isinstance(value, float):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _floats(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _floats(item, f"{path}[{index}]")
