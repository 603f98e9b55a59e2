"""Engines that are wrong on purpose: the simulation must catch each within these few seeds, or it
proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from engine import effects
from engine.broker import requests, sending
from engine.broker.mt5 import Mt5Gateway
from engine.config import Config, Evidence, PositionPolicy
from engine.effects import Effects
from engine.execution import (
    changes,
    closing,
    discrepancies,
    evidence,
    outcome,
    policy,
    reconcile,
    settling,
)
from engine.execution.differences import Discrepancy
from engine.execution.outcome import Meaning, Verdict
from engine.reconciler import Reconciler
from engine.risk import governor
from engine.terminal import faults
from engine.terminal.faults import When
from journal import recover
from journal.envelope import AnyEvent
from journal.events import (
    BrokerReplied,
    ChangeIntended,
    EvidenceGathered,
    OrderIntended,
    RunStarted,
)
from projections.idempotency import key_of
from projections.orders import Order
from projections.run import RUN
from tests.simulation.plans import quiet, seeds
from tools.simulate import app
from tools.simulation.plan import ByHand, Plan, load_plan
from tools.simulation.report import play

pytestmark = pytest.mark.no_cover  # lines that a wrong engine has run are no lines tested

DRAWN, PLAYED = range(3000), 150
LOST = ("reply_lost", "worker")


def anything(plan: Plan) -> bool:
    """Any plan may catch it."""
    return bool(plan)


def caught(says: str, *only: str, where: Callable[[Plan], bool] = anything) -> bool:
    """Whether one of the seeds catches the mutant, and says this of it.

    only   kinds of trouble that are drawn
    where  leaves out the plans in which nothing speaks to it, as most do to a narrow one
    """
    plans = (plan for plan in seeds(DRAWN, only) if where(plan))
    return any(says in problem for plan in islice(plans, PLAYED) for problem in play(plan))


def test_the_true_engine_passes_where_mutants_are_caught() -> None:
    for plan in seeds(range(20), ("reply_lost", "lag", "disk")):
        assert play(plan) == []


def test_sending_again_after_a_timeout_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Mt5Gateway.submit

    async def impatient(self: Mt5Gateway, intent: OrderIntended) -> BrokerReplied:
        reply = await send(self, intent)
        return await send(self, intent) if reply.retcode == 10012 else reply

    monkeypatch.setattr(Mt5Gateway, "submit", impatient)
    assert caught("was sent 2 times", "retcode")


def test_a_seed_that_fails_is_made_small_and_both_commands_that_are_printed_fail_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(outcome.ERRORS, -10002, Meaning(Verdict.REFUSED, "surely not sent"))

    def loses(plan: Plan) -> bool:
        lost = (one for one in plan.faults if isinstance(one, faults.ReplyLost))
        return any(one.executed and one.error == -10002 for one in lost)

    seed = next(plan.seed for plan in filter(loses, seeds(DRAWN)) if play(plan))
    arguments = ["--first", str(seed), "--seeds", "1", "--keep", str(tmp_path)]
    failed = CliRunner().invoke(app, arguments)
    said = failed.output.split()
    smallest = Path(said[said.index("--plan") + 1])
    small = load_plan(smallest)
    assert (len(small.faults), small.troubles, small.strategies) == (1, (), 1)
    again = CliRunner().invoke(app, ["--plan", str(smallest), "--keep", str(tmp_path)])
    for run in (failed, again):
        assert run.exit_code == 1
        assert "is reported refused" in run.output
        assert run.output.endswith("0 of 1 seeds passed\n")


def test_a_match_by_parameters_without_the_key_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def by_parameters(view: Any, order: Any, *more: Any) -> EvidenceGathered:
        found = await evidence.gather(view, order, *more)
        side = 0 if order.side == "buy" else 1
        seen = await view.orders(order.server_msc - evidence.BEHIND_MSC)
        alike = [o.ticket for o in seen if (o.magic, o.type) == (order.magic, side)]
        return msgspec.structs.replace(found, orders=found.orders or alike[-1:])

    monkeypatch.setattr("engine.effects.gather", by_parameters)
    assert caught("is reported accepted", *LOST)


def test_a_deal_applied_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def without_asking(self: Reconciler, overlap_msc: int) -> None:
        index = self._recorder.state.idempotency
        for deal in await self._account.deals(index.watermark - overlap_msc):
            self._recorder.record(deal, corr=key_of(index, deal))

    monkeypatch.setattr(Reconciler, "read_deals", without_asking)
    assert caught("was recorded", "stopped")


def test_an_intent_journalled_after_sending_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def first(self: Effects, intended: AnyEvent) -> None:
        intent = intended.data
        assert isinstance(intent, OrderIntended)
        reply = await self._gateway.submit(intent)
        self._recorder.commit()
        self._recorder.record(reply, cause=intended.seq, corr=intent.key)
        await self._reconciler.read()

    monkeypatch.setattr(Effects, "send", first)
    assert caught("before its intent was durable", "stopped")


def test_a_history_window_that_ends_in_utc_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def until_now_in_utc(self: Mt5Gateway, function: str, since_msc: int) -> Any:
        now = await self.server_msc() // 1000 - 2 * 3600
        return await self._calls.call(function, max(since_msc // 1000, 1), now)

    monkeypatch.setattr(Mt5Gateway, "_history", until_now_in_utc)
    assert caught("discrepancy", "stopped")


def test_a_history_window_that_begins_too_late_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Reconciler.read_deals

    async def hasty(self: Reconciler, overlap_msc: int) -> None:
        await read(self, 0)

    monkeypatch.setattr(Reconciler, "read_deals", hasty)
    assert caught("deals missing", "deal_late")


def test_evidence_from_a_single_poll_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hasty(view: Any, order: Any, index: Any, clock: Any, limits: Evidence) -> Any:
        once = msgspec.structs.replace(limits, polls=1)
        found: EvidenceGathered = await evidence.gather(view, order, index, clock, once)
        return found

    monkeypatch.setattr("engine.effects.gather", hasty)

    def both(plan: Plan) -> bool:
        lost = {f.when.number for f in plan.faults if isinstance(f, faults.ReplyLost)}
        return any(f.when.number in lost for f in plan.faults if isinstance(f, faults.Lag))

    assert caught("is reported refused", "reply_lost", "lag", where=both)


@pytest.mark.parametrize("error", [-1, -10000, -10001, -10002, -20011, -20012, -20013])
def test_taking_a_lost_reply_for_a_refusal_is_caught(
    error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(outcome.ERRORS, error, Meaning(Verdict.REFUSED, "surely not sent"))

    def loses(plan: Plan) -> bool:
        return any(getattr(one, "error", 0) == error for one in (*plan.faults, *plan.troubles))

    assert caught("is reported refused", *LOST, where=loses)


def test_a_halt_that_a_restart_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    started = RUN.handlers[RunStarted]
    assert callable(started)

    def forgetting(state: Any, event: Any) -> None:
        started(state, event)
        state.halt_rule = state.halt_reason = ""

    monkeypatch.setitem(RUN.handlers, RunStarted, forgetting)  # type: ignore[misc] # it is a dict
    assert caught("was sent after the halt", "switched_off", "stopped", "death")


def test_an_order_that_is_waited_for_without_end_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(self: Reconciler, *given: Any) -> None:
        del self, given  # the rest of the order was cancelled, and nobody asks

    monkeypatch.setattr(Reconciler, "follow", never)
    assert caught("is still partially filled", "stopped")


def test_recording_deals_before_their_order_is_found_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search = Effects.search

    async def deals_first(self: Effects, order: Order) -> None:
        await self._reconciler.read_deals(0)
        await search(self, order)

    monkeypatch.setattr(Effects, "search", deals_first)
    assert caught("is still partially filled", "reply_lost", "comment_changed")


def test_a_doubt_that_only_a_restart_ends_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Effects, key: str) -> None:
        del self, key

    monkeypatch.setattr(Effects, "_find_out", never)
    assert caught("without a restart", "reply_lost")


@pytest.mark.parametrize("netting", [False, True])
def test_closing_what_a_stranger_holds_is_caught(
    monkeypatch: pytest.MonkeyPatch, *, netting: bool
) -> None:
    def closing_all(config: Config, symbol: str) -> PositionPolicy:
        return msgspec.structs.replace(policy_of(config, symbol), found="close")

    policy_of = policy.policy_of
    monkeypatch.setattr(policy, "policy_of", closing_all)

    def leaves(plan: Plan) -> bool:
        asked = (plan.broker == "netting") is netting and plan.found == "leave"
        return asked and any(isinstance(one, ByHand) for one in plan.troubles)

    assert caught("which is a stranger's", "by_hand", "stopped", where=leaves)


def test_suspecting_what_the_server_closed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "SERVER_MADE", frozenset())
    assert caught("halted without need", *LOST)


def test_building_upon_what_was_never_synced_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "make_durable", lambda fs, directory: None)
    assert caught("JournalCorrupt", "disk")


# --- reconciliation, closes, changes


def test_a_healed_difference_that_is_not_recorded_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unhealed(*given: Any) -> list[Discrepancy]:
        return [msgspec.structs.replace(one, heal=None) for one in reconcile.diff(*given)]

    monkeypatch.setattr(discrepancies, "diff", unhealed)

    def moves_stops(plan: Plan) -> bool:
        return any(getattr(one, "what", "").endswith(" stops") for one in plan.troubles)

    assert caught("the broker's Position", "by_hand", where=moves_stops)


def test_a_deal_that_is_never_taken_in_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    take_in = Reconciler._take_in

    def forgetful(self: Reconciler, deals: Any) -> None:
        take_in(self, [deal for deal in deals if deal.ticket % 7])

    monkeypatch.setattr(Reconciler, "_take_in", forgetful)
    assert caught("deals missing", "stopped")


def test_a_close_sent_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Mt5Gateway.submit

    async def insistent(self: Mt5Gateway, intent: OrderIntended) -> BrokerReplied:
        reply = await send(self, intent)
        lost = intent.action == "close" and not reply.retcode
        return await send(self, intent) if lost else reply

    monkeypatch.setattr(Mt5Gateway, "submit", insistent)
    assert caught("was sent 2 times", *LOST)


def test_a_change_that_is_repeated_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Mt5Gateway.change

    async def insistent(self: Mt5Gateway, wish: ChangeIntended) -> BrokerReplied:
        reply = await send(self, wish)
        return reply if reply.retcode else await send(self, wish)

    monkeypatch.setattr(Mt5Gateway, "change", insistent)
    assert caught("that changes nothing was sent", *LOST)


def test_trying_again_without_end_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    again = settling._again

    def endless(order: Order, keys: Any) -> Any:
        proposed, key = again(order, keys)
        return msgspec.structs.replace(proposed, attempt=0), key

    monkeypatch.setattr(settling, "_again", endless)
    assert caught("is try 3 again", "requotes")


def test_a_stop_that_is_not_sent_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    request = requests.market_order

    def bare(*given: Any) -> Any:
        return {**request(*given), "sl": 0.0}

    monkeypatch.setattr(sending, "market_order", bare)
    assert caught("has no stop", "stopped")


def test_sending_against_the_operators_switch_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "SWITCHED_OFF", "never")
    monkeypatch.setattr(changes, "SWITCHED_OFF", "never")
    monkeypatch.setattr(Effects, "_withheld", lambda self, key: None)
    assert caught("while the operator's switch was thrown", "commanded")


def test_sending_beside_what_is_in_doubt_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (closing, changes, governor, effects):
        monkeypatch.setattr(module, "unknown", lambda *given: None)
    ambiguous = (
        faults.ReplyLost(executed=True, error=-1, when=When(number=5)),
        faults.CommentOverwritten(when=When(number=5)),
    )
    plan = msgspec.structs.replace(quiet(faults=ambiguous, strategies=2), protected=True)
    found = [play(msgspec.structs.replace(plan, first_bar=bar)) for bar in range(0, 60_000, 9000)]
    assert any("were unresolved" in problem for problems in found for problem in problems)
