"""The worker's round trip: from a call in the engine's process to the answer of the simulated
terminal in the worker's, and back."""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import msgspec

from engine.broker.launch import launch_simulated
from engine.broker.simulated import Setup
from engine.broker.supervisor import Supervisor, supervise

BARS = Path(__file__).resolve().parents[1] / "data" / "eurusd_m1_2023q4.csv"
CALLS = 2_000
WARM_UP = 200

CASES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "trivial": ("version", ()),
    "record": ("symbol_info_tick", ("EURUSD",)),
    "wide record": ("symbol_info", ("EURUSD",)),
    "100 bars": ("copy_rates_from_pos", ("EURUSD", 1, 0, 100)),
}
"""What is called: a tuple, records of 8 and of 96 fields, an array of 6,000 bytes."""


def measure(calls: int = CALLS) -> dict[str, dict[str, float]]:
    """Return for each case the round trip's median and 99th percentile in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(
            profile="ecn-hedging", bars={"EURUSD": str(BARS)}, book=str(Path(folder, "book"))
        )

        async def run() -> dict[str, dict[str, float]]:
            async with supervise(launch_simulated(setup), None) as supervisor:
                await supervisor.call("initialize")
                return {
                    name: await _measure(supervisor, calls, function, arguments)
                    for name, (function, arguments) in CASES.items()
                }

        return anyio.run(run)


async def _measure(
    supervisor: Supervisor, calls: int, function: str, arguments: tuple[Any, ...]
) -> dict[str, float]:
    for _ in range(WARM_UP):
        await supervisor.call(function, *arguments)
    taken = []
    for _ in range(calls):
        begun = perf_counter()
        await supervisor.call(function, *arguments)
        taken.append(perf_counter() - begun)
    taken.sort()
    return {
        "p50_ms": round(1e3 * taken[len(taken) // 2], 4),
        "p99_ms": round(1e3 * taken[math.ceil(0.99 * len(taken)) - 1], 4),
    }


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(measure())).decode() + "\n")
