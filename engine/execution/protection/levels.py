"""What each rule asks for, as pure functions of a position and the market.

`None` stands for "nothing". Which of it may be sent, and when, is for `limits` to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine.execution.protection.rules import (
    BreakEven,
    PartialTarget,
    Protection,
    TimeStop,
    TrailAtr,
    TrailBar,
    TrailR,
    TrailSteps,
)
from engine.risk.sizing import STEP_TOLERANCE, VOLUME_DECIMALS
from journal.events import BarClosed, SymbolSpecified

WHOLE = 1e-9
"""Parts of a step by which a gain may fall short of it through rounding alone and still count."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """One open position, as far as its protection looks at it.

    side        +1 long, -1 short
    entry, best price units: where it was opened, and the best it could have been closed at since
    r           price units from the entry to its first stop; 0 where there was none
    sl, tp      price units, 0 for none
    volume      lots; `opened` of them in all
    age_s       seconds since the opening, by the broker's clock
    """

    side: int
    entry: float
    best: float
    r: float
    sl: float
    tp: float
    volume: float
    opened: float
    age_s: float

    @property
    def gain(self) -> float:
        """The most it has gained since the opening, price units."""
        return self.side * (self.best - self.entry)


class Seen(msgspec.Struct, frozen=True, gc=False):
    """The market, as far as protection looks at it.

    bid, ask  price units, as last seen
    atr       by period, price units; a period is missing while it is not ready
    bars      of the strategy's series, the newest last
    """

    bid: float
    ask: float
    atr: Mapping[int, float]
    bars: Sequence[BarClosed]

    def exit(self, side: int) -> float:
        """Return the price at which a position of this side would be closed."""
        return self.bid if side > 0 else self.ask


class Wish(msgspec.Struct, frozen=True, gc=False):
    """A stop that a rule asks for: its level, price units, and the reason, for people."""

    level: float
    reason: str


def tightest(
    rules: Sequence[Protection], held: Held, seen: Seen, spec: SymbolSpecified
) -> Wish | None:
    """Return the tightest of the stops that the rules ask for; of equal ones the first rule's."""
    best: Wish | None = None
    for rule in rules:
        ask = _STOPS.get(type(rule))
        wish = ask(rule, held, seen, spec) if ask is not None else None
        if wish is not None and (best is None or held.side * (wish.level - best.level) > 0.0):
            best = wish
    return best


def _trail_atr(rule: TrailAtr, held: Held, seen: Seen, spec: SymbolSpecified) -> Wish | None:
    atr = seen.atr.get(rule.period)
    if atr is None or not has_gained(held, rule.from_r):
        return None
    level = held.best - held.side * rule.multiple * atr
    reason = f"{rule.multiple:g} ATR({rule.period}) behind {held.best:.{spec.digits}f}"
    return _if_worth_it(Wish(level, reason), rule.least_points, held, spec)


def _trail_bar(rule: TrailBar, held: Held, seen: Seen, spec: SymbolSpecified) -> Wish | None:
    bars = seen.bars[-rule.bars :]
    if len(bars) < rule.bars or not has_gained(held, rule.from_r):
        return None
    if held.side > 0:
        extreme, name = min(bar.low for bar in bars), "lowest low"
    else:
        extreme = max(bar.high + bar.spread * spec.point for bar in bars)
        name = "highest Ask"
    level = extreme - held.side * rule.offset_points * spec.point
    wish = Wish(level, f"{rule.offset_points} points beyond the {name} of {rule.bars} bars")
    return _if_worth_it(wish, rule.least_points, held, spec)


def _trail_steps(rule: TrailSteps, held: Held, _: Seen, spec: SymbolSpecified) -> Wish | None:
    step = rule.step_points * spec.point
    reason = f"{rule.behind_points} points behind step"
    return _ladder(held, step, rule.behind_points * spec.point, reason)


