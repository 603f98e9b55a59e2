"""Every deal's money is some position's and some strategy's, and a finished position says who
closed it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from journal.events import (
    DealRecorded,
    OrderIntended,
    OrderProposed,
    PositionAdopted,
)
from projections.costs import CLOSED_BY, KEEP_DONE, Costs, Life
from tests.given import KEY, MAGIC, OTHER_KEY, Story, a
from tests.projections.test_deals import Book, fold, histories

BUY, SELL = 0, 1
IN, OUT, INOUT, OUT_BY = 0, 1, 2, 3
EXPERT, ROLLOVER = 3, 7


def opened() -> Story:
    return Story().given(a(OrderProposed), a(OrderIntended)).given(a(DealRecorded), corr=KEY)


def closing(**changes: Any) -> DealRecorded:
    fields = {"ticket": 1002, "order": 2002, "type": SELL, "entry": OUT, "profit": 5.0, **changes}
    return a(DealRecorded, **fields)


def ended(story: Story) -> Life:
    costs: Costs = story.state.costs
    assert costs.open == {}
    return costs.done[-1]


@pytest.mark.parametrize("reason", [r for r in CLOSED_BY if r not in (EXPERT, ROLLOVER)])
def test_who_closed_a_position_is_told_by_the_deals_reason(reason: int) -> None:
    story = opened().given(closing(reason=reason, comment="[sl 1.04]", magic=0), corr=KEY)
    assert ended(story).closed_by == CLOSED_BY[reason]


def test_a_position_closed_by_our_own_order_names_the_rule_that_spoke() -> None:
    wish = a(OrderProposed, key=OTHER_KEY, action="close", position=2001, reason="time stop")
    story = opened().given(wish).given(closing(), corr=OTHER_KEY)
    assert ended(story).closed_by == "time stop"


def test_an_expert_that_is_not_ours_is_another_program() -> None:
    assert ended(opened().given(closing(), corr=KEY)).closed_by == "another program"


def test_a_reason_that_nobody_knows_is_shown_as_its_number() -> None:
    assert ended(opened().given(closing(reason=42), corr=KEY)).closed_by == "reason 42"


def test_costs_and_profit_go_to_the_position_and_to_the_strategy_that_opened_it() -> None:
    story = Story().given(a(OrderProposed), a(OrderIntended))
    story.given(a(DealRecorded, commission=-3.5), corr=KEY)
    story.given(closing(magic=0, profit=20.0, commission=-3.5, swap=-1.0, fee=-0.5), corr=KEY)
    life = ended(story)
    assert (life.sums.profit, life.sums.commission, life.sums.swap, life.sums.fee) == (
        20.0,
        -7.0,
        -1.0,
        -0.5,
    )
    assert life.sums.net == pytest.approx(11.5)
    strategy = story.state.costs.strategies[MAGIC]
    assert (strategy.name, strategy.positions, strategy.closed) == ("baseline", 1, 1)
    assert strategy.sums == life.sums
    assert set(story.state.costs.strategies) == {MAGIC}  # nothing for the magic of the close


def test_an_adopted_position_is_from_then_on_its_new_strategys() -> None:
    story = Story().given(a(DealRecorded, magic=0, commission=-1.0, comment=""))
    story.given(a(PositionAdopted)).given(closing(magic=0, profit=7.0))
    assert story.state.costs.strategies[0].sums.net == -1.0
    assert story.state.costs.strategies[MAGIC].sums.net == 7.0


def test_a_reversal_is_one_life_that_goes_on() -> None:
    story = opened().given(closing(entry=INOUT, volume=1.5))
    assert 2001 in story.state.costs.open
    assert story.state.costs.done == []


def test_what_the_broker_closes_to_open_it_again_has_not_ended() -> None:
    story = opened().given(closing(reason=ROLLOVER), corr=KEY)
    story.given(a(DealRecorded, ticket=1003, order=2003, reason=ROLLOVER), corr=KEY)
    assert 2001 in story.state.costs.open
    assert story.state.costs.done == []


def test_a_close_that_is_seen_before_its_opening_ends_the_life_all_the_same() -> None:
    story = Story().given(a(OrderProposed), a(OrderIntended))
    story.given(closing(reason=4, magic=0)).given(a(DealRecorded), corr=KEY)
    life = ended(story)
    assert (life.magic, life.key, life.closed_by) == (MAGIC, KEY, "stop loss")


def test_only_the_last_finished_positions_stay_in_the_state() -> None:
    story = Story()
    for number in range(KEEP_DONE + 5):
        pair = {"position_id": number + 1, "volume": 1.0}
        story.given(a(DealRecorded, ticket=2 * number + 1, **pair))
        story.given(closing(ticket=2 * number + 2, **pair))
    assert len(story.state.costs.done) == KEEP_DONE
    assert story.state.costs.strategies[MAGIC].closed == KEEP_DONE + 5


@given(histories())
def test_the_sums_of_strategies_and_of_positions_are_the_accounts(book: Book) -> None:
    state = fold(book.deals)
    account, costs = state.account, state.costs
    for name in ("profit", "commission", "swap", "fee"):
        by_strategy = sum(getattr(s.sums, name) for s in costs.strategies.values())
        assert by_strategy == pytest.approx(getattr(account, name), abs=1e-6)
    lives = [*costs.open.values(), *costs.done]
    assert sum(life.sums.net for life in lives) == pytest.approx(
        account.profit + account.commission + account.swap + account.fee, abs=1e-6
    )
    assert costs.open.keys() == state.positions.open.keys()
