"""The determinism lint finds what a replay cannot repeat, and leaves pure code alone."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tools.checks import determinism, rules
from tools.checks.determinism import Finding, find, forbidden, is_listed, listed_files

ROOT = Path(__file__).resolve().parents[2]


def lint(source: str, path: str = "engine/kernel.py", **others: str) -> list[Finding]:
    return find({path: dedent(source), **others}, ROOT)


FORBIDDEN = {
    "clock by module": ("import time\ntime.time()", rules.CLOCK),
    "clock by alias": ("import time as t\nt.monotonic_ns()", rules.CLOCK),
    "clock by name": ("from time import perf_counter as p\np()", rules.CLOCK),
    "now": ("import datetime\ndatetime.datetime.now()", rules.CLOCK),
    "now by module alias": ("import datetime as dt\ndt.datetime.now(dt.UTC)", rules.CLOCK),
    "now by class alias": ("from datetime import datetime as d\nd.now()", rules.CLOCK),
    "now handed on": ("from datetime import datetime\nclock = datetime.now", rules.CLOCK),
    "utcnow": ("from datetime import datetime\ndatetime.utcnow()", rules.CLOCK),
    "today": ("from datetime import date\ndate.today()", rules.CLOCK),
    "import in a function": ("def f():\n    import time\n    return time.time()", rules.CLOCK),
    "local zone of a stamp": (
        "from datetime import datetime\ndatetime.fromtimestamp(0)",
        rules.ZONE,
    ),
    "local zone of a time": ("def f(at):\n    return at.astimezone()", rules.ZONE),
    "zone files": ("from zoneinfo import ZoneInfo", rules.ZONE),
    "random": ("import random", rules.RANDOM),
    "random by name": ("from random import Random", rules.RANDOM),
    "secrets": ("import secrets", rules.RANDOM),
    "uuid": ("from uuid import uuid4", rules.RANDOM),
    "urandom": ("from os import urandom", rules.RANDOM),
    "numpy's random": ("import numpy.random as npr", rules.RANDOM),
    "numpy": ("import numpy as np", rules.UNKNOWN_MODULE),
    "environ": ("import os\nos.environ['HOME']", rules.ENVIRONMENT),
    "getenv": ("from os import getenv", rules.ENVIRONMENT),
    "platform": ("import platform", rules.ENVIRONMENT),
    "sys": ("import sys", rules.ENVIRONMENT),
    "locale": ("import locale", rules.ENVIRONMENT),
    "open": ("open('x')", rules.DISK),
    "open handed on": ("reader = open", rules.DISK),
    "pathlib": ("from pathlib import Path", rules.DISK),
    "a path that is handed in": ("def f(path):\n    return path.read_text()", rules.DISK),
    "io": ("import io", rules.DISK),
    "YAML": ("import msgspec.yaml", rules.DISK),
    "YAML through msgspec": ("import msgspec\nmsgspec.yaml.decode(b'')", rules.DISK),
    "duckdb": ("import duckdb", rules.DISK),
    "socket": ("import socket", rules.OUTSIDE),
    "urllib": ("from urllib.request import urlopen", rules.OUTSIDE),
    "the terminal": ("import MetaTrader5 as mt5", rules.OUTSIDE),
    "subprocess": ("import subprocess", rules.OUTSIDE),
    "input": ("input()", rules.OUTSIDE),
    "threading": ("import threading", rules.SCHEDULER),
    "asyncio": ("import asyncio", rules.SCHEDULER),
    "anyio": ("from anyio import sleep", rules.SCHEDULER),
    "executors": ("from concurrent.futures import ThreadPoolExecutor", rules.SCHEDULER),
    "async def": ("async def f(): ...", rules.SCHEDULER),
    "hash": ("hash('a')", rules.ADDRESS),
    "id as a sort key": ("def f(orders):\n    return sorted(orders, key=id)", rules.ADDRESS),
    "__hash__": ("def f(x):\n    return x.__hash__()", rules.ADDRESS),
    "weak references": ("import weakref", rules.ADDRESS),
    "eval": ("eval('1')", rules.DYNAMIC),
    "exec": ("exec('1')", rules.DYNAMIC),
    "__import__": ("__import__('time')", rules.DYNAMIC),
    "importlib": ("import importlib", rules.DYNAMIC),
    "globals": ("globals()['x']", rules.DYNAMIC),
    "print": ("print('x')", rules.OUTPUT),
    "logging": ("import logging", rules.OUTPUT),
    "loguru": ("from loguru import logger", rules.OUTPUT),
    "global": ("n = 0\ndef f():\n    global n\n    n += 1", rules.MUTABLE_GLOBAL),
    "logarithm": ("import math\nmath.log10(0.01)", rules.C_LIBRARY),
    "logarithm by name": ("from math import log10\nlog10(0.01)", rules.C_LIBRARY),
    "negative power": ("def f(n):\n    return 10 ** -n", rules.C_LIBRARY),
    "root by power": ("def f(x):\n    return x ** 0.5", rules.C_LIBRARY),
    "sum of unknown numbers": ("def f(xs):\n    return sum(xs)", rules.SUM),
    "sum of floats": ("def f(xs):\n    return sum(x.profit for x in xs)", rules.SUM),
    "strftime": ("def f(at):\n    return at.strftime('%b')", rules.LOCALE),
    "star import": ("from math import *", rules.STAR_IMPORT),
    "unknown module": ("import some_package", rules.UNKNOWN_MODULE),
    "our own shell": ("from tools.dev import main", rules.OUR_IMPURE),
    "our own shell by module": ("import tools.dev", rules.OUR_IMPURE),
    "a relative import": ("from ..tools import dev", rules.OUR_IMPURE),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_a_replay_cannot_repeat_is_found(case: str) -> None:
    source, rule = FORBIDDEN[case]
    assert [finding.rule for finding in lint(source)] == [rule]


SET_ORDER = {
    "for over a display": "for x in {1, 2}: x",
    "for over set()": "def f(xs):\n    for x in set(xs): x",
    "for over a parameter": "def f(xs: set[str]):\n    for x in xs: x",
    "for over a quoted parameter": "def f(xs: 'frozenset[str]'):\n    for x in xs: x",
    "for over an optional parameter": "def f(xs: set[str] | None):\n    for x in xs: x",
    "for over a name": "seen = set()\nfor x in seen: x",
    "for over an outer name": "seen = {1}\ndef f():\n    return [x for x in seen]",
    "for over a copied name": "def f(xs: set[str]):\n    ys = xs\n    for y in ys: y",
    "for over a walrus": "def f(xs):\n    if ys := set(xs):\n        for y in ys: y",
    "for over a union": "def f(a: set[str], b):\n    for x in a | b: x",
    "for over a method's set": "def f(a: set[str], b):\n    for x in a.union(b): x",
    "for over a difference of keys": "def f(a, b):\n    for x in a.keys() - b.keys(): x",
    "for over a choice": "def f(a: set[str], b):\n    for x in a if b else (): x",
    "for over a fallback": "def f(a):\n    for x in a or {1}: x",
    "for over a function's set": "def f() -> set[str]: ...\nfor x in f(): x",
    "for over a field": "class A:\n    xs: frozenset[str]\ndef f(a):\n    for x in a.xs: x",
    "list": "def f(xs: set[str]):\n    return list(xs)",
    "tuple": "tuple({1, 2})",
    "join": "def f(xs: set[str]):\n    return ','.join(xs)",
    "enumerate": "def f(xs: set[str]):\n    return dict(enumerate(xs))",
    "zip": "def f(xs: set[str], ys):\n    return zip(ys, xs)",
    "next of iter": "def f(xs: set[str]):\n    return next(iter(xs))",
    "str": "def f(xs: set[str]):\n    return str(xs)",
    "f-string": "def f(xs: set[str]):\n    return f'{xs}'",
    "list comprehension": "def f(xs: set[str]):\n    return [x for x in xs]",
    "dict comprehension": "def f(xs: set[str]):\n    return {x: 1 for x in xs}",
    "generator": "def f(xs: set[str]):\n    return (x for x in xs)",
    "first of the smallest": "def f(xs: set[str]):\n    return min(xs, key=len)",
    "star": "def f(xs: set[str]):\n    return [*xs]",
    "star in a call": "def f(g, xs: set[str]):\n    return g(*xs)",
    "unpacking": "def f(xs: set[str]):\n    a, b = xs",
    "pop": "def f(xs: set[str]):\n    return xs.pop()",
    "extend": "def f(ys, xs: set[str]):\n    ys.extend(xs)",
    "augmented": "def f(ys, xs: set[str]):\n    ys += xs",
    "yield from": "def f(xs: set[str]):\n    yield from xs",
}


@pytest.mark.parametrize("case", SET_ORDER)
def test_the_order_of_a_set_is_found(case: str) -> None:
    assert [finding.rule for finding in lint(SET_ORDER[case])] == [rules.SET_ORDER]


FINE = {
    "event time": "def f(event):\n    return event.ts + 1",
    "utc from a stamp": "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
    "utc by keyword": "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, tz=UTC)",
    "a method called now": "def f(clock):\n    return clock.now()",
    "a field called time": "def f(bar):\n    return bar.time",
    "a parameter called id": "def f(id):\n    return id",
    "a parameter called hash": "def f(hash):\n    return hash",
    "a function called open": "def open(x): ...\nopen(1)",
    "a digest": "from hashlib import blake2b\nblake2b(b'')",
    "only for annotations": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pathlib import Path"
    ),
    "exact mathematics": "import math\nmath.floor(math.sqrt(2)) + math.fsum([0.1])",
    "whole powers": "def f(n):\n    return 1 / 10**n",
    "count": "def f(xs):\n    return sum(1 for x in xs)",
    "count by condition": "def f(xs):\n    return sum(x.volume > 0 for x in xs)",
    "sum of lengths": "def f(xs):\n    return sum(map(len, xs))",
    "sum of integers": "def f(xs):\n    return sum(int(x) for x in xs)",
    "our own pure code": "from journal.codec import encode",
    "our own pure package": "from journal import events",
    "membership": "def f(xs: set[str], x):\n    return x in xs",
    "size": "def f(xs: set[str]):\n    return len(xs)",
    "sorted": "def f(xs: set[str]):\n    for x in sorted(xs): x",
    "sorted generator": "def f(xs: set[str]):\n    return sorted(x for x in xs)",
    "any": "def f(xs: set[str]):\n    return any(x == 'a' for x in xs)",
    "smallest": "def f(xs: set[str]):\n    return min(xs)",
    "set to set": "def f(xs: set[str]):\n    return {x.upper() for x in xs}",
    "a dict's keys": "def f(d):\n    return [k for k in d.keys()]",
    "union of dicts": "def f(a, b):\n    for x in a | b: x",
    "a list of sets": "def f(xs: list[set[str]]):\n    for x in xs: x",
    "a name that is a set elsewhere": (
        "def f(xs: set[str]): ...\ndef g(xs: list[str]):\n    for x in xs: x"
    ),
    "a field that is also a list elsewhere": (
        "class A:\n    xs: set[str]\nclass B:\n    xs: list[str]\ndef f(b):\n    for x in b.xs: x"
    ),
    "a class's name is not a function's": (
        "class A:\n    xs: set[str]\n    def f(self, g):\n        xs = g()\n        return list(xs)"
    ),
}


@pytest.mark.parametrize("case", FINE)
def test_pure_code_is_left_alone(case: str) -> None:
    assert lint(FINE[case]) == []


def test_a_set_field_is_known_in_other_files() -> None:
    owner = "class Risk:\n    locks: frozenset[str]\n"
    user = "def f(risk):\n    return list(risk.locks)\n"
    findings = find({"engine/risk/a.py": owner, "engine/kernel.py": user}, ROOT)
    assert [(finding.path, finding.line) for finding in findings] == [("engine/kernel.py", 2)]


def test_a_finding_says_where_what_why_and_what_instead() -> None:
    (finding,) = lint("def f():\n    return hash('a')\n")
    assert str(finding) == (
        "engine/kernel.py:2:12: hash(): it changes with PYTHONHASHSEED or with memory addresses; "
        "compare values, or use hashlib for a stable digest"
    )


def test_findings_come_in_the_order_of_the_file() -> None:
    findings = lint("import random\nprint(open('x'))\nimport time\n")
    assert [(finding.line, finding.column) for finding in findings] == [
        (1, 1),
        (2, 1),
        (2, 7),
        (3, 1),
    ]


def test_the_rule_of_the_longest_name_wins() -> None:
    assert forbidden("os.urandom") is rules.RANDOM
    assert forbidden("os.environ.get") is rules.ENVIRONMENT
    assert forbidden("datetime.datetime") is None


def test_a_listed_path_that_is_gone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    with pytest.raises(FileNotFoundError, match=r"lists engine/kernel\.py"):
        list(listed_files(tmp_path, ["engine/kernel.py"]))
    with pytest.raises(FileNotFoundError, match="lists engine/"):
        list(listed_files(tmp_path, ["engine/"]))


def test_the_command_says_two_when_a_listed_path_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert determinism.main(tmp_path) == 2
    assert "there is no such file or folder" in capsys.readouterr().err


def test_what_the_architecture_calls_deterministic_is_listed() -> None:
    for path in (
        "engine/kernel.py",
        "engine/strategies/baseline.py",
        "engine/risk/sizing.py",
        "engine/execution/intents.py",
        "projections/orders.py",
        "journal/events/orders.py",
        "journal/envelope.py",
        "journal/codec.py",
        "journal/chain.py",
    ):
        assert (ROOT / path).is_file()
        assert is_listed(path)
    assert not is_listed("tools/dev.py")


@pytest.mark.parametrize("path", rules.EXCEPT)
def test_an_exception_stands_for_a_file_of_a_listed_folder(path: str) -> None:
    assert (ROOT / path).is_file()
    assert any(path.startswith(entry) for entry in rules.DETERMINISTIC)
    assert rules.EXCEPT[path]


def test_the_deterministic_parts_are_deterministic(capsys: pytest.CaptureFixture[str]) -> None:
    assert determinism.main(ROOT) == 0, capsys.readouterr().out
