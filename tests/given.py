"""Given events, when an event, then events: a kernel with the journal it has been told, and a
payload of every type to start from.

`a(QuoteObserved, bid=1.1)` is the typical quote with another bid. `Story().given(...)` folds in
what is recorded, `.when(...)` lets the kernel decide on one input and returns what it decided.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

import msgspec

from engine.config import Account, Broker, Config, Risk
from engine.kernel import Kernel
from engine.strategies.baseline import MaCrossRsiConfig
from journal.envelope import AnyEvent, stamp
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    CancelRequested,
    ChangeApplied,
    ChangeChecked,
    ChangeIntended,
    ChangeRefused,
    ChangeUnresolved,
    ClockOffsetMeasured,
    DealRecorded,
    DiscrepancyFound,
    EvidenceGathered,
    FeedCaughtUp,
    FlattenRequested,
    JournalRecovered,
    OperatorHalted,
    OrderAccepted,
    OrderAdjusted,
    OrderFinished,
    OrderIntended,
    OrderListed,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    OrderVetoed,
    Payload,
    PositionAdjusted,
    PositionAdopted,
    PositionSeen,
    PriceSeen,
    QuoteObserved,
    QuoteUnavailable,
    ReconcileRequested,
    RunEnded,
    RunStarted,
    StopRequested,
    SymbolSpecified,
    TerminalConnected,
    TerminalLost,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from projections.state import State

RUN = "20231002-TEST001"
KEY = "TEST001000000A0"
OTHER_KEY = "TEST001000000B0"
LOGIN, SERVER = 5012345, "Daybook-ECN"
MAGIC = 77
SYMBOL = "EURUSD"
T0 = 1_696_204_800
"""Server seconds: Monday, 2 October 2023, 00:00 on the broker's clock."""

CONFIG = Config(
    name="test",
    journal="unused",
    broker=Broker(kind="simulated", account=Account(login=LOGIN, server=SERVER)),
    strategies=[
        MaCrossRsiConfig(
            name="baseline",
            magic=MAGIC,
            symbol=SYMBOL,
            fast=2,
            slow=3,
            rsi_period=2,
            rsi_low=0.0,
            rsi_high=100.0,
            atr_period=2,
        )
    ],
    risk=Risk(per_trade_percent=1.0, margin_use_percent=50.0),
)


def manifest(config: Config = CONFIG, **changes: Any) -> RunStarted:
    """The first event of a run with this configuration."""
    return a(RunStarted, config=msgspec.to_builtins(config), **changes)


P = TypeVar("P", bound=msgspec.Struct)


def a(kind: type[P], **changes: Any) -> P:
    """Return the typical payload of a type, with some fields changed."""
    typical = _TYPICAL[kind]
    assert isinstance(typical, kind)
    return msgspec.structs.replace(typical, **changes)


def bars(*closes: float, start: int = T0, symbol: str = SYMBOL) -> list[BarClosed]:
    """Return consecutive minutes that close at these prices and range a pip around them."""
    return [
        a(
            BarClosed,
            symbol=symbol,
            time=start + 60 * index,
            open=close,
            high=close + 0.0001,
            low=close - 0.0001,
            close=close,
        )
        for index, close in enumerate(closes)
    ]


