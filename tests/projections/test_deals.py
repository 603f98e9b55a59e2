"""Whatever a hedging account does, balance and positions follow from its deals alone.

Hypothesis makes account histories; a second book, kept in whole steps and cents, is the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.envelope import AnyEvent, stamp
from journal.events import DealRecorded
from projections.state import Fold, State, digest
from tests.given import RUN, T0, a, deposit

SYMBOLS = ("EURUSD", "GBPUSD", "XAUUSD")


@dataclass
class Book:
    """The oracle: volumes in steps of 0.01 lots, money in cents."""

    deals: list[DealRecorded] = field(default_factory=list)
    steps: dict[int, int] = field(default_factory=dict)  # signed, of open positions
    symbol_of: dict[int, str] = field(default_factory=dict)
    cents: int = 0
    closed: int = 0

    def open(self, symbol: str, side: int, steps: int, cost: int) -> None:
        ticket = 10 * (len(self.deals) + 1)
        self.steps[ticket] = side * steps
        self.symbol_of[ticket] = symbol
        self._deal(ticket, 0, side, steps, 0, cost)

    def reduce(self, position: int, part: float, profit: int, cost: int) -> None:
        held = self.steps[position]
        side = 1 if held > 0 else -1
        steps = max(1, round(abs(held) * part))
        self.steps[position] -= side * steps
        if not self.steps[position]:
            del self.steps[position]
            self.closed += 1
        self._deal(position, 1, -side, steps, profit, cost)

    def pay(self, cents: int) -> None:
        self.cents += cents
        self.deals.append(deposit(cents / 100, ticket=len(self.deals) + 1))

    def _deal(
        self, position: int, entry: int, side: int, steps: int, profit: int, cost: int
    ) -> None:
        self.cents += profit - cost
        ticket = len(self.deals) + 1
        self.deals.append(
            a(
                DealRecorded,
                ticket=ticket,
                order=position if entry == 0 else position + 1,
                time_msc=T0 * 1000 + ticket,
                type=0 if side > 0 else 1,
                entry=entry,
                position_id=position,
                volume=steps / 100,
                price=1.0 + ticket / 1000,
                profit=profit / 100,
                commission=-cost / 100,
                symbol=self.symbol_of[position],
                comment="",
            )
        )


@st.composite
def histories(draw: st.DrawFn) -> Book:
    book = Book()
    book.pay(draw(st.integers(0, 10_000_00)))
    for _ in range(draw(st.integers(1, 25))):
        act = draw(st.sampled_from(("open", "open", "reduce", "reduce", "close", "pay")))
        cost = draw(st.integers(0, 500))
        if act == "pay":
            book.pay(draw(st.integers(-500_00, 500_00)))
        elif act == "open" or not book.steps:
            side = draw(st.sampled_from((1, -1)))
            book.open(draw(st.sampled_from(SYMBOLS)), side, draw(st.integers(1, 1000)), cost)
        else:
            position = draw(st.sampled_from(sorted(book.steps)))
            part = 1.0 if act == "close" else draw(st.floats(0.01, 1.0))
            book.reduce(position, part, draw(st.integers(-1000_00, 1000_00)), cost)
    return book


def fold(deals: list[DealRecorded]) -> State:
    folding = Fold()
    for seq, deal in enumerate(deals, start=1):
        folding.evolve(event(deal, seq))
    return folding.state


def event(deal: DealRecorded, seq: int) -> AnyEvent:
    return stamp(deal, seq=seq, ts=deal.time_msc * 1_000_000, run=RUN)


@given(histories())
def test_the_balance_is_the_sum_of_the_deals(book: Book) -> None:
    account = fold(book.deals).account
    assert account.balance == pytest.approx(book.cents / 100, abs=1e-6)
    assert account.deals == len(book.deals)
    parts = (account.deposits, account.profit, account.commission, account.swap, account.fee)
    assert (account.granted, account.income) == (0.0, 0.0)
    assert sum(parts) == pytest.approx(account.balance, abs=1e-6)


@given(histories())
def test_the_open_positions_are_the_signed_sums_of_their_deals(book: Book) -> None:
    positions = fold(book.deals).positions.open
    assert {p: round(100 * held.side * held.volume) for p, held in positions.items()} == book.steps
    for identifier, held in positions.items():
        assert held.identifier == identifier
        assert held.symbol == book.symbol_of[identifier]
        assert held.volume == pytest.approx(abs(book.steps[identifier]) / 100, abs=1e-9)


@given(histories())
def test_a_trade_is_counted_when_its_position_is_gone(book: Book) -> None:
    performance = fold(book.deals).performance
    assert performance.trades == book.closed
    assert 0 <= performance.wins <= performance.trades
    assert set(performance.results) == set(book.steps)


@given(histories(), st.data())
def test_a_deal_applied_again_changes_nothing(book: Book, data: st.DataObject) -> None:
    once = fold(book.deals)
    folding = Fold()
    for index, deal in enumerate(book.deals):
        folding.evolve(event(deal, index + 1))
        again = data.draw(st.integers(0, index))
        folding.evolve(event(book.deals[again], index + 1))
    folding.state.ts = once.ts  # the time of what was seen again is no part of the rule
    assert digest(folding.state) == digest(once)


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_independent_symbols_are_seen_does_not_matter(
    book: Book, chance: st.DataObject
) -> None:
    queues = {name: [d for d in book.deals if d.symbol == name] for name in ("", *SYMBOLS)}
    mixed: list[DealRecorded] = []
    while any(queues.values()):
        name = chance.choice([name for name, queue in queues.items() if queue])  # type: ignore[attr-defined] # a Random, which Hypothesis types as an example
        mixed.append(queues[name].pop(0))
    assert facts(fold(mixed)) == facts(fold(book.deals))


def facts(state: State) -> object:
    """What must not depend on the order: sequences and the sums' last bits do."""
    return (
        {p: msgspec.to_builtins(held) for p, held in sorted(state.positions.open.items())},
        sorted(state.idempotency.deals),
        round(state.account.balance, 6),
        state.idempotency.watermark,
        state.performance.trades,
        state.performance.wins,
    )


@settings(max_examples=30)
@given(histories())
def test_the_state_survives_its_own_encoding_at_every_point(book: Book) -> None:
    folding = Fold()
    for seq, deal in zip(count(1), book.deals, strict=False):
        folding.evolve(event(deal, seq))
        encoded = msgspec.json.encode(folding.state)
        decoded = msgspec.json.decode(encoded, type=State)
        assert digest(decoded) == digest(folding.state)
        folding = Fold(decoded)  # and folding goes on from it as from the original
    assert digest(folding.state) == digest(fold(book.deals))
