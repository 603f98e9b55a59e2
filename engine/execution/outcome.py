"""What the broker's answer proves about one intent, as data; `OUTCOMES.md` beside this file is made
from it.

Sources: `engine/broker/MT5.md` 2.2 and 3.2, which code elsewhere calls "the facts".
The cardinal rule: an answer that proves nothing makes the intent unresolved, and an unresolved
intent is never sent again.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from engine.broker.fault import Fault
from journal.events import BrokerReplied


class Verdict(Enum):
    """What an answer proves."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"


class Then(Enum):
    """What follows a refusal."""

    NOTHING = "final for this intent"
    RETRY = "a new intent at a fresh price, a bounded number of times"
    LATER = "read the state again; later, if it is still wanted"


class Asked(Enum):
    """What the broker was asked for."""

    OPEN = "to open"
    CLOSE = "to close"
    CHANGE = "to change"


class Meaning(msgspec.Struct, frozen=True):
    """The meaning of one code. `halt` stops trading until an operator has looked."""

    verdict: Verdict
    name: str
    halt: bool = False
    then: Then = Then.NOTHING


def _accepted(name: str) -> Meaning:
    return Meaning(Verdict.ACCEPTED, name)


def _refused(name: str, *, halt: bool = False) -> Meaning:
    return Meaning(Verdict.REFUSED, name, halt)


def _retry(name: str) -> Meaning:
    return Meaning(Verdict.REFUSED, name, then=Then.RETRY)


def _later(name: str) -> Meaning:
    return Meaning(Verdict.REFUSED, name, then=Then.LATER)


def _unresolved(name: str, *, halt: bool = False) -> Meaning:
    return Meaning(Verdict.UNRESOLVED, name, halt)


RETCODES: dict[int, Meaning] = {
    10004: _retry("requote"),
    10006: _refused("rejected"),
    10007: _refused("cancelled by trader"),
    10008: _accepted("placed"),
    10009: _accepted("done"),
    10010: _accepted("done partially"),
    10011: _unresolved("processing error"),
    10012: _unresolved("timed out"),
    10013: _refused("invalid request"),
    10014: _refused("invalid volume"),
    10015: _refused("invalid price"),
    10016: _refused("invalid stops"),
    10017: _refused("trading disabled"),
    10018: _later("market closed"),
    10019: _refused("not enough money"),
    10020: _retry("price changed"),
    10021: _retry("no quotes"),
    10022: _refused("invalid expiration"),
    10023: _later("order changed"),
    10024: _later("too many requests"),
    10025: _accepted("no changes"),
    10026: _refused("automatic trading disabled by the server", halt=True),
    10027: _refused("automatic trading disabled in the terminal", halt=True),
    10028: _later("locked"),
    10029: _later("frozen"),
    10030: _refused("unsupported filling mode"),
    10031: _unresolved("no connection to the trade server"),
    10032: _refused("only for real accounts"),
    10033: _refused("limit of pending orders"),
    10034: _refused("limit of volume"),
    10035: _refused("invalid order"),
    10036: _refused("position already closed"),
    10038: _refused("close volume exceeds the position"),
    10039: _later("a close order exists already"),
    10040: _refused("limit of positions"),
    10041: _refused("activation rejected and order cancelled"),
    10042: _refused("only long positions allowed"),
    10043: _refused("only short positions allowed"),
    10044: _refused("only closing allowed"),
    10045: _refused("closing allowed first-in-first-out only"),
    10046: _refused("hedging prohibited"),
}
"""By MT5's trade return code. 10046 is documented and not exported by the Python module."""

ERRORS: dict[int, Meaning] = {
    -2: _refused("refused by the module before sending", halt=True),
    -8: _refused("automatic trading through Python disabled in the terminal", halt=True),
    -10004: _refused("no connection to the terminal, nothing was sent"),
    -1: _unresolved("the terminal reported a failure"),
    -10000: _unresolved("the call to the terminal failed"),
    -10001: _unresolved("sending to the terminal failed"),
    -10002: _unresolved("the terminal's answer was lost"),
    -10005: _unresolved("the terminal did not answer in time"),
    Fault.NOT_RUNNING: _refused("no worker to send it, nothing was sent"),
    Fault.MOVED_ON: _later("not as it was when it was decided, nothing was sent"),
    Fault.FORBIDDEN: _refused("the operator's halt file is there, nothing was sent"),
    Fault.NOT_ALLOWED: _refused("refused by the worker's protocol before sending", halt=True),
    Fault.DIED: _unresolved("the worker ended before it answered"),
    Fault.STUCK: _unresolved("the worker did not answer in time and was killed"),
    Fault.GARBLED: _unresolved("the worker's answer cannot be read"),
}
"""By the module's `last_error()` when `order_send` gave `None`, or by what kept the call from the
module (`engine.broker.calls.Fault`)."""

SPECIAL: dict[int, dict[Asked, Meaning]] = {
    10036: {Asked.CLOSE: _accepted("position already closed")},
}
"""Return codes that mean something else where the broker was asked for something else."""


def classify(reply: BrokerReplied, asked: Asked = Asked.OPEN) -> Meaning:
    """Return what a reply proves. A code that nobody knows proves nothing, and halts."""
    code = reply.retcode
    if not code:
        known = ERRORS.get(reply.error)
        return known or _unresolved(f"unknown error {reply.error}", halt=True)
    known = RETCODES.get(code)
    if code in SPECIAL:
        known = SPECIAL[code].get(asked, known)
    return known or _unresolved(f"unknown return code {code}", halt=True)
