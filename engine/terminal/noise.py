"""Random numbers that are a function of a seed and two names, so that nothing has to be remembered.

A draw does not depend on the draws before it: a terminal that is opened again draws the same
numbers.
"""

from __future__ import annotations

import math

_MASK = (1 << 64) - 1


def unit(seed: int, stream: int, number: int) -> float:
    """A number in [0, 1), uniform; `stream` keeps the uses of one seed apart."""
    return (_mix(_mix(seed & _MASK, stream), number) >> 11) / (1 << 53)


def normal(seed: int, stream: int, number: int) -> float:
    """A number with mean 0 and deviation 1 (Box and Muller, 1958)."""
    first, second = unit(seed, stream, 2 * number), unit(seed, stream, 2 * number + 1)
    return math.sqrt(-2.0 * math.log(1.0 - first)) * math.cos(2.0 * math.pi * second)


def _mix(state: int, value: int) -> int:
    """One step of SplitMix64 (Steele, Lea and Flood, 2014) after adding a value."""
    mixed = (state + (value + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)
