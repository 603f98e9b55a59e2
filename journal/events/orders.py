"""The life of an order, from proposal to outcome. Every type here bears the order key that links
its story."""

from __future__ import annotations

from journal.events.base import Decision


class OrderProposed(Decision, frozen=True, gc=False):
    """A strategy wishes to trade; nothing has been weighed yet.

    side                         `buy` or `sell`
    stop_distance, target_distance   price units from the entry price
    reason                       the rule that spoke, for people
    """

    key: str
    strategy: str
    magic: int
    symbol: str
    side: str
    stop_distance: float
    target_distance: float
    reason: str


class OrderVetoed(Decision, frozen=True, gc=False):
    """Risk refused one proposal; `rule` names the check, `reason` says it with figures."""

    key: str
    strategy: str
    symbol: str
    side: str
    rule: str
    reason: str


class OrderIntended(Decision, frozen=True, gc=False):
    """The durable wish to send one order: everything needed to recognise it later at the broker.

    volume        lots
    price         the quote it was decided on, price units (a market order fills at the market)
    sl, tp        absolute price levels
    deviation     points
    risk          account currency lost if the stop is hit at its level, costs apart
    login, server the account it is meant for
    server_msc    server milliseconds of the quote: the start of the window in which to look for it
    """

    key: str
    strategy: str
    magic: int
    symbol: str
    side: str
    volume: float
    price: float
    sl: float
    tp: float
    deviation: int
    risk: float
    login: int
    server: str
    server_msc: int


class OrderAccepted(Decision, frozen=True, gc=False):
    """The broker has the order; deals will tell what became of it.

    order  ticket
    proof  `reply` or `evidence`
    """

    key: str
    order: int
    proof: str


class OrderRefused(Decision, frozen=True, gc=False):
    """Proven not executed, final for this intent."""

    key: str
    retcode: int
    proof: str
    reason: str


class OrderUnresolved(Decision, frozen=True, gc=False):
    """Sent, or perhaps sent, and the outcome is not known: settled by evidence, never by sending
    again."""

    key: str
    symbol: str
    reason: str
