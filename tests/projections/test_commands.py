"""What operators asked for, and until when it counts."""

from __future__ import annotations

from journal.events import ReconcileRequested, RunStarted, StopRequested
from projections.commands import Asked
from tests.given import Story, a


def test_a_stop_counts_for_the_run_that_it_was_asked_of() -> None:
    story = Story().given(a(RunStarted), StopRequested("anna", "holiday"))
    assert story.state.commands.stop == Asked(2, 2_000_000_000, "anna", "holiday")
    assert story.given(a(RunStarted)).state.commands.stop is None


def test_the_newest_comparison_that_was_asked_for_is_remembered_over_runs() -> None:
    asked = a(ReconcileRequested)
    story = Story().given(a(RunStarted), a(ReconcileRequested, by="bert"), asked, a(RunStarted))
    assert story.state.commands.reconcile == Asked(3, 3_000_000_000, "anna", "")


def test_neither_leads_to_a_decision() -> None:
    story = Story().given(a(RunStarted))
    assert story.when(a(StopRequested)) == story.when(a(ReconcileRequested)) == []
