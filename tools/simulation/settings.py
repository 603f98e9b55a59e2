"""What the engine of a session is configured with: quick strategies, so that much happens."""

from __future__ import annotations

from typing import Any

from engine.config import Account, Config, PositionPolicy, Reconcile, Risk, SimulatedTerminal
from engine.config import Broker as BrokerSettings
from engine.execution.protection.rules import (
    BreakEven,
    PartialTarget,
    Protection,
    TimeStop,
    TrailAtr,
    TrailBar,
    TrailR,
)
from engine.kernel import warmup_of
from engine.settings import canonical
from engine.strategies.baseline import MaCrossRsiConfig
from engine.strategies.breakout import BreakoutConfig
from engine.strategies.catalogue import StrategyConfig
from journal.events import RunStarted
from tools.simulation.broker import MAGIC, SYMBOL, SYMBOLS, profile_of
from tools.simulation.plan import Plan

RETRIES = 2
"""Fresh prices that are tried after a requote."""
PROTECTION: tuple[list[Protection], ...] = (
    [
        TrailAtr(period=5, multiple=1.0, from_r=0.3),
        PartialTarget(at_r=0.7, part_percent=50.0),
        TimeStop(minutes=25),
    ],
    [BreakEven(at_r=0.5), TrailBar(bars=3, from_r=0.6), TrailR(every_r=0.5, behind_r=0.5)],
)
"""What protects the positions of the first strategy and of the second."""


def config_of(plan: Plan) -> Config:
    """Return the configuration of a session: quick strategies, so that much happens."""
    account = profile_of(plan.broker).account
    return Config(
        name="simulation",
        journal="",
        broker=BrokerSettings(
            kind="simulated",
            account=Account(login=account.login, server=account.server),
            deviation=0,
            retries=RETRIES,
        ),
        terminal=SimulatedTerminal(bars=dict.fromkeys(SYMBOLS[: plan.symbols], "bars")),
        strategies=[strategy_of(plan, number) for number in range(plan.strategies)],
        positions={
            "default": PositionPolicy(
                policy=plan.policy,
                most=2 if plan.policy == "add" else 1,
                found=plan.found,
                close_by=plan.close_by,
            )
        },
        risk=Risk(per_trade_percent=0.5, margin_use_percent=30.0, most_positions=plan.most),
        reconcile=Reconcile(slow_s=360.0),
    )


def strategy_of(plan: Plan, number: int) -> StrategyConfig:
    """Return the `number`-th strategy of a session."""
    common: dict[str, Any] = {
        "name": ("quick", "quicker")[number],
        "magic": MAGIC + number,
        "symbol": SYMBOLS[number % plan.symbols],
        "stop_atr": 1.5,
        "target_r": 2.0 if plan.protected else 1.0,
        "protection": PROTECTION[number] if plan.protected else [],
    }
    entry = plan.entries[number] if plan.entries else "market"
    if entry != "market":
        return BreakoutConfig(
            **common,
            entry=entry,
            channel=6 + number,
            zone=0.35,
            atr_period=5,
            offset_atr=0.3,
            lifetime_s=(240, 1200)[number],
        )
    return MaCrossRsiConfig(
        **common,
        fast=2 + number,
        slow=5 + 2 * number,
        rsi_period=5,
        rsi_low=0.0,
        rsi_high=100.0,
        atr_period=14,
    )


def manifest_of(config: Config) -> RunStarted:
    """Return the manifest of a session's runs."""
    settings, config_hash = canonical(config)
    return RunStarted(
        "0", "simulated", settings, config_hash, "", "", "", 0, warmup_of(config), SYMBOL, ""
    )
