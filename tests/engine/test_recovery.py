"""Wherever a journal is cut, rebuilding from it gives what was cut off the last step, and goes on
as if nothing had happened.
"""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernel import Kernel
from engine.recovery import rebuild
from journal.envelope import AnyEvent, stamp
from journal.events import (
    FeedCaughtUp,
    JournalRecovered,
    OrderProposed,
    OrderVetoed,
    Payload,
    Role,
    SymbolSpecified,
    TerminalConnected,
)
from projections.state import digest
from tests.given import CONFIG, RISING, RUN, SYMBOL, Story, a, bars, deposit, manifest
from tests.session import TWO_STRATEGIES, play, real_bars


def replayed(events: list[AnyEvent], cut: int) -> list[AnyEvent]:
    """The whole journal again: what is left, what a rebuild adds, the inputs that follow."""
    kernel = Kernel()
    whole = events[:cut] + rebuild(kernel, events[:cut])
    for event in events[len(whole) :]:
        if event.data.ROLE is Role.INPUT:
            whole.append(event)
            whole += kernel.step(event)
    return whole


def check_every_cut(events: list[AnyEvent]) -> None:
    for cut in range(len(events) + 1):
        assert replayed(events, cut) == events, f"cut behind event {cut}"


def test_a_journal_cut_anywhere_goes_on_as_the_uncut_one() -> None:
    events = play(real_bars(260), kill_every=120).events
    kinds = Counter(event.type for event in events)
    for kind in ("OrderIntended", "OrderVetoed", "OrderAccepted", "OrderUnresolved", "RunEnded"):
        assert kinds[kind], f"the session has no {kind}: it proves too little"
    check_every_cut(events)


prices = st.lists(st.integers(-30, 30), min_size=8, max_size=40).map(
    lambda moves: [round(1.1 + sum(moves[: n + 1]) / 10_000, 5) for n in range(len(moves))]
)


@settings(max_examples=25)
@given(prices, st.integers(0, 1000), st.integers(5, 20))
def test_any_session_cut_anywhere_goes_on_as_the_uncut_one(
    closes: list[float], seed: int, kill_every: int
) -> None:
    check_every_cut(play(bars(*closes), CONFIG, seed=seed, kill_every=kill_every).events)


def test_the_rebuilt_state_is_the_state_that_was_lost() -> None:
    session = play(real_bars(1000))
    kernel = Kernel()
    assert rebuild(kernel, session.events) == []
    assert digest(kernel.state) == digest(session.state)


def test_rebuilding_twice_gives_the_same_missing_decisions() -> None:
    events = next_to_a_decision()
    assert rebuild(Kernel(), events) == rebuild(Kernel(), events) != []


def next_to_a_decision() -> list[AnyEvent]:
    """A journal that ends with an input whose decision was lost."""
    events = play(real_bars(300)).events
    at = next(i for i, event in enumerate(events) if event.type == "OrderIntended")
    return events[:at]


def test_the_missing_decision_is_an_intent_that_the_next_run_finds_unresolved() -> None:
    events = next_to_a_decision()
    kernel = Kernel()
    [intended] = rebuild(kernel, events)
    assert (intended.type, intended.seq, intended.cause) == (
        "OrderIntended",
        len(events) + 1,
        len(events),
    )
    start = stamp(
        manifest(TWO_STRATEGIES), seq=intended.seq + 1, ts=intended.ts, run="20231003-0000009"
    )
    [left] = kernel.step(start)
    assert (left.type, left.corr) == ("OrderUnresolved", intended.corr)


def test_an_empty_journal_is_the_beginning() -> None:
    kernel = Kernel()
    assert rebuild(kernel, []) == []
    assert kernel.state.seq == 0


def test_the_journals_own_notes_are_passed_over() -> None:
    events = play(real_bars(120)).events
    note = stamp(a(JournalRecovered), seq=len(events) + 1, ts=1, run=RUN)
    kernel = Kernel()
    assert rebuild(kernel, [*events, note]) == []
    assert digest(kernel.state) == digest(play(real_bars(120)).state)


# --- where today's code decides otherwise than was recorded, the record stands


def recorded(*decisions: Payload) -> list[AnyEvent]:
    """A bar on which two strategies propose, and what an older version is said to have decided."""
    [entry] = CONFIG.strategies
    two = [
        msgspec.structs.replace(entry, name=name, magic=m) for name, m in (("one", 1), ("two", 2))
    ]
    story = Story().given(
        manifest(msgspec.structs.replace(CONFIG, strategies=two)),
        a(TerminalConnected),
        a(SymbolSpecified),
        deposit(10_000.0),
        a(FeedCaughtUp),
        *RISING,
    )
    bar = story.events[-1]
    return story.events + [
        stamp(decision, seq=bar.seq + n, ts=bar.ts, run=RUN, cause=bar.seq, corr=key_in(decision))
        for n, decision in enumerate(decisions, start=1)
    ]


def key_in(decision: Payload) -> str:
    return str(getattr(decision, "key", ""))


def test_of_two_decisions_the_recorded_one_is_kept_and_the_other_added() -> None:
    both = rebuild(Kernel(), recorded())
    assert [event.type for event in both] == ["OrderProposed", "OrderProposed"]
    rest = rebuild(Kernel(), recorded(both[0].data))
    assert rest == both[1:]


@pytest.mark.parametrize(
    "decision",
    [a(OrderProposed, key="OLDKEY", symbol=SYMBOL), a(OrderProposed, key="X", magic=5)],
    ids=["another key", "another strategy"],
)
def test_a_record_that_differs_stands_and_nothing_is_added(decision: OrderProposed) -> None:
    kernel = Kernel()
    assert rebuild(kernel, recorded(decision)) == []
    assert list(kernel.state.orders.open) == [decision.key]


def test_a_record_that_decided_more_than_today_stands() -> None:
    both = [event.data for event in rebuild(Kernel(), recorded())]
    kernel = Kernel()
    third = a(OrderProposed, key="THIRD", magic=9)
    assert rebuild(kernel, recorded(*both, third, a(OrderVetoed, key="THIRD"))) == []
    assert kernel.state.orders.proposed == 3
    assert kernel.state.orders.vetoed == 1
