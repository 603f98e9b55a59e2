"""The deterministic kernel: an event in, decisions out.

It does no I/O, reads no clock and draws no randomness: time is the event's time, identifiers are
functions of the journal's sequence. Live, simulated and replayed runs are this same kernel; nothing
in it asks which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from engine.config import Config
from engine.execution import commands, discrepancies, reactors, settling
from engine.execution import policy as policies
from engine.execution.intents import Draft, Keys
from engine.execution.moving import move
from engine.execution.protection.guard import Guard, at_bar, at_price, drafts
from engine.execution.reconcile import is_reused
from engine.execution.unexplained import strangers
from engine.strategies.base import Proposal, follow
from engine.strategies.catalogue import AnyStrategy, build
from journal.envelope import AnyEvent, Event, stamp
from journal.errors import DaybookError
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    CancelRequested,
    ChangeChecked,
    ClockOffsetMeasured,
    DealRecorded,
    EvidenceGathered,
    FeedCaughtUp,
    FlattenRequested,
    OrderFinished,
    OrderProposed,
    OrderResolved,
    Payload,
    PriceSeen,
    QuoteObserved,
    QuoteUnavailable,
    RunStarted,
    TerminalLost,
)
from projections.market import recent
from projections.policies import is_half
from projections.state import Fold, State

Strategies = dict[tuple[str, str], list[AnyStrategy]]
"""By symbol and timeframe."""

Listeners = dict[tuple[str, str], list[AnyStrategy | Guard]]
"""Who is told the bars of a series."""


class Memory(msgspec.Struct):
    """Everything that a kernel knows, as one value of plain values: what a snapshot holds.

    config  of the run, None before the first one
    guards  of the strategies whose positions are protected
    """

    state: State
    config: Config | None
    strategies: list[AnyStrategy]
    guards: list[Guard]


class Kernel:
    """Folds every event into the state and decides on inputs.

    A recorded decision is folded with `evolve`; an input is folded and decided on with `step`.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        """Know nothing yet, or what another kernel knew; the memory is taken over, not copied."""
        self._fold = Fold(memory.state if memory is not None else None)
        self.state: State = self._fold.state
        self._config = memory.config if memory is not None else None
        self._strategies: Strategies = {}
        self._guards: list[Guard] = []
        self._listeners: Listeners = {}
        for strategy in memory.strategies if memory is not None else ():
            self._enlist(strategy)
        for guard in memory.guards if memory is not None else ():
            self._post(guard)
        self._fold.also(BarClosed, _tell, self._listeners)
        self._fold.also(RunStarted, Kernel._start, self)
        self._reactors: dict[type, Callable[[Event[Any]], Iterable[Draft]]] = {
            RunStarted: lambda event: reactors.on_start(self.state, event),
            BarClosed: self._on_bar,
            PriceSeen: self._on_price,
            QuoteObserved: lambda event: reactors.on_quote(
                self.state, self.config, event, Keys(event)
            ),
            QuoteUnavailable: lambda event: reactors.on_no_quote(self.state, event),
            BrokerReplied: self._on_reply,
            EvidenceGathered: self._on_evidence,
            ChangeChecked: self._on_checked,
            OrderResolved: self._on_resolved,
            BrokerSnapshotTaken: self._on_snapshot,
            TerminalLost: self._on_lost,
            FeedCaughtUp: self._pursue,
            DealRecorded: self._on_deal,
            ClockOffsetMeasured: lambda event: discrepancies.on_clock(self.state, event),
            OrderFinished: self._pursue,
            FlattenRequested: self._pursue,
            CancelRequested: self._pursue,
        }

    @property
    def memory(self) -> Memory:
        """Everything the kernel knows; the same objects that it goes on with."""
        strategies = [one for told in self._strategies.values() for one in told]
        return Memory(self.state, self._config, strategies, self._guards)

    @property
    def config(self) -> Config:
        """The configuration of the run, as its `RunStarted` recorded it."""
        if self._config is None:
            raise DaybookError("the kernel was asked to decide before any RunStarted event")
        return self._config

    def step(self, event: AnyEvent) -> list[AnyEvent]:
        """Fold in an input and return the decisions it leads to, folded in already, in journal
        order."""
        self._fold.evolve(event)
        return self._react(event)

    def step_bars(self, events: Sequence[Event[BarClosed]]) -> tuple[int, list[AnyEvent]]:
        """Fold in bars of one series, at least one, up to the first that leads to decisions; return
        how many those are, and the decisions.

        The same as `step` with one after the other, and much cheaper.
        """
        taken, decisions = 0, list[AnyEvent]()
        while taken < len(events) and not decisions:
            taken += self._take_in(events[taken:])
            decisions = self._react(events[taken - 1])
        return taken, decisions

    def _take_in(self, events: Sequence[Event[BarClosed]]) -> int:
        """Fold in bars as far as none but the last can lead to anything; return how many."""
        state = self.state
        if state.orders.open or (self._guards and state.positions.open) or commands.wanted(state):
            self._fold.evolve(events[0])
            return 1
        bars = [event.data for event in events]
        series = bars[0].symbol, bars[0].timeframe
        told = self._strategies.get(series, ())
        count = told[0].follow(bars) if len(told) == 1 else follow(told, bars)
        for guard in self._guards:
            if (guard.symbol, guard.timeframe) == series:
                for bar in bars[:count]:
                    guard.update(bar)
        self._fold.evolve_bars(events[:count])
        return count

    def _react(self, event: AnyEvent) -> list[AnyEvent]:
        react = self._reactors.get(type(event.data))
        drafts = react(event) if react is not None else ()
        decisions: list[AnyEvent] = []
        if not drafts:  # on almost every bar
            return decisions
        for data, key in self._weighed(drafts):
            decision = _decision(event, len(decisions), data, key)
            self._fold.evolve(decision)
            decisions.append(decision)
        return decisions

    def complete(self, event: AnyEvent, recorded: list[AnyEvent]) -> list[AnyEvent]:
        """Fold in the journal's last input with the decisions recorded after it; return those that
        are missing.

        A crash can cut a step between its input and its decisions. Where today's code decides
        otherwise than was recorded, the record stands and nothing is added.
        """
        self._fold.evolve(event)
        react = self._reactors.get(type(event.data))
        drafts = self._weighed(react(event)) if react is not None else iter(())
        missing: list[AnyEvent] = []
        for done in recorded:
            draft = next(drafts, None)
            if draft is None or _decision(event, done.seq - event.seq - 1, *draft) != done:
                drafts = iter(())
            self._fold.evolve(done)
        for data, key in drafts:
            decision = _decision(event, len(recorded) + len(missing), data, key)
            self._fold.evolve(decision)
            missing.append(decision)
        return missing

    def evolve(self, event: AnyEvent) -> None:
        """Fold in an event without deciding anything."""
        self._fold.evolve(event)

    def _start(self, event: Event[RunStarted]) -> None:
        """Build the strategies afresh from the recorded configuration and the remembered bars.

        A run's strategies are thus a function of the journal alone.
        """
        manifest = event.data
        try:
            config = msgspec.convert(manifest.config, Config)
        except msgspec.ValidationError as error:
            raise DaybookError(
                f"the configuration that RunStarted recorded (code {manifest.code_version}) is not "
                f"one that this version reads: {error}; use the version that wrote the journal"
            ) from error
        self._config = config
        self._strategies.clear()
        self._guards.clear()
        self._listeners.clear()
        for entry in config.strategies:
            self._enlist(build(entry))
            if entry.protection:
                self._post(Guard.of(entry))
        for series, listeners in self._listeners.items():
            for bar in recent(self.state.market, *series):
                for listener in listeners:
                    listener.update(bar)

    def _enlist(self, strategy: AnyStrategy) -> None:
        series = strategy.config.symbol, strategy.config.timeframe
        self._strategies.setdefault(series, []).append(strategy)
        self._listeners.setdefault(series, []).append(strategy)

    def _post(self, guard: Guard) -> None:
        self._guards.append(guard)
        self._listeners.setdefault((guard.symbol, guard.timeframe), []).append(guard)

    def _weighed(self, drafts: Iterable[Draft]) -> Iterator[Draft]:
        """Put behind each proposal the veto that needs no quote, once the proposal is folded in."""
        for draft in drafts:
            yield draft
            data, key = draft
            if type(data) is OrderProposed:
                yield from reactors.on_proposed(self.state, self.config, key)

    def _on_bar(self, event: Event[BarClosed]) -> Iterable[Draft]:
        state = self.state
        if not state.run.live:  # caught up on later: too old to trade on
            return ()
        bar = event.data
        told = self._strategies.get((bar.symbol, bar.timeframe), ())
        wishes = [strategy.propose() for strategy in told]
        if any(wishes) or commands.wanted(state) or (self._guards and state.positions.open):
            return self._decide(event, told, wishes)
        return policies.lapse(state, self.config, event.ts) if state.orders.open else ()

    def _decide(
        self,
        event: Event[BarClosed],
        told: Sequence[AnyStrategy],
        wishes: Sequence[Proposal | None],
    ) -> Iterator[Draft]:
        for index, (strategy, wish) in enumerate(zip(told, wishes, strict=True)):
            if wish is not None:
                own = Keys(event, taken=index)
                yield move(self.state, self.config, event, own, strategy.config, wish) or (
                    reactors.propose(own, strategy.config, wish)
                )
        keys, bar = Keys(event, taken=len(told)), event.data
        if commands.wanted(self.state):
            yield from commands.pursue(self.state, self.config, event, keys)
        if self._guards:
            wanted = at_bar(self.state, self._guards, bar.symbol, bar.timeframe)
            yield from drafts(self.state, self.config, event, keys, wanted)
        yield from policies.lapse(self.state, self.config, event.ts)

    def _on_price(self, event: Event[PriceSeen]) -> Iterable[Draft]:
        wanted = at_price(self.state, self._guards, event.data)
        return (
            drafts(self.state, self.config, event, Keys(event), wanted)
            if self.state.run.live
            else ()
        )

    def _on_reply(self, event: Event[BrokerReplied]) -> Iterator[Draft]:
        keys = Keys(event)
        change = self.state.changes.open.get(event.data.key)
        yield from settling.on_reply(self.state, self.config, event, keys)
        if change is not None:
            yield from self._newest(event, keys, change.wish.symbol)
        yield from strangers(self.state)

    def _on_evidence(self, event: Event[EvidenceGathered]) -> Iterator[Draft]:
        yield from settling.on_evidence(self.state, event)
        yield from strangers(self.state)

    def _on_resolved(self, event: Event[OrderResolved]) -> Iterator[Draft]:
        yield from commands.on_resolved(self.state, event)
        yield from strangers(self.state)

    def _on_checked(self, event: Event[ChangeChecked]) -> Iterator[Draft]:
        change = self.state.changes.open.get(event.data.key)
        yield from settling.on_checked(self.state, event)
        if change is not None:
            yield from self._newest(event, Keys(event), change.wish.symbol)
        yield from strangers(self.state)

    def _newest(self, event: Event[Any], keys: Keys, symbol: str) -> Iterator[Draft]:
        """One change at a time is under way of a position: now that one has been answered, only the
        newest wish counts."""
        if not self.state.run.live:
            return
        for timeframe in sorted({g.timeframe for g in self._guards if g.symbol == symbol}):
            wanted = at_bar(self.state, self._guards, symbol, timeframe)
            yield from drafts(self.state, self.config, event, keys, wanted)

    def _pursue(self, event: Event[Any]) -> Iterable[Draft]:
        """Go on with what an operator wants."""
        if not commands.wanted(self.state):
            return ()
        return commands.pursue(self.state, self.config, event, Keys(event))

    def _on_deal(self, event: Event[DealRecorded]) -> Iterable[Draft]:
        if is_reused(self.state, event.data):
            return discrepancies.on_reused(self.state, event)
        if is_half(self.state.policies, event.corr):  # the other position's deal comes next
            return ()
        if self.state.unexplained.deals:
            return chain(self._pursue(event), strangers(self.state))
        return self._pursue(event)

    def _on_snapshot(self, event: Event[BrokerSnapshotTaken]) -> Iterator[Draft]:
        yield from discrepancies.on_snapshot(self.state, self.config, event)
        keys = Keys(event)
        if commands.wanted(self.state):
            yield from commands.pursue(self.state, self.config, event, keys)
        yield from policies.found(self.state, self.config, keys)
        yield from strangers(self.state)

    def _on_lost(self, event: Event[TerminalLost]) -> Iterator[Draft]:
        yield from reactors.on_lost(self.state, event)
        yield from settling.overdue(self.state, self.config, event)


def _tell(listeners: Listeners, event: Event[BarClosed]) -> None:
    bar = event.data
    for listener in listeners.get((bar.symbol, bar.timeframe), ()):
        listener.update(bar)


def _decision(cause: AnyEvent, index: int, data: Payload, key: str) -> AnyEvent:
    """Give the `index`-th decision of a step its place right behind its cause."""
    return stamp(data, cause.seq + 1 + index, cause.ts, cause.run, cause.seq, key)


def warmup_of(config: Config) -> int:
    """Return how many bars of each series the configured strategies need to see before they can
    speak."""
    return max(max(build(entry).warmup, Guard.of(entry).warmup) for entry in config.strategies)
