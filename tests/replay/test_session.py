"""A replay agrees with what was recorded, or names the first event that differs and shows both."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from engine.strategies.baseline import MaCrossRsi
from journal import codec
from journal.envelope import AnyEvent, stamp
from journal.events import JournalRecovered, OrderIntended, OrderRefused, OrderVetoed, Role
from projections.state import digest
from replay.session import PROGRESS_EVERY, Divergence, replay
from tests.given import RUN, a
from tests.session import Session, decisions, play, real_bars

BARS = 1200


@functools.cache
def session() -> Session:
    return play(real_bars(BARS), kill_every=500)


def events() -> list[AnyEvent]:
    return list(session().events)


def first(kind: str, journal: list[AnyEvent]) -> int:
    """The index of the first event of a type."""
    return next(index for index, event in enumerate(journal) if event.type == kind)


def changed(event: AnyEvent, **changes: Any) -> AnyEvent:
    """The event with another payload."""
    return msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, **changes))


def diverges(journal: list[AnyEvent]) -> Divergence:
    report = replay(journal)
    assert not report.agrees
    assert report.divergence is not None
    return report.divergence


def text(event: AnyEvent) -> str:
    return codec.encode(event).decode() + "}"


# --- agreement


def test_a_recorded_session_is_decided_again_to_the_last_byte() -> None:
    report = replay(events())
    assert report.agrees
    assert report.divergence is None
    assert report.events == len(events())
    assert report.decisions == len(decisions(events())) > 100
    assert report.inputs + report.decisions == report.events
    assert report.unfinished == 0


def test_the_digest_is_the_one_that_the_run_recorded_at_its_end() -> None:
    report = replay(events())
    last: Any = events()[-1].data
    assert report.digest == report.recorded_digest == last.digest


def test_events_that_went_through_their_bytes_are_decided_the_same() -> None:
    assert replay(codec.decode(codec.encode(event)) for event in events()).agrees


def test_a_run_that_has_not_ended_agrees_as_far_as_it_goes() -> None:
    report = replay(events()[:-1])
    assert report.agrees
    assert report.recorded_digest == ""
    assert report.digest == replay(events()).digest


def test_what_a_killed_run_did_not_write_is_counted_and_no_divergence() -> None:
    at = first("OrderIntended", events())
    report = replay(events()[:at])
    assert report.agrees
    assert report.unfinished == 1


def test_the_journals_own_notes_are_passed_over() -> None:
    # Behind a finished step, as recovery writes them.
    journal = events()
    at = next(
        i
        for i in range(100, len(journal))
        if journal[i].data.ROLE is Role.INPUT and journal[i + 1].data.ROLE is Role.INPUT
    )
    note = stamp(a(JournalRecovered), seq=journal[at].seq, ts=1, run=RUN)
    report = replay([*journal[: at + 1], note, *journal[at + 1 :]])
    assert report.agrees
    assert report.events == len(journal) + 1


def test_nothing_recorded_agrees_with_nothing() -> None:
    report = replay([])
    assert report.agrees
    assert (report.events, report.recorded_digest) == (0, "")


def test_progress_is_told_now_and_then() -> None:
    told: list[int] = []
    many = play(real_bars(PROGRESS_EVERY)).events
    replay(many, told.append)
    assert told == list(range(PROGRESS_EVERY, len(many) + 1, PROGRESS_EVERY))
    assert told


# --- divergence


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("OrderProposed", {"stop_distance": 0.123}),
        ("OrderIntended", {"volume": 0.02}),
        ("OrderVetoed", {"reason": "because"}),
        ("OrderAccepted", {"order": 1}),
        ("OrderRefused", {"retcode": 10006}),
        ("OrderUnresolved", {"reason": "?"}),
    ],
)
def test_a_decision_that_was_changed_is_shown_beside_what_is_decided(
    kind: str, changes: dict[str, Any]
) -> None:
    journal = events()
    at = first(kind, journal)
    honest = journal[at]
    journal[at] = changed(honest, **changes)
    found = diverges(journal)
    assert found.seq == honest.seq
    assert found.recorded == text(journal[at])
    assert found.computed == text(honest)


def test_one_bit_of_a_price_is_enough() -> None:
    journal = events()
    at = first("OrderIntended", journal)
    intended = journal[at].data
    assert isinstance(intended, OrderIntended)
    journal[at] = changed(journal[at], sl=intended.sl * (1 + 2**-52))
    assert diverges(journal).seq == journal[at].seq


@pytest.mark.parametrize("field", ["ts", "cause", "run", "corr"])
def test_an_envelope_that_differs_is_a_divergence(field: str) -> None:
    journal = events()
    at = first("OrderVetoed", journal)
    value = getattr(journal[at], field)
    journal[at] = msgspec.structs.replace(journal[at], **{field: value * 2})
    assert diverges(journal).seq == journal[at].seq


def test_a_decision_that_is_missing_is_named_at_the_event_in_its_place() -> None:
    journal = events()
    at = first("OrderVetoed", journal)
    missing = journal.pop(at)
    found = diverges(journal)
    assert "missing" in found.reason
    assert found.seq == journal[at].seq
    assert found.recorded == text(journal[at])
    assert found.computed == text(missing)


def test_a_decision_that_nobody_makes_is_named_with_nothing_beside_it() -> None:
    journal = events()
    at = first("OrderVetoed", journal) + 1
    extra = stamp(
        a(OrderVetoed), seq=journal[at].seq, ts=journal[at].ts, run=journal[at].run, corr="X"
    )
    found = diverges([*journal[:at], extra, *journal[at:]])
    assert (found.seq, found.recorded, found.computed) == (extra.seq, text(extra), "")
    assert "decides nothing" in found.reason


def test_two_decisions_in_the_other_order_are_a_divergence() -> None:
    journal = events()
    at = next(
        i
        for i, (before, event) in enumerate(pairwise(journal), start=1)
        if before.data.ROLE is event.data.ROLE is Role.DECISION
    )
    journal[at - 1], journal[at] = journal[at], journal[at - 1]
    assert diverges(journal).recorded == text(journal[at - 1])


def test_a_digest_that_differs_is_shown_beside_the_recomputed_one() -> None:
    journal = events()
    honest: Any = journal[-1].data
    journal[-1] = changed(journal[-1], digest="0" * 32)
    report = replay(journal)
    found = report.divergence
    assert found is not None
    assert (found.seq, found.recorded, found.computed) == (len(journal), "0" * 32, honest.digest)
    assert (report.recorded_digest, report.digest) == ("0" * 32, honest.digest)


def test_an_input_that_was_changed_shows_at_the_first_decision_that_it_turns() -> None:
    journal = events()
    at = first("OrderIntended", journal) - 1
    journal[at] = changed(journal[at], tick_value=2.0)
    found = diverges(journal)
    assert found.seq == journal[at + 1].seq
    assert '"type":"OrderIntended"' in found.recorded


def test_a_replay_stops_at_the_first_divergence() -> None:
    journal = events()
    earlier, later = first("OrderVetoed", journal), first("OrderRefused", journal)
    assert earlier != later
    for at in (earlier, later):
        journal[at] = changed(journal[at], reason="because")
    report = replay(journal)
    assert report.divergence is not None
    assert report.divergence.seq == journal[min(earlier, later)].seq
    assert report.events == min(earlier, later) + 1


# --- today's code is what is held against the record


def with_other_code(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> Divergence:
    original = MaCrossRsi.propose

    def propose(self: MaCrossRsi) -> Any:
        return change(original(self))

    monkeypatch.setattr(MaCrossRsi, "propose", propose)
    return diverges(events())


def test_a_strategy_that_proposes_otherwise_diverges_at_its_first_proposal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = with_other_code(
        monkeypatch,
        lambda p: p and msgspec.structs.replace(p, stop_distance=2 * p.stop_distance),
    )
    journal = events()
    assert found.seq == journal[first("OrderProposed", journal)].seq
    assert "otherwise" in found.reason


def test_a_strategy_that_falls_silent_diverges_at_its_first_proposal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = with_other_code(monkeypatch, lambda p: None)
    journal = events()
    assert found.seq == journal[first("OrderProposed", journal)].seq
    assert found.computed == ""


def test_the_refusals_by_evidence_of_the_session_are_replayed_too() -> None:
    proofs = {e.data.proof for e in events() if isinstance(e.data, OrderRefused)}
    assert proofs == {"reply", "evidence"}
    assert digest(session().state) != ""
