"""Runs under the prefix's Windows Python, beside nothing of ours: makes every recorded call on the
real module again, and prints those that differ from the recording as JSON."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from pathlib import Path

import MetaTrader5 as mt5  # noqa: N813 # its name everywhere
import numpy as np


class F(float):
    """A subclass of float, as the recording used."""


def outcome(call: Callable[[], object]) -> str:
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 # any error at all is an outcome to compare
        text = f"RAISES {type(error).__name__}: {error}"
        cause = error.__cause__
        return text if cause is None else f"{text} <- {type(cause).__name__}: {cause}"


def main() -> None:
    names = {
        "m": mt5,
        "np": np,
        "dt": dt,
        "UTC": dt.UTC,
        "Decimal": Decimal,
        "F": F,
        "IE": IntEnum("IE", {"A": 1}),
    }
    differing = []
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["cases"]
    for case in cases:
        mt5.shutdown()
        found = outcome(lambda: eval(case["call"], names))  # noqa: B023, S307 # called at once; ours
        if (found, list(mt5.last_error())) != (case["result"], case["last_error"]):
            differing.append({**case, "found": found, "found_error": mt5.last_error()})
    print(json.dumps({"cases": len(cases), "differing": differing}))


main()
