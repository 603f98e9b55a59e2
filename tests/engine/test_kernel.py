"""Given recorded events, when an input comes, then exactly these decisions follow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.config import Config
from engine.execution.intents import order_key
from engine.kernel import Kernel, warmup_of
from engine.strategies.baseline import MaCrossRsiConfig
from journal.envelope import stamp
from journal.errors import DaybookError
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    DealRecorded,
    DiscrepancyFound,
    EvidenceGathered,
    FeedCaughtUp,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
    PositionSeen,
    QuoteObserved,
    QuoteUnavailable,
    RunEnded,
    RunStarted,
    SymbolSpecified,
    TerminalConnected,
    TerminalLost,
    TradingHalted,
)
from tests.given import (
    CONFIG,
    KEY,
    MAGIC,
    OTHER_KEY,
    RUN,
    SERVER,
    SYMBOL,
    T0,
    Story,
    a,
    bars,
    deposit,
    manifest,
    ready,
)

RISING = (1.1000, 1.0990, 1.0980, 1.0970, 1.0980, 1.0990)
"""Closes after which, with averages of 2 and 3, the last bar is the first to cross upwards."""


def vetoes(payloads: list[Any]) -> list[tuple[str, str]]:
    return [(p.rule, p.reason) for p in payloads if isinstance(p, OrderVetoed)]


# --- bars


def crossed() -> tuple[Story, BarClosed]:
    *before, last = bars(*RISING)
    return ready().given(*before), last


def test_a_bar_on_which_a_strategy_speaks_leads_to_a_proposal_keyed_by_run_and_sequence() -> None:
    story, last = crossed()
    [proposed] = story.when(last)
    assert isinstance(proposed, OrderProposed)
    assert (proposed.strategy, proposed.magic, proposed.symbol) == ("baseline", MAGIC, SYMBOL)
    assert proposed.side == "buy"
    assert proposed.target_distance == 2.0 * proposed.stop_distance > 0.0
    bar, decision = story.events[-2:]
    assert proposed.key == order_key(RUN, bar.seq, 0)
    assert (decision.seq, decision.cause) == (bar.seq + 1, bar.seq)
    assert (decision.ts, decision.corr, decision.run) == (bar.ts, proposed.key, RUN)


def test_a_bar_that_is_caught_up_on_is_learnt_from_and_not_traded_on() -> None:
    *before, last = bars(*RISING)
    late = Story().given(manifest(), a(TerminalConnected), a(SymbolSpecified), *before)
    assert late.when(last) == []
    late.given(a(FeedCaughtUp))
    # It was learnt from: a strategy that had not seen these bars could not cross back yet.
    [down] = late.when(bars(1.0900, start=last.time + 60)[0])
    assert isinstance(down, OrderProposed)
    assert down.side == "sell"


def test_after_the_terminal_was_lost_bars_are_old_news_until_caught_up() -> None:
    story, last = crossed()
    story.given(a(TerminalLost))
    assert story.when(last) == []


def test_another_symbols_bar_and_another_timeframes_bar_say_nothing_to_a_strategy() -> None:
    story, last = crossed()
    assert story.when(msgspec.structs.replace(last, symbol="GBPUSD")) == []
    assert story.when(msgspec.structs.replace(last, timeframe="M5")) == []
    assert story.when(last) != []


def test_two_strategies_on_one_series_get_keys_of_their_own() -> None:
    twice = [
        msgspec.structs.replace(CONFIG.strategies[0], name=name, magic=magic)
        for name, magic in (("one", 1), ("two", 2))
    ]
    config = msgspec.structs.replace(CONFIG, strategies=twice)
    story = Story().given(
        manifest(config), a(TerminalConnected), a(SymbolSpecified), a(FeedCaughtUp)
    )
    *before, last = bars(*RISING)
    first, second = story.given(*before).when(last)
    assert isinstance(first, OrderProposed)
    assert isinstance(second, OrderProposed)
    assert (first.magic, second.magic) == (1, 2)
    assert first.key != second.key


@pytest.mark.parametrize(
    ("given", "rule", "figure"),
    [
        ([a(TradingHalted, reason="switched off")], "halted", "switched off"),
        ([a(DealRecorded)], "one position", "2001"),
        ([a(OrderProposed, key=OTHER_KEY)], "one order", OTHER_KEY),
        (
            [a(OrderProposed, key=OTHER_KEY), a(OrderIntended, key=OTHER_KEY)],
            "unresolved",
            OTHER_KEY,
        ),
        (
            [
                a(OrderProposed, key=OTHER_KEY, magic=1),
                a(OrderIntended, key=OTHER_KEY, magic=1),
                a(OrderUnresolved, key=OTHER_KEY),
            ],
            "unresolved",
            OTHER_KEY,
        ),
    ],
    ids=["halted", "position open", "order proposed", "intended", "another strategy's unresolved"],
)
def test_what_needs_no_quote_to_be_refused_is_vetoed_at_once(
    given: list[Any], rule: str, figure: str
) -> None:
    story, last = crossed()
    proposed, vetoed = story.given(*given).when(last)
    assert isinstance(proposed, OrderProposed)
    assert isinstance(vetoed, OrderVetoed)
    assert (vetoed.key, vetoed.rule) == (proposed.key, rule)
    assert figure in vetoed.reason


@pytest.mark.parametrize(
    "given",
    [
        [a(OrderProposed, key=OTHER_KEY, magic=1)],
        [
            a(OrderProposed, key=OTHER_KEY, symbol="GBPUSD"),
            a(OrderIntended, key=OTHER_KEY, symbol="GBPUSD"),
        ],
        [a(DealRecorded, magic=1)],
        [a(DealRecorded, symbol="GBPUSD")],
        [a(DealRecorded), a(DealRecorded, ticket=1002, entry=1, type=1)],
    ],
    ids=[
        "another strategy's proposal",
        "unresolved elsewhere",
        "another robot's position",
        "position elsewhere",
        "position closed",
    ],
)
def test_what_concerns_others_vetoes_nothing(given: list[Any]) -> None:
    story, last = crossed()
    [proposed] = story.given(*given).when(last)
    assert isinstance(proposed, OrderProposed)


def test_a_symbol_that_the_terminal_has_not_described_is_vetoed() -> None:
    story = Story().given(manifest(), a(TerminalConnected), a(FeedCaughtUp))
    *before, last = bars(*RISING)
    assert vetoes(story.given(*before).when(last)) == [
        ("symbol", "the terminal has not described EURUSD")
    ]


# --- quotes


def proposed(**changes: Any) -> Story:
    return ready().given(a(OrderProposed, **changes))


def test_a_quote_turns_a_proposal_into_an_intent_of_which_everything_is_recognisable_later() -> (
    None
):
    quote = a(QuoteObserved, bid=1.05, ask=1.0501, tick_value=1.0, margin_per_lot=1000.0)
    [intended] = proposed(stop_distance=0.001, target_distance=0.002).when(quote, corr=KEY)
    # 1 % of 10,000 is 100; the stop is 100 ticks away, 1 each per lot: 1 lot.
    assert intended == OrderIntended(
        key=KEY,
        strategy="baseline",
        magic=MAGIC,
        symbol=SYMBOL,
        side="buy",
        volume=1.0,
        price=1.0501,
        sl=1.0491,
        tp=1.0521,
        deviation=CONFIG.broker.deviation,
        risk=100.0,
        login=CONFIG.broker.account.login,
        server=SERVER,
        server_msc=quote.time_msc,
    )


def test_a_sell_is_priced_at_bid_with_its_levels_mirrored() -> None:
    [intended] = proposed(side="sell").when(a(QuoteObserved, bid=1.05, ask=1.0501), corr=KEY)
    assert isinstance(intended, OrderIntended)
    assert (intended.side, intended.price, intended.sl, intended.tp) == ("sell", 1.05, 1.051, 1.048)


def test_the_margin_bound_limits_the_volume() -> None:
    quote = a(QuoteObserved, margin_per_lot=1000.0, margin_free=300.0)
    [intended] = proposed().when(quote, corr=KEY)
    assert isinstance(intended, OrderIntended)
    assert intended.volume == 0.15  # half of 300 binds 0.15 lots at 1,000 each
    assert intended.risk == 15.0


@pytest.mark.parametrize(
    ("proposal", "quote", "rule", "figures"),
    [
        ({"stop_distance": 0.00005}, {}, "stops", ["stop 1.05005", "Bid 1.05", "at least 1"]),
        ({"side": "sell", "stop_distance": 0.00005}, {}, "stops", ["stop 1.05005", "Ask 1.0501"]),
        ({"target_distance": 0.0}, {"ask": 1.05}, "stops", ["target 1.05", "at least 1"]),
        ({"stop_distance": 0.9}, {}, "size", ["0.0011 lots", "minimum is 0.01"]),
        ({}, {"tick_value": 0.0}, "size", ["budget 100.00", "loss per lot 0.00"]),
        ({}, {"margin_free": -5.0}, "size", ["0.0000 lots"]),
    ],
    ids=["buy stop", "sell stop", "target", "too small", "worthless tick", "no margin"],
)
def test_what_cannot_be_sent_is_vetoed_with_its_figures(
    proposal: dict[str, Any], quote: dict[str, Any], rule: str, figures: list[str]
) -> None:
    found = vetoes(proposed(**proposal).when(a(QuoteObserved, **quote), corr=KEY))
    assert [name for name, _ in found] == [rule]
    for figure in figures:
        assert figure in found[0][1]


def test_the_stops_level_of_the_symbol_is_kept() -> None:
    far = a(SymbolSpecified, stops_level=50)
    story = proposed(stop_distance=0.00055).given(far)
    # The stop is 55 points below Ask and so only 45 below Bid, at which it triggers.
    [(rule, reason)] = vetoes(story.when(a(QuoteObserved, bid=1.05, ask=1.0501), corr=KEY))
    assert rule == "stops"
    assert "45 points from Bid" in reason
    assert "at least 50" in reason


def test_an_account_without_equity_risks_nothing() -> None:
    story = Story().given(
        manifest(), a(TerminalConnected), a(SymbolSpecified), a(FeedCaughtUp), a(OrderProposed)
    )
    [(rule, reason)] = vetoes(story.when(a(QuoteObserved), corr=KEY))
    assert rule == "size"
    assert "budget 0.00" in reason


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ([a(TradingHalted)], "halted"),
        ([a(DealRecorded)], "one position"),
        (
            [a(OrderProposed, key=OTHER_KEY, magic=1), a(OrderIntended, key=OTHER_KEY, magic=1)],
            "unresolved",
        ),
    ],
    ids=["halted", "position", "unresolved"],
)
def test_what_arose_between_proposal_and_quote_still_vetoes(given: list[Any], rule: str) -> None:
    story = proposed().given(*given)
    assert [name for name, _ in vetoes(story.when(a(QuoteObserved), corr=KEY))] == [rule]


def test_without_a_quote_the_proposal_is_vetoed_with_the_terminals_words() -> None:
    assert vetoes(proposed().when(a(QuoteUnavailable, reason="no tick (-1)"), corr=KEY)) == [
        ("quote", "no tick (-1)")
    ]


@pytest.mark.parametrize(
    "event", [a(QuoteObserved), a(QuoteUnavailable)], ids=["quote", "no quote"]
)
def test_a_quote_that_nobody_waits_for_leads_to_nothing(event: Any) -> None:
    assert ready().when(event, corr=KEY) == []
    assert proposed().given(a(OrderIntended)).when(event, corr=KEY) == []


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
    assert [rule for rule, _ in vetoes(proposed().when(manifest()))] == ["restart"]


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
    *before, last = bars(*RISING)
    story = ready().given(*before, manifest(), a(TerminalConnected), a(FeedCaughtUp))
    [wish] = story.when(last)
    assert isinstance(wish, OrderProposed)


# --- reconciliation


def seen(**changes: Any) -> BrokerSnapshotTaken:
    return a(BrokerSnapshotTaken, positions=[a(PositionSeen, **changes)])


def holding() -> Story:
    return ready().given(a(DealRecorded, commission=0.0))


def test_a_snapshot_that_agrees_leads_to_nothing() -> None:
    assert holding().when(seen()) == []


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (
            a(BrokerSnapshotTaken, positions=[]),
            DiscrepancyFound("position missing", "2001", "buy 1 EURUSD", "none"),
        ),
        (
            seen(volume=0.5),
            DiscrepancyFound("volume", "2001", "buy 1 EURUSD", "buy 0.5 EURUSD"),
        ),
        (seen(type=1), DiscrepancyFound("volume", "2001", "buy 1 EURUSD", "sell 1 EURUSD")),
        (
            a(BrokerSnapshotTaken, balance=9_999.99, positions=[a(PositionSeen)]),
            DiscrepancyFound("balance", SERVER, "10000.00", "9999.99"),
        ),
        (
            a(
                BrokerSnapshotTaken,
                positions=[a(PositionSeen), a(PositionSeen, ticket=9, identifier=9, type=1)],
            ),
            DiscrepancyFound("position unknown", "9", "none", "sell 1 EURUSD"),
        ),
    ],
    ids=["missing", "volume", "side", "balance", "unknown"],
)
def test_each_discrepancy_is_named_with_both_views_and_halts(
    snapshot: BrokerSnapshotTaken, expected: DiscrepancyFound
) -> None:
    found, halted = holding().when(snapshot)
    assert found == expected
    assert isinstance(halted, TradingHalted)
    assert halted.rule == "discrepancy"
    for words in (expected.name, expected.journal, expected.broker):
        assert words in halted.reason


def test_positions_are_told_apart_by_identifier_as_their_tickets_may_change() -> None:
    assert holding().when(seen(ticket=7777)) == []


def test_a_snapshot_names_every_discrepancy_and_halts_once() -> None:
    *found, halted = holding().when(a(BrokerSnapshotTaken, balance=1.0, positions=[]))
    assert [d.name for d in found if isinstance(d, DiscrepancyFound)] == [
        "position missing",
        "balance",
    ]
    assert isinstance(halted, TradingHalted)
    assert "2 found" in halted.reason
    assert len(found) == 2


def test_a_halted_engine_still_names_discrepancies_and_keeps_its_first_reason() -> None:
    story = holding().given(a(TradingHalted, rule="broker answer"))
    decisions = story.when(a(BrokerSnapshotTaken, positions=[]))
    assert [type(d) for d in decisions] == [DiscrepancyFound]
    assert story.state.run.halt_rule == "broker answer"


def test_recording_the_brokers_truth_heals_so_that_a_second_snapshot_finds_nothing() -> None:
    story = ready()
    assert story.when(seen()) != []
    story.given(a(DealRecorded, commission=0.0))
    assert story.when(seen()) == []


# --- halting


def test_a_halt_survives_a_restart() -> None:
    story, last = crossed()
    story.given(a(TradingHalted, reason="switched off"), a(RunEnded))
    assert story.when(manifest()) == []
    story.given(a(TerminalConnected), a(FeedCaughtUp))
    assert [rule for rule, _ in vetoes(story.when(last))] == ["halted"]


def test_while_halted_a_reply_still_settles_what_was_sent() -> None:
    assert sent().given(a(TradingHalted)).when(a(BrokerReplied)) == [
        OrderAccepted(KEY, 2001, "reply")
    ]


# --- the kernel itself


@pytest.mark.parametrize(
    "event",
    [
        a(TerminalConnected),
        a(TerminalLost),
        a(SymbolSpecified),
        a(FeedCaughtUp),
        a(DealRecorded),
        deposit(5.0, ticket=2),
        a(RunEnded),
    ],
    ids=lambda event: type(event).__name__,
)
def test_some_inputs_are_only_taken_in(event: Any) -> None:
    story = ready()
    before = msgspec.json.encode(story.state)
    assert story.when(event) == []
    assert msgspec.json.encode(story.state) != before


def test_asking_for_a_decision_before_any_run_is_an_error() -> None:
    kernel = Kernel()
    kernel.evolve(stamp(a(OrderProposed), seq=1, ts=1, run=RUN, corr=KEY))
    kernel.evolve(stamp(a(SymbolSpecified), seq=2, ts=1, run=RUN))
    with pytest.raises(DaybookError, match="before any RunStarted"):
        kernel.step(stamp(a(QuoteObserved), seq=3, ts=1, run=RUN, corr=KEY))


def test_a_recorded_configuration_that_today_cannot_be_read_names_key_and_version() -> None:
    config = msgspec.to_builtins(CONFIG)
    config["risk"]["per_trade"] = 1.0
    with pytest.raises(DaybookError, match=r"code 0\.0\.9.*per_trade"):
        Story().when(a(RunStarted, config=config, code_version="0.0.9"))


def test_the_kernel_takes_its_configuration_from_the_journal() -> None:
    story = Story().given(manifest())
    assert story.kernel.config == CONFIG
    assert isinstance(story.kernel.config, Config)


def test_warmup_is_that_of_the_slowest_strategy() -> None:
    slow = MaCrossRsiConfig(name="slow", magic=1, symbol=SYMBOL, slow=200)
    assert warmup_of(msgspec.structs.replace(CONFIG, strategies=[*CONFIG.strategies, slow])) == 201


def test_time_is_the_events_time() -> None:
    story, last = crossed()
    story.when(last)
    assert story.events[-1].ts == story.events[-2].ts
    assert T0 not in {event.ts for event in story.events}
