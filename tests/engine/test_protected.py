"""Whole runs on real bars: positions are trailed, closed in part and in time on hedging and netting
accounts, over restarts and deaths, and every run replays byte for byte."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.broker.fault import Fault
from engine.config import Account, Broker, Config, PositionPolicy
from engine.execution.protection.rules import (
    BreakEven,
    PartialTarget,
    Protection,
    TimeStop,
    TrailAtr,
    TrailBar,
    TrailR,
    TrailSteps,
)
from engine.kernel import Kernel
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from journal import read
from journal.events import (
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    DealRecorded,
    OrderIntended,
    OrderProposed,
    PositionAdopted,
    PriceSeen,
    TradingHalted,
)
from projections.state import State
from replay.session import verify_session
from tests.engine import rig
from tests.engine.rig import Died, Fate, Rig

EVERYTHING: list[Protection] = [
    TrailAtr(period=5, multiple=2.0, from_r=0.5, least_points=3),
    TrailBar(bars=3, from_r=1.5),
    TrailSteps(step_points=100, behind_points=60),
    TrailR(),
    BreakEven(at_r=1.0, offset_points=5),
    PartialTarget(at_r=1.0, part_percent=50.0),
    PartialTarget(at_r=2.0, part_percent=25.0),
    TimeStop(minutes=60, below_r=0.5),
]
SPOKEN = {"2 ATR(5)", "0 points", "60 points", "1 R", "break-even at", "target of", "open for"}
"""How each rule's reason begins."""

EXCHANGE = load_profile("exchange-netting")
BARS = 2500


def configuration(**policy: Any) -> Config:
    """A quick strategy on five-minute bars: there are prices between them."""
    strategy = msgspec.structs.replace(
        rig.CONFIG.strategies[0],
        timeframe="M5",
        fast=3,
        slow=7,
        atr_period=5,
        rsi_period=5,
        target_r=6.0,
        protection=EVERYTHING,
    )
    positions = {"default": PositionPolicy(**policy)}
    return msgspec.structs.replace(rig.CONFIG, strategies=[strategy], positions=positions)


class Hedging(Rig):
    """The usual rig, and what its journal says about protection."""

    def changes(self) -> dict[str, ChangeIntended]:
        return {wish.key: wish for wish in self.recorded(ChangeIntended)}

    def spoken(self) -> Counter[str]:
        reasons = [wish.reason for wish in self.changes().values()]
        reasons += [p.reason for p in self.recorded(OrderProposed) if p.action == "close"]
        return Counter(" ".join(reason.split()[:2]) for reason in reasons)


class Netting(Hedging):
    """The same market at an exchange: one position per symbol."""

    def terminal(self) -> Terminal:
        rates = rig.RATES[rig.FIRST_BAR : rig.FIRST_BAR + self.bars]
        market = BarMarket({"EURUSD": rates}, model="ohlc", start=100)
        return Terminal(EXCHANGE, market, book=self.folder / "broker", seed=1)


def run(kind: type[Hedging], folder: Path, bars: int = BARS, **policy: Any) -> Hedging:
    config = configuration(**policy)
    if kind is Netting:
        account = Account(login=EXCHANGE.account.login, server=EXCHANGE.account.server)
        broker = Broker(kind="simulated", zone="utc+3", account=account)
        config = msgspec.structs.replace(config, broker=broker)
    return kind(folder, config, bars=bars)


def check(world: Hedging) -> None:
    """Hold what protection did against its promises and against the broker's book."""
    state = told(world)
    applied = {change.key for change in world.recorded(ChangeApplied)}
    stops: dict[tuple[int, int], list[float]] = defaultdict(list)
    sides = {deal.position_id: deal.type for deal in world.deals() if deal.entry == 0}
    for key, wish in world.changes().items():
        if key in applied:
            stops[wish.position, sides[wish.position]].append(wish.sl)
    for (_, side), levels in stops.items():
        assert levels == sorted(set(levels), reverse=side == 1), "a stop that loosened"
    volumes: Counter[int] = Counter()
    for deal in world.deals():
        if deal.position_id:
            volumes[deal.position_id] += round(deal.volume * 100) * (1 if deal.entry == 0 else -1)
            assert volumes[deal.position_id] >= 0, "more was closed than was opened"
    assert not world.recorded(TradingHalted)
    assert state.positions.open.keys() == state.protection.tracks.keys()
    terminal = world.terminal()
    mt5 = terminal.module()
    mt5.initialize()
    there = [(p.identifier, p.sl, p.tp, round(p.volume, 8)) for p in mt5.positions_get()]
    terminal.close()
    held = sorted(state.positions.open.values(), key=lambda position: position.identifier)
    assert [(p.identifier, p.sl, p.tp, round(p.volume, 8)) for p in held] == there
    report = verify_session(world.journal)
    assert report.divergence is None
    assert report.digest == report.recorded_digest


def told(world: Hedging) -> State:
    """The state at the journal's end, and on the way: never two changes of one position."""
    kernel = Kernel()
    for event in read(world.journal):
        kernel.evolve(event)
        under_way = Counter(c.wish.position for c in kernel.state.changes.open.values())
        assert max(under_way.values(), default=0) <= 1, "two changes of one position at once"
    return kernel.state