def _trail_r(rule: TrailR, held: Held, _: Seen, __: SymbolSpecified) -> Wish | None:
    if not held.r:
        return None
    reason = f"{rule.behind_r:g} R behind step"
    return _ladder(held, rule.every_r * held.r, rule.behind_r * held.r, reason)


def _ladder(held: Held, step: float, behind: float, reason: str) -> Wish | None:
    steps = math.floor(held.gain / step + WHOLE)
    if steps < 1:
        return None
    level = held.entry + held.side * (steps * step - behind)
    return Wish(level, f"{reason} {steps}")


def _break_even(rule: BreakEven, held: Held, _: Seen, spec: SymbolSpecified) -> Wish | None:
    if not held.r or not has_gained(held, rule.at_r):
        return None
    level = held.entry + held.side * rule.offset_points * spec.point
    return Wish(level, f"break-even at {rule.at_r:g} R, {rule.offset_points} points beyond entry")


_STOPS: dict[type, Callable[[Any, Held, Seen, SymbolSpecified], Wish | None]] = {
    TrailAtr: _trail_atr,
    TrailBar: _trail_bar,
    TrailSteps: _trail_steps,
    TrailR: _trail_r,
    BreakEven: _break_even,
}


def has_gained(held: Held, multiple: float) -> bool:
    """Tell whether the position has ever gained so many R; without an R, only whether none is
    asked for."""
    if not held.r:
        return not multiple
    return held.gain >= (multiple - WHOLE) * held.r


def _if_worth_it(wish: Wish, least_points: int, held: Held, spec: SymbolSpecified) -> Wish | None:
    """Return the wish unless it would move the stop by less than is worth a change."""
    better = held.side * (wish.level - held.sl)
    return wish if not held.sl or better >= (least_points - 0.5) * spec.point else None


class Reduction(msgspec.Struct, frozen=True, gc=False):
    """So much of a position shall be closed: lots, 0 for all of it; and why."""

    volume: float
    reason: str


def reduction(
    rules: Sequence[Protection], held: Held, seen: Seen, spec: SymbolSpecified
) -> Reduction | None:
    """Return what the rules want closed now."""
    for rule in rules:
        if isinstance(rule, TimeStop) and _is_over(rule, held, seen):
            return Reduction(0.0, f"open for {rule.minutes} minutes")
    reached = [r for r in rules if isinstance(r, PartialTarget) and _is_reached(r, held)]
    return _partly(reached, held, spec) if reached else None


def _is_over(rule: TimeStop, held: Held, seen: Seen) -> bool:
    if held.age_s < 60 * rule.minutes:
        return False
    if rule.below_r is None:
        return True
    gain = held.side * (seen.exit(held.side) - held.entry)
    return gain < (rule.below_r - WHOLE) * held.r if held.r else gain < 0.0


def _is_reached(rule: PartialTarget, held: Held) -> bool:
    return held.r > 0.0 and has_gained(held, rule.at_r)


def _partly(
    reached: Sequence[PartialTarget], held: Held, spec: SymbolSpecified
) -> Reduction | None:
    """Close what is open above the rest that the reached targets leave.

    The rest is what counts, not which parts were sent: so a lost or refused close is asked for
    again, and a target is never taken twice.
    """
    percent = math.fsum(rule.part_percent for rule in reached)
    rest = held.opened * (1.0 - percent / 100.0)
    steps = math.ceil(rest / spec.volume_step - STEP_TOLERANCE)
    rest = max(round(steps * spec.volume_step, VOLUME_DECIMALS), spec.volume_min)
    volume = round(held.volume - rest, VOLUME_DECIMALS)
    if volume < spec.volume_min - STEP_TOLERANCE * spec.volume_step:
        return None  # too little for an order of its own: it stays until a later target
    farthest = max(rule.at_r for rule in reached)
    return Reduction(volume, f"target of {farthest:g} R: {percent:g} % of {held.opened:g} lots")
