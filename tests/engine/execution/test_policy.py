"""Positions of one symbol go together as the policy says: given what is held, when a signal comes,
then this is vetoed, closed first, or opened."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.config import Config, PositionPolicy
from engine.execution.policy import in_the_way, manager_of, policy_of, ready, waiting
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    DealRecorded,
    FeedCaughtUp,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    Payload,
    PositionAdopted,
    QuoteObserved,
    TerminalConnected,
)
from tests import given
from tests.given import CONFIG, SYMBOL, Story, a, manifest, vetoes

MAGICS = {"one": 1, "two": 2}
NETTING, HEDGING = 0, 2
SIGNAL = "SIGNAL"


def config(**policy: Any) -> Config:
    """Two strategies on one symbol, under one policy."""
    strategies = [
        msgspec.structs.replace(CONFIG.strategies[0], name=name, magic=magic)
        for name, magic in MAGICS.items()
    ]
    return msgspec.structs.replace(
        CONFIG, strategies=strategies, positions={"default": PositionPolicy(**policy)}
    )


def under(margin_mode: int = HEDGING, **policy: Any) -> Story:
    story = given.ready().given(manifest(config(**policy)))
    return story.given(a(TerminalConnected, margin_mode=margin_mode), a(FeedCaughtUp))


def order(story: Story, key: str, strategy: str = "one", side: str = "buy", **wish: Any) -> Story:
    """A proposal that nobody has weighed yet."""
    proposed = a(
        OrderProposed, key=key, strategy=strategy, magic=MAGICS[strategy], side=side, **wish
    )
    return story.given(proposed)


def filled(
    story: Story,
    key: str,
    ticket: int,
    strategy: str = "one",
    side: str = "buy",
    volume: float = 1.0,
    **deal: Any,
) -> Story:
    """An opening from its intent to its deal."""
    magic = MAGICS[strategy]
    order(story, key, strategy, side).given(
        a(OrderIntended, key=key, strategy=strategy, magic=magic, side=side, volume=volume),
        a(OrderAccepted, key=key, order=ticket),
    )
    fields = {"position_id": ticket, **deal}
    kind = 0 if side == "buy" else 1
    return story.given(
        a(
            DealRecorded,
            ticket=ticket + 5000,
            order=ticket,
            type=kind,
            magic=magic,
            volume=volume,
            **fields,
        ),
        corr=key,
    )


def foreign(story: Story, identifier: int, kind: int = 0, magic: int = 0) -> Story:
    """A position of which this journal has no order."""
    return story.given(
        a(
            DealRecorded,
            ticket=identifier + 5000,
            order=identifier,
            position_id=identifier,
            type=kind,
            magic=magic,
            comment="",
        )
    )


def signal(story: Story, side: str, strategy: str = "one", **wish: Any) -> list[Payload]:
    """What the kernel decides when a quote comes for a new signal."""
    return quoted(order(story, SIGNAL, strategy, side, **wish))


def quoted(story: Story) -> list[Payload]:
    return story.when(a(QuoteObserved), corr=SIGNAL)


def closes(decisions: list[Payload]) -> list[tuple[int, float]]:
    return [
        (p.position, p.volume)
        for p in decisions
        if isinstance(p, OrderProposed) and p.action == "close"
    ]


def opened(decisions: list[Payload]) -> list[float]:
    return [p.volume for p in decisions if isinstance(p, OrderIntended) and p.action == "open"]


def rules(decisions: list[Payload]) -> list[str]:
    return [rule for rule, _ in vetoes(decisions)]


def closed(story: Story, decisions: list[Payload], *, seen: int | None = None) -> Story:
    """The proposed closes are filled; of `seen` of them only the deals are known."""
    for index, p in enumerate(decisions):
        if not (isinstance(p, OrderProposed) and p.action == "close") or index == seen:
            continue
        volume = p.volume or story.state.positions.open[p.position].volume
        ticket = 3000 + p.position
        story.given(
            a(OrderIntended, key=p.key, action="close", position=p.position, volume=volume),
            a(OrderAccepted, key=p.key, order=ticket),
        )
        story.given(
            a(
                DealRecorded,
                ticket=ticket + 5000,
                order=ticket,
                position_id=p.position,
                type=0 if p.side == "buy" else 1,
                entry=1,
                volume=volume,
                comment=p.key,
            ),
            corr=p.key,
        )
    return story


# --- what may stand beside what


@pytest.mark.parametrize(
    ("policy", "side", "strategy", "rule"),
    [
        ({}, "buy", "one", "one position"),
        ({}, "sell", "one", "one position"),
        ({}, "sell", "two", ""),
        ({"policy": "one-direction"}, "buy", "one", "one position"),
        ({"policy": "one-direction"}, "buy", "two", ""),
        ({"policy": "one-direction"}, "sell", "two", "one direction"),
        ({"policy": "one-direction", "most": 2}, "buy", "one", ""),
        ({"policy": "add", "most": 2}, "buy", "one", ""),
        ({"policy": "add", "most": 2}, "sell", "one", "one direction"),
        ({"policy": "add", "most": 2}, "sell", "two", ""),
        ({"policy": "reverse"}, "buy", "one", "one position"),
        ({"policy": "reverse", "most": 2}, "buy", "one", ""),
        ({"policy": "reduce"}, "buy", "two", ""),
        ({"policy": "reverse", "close": "strategy"}, "sell", "two", ""),
    ],
)
def test_beside_a_long_position_of_strategy_one(
    policy: dict[str, Any], side: str, strategy: str, rule: str
) -> None:
    decisions = signal(filled(under(**policy), "A", 11), side, strategy)
    assert rules(decisions) == ([rule] if rule else [])
    assert bool(opened(decisions)) is not bool(rule)


def test_more_openings_than_are_allowed_are_vetoed_with_the_figures() -> None:
    story = filled(filled(under(policy="add", most=2), "A", 11), "B", 12)
    assert vetoes(signal(story, "buy")) == [
        ("positions", "the strategy has 2 openings of 2 allowed")
    ]


def test_beside_a_position_of_its_magic_that_nobody_knows_a_strategy_opens_nothing() -> None:
    for policy in ("one", "reverse", "one-direction"):
        decisions = signal(foreign(under(policy=policy), 11, magic=1), "sell")
        assert rules(decisions) == ["one position"]


def test_others_positions_do_not_count_on_a_hedging_account() -> None:
    for policy in ("one", "one-direction", "reduce", "reverse"):
        story = foreign(under(policy=policy), 11, kind=1)
        decisions = signal(story, "buy")
        assert (rules(decisions), closes(decisions), len(opened(decisions))) == ([], [], 1)


# --- netting: an order changes the position that is there


def test_on_a_netting_account_a_position_of_others_forbids_every_order() -> None:
    decisions = signal(foreign(under(NETTING, policy="add", most=9), 11), "buy")
    assert vetoes(decisions) == [
        ("netting", "position 11 is none of ours, and an order would alter it")
    ]


@pytest.mark.parametrize(
    ("policy", "side", "strategy", "rule"),
    [
        ({}, "buy", "two", "netting"),
        ({}, "sell", "two", "netting"),
        ({"policy": "add", "most": 2}, "buy", "one", ""),
        ({"policy": "add", "most": 2}, "buy", "two", "netting"),
        ({"policy": "add", "most": 2}, "sell", "one", "one direction"),
        ({"policy": "reverse", "close": "strategy"}, "sell", "two", "netting"),
    ],
)
def test_on_a_netting_account_only_its_own_strategy_alters_a_position(
    policy: dict[str, Any], side: str, strategy: str, rule: str
) -> None:
    decisions = signal(filled(under(NETTING, **policy), "A", 11), side, strategy)
    assert rules(decisions) == ([rule] if rule else [])


def test_on_a_netting_account_openings_of_one_position_are_counted_by_their_orders() -> None:
    story = filled(under(NETTING, policy="add", most=2), "A", 11)
    filled(story, "B", 12, position_id=11)
    assert story.state.positions.open[11].volume == 2.0
    assert rules(signal(story, "buy")) == ["positions"]


def test_on_a_netting_account_what_an_order_of_ours_adds_to_is_its_strategys_all_of_it() -> None:
    """A robot was quicker than a request on its way (seed 5166)."""
    story = foreign(under(NETTING, policy="reverse"), 11, magic=4711)
    filled(story, "A", 12, position_id=11)
    held = story.state.positions.open[11]
    assert (held.strategy, held.magic, held.volume) == ("one", 1, 2.0)
    assert closes(signal(story, "sell")) == [(11, 0.0)]


def test_on_a_netting_account_what_an_order_of_ours_makes_smaller_stays_a_strangers() -> None:
    story = foreign(under(NETTING, policy="reverse"), 11, magic=4711)
    filled(story, "A", 12, side="sell", volume=0.4, position_id=11, entry=1)
    held = story.state.positions.open[11]
    assert (held.strategy, held.magic, held.volume) == ("", 4711, 0.6)
    decisions = signal(story, "sell")
    assert (closes(decisions), rules(decisions)) == ([], ["netting"])


def test_on_a_netting_account_what_somebody_else_turns_is_his() -> None:
    story = filled(under(NETTING, policy="reverse"), "A", 11)
    turn = a(DealRecorded, ticket=900, order=1900, position_id=11, type=1, entry=2, volume=1.5)
    story.given(msgspec.structs.replace(turn, magic=4711, comment=""))
    held = story.state.positions.open[11]
    assert (held.strategy, held.side, held.volume) == ("", -1, 0.5)
    decisions = signal(story, "buy")
    assert (closes(decisions), rules(decisions)) == ([], ["netting"])


@pytest.mark.parametrize("mode", [NETTING, HEDGING])
def test_a_reversal_is_never_one_order(mode: int) -> None:
    story = filled(under(mode, policy="reverse"), "A", 11)
    first = signal(story, "sell")
    assert (closes(first), opened(first)) == ([(11, 0.0)], [])
    assert len(opened(quoted(closed(story, first)))) == 1


# --- reverse


def test_a_reversal_closes_everybodys_oldest_first_or_its_own_only() -> None:
    def two() -> list[Story]:
        stories = []
        for close in ("fifo", "strategy"):
            story = filled(under(policy="reverse", close=close, most=3), "A", 12, "two")
            filled(story, "B", 11)
            stories.append(filled(story, "C", 13))
        return stories

    fifo, own = two()
    assert closes(signal(fifo, "sell")) == [(12, 0.0), (11, 0.0), (13, 0.0)]
    assert closes(signal(own, "sell")) == [(11, 0.0), (13, 0.0)]


def test_an_opening_waits_until_the_deals_of_all_closes_are_known() -> None:
    story = filled(filled(under(policy="reverse", most=2), "A", 11), "B", 12)
    first = signal(story, "sell")
    assert [o.key for o in waiting(story.state)] == [SIGNAL]
    assert ready(story.state, config(policy="reverse")) == []
    closed(story, first, seen=1)  # one of the two is out still
    assert ready(story.state, config(policy="reverse")) == []
    closed(story, [first[1]])
    assert [o.key for o in ready(story.state, config(policy="reverse"))] == [SIGNAL]
    assert len(opened(quoted(story))) == 1


def test_an_opening_waits_for_a_close_that_the_stop_forestalled() -> None:
    story = filled(under(policy="reverse"), "A", 11)
    signal(story, "sell")
    stopped = a(DealRecorded, ticket=9000, position_id=11, type=1, entry=1, reason=4, comment="")
    story.given(stopped, corr="A")
    assert story.state.positions.open == {}
    assert ready(story.state, config(policy="reverse")) == []


def test_a_close_in_part_keeps_the_opening_waiting() -> None:
    story = filled(under(policy="reverse"), "A", 11)
    [close] = signal(story, "sell")
    assert isinstance(close, OrderProposed)
    closed(story, [msgspec.structs.replace(close, volume=0.4)])
    assert ready(story.state, config(policy="reverse")) == []


def test_an_unresolved_close_keeps_the_opening_waiting_and_nothing_is_sent() -> None:
    story = filled(under(policy="reverse"), "A", 11)
    [close] = signal(story, "sell")
    assert isinstance(close, OrderProposed)
    story.given(a(OrderIntended, key=close.key, action="close", position=11))
    story.given(a(OrderUnresolved, key=close.key))
    assert ready(story.state, config(policy="reverse")) == []
    assert rules(quoted(story)) == ["unresolved"]


def test_an_opening_that_waits_too_long_is_vetoed_and_says_for_what() -> None:
    story = filled(under(policy="reverse", wait_s=3.0), "A", 11)
    signal(story, "sell")
    quiet = a(BarClosed, symbol="GBPUSD")
    assert vetoes(story.when(quiet)) == []
    story.given(quiet, quiet)
    assert vetoes(story.when(quiet)) == [
        ("wait", "waited 3 s for positions 11 to be closed"),
    ]
    assert waiting(story.state) == []


def test_while_an_opening_waits_its_strategy_proposes_nothing_else() -> None:
    story = filled(under(policy="reverse"), "A", 11)
    signal(story, "sell")
    order(story, "NEXT", side="sell")
    assert rules(story.when(a(QuoteObserved), corr="NEXT")) == ["one order"]


def test_a_pending_order_makes_no_way() -> None:
    story = filled(under(policy="reverse"), "A", 11)
    assert rules(signal(story, "sell", type="limit", price=1.06)) == ["one direction"]


def test_a_new_run_forgets_what_waited() -> None:
    story = filled(under(policy="reverse"), "A", 11)
    signal(story, "sell")
    assert rules(story.when(manifest(config(policy="reverse")))) == ["restart"] * 2


# --- reduce

WORTH = 1.0
"""Lots that a signal is worth: 1 % of 10,000 over a stop of 100 points."""


def test_a_signal_worth_less_than_what_is_held_closes_so_much_and_opens_nothing() -> None:
    story = filled(under(policy="reduce"), "A", 11, volume=3.0)
    decisions = signal(story, "sell")
    assert closes(decisions) == [(11, WORTH)]
    assert vetoes(decisions) == [("reduced", "its 1 lots close 1 that lay the other way")]


def test_a_signal_worth_more_closes_all_and_then_opens_the_rest() -> None:
    story = filled(under(policy="reduce"), "A", 11, volume=0.3)
    first = signal(story, "sell")
    assert (closes(first), opened(first)) == ([(11, 0.0)], [])
    [intent] = quoted(closed(story, first))
    assert isinstance(intent, OrderIntended)
    assert intent.volume == pytest.approx(0.7)
    assert intent.risk == pytest.approx(70.0)
    assert story.state.policies.used == {}


def test_a_signal_worth_as_much_closes_all_and_opens_nothing() -> None:
    story = filled(under(policy="reduce"), "A", 11, volume=WORTH)
    decisions = signal(story, "sell")
    assert (closes(decisions), rules(decisions)) == ([(11, 0.0)], ["reduced"])


def test_reducing_goes_from_the_oldest_on() -> None:
    story = under(policy="reduce", most=3)
    for key, ticket, volume in (("A", 13, 0.4), ("B", 11, 0.4), ("C", 12, 0.4)):
        filled(story, key, ticket, volume=volume)
    assert closes(signal(story, "sell")) == [(13, 0.0), (11, 0.0), (12, pytest.approx(0.2))]


def test_a_close_that_is_tried_again_after_a_requote_counts_for_the_opening() -> None:
    story = filled(under(policy="reduce"), "A", 11, volume=0.3)
    [close] = signal(story, "sell")
    assert isinstance(close, OrderProposed)
    story.given(a(OrderIntended, key=close.key, action="close", position=11, volume=0.3))
    again = story.when(a(BrokerReplied, key=close.key, retcode=10004, order=0))
    assert [type(p) for p in again] == [OrderRefused, OrderProposed]
    assert ready(story.state, config(policy="reduce")) == []
    [intent] = quoted(closed(story, again))
    assert isinstance(intent, OrderIntended)
    assert intent.volume == pytest.approx(0.7)


def test_what_was_closed_for_an_opening_is_known_by_the_deals_and_not_by_the_wish() -> None:
    story = filled(under(policy="reduce"), "A", 11, volume=0.5)
    [close] = signal(story, "sell")
    assert isinstance(close, OrderProposed)
    closed(story, [msgspec.structs.replace(close, volume=0.2)])
    assert story.state.policies.used == {SIGNAL: 0.2}
    assert ready(story.state, config(policy="reduce")) == []


# --- found


def found(*positions: tuple[int, str], **policy: Any) -> list[Payload]:
    story = under(**policy)
    for identifier, symbol in positions:
        story.given(
            a(
                DealRecorded,
                ticket=identifier + 5000,
                order=identifier,
                position_id=identifier,
                magic=0,
                symbol=symbol,
                comment="",
            )
        )
    return story.when(a(BrokerSnapshotTaken))


def about(decisions: list[Payload]) -> list[Payload]:
    return [p for p in decisions if isinstance(p, PositionAdopted | OrderProposed)]


def test_positions_that_are_found_are_left_alone_unless_it_is_said_otherwise() -> None:
    assert about(found((11, SYMBOL))) == []


def test_what_is_found_is_adopted_by_the_named_strategy_or_the_symbols_first() -> None:
    first = about(found((11, SYMBOL), found="adopt"))
    named = about(found((11, SYMBOL), found="adopt", adopt_by="two"))
    assert first == [PositionAdopted(11, SYMBOL, "one", 1)]
    assert named == [PositionAdopted(11, SYMBOL, "two", 2)]


def test_what_is_found_is_closed_where_that_is_wanted() -> None:
    [close] = about(found((11, SYMBOL), found="close"))
    assert isinstance(close, OrderProposed)
    assert (close.action, close.position, close.volume) == ("close", 11, 0.0)


def test_what_lies_in_a_symbol_that_nobody_trades_is_left_alone() -> None:
    for what in ("adopt", "close"):
        assert about(found((11, "GBPUSD"), found=what)) == []


def test_only_the_first_look_of_a_run_finds_anything() -> None:
    story = under(found="adopt")
    assert about(story.when(a(BrokerSnapshotTaken))) == []
    foreign(story, 11)
    assert about(story.when(a(BrokerSnapshotTaken))) == []
    story.given(manifest(config(found="adopt")), a(FeedCaughtUp))
    assert about(story.when(a(BrokerSnapshotTaken))) == [PositionAdopted(11, SYMBOL, "one", 1)]
    story.given(manifest(config(found="adopt")), a(FeedCaughtUp))
    assert about(story.when(a(BrokerSnapshotTaken))) == []


def test_what_an_intent_of_this_journal_opened_is_not_found() -> None:
    story = filled(under(found="close"), "A", 11)
    assert about(story.when(a(BrokerSnapshotTaken))) == []


# --- which policy


def test_a_symbols_own_policy_goes_before_the_default_and_that_before_none() -> None:
    own, rest = PositionPolicy(policy="reverse"), PositionPolicy(policy="reduce")
    both = msgspec.structs.replace(CONFIG, positions={SYMBOL: own, "default": rest})
    assert policy_of(both, SYMBOL) is own
    assert policy_of(both, "GBPUSD") is rest
    assert policy_of(CONFIG, SYMBOL).policy == "one"


def test_nobody_manages_a_symbol_that_nobody_trades() -> None:
    assert manager_of(CONFIG, "GBPUSD") is None


def test_a_cancelled_close_does_not_let_an_opening_pass() -> None:
    story = filled(under(policy="reverse"), "A", 11)
    [close] = signal(story, "sell")
    assert isinstance(close, OrderProposed)
    story.given(
        a(OrderIntended, key=close.key, action="close", position=11),
        a(OrderAccepted, key=close.key, order=3000),
        a(OrderFinished, key=close.key, order=3000, state=2, filled=0.0),
    )
    order_ = story.state.orders.open[SIGNAL]
    assert [p.identifier for p in in_the_way(story.state, config(policy="reverse"), order_)] == [11]
    assert ready(story.state, config(policy="reverse")) == []
