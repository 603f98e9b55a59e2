"""Show a journal's newest events, and go on with each that is written. It only reads."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from journal import manifest
from journal.codec import decode, frame, type_of
from journal.cursor import Cursor
from journal.errors import UsageError
from journal.events import TYPES
from journal.fs import OS_FS
from journal.proof import head
from tools.cli import screen
from tools.cli.errors import FINE
from tools.cli.places import existing
from tools.cli.streams import harmless

INTERVAL_S = 0.2
"""Between two looks at the files."""

Line = tuple[bytes, bytes]
"""An event's bytes and its hash."""


def tail(directory: Path, *, last: int, follow: bool, types: Collection[str], as_json: bool) -> int:
    """Print the last events, and with `follow` every new one until interrupted."""
    _check_types(types)
    after = _before_last(existing(directory), last, types)
    cursor = Cursor(OS_FS, directory, after)
    _print(deque(_new(cursor, types), maxlen=last), as_json=as_json)
    try:
        while follow:
            time.sleep(INTERVAL_S)
            _print(_new(cursor, types), as_json=as_json)
    except KeyboardInterrupt:  # how a person ends it
        pass
    return FINE


def _check_types(types: Collection[str]) -> None:
    for name in types:
        if name not in TYPES:
            like = [known for known in TYPES if known.lower() == name.replace("_", "").lower()]
            known = f"did you mean {like[0]}?" if like else f"known are {', '.join(TYPES)}"
            raise UsageError(f"--type is {name!r}, which is no event type; {known}")


def _before_last(directory: Path, last: int, types: Collection[str]) -> int:
    """Return a sequence after which there are `last` wanted events, or all that there are."""
    listed = manifest.load(OS_FS, directory)
    if not types:
        return max(listed.dropped, head(directory).seq - last)
    found = 0
    for entry in reversed(listed.segments):  # the manifest knows how many of each type are in one
        if found >= last:
            return entry.last
        found += sum(entry.types.get(name, 0) for name in types)
    return listed.dropped


def _new(cursor: Cursor, types: Collection[str]) -> Iterator[Line]:
    for _, bodies, hashes in cursor.blocks():
        for body, h in zip(bodies, hashes, strict=True):
            if not types or type_of(body) in types:
                yield body, h


def _print(lines: Collection[Line] | Iterator[Line], *, as_json: bool) -> None:
    console = screen.out()
    width = console.width if console.is_terminal else 0
    for body, h in lines:
        if as_json:
            sys.stdout.write(frame(body, h).decode())
        else:
            text = harmless(_readable(body))
            sys.stdout.write(f"{_cut(text, width)}\n")
    sys.stdout.flush()


def _readable(body: bytes) -> str:
    event = decode(body)
    data = msgspec.to_builtins(event.data)
    fields = " ".join(f"{name}={_value(value)}" for name, value in data.items())
    moment = screen.moment(event.ts).removesuffix(" UTC")
    key = f"{event.corr} " if event.corr else ""
    return f"{event.seq:>8}  {moment}  {event.type:<20} {key}{fields}".rstrip()


def _value(value: object) -> str:
    if isinstance(value, str) and value and " " not in value:
        return value
    return msgspec.json.encode(value).decode()


def _cut(text: str, width: int) -> str:
    return f"{text[: width - 2]} …" if 0 < width < len(text) else text
