"""The life of an order, from proposal to outcome. Every type here bears the order key that links
its story.

A change is a wish to alter what the broker has already: it makes no order of its own, and its key
is seen nowhere at the broker."""

from __future__ import annotations

from journal.events.base import Decision


class OrderProposed(Decision, frozen=True, gc=False):
    """A wish to trade, of a strategy or of the engine itself; nothing has been weighed yet.

    side                         `buy` or `sell`: of the order, so `sell` closes a long position
    stop_distance, target_distance   price units from the entry price
    reason                       the rule that spoke, for people
    action                       `open`, `close` (a position or part of one) or `close by` (two
                                 opposite positions against each other)
    type                         `market`, `limit`, `stop` or `stop limit`
    price                        price units, at which a pending order fills or triggers
    limit                        price units, of the limit order that a stop limit's trigger places
    lifetime_s                   seconds until a pending order expires, 0 for never
    position, by                 identifiers of the position to close and of the opposite one
    volume                       lots to close, 0 for all; of an opening order risk decides
    follows                      key of the refused order that this one tries again, at a fresh
                                 price; empty for a first try
    attempt                      how many tries came before
    """

    key: str
    strategy: str
    magic: int
    symbol: str
    side: str
    stop_distance: float
    target_distance: float
    reason: str
    action: str = "open"
    type: str = "market"
    price: float = 0.0
    limit: float = 0.0
    lifetime_s: int = 0
    position: int = 0
    by: int = 0
    volume: float = 0.0
    follows: str = ""
    attempt: int = 0


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
    price         price units: the quote that a market order was decided on (it fills at the
                  market); of a pending order, where it fills or triggers
    sl, tp        absolute price levels
    deviation     points
    risk          account currency lost if the stop is hit at its level, costs apart
    login, server the account it is meant for
    server_msc    server milliseconds of the quote: the start of the window in which to look for it
    action, type, limit, position, by   as proposed
    expiration    server seconds at which a pending order ends, 0 for never
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
    action: str = "open"
    type: str = "market"
    limit: float = 0.0
    expiration: int = 0
    position: int = 0
    by: int = 0


class OrderAccepted(Decision, frozen=True, gc=False):
    """The broker has the order; deals will tell what became of it.

    order  ticket
    proof  `reply`, `evidence` or `operator`
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


class ChangeIntended(Decision, frozen=True, gc=False):
    """The durable wish to alter a position's levels or a pending order, or to cancel one.

    action        `levels` (stop and target of a position), `modify` or `cancel` (a pending order)
    position      identifier, of `levels`; 0 otherwise
    ticket        of the position or of the pending order, as last known
    order_key     key of the pending order's own intent; empty for `levels`
    price, limit, sl, tp   price units, as they shall be; 0 for none
    expiration    server seconds, as it shall be; 0 for never
    reason        the rule that spoke, for people
    login, server, server_msc   as of `OrderIntended`; the newest server time known
    """

    key: str
    strategy: str
    magic: int
    symbol: str
    action: str
    position: int
    ticket: int
    order_key: str
    price: float
    limit: float
    sl: float
    tp: float
    expiration: int
    reason: str
    login: int
    server: str
    server_msc: int


class ChangeApplied(Decision, frozen=True, gc=False):
    """The broker has what was wished. `proof`: `reply`, `evidence` or `operator`."""

    key: str
    proof: str


class ChangeRefused(Decision, frozen=True, gc=False):
    """Proven not applied, final for this wish."""

    key: str
    retcode: int
    proof: str
    reason: str


class ChangeUnresolved(Decision, frozen=True, gc=False):
    """Sent, or perhaps sent, and not known whether it was applied."""

    key: str
    symbol: str
    reason: str
