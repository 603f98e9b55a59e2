"""Rounding to decimals, as money, prices and volumes are rounded all the time. Must never give
anything but what `round` gives."""

from __future__ import annotations

_PER_UNIT = tuple(10.0**digits for digits in range(9))

#: Added and subtracted again, it leaves no room for a fraction: what stays is the nearest integer.
_NO_FRACTION = 1.5 * 2.0**52

#: Below it, a product of floats is known to less than a thousandth.
_FAR = 2.0**43


def rounded(value: float, digits: int) -> float:
    """`round(value, digits)` for up to 8 digits, in half the time.

    `round` writes the number out and reads it again, which a number in the middle between two
    decimals needs. Of every other the nearest integer of the smallest units, divided by their
    number in one, is the same float.
    """
    per_unit = _PER_UNIT[digits]
    units = value * per_unit
    whole = (units + _NO_FRACTION) - _NO_FRACTION
    if whole and -0.499 < units - whole < 0.499 and -_FAR < units < _FAR:
        return whole / per_unit
    return round(value, digits) if value else value  # a zero keeps its sign
