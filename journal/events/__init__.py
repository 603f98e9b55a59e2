"""Every event type there is, one module per family. `TYPES` is the registry that codec, SQL and
schema read."""

from __future__ import annotations

from journal.events.base import Decision, Input, Note, Payload, Role
from journal.events.broker import (
    BrokerReplied,
    BrokerSnapshotTaken,
    DealRecorded,
    DiscrepancyFound,
    EvidenceGathered,
    OrderFinished,
    PositionSeen,
    SymbolSpecified,
    TerminalConnected,
    TerminalLost,
)
from journal.events.market import (
    BarClosed,
    ClockOffsetMeasured,
    FeedCaughtUp,
    QuoteObserved,
    QuoteUnavailable,
)
from journal.events.orders import (
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
)
from journal.events.run import (
    RunEnded,
    RunStarted,
    TradingHalted,
    TradingPaused,
    TradingResumed,
)
from journal.events.upkeep import JournalRecovered

TYPES: dict[str, type[Payload]] = {
    kind.__name__: kind
    for kind in (
        RunStarted,
        RunEnded,
        TradingHalted,
        TradingPaused,
        TradingResumed,
        TerminalConnected,
        TerminalLost,
        SymbolSpecified,
        ClockOffsetMeasured,
        BarClosed,
        FeedCaughtUp,
        QuoteObserved,
        QuoteUnavailable,
        OrderProposed,
        OrderVetoed,
        OrderIntended,
        BrokerReplied,
        OrderAccepted,
        OrderFinished,
        OrderRefused,
        OrderUnresolved,
        EvidenceGathered,
        DealRecorded,
        BrokerSnapshotTaken,
        DiscrepancyFound,
        JournalRecovered,
    )
}

__all__ = [
    "TYPES",
    "BarClosed",
    "BrokerReplied",
    "BrokerSnapshotTaken",
    "ClockOffsetMeasured",
    "DealRecorded",
    "Decision",
    "DiscrepancyFound",
    "EvidenceGathered",
    "FeedCaughtUp",
    "Input",
    "JournalRecovered",
    "Note",
    "OrderAccepted",
    "OrderFinished",
    "OrderIntended",
    "OrderProposed",
    "OrderRefused",
    "OrderUnresolved",
    "OrderVetoed",
    "Payload",
    "PositionSeen",
    "QuoteObserved",
    "QuoteUnavailable",
    "Role",
    "RunEnded",
    "RunStarted",
    "SymbolSpecified",
    "TerminalConnected",
    "TerminalLost",
    "TradingHalted",
    "TradingPaused",
    "TradingResumed",
]
