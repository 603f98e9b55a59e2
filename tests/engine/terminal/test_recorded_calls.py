"""The simulated module beside the real one: what was recorded without a connection."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.api.conventions import ERRORS
from engine.terminal.market import BarMarket, RandomMarket
from tests.engine.terminal.worlds import bars, connected

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads(
    (HERE / "recorded_calls.json").read_text(encoding="utf-8")
)["cases"]
SURFACE: dict[str, Any] = json.loads((HERE / "surface.json").read_text(encoding="utf-8"))


class F(float):
    """A subclass of float, as the recording used."""


IE = IntEnum("IE", {"A": 1})


@pytest.fixture(scope="module")
def mt5() -> ModuleType:
    profile = load_profile("ecn-hedging")
    return Terminal(profile, RandomMarket.of(profile, ticks=10)).module()


def _outcome(call: Callable[[], object]) -> str:
    """The repr of a result, or the error and what it came from, as the recording wrote them."""
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 (any error at all is an outcome to compare)
        cause = error.__cause__
        text = f"RAISES {type(error).__name__}: {error}"
        return text if cause is None else f"{text} <- {type(cause).__name__}: {cause}"


def _today(recorded: str) -> str:
    """What CPython 3.12 said about struct sequences, in the running interpreter's words."""
    wordings = {
        "RAISES TypeError: structseq() missing required argument 'sequence' (pos 1)": _outcome(
            time.struct_time  # type: ignore[arg-type]  # without an argument: that is the question
        ),
        "RAISES TypeError: constructor requires a sequence": _outcome(
            lambda: time.struct_time(1)  # type: ignore[arg-type]  # that is the question
        ),
        "RAISES AttributeError: readonly attribute": _outcome(
            lambda: setattr(time.gmtime(0), "tm_year", 1)
        ),
    }
    wording = wordings.get(recorded, recorded)
    return wording.replace("time.struct_time", "Tick").replace("struct_time", "Tick")


@pytest.mark.parametrize("case", CASES, ids=[case["call"][:80] for case in CASES])
def test_every_recorded_call_gives_the_recorded_result_and_error(
    case: dict[str, Any], mt5: ModuleType
) -> None:
    names = {
        "m": mt5, "np": np, "dt": dt, "UTC": dt.UTC, "Decimal": Decimal, "IE": IE, "F": F,
    }  # fmt: skip
    mt5.shutdown()
    outcome = _outcome(lambda: eval(case["call"], names))  # noqa: S307 (our own recording)
    error = mt5.last_error()
    assert outcome == _today(case["result"])
    assert list(error) == case["last_error"]


def test_it_exports_the_modules_constants_and_no_others(mt5: ModuleType) -> None:
    exported = {
        name: value
        for name, value in vars(mt5).items()
        if name.isupper() and not name.startswith("_") and type(value) is int
    }
    assert exported == SURFACE["constants"]
    assert not any(hasattr(mt5, name) for name in SURFACE["constants_missing_but_needed"])


def test_errors_have_the_modules_codes_and_texts() -> None:
    for code, text in SURFACE["last_error_strings"].items():
        assert text.startswith(ERRORS[int(code)]), code
    assert len(ERRORS) == len(SURFACE["last_error_strings"])


def test_it_has_the_modules_functions_and_no_others(mt5: ModuleType) -> None:
    functions = {name for name, value in vars(mt5).items() if callable(value)}
    assert functions == set(SURFACE["functions"]) | set(SURFACE["types"]["names"])


@pytest.mark.parametrize("name", SURFACE["types"]["names"])
def test_a_record_is_a_struct_sequence_with_the_modules_fields(name: str, mt5: ModuleType) -> None:
    record = getattr(mt5, name)
    fields = [field["name"] for field in SURFACE["types"]["fields"][name]]
    value = record(range(len(fields)))
    assert list(record.__match_args__) == fields
    assert value._asdict() == dict(zip(fields, range(len(fields)), strict=True))
    assert isinstance(value, tuple)
    assert record.n_fields == record.n_sequence_fields == len(fields)
    assert repr(value).startswith(f"{name}({fields[0]}=0")
    assert not any(hasattr(value, gone) for gone in ("_fields", "_make", "_replace"))


_PYTHON = {"int": int, "float": float, "str": str, "bool": bool}


def test_every_field_of_every_record_has_the_modules_type() -> None:
    """A float that is an int, or a numpy number, would break programs that check or serialise."""
    rows = bars([(1.1, 1.101, 1.099, 1.1)] * 20)
    terminal = Terminal(load_profile("exchange-netting"), BarMarket({"EURUSD": rows}, start=3))
    mt5 = connected(terminal)
    request = {"action": 1, "symbol": "EURUSD", "volume": 5.0, "type_filling": 1, "sl": 1.09}
    order = {"action": 5, "symbol": "EURUSD", "volume": 5.0, "type": 2, "price": 1.0}
    seen = [mt5.order_send(request), mt5.order_send(order | {"type_filling": 2})]
    terminal.advance()
    mt5.market_book_add("EURUSD")
    for found in (
        mt5.positions_get(), mt5.orders_get(), mt5.history_orders_get(1, 2**31 - 1),
        mt5.history_deals_get(1, 2**31 - 1), mt5.symbols_get(), mt5.market_book_get("EURUSD"),
    ):  # fmt: skip
        seen.extend(found)
    seen += [mt5.account_info(), mt5.terminal_info(), mt5.symbol_info_tick("EURUSD")]
    seen += [mt5.order_check(request), mt5.order_send({"action": 99}), seen[0].request]
    assert {type(record).__name__ for record in seen} == set(SURFACE["types"]["names"])
    for record in seen:
        for field in SURFACE["types"]["fields"][type(record).__name__]:
            value = getattr(record, field["name"])
            expected = _PYTHON.get(field["type"], mt5.TradeRequest)
            assert type(value) is expected, (type(record).__name__, field["name"], value)


def test_the_array_layouts_are_the_modules() -> None:
    from engine.terminal.records import RATES, TICKS

    layouts = SURFACE["numpy_dtypes"]
    assert RATES.itemsize == TICKS.itemsize == layouts["rates_itemsize"]
    assert [list(field) for field in RATES.descr] == layouts["rates"]
    assert [list(field) for field in TICKS.descr] == layouts["ticks"]
