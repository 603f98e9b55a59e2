"""What guards a strategy's positions: from the state and the market to a close or a better stop.

Deciding only. It never loosens a stop, has one change or close of a position under way at the most,
and asks again for what was refused or lost until it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import msgspec

from engine.config import Config
from engine.execution.changes import change_levels
from engine.execution.closing import close, may_close
from engine.execution.intents import Draft, Keys
from engine.execution.policy import close_all
from engine.execution.protection.levels import Held, Reduction, Seen, Wish, reduction, tightest
from engine.execution.protection.limits import allowed_stop, is_frozen, target_in_the_way
from engine.execution.protection.rules import Protection, TrailAtr, TrailBar
from engine.strategies.base import StrategyBase
from engine.strategies.indicators import SETTLED, AverageTrueRange
from journal.envelope import Event
from journal.events import BarClosed, PriceSeen, SymbolSpecified
from projections.changes import of_position
from projections.market import series_name
from projections.positions import Position
from projections.protection import waits
from projections.state import State


class Guard(msgspec.Struct):
    """The protection of one strategy's positions.

    atr  by period, fed with the strategy's own bars
    """

    strategy: str
    symbol: str
    timeframe: str
    rules: list[Protection]
    atr: dict[int, AverageTrueRange]

    @classmethod
    def of(cls, config: StrategyBase) -> Self:
        """Return a guard that has seen nothing yet."""
        periods = sorted({r.period for r in config.protection if isinstance(r, TrailAtr)})
        return cls(
            config.name,
            config.symbol,
            config.timeframe,
            config.protection,
            {period: AverageTrueRange(period) for period in periods},
        )

    @property
    def warmup(self) -> int:
        """Bars until a guard built afresh decides like one that has always watched."""
        bars = (rule.bars for rule in self.rules if isinstance(rule, TrailBar))
        return max(*(SETTLED * period + 1 for period in self.atr), *bars, 0, 0)

    def update(self, bar: BarClosed) -> None:
        """Take in one more bar of the strategy's series."""
        for atr in self.atr.values():
            atr.update(bar.high, bar.low, bar.close)


def plan(
    rules: Sequence[Protection], held: Held, seen: Seen, spec: SymbolSpecified
) -> Reduction | Wish | None:
    """Return what the rules want of the broker now, as far as its distances allow it.

    What closes goes before what moves the stop.
    """
    if is_frozen(held, seen, spec):
        return None
    less = reduction(rules, held, seen, spec)
    if less is not None:
        return less
    wish = tightest(rules, held, seen, spec)
    if wish is None or target_in_the_way(held, seen, spec):
        return None
    level = allowed_stop(wish.level, held, seen, spec)
    return Wish(level, wish.reason) if level is not None else None


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """What a guard wants of one position, before it has a key."""

    position: Position
    wish: Reduction | Wish
    seen: Seen


def at_bar(state: State, guards: Iterable[Guard], symbol: str, timeframe: str) -> Iterator[Wanted]:
    """Return what the guards of a series want as its last bar and the newest price show it."""
    price = state.protection.prices.get(symbol)
    if price is None:  # nothing is open in the symbol
        return
    series = state.market.series.get(series_name(symbol, timeframe))
    bars = series.bars if series is not None else ()
    for guard in guards:
        if (guard.symbol, guard.timeframe) == (symbol, timeframe):
            atr = {period: a.value for period, a in guard.atr.items() if a.ready}
            yield from _wanted(state, guard, Seen(price.bid, price.ask, atr, bars), price.msc)


def at_price(state: State, guards: Iterable[Guard], price: PriceSeen) -> Iterator[Wanted]:
    """Return what the guards of a symbol want at a price between two bars: only the rules that
    need no bars speak."""
    seen = Seen(price.bid, price.ask, {}, ())
    for guard in guards:
        if guard.symbol == price.symbol:
            yield from _wanted(state, guard, seen, price.time_msc)


def drafts(
    state: State, config: Config, event: Event[Any], keys: Keys, wanted: Iterable[Wanted]
) -> Iterator[Draft]:
    """Turn what guards want into decisions, as far as there are keys; the rest is wanted again on
    a later event. What goes wholly goes first, opposite positions perhaps by each other."""
    gone, rest = [], []
    for one in wanted:
        if isinstance(one.wish, Reduction) and not one.wish.volume:
            gone.append((one.position, one.wish.reason))
        else:
            rest.append(one)
    yield from close_all(state, config, keys, gone)
    for one in rest:
        if not keys.left:
            return
        position, wish = one.position, one.wish
        if isinstance(wish, Reduction):
            yield close(keys, position, wish.volume, wish.reason)
            continue
        change = change_levels(
            state,
            event,
            keys,
            position,
            sl=wish.level,
            tp=position.tp,
            market=one.seen,
            reason=wish.reason,
        )
        if change is not None:
            yield change


def _wanted(state: State, guard: Guard, seen: Seen, msc: int) -> Iterator[Wanted]:
    spec = state.market.symbols.get(guard.symbol)
    if spec is None:
        return
    for position in list(state.positions.open.values()):
        if position.strategy != guard.strategy or position.symbol != guard.symbol:
            continue
        held = held_at(state, position, seen, msc)
        if held is None or not may_close(state, position):
            continue
        wish = plan(guard.rules, held, seen, spec)
        if isinstance(wish, Wish) and of_position(state.changes, position.identifier):
            continue
        if wish is not None:
            yield Wanted(position, wish, seen)


def held_at(state: State, position: Position, seen: Seen, msc: int) -> Held | None:
    """Return a position as its protection looks at it, at a price and a time of the broker's
    clock; None while it must wait after a refusal."""
    track = state.protection.tracks.get(position.identifier)
    if track is None or waits(track, msc):
        return None
    side, price = position.side, seen.exit(position.side)
    return Held(
        side=side,
        entry=position.price,
        best=price if side * (price - track.best) > 0.0 else track.best,
        r=max(side * (position.price - track.stop), 0.0) if track.stop else 0.0,
        sl=position.sl,
        tp=position.tp,
        volume=position.volume,
        opened=track.opened,
        age_s=(msc - track.opened_msc) / 1000,
    )
