"""How each open position is protected as it stands, for people: what its rules have done, and what
they wait for. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from engine.execution.protection.guard import Guard
from engine.execution.protection.levels import Held, has_gained
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
from projections.positions import Position
from projections.protection import Track
from projections.state import State


class Outlook(msgspec.Struct, frozen=True):
    """One position's protection.

    sl, tp, first_stop   price units, 0 for none; the last is the stop that it was opened with
    gained_r             R gained at the best price since the opening; 0 where it has no R
    trails, waiting      kinds of the rules that follow the price now, and of those that will
    break_even           `done`, `waits`, or empty where no rule asks for it
    targets              of each partial target, R and whether it was reached
    time_stop_msc        server milliseconds from which on a time stop may close it, 0 for none
    """

    position: int
    strategy: str
    sl: float
    tp: float
    first_stop: float
    gained_r: float
    trails: list[str]
    waiting: list[str]
    break_even: str
    targets: list[tuple[float, bool]]
    time_stop_msc: int


def outlooks(state: State, guards: Iterable[Guard]) -> list[Outlook]:
    """Return the outlook of every open position, those that nobody protects included."""
    rules = {(guard.strategy, guard.symbol): guard.rules for guard in guards}
    return [
        _outlook(state, position, rules.get((position.strategy, position.symbol), []))
        for position in state.positions.open.values()
    ]


def _outlook(state: State, position: Position, rules: Sequence[Protection]) -> Outlook:
    spec = state.market.symbols.get(position.symbol)
    track = state.protection.tracks.get(position.identifier)
    if spec is None or track is None:  # nothing is done without them either
        rules = ()
    point = spec.point if spec is not None else 0.0
    held = _held(position, track)
    trailing = [(_kind(rule), follows) for rule, follows in _trailing(rules, held, point)]
    ends = [rule.minutes for rule in rules if isinstance(rule, TimeStop)]
    opened_msc = track.opened_msc if track is not None else 0
    return Outlook(
        position=position.identifier,
        strategy=position.strategy,
        sl=position.sl,
        tp=position.tp,
        first_stop=track.stop if track is not None else 0.0,
        gained_r=round(held.gain / held.r, 2) if held.r else 0.0,
        trails=[kind for kind, follows in trailing if follows],
        waiting=[kind for kind, follows in trailing if not follows],
        break_even=_break_even(rules, held, point),
        targets=[
            (rule.at_r, held.r > 0.0 and has_gained(held, rule.at_r))
            for rule in rules
            if isinstance(rule, PartialTarget)
        ],
        time_stop_msc=opened_msc + 60_000 * min(ends) if ends else 0,
    )


def _held(position: Position, track: Track | None) -> Held:
    stop, best = (track.stop, track.best) if track is not None else (0.0, position.price)
    return Held(
        side=position.side,
        entry=position.price,
        best=best,
        r=max(position.side * (position.price - stop), 0.0) if stop else 0.0,
        sl=position.sl,
        tp=position.tp,
        volume=position.volume,
        opened=track.opened if track is not None else position.volume,
        age_s=0.0,
    )


def _trailing(
    rules: Sequence[Protection], held: Held, point: float
) -> Iterator[tuple[Protection, bool]]:
    """Yield the rules that follow the price, and whether they do now."""
    for rule in rules:
        if isinstance(rule, TrailAtr | TrailBar):
            yield rule, has_gained(held, rule.from_r)
        elif isinstance(rule, TrailSteps):
            yield rule, held.gain >= (rule.step_points - 0.5) * point
        elif isinstance(rule, TrailR):
            yield rule, held.r > 0.0 and has_gained(held, rule.every_r)


def _break_even(rules: Sequence[Protection], held: Held, point: float) -> str:
    """Done is what the stop says, whoever moved it there."""
    wanted = [rule.offset_points for rule in rules if isinstance(rule, BreakEven)]
    if not wanted:
        return ""
    level = held.entry + held.side * min(wanted) * point
    return "done" if held.sl and held.side * (held.sl - level) >= -0.5 * point else "waits"


def _kind(rule: Protection) -> str:
    return str(type(rule).__struct_config__.tag)
