"""Whole sessions for tests: the kernel trades bars with a scripted broker that fills, refuses,
requotes, loses replies and closes at stops and targets. Same seed, same bars, same journal.

Run as a program it prints every decision's bytes and the final digest, for comparing processes.
"""

from __future__ import annotations

import locale
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import cast

import msgspec

from engine.config import Config
from engine.execution.intents import base32
from engine.feeds.bars import read_rates
from engine.kernel import Kernel, warmup_of
from engine.recovery import rebuild
from engine.strategies.baseline import MaCrossRsiConfig
from journal import codec
from journal.envelope import AnyEvent, stamp
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    ClockOffsetMeasured,
    DealRecorded,
    EvidenceGathered,
    FeedCaughtUp,
    OrderIntended,
    OrderProposed,
    OrderUnresolved,
    Payload,
    PositionSeen,
    QuoteObserved,
    QuoteUnavailable,
    Role,
    RunEnded,
    SymbolSpecified,
    TerminalConnected,
)
from projections.idempotency import key_of
from projections.orders import unresolved
from projections.state import State, digest
from tests.given import CONFIG, SYMBOL, a, deposit, manifest

BARS = Path(__file__).resolve().parents[1] / "tools" / "data" / "eurusd_m1_2023q4.csv"

TWO_STRATEGIES = msgspec.structs.replace(
    CONFIG,
    strategies=[
        MaCrossRsiConfig(name="slow", magic=77, symbol=SYMBOL),
        MaCrossRsiConfig(name="quick", magic=78, symbol=SYMBOL, fast=5, slow=20),
    ],
)

START_BALANCE = 10_000.0


def real_bars(count: int) -> list[BarClosed]:
    """The first bars that the repository ships."""
    return [BarClosed(SYMBOL, "M1", *row) for row in read_rates(BARS)[:count].tolist()]


@dataclass
class Held:
    """A position in the scripted broker's book."""

    intent: OrderIntended
    price: float


