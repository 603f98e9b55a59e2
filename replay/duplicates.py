"""Whether anything was done twice, or without being meant: intents that may have had one purpose,
and effects that no intent explains. It reads a journal, and changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from journal.envelope import AnyEvent
from journal.events import (
    DealRecorded,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    RunStarted,
)
from journal.events.mt5 import SERVER_MADE, DealEntry, DealType

WITHIN_S = 30.0
"""Seconds between two intents of one purpose: shorter than the shortest bar that decides."""


class Intent(msgspec.Struct):
    """One intent and what is known of its effect.

    seq, ts   of the intent
    proposed  sequence of what made it be proposed: a bar, a price, a command
    follows   key of the refused intent that it tries again
    filled    lots, by deals
    refused   proven not executed
    orders    the broker's orders that bear its key: more than one is a doubled order
    """

    key: str
    strategy: str
    symbol: str
    side: str
    action: str
    position: int
    volume: float
    seq: int
    ts: int
    proposed: int
    follows: str
    filled: float = 0.0
    refused: bool = False
    orders: list[int] = []

    @property
    def effect(self) -> str:
        """What came of it, in a few words."""
        if self.filled:
            return f"{self.filled:g} lots filled"
        return "refused" if self.refused else "accepted" if self.orders else "not known"


class Pair(msgspec.Struct, frozen=True):
    """Two intents that may have had the same purpose; `why` says what they share."""

    first: Intent
    second: Intent
    why: str


class Unmeant(msgspec.Struct, frozen=True):
    """An effect without an intent; `why` says what gives it away."""

    deal: int
    order: int
    position: int
    symbol: str
    side: str
    volume: float
    magic: int
    comment: str
    seq: int
    why: str


class Findings(msgspec.Struct, frozen=True):
    """What was found; `intents` and `deals` are what was looked at."""

    intents: int
    deals: int
    pairs: list[Pair]
    unmeant: list[Unmeant]


def find(events: Iterable[AnyEvent], within_s: float = WITHIN_S) -> Findings:
    """Look through a journal from its beginning."""
    story = _Story()
    for event in events:
        story.take(event)
    pairs = [pair for group in story.groups.values() for pair in _pairs(group, within_s)]
    pairs.sort(key=lambda pair: (pair.second.seq, pair.first.seq))
    return Findings(len(story.intents), story.deals, pairs, list(story.unmeant()))


class _Story:
    """What a journal tells about intents and effects, by one reading."""

    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}
        self.groups: defaultdict[tuple[str, str, str, str, int], list[Intent]] = defaultdict(list)
        self.deals = 0
        self._proposed: dict[str, tuple[int, str]] = {}
        self._orders: dict[int, str] = {}
        self._magics: set[int] = set()
        self._opened: dict[int, str] = {}
        self._strange: list[tuple[AnyEvent, DealRecorded]] = []

    def take(self, event: AnyEvent) -> None:
        """Take in the next event."""
        data = event.data
        match data:
            case RunStarted():
                strategies = data.config.get("strategies", ())
                self._magics.update(s["magic"] for s in strategies if "magic" in s)
            case OrderProposed():
                self._proposed[data.key] = (event.cause, data.follows)
            case OrderIntended():
                self._intend(event, data)
            case OrderRefused(key=key) if key in self.intents:
                self.intents[key].refused = True
            case OrderAccepted(key=key, order=order) if key in self.intents and order:
                self._belongs(order, key)
            case OrderResolved(key=key, order=order) if key in self.intents:
                self.intents[key].refused = not data.executed
                if order:
                    self._belongs(order, key)
            case OrderFinished(key=key, filled=filled) if key in self.intents and not filled:
                self.intents[key].refused = not self.intents[key].filled
            case DealRecorded() if data.type in (DealType.BUY, DealType.SELL):
                self._trade(event, data)

    def _intend(self, event: AnyEvent, data: OrderIntended) -> None:
        self._magics.add(data.magic)
        proposed, follows = self._proposed.pop(data.key, (0, ""))
        intent = self.intents[data.key] = Intent(
            key=data.key,
            strategy=data.strategy,
            symbol=data.symbol,
            side=data.side,
            action=data.action,
            position=data.position,
            volume=data.volume,
            seq=event.seq,
            ts=event.ts,
            proposed=proposed,
            follows=follows,
        )
        purpose = data.strategy, data.symbol, data.side, data.action, data.position
        self.groups[purpose].append(intent)

    def _belongs(self, order: int, key: str) -> None:
        self._orders[order] = key
        if order not in self.intents[key].orders:
            self.intents[key].orders.append(order)

    def _trade(self, event: AnyEvent, deal: DealRecorded) -> None:
        self.deals += 1
        intent = self.intents.get(event.corr)
        if deal.entry in (DealEntry.IN, DealEntry.INOUT):
            self._opened[deal.position_id] = event.corr
        if intent is None:
            self._strange.append((event, deal))
        elif deal.order and deal.reason not in SERVER_MADE and self._is_its_own(intent, deal):
            intent.filled += deal.volume
            if deal.order not in intent.orders:
                self._belongs(deal.order, intent.key)

    def _is_its_own(self, intent: Intent, deal: DealRecorded) -> bool:
        """Tell a fill of the intent from what others did to the position that it opened."""
        return deal.order in intent.orders or intent.key in deal.comment.upper()

    def unmeant(self) -> Iterator[Unmeant]:
        """Yield the effects that no intent explains, oldest first."""
        for event, deal in self._strange:
            key = self._orders.get(deal.order) or self._opened.get(deal.position_id, "")
            if deal.magic in self._magics and key not in self.intents:
                yield _unmeant(event, deal, "it bears a magic of ours and no known key")
        for intent in self.intents.values():
            if len(intent.orders) > 1:
                yield Unmeant(
                    0, intent.orders[-1], intent.position, intent.symbol, intent.side,
                    intent.volume, 0, intent.key, intent.seq,
                    f"orders {intent.orders} all come from one intent",
                )  # fmt: skip
            elif intent.refused and intent.filled:
                yield Unmeant(
                    0, next(iter(intent.orders), 0), intent.position, intent.symbol, intent.side,
                    intent.filled, 0, intent.key, intent.seq,
                    "the journal says that it was refused, and it was filled",
                )  # fmt: skip


def _unmeant(event: AnyEvent, deal: DealRecorded, why: str) -> Unmeant:
    side = "buy" if deal.type == DealType.BUY else "sell"
    return Unmeant(
        deal.ticket, deal.order, deal.position_id, deal.symbol, side, deal.volume, deal.magic,
        deal.comment, event.seq, why,
    )  # fmt: skip


def _pairs(group: list[Intent], within_s: float) -> Iterator[Pair]:
    """Compare the intents of one strategy, symbol, side and position that had an effect, or whose
    effect nobody knows."""
    effective = [one for one in group if not one.refused or one.filled]
    for index, second in enumerate(effective):
        for first in reversed(effective[:index]):
            apart = (second.ts - first.ts) / 1e9
            same_cause = first.proposed and first.proposed == second.proposed
            if apart >= within_s and not same_cause:
                break
            if second.follows != first.key:
                why = "proposed by the same event" if same_cause else f"{apart:.3f} s apart"
                yield Pair(first, second, why)
