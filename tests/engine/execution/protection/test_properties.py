"""What holds of every position, under every set of rules, whatever the market does."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.protection.guard import plan
from engine.execution.protection.levels import Held, Reduction, Seen, Wish
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
from journal.events import SymbolSpecified
from tests.engine.execution.protection.worlds import bar, seen, spec

POINT = 0.00001
small = st.integers(0, 60)
multiples = st.sampled_from([0.0, 0.5, 1.0, 2.0])
some = st.sampled_from([0.5, 1.0, 2.0])
rules = st.lists(
    st.one_of(
        st.builds(TrailAtr, multiple=some, from_r=multiples, least_points=st.integers(1, 30)),
        st.builds(TrailBar, bars=st.integers(1, 3), offset_points=small),
        st.builds(TrailSteps, step_points=st.integers(1, 60), behind_points=small),
        st.builds(TrailR, every_r=some, behind_r=multiples),
        st.builds(BreakEven, at_r=some, offset_points=small),
        st.builds(PartialTarget, at_r=some, part_percent=st.integers(1, 19).map(float)),
        st.builds(TimeStop, minutes=st.integers(1, 30), below_r=st.none() | multiples),
    ),
    min_size=1,
    max_size=5,
)
symbols = st.builds(
    lambda stops, freeze, step: spec(
        stops_level=stops, freeze_level=freeze, volume_step=step, volume_min=2 * step
    ),
    st.integers(0, 30),
    st.integers(0, 15),
    st.sampled_from([0.01, 0.1, 0.03]),
)
ticks = st.sampled_from([1, 5, 8])
"""Points in a tick."""
markets = st.lists(st.tuples(st.integers(-80, 80), st.integers(0, 20)), min_size=1, max_size=25)


def price(points: int) -> float:
    """So many points from 1.10000."""
    return round(1.1 + points * POINT, 5)


def start(side: int, steps: int, symbol: SymbolSpecified) -> Held:
    volume = round(steps * symbol.volume_step, 8)
    return Held(
        side=side,
        entry=1.1,
        best=1.1,
        r=0.0004,
        sl=price(-40 * side),
        tp=0.0,
        volume=volume,
        opened=volume,
        age_s=0.0,
    )


def look(held: Held, move: int, spread: int, before: int) -> tuple[Held, Seen]:
    """A minute later the market is elsewhere."""
    low, high = sorted((price(before), price(move)))
    market = seen(price(move), spread * POINT, bars=[bar(low, high, spread)] * 3)
    out = market.exit(held.side)
    best = out if held.side * (out - held.best) > 0 else held.best
    return msgspec.structs.replace(held, best=best, age_s=held.age_s + 60), market


@given(rules, symbols, markets, st.sampled_from([1, -1]), st.integers(2, 300), ticks)
def test_a_stop_only_tightens_and_keeps_every_distance(
    rules: list[Protection],
    symbol: SymbolSpecified,
    moves: list[tuple[int, int]],
    side: int,
    steps: int,
    tick: int,
) -> None:
    symbol = msgspec.structs.replace(symbol, tick_size=tick * POINT)
    held, before, closed = start(side, steps, symbol), 0, 0.0
    for move, spread in moves:
        held, market = look(held, move, spread, before)
        before = move
        wanted = plan(rules, held, market, symbol)
        if wanted is None:
            continue
        out = market.exit(side)
        frozen = symbol.freeze_level * POINT + POINT / 2
        if symbol.freeze_level:
            assert abs(out - held.sl) > frozen, "sent while the broker would refuse it"
        if isinstance(wanted, Wish):
            assert side * (wanted.level - held.sl) > POINT / 2, "it loosens, or changes nothing"
            grid = wanted.level / symbol.tick_size
            assert abs(grid - round(grid)) < 1e-6, "not on the tick grid"
            room = side * (out - wanted.level)
            assert room > max(symbol.stops_level, 1) * POINT - POINT / 2, "too near"
            if symbol.freeze_level:
                assert room > frozen, "nobody could move it again"
            held = msgspec.structs.replace(held, sl=wanted.level)
            again = plan(rules, held, market, symbol)
            assert not isinstance(again, Wish), "wished twice"
        else:
            held, closed = close(held, wanted, symbol, closed)
            if not held.volume:
                break
        assert plan(rules, held, market, symbol) is None or isinstance(wanted, Reduction)


def close(
    held: Held, wanted: Reduction, symbol: SymbolSpecified, closed: float
) -> tuple[Held, float]:
    """Close a part as the broker would, and hold the sum against what was opened."""
    volume = wanted.volume or held.volume
    assert volume >= symbol.volume_min - 1e-9
    steps = volume / symbol.volume_step
    assert abs(steps - round(steps)) < 1e-6, "not on the volume grid"
    closed = round(closed + volume, 8)
    assert closed <= held.opened + 1e-9, "more than was opened"
    rest = round(held.volume - volume, 8)
    assert rest == 0.0 or rest >= symbol.volume_min - 1e-9, "a rest that nobody can close"
    return msgspec.structs.replace(held, volume=rest), closed


@given(rules, symbols, markets, st.sampled_from([1, -1]), st.integers(2, 300))
def test_long_and_short_are_mirrored(
    rules: list[Protection],
    symbol: SymbolSpecified,
    moves: list[tuple[int, int]],
    side: int,
    steps: int,
) -> None:
    """With no spread, a short position wants the mirror image of what a long one wants."""
    rules = [rule for rule in rules if not isinstance(rule, TrailBar)]
    one, other, before = start(side, steps, symbol), start(-side, steps, symbol), 0
    for move, _ in moves:
        one, here = look(one, move, 0, before)
        other, there = look(other, -move, 0, -before)
        before = move
        mine, theirs = plan(rules, one, here, symbol), plan(rules, other, there, symbol)
        assert type(mine) is type(theirs)
        if isinstance(mine, Wish) and isinstance(theirs, Wish):
            assert abs((mine.level - 1.1) + (theirs.level - 1.1)) < 1.5 * POINT
            one = msgspec.structs.replace(one, sl=mine.level)
            other = msgspec.structs.replace(other, sl=round(2.2 - mine.level, 5))
        elif isinstance(mine, Reduction):
            break
