"""Where the time of reading goes: each part by itself, over the same events, in one process.

A part has its inputs at hand; what a whole read costs beside its parts is passing events along.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

from journal import layout, read, recover, tail
from journal.codec import WHOLE, decode
from journal.cursor import Cursor
from journal.envelope import AnyEvent
from journal.fs import OS_FS
from journal.manifest import Segment
from projections.state import Fold
from tools.bench.replay import BOOKS
from tools.bench.rows import Contest, Metric, Round, Sample, Setting


def replay(setting: Setting) -> Round:
    """Take a verified replay of the tail apart."""
    directory = Path(setting.corpus)
    names = recover.tail_names(OS_FS, directory)
    files = [OS_FS.read(directory / layout.TAIL / name) for name in names]

    def run() -> Sample:
        bodies: list[bytes] = []
        split = _seconds(lambda: bodies.extend(b for f in files for b in _split(f)))
        chained = _seconds(lambda: _exhaust(b for f in files for b in tail.Scan(f).blocks()))
        del bodies[setting.size :]
        events: list[AnyEvent] = []
        decoded = _seconds(lambda: events.extend(map(decode, bodies)))
        evolve = Fold(only=BOOKS).evolve
        folded = _seconds(lambda: _exhaust(map(evolve, events)))
        count, all_lines = len(events), sum(file.count(b"\n") for file in files)
        return {
            "split": 1e6 * split / all_lines,
            "chain": 1e6 * (chained - split) / all_lines,
            "decode": 1e6 * decoded / count,
            "fold": 1e6 * folded / count,
        }

    return run


def segments(setting: Setting) -> Round:
    """Take an unverified read of segments apart."""
    from journal import segment  # noqa: PLC0415 (loads pyarrow)

    directory = Path(setting.corpus)
    pieces = [
        (data, piece)
        for piece, data in Cursor(OS_FS, directory, 0).pieces(setting.size)
        if isinstance(piece, Segment)
    ]
    events = list(read(directory, until=setting.size, verify=False))
    texts = [body + b"}" for data, _ in pieces for body in segment.readable(data)]
    work = [(WHOLE[event.type], text) for event, text in zip(events, texts, strict=False)]
    count, rows = len(work), len(texts)
    del events, texts

    def run() -> Sample:
        def unpack() -> None:
            _exhaust(rows for data, entry in pieces for rows in segment.unchecked(data, entry))

        def take_apart() -> None:
            _exhaust(body for data, _ in pieces for body in segment.readable(data))

        def whole() -> None:
            _exhaust(read(directory, until=setting.size, verify=False))

        unpacked, taken = _seconds(unpack), _seconds(take_apart)
        decoded = _seconds(lambda: _exhaust(decoder(text) for decoder, text in work))
        return {
            "unpack": 1e6 * unpacked / rows,
            "texts": 1e6 * (taken - unpacked) / rows,
            "decode": 1e6 * decoded / count,
            "whole": 1e6 * _seconds(whole) / count,
        }

    return run


def _split(data: bytes) -> Iterable[bytes]:
    return (body for _, bodies, _ in tail.unchecked(data) for body in bodies)


def _seconds(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _exhaust(items: Iterable[object]) -> None:
    deque(items, maxlen=0)


def _part(key: str, what: str) -> Metric:
    return Metric(key, what, "µs", better="less")


CONTESTS = (
    Contest(
        name="replay-parts",
        group="journal",
        summary="where a verified replay's time goes, microseconds an event",
        ours="tools.bench.parts:replay",
        references={},
        metrics=(
            _part("split", "verified replay: lines"),
            _part("chain", "  chain"),
            _part("decode", "  decode"),
            _part("fold", "  fold"),
        ),
        size=100_000,
        quick=500,
        rounds=5,
    ),
    Contest(
        name="segments-parts",
        group="journal",
        summary="where an unverified read of segments spends its time, microseconds an event",
        ours="tools.bench.parts:segments",
        references={},
        metrics=(
            _part("unpack", "unverified read: Parquet and zstd"),
            _part("texts", "  bytes objects"),
            _part("decode", "  decode"),
            _part("whole", "  all of it"),
        ),
        size=200_000,
        quick=500,
        rounds=5,
        corpus="sealed",
    ),
)
