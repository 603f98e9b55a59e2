"""What people are shown of a position's protection is what its rules have done and wait for."""

from __future__ import annotations

import pytest

from engine.execution.protection.outlook import Outlook, outlooks
from engine.execution.protection.rules import (
    BreakEven,
    PartialTarget,
    TimeStop,
    TrailAtr,
    TrailBar,
    TrailR,
    TrailSteps,
)
from journal.events import (
    ChangeApplied,
    ChangeIntended,
    DealRecorded,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    PositionAdjusted,
)
from tests.engine.execution.protection.test_guard import OPENED, POSITION, holding, seen
from tests.given import KEY, OTHER_KEY, Story, a, ready

RULES = (
    BreakEven(at_r=1.0, offset_points=10),
    TrailAtr(from_r=1.0),
    TrailBar(),
    TrailSteps(step_points=150, behind_points=100),
    TrailR(every_r=2.0),
    PartialTarget(at_r=1.0, part_percent=50),
    PartialTarget(at_r=3.0, part_percent=20),
    TimeStop(minutes=480),
    TimeStop(minutes=60, below_r=0.5),
)


def shown(story: Story) -> Outlook:
    [one] = outlooks(story.state, story.kernel.memory.guards)
    return one


def test_at_first_every_rule_that_wants_a_gain_waits_for_it() -> None:
    assert shown(holding(*RULES)) == Outlook(
        position=POSITION,
        strategy="baseline",
        sl=1.0491,
        tp=0.0,
        first_stop=1.0491,
        gained_r=0.0,
        trails=["trail-bar"],
        waiting=["trail-atr", "trail-steps", "trail-r"],
        break_even="waits",
        targets=[(1.0, False), (3.0, False)],
        time_stop_msc=OPENED * 1000 + 200 + 60 * 60_000,
    )


def test_with_its_gains_the_rules_take_hold_one_after_the_other() -> None:
    story = holding(*RULES)
    story.given(seen(1.0511))
    now = shown(story)
    assert (now.gained_r, now.trails) == (1.0, ["trail-atr", "trail-bar"])
    assert now.targets == [(1.0, True), (3.0, False)]
    story.given(seen(1.0516))
    assert shown(story).waiting == ["trail-r"]
    story.given(seen(1.0521), seen(1.0505))
    assert shown(story).waiting == [], "what was gained stays gained"


@pytest.mark.parametrize(("sl", "said"), [(1.0501, "waits"), (1.0502, "done"), (1.0503, "done")])
def test_break_even_is_done_when_the_stop_is_there_whoever_moved_it(sl: float, said: str) -> None:
    story = holding(*RULES).given(a(PositionAdjusted, sl=sl, tp=0.0))
    assert shown(story).break_even == said
    story = holding(*RULES).given(a(ChangeIntended, sl=sl), a(ChangeApplied, key=OTHER_KEY))
    assert shown(story).break_even == said


def test_a_position_that_no_rule_protects_has_its_levels_and_nothing_else() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))
    story.given(a(DealRecorded), corr=KEY)
    one = shown(story)
    assert (one.sl, one.tp, one.trails, one.waiting) == (1.0491, 1.0521, [], [])
    assert (one.break_even, one.targets, one.time_stop_msc) == ("", [], 0)


def test_a_strangers_position_is_protected_by_nobody() -> None:
    story = holding(*RULES)
    story.given(a(DealRecorded, ticket=9, order=9, position_id=9, magic=0, comment=""))
    theirs = outlooks(story.state, story.kernel.memory.guards)[-1]
    assert (theirs.position, theirs.strategy, theirs.break_even) == (9, "", "")
