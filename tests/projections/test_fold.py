"""Each projection alone: given events, then this state."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journal.events import (
    TYPES,
    BarClosed,
    ClockOffsetMeasured,
    DealRecorded,
    EvidenceGathered,
    FeedCaughtUp,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
    Payload,
    PositionAdjusted,
    RunEnded,
    RunStarted,
    SymbolSpecified,
    TerminalConnected,
    TerminalLost,
    TradingHalted,
)
from journal.events.mt5 import DealType
from projections.account import ACCOUNT, net_profit
from projections.idempotency import key_of
from projections.market import recent
from projections.orders import KEEP_DONE, unresolved
from projections.positions import of_magic
from projections.state import PROJECTIONS, State, digest, fold, initial
from tests.given import KEY, MAGIC, OTHER_KEY, SYMBOL, Story, a, bars, deposit, manifest
from tests.session import play, real_bars

BUY, SELL = 0, 1
IN, OUT, INOUT, OUT_BY = 0, 1, 2, 3


def after(*payloads: Payload, corr: str = "") -> State:
    return Story().given(*payloads, corr=corr).state


def deal(ticket: int = 1001, **changes: Any) -> DealRecorded:
    return a(DealRecorded, ticket=ticket, **changes)


# --- run


def test_a_run_is_known_from_its_manifest_and_its_connection() -> None:
    run = after(a(RunStarted), a(TerminalConnected)).run
    assert (run.id, run.number, run.mode, run.connected) == (
        "20231002-TEST001",
        1,
        "simulated",
        True,
    )
    assert (run.login, run.server, run.currency, run.margin_mode) == (
        5012345,
        "Daybook-ECN",
        "USD",
        2,
    )


def test_bars_are_news_from_catching_up_until_the_terminal_is_lost_or_the_run_ends() -> None:
    story = Story().given(a(RunStarted), a(TerminalConnected))
    assert not story.state.run.live
    assert story.given(a(FeedCaughtUp)).state.run.live
    assert not story.given(a(TerminalLost)).state.run.live
    assert story.given(a(TerminalConnected), a(FeedCaughtUp)).state.run.live
    assert not story.given(a(RunEnded)).state.run.live
    assert not story.given(a(FeedCaughtUp), a(RunStarted)).state.run.live


def test_the_first_halt_is_the_one_that_stands_and_a_new_run_does_not_lift_it() -> None:
    run = after(
        a(RunStarted),
        TradingHalted("first", "one"),
        TradingHalted("second", "two"),
        a(RunEnded),
        a(RunStarted),
        a(TerminalConnected),
    ).run
    assert (run.halt_rule, run.halt_reason, run.number) == ("first", "one", 2)


def test_a_killed_run_has_no_end_and_an_ended_one_its_reason() -> None:
    assert after(a(RunStarted)).run.ended == ""
    assert after(a(RunStarted), a(RunEnded, reason="stopped")).run.ended == "stopped"
    assert after(a(RunStarted), a(RunEnded), a(RunStarted)).run.ended == ""


# --- market


def test_a_series_remembers_the_newest_bars_that_strategies_need() -> None:
    told = bars(*(1.0 + n / 1000 for n in range(500)))
    state = after(a(RunStarted, warmup=5), *told)
    assert recent(state.market, SYMBOL, "M1") == told[-5:]
    series = state.market.series["EURUSD M1"]
    assert series.last_time == told[-1].time
    assert len(series.bars) < 5 * 2 + 64


def test_every_bar_count_keeps_enough_and_not_too_much() -> None:
    story = Story().given(a(RunStarted, warmup=3))
    told = bars(*(1.0 + n / 1000 for n in range(200)))
    for index, bar in enumerate(told):
        story.given(bar)
        assert recent(story.state.market, SYMBOL, "M1") == told[max(0, index - 2) : index + 1]
        assert len(story.state.market.series["EURUSD M1"].bars) < 2 * 3 + 64


def test_series_are_kept_apart_by_symbol_and_timeframe() -> None:
    state = after(
        a(RunStarted, warmup=1),
        a(BarClosed),
        a(BarClosed, timeframe="M5"),
        a(BarClosed, symbol="GBPUSD"),
    )
    assert sorted(state.market.series) == ["EURUSD M1", "EURUSD M5", "GBPUSD M1"]
    assert recent(state.market, "GBPUSD", "H1") == []


def test_no_bar_is_remembered_when_no_strategy_asks_for_one() -> None:
    assert recent(after(a(RunStarted, warmup=0), a(BarClosed)).market, SYMBOL, "M1") == []


def test_the_newest_specification_and_clock_offset_count() -> None:
    market = after(
        a(SymbolSpecified, stops_level=1),
        a(SymbolSpecified, stops_level=2),
        a(ClockOffsetMeasured, offset_s=7200),
        a(ClockOffsetMeasured, offset_s=10800),
    ).market
    assert market.symbols[SYMBOL].stops_level == 2
    assert market.offset_s == 10800


# --- orders


def test_an_order_goes_from_proposal_to_filled() -> None:
    story = Story()
    statuses = []
    for payload in (a(OrderProposed), a(OrderIntended), a(OrderUnresolved), a(OrderAccepted)):
        story.given(payload)
        statuses.append(story.state.orders.open[KEY].status)
    assert statuses == ["proposed", "intended", "unresolved", "accepted"]
    story.given(deal(), corr=KEY)
    assert story.state.orders.open == {}
    [done] = story.state.orders.done
    assert (done.status, done.filled, done.average, done.ticket) == ("filled", 1.0, 1.0501, 2001)


def test_partial_fills_average_by_volume_and_finish_with_the_last() -> None:
    story = Story().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))
    story.given(deal(volume=0.3, price=1.0), corr=KEY)
    order = story.state.orders.open[KEY]
    assert (order.status, order.filled, order.average) == ("partially filled", 0.3, 1.0)
    story.given(deal(1002, volume=0.7, price=2.0), corr=KEY)
    [done] = story.state.orders.done
    assert done.average == pytest.approx(1.7)
    assert (story.state.orders.fills, story.state.orders.filled) == (2, 1)


def test_volumes_that_miss_the_whole_by_binary_dust_still_fill_it() -> None:
    assert 0.7 + 0.1 + 0.1 < 0.9
    story = Story().given(a(OrderProposed), a(OrderIntended, volume=0.9), a(OrderAccepted))
    story.given(deal(1, volume=0.7), deal(2, volume=0.1), deal(3, volume=0.1), corr=KEY)
    assert story.state.orders.filled == 1


def test_a_deal_seen_before_its_reply_counts_once_the_order_is_accepted() -> None:
    story = Story().given(a(OrderProposed), a(OrderIntended)).given(deal(), corr=KEY)
    assert story.state.orders.open[KEY].status == "intended"
    story.given(a(OrderAccepted))
    assert [order.status for order in story.state.orders.done] == ["filled"]


@pytest.mark.parametrize(
    ("payload", "status"), [(a(OrderVetoed), "vetoed"), (a(OrderRefused), "refused")]
)
def test_what_is_refused_is_finished_with_its_reason(payload: Any, status: str) -> None:
    orders = after(a(OrderProposed), a(OrderIntended), payload).orders
    assert orders.open == {}
    assert (orders.done[0].status, orders.done[0].note) == (status, payload.reason)


def test_deals_of_others_and_closing_deals_fill_nothing() -> None:
    story = Story().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))
    story.given(deal(), corr="SOMEBODYELSE")
    story.given(deal(1002))
    story.given(deal(1003, order=3001, entry=OUT), corr=KEY)
    assert story.state.orders.open[KEY].filled == 0.0


def accepted() -> Story:
    return Story().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))


def test_an_order_that_the_broker_ends_half_filled_is_finished_with_its_part() -> None:
    story = accepted().given(deal(volume=0.3), corr=KEY)
    story.given(a(OrderFinished, state=3, filled=0.3))
    [done] = story.state.orders.done
    assert (done.status, done.filled, done.note) == ("filled", 0.3, "of 1 lots")


def test_an_order_that_the_broker_ends_waits_for_the_deals_that_are_still_to_be_seen() -> None:
    story = accepted().given(a(OrderFinished, state=3, filled=0.3))
    assert story.state.orders.open[KEY].status == "accepted"
    story.given(deal(volume=0.3), corr=KEY)
    assert story.state.orders.filled == 1


def test_an_order_that_the_broker_ends_unfilled_is_cancelled() -> None:
    orders = accepted().given(a(OrderFinished, state=2, filled=0.0)).state.orders
    assert (orders.open, orders.cancelled, orders.done[0].status) == ({}, 1, "cancelled")


def test_on_a_netting_account_a_deal_that_closes_fills_the_order_that_it_belongs_to() -> None:
    story = accepted().given(deal(entry=OUT), corr=KEY)
    assert story.state.orders.filled == 1


def test_a_position_that_the_broker_opens_again_fills_no_order_twice() -> None:
    story = accepted().given(deal(volume=0.3), corr=KEY)
    story.given(deal(1002, order=3001, volume=0.3), corr=KEY)
    assert story.state.orders.open[KEY].filled == 0.3


def test_unresolved_lists_what_was_sent_and_has_no_outcome_oldest_first() -> None:
    story = Story()
    for key in ("A", "B", "C", "D"):
        story.given(a(OrderProposed, key=key))
    story.given(a(OrderIntended, key="C"), a(OrderIntended, key="B"), a(OrderIntended, key="D"))
    story.given(a(OrderUnresolved, key="C"), a(OrderAccepted, key="D"))
    assert [order.key for order in unresolved(story.state.orders)] == ["B", "C"]


def test_finished_orders_are_counted_for_ever_and_kept_for_a_while() -> None:
    story = Story()
    for number in range(KEEP_DONE + 10):
        story.given(a(OrderProposed, key=f"K{number}"), a(OrderVetoed, key=f"K{number}"))
    orders = story.state.orders
    assert (orders.vetoed, len(orders.done), orders.done[0].key) == (
        KEEP_DONE + 10,
        KEEP_DONE,
        "K10",
    )


# --- positions


def test_a_position_bears_its_key_and_its_intended_levels() -> None:
    story = Story().given(a(OrderProposed), a(OrderIntended)).given(deal(), corr=KEY)
    position = story.state.positions.open[2001]
    assert (position.key, position.sl, position.tp, position.magic) == (KEY, 1.0491, 1.0521, MAGIC)
    assert position.strategy == "baseline"
    assert story.state.positions.planned == {}


def test_a_refused_intent_leaves_no_levels_behind() -> None:
    assert after(a(OrderProposed), a(OrderIntended), a(OrderRefused)).positions.planned == {}


def test_adding_averages_the_price_and_reducing_keeps_it() -> None:
    story = Story().given(deal(volume=1.0, price=1.0), deal(2, volume=3.0, price=2.0))
    position = story.state.positions.open[2001]
    assert (position.volume, position.price) == (4.0, 1.75)
    story.given(deal(3, type=SELL, entry=OUT, volume=1.0, price=9.0))
    assert (position.volume, position.price, position.side) == (3.0, 1.75, 1)


def test_close_by_takes_from_both_positions() -> None:
    state = after(
        deal(1, position_id=10, volume=1.0),
        deal(2, position_id=20, volume=0.4, type=SELL),
        deal(3, position_id=10, volume=0.4, type=SELL, entry=OUT_BY),
        deal(4, position_id=20, volume=0.4, type=BUY, entry=OUT_BY),
    )
    assert {i: p.volume for i, p in state.positions.open.items()} == {10: pytest.approx(0.6)}


def test_a_netting_reversal_leaves_the_rest_the_other_way_at_the_deals_price() -> None:
    state = after(
        deal(1, volume=1.0, price=1.0), deal(2, volume=1.5, type=SELL, entry=INOUT, price=1.2)
    )
    position = state.positions.open[2001]
    assert (position.side, position.volume, position.price) == (-1, 0.5, 1.2)


def test_what_closes_a_position_that_was_never_seen_opens_none() -> None:
    assert after(deal(entry=OUT, type=SELL)).positions.open == {}


@pytest.mark.parametrize("first", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_deals_of_a_position_may_be_seen_in_any_order(first: tuple[int, ...]) -> None:
    deals = [
        deal(1, volume=0.4),
        deal(2, volume=0.6),
        deal(3, volume=1.0, type=SELL, entry=OUT, order=3001, profit=-5.0),
    ]
    state = after(*(deals[index] for index in first))
    assert (state.positions.open, state.positions.early) == ({}, {})
    assert (state.performance.trades, state.performance.results) == (1, {})


def test_what_was_closed_early_is_missing_from_what_is_opened_late() -> None:
    closing = deal(1, volume=0.4, type=SELL, entry=OUT, order=3001)
    [position] = after(closing, deal(2, volume=1.0)).positions.open.values()
    assert (position.side, position.volume) == (1, 0.6)


def test_balance_operations_open_no_position() -> None:
    assert after(deposit(100.0)).positions.open == {}


def test_positions_are_found_by_magic_and_symbol() -> None:
    state = after(
        deal(1, position_id=1), deal(2, position_id=2, magic=1), deal(3, position_id=3, symbol="X")
    )
    assert [p.identifier for p in of_magic(state.positions, MAGIC, SYMBOL)] == [1]


# --- account


def test_the_balance_takes_profit_and_every_cost() -> None:
    account = after(
        deposit(1000.0), deal(2, profit=10.0, commission=-3.0, swap=-2.0, fee=-1.0)
    ).account
    assert account.balance == 1004.0
    assert (account.deposits, account.profit, account.commission) == (1000.0, 10.0, -3.0)
    assert (account.swap, account.fee) == (-2.0, -1.0)


OPERATIONS = {
    DealType.BALANCE: "deposits",
    DealType.CHARGE: "income",
    DealType.CORRECTION: "granted",
    DealType.BONUS: "granted",
    DealType.COMMISSION: "commission",
    DealType.COMMISSION_DAILY: "commission",
    DealType.COMMISSION_MONTHLY: "commission",
    DealType.COMMISSION_AGENT_DAILY: "commission",
    DealType.COMMISSION_AGENT_MONTHLY: "commission",
    DealType.INTEREST: "income",
    DealType.DIVIDEND: "income",
    DealType.DIVIDEND_FRANKED: "income",
    DealType.TAX: "income",
    99: "granted",
}
"""Where the money of each deal that is no trade goes."""


@pytest.mark.parametrize(("kind", "part"), OPERATIONS.items())
@pytest.mark.parametrize("amount", [250.0, -250.0])
def test_money_without_a_trade_is_where_it_belongs_and_only_what_is_earned_is_a_result(
    kind: int, part: str, amount: float
) -> None:
    state = after(deposit(1000.0), msgspec.structs.replace(deposit(amount, 2), type=kind))
    account, performance = state.account, state.performance
    parts = {name: getattr(account, name) for name in ("deposits", "granted", "income", "profit")}
    parts |= {name: getattr(account, name) for name in ("commission", "swap", "fee")}
    expected = {"deposits": 1000.0}
    expected[part] = expected.get(part, 0.0) + amount
    assert {name: value for name, value in parts.items() if value} == expected
    assert account.balance == 1000.0 + amount
    earned = part in ("commission", "income")
    assert net_profit(account) == (amount if earned else 0.0)
    assert performance.drawdown == (250.0 if earned and amount < 0 else 0.0)


def test_every_deal_type_is_a_trade_or_a_credit_or_has_its_place() -> None:
    trades = {DealType.BUY, DealType.SELL, DealType.BUY_CANCELED, DealType.SELL_CANCELED}
    assert {*OPERATIONS} - {99} == {*DealType} - trades - {DealType.CREDIT}


def test_credit_is_not_balance() -> None:
    account = after(deal(1, type=3, position_id=0, profit=500.0)).account
    assert (account.credit, account.balance) == (500.0, 0.0)


def test_charges_count_as_losses_not_as_withdrawals() -> None:
    account = after(deposit(100.0), deal(2, type=4, position_id=0, profit=-5.0)).account
    assert (account.balance, account.deposits, account.income) == (95.0, 100.0, -5.0)


# --- idempotency


def test_a_deal_is_ours_by_order_then_by_position_then_by_comment() -> None:
    story = Story().given(a(OrderProposed), a(OrderIntended))
    index = story.state.idempotency
    assert key_of(index, deal(order=1, position_id=1, comment=KEY)) == KEY
    assert key_of(index, deal(order=2001, position_id=1, comment="")) == ""
    story.given(a(OrderAccepted))
    assert key_of(index, deal(order=2001, position_id=1, comment="")) == KEY
    story.given(deal(), corr=KEY)
    assert key_of(index, deal(order=9, position_id=2001, comment="[sl 1.0491]")) == KEY
    assert key_of(index, deal(order=9, position_id=9, comment="[sl 1.0491]")) == ""


def test_a_comment_that_names_no_intent_proves_nothing() -> None:
    assert key_of(after(a(RunStarted)).idempotency, deal(comment=OTHER_KEY)) == ""


def test_the_watermark_is_the_newest_deals_server_time_in_any_order() -> None:
    state = after(deal(1, time_msc=500), deal(2, time_msc=900), deal(3, time_msc=700))
    assert state.idempotency.watermark == 900
    assert sorted(state.idempotency.deals) == [1, 2, 3]


def test_a_position_keeps_the_key_that_opened_it() -> None:
    story = Story().given(deal(1), corr=KEY).given(deal(2, entry=OUT, type=SELL), corr=OTHER_KEY)
    assert story.state.idempotency.positions == {2001: KEY}


# --- performance


def valued() -> Story:
    return Story().given(a(RunStarted), a(SymbolSpecified), deposit(10_000.0))


def test_equity_is_marked_at_bid_for_a_long_and_at_ask_for_a_short() -> None:
    bar = a(BarClosed, close=1.06, spread=10)
    long = valued().given(deal(2, volume=1.0, price=1.05), bar).state.performance
    assert long.equity == pytest.approx(10_000 + 1000.0)  # 1,000 ticks of 1
    short = valued().given(deal(2, type=SELL, volume=1.0, price=1.05), bar).state.performance
    assert short.equity == pytest.approx(10_000 - 1010.0)  # and 10 points of spread


def test_drawdown_is_the_deepest_fall_below_the_peak() -> None:
    story = valued().given(deal(2, volume=1.0, price=1.05))
    for close in (1.06, 1.04, 1.055, 1.045):
        story.given(a(BarClosed, close=close, spread=0))
    performance = story.state.performance
    assert performance.peak == pytest.approx(11_000.0)
    assert performance.drawdown == pytest.approx(2000.0)
    assert performance.drawdown_percent == pytest.approx(100 * 2000 / 11_000)


def test_deposits_and_withdrawals_are_neither_profit_nor_drawdown() -> None:
    state = valued().given(deposit(-4000.0, 2), deposit(500.0, 3)).state
    performance = state.performance
    assert (performance.equity, performance.peak, performance.drawdown) == (6500.0, 6500.0, 0.0)
    assert net_profit(state.account) == 0.0


def test_what_one_position_realises_is_not_counted_twice_beside_another() -> None:
    story = valued().given(
        deal(2, position_id=1, volume=1.0, price=1.05),
        deal(3, position_id=2, volume=1.0, price=1.05),
        a(BarClosed, close=1.06, spread=0),
    )
    assert story.state.performance.peak == pytest.approx(12_000.0)
    story.given(deal(4, position_id=1, type=SELL, entry=OUT, price=1.06, profit=1000.0))
    performance = story.state.performance
    assert performance.equity == pytest.approx(12_000.0)
    assert performance.peak == pytest.approx(12_000.0)
    assert performance.drawdown == pytest.approx(0.0, abs=1e-6)


def test_a_partial_close_leaves_the_rest_floating() -> None:
    story = valued().given(deal(2, volume=1.0, price=1.05), a(BarClosed, close=1.06, spread=0))
    story.given(deal(3, type=SELL, entry=OUT, volume=0.25, price=1.06, profit=250.0))
    performance = story.state.performance
    assert performance.equity == pytest.approx(11_000.0)
    assert performance.trades == 0


def test_a_trade_is_won_when_it_pays_for_its_costs() -> None:
    story = valued()
    for ticket, profit in ((10, 5.0), (20, 3.0), (30, -2.0)):
        story.given(
            deal(ticket, position_id=ticket, commission=-2.0),
            deal(
                ticket + 1, position_id=ticket, type=SELL, entry=OUT, profit=profit, commission=-2.0
            ),
        )
    performance = story.state.performance
    assert (performance.trades, performance.wins) == (3, 1)
    assert performance.gross_profit == pytest.approx(1.0)
    assert performance.gross_loss == pytest.approx(1.0 + 6.0)
    assert net_profit(story.state.account) == pytest.approx(6.0 - 12.0)
    assert performance.results == {}


def test_a_swap_by_reopening_is_no_trade_and_what_it_costs_is_the_positions() -> None:
    story = valued().given(deal(2), a(BarClosed, close=1.06, spread=0))
    story.given(deal(3, type=SELL, entry=OUT, reason=7, price=1.06, profit=990.0, swap=-3.0))
    performance = story.state.performance
    assert (performance.trades, performance.floating) == (0, {})
    assert performance.equity == pytest.approx(10_987.0)
    story.given(deal(4, reason=7, price=1.06))
    story.given(deal(5, type=SELL, entry=OUT, price=1.05, profit=-989.0))
    assert (performance.trades, performance.wins, performance.results) == (1, 0, {})
    assert performance.gross_loss == pytest.approx(2.0)


def test_a_reversal_is_no_end_and_what_floated_before_it_floats_no_more() -> None:
    story = valued().given(deal(2), a(BarClosed, close=1.06, spread=0))
    turn = deal(3, type=SELL, entry=INOUT, volume=2.0, price=1.06, profit=990.0)
    performance = story.given(turn).state.performance
    assert (performance.trades, performance.floating) == (0, {})
    story.given(a(BarClosed, close=1.05, spread=0))
    assert performance.floating == {2001: pytest.approx(1000.0)}
    assert performance.equity == pytest.approx(10_000.0 + 990.0 + 1000.0)


def test_the_brokers_word_on_an_opening_price_is_what_floats_from() -> None:
    story = valued().given(deal(2), a(PositionAdjusted, price=1.06), a(BarClosed, close=1.06))
    assert story.state.performance.floating == {2001: pytest.approx(0.0)}


def test_a_symbol_that_was_never_described_is_not_valued() -> None:
    story = Story().given(a(RunStarted), deposit(100.0), deal(2), a(BarClosed, close=9.0))
    assert story.state.performance.equity == 100.0


# --- all together


def test_every_projection_is_part_of_the_state_under_its_name() -> None:
    state = initial()
    for projection in PROJECTIONS:
        assert type(getattr(state, projection.name)) is type(projection.initial())
    assert {p.name for p in PROJECTIONS} | {"seq", "ts"} == set(State.__slots__)


def test_what_a_projection_reads_is_folded_before_it() -> None:
    folded = set[str]()
    for projection in PROJECTIONS:
        assert projection.reads <= folded
        folded.add(projection.name)


def test_folding_all_together_is_folding_each_alone() -> None:
    events = play(real_bars(1500)).events
    together = fold(events)
    for projection in PROJECTIONS:
        alone = fold(events, only=(projection,))
        part = getattr(together, projection.name)
        assert digest(getattr(alone, projection.name)) == digest(part)


def test_some_projections_fold_by_themselves_as_they_do_among_all() -> None:
    events = play(real_bars(1500)).events
    books = fold([*events, *events], only=(ACCOUNT,))  # each deal is seen twice
    together = fold(events)
    assert books.account == together.account
    assert books.idempotency.deals == together.idempotency.deals
    assert books.market == initial().market


def test_every_decision_and_every_fact_about_money_is_taken_in_by_some_projection() -> None:
    taken = {kind for projection in PROJECTIONS for kind in projection.handlers}
    passed_over = {name for name, kind in TYPES.items() if kind not in taken}
    assert passed_over == {
        "QuoteUnavailable",
        "EvidenceGathered",
        "ChangeChecked",
        "JournalRecovered",
    }


def test_what_no_projection_takes_in_moves_only_sequence_and_time() -> None:
    before, story = initial(), Story().given(a(EvidenceGathered))
    assert story.state.seq == 1
    before.seq, before.ts = 1, story.state.ts
    assert digest(story.state) == digest(before)


def test_a_whole_sessions_state_survives_its_encoding_with_equal_digest() -> None:
    state = play(real_bars(1500)).state
    again = msgspec.json.decode(msgspec.json.encode(state), type=State)
    assert digest(again) == digest(state)
    assert again == state


def test_digests_differ_when_states_do() -> None:
    assert digest(after(deposit(1.0))) != digest(after(deposit(1.01)))
    assert digest(after(manifest())) != digest(initial())
