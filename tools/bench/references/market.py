"""The least that could stand for a terminal: a loop over its ticks, a request read and answered."""

from __future__ import annotations

from time import perf_counter, perf_counter_ns

import msgspec

from tools.bench.probes import percentile
from tools.bench.rows import Round, Sample, Setting
from tools.bench.terminal import POINT, SYMBOL, tick_table


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """What an order needs, as it would come over a wire."""

    action: int
    symbol: str
    volume: float
    type: int
    type_filling: int
    magic: int
    sl: float
    tp: float


def tick_loop(setting: Setting) -> Round:
    """Compare each tick with the nearest levels below and above."""
    table = tick_table(setting.size)
    low, high = 1.1 - 400 * POINT, 1.1 + 400 * POINT

    def run() -> Sample:
        reached = 0
        begun = perf_counter()
        columns = [table[name].tolist() for name in ("time_msc", "bid", "ask")]
        for _, bid, ask in zip(*columns, strict=True):
            if bid <= low or ask >= high:
                reached += 1
        took = perf_counter() - begun
        assert not reached
        return {"rate": setting.size / took}

    return run


def decode_and_encode(setting: Setting) -> Round:
    """Decode an order strictly and encode an answer of its size."""
    text = msgspec.json.encode(Request(1, SYMBOL, 0.01, 0, 0, 1, 1.09, 1.11))
    decode, encode = msgspec.json.Decoder(Request).decode, msgspec.json.Encoder().encode

    def run() -> Sample:
        times = []
        for _ in range(setting.size):
            begun = perf_counter_ns()
            encode(decode(text))
            times.append(perf_counter_ns() - begun)
        return {"p50": percentile(times, 50) / 1e3, "p99": percentile(times, 99) / 1e3}

    return run
