"""The kernel guards what is open: on bars, on prices between them, on answers; once, and again
until it is there."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.config import Config
from engine.execution.protection.guard import Guard
from engine.execution.protection.rules import (
    BreakEven,
    PartialTarget,
    Protection,
    TimeStop,
    TrailAtr,
    TrailBar,
    TrailSteps,
)
from engine.strategies.indicators import AverageTrueRange
from journal.events import (
    BarClosed,
    BrokerReplied,
    ChangeApplied,
    ChangeChecked,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    DealRecorded,
    FeedCaughtUp,
    OperatorHalted,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderVetoed,
    Payload,
    PositionAdjusted,
    PositionAdopted,
    PriceSeen,
    TerminalLost,
    TradingHalted,
)
from tests.given import (
    CONFIG,
    KEY,
    MAGIC,
    SYMBOL,
    T0,
    Story,
    a,
    manifest,
    ready,
)

POSITION = 2001
OPENED = T0 + 60
BREAK_EVEN = BreakEven(at_r=1.0, offset_points=10)
HALF = PartialTarget(at_r=1.0, part_percent=50)


def protected(*rules: Protection, **changes: Any) -> Config:
    strategy = msgspec.structs.replace(CONFIG.strategies[0], protection=list(rules), **changes)
    return msgspec.structs.replace(CONFIG, strategies=[strategy])


def holding(*rules: Protection, **intent: Any) -> Story:
    """A long position of one lot from 1.0501 with its stop at 1.0491, guarded by these rules."""
    story = ready().given(manifest(protected(*rules)), a(FeedCaughtUp))
    story.given(a(OrderProposed), a(OrderIntended, tp=0.0, **intent), a(OrderAccepted))
    return story.given(a(DealRecorded), corr=KEY)


def bar(index: int, close: float, high: float = 0.0, **changes: Any) -> BarClosed:
    """The bar of the `index`-th minute after the opening."""
    return a(
        BarClosed,
        time=OPENED + 60 * index,
        open=close,
        low=close,
        high=high or close,
        close=close,
        **changes,
    )


def seen(bid: float, second: int = 30) -> PriceSeen:
    """A price so many seconds after the opening."""
    return a(PriceSeen, time_msc=1000 * (OPENED + second), bid=bid, ask=round(bid + 0.0001, 5))


def wishes(decisions: list[Payload]) -> list[Payload]:
    """What protection decided; the strategy speaks for itself."""
    return [
        p
        for p in decisions
        if isinstance(p, ChangeIntended) or (isinstance(p, OrderProposed) and p.action != "open")
    ]


def moved(decisions: list[Payload]) -> ChangeIntended:
    [change] = wishes(decisions)
    assert isinstance(change, ChangeIntended)
    return change


def reply(change: ChangeIntended, retcode: int = 10009) -> BrokerReplied:
    return a(BrokerReplied, key=change.key, retcode=retcode, order=0, deal=0)


def test_a_bar_that_reached_the_level_moves_the_stop_and_leaves_the_target() -> None:
    story = holding(BREAK_EVEN)
    story.state.positions.open[POSITION].tp = 1.06
    assert wishes(story.when(bar(1, 1.0510))) == []
    change = moved(story.when(bar(2, 1.0508, high=1.0511)))
    assert (change.action, change.position, change.ticket) == ("levels", POSITION, POSITION)
    assert (change.sl, change.tp) == (1.0502, 1.06)
    assert (change.strategy, change.magic, change.symbol) == ("baseline", MAGIC, SYMBOL)
    assert change.reason == "break-even at 1 R, 10 points beyond entry"


def test_a_price_between_two_bars_moves_it_as_well() -> None:
    story = holding(BREAK_EVEN)
    assert story.when(seen(1.0510)) == []
    assert moved(story.when(seen(1.0511))).sl == 1.0502


def test_what_was_reached_stays_reached_when_the_price_comes_back() -> None:
    story = holding(BREAK_EVEN).given(a(TerminalLost))
    assert story.when(bar(1, 1.0506, high=1.0512)) == []
    assert moved(story.given(a(FeedCaughtUp)).when(bar(2, 1.0506))).sl == 1.0502


def test_of_the_bar_in_which_it_was_opened_only_the_close_counts() -> None:
    story = holding(BREAK_EVEN)
    early = bar(0, 1.0505, high=1.0520)
    assert wishes(story.when(msgspec.structs.replace(early, time=OPENED - 30))) == []
    assert wishes(story.when(bar(1, 1.0505))) == []


def test_one_change_of_a_position_is_under_way_and_the_newest_wish_follows_its_answer() -> None:
    story = holding(TrailSteps(step_points=50, behind_points=40))
    first = moved(story.when(seen(1.0506)))
    for bid in (1.0512, 1.0517, 1.0522):  # a fast market while the answer is out
        assert story.when(seen(bid)) == []
    applied, newest = story.when(reply(first))
    assert applied == ChangeApplied(first.key, "reply")
    assert isinstance(newest, ChangeIntended)
    assert (first.sl, newest.sl) == (1.0502, 1.0517)
    assert story.when(reply(newest)) == [ChangeApplied(newest.key, "reply")]


def test_a_stop_that_is_there_is_not_asked_for_again() -> None:
    story = holding(BREAK_EVEN)
    story.when(reply(moved(story.when(seen(1.0511)))))
    assert story.state.positions.open[POSITION].sl == 1.0502
    assert story.when(seen(1.0511, second=40)) == []
    assert wishes(story.when(bar(1, 1.0511))) == []


def test_a_refused_change_is_asked_for_again_after_a_wait_that_grows() -> None:
    story = holding(BREAK_EVEN)
    second = 30
    for wait in (5, 10, 20, 40):
        change = moved(story.when(seen(1.0511, second)))
        refused = story.when(reply(change, retcode=10016))
        assert [type(p) for p in refused] == [ChangeRefused]
        assert story.when(seen(1.0511, second + wait - 1)) == []
        second += wait
    story.when(reply(moved(story.when(seen(1.0511, second)))))
    assert story.state.protection.tracks[POSITION].refusals == 0


def test_a_clock_that_is_set_back_does_not_make_the_wait_an_hour_long() -> None:
    story = holding(BREAK_EVEN)
    story.when(reply(moved(story.when(seen(1.0511, 7200))), retcode=10016))
    assert story.when(seen(1.0511, 7201)) == []
    assert moved(story.when(seen(1.0511, 3602))).sl == 1.0502


def test_a_lost_answer_is_never_sent_again_before_it_is_settled() -> None:
    story = holding(BREAK_EVEN)
    change = moved(story.when(seen(1.0511)))
    [unresolved] = story.when(a(BrokerReplied, key=change.key, retcode=0, error=-10002))
    assert isinstance(unresolved, ChangeUnresolved)
    assert story.when(seen(1.0512, 600)) == []
    checked = a(ChangeChecked, key=change.key, sl=1.0491, tp=0.0)
    assert [type(p) for p in story.when(checked)] == [ChangeRefused]
    assert moved(story.when(seen(1.0512, 700))).sl == 1.0502


def test_the_promise_is_kept_over_a_restart() -> None:
    story = holding(BREAK_EVEN)
    change = moved(story.when(bar(1, 1.0511)))
    [unresolved] = story.when(manifest(protected(BREAK_EVEN)))
    assert isinstance(unresolved, ChangeUnresolved)
    story.when(a(ChangeChecked, key=change.key, sl=1.0491, tp=0.0))
    story.given(a(FeedCaughtUp))
    assert moved(story.when(seen(1.0505, 120))).sl == 1.0502


def test_a_reached_target_closes_its_part_once() -> None:
    story = holding(HALF)
    [close] = wishes(story.when(seen(1.0511)))
    assert isinstance(close, OrderProposed)
    assert (close.action, close.position, close.side) == ("close", POSITION, "sell")
    assert close.volume == 0.5
    assert story.when(seen(1.0515)) == []
    story.given(a(OrderIntended, key=close.key, action="close", position=POSITION, volume=0.5))
    story.given(a(OrderAccepted, key=close.key, order=2002))
    story.given(
        a(DealRecorded, ticket=1002, order=2002, type=1, entry=1, volume=0.5, comment=close.key),
        corr=close.key,
    )
    assert story.state.positions.open[POSITION].volume == 0.5
    assert story.when(seen(1.0520)) == []


def test_a_target_whose_close_was_vetoed_is_wanted_again() -> None:
    story = holding(HALF)
    [close] = wishes(story.when(seen(1.0511)))
    assert isinstance(close, OrderProposed)
    story.given(a(OrderVetoed, key=close.key))
    assert story.when(seen(1.0511, 34)) == []
    assert len(wishes(story.when(seen(1.0505, 35)))) == 1


def test_a_position_that_is_too_old_is_closed_whole() -> None:
    story = holding(TimeStop(minutes=3))
    assert wishes(story.when(bar(2, 1.0501))) == []
    [close] = wishes(story.when(bar(3, 1.0501)))
    assert isinstance(close, OrderProposed)
    assert (close.position, close.volume, close.reason) == (POSITION, 0.0, "open for 3 minutes")


RISE = [bar(i, 1.05 + i / 10_000, high=1.0503 + i / 10_000) for i in range(1, 12)]


def test_atr_is_that_of_the_strategys_own_bars() -> None:
    story, oracle = holding(TrailAtr(period=2, multiple=1.0)), AverageTrueRange(2)
    story.given(*RISE[:-1], bar(6, 1.0510, high=1.0512, timeframe="M5"))
    for one in RISE:
        oracle.update(one.high, one.low, one.close)
    stop = moved(story.when(RISE[-1])).sl
    assert stop == pytest.approx(RISE[-1].high - oracle.value, abs=0.000005)


def test_after_a_restart_the_atr_is_made_of_the_bars_before_it() -> None:
    rule = TrailAtr(period=2, multiple=1.0)
    stops = []
    for restarts in (0, 1):
        story = holding(rule).given(*RISE[:-1])
        story.given(*[manifest(protected(rule), warmup=21)] * restarts, a(FeedCaughtUp))
        stops.append(moved(story.when(RISE[-1])).sl)
    assert stops[0] == stops[1] > 1.05


def test_a_previous_bar_needs_no_indicator() -> None:
    story = holding(TrailBar(bars=2, offset_points=10))
    story.given(bar(1, 1.0510), bar(2, 1.0520))
    assert moved(story.when(bar(3, 1.0530))).sl == 1.0519


def test_others_positions_are_never_touched() -> None:
    story = ready().given(manifest(protected(BREAK_EVEN)), a(FeedCaughtUp))
    story.given(a(DealRecorded, magic=0, comment=""))
    assert wishes(story.when(bar(1, 1.06))) == []
    story = holding(BREAK_EVEN)
    story.state.positions.open[POSITION].strategy = "another"
    assert wishes(story.when(bar(1, 1.06))) == []


def test_a_position_that_was_adopted_is_guarded_from_then_on() -> None:
    story = ready().given(manifest(protected(BREAK_EVEN)), a(FeedCaughtUp))
    story.given(a(DealRecorded, magic=0, comment=""))
    story.given(a(PositionAdjusted, sl=1.0491, tp=0.0))
    story.given(a(PositionAdopted))
    assert moved(story.when(bar(1, 1.0511))).sl == 1.0502


@pytest.mark.parametrize(
    ("given", "still"),
    [(a(TradingHalted), False), (a(OperatorHalted), True), (a(TerminalLost), True)],
)
def test_a_halt_lets_protection_go_on_and_the_operators_switch_does_not(
    given: Payload, still: bool
) -> None:
    story = holding(BREAK_EVEN).given(given)
    assert (wishes(story.when(bar(1, 1.0511))) == []) is still


def test_without_protection_prices_are_not_followed() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))
    story.given(a(DealRecorded), corr=KEY)
    story.given(bar(1, 1.0511))
    assert story.state.protection.prices == {}
    assert story.state.protection.tracks[POSITION].best == 1.0501


def test_a_guard_needs_so_many_bars_that_its_atr_has_forgotten_where_it_began() -> None:
    rules: list[Protection] = [TrailAtr(period=30), TrailAtr(period=5), TrailBar(bars=400)]
    assert Guard.of(protected(rules[0], rules[1]).strategies[0]).warmup == 301
    assert Guard.of(protected(*rules).strategies[0]).warmup == 400
    assert Guard.of(protected(BREAK_EVEN).strategies[0]).warmup == 0
