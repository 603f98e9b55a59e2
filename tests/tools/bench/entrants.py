"""Contenders for tests of what runs contenders."""

from __future__ import annotations

import importlib
import os
import sys
from itertools import count
from pathlib import Path

from tools.bench.rows import Round, Setting


def counting(setting: Setting) -> Round:
    numbers = count(1)
    assert Path(setting.folder).is_dir()
    return lambda: {"rate": float(next(numbers) * setting.size), "process": float(os.getpid())}


def chatty(setting: Setting) -> Round:
    def run() -> dict[str, float]:
        print("a library says something", flush=True)
        return {"rate": 1.0}

    return run


def lacking(setting: Setting) -> Round:
    importlib.import_module("a_package_that_nobody_has")
    raise AssertionError


def dying(setting: Setting) -> Round:
    return lambda: sys.exit(3)
