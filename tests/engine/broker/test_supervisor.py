"""The supervisor against real processes that are really killed, stopped and blocked."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from engine.broker import worker
from engine.broker.calls import CallRaised
from engine.broker.fault import Fault
from engine.broker.gateway import CallFailed, WrongAccount
from engine.broker.supervisor import (
    QUEUE,
    Backoff,
    Deadlines,
    Launch,
    Supervisor,
    supervise,
)
from engine.config import Account
from engine.execution.outcome import ERRORS, Verdict
from engine.terminal.records import RATES

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = Account(login=7, server="Scripted-Demo", trade_mode="demo")
PATIENT = Deadlines(start=30.0, call=30.0, history=30.0, initialize=30.0)
HURRIED = Deadlines(start=30.0, call=1.0, history=30.0, initialize=30.0)

posix = pytest.mark.skipif(os.name != "posix", reason="uses POSIX signals")


class NoPause:
    """Time that stands still until it is slept."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Stage:
    """A place with a broker's ledger, and a way to run a supervised worker there."""

    def __init__(self, folder: Path) -> None:
        self.ledger = folder / "ledger"
        self.pause = NoPause()

    def launch(self, login: int = 7) -> Launch:
        script = ["--module", "tests.engine.broker.scripted", str(self.ledger), str(login)]
        command = [sys.executable, "-P", worker.__file__, *script]
        return Launch(command, {**os.environ, "PYTHONPATH": str(ROOT)})

    def run(
        self,
        body: Callable[[Supervisor], Awaitable[None]],
        *,
        launch: Launch | None = None,
        deadlines: Deadlines = PATIENT,
        account: Account | None = ACCOUNT,
    ) -> None:
        async def main() -> None:
            async with supervise(
                launch or self.launch(),
                account,
                deadlines=deadlines,
                backoff=Backoff(1.0, 8.0),
                pause=self.pause,
            ) as calls:
                await body(calls)

        anyio.run(main)

    def sent(self) -> list[str]:
        if not self.ledger.exists():
            return []
        lines = self.ledger.read_text(encoding="utf-8").splitlines()
        return [line.split()[1] for line in lines if line.startswith("order_send")]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def failure(call: Awaitable[Any]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await call
    return caught.value


def verdict(error: CallFailed) -> Verdict:
    return ERRORS[error.code].verdict


async def until_written(ledger: Path, word: str) -> None:
    file = anyio.Path(ledger)
    while word not in await file.read_text(encoding="utf-8"):  # noqa: ASYNC110 # no event of ours
        await anyio.sleep(0.005)


# --- what comes back


def test_records_arrays_and_tuples_come_back_as_the_module_gave_them(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        tick = await calls.call("symbol_info_tick", "EURUSD")
        assert (tick.bid, tick.volume, tick[5]) == (1.1, 2**63, 1700000000123)
        assert await calls.call("version") == (500, 5260, "1 Aug 2025")
        assert await calls.call("orders_get") == ()
        assert [position.ticket for position in await calls.call("positions_get")] == [0, 0]
        rates = await calls.call("copy_rates_from_pos", "EURUSD", 1, 0, 3)
        assert rates.dtype == RATES
        assert np.array_equal(rates["time"], [0, 1, 2])
        result = await calls.call("order_send", {"comment": "x", "volume": 0.1})
        assert (result.retcode, result.request.comment, result.request.volume) == (10009, "x", 0.1)

    stage.run(body)


def test_nothing_is_a_failure_with_the_module_s_last_error(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        error = await failure(calls.call("symbol_info_tick", "none"))
        assert (error.code, error.text) == (-4, "Terminal: Not found")
        answer = await calls.ask("symbol_info_tick", "none")
        assert (answer.value, answer.code) == (None, -4)

    stage.run(body)


def test_the_module_s_exception_is_told_by_name(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        error = await failure(calls.call("symbol_info_tick", "raise"))
        assert isinstance(error, CallRaised)
        assert (error.kind, error.code) == ("SystemError", -2)

    stage.run(body)


# --- an order whose worker does not answer


def test_an_order_whose_worker_dies_is_unresolved_and_sent_once(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        error = await failure(calls.call("order_send", {"comment": "die"}))
        assert error.code == Fault.DIED
        assert verdict(error) is Verdict.UNRESOLVED

    stage.run(body)
    assert stage.sent() == ["die"]


@posix
def test_an_order_whose_worker_is_killed_from_outside_is_unresolved(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        async with anyio.create_task_group() as tasks:

            async def kill() -> None:
                await until_written(stage.ledger, "block")
                os.kill(calls.pid, signal.SIGKILL)

            tasks.start_soon(kill)
            error = await failure(calls.call("order_send", {"comment": "block"}))
        assert error.code == Fault.DIED
        assert "exit code -9" in error.text

    stage.run(body)
    assert stage.sent() == ["block"]


def test_an_order_that_blocks_for_ever_is_unresolved_and_its_worker_killed(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        error = await failure(calls.call("order_send", {"comment": "block"}))
        assert error.code == Fault.STUCK
        assert verdict(error) is Verdict.UNRESOLVED
        assert calls.pid == 0

    stage.run(body, deadlines=HURRIED)
    assert stage.sent() == ["block"]


@posix
def test_a_stopped_worker_is_found_by_its_deadline_and_killed(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        pid = calls.pid
        os.kill(pid, signal.SIGSTOP)
        error = await failure(calls.call("order_send", {"comment": "x"}))
        assert error.code == Fault.STUCK
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    stage.run(body, deadlines=HURRIED)
    assert stage.sent() == []  # the request lay in the pipe; that cannot be known, so: unresolved


def test_a_cancelled_call_leaves_no_reply_for_the_next_one(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        with anyio.move_on_after(0.1):
            await calls.call("order_send", {"comment": "block"})
        assert calls.pid == 0
        await calls.call("initialize")
        assert await calls.call("orders_get") == ()

    stage.run(body)


# --- an order that never leaves


def test_an_order_for_a_worker_known_dead_is_refused_by_proof(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        await failure(calls.call("terminal_info"))  # dies of it
        error = await failure(calls.call("order_send", {"comment": "x"}))
        assert error.code == Fault.NOT_RUNNING
        assert verdict(error) is Verdict.REFUSED

    stage.run(body)
    assert stage.sent() == []


@pytest.mark.parametrize(
    "value",
    [np.float64(0.1), b"x", [1], {"volume": [1]}, 2**64, "x" * worker.REQUEST_LIMIT, Verdict],
    ids=["NumPy", "bytes", "list", "nested", "too large", "too long", "object"],
)
def test_an_argument_that_is_not_plain_is_never_sent(stage: Stage, value: object) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        error = await failure(calls.call("order_send", value))
        assert error.code == Fault.NOT_ALLOWED
        assert verdict(error) is Verdict.REFUSED
        assert await calls.call("orders_get") == ()

    stage.run(body)
    assert stage.sent() == []


def test_a_full_queue_takes_no_call(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        codes: list[int] = []

        async def one() -> None:
            codes.append((await failure(calls.call("order_send", {"comment": "block"}))).code)

        async with anyio.create_task_group() as tasks:
            for _ in range(QUEUE + 1):
                tasks.start_soon(one)
        # One blocked until its deadline, those behind it found no worker, the last found no place.
        assert codes.count(Fault.STUCK) == 1
        assert codes.count(Fault.NOT_RUNNING) == QUEUE
        assert codes[0] == Fault.NOT_RUNNING

    stage.run(body, deadlines=HURRIED)
    assert stage.sent() == ["block"]


# --- identity


def test_nothing_passes_before_initialize(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        assert (await failure(calls.call("positions_get"))).code == Fault.NOT_RUNNING
        assert calls.starts == 0

    stage.run(body)


def test_nothing_passes_after_a_restart_before_initialize(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        await failure(calls.call("terminal_info"))  # dies of it
        assert (await failure(calls.call("positions_get"))).code == Fault.NOT_RUNNING
        await calls.call("initialize")
        assert len(await calls.call("positions_get")) == 2

    stage.run(body)


def test_another_account_is_refused_and_no_order_reaches_it(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        with pytest.raises(WrongAccount, match="login 8, the configuration pins 7"):
            await calls.call("initialize")
        assert (await failure(calls.call("order_send", {"comment": "x"}))).code == Fault.NOT_RUNNING

    stage.run(body, launch=stage.launch(login=8))
    assert stage.sent() == []


def test_an_error_inside_the_block_comes_out_as_it_is(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stage.run(body)


# --- start and end


def test_restarts_wait_longer_each_time_up_to_a_limit(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        for _ in range(6):
            await calls.call("initialize")
            await failure(calls.call("terminal_info"))  # dies of it

    stage.run(body)
    assert stage.pause.slept == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_a_failure_after_long_service_counts_as_the_first(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        for _ in range(3):
            await calls.call("initialize")
            stage.pause.time += 3600.0
            await failure(calls.call("terminal_info"))

    stage.run(body)
    assert stage.pause.slept == [1.0, 1.0]


def test_a_program_that_is_not_there_is_named(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        error = await failure(calls.call("initialize"))
        assert error.code == Fault.NOT_RUNNING
        assert "no-such-python" in error.text

    stage.run(body, launch=Launch(["no-such-python"]))


def test_a_program_that_is_no_worker_is_killed_and_its_last_words_told(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        error = await failure(calls.call("initialize"))
        assert error.code == Fault.NOT_RUNNING
        assert "unknown" in error.text.lower() or "error" in error.text.lower()

    command = [sys.executable, worker.__file__, "--unknown"]
    stage.run(body, launch=Launch(command))


def test_a_missing_module_is_told(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        error = await failure(calls.call("initialize"))
        assert error.code == Fault.NOT_RUNNING
        assert "No module named 'no_such_module'" in error.text

    command = [sys.executable, worker.__file__, "--module", "no_such_module"]
    stage.run(body, launch=Launch(command))


def test_what_the_worker_said_last_is_in_the_error(stage: Stage) -> None:
    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        error = await failure(calls.call("symbol_info_tick", "last words"))
        assert "the terminal is on fire" in error.text

    stage.run(body)


def test_the_end_of_the_block_shuts_the_module_down_and_ends_the_worker(stage: Stage) -> None:
    pids = []

    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        pids.append(calls.pid)

    stage.run(body)
    assert stage.ledger.read_text(encoding="utf-8") == "initialize\nshutdown\n"
    if os.name == "posix":
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)


@posix
def test_the_end_of_the_block_kills_a_worker_that_does_not_end(stage: Stage) -> None:
    pids = []

    async def body(calls: Supervisor) -> None:
        await calls.call("initialize")
        pids.append(calls.pid)
        os.kill(calls.pid, signal.SIGSTOP)

    stage.run(body, deadlines=Deadlines(stop=0.1))
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_says_whether_the_call_may_have_had_its_effect(fault: Fault) -> None:
    unknown = fault <= -20010
    assert ERRORS[fault].verdict is (Verdict.UNRESOLVED if unknown else Verdict.REFUSED)