class Story:
    """A kernel, and the events that it has been told, numbered as a journal would have them."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.events: list[AnyEvent] = []

    @property
    def state(self) -> State:
        return self.kernel.state

    def given(self, *payloads: Payload, corr: str = "") -> Self:
        """Fold in recorded events; nothing is decided."""
        for payload in payloads:
            self.kernel.evolve(self._next(payload, corr))
        return self

    def when(self, payload: Payload, corr: str = "") -> list[Payload]:
        """Let the kernel decide on an input; return what it decided."""
        decisions = self.kernel.step(self._next(payload, corr))
        self.events += decisions
        return [decision.data for decision in decisions]

    def _next(self, payload: Payload, corr: str) -> AnyEvent:
        seq = len(self.events) + 1
        corr = corr or getattr(payload, "key", "")
        event = stamp(payload, seq=seq, ts=seq * 1_000_000_000, run=RUN, corr=corr)
        self.events.append(event)
        return event


def ready() -> Story:
    """A run that may trade: connected to an account with 10,000, one known symbol, caught up."""
    return Story().given(
        manifest(),
        a(TerminalConnected),
        a(SymbolSpecified),
        a(ClockOffsetMeasured),
        deposit(10_000.0),
        a(FeedCaughtUp),
    )


def vetoes(payloads: list[Payload]) -> list[tuple[str, str]]:
    """Rule and reason of every veto among decisions."""
    return [(p.rule, p.reason) for p in payloads if isinstance(p, OrderVetoed)]


def deposit(amount: float, ticket: int = 1) -> DealRecorded:
    """A balance operation, as MT5 records it."""
    return a(
        DealRecorded,
        ticket=ticket,
        order=0,
        type=2,
        magic=0,
        position_id=0,
        reason=0,
        volume=0.0,
        price=0.0,
        profit=amount,
        symbol="",
        comment="",
    )


_TYPICAL: dict[type[msgspec.Struct], msgspec.Struct] = {
    kind: typical
    for typical in (
        RunStarted(
            code_version="0.1.0",
            mode="simulated",
            config=msgspec.to_builtins(CONFIG),
            config_hash="c0",
            lock_hash="10",
            python="3.11.2",
            platform="linux x86_64",
            seed=1,
            warmup=4,
            data_name="bars.csv",
            data_hash="da",
        ),
        RunEnded("data ended", "", ""),
        TradingHalted("broker answer", "automatic trading disabled in the terminal"),
        TradingPaused("anna", "news at two"),
        TradingResumed("anna", "the button is on again"),
        TerminalConnected(LOGIN, SERVER, 0, 2, "USD", 100, "Daybook", "Simulated Terminal", 5000),
        TerminalLost(-10004, "No IPC connection"),
        SymbolSpecified(
            symbol=SYMBOL,
            digits=5,
            point=0.00001,
            tick_size=0.00001,
            tick_value=1.0,
            contract_size=100_000.0,
            volume_min=0.01,
            volume_max=50.0,
            volume_step=0.01,
            stops_level=0,
            freeze_level=0,
            filling_mode=1,
            execution_mode=2,
            trade_mode=4,
            currency_base="EUR",
            currency_profit="USD",
            currency_margin="EUR",
        ),
        ClockOffsetMeasured(10_800, "new-york+7", T0 * 1000),
        BarClosed(SYMBOL, "M1", T0, 1.0567, 1.0571, 1.0567, 1.0568, 34, 8, 0),
        FeedCaughtUp(0),
        QuoteObserved(SYMBOL, T0 * 1000 + 60_100, 1.05, 1.0501, 1.0, 1050.1, 10_000.0),
        QuoteUnavailable(SYMBOL, "no connection"),
        OrderProposed(
            KEY, "baseline", MAGIC, SYMBOL, "buy", 0.001, 0.002, "MA 2 crossed above MA 3"
        ),
        OrderVetoed(KEY, "baseline", SYMBOL, "buy", "size", "too small"),
        OrderIntended(
            key=KEY,
            strategy="baseline",
            magic=MAGIC,
            symbol=SYMBOL,
            side="buy",
            volume=1.0,
            price=1.0501,
            sl=1.0491,
            tp=1.0521,
            deviation=10,
            risk=100.0,
            login=LOGIN,
            server=SERVER,
            server_msc=T0 * 1000 + 60_100,
        ),
        BrokerReplied(
            key=KEY,
            retcode=10009,
            error=1,
            error_text="",
            deal=1001,
            order=2001,
            volume=1.0,
            price=1.0501,
            bid=1.05,
            ask=1.0501,
            comment="Request executed",
            request_id=1,
            retcode_external=0,
        ),
        OrderAccepted(KEY, 2001, "reply"),
        OrderFinished(KEY, 2001, 4, 1.0),
        OrderRefused(KEY, 10019, "reply", "not enough money (10019)"),
        OrderUnresolved(KEY, SYMBOL, "the terminal's answer was lost (-10002)"),
        EvidenceGathered(KEY, 4, [], [], []),
        DealRecorded(
            ticket=1001,
            order=2001,
            time=T0 + 60,
            time_msc=T0 * 1000 + 60_200,
            type=0,
            entry=0,
            magic=MAGIC,
            position_id=2001,
            reason=3,
            volume=1.0,
            price=1.0501,
            commission=0.0,
            swap=0.0,
            profit=0.0,
            fee=0.0,
            symbol=SYMBOL,
            comment=KEY,
            external_id="",
        ),
        BrokerSnapshotTaken(10_000.0, 0.0, 10_000.0, 0.0, 10_000.0, []),
        PositionSeen(2001, 2001, SYMBOL, 0, MAGIC, 1.0, 1.0501, 1.0491, 1.0521, KEY),
        OrderListed(
            2002, SYMBOL, 2, MAGIC, 1.0, 1.0, 1.0480, 0.0, 1.0470, 1.0500, 0, T0 * 1000, OTHER_KEY
        ),
        DiscrepancyFound("balance", SERVER, "10000.00", "9000.00"),
        PositionAdjusted(2001, 2001, 1.0495, 1.0521, 1.0501),
        OrderAdjusted(KEY, 2001, 1.0481, 0.0, 1.0471, 1.0511, 0),
        PositionAdopted(2001, SYMBOL, "baseline", MAGIC),
        PriceSeen(SYMBOL, T0 * 1000 + 60_400, 1.05, 1.0501),
        ChangeIntended(
            key=OTHER_KEY,
            strategy="baseline",
            magic=MAGIC,
            symbol=SYMBOL,
            action="levels",
            position=2001,
            ticket=2001,
            order_key="",
            price=0.0,
            limit=0.0,
            sl=1.0495,
            tp=1.0521,
            expiration=0,
            reason="trail by 2 ATR",
            login=LOGIN,
            server=SERVER,
            server_msc=T0 * 1000 + 60_300,
        ),
        ChangeApplied(OTHER_KEY, "reply"),
        ChangeRefused(OTHER_KEY, 10016, "reply", "invalid stops (10016)"),
        ChangeUnresolved(OTHER_KEY, SYMBOL, "the terminal's answer was lost (-10002)"),
        ChangeChecked(OTHER_KEY, 1, True, 0.0, 0.0, 1.0495, 1.0521, 0),
        OperatorHalted("anna", "the news are wild"),
        FlattenRequested("anna", "going to bed", "", ""),
        CancelRequested("anna", "not wanted any more", "", SYMBOL, ""),
        OrderResolved("anna", "the broker's desk has it", KEY, True, 2001, 1.0, 1.0501, 2001),
        StopRequested("anna", "maintenance"),
        ReconcileRequested("anna", "", 604_800, 0, False),
        JournalRecovered("00000001.jsonl", 100, 10, "00" * 16, 5),
    )
    for kind in (type(typical),)
}

RISING = bars(1.1000, 1.0990, 1.0980, 1.0970, 1.0980, 1.0990)
"""Bars of which, with averages of 2 and 3, the last is the first to cross upwards."""
