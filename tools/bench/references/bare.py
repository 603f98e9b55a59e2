"""The least that could do the work: system calls and bare decoding, no engine around them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from time import perf_counter, perf_counter_ns

import msgspec

from journal.envelope import Event
from journal.events import TYPES
from tools.bench.corpus import events, frames
from tools.bench.probes import percentile
from tools.bench.rows import Round, Sample, Setting

_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # Windows has fsync only
_BINARY: int = getattr(os, "O_BINARY", 0)


def write_singly(setting: Setting) -> Round:
    """Write and sync the journal's own bytes, a line at a time."""
    return _writing(setting, 1)


def write_by_hundred(setting: Setting) -> Round:
    """Write and sync the journal's own bytes, a hundred lines at a time."""
    return _writing(setting, 100)


def _writing(setting: Setting, batch: int) -> Round:
    lines = frames(setting, setting.size + 1)
    first, rest = lines[0], lines[1:]
    chunks = [b"".join(rest[at : at + batch]) for at in range(0, len(rest), batch)]
    numbers = count()

    def run() -> Sample:
        path = Path(setting.folder) / f"{next(numbers)}.jsonl"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY)
        try:
            os.write(handle, first)
            _sync(handle)
            begun = perf_counter()
            for chunk in chunks:
                os.write(handle, chunk)
                _sync(handle)
            took = perf_counter() - begun
        finally:
            os.close(handle)
        return {"rate": len(rest) / took}

    return run


def decode(setting: Setting) -> Round:
    """Decode the journal's events strictly, each with its decoder at hand; no chain, no fold."""
    calls = [
        (_decoder(event.type), msgspec.json.encode(event))
        for event in events(setting, setting.size)
    ]

    def run() -> Sample:
        begun = perf_counter()
        for call, line in calls:
            call(line)
        return {"rate": len(calls) / (perf_counter() - begun)}

    return run


def decode_bars(setting: Setting) -> Round:
    """Decode one bar's line at a time, each timed by itself like the kernel's step."""
    lines = [
        msgspec.json.encode(event)
        for event in events(setting, setting.size)
        if event.type == "BarClosed"
    ]
    call = _decoder("BarClosed")

    def run() -> Sample:
        times = []
        for line in lines:
            begun = perf_counter_ns()
            call(line)
            times.append(perf_counter_ns() - begun)
        return {"p50": percentile(times, 50) / 1e3, "p99": percentile(times, 99) / 1e3}

    return run


@cache
def _decoder(name: str) -> Callable[[bytes], object]:
    kind = TYPES[name]
    return msgspec.json.Decoder(Event[kind]).decode  # type: ignore[valid-type] # a registry
