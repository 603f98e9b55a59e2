"""Plans for tests: drawn ones, and quiet ones to which a test adds its own trouble."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from engine.terminal.faults import Fault
from tools.simulation.broker import all_bars
from tools.simulation.draw import draw
from tools.simulation.plan import BrokerKind, Plan, Trouble

BARS = 100


def seeds(numbers: Iterable[int], only: Collection[str] = ()) -> Iterator[Plan]:
    """The plans of these seeds; `only` draws kinds of trouble by their names."""
    available = len(all_bars())
    return (draw(seed, bars=BARS, available=available, only=only) for seed in numbers)


def quiet(
    broker: BrokerKind = "market",
    *,
    faults: tuple[Fault, ...] = (),
    troubles: tuple[Trouble, ...] = (),
    strategies: int = 1,
    batch: int = 1,
) -> Plan:
    """A plan in which nothing happens but this."""
    return Plan(
        seed=1,
        broker=broker,
        strategies=strategies,
        first_bar=0,
        bars=BARS,
        batch=batch,
        away=1,
        faults=faults,
        troubles=troubles,
    )
