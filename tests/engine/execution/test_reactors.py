"""What the broker's answers, the evidence, a restart and a snapshot lead to."""

from __future__ import annotations

from typing import Any

import pytest

from journal.events import (
    BrokerReplied,
    DealRecorded,
    EvidenceGathered,
    FeedCaughtUp,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
    TerminalConnected,
    TradingHalted,
)
from tests.given import (
    KEY,
    OTHER_KEY,
    RISING,
    SYMBOL,
    Story,
    a,
    manifest,
    ready,
    vetoes,
)

# --- replies


def sent() -> Story:
    return ready().given(a(OrderProposed), a(OrderIntended))


def test_an_accepted_order_bears_the_brokers_ticket() -> None:
    assert sent().when(a(BrokerReplied, order=2001)) == [OrderAccepted(KEY, 2001, "reply")]


def test_a_refusal_says_the_code_and_the_brokers_words() -> None:
    [refused] = sent().when(a(BrokerReplied, retcode=10019, comment="No money"))
    assert refused == OrderRefused(KEY, 10019, "reply", "not enough money (10019: No money)")


def test_a_lost_reply_makes_the_intent_unresolved_and_says_the_modules_words() -> None:
    lost = a(BrokerReplied, retcode=0, error=-10002, error_text="IPC recv failed", comment="")
    [left] = sent().when(lost)
    assert left == OrderUnresolved(
        KEY, SYMBOL, "the terminal's answer was lost (-10002: IPC recv failed)"
    )


def test_an_acceptance_that_names_no_order_leaves_the_intent_unresolved() -> None:
    """Deals are told by their order; a broker that overwrote the comment would be lost for ever."""
    [left] = sent().when(a(BrokerReplied, retcode=10009, order=0, deal=0, comment="done"))
    assert left == OrderUnresolved(KEY, SYMBOL, "done (10009: done), without an order's ticket")


def test_the_order_is_settled_before_the_halt_that_its_answer_causes() -> None:
    refused, halted = sent().when(a(BrokerReplied, retcode=10027, comment="disabled by client"))
    assert isinstance(refused, OrderRefused)
    assert isinstance(halted, TradingHalted)
    assert KEY in halted.reason


def test_a_late_reply_may_still_settle_an_unresolved_intent() -> None:
    story = sent().given(a(OrderUnresolved))
    assert story.when(a(BrokerReplied)) == [OrderAccepted(KEY, 2001, "reply")]


@pytest.mark.parametrize(
    "settled",
    [[a(OrderAccepted)], [a(OrderRefused)], [a(OrderAccepted), a(DealRecorded)]],
    ids=["accepted", "refused", "filled"],
)
def test_a_second_reply_changes_nothing(settled: list[Any]) -> None:
    story = sent()
    for payload in settled:
        story.given(payload, corr=KEY)
    assert story.when(a(BrokerReplied, retcode=10006)) == []


def test_a_reply_to_a_key_that_nobody_intended_leads_to_nothing() -> None:
    assert ready().when(a(BrokerReplied)) == []


def test_while_halted_a_reply_still_settles_what_was_sent() -> None:
    assert sent().given(a(TradingHalted)).when(a(BrokerReplied)) == [
        OrderAccepted(KEY, 2001, "reply")
    ]


# --- evidence


def lost() -> Story:
    return sent().given(a(OrderUnresolved))


def test_no_trace_after_all_polls_is_a_refusal_by_evidence() -> None:
    [refused] = lost().when(a(EvidenceGathered, polls=4))
    assert isinstance(refused, OrderRefused)
    assert (refused.key, refused.retcode, refused.proof) == (KEY, 0, "evidence")
    assert "4 readings" in refused.reason


def test_one_order_with_the_key_is_an_acceptance_by_evidence() -> None:
    found = a(EvidenceGathered, polls=1, orders=[2001], deals=[1001])
    assert lost().when(found) == [OrderAccepted(KEY, 2001, "evidence")]


def test_one_order_with_the_key_outweighs_suspects() -> None:
    found = a(EvidenceGathered, orders=[2001], suspects=[2002])
    assert lost().when(found) == [OrderAccepted(KEY, 2001, "evidence")]


def test_a_deal_with_the_key_proves_the_execution_without_its_order() -> None:
    assert lost().when(a(EvidenceGathered, deals=[1001])) == [OrderAccepted(KEY, 0, "evidence")]


def test_two_orders_with_one_key_halt_and_prove_nothing() -> None:
    story = lost()
    [halted] = story.when(a(EvidenceGathered, orders=[2001, 2002]))
    assert isinstance(halted, TradingHalted)
    assert halted.rule == "doubled order"
    assert "[2001, 2002]" in halted.reason
    assert story.state.orders.open[KEY].status == "unresolved"


def test_resemblance_proves_nothing_and_halts() -> None:
    story = lost()
    [halted] = story.when(a(EvidenceGathered, suspects=[2002]))
    assert isinstance(halted, TradingHalted)
    assert halted.rule == "ambiguous order"
    assert "[2002]" in halted.reason
    assert story.state.orders.open[KEY].status == "unresolved"


def test_evidence_about_a_settled_intent_changes_nothing() -> None:
    assert sent().given(a(OrderAccepted)).when(a(EvidenceGathered)) == []
    assert ready().when(a(EvidenceGathered)) == []


# --- a new run


def test_a_new_run_makes_what_may_have_been_sent_unresolved() -> None:
    story = sent()
    [left] = story.when(manifest())
    assert isinstance(left, OrderUnresolved)
    assert (left.key, left.symbol) == (KEY, SYMBOL)
    assert "stopped before the broker's answer" in left.reason


def test_a_new_run_lets_old_proposals_lapse() -> None:
    assert [rule for rule, _ in vetoes(ready().given(a(OrderProposed)).when(manifest()))] == [
        "restart"
    ]


@pytest.mark.parametrize(
    "given",
    [[a(OrderUnresolved)], [a(OrderAccepted)], [a(OrderRefused)]],
    ids=["unresolved already", "accepted", "refused"],
)
def test_a_new_run_says_nothing_new_about_what_is_known(given: list[Any]) -> None:
    assert sent().given(*given).when(manifest()) == []


def test_a_first_run_decides_nothing() -> None:
    assert Story().when(manifest()) == []


def test_a_new_run_decides_on_every_order_that_was_under_way() -> None:
    story = sent().given(a(OrderProposed, key=OTHER_KEY, magic=1))
    kinds = [type(payload) for payload in story.when(manifest())]
    assert kinds == [OrderUnresolved, OrderVetoed]


def test_a_strategy_starts_a_run_as_warm_as_the_remembered_bars_make_it() -> None:
    *before, last = RISING
    story = ready().given(*before, manifest(), a(TerminalConnected), a(FeedCaughtUp))
    [wish] = story.when(last)
    assert isinstance(wish, OrderProposed)
