"""Whatever keeps an engine from trading is found before it starts, and said with how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from engine.broker.calls import InProcess
from engine.broker.examine import Finding, examine
from engine.broker.fault import Fault
from engine.broker.gateway import CallFailed
from engine.config import Account, Config
from engine.feeds.bars import read_rates
from engine.kernel import warmup_of
from engine.settings import load
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from tests.engine.broker.test_zones import Q4_2023

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
HISTORY = 80_000
DEMO = load(CONFIGS / "demo.yaml", environ={})


class Stepping:
    """A clock whose waiting moves the market on by a minute of its bars, as real time would."""

    def __init__(self, terminal: Terminal, offset_s: int) -> None:
        self._terminal, self._offset = terminal, offset_s

    def now_ns(self) -> int:
        return (self._terminal.server_time_msc - 1000 * self._offset) * 1_000_000

    async def next(self) -> bool:
        return self._terminal.advance()

    async def sleep(self, seconds: float) -> None:
        self._terminal.advance()


@dataclass
class Patient:
    """A terminal to examine, with whatever is wrong with it."""

    terminal: Terminal
    config: Config
    offset_s: int = 7200

    def findings(self) -> dict[str, Finding]:
        async def look() -> list[Finding]:
            calls = InProcess(self.terminal.module())
            clock = Stepping(self.terminal, self.offset_s)
            return [one async for one in examine(calls, self.config, clock, {})]

        return {finding.subject: finding for finding in anyio.run(look)}


@pytest.fixture
def patient() -> Patient:
    market = BarMarket({"EURUSD": read_rates(Q4_2023)}, start=HISTORY)
    broker = replace(DEMO.broker, kind="mt5")
    return Patient(
        Terminal(load_profile("ecn-hedging"), market), replace(DEMO, broker=broker, terminal=None)
    )


def test_a_healthy_terminal_has_nothing_to_mend(patient: Patient) -> None:
    found = patient.findings()
    assert list(found) == ["terminal", "account", "permissions", "EURUSD", "EURUSD M1", "clock"]
    assert {finding.level for finding in found.values()} == {"ok"}
    assert {finding.mend for finding in found.values()} == {""}
    assert found["clock"].found == (
        "server time is UTC+2 h by fresh ticks of 1, rule new-york+7; "
        "11 of 11 weeks ended at 17:00 in New York by it"
    )


@pytest.mark.parametrize(
    ("switch", "value", "subject", "mend"),
    [
        ("connected", False, "terminal", "internet connection"),
        ("trade_allowed", False, "permissions", "Algo Trading"),
        ("tradeapi_disabled", True, "permissions", "external Python API"),
        ("account_trade_allowed", False, "permissions", "master password"),
        ("trade_expert", False, "permissions", "ask the broker"),
    ],
)
def test_every_switch_that_stops_trading_is_found(
    patient: Patient, switch: str, value: bool, subject: str, mend: str
) -> None:
    setattr(patient.terminal.conditions, switch, value)
    found = patient.findings()
    assert found[subject].level == "problem"
    assert mend in found[subject].mend
    others = [finding for finding in found.values() if finding.subject != subject]
    assert {finding.level for finding in others} == {"ok"}


@pytest.mark.parametrize("account", [Account(login=1, server="Daybook-ECN"),
    Account(login=5012345, server="Daybook-ECN", trade_mode="real")])  # fmt: skip
def test_another_account_is_a_problem(patient: Patient, account: Account) -> None:
    patient.config = replace(patient.config, broker=replace(patient.config.broker, account=account))
    finding = patient.findings()["account"]
    assert finding.level == "problem"
    assert "the configuration pins" in finding.found
    assert finding.mend.startswith("log the terminal in")


def test_a_misspelt_symbol_is_answered_with_those_that_the_broker_has(patient: Patient) -> None:
    strategy = replace(patient.config.strategies[0], symbol="EURUSD.m")
    patient.config = replace(patient.config, strategies=[strategy])
    finding = patient.findings()["EURUSD.m"]
    assert (finding.level, finding.found) == ("problem", "the broker has no such symbol")
    assert "EURUSD" in finding.mend


def test_a_clock_that_contradicts_the_rule_is_a_problem(patient: Patient) -> None:
    patient.offset_s = 3600
    finding = patient.findings()["clock"]
    assert finding.level == "problem"
    assert "+1 h from UTC" in finding.found
    assert "check this computer's clock first" in finding.mend


def test_too_little_history_is_a_problem() -> None:
    market = BarMarket({"EURUSD": read_rates(Q4_2023)}, start=10)
    config = replace(DEMO, broker=replace(DEMO.broker, kind="mt5"), terminal=None)
    found = Patient(Terminal(load_profile("ecn-hedging"), market), config, 10_800).findings()
    assert found["EURUSD M1"].level == "problem"
    wanted = f"10 complete bars of the {warmup_of(config)} that the strategies need"
    assert found["EURUSD M1"].found == wanted


class Failing:
    """Calls that fail at `initialize`."""

    def __init__(self, code: int) -> None:
        self._code = code

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        raise CallFailed(function, self._code, "as told")

    ask = call


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        (-10003, "install MetaTrader 5"),
        (-10005, "start the terminal by hand"),
        (-6, "save the password"),
        (-10004, "restart the terminal"),
        (Fault.NOT_RUNNING, "tools.wine prepare"),
        (Fault.STUCK, "close its dialogs"),
    ],
)
def test_a_terminal_that_is_not_reached_is_the_last_thing_looked_at(code: int, mend: str) -> None:
    async def look() -> list[Finding]:
        clock: Any = None
        return [one async for one in examine(Failing(code), DEMO, clock, {})]

    [finding] = anyio.run(look)
    assert (finding.subject, finding.level) == ("terminal", "problem")
    assert mend in finding.mend
