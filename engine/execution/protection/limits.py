"""What the broker lets through: how near to the market a stop may lie, and when nothing may be
touched. Pure; the distances' source is `engine/broker/MT5.md` 3.4.

A stop only ever tightens. A level that lies too near is replaced by the nearest that is allowed,
so that the position is as safe as the broker lets it be.
"""

from __future__ import annotations

import math

from engine.broker.prices import round_to_tick
from engine.execution.protection.levels import Held, Seen
from journal.events import SymbolSpecified


def least_distance(seen: Seen, spec: SymbolSpecified) -> float:
    """Return how far from the market a stop must be, price units.

    Beyond the stops level and out of the freeze level, or nobody could move it again. And a spread
    further: the market moves while a change is on its way, and a stops level of 0 may mean that it
    floats with the spread.
    """
    frozen = (spec.freeze_level + 1) * spec.point if spec.freeze_level else 0.0
    least = max(spec.stops_level * spec.point, frozen, spec.tick_size)
    return least + max(seen.ask - seen.bid, 0.0)


def allowed_stop(level: float, held: Held, seen: Seen, spec: SymbolSpecified) -> float | None:
    """Return the stop to ask the broker for, on the tick grid; None when there is none that would
    be tighter than the present one.

    The nearest that is allowed moves with every tick: it is followed a spread at a time.
    """
    nearest = nearest_stop(held.side, seen, spec)
    level, least = round_to_tick(level, spec), spec.tick_size
    if held.side * (level - nearest) > 0.0:
        level, least = nearest, max(seen.ask - seen.bid, spec.tick_size)
    better = held.side * (level - held.sl) > least - spec.tick_size / 2
    return level if level > 0.0 and (not held.sl or better) else None


def nearest_stop(side: int, seen: Seen, spec: SymbolSpecified) -> float:
    """Return the stop on the tick grid that is nearest to the market and still allowed."""
    level = seen.exit(side) - side * least_distance(seen, spec)
    ticks = level / spec.tick_size
    # Away from the market; what is on the grid but for rounding stays where it is.
    whole = math.floor(ticks + 1e-6) if side > 0 else math.ceil(ticks - 1e-6)
    return round_to_tick(whole * spec.tick_size, spec)


def is_frozen(held: Held, seen: Seen, spec: SymbolSpecified) -> bool:
    """Tell whether the market is so near to a level of the position that the broker refuses to
    touch it (10029)."""
    if not spec.freeze_level:
        return False
    price = seen.exit(held.side)
    freeze = (spec.freeze_level + 0.5) * spec.point
    return any(level and abs(price - level) < freeze for level in (held.sl, held.tp))


def target_in_the_way(held: Held, seen: Seen, spec: SymbolSpecified) -> bool:
    """Tell whether the target is too near to the market to be sent along: both levels always are,
    and one that is too near has both refused (10016)."""
    if not held.tp:
        return False
    ahead = held.side * (held.tp - seen.exit(held.side))
    return ahead < max(spec.stops_level * spec.point, spec.tick_size) - spec.tick_size / 2
