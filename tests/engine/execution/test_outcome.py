"""What the broker's answer proves. The table here is written down from the documentation of MT5's
codes a second time, by hand, as the oracle; it is not read from the code under test.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from engine.execution.document import OUTCOMES, outcomes
from engine.execution.outcome import ERRORS, RETCODES, Verdict, classify
from engine.terminal import constants
from journal.events import (
    BrokerReplied,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    Payload,
    TradingHalted,
)
from tests.given import KEY, SYMBOL, Story, a, ready

Proves = Literal["accepted", "refused", "nothing"]
DECIDED: dict[Proves, type[Payload]] = {
    "accepted": OrderAccepted,
    "refused": OrderRefused,
    "nothing": OrderUnresolved,
}

FRESH_PRICE = (10004, 10020, 10021)
"""Not executed, because the price was gone: the only answers after which anything is asked for
again."""

RETCODE_PROVES: dict[int, tuple[Proves, bool]] = {
    # code: (what it proves of an order that opens, whether trading must halt)
    10004: ("refused", False),  # REQUOTE
    10006: ("refused", False),  # REJECT
    10007: ("refused", False),  # CANCEL
    10008: ("accepted", False),  # PLACED
    10009: ("accepted", False),  # DONE
    10010: ("accepted", False),  # DONE_PARTIAL
    10011: ("nothing", False),  # ERROR
    10012: ("nothing", False),  # TIMEOUT
    10013: ("refused", False),  # INVALID
    10014: ("refused", False),  # INVALID_VOLUME
    10015: ("refused", False),  # INVALID_PRICE
    10016: ("refused", False),  # INVALID_STOPS
    10017: ("refused", False),  # TRADE_DISABLED
    10018: ("refused", False),  # MARKET_CLOSED
    10019: ("refused", False),  # NO_MONEY
    10020: ("refused", False),  # PRICE_CHANGED
    10021: ("refused", False),  # PRICE_OFF
    10022: ("refused", False),  # INVALID_EXPIRATION
    10023: ("refused", False),  # ORDER_CHANGED
    10024: ("refused", False),  # TOO_MANY_REQUESTS
    10025: ("accepted", False),  # NO_CHANGES
    10026: ("refused", True),  # SERVER_DISABLES_AT
    10027: ("refused", True),  # CLIENT_DISABLES_AT
    10028: ("refused", False),  # LOCKED
    10029: ("refused", False),  # FROZEN
    10030: ("refused", False),  # INVALID_FILL
    10031: ("nothing", False),  # CONNECTION
    10032: ("refused", False),  # ONLY_REAL
    10033: ("refused", False),  # LIMIT_ORDERS
    10034: ("refused", False),  # LIMIT_VOLUME
    10035: ("refused", False),  # INVALID_ORDER
    10036: ("refused", False),  # POSITION_CLOSED: a success for a close only
    10038: ("refused", False),  # INVALID_CLOSE_VOLUME
    10039: ("refused", False),  # CLOSE_ORDER_EXIST
    10040: ("refused", False),  # LIMIT_POSITIONS
    10041: ("refused", False),  # REJECT_CANCEL
    10042: ("refused", False),  # LONG_ONLY
    10043: ("refused", False),  # SHORT_ONLY
    10044: ("refused", False),  # CLOSE_ONLY
    10045: ("refused", False),  # FIFO_CLOSE
    10046: ("refused", False),  # HEDGE_PROHIBITED, which the module does not export
    # Codes that nobody knows prove nothing, and an operator has to look.
    1: ("nothing", True),
    10000: ("nothing", True),
    10005: ("nothing", True),
    10037: ("nothing", True),
    10047: ("nothing", True),
    99999: ("nothing", True),
    -1: ("nothing", True),
}

ERROR_PROVES: dict[int, tuple[Proves, bool]] = {
    # last_error() after None: (what it proves, whether trading must halt)
    -2: ("refused", True),  # invalid parameters, found inside the module: a bug of ours
    -8: ("refused", True),  # trading through the API is switched off
    -10004: ("refused", False),  # no connection, so nothing could be sent
    -1: ("nothing", False),
    -10000: ("nothing", False),
    -10001: ("nothing", False),  # sending failed: very likely not sent, which is not proof
    -10002: ("nothing", False),  # the reply was lost
    -10005: ("nothing", False),
    # From the worker process that stands between engine and module.
    -20001: ("refused", False),  # no worker, or no place in its queue: nothing was sent
    -20003: ("refused", False),  # what was meant is gone, seen before sending
    -20004: ("refused", False),  # the operator's halt file was there before sending
    -20002: ("refused", True),  # the protocol does not carry the call: a bug of ours
    -20011: ("nothing", False),  # died before it answered
    -20012: ("nothing", False),  # stuck, and killed
    -20013: ("nothing", False),  # answered something unreadable
    # Never seen after order_send.
    -3: ("nothing", True),
    -4: ("nothing", True),
    -5: ("nothing", True),
    -6: ("nothing", True),
    -7: ("nothing", True),
    -10003: ("nothing", True),
    0: ("nothing", True),
    1: ("nothing", True),  # None with "Success"
    -77777: ("nothing", True),
}


def answered(reply: BrokerReplied) -> tuple[Story, list[Any]]:
    story = ready().given(a(OrderProposed), a(OrderIntended))
    return story, list(story.when(reply))


def check(reply: BrokerReplied, proves: Proves, halts: bool) -> None:
    story, decisions = answered(reply)
    # Exactly these: of what a requote alone allows, nothing but a proposal to be weighed afresh.
    assert [type(decision) for decision in decisions] == [
        DECIDED[proves],
        *([OrderProposed] if reply.retcode in FRESH_PRICE else []),
        *([TradingHalted] if halts else []),
    ]
    assert decisions[0].key == KEY
    assert bool(story.state.run.halt_rule) is halts


@pytest.mark.parametrize("code", RETCODE_PROVES)
def test_a_return_code_proves_exactly_what_the_table_says(code: int) -> None:
    check(a(BrokerReplied, retcode=code), *RETCODE_PROVES[code])


@pytest.mark.parametrize("code", ERROR_PROVES)
def test_no_result_proves_exactly_what_the_last_error_says(code: int) -> None:
    check(
        a(BrokerReplied, retcode=0, error=code, error_text="text", order=0, deal=0, comment=""),
        *ERROR_PROVES[code],
    )


def test_a_return_code_outweighs_the_last_error_of_another_call() -> None:
    check(a(BrokerReplied, retcode=10009, error=-10002), "accepted", False)


def test_a_refusal_bears_the_code_and_an_unknown_code_is_named() -> None:
    _, [refused] = answered(a(BrokerReplied, retcode=10030, comment="Unsupported filling mode"))
    assert refused == OrderRefused(
        KEY, 10030, "reply", "unsupported filling mode (10030: Unsupported filling mode)"
    )
    _, [left, halted] = answered(a(BrokerReplied, retcode=10999, comment=""))
    assert left == OrderUnresolved(KEY, SYMBOL, "unknown return code 10999 (10999)")
    assert "10999" in halted.reason


def test_the_oracle_and_the_code_know_the_same_codes() -> None:
    known = {code for code in RETCODE_PROVES if code in RETCODES}
    assert known == set(RETCODES)
    assert {code for code in ERROR_PROVES if code in ERRORS} == set(ERRORS)


def test_every_return_code_that_the_module_exports_has_a_meaning() -> None:
    exported = {
        value for name, value in vars(constants).items() if name.startswith("TRADE_RETCODE_")
    }
    assert len(exported) > 35
    assert exported <= set(RETCODES)


def test_halting_and_acceptance_exclude_each_other() -> None:
    for code in RETCODES:
        meaning = classify(a(BrokerReplied, retcode=code))
        assert not (meaning.halt and meaning.verdict is Verdict.ACCEPTED)
        assert meaning.name


def test_the_page_of_outcomes_is_current() -> None:
    page = OUTCOMES.read_text(encoding="utf-8")
    assert page == outcomes(), "run `python -m engine.execution.document`"
    for code in (*RETCODE_PROVES, *ERROR_PROVES):
        if code in RETCODES or code in ERRORS:
            assert f"| {code} |" in page
