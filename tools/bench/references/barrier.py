"""What an order takes at least when its intent is durable first: encode, append, wait for the
barrier."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from time import perf_counter_ns

import msgspec

from journal.events import OrderIntended
from tools.bench.corpus import events
from tools.bench.order import barrier
from tools.bench.probes import percentile
from tools.bench.rows import Round, Sample, Setting

_BINARY: int = getattr(os, "O_BINARY", 0)

BEFORE = 4
"""Events of one order up to its intent: bar, proposal, quote, intent."""


def write_orders(setting: Setting) -> Round:
    """Encode and write what the journal holds of each order up to its intent, and wait."""
    recorded = events(setting, 4 * setting.size)
    stories = [
        recorded[max(0, at + 1 - BEFORE) : at + 1]
        for at, event in enumerate(recorded)
        if isinstance(event.data, OrderIntended)
    ]
    numbers, encode = count(), msgspec.json.Encoder().encode

    def run() -> Sample:
        path = Path(setting.folder) / f"{next(numbers)}.jsonl"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY)
        times = []
        try:
            for story in stories:
                begun = perf_counter_ns()
                os.write(handle, b"\n".join([encode(event) for event in story]))
                barrier(handle)
                times.append(perf_counter_ns() - begun)
        finally:
            os.close(handle)
        return {
            "whole_p50": percentile(times, 50) / 1e6,
            "whole_p99": percentile(times, 99) / 1e6,
        }

    return run
