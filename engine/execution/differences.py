"""Every kind of difference that there can be between the journal and the broker, as data: what it
means, how it is healed, whether it halts.

The page `RECONCILIATION.md` is written from it (`engine.execution.document`).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from journal.events import DiscrepancyFound, OrderAdjusted, PositionAdjusted


class Name(StrEnum):
    """The kinds of difference that there are."""

    ACCOUNT = "account"
    CLOCK = "clock"
    MISSING_DEAL = "missing deal"
    BALANCE_OPERATION = "balance operation"
    TICKET_REUSED = "ticket reused"
    UNEXPLAINED_DEAL = "unexplained deal"
    UNKNOWN_ORDER = "unknown order"
    LOST_ORDER = "lost order"
    ORDER_CHANGED = "order changed"
    POSITION_MISSING = "position missing"
    POSITION_UNKNOWN = "position unknown"
    FOREIGN_POSITION = "foreign position"
    VOLUME = "volume"
    PRICE = "price"
    LEVELS = "levels"
    TICKET = "ticket"
    REOPENED = "re-opened"
    BALANCE = "balance"
    CREDIT = "credit"


class Kind(msgspec.Struct, frozen=True):
    """One kind of difference.

    meaning  what differs
    healed   events by which the broker's truth is recorded; empty where there are none
    halts    whether trading halts when it is still there after that
    """

    meaning: str
    healed: str
    halts: bool


KINDS: dict[Name, Kind] = {
    Name.ACCOUNT: Kind(
        "The terminal shows another account than the journal is of. Nothing else is compared.",
        "",
        True,
    ),
    Name.CLOCK: Kind("Fresh ticks show another offset from UTC than `broker.zone` says.", "", True),
    Name.MISSING_DEAL: Kind(
        "A deal of the broker's history is not in the journal.", "DealRecorded", False
    ),
    Name.BALANCE_OPERATION: Kind(
        "The same of a deposit, a withdrawal, a credit, a correction, a dividend, a charge, a tax.",
        "DealRecorded",
        False,
    ),
    Name.TICKET_REUSED: Kind(
        "A deal bears a recorded deal's ticket, and is newer than every recorded deal.", "", True
    ),
    Name.UNEXPLAINED_DEAL: Kind(
        "A deal newer than the journal's first look at the account opened something with a magic "
        "of ours, and no intent explains it: a second engine, or a newer copy of this journal.",
        "",
        True,
    ),
    Name.UNKNOWN_ORDER: Kind(
        "A live order bears a magic of ours, and no open order of the journal is it.", "", True
    ),
    Name.LOST_ORDER: Kind(
        "An order that the broker had accepted is not live, and not filled as far as deals tell.",
        "DealRecorded, OrderFinished",
        True,
    ),
    Name.ORDER_CHANGED: Kind(
        "A pending order has other prices or levels than were intended: somebody changed it.",
        "OrderAdjusted",
        False,
    ),
    Name.POSITION_MISSING: Kind(
        "The journal has a position that the broker does not have.", "DealRecorded", True
    ),
    Name.POSITION_UNKNOWN: Kind(
        "The broker has a position with a magic or a key of ours; the journal does not.",
        "DealRecorded",
        True,
    ),
    Name.FOREIGN_POSITION: Kind(
        "The same of a position that a person or another program opened.", "DealRecorded", True
    ),
    Name.VOLUME: Kind("A position's lots or its side differ.", "DealRecorded", True),
    Name.PRICE: Kind("A position's opening price differs.", "PositionAdjusted", False),
    Name.LEVELS: Kind("A position's stop or target differs.", "PositionAdjusted", False),
    Name.TICKET: Kind(
        "A position of a netting account is traded by another ticket: it was turned.",
        "PositionAdjusted",
        False,
    ),
    Name.REOPENED: Kind(
        "A position of a hedging account is traded by another ticket: it was opened again for its "
        "swap.",
        "PositionAdjusted",
        False,
    ),
    Name.BALANCE: Kind("The sum of all deals is not the broker's balance.", "DealRecorded", True),
    Name.CREDIT: Kind("The sum of all credits is not the broker's credit.", "DealRecorded", True),
}
"""All that can differ, in the order in which differences are listed."""


class Discrepancy(msgspec.Struct, frozen=True, gc=False):
    """One difference; `journal` and `broker` are the two views, for people.

    heal  the decision that takes the broker's word over; None where recording deals and the ends of
          orders is what heals, or nothing
    """

    name: Name
    subject: str
    journal: str
    broker: str
    heal: PositionAdjusted | OrderAdjusted | None = None

    @property
    def found(self) -> DiscrepancyFound:
        """The same as an event."""
        return DiscrepancyFound(self.name.value, self.subject, self.journal, self.broker)

    @property
    def halts(self) -> bool:
        """Whether trading halts on it."""
        return KINDS[self.name].halts


# --- the page


def page() -> str:
    """Return the page as it should be."""
    rows = [
        f"| `{name}` | {kind.meaning} | {kind.healed or 'nothing'} | {_halting(kind)} |"
        for name, kind in KINDS.items()
    ]
    return "\n".join(
        [
            "# What can differ between the journal and the broker",
            "",
            "Written from `differences.py` by `python -m engine.execution.document`.",
            "A difference counts when it was there in several readings over several seconds",
            "(`reconcile.grace_s`, `broker.evidence.polls`): lists lag. Healing is recording the",
            "broker's truth as events, so a second comparison finds nothing.",
            "",
            "| difference | what it means | healed by | halts |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _halting(kind: Kind) -> str:
    if not kind.halts:
        return "no"
    return "when it stays" if kind.healed else "yes"
