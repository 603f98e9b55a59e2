"""Reconciling that is wrong on purpose: the simulation must catch each within few seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from engine.execution import discrepancies, reconcile
from engine.execution.differences import Discrepancy
from engine.pace import Doubts
from engine.reconciler import Reconciler
from journal.events import DealRecorded, DiscrepancyFound
from tests.simulation.test_mutants import caught

pytestmark = pytest.mark.no_cover  # as there


def test_a_verdict_upon_the_first_reading_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Doubts, "ripe", lambda self, found, now: True)
    assert caught("halted without need", "lag", "lists_lag")


def test_naming_a_difference_and_not_healing_it_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    on_snapshot = discrepancies.on_snapshot

    def naming_only(*given: Any) -> Iterator[Any]:
        for draft in on_snapshot(*given):
            if isinstance(draft[0], DiscrepancyFound):
                yield draft

    monkeypatch.setattr(discrepancies, "on_snapshot", naming_only)
    assert caught("without a restart: position", "by_hand")


def test_leaving_out_the_deals_of_strangers_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    take_in = Reconciler._take_in

    def ours_only(self: Reconciler, deals: Iterable[DealRecorded]) -> None:
        take_in(self, [deal for deal in deals if deal.magic or not deal.symbol])

    monkeypatch.setattr(Reconciler, "_take_in", ours_only)
    assert caught("discrepancy", "by_hand")


def test_a_diff_that_overlooks_positions_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*given: Any) -> Iterator[Discrepancy]:
        del given
        return iter(())

    monkeypatch.setattr(reconcile, "_positions", blind)
    assert caught("", "by_hand")
