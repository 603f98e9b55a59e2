"""The real MetaTrader5 module, without a terminal, in a Wine prefix that `tools/wine.py` made.

Skipped where there is none: `python -m tools.wine prepare` makes one in half a minute.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from engine.broker import wine, worker
from engine.broker.calls import CallRaised
from engine.broker.conformance import Part, Session, run_suite
from engine.broker.fault import Fault
from engine.broker.gateway import CallFailed
from engine.broker.launch import launch_of
from engine.broker.supervisor import Deadlines, Supervisor, supervise
from engine.config import Account, Worker
from tests.engine.terminal import test_recorded_calls as recorded
from tools.wine import DEFAULT_PREFIX, NO_TERMINAL, PREFIX_VARIABLE, main

ROOT = Path(__file__).resolve().parents[3]
PREFIX = Path(os.environ.get(PREFIX_VARIABLE, ROOT / DEFAULT_PREFIX))

pytestmark = pytest.mark.skipif(
    not (PREFIX / wine.STAMP).is_file(),
    reason="no prepared Wine prefix: python -m tools.wine prepare",
)


def with_worker(body: Callable[[Supervisor], Awaitable[None]], **seconds: float) -> None:
    async def run() -> None:
        launch = launch_of(Worker(wine=str(PREFIX)))
        async with supervise(launch, None, deadlines=Deadlines(**seconds)) as calls:
            await body(calls)

    anyio.run(run)


def test_the_worker_gets_as_far_as_the_module_s_own_answer() -> None:
    async def body(calls: Supervisor) -> None:
        with pytest.raises(CallFailed) as caught:
            await calls.call("initialize")
        assert caught.value.code == NO_TERMINAL
        assert caught.value.text == "IPC initialize failed, MetaTrader 5 x64 not found"

    with_worker(body)


def test_the_real_module_conforms_as_far_as_it_goes_without_a_terminal() -> None:
    async def body(calls: Supervisor) -> None:
        session = Session(calls, "EURUSD", Account(login=1, server="none"), anyio.sleep, {})
        found = [one async for one in run_suite(session, [Part.UNCONNECTED])]
        assert [f"{one.number}: {one.said}" for one in found if one.result != "passed"] == []
        assert len(found) == 11

    with_worker(body)


def test_an_order_to_the_module_without_a_terminal_is_not_sent_by_proof() -> None:
    async def body(calls: Supervisor) -> None:
        with pytest.raises(CallFailed) as caught:
            await calls.call("order_send", {"action": 1, "volume": 0.1})
        assert (caught.value.code, caught.value.text) == (-10004, "No IPC connection")

    with_worker(body)


def test_a_killed_windows_process_is_found_and_started_again() -> None:
    async def body(calls: Supervisor) -> None:
        assert await calls.call("version") == (0, 0, "")
        os.kill(calls.pid, 9)
        with pytest.raises(CallFailed) as caught:
            await calls.call("order_send", {"action": 1, "volume": 0.1})
        assert caught.value.code in (Fault.DIED, Fault.NOT_RUNNING)
        assert await calls.call("version") == (0, 0, "")
        assert calls.starts == 2

    with_worker(body)


def test_every_recorded_call_still_gives_what_was_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = (Path(__file__).with_name("recording.py"), recorded.HERE / "recorded_calls.json")
    arguments = [wine.windows_path(file) for file in files]
    assert main(["--prefix", str(PREFIX), "run", *arguments]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "cases": len(recorded.CASES),
        "differing": [],
    }


def test_every_function_on_the_worker_s_list_is_the_module_s() -> None:
    async def body(calls: Supervisor) -> None:
        kinds = []
        for function in sorted(worker.FUNCTIONS):
            try:
                await calls.ask(function)
            except CallRaised as error:
                kinds.append(error.kind)
        assert "AttributeError" not in kinds

    with_worker(body)
