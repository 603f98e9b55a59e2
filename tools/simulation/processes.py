"""The engine and its worker as real processes, and their deaths by SIGKILL.

The simulated terminal sits in the worker, its book in a file that outlives it. Linux only: where a
process is, and whether it still is, is read from `/proc`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Literal, get_args

import msgspec

from engine.config import Account, Broker, Config, Log, Risk, SimulatedTerminal, Worker
from engine.strategies.baseline import MaCrossRsiConfig
from engine.strategies.breakout import BreakoutConfig
from engine.terminal import load_profile
from journal.fs import OS_FS
from journal.tail import end_of_lines
from tools.simulation.broker import BARS, SYMBOL
from tools.simulation.settings import PROTECTION

ROOT = Path(__file__).resolve().parents[2]
PROFILE = "ecn-hedging"
LOOK_S = 0.0005
"""Seconds between two looks at the journal: far less than an order takes."""
PATIENCE_S = 60.0
"""Seconds without a byte written after which a process counts as stuck."""
INTENTS = b'"type":"OrderIntended"', b'"type":"ChangeIntended"'

Victim = Literal["engine", "worker", "engine, then worker", "worker, then engine"]
VICTIMS: tuple[Victim, ...] = get_args(Victim)


class Moment(msgspec.Struct, frozen=True):
    """When to kill: by what is written from now on, and so many seconds after that.

    written  bytes of the journal
    intents  orders and changes intended
    wait_s   seconds after both
    """

    written: int = 0
    intents: int = 0
    wait_s: float = 0.0


def draw_moment(chance: Random) -> Moment:
    """Draw a moment: often around an order, sometimes anywhere, sometimes while it starts."""
    match chance.choice(("order", "order", "order", "anywhere", "start")):
        case "order":
            return Moment(intents=chance.randint(1, 3), wait_s=chance.uniform(0.0, 0.006))
        case "anywhere":
            return Moment(written=chance.randint(1, 60_000))
        case _:
            return Moment(wait_s=chance.uniform(0.0, 1.2))


def config_of(folder: Path) -> Config:
    """Return the configuration of all cycles in a folder: quick strategies that risk little, by
    market and pending orders, with stops that trail."""
    account = load_profile(PROFILE).account
    return Config(
        name="killed",
        journal=str(folder / "journal"),
        broker=Broker(
            kind="simulated",
            account=Account(login=account.login, server=account.server),
            deviation=0,
            worker=Worker(),
        ),
        terminal=SimulatedTerminal(profile=PROFILE, bars={SYMBOL: str(BARS)}),
        strategies=[
            MaCrossRsiConfig(
                name="quick", magic=71, symbol=SYMBOL, fast=2, slow=5, rsi_period=5,
                rsi_low=0.0, rsi_high=100.0, stop_atr=1.5, target_r=2.0, protection=PROTECTION[0],
            ),
            BreakoutConfig(
                name="pending", magic=72, symbol=SYMBOL, entry="stop", channel=6, zone=0.35,
                atr_period=5, offset_atr=0.3, stop_atr=1.5, target_r=1.0, lifetime_s=600,
                protection=PROTECTION[1],
            ),
        ],
        risk=Risk(per_trade_percent=0.05, margin_use_percent=30.0),
        log=Log(level="WARNING"),
    )  # fmt: skip


class Pair:
    """One engine and its worker, started again on the same journal and the same book.

    `starts` counts engines; `orphaned` says that this one's worker was killed.
    """

    def __init__(self, folder: Path) -> None:
        """Write the configuration; nothing is started yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config.yaml"
        self.config.write_bytes(msgspec.yaml.encode(config_of(folder)))
        self._tail = folder / "journal" / "tail"
        self._log = folder / "engine.log"
        self._engine: subprocess.Popen[bytes] | None = None
        self._worker = 0
        self.starts = 0
        self.orphaned = False

    @property
    def running(self) -> bool:
        """Whether there is an engine that has not ended."""
        return self._engine is not None and self._engine.poll() is None

    def start(self) -> None:
        """Start the engine as a person does, in a process group of its own."""
        self.starts += 1
        self.orphaned = False
        command = [sys.executable, "-m", "tools.cli", "run", "--config", str(self.config), "--json"]
        with self._log.open("ab") as log:
            self._engine = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )

    def reach(self, moment: Moment) -> str:
        """Wait for the moment; return `reached`, or `ended` or `stuck` when there was none."""
        watch = Watch(self._tail)
        patience = time.monotonic() + PATIENCE_S
        seen = -1
        while watch.written < moment.written or watch.intents < moment.intents:
            if not self.running:
                return "ended"
            if watch.written != seen:
                seen, patience = watch.written, time.monotonic() + PATIENCE_S
            if time.monotonic() > patience:
                return "stuck"
            time.sleep(LOOK_S)
            watch.look()
        time.sleep(moment.wait_s)
        return "reached" if self.running else "ended"

    def kill(self, victim: Victim) -> bool:
        """Kill; False when there was nobody to kill, as there is no worker while it starts."""
        assert self._engine is not None
        worker = self._find_worker()
        self.orphaned = self.orphaned or victim == "worker"
        hit = False
        for name in victim.split(", then "):
            pid = worker if name == "worker" else self._engine.pid
            hit = _kill(pid) or hit
        if victim != "worker":
            self._engine.wait()
            # Another terminal must not open the book before this one's last call has ended.
            _until(lambda: not _lives(worker))
        return hit

    def end(self) -> int:
        """Wait for an engine that ends by itself; return its exit code."""
        assert self._engine is not None
        code = self._engine.wait()
        worker, self._worker = self._worker, 0
        _until(lambda: not _lives(worker))
        return code

    def _find_worker(self) -> int:
        assert self._engine is not None
        if not _lives(self._worker):
            self._worker = _child_of(self._engine.pid)
        return self._worker


class Watch:
    """Counts what is written to a journal's newest file from now on."""

    def __init__(self, tail: Path) -> None:
        self._tail = tail
        self._file = self._newest()
        self._offset = len(_lines(self._file, 0)) if self._file is not None else 0
        self.written = self.intents = 0

    def look(self) -> None:
        """Count what has come."""
        newest = self._newest()
        if newest is None:
            return
        if newest != self._file:
            self._file, self._offset = newest, 0
        whole = _lines(newest, self._offset)
        self._offset += len(whole)
        self.written += len(whole)
        self.intents += sum(whole.count(mark) for mark in INTENTS)

    def _newest(self) -> Path | None:
        return max(self._tail.glob("*.jsonl"), default=None)


def _lines(file: Path, offset: int) -> bytes:
    """The whole lines from an offset on, without the room behind them."""
    data = OS_FS.read(file, offset)
    return data[: data.rfind(b"\n", 0, end_of_lines(data)) + 1]


def _kill(pid: int) -> bool:
    if not _lives(pid):
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _lives(pid: int) -> bool:
    """Whether a process is there and is more than an entry in a table."""
    return _stat(pid)[0] not in "XZ"


def _child_of(pid: int) -> int:
    """The process that another one has started, 0 for none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            state, parent = _stat(int(entry.name))
            if parent == pid and state not in "XZ":
                return int(entry.name)
    return 0


def _stat(pid: int) -> tuple[str, int]:
    """State and parent of a process; `X` for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X", 0
    state, parent = text.rpartition(")")[2].split()[:2]  # its name, before that, may hold anything
    return state, int(parent)


def _until(done: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    patience = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > patience:
            raise TimeoutError(f"a process did not end within {PATIENCE_S:g} s")
        time.sleep(LOOK_S)