@pytest.mark.parametrize("policy", ["one", "reverse"])
@pytest.mark.parametrize("kind", [Hedging, Netting])
def test_positions_are_trailed_closed_in_part_and_in_time(
    tmp_path: Path, kind: type[Hedging], policy: str
) -> None:
    world = run(kind, tmp_path, policy=policy)
    assert world.process().reason == "data ended"
    assert world.spoken().keys() >= SPOKEN
    assert world.recorded(PriceSeen), "a price between two bars must have mattered"
    assert {refusal.retcode for refusal in world.recorded(ChangeRefused)} <= {10016, Fault.MOVED_ON}
    assert len(world.recorded(ChangeRefused)) <= 0.05 * len(world.changes())
    check(world)


def test_a_price_is_recorded_only_where_it_leads_to_something(tmp_path: Path) -> None:
    world = run(Hedging, tmp_path)
    world.process()
    causes = {event.cause for event in read(world.journal)}
    prices = [event for event in read(world.journal) if isinstance(event.data, PriceSeen)]
    assert prices
    assert [event.seq for event in prices if event.seq not in causes] == []


def test_a_reversal_opens_only_when_its_closes_are_in_the_journal(tmp_path: Path) -> None:
    world = run(Hedging, tmp_path, policy="reverse")
    world.process()
    kernel, reversals = Kernel(), 0
    for event in read(world.journal):
        data: Any = event.data
        if isinstance(data, OrderIntended) and data.action == "open":
            assert kernel.state.positions.open == {}, "opened beside what should be closed"
            reversals += data.key in kernel.state.policies.used
        kernel.evolve(event)
    assert reversals >= 5
    check(world)


def test_on_a_netting_account_no_deal_is_ever_both_a_close_and_an_opening(tmp_path: Path) -> None:
    world = run(Netting, tmp_path, policy="reverse")
    world.process()
    assert {deal.entry for deal in world.recorded(DealRecorded)} == {0, 1}
    assert world.spoken()["makes way"] >= 5


@pytest.mark.parametrize("found", ["leave", "adopt", "close"])
@pytest.mark.parametrize("kind", [Hedging, Netting])
def test_a_position_opened_by_hand_is_left_adopted_or_closed(
    tmp_path: Path, kind: type[Hedging], found: str
) -> None:
    world = run(kind, tmp_path, found=found, bars=700)
    by_hand = buy_by_hand(world)
    world.process()
    adopted = [event.identifier for event in world.recorded(PositionAdopted)]
    closes = [p.position for p in world.recorded(OrderProposed) if p.action == "close"]
    moved = {wish.position for wish in world.changes().values()}
    assert (adopted == [by_hand]) is (found == "adopt")
    assert (by_hand in moved) is (found == "adopt")
    assert (by_hand in closes) is (found == "close")
    if found == "leave":
        assert told(world).positions.open[by_hand].sl == 1.0
        assert kind is Hedging or not [i for i in world.intents() if i.action == "open"]
    check(world)


def buy_by_hand(world: Hedging) -> int:
    """Open a long position with a stop far away, as a person would; return its identifier."""
    terminal = world.terminal()
    mt5 = terminal.module()
    mt5.initialize()
    request = {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": "EURUSD",
        "volume": 1.0,
        "type": mt5.ORDER_TYPE_BUY,
        "type_filling": mt5.ORDER_FILLING_FOK,
        "sl": 1.0,
    }
    assert mt5.order_send(request).retcode == mt5.TRADE_RETCODE_DONE
    [position] = mt5.positions_get()
    terminal.close()
    identifier: int = position.identifier
    return identifier


def test_restarts_in_the_middle_change_nothing_about_the_promises(tmp_path: Path) -> None:
    world = run(Hedging, tmp_path)
    for bars in (120, 90, 80):
        assert world.process(max_bars=bars).reason == "bars reached"
    assert world.process().reason == "data ended"
    assert world.spoken().keys() >= SPOKEN - {"open for"}
    check(world)


def test_death_around_the_sending_of_a_change_neither_loses_nor_doubles_it(tmp_path: Path) -> None:
    fate = Fate()
    alive = run(Hedging, tmp_path / "alive", bars=700)
    alive.process(fate)
    sendings = [moment for moment, name in enumerate(fate.seen, 1) if name == "order_send"]
    replied = [reply.key for reply in alive.replies()]
    changed = [m for m, key in zip(sendings, replied, strict=True) if key in alive.changes()]
    outcomes: Counter[str] = Counter()
    for moment in changed[:4]:
        for manner in ("before", "after"):
            world = run(Hedging, tmp_path / f"{moment}-{manner}", bars=700)
            with pytest.raises(Died):
                world.process(Fate(moment, manner))
            world.process()
            [doubted] = world.recorded(ChangeUnresolved)
            fates = {c.key: type(c).__name__ for c in world.recorded(ChangeApplied, ChangeRefused)}
            outcomes[f"{manner} {fates[doubted.key]}"] += 1
            if fates[doubted.key] == "ChangeRefused":
                wish = world.changes()[doubted.key]
                later = [w for w in world.changes().values() if w.position == wish.position]
                assert later[-1].key != wish.key, "the promise was forgotten"
            check(world)
    assert outcomes == {"before ChangeRefused": 4, "after ChangeApplied": 4}
