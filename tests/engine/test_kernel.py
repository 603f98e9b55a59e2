"""Bars lead to proposals, a halt outlives the run, and what is only taken in leads to nothing."""

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
    DealRecorded,
    FeedCaughtUp,
    OrderIntended,
    OrderProposed,
    OrderUnresolved,
    OrderVetoed,
    QuoteObserved,
    RunEnded,
    RunStarted,
    SymbolSpecified,
    TerminalConnected,
    TerminalLost,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from tests.given import (
    CONFIG,
    KEY,
    MAGIC,
    OTHER_KEY,
    RISING,
    RUN,
    SYMBOL,
    Story,
    a,
    bars,
    deposit,
    manifest,
    ready,
    vetoes,
)


def crossed() -> tuple[Story, BarClosed]:
    *before, last = RISING
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
    *before, last = RISING
    late = Story().given(manifest(), a(TerminalConnected), a(SymbolSpecified), deposit(10_000.0))
    late.given(*before)
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
    story = Story().given(manifest(config), a(TerminalConnected), a(SymbolSpecified))
    story.given(deposit(10_000.0), a(FeedCaughtUp))
    *before, last = RISING
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
    *before, last = RISING
    assert vetoes(story.given(*before).when(last)) == [
        ("symbol", "the terminal has not described EURUSD")
    ]


# --- halting


def test_a_halt_survives_a_restart() -> None:
    story, last = crossed()
    story.given(a(TradingHalted, reason="switched off"), a(RunEnded))
    assert story.when(manifest()) == []
    story.given(a(TerminalConnected), a(FeedCaughtUp))
    assert [rule for rule, _ in vetoes(story.when(last))] == ["halted"]


def test_an_operators_pause_vetoes_in_his_words_and_survives_a_restart() -> None:
    story, last = crossed()
    assert story.when(a(TradingPaused, by="anna", reason="news at two")) == []
    story.given(manifest(), a(TerminalConnected), a(FeedCaughtUp))
    [(rule, reason)] = vetoes(story.when(last))
    assert rule == "halted"
    assert "anna: news at two" in reason


@pytest.mark.parametrize("stopped", [a(TradingPaused), a(TradingHalted)], ids=["pause", "halt"])
def test_only_an_operator_lets_trading_go_on(stopped: Any) -> None:
    story, last = crossed()
    assert story.given(stopped).when(a(TradingResumed)) == []
    [proposed] = story.when(last)
    assert isinstance(proposed, OrderProposed)


def test_a_pause_does_not_hide_the_halt_before_it() -> None:
    story = ready().given(a(TradingHalted, rule="doubled order"), a(TradingPaused))
    assert story.state.run.halt_rule == "doubled order"


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
def test_an_input_that_asks_for_nothing_leads_to_nothing(event: Any) -> None:
    assert ready().when(event) == []


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