class Session:
    """One account's history in the making: `start`, `bar` by bar, `end`; `kill` in between."""

    def __init__(self, config: Config = TWO_STRATEGIES, seed: int = 1) -> None:
        self.events: list[AnyEvent] = []
        self._config = config
        self._chance = Random(seed)
        self._kernel = Kernel()
        self._decided: deque[AnyEvent] = deque()
        self._runs = 0
        self._ticket = 1000
        self._now = 0
        self._spread = 0.0
        self._close = 0.0
        self._deals: list[DealRecorded] = []
        self._held: dict[int, Held] = {}
        self._effects: dict[type[Payload], Callable[[AnyEvent], None]] = {
            OrderProposed: self._quote,
            OrderIntended: self._execute,
            OrderUnresolved: self._search,
        }

    @property
    def state(self) -> State:
        return self._kernel.state

    def start(self, first: BarClosed) -> None:
        """Begin a run as the engine does: manifest, connection, deals, evidence, snapshot."""
        self._runs += 1
        self._now = first.time
        self._record(manifest(self._config, warmup=warmup_of(self._config)))
        for payload in (
            a(TerminalConnected),
            a(SymbolSpecified),
            a(ClockOffsetMeasured, server_msc=self._now * 1000),
        ):
            self._record(payload)
        if not self._deals:
            self._deals.append(deposit(START_BALANCE, ticket=self._next_ticket()))
        self._read_deals()
        self._decided.clear()
        for order in unresolved(self.state.orders):
            self._look_for(order.key)
        self._record(a(FeedCaughtUp))
        self._snapshot()
        self._settle()

    def bar(self, bar: BarClosed) -> None:
        """One minute passes: stops and targets, then the bar, then what it leads to."""
        self._now, self._close = bar.time + 60, bar.close
        self._spread = max(bar.spread, 1) * 0.00001
        for ticket in list(self._held):
            self._close_if_hit(ticket, bar)
        if self._chance.random() < 0.002:
            self._trade_by_hand()
        self._read_deals()
        self._record(bar)
        self._settle()

    def kill(self) -> None:
        """Lose everything but the journal, and rebuild from it."""
        self._kernel = Kernel()
        assert rebuild(self._kernel, self.events) == []
        self._decided.clear()

    def end(self) -> None:
        """End the run as the engine does."""
        self._snapshot()
        self._record(RunEnded("data ended", "", digest(self.state)))

    # --- the journal

    def _record(self, payload: Payload, cause: int = 0, corr: str = "") -> None:
        event = stamp(
            payload,
            seq=len(self.events) + 1,
            ts=self._now * 1_000_000_000,
            run=f"20231002-{base32(self._runs, 7)}",
            cause=cause,
            corr=corr,
        )
        self.events.append(event)
        decisions = self._kernel.step(event)
        self.events += decisions
        self._decided += decisions

    def _settle(self) -> None:
        while self._decided:
            decision = self._decided.popleft()
            effect = self._effects.get(type(decision.data))
            if effect is not None:
                effect(decision)

    def _read_deals(self) -> None:
        index = self.state.idempotency
        for deal in self._deals[len(index.deals) :]:
            key = key_of(index, deal)
            self._record(deal, cause=index.intents.get(key, 0), corr=key)

    # --- effects, and what the broker makes of them

    def _quote(self, proposed: AnyEvent) -> None:
        order = self.state.orders.open.get(proposed.corr)
        if order is None or order.status != "proposed":
            return
        data: Payload
        if self._chance.random() < 0.03:
            data = QuoteUnavailable(SYMBOL, "symbol_info_tick failed: Terminal: Call failed (-1)")
        else:
            bid = self._close
            ask = round(bid + self._spread, 5)
            data = a(
                QuoteObserved, time_msc=self._now * 1000, bid=bid, ask=ask, margin_per_lot=1000.0
            )
        self._record(data, cause=proposed.seq, corr=order.key)

    def _execute(self, intended: AnyEvent) -> None:
        intent = cast(OrderIntended, intended.data)
        fate = self._chance.random()
        if fate < 0.12:
            reply = self._reply(intent, 0, retcode=10004, comment="Requote")
        elif fate < 0.20:  # lost on the way there
            reply = self._reply(intent, 0, error=-10002, error_text="IPC recv failed")
        else:
            order = self._fill(intent)
            reply = self._reply(intent, order, retcode=10009)
            if fate < 0.30:  # lost on the way back
                reply = self._reply(intent, 0, error=-10002, error_text="IPC recv failed")
            elif fate < 0.40:  # deals are seen before the reply
                self._read_deals()
        self._record(reply, cause=intended.seq, corr=intent.key)
        self._read_deals()

    def _reply(
        self,
        intent: OrderIntended,
        order: int,
        *,
        retcode: int = 0,
        error: int = 1,
        error_text: str = "",
        comment: str = "",
    ) -> BrokerReplied:
        return a(
            BrokerReplied,
            key=intent.key,
            retcode=retcode,
            error=error,
            error_text=error_text,
            deal=0,
            order=order,
            comment=comment,
        )

    def _search(self, decision: AnyEvent) -> None:
        order = self.state.orders.open.get(decision.corr)
        if order is not None and order.status == "unresolved":
            self._look_for(order.key)

    def _look_for(self, key: str) -> None:
        own = [d for d in self._deals if d.comment == key]
        orders = sorted({d.order for d in own})
        evidence = EvidenceGathered(key, 1 if orders else 4, orders, [d.ticket for d in own], [])
        self._record(evidence, cause=self.state.orders.open[key].seq, corr=key)

    def _fill(self, intent: OrderIntended) -> int:
        order = self._next_ticket()
        self._held[order] = Held(intent, intent.price)
        half = round(intent.volume / 2, 2)
        parts = (
            [half, round(intent.volume - half, 2)] if self._chance.random() < 0.2 and half else []
        )
        for volume in parts or [intent.volume]:
            self._deal(intent, order, intent.side, volume, intent.price, comment=intent.key)
        return order

    def _close_if_hit(self, ticket: int, bar: BarClosed) -> None:
        held = self._held[ticket]
        intent = held.intent
        sign = 1 if intent.side == "buy" else -1
        low, high = (bar.low, bar.high) if sign > 0 else (-bar.high, -bar.low)
        for level, hit, reason, name in (
            (intent.sl, low <= sign * intent.sl, 4, "sl"),
            (intent.tp, high >= sign * intent.tp, 5, "tp"),
        ):
            if level and hit:
                del self._held[ticket]
                self._close_position(held, ticket, level, reason, f"[{name} {level:.5f}]")
                return

    def _close_position(
        self, held: Held, ticket: int, price: float, reason: int, comment: str
    ) -> None:
        intent = held.intent
        sign = 1 if intent.side == "buy" else -1
        self._deal(
            intent,
            ticket,
            "sell" if sign > 0 else "buy",
            intent.volume,
            price,
            entry=1,
            reason=reason,
            profit=round(sign * (price - held.price) * intent.volume * 100_000, 2),
            comment=comment,
        )

    def _trade_by_hand(self) -> None:
        """Somebody opens and closes a position on the phone."""
        intent = a(OrderIntended, key="", magic=0, volume=0.05, price=self._close)
        order = self._next_ticket()
        self._deal(intent, order, "buy", 0.05, self._close, reason=1, comment="")
        self._close_position(Held(intent, self._close), order, self._close - 0.0001, 1, "")

    def _deal(
        self,
        intent: OrderIntended,
        position: int,
        side: str,
        volume: float,
        price: float,
        *,
        comment: str,
        entry: int = 0,
        reason: int = 3,
        profit: float = 0.0,
    ) -> None:
        self._deals.append(
            a(
                DealRecorded,
                ticket=self._next_ticket(),
                order=self._next_ticket() if entry else position,
                time=self._now,
                time_msc=self._now * 1000,
                type=0 if side == "buy" else 1,
                entry=entry,
                magic=intent.magic,
                position_id=position,
                reason=reason,
                volume=volume,
                price=price,
                commission=round(-3.5 * volume, 2),
                profit=profit,
                comment=comment,
            )
        )

    def _snapshot(self) -> None:
        balance = sum(d.profit + d.commission for d in self._deals)
        positions = [
            a(
                PositionSeen,
                ticket=ticket,
                identifier=ticket,
                type=0 if held.intent.side == "buy" else 1,
                magic=held.intent.magic,
                volume=held.intent.volume,
            )
            for ticket, held in self._held.items()
        ]
        self._record(a(BrokerSnapshotTaken, balance=round(balance, 2), positions=positions))

    def _next_ticket(self) -> int:
        self._ticket += 1
        return self._ticket


def play(
    bars: Iterable[BarClosed],
    config: Config = TWO_STRATEGIES,
    *,
    seed: int = 1,
    kill_every: int = 0,
) -> Session:
    """Trade all bars and end the run; kill and start again every so many bars."""
    session = Session(config, seed)
    for index, bar in enumerate(bars):
        if index == 0:
            session.start(bar)
        elif kill_every and index % kill_every == 0:
            session.kill()
            session.start(bar)
        session.bar(bar)
    session.end()
    return session


def decisions(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """What the kernel decided."""
    return [event for event in events if event.data.ROLE is Role.DECISION]


def main(bars: int) -> None:
    """Print the bytes of every decision of a session, and the digest of its state."""
    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "")
    session = play(real_bars(bars), kill_every=bars // 2)
    for event in decisions(session.events):
        sys.stdout.buffer.write(codec.encode(event) + b"}\n")
    sys.stdout.buffer.write(digest(session.state).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
