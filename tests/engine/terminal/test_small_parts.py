"""Pure parts by themselves: seeded noise and group masks."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.terminal import constants as mt5
from engine.terminal import load_profile
from engine.terminal.book import Deal
from engine.terminal.checks import takes_filling
from engine.terminal.filters import matches
from engine.terminal.noise import normal, unit
from engine.terminal.request import ArgumentRefused, Request, _looked_at, parse

COUNT = 5000
letters = st.text(alphabet="EURUSDx.", max_size=8)


def test_noise_is_uniform_or_normal_and_streams_do_not_follow_each_other() -> None:
    uniform = [unit(1, 1, number) for number in range(COUNT)]
    assert all(0 <= value < 1 for value in uniform)
    assert abs(statistics.fmean(uniform) - 0.5) < 0.02
    assert abs(statistics.variance(uniform) - 1 / 12) < 0.01
    bell = [normal(1, 1, number) for number in range(COUNT)]
    assert abs(statistics.fmean(bell)) < 0.05
    assert abs(statistics.stdev(bell) - 1.0) < 0.05
    for other in ([unit(1, 2, n) for n in range(COUNT)], [unit(2, 1, n) for n in range(COUNT)]):
        assert abs(statistics.correlation(uniform, other)) < 0.05


def test_a_draw_needs_no_other_draw_before_it() -> None:
    assert unit(7, 3, 1_000_000) == unit(7, 3, 1_000_000)
    assert len({unit(7, 3, number) for number in range(COUNT)}) == COUNT


@given(mask=st.text(alphabet="EURUSDx.*", min_size=1, max_size=8), name=letters)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_a_mask_is_a_text_with_wildcards_and_nothing_else(mask: str, name: str) -> None:
    pattern = ".*".join(re.escape(part) for part in mask.split("*"))
    assert matches(mask, name) == (re.fullmatch(pattern, name) is not None)
    assert not matches(f"{mask},!*", name)
    assert matches(f"!{mask},*", name) != matches(mask, name)


NUMBERS = st.integers(-3, 12) | st.sampled_from([2**31, 2**32, 2**63 - 1, 2**63, 2**64])
TEXTS = st.text(max_size=31) | st.sampled_from(["EURUSD", "é" * 15, "a\0b"])
VALUES = NUMBERS | TEXTS | st.floats() | st.booleans() | st.none()


def outcome(read: Callable[[dict[object, object]], Request], fields: dict[object, object]) -> str:
    """What comes of a request: its fields, or the words of the refusal."""
    try:
        return repr(read(fields))
    except ArgumentRefused as refused:
        return f"{refused.text}, {refused.pending!r}"


@given(
    st.dictionaries(st.sampled_from([*Request.__struct_fields__, "unknown"]), VALUES, max_size=4)
)
def test_a_request_that_is_taken_at_once_is_what_a_closer_look_makes_of_it(
    odd: dict[object, object],
) -> None:
    fields: dict[object, object] = {"action": 1, "symbol": "EURUSD", "volume": 0.5, **odd}
    assert outcome(parse, fields) == outcome(_looked_at, fields)


BITS = ("fok", "ioc", "boc")


@pytest.mark.parametrize("execution", ["request", "instant", "market", "exchange"])
@pytest.mark.parametrize(
    "bits", [bits for count in range(4) for bits in itertools.combinations(BITS, count)]
)
def test_fillings_are_taken_by_the_symbols_mask_its_execution_and_the_kind_of_order(
    execution: str, bits: tuple[str, ...]
) -> None:
    """The whole table of facts 3.3."""
    symbol = load_profile("ecn-hedging").symbols["EURUSD"]
    symbol = msgspec.structs.replace(symbol, execution=execution, filling=bits)
    for action, kind, filling in itertools.product(
        (mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING), range(9), range(6)
    ):
        pending = action == mt5.TRADE_ACTION_PENDING
        rests_at_a_limit = kind in (2, 3, 6, 7)
        allowed = {filling for filling, bit in enumerate(BITS[:2]) if bit in bits}
        if execution in ("request", "instant"):
            allowed |= {mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC}
        if pending or execution != "market":
            allowed.add(mt5.ORDER_FILLING_RETURN)
        if pending and rests_at_a_limit and "boc" in bits:
            allowed.add(mt5.ORDER_FILLING_BOC)
        request = Request(action=action, type=kind, type_filling=filling)
        assert takes_filling(symbol, request) == (filling in allowed)


def test_a_deal_equals_itself_alone() -> None:
    one, other = (Deal(ticket=5, type=0, time_msc=1) for _ in range(2))
    assert one != other
    assert {one: 1, other: 2}[one] == 1
