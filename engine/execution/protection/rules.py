"""The rules by which a position can be protected: what each is called, what can be set, in which
unit.

Here is only their shape; `levels` says what they ask for. R is the distance from a position's
entry to the stop that it was opened with. Gains are measured where the position would be closed:
a long one's at the Bid, a short one's at the Ask.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MAX_RULES = 16
"""Of one strategy."""

Multiple = Annotated[float, Meta(gt=0.0, le=100.0)]
Multiples = Annotated[float, Meta(ge=0.0, le=100.0)]
Points = Annotated[int, Meta(ge=0, le=1_000_000)]
SomePoints = Annotated[int, Meta(gt=0, le=1_000_000)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """Base of all rules."""


class TrailAtr(Rule, frozen=True, kw_only=True, tag="trail-atr"):
    """The stop follows the best price since the opening at a distance of some ATRs.

    period        bars, of the strategy's own series
    multiple      ATRs of distance
    from_r        gain in R from which on it follows
    least_points  points by which the stop must improve for it to be moved
    """

    period: Annotated[int, Meta(ge=2, le=1000)] = 14
    multiple: Multiple = 3.0
    from_r: Multiples = 0.0
    least_points: SomePoints = 1


class TrailBar(Rule, frozen=True, kw_only=True, tag="trail-bar"):
    """The stop follows the extreme of the last bars: the lowest Bid for a long position, the
    highest Ask for a short one.

    bars           so many bars back the extreme is looked for, of the strategy's own series
    offset_points  points beyond the extreme
    from_r         gain in R from which on it follows
    least_points   points by which the stop must improve for it to be moved
    """

    bars: Annotated[int, Meta(ge=1, le=1000)] = 1
    offset_points: Points = 0
    from_r: Multiples = 0.0
    least_points: SomePoints = 1


class TrailSteps(Rule, frozen=True, kw_only=True, tag="trail-steps"):
    """With every whole step that the best price has gained, the stop moves to some points behind
    that step.

    step_points    points of gain that make a step
    behind_points  points from the step back to the stop
    """

    step_points: SomePoints
    behind_points: Points


class TrailR(Rule, frozen=True, kw_only=True, tag="trail-r"):
    """The same in R: with every whole step of gain, the stop moves to some R behind that step.

    every_r   R of gain that make a step
    behind_r  R from the step back to the stop
    """

    every_r: Multiple = 1.0
    behind_r: Multiples = 1.0


class BreakEven(Rule, frozen=True, kw_only=True, tag="break-even"):
    """Once so much was gained, the stop moves to the entry.

    at_r           gain in R
    offset_points  points beyond the entry, on the side of profit: what costs will take
    """

    at_r: Multiple = 1.0
    offset_points: Points = 0


class PartialTarget(Rule, frozen=True, kw_only=True, tag="partial-target"):
    """Once so much was gained, a part of the position is closed at the market.

    at_r          gain in R
    part_percent  of all that was opened; what the symbol's volume step leaves over stays open
    """

    at_r: Multiple
    part_percent: Annotated[float, Meta(gt=0.0, lt=100.0)]


class TimeStop(Rule, frozen=True, kw_only=True, tag="time-stop"):
    """After so long, the position is closed at the market.

    minutes  of the broker's clock, nights and weekends included
    below_r  only while the gain is less than so many R, or while a position without an R loses;
             always when left out
    """

    minutes: Annotated[int, Meta(gt=0, le=1_000_000)]
    below_r: Annotated[float, Meta(ge=-100.0, le=100.0)] | None = None


Protection = TrailAtr | TrailBar | TrailSteps | TrailR | BreakEven | PartialTarget | TimeStop
"""The union of all rules, told apart by `kind`."""

Rules = Annotated[list[Protection], Meta(max_length=MAX_RULES)]
"""What protects one strategy's positions; of several stops the tightest counts."""
