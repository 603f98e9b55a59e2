"""Makes a failing plan small: what can be left out, and it fails still, is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tools.simulation.plan import Plan

PLAIN: dict[str, object] = {
    "symbols": 1,
    "strategies": 1,
    "entries": (),
    "protected": False,
    "policy": "one",
    "found": "leave",
    "close_by": False,
    "most": 0,
    "batch": 1,
    "away": 0,
}
"""What a plan is without its oddities; the broker's stays as it is."""


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """Return the smallest plan found that still fails, by leaving out one thing at a time."""
    while True:
        smaller = next((other for other in _smaller(plan) if fails(other)), None)
        if smaller is None:
            return plan
        plan = smaller


def _smaller(plan: Plan) -> Iterator[Plan]:
    replace = msgspec.structs.replace
    for name in ("faults", "troubles"):
        items = getattr(plan, name)
        for place in range(len(items)):
            yield replace(plan, **{name: items[:place] + items[place + 1 :]})
    for name, plain in PLAIN.items():
        if getattr(plan, name) != plain:
            yield replace(plan, **{name: plain})
    for part in (2, 1.25):
        bars = int(plan.bars / part)
        if 1 <= bars < plan.bars:
            yield replace(plan, bars=bars)
