"""Small journals for tests: bars whose figures follow from their number."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from journal import Limits, Writer
from journal.envelope import AnyEvent, stamp
from journal.events import BarClosed
from journal.fs import OS_FS, Fs

RUN = "run-1"
Struct = TypeVar("Struct", bound=msgspec.Struct)


def bar(number: int) -> BarClosed:
    """Return the bar of that number."""
    price = round(1.07 + number % 97 / 100_000, 5)
    return BarClosed(
        symbol="EURUSD",
        timeframe="M1",
        time=1_700_000_040 + 60 * number,
        open=price,
        high=round(price + 0.0003, 5),
        low=round(price - 0.0002, 5),
        close=round(price + 0.0001, 5),
        tick_volume=40 + number % 31,
        spread=7,
        real_volume=0,
    )


def event(seq: int) -> AnyEvent:
    """Return the bar of that number as the event of that sequence."""
    return stamp(bar(seq), seq=seq, ts=1_700_000_100_000_000_000 + 60_000_000_000 * seq, run=RUN)


def events(last: int, first: int = 1) -> list[AnyEvent]:
    """Return the events `first` to `last`."""
    return [event(seq) for seq in range(first, last + 1)]


def grow(
    directory: Path,
    count: int,
    *,
    batch: int = 1024,
    fs: Fs = OS_FS,
    limits: Limits | None = None,
    close: bool = True,
) -> Writer:
    """Append `count` events in writes of `batch`, commit, and close unless told not to."""
    writer = Writer.open(directory, run=RUN, fs=fs, limits=limits or Limits(batch=batch))
    for _ in range(count):
        writer.append(event(writer.next_seq))
    writer.commit()
    if close:
        writer.close()
    return writer


def sample(kind: type[Struct]) -> Struct:
    """Return a payload of any type, whose figures follow from the names of its fields."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return kind(**{field.name: _value(field.name, field.type) for field in info.fields})


def _value(name: str, kind: msgspec.inspect.Type) -> object:
    number = sum(name.encode())
    match kind:
        case msgspec.inspect.BoolType():
            return bool(number % 2)
        case msgspec.inspect.IntType():
            return number
        case msgspec.inspect.FloatType():
            return number / 7
        case msgspec.inspect.StrType():
            return f"{name} {number}"
        case msgspec.inspect.ListType():
            return [_value(name, kind.item_type)]
        case msgspec.inspect.StructType():
            return sample(kind.cls)
        case _:
            return {name: number}


def only_tail(directory: Path) -> Path:
    """Return the one tail file of a small journal."""
    (path,) = (directory / "tail").iterdir()
    return path


def lines_of(path: Path) -> bytes:
    """Return what a tail file holds, without the room behind it."""
    return path.read_bytes().rstrip(b"\n") + b"\n"
