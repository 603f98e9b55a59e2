"""How a configuration's broker is reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.broker.calls import InProcess
from engine.broker.supervisor import Launch
from engine.clock import WallClock
from engine.config import Broker, Config, Worker
from engine.feeds.bars import read_rates
from engine.settings import load
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from journal import read
from journal.errors import BrokerError, ConfigError
from journal.events import ClockOffsetMeasured, RunEnded, RunStarted
from tests.engine.broker.test_zones import Q4_2023
from tools.cli import brokers
from tools.cli.compose import run_engine

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
HISTORY = 80_000


def live(folder: Path, **broker: Any) -> Config:
    config = load(CONFIGS / "demo.yaml", environ={})
    settings: Broker = replace(config.broker, kind="mt5", **broker)
    return replace(config, journal=str(folder / "journal"), broker=settings, terminal=None)


def events_of(config: Config) -> list[Any]:
    return [event.data for event in read(Path(config.journal))]


def test_a_missing_module_ends_the_run_and_says_so(tmp_path: Path) -> None:
    config = live(tmp_path, worker=Worker(python="no-such-python"))
    with pytest.raises(BrokerError, match="no-such-python cannot be started"):
        run_engine(config, base=CONFIGS)
    started, ended = events_of(config)
    assert isinstance(started, RunStarted)
    assert started.mode == "live"
    assert isinstance(ended, RunEnded)
    assert ended.reason == "failed"


def test_two_live_runs_of_one_moment_have_names_of_their_own(tmp_path: Path) -> None:
    names = set()
    for number in range(2):
        config = live(tmp_path / str(number), worker=Worker(python="no-such-python"))
        with pytest.raises(BrokerError):
            run_engine(config, base=CONFIGS)
        names |= {event.run for event in read(Path(config.journal))}
    assert len(names) == 2


def test_the_zone_can_be_found_at_the_broker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The market stands still, so the bars alone must tell."""

    @asynccontextmanager
    async def in_process(launch: Launch, account: Any, **_: Any) -> AsyncIterator[InProcess]:
        market = BarMarket({"EURUSD": read_rates(Q4_2023)}, start=HISTORY)
        with Terminal(load_profile("ecn-hedging"), market) as terminal:
            yield InProcess(terminal.module())

    async def no_time(self: WallClock, seconds: float) -> None:
        del self, seconds

    monkeypatch.setattr(brokers, "supervise", in_process)
    monkeypatch.setattr(WallClock, "sleep", no_time)
    config = live(tmp_path, zone="auto")
    run_engine(config, base=CONFIGS, max_bars=1)
    measured = [event for event in events_of(config) if isinstance(event, ClockOffsetMeasured)]
    assert [(event.rule, event.offset_s, event.symbols) for event in measured] == [
        ("new-york+7", 7200, 0)
    ]


def test_a_fault_plan_that_there_is_not_is_named_with_its_key() -> None:
    environ = {"DAYBOOK_TERMINAL__FAULTS": "worst-day"}
    with pytest.raises(ConfigError, match=r"terminal\.faults.*worst-day\.yaml"):
        load(CONFIGS / "demo.yaml", environ=environ)
    config = load(CONFIGS / "demo.yaml", environ={"DAYBOOK_TERMINAL__FAULTS": "bad-day"})
    assert config.terminal is not None
    assert config.terminal.faults == "bad-day"
