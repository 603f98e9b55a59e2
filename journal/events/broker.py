"""What the broker and its terminal said: identity, constraints, replies, deals, evidence."""

from __future__ import annotations

import msgspec

from journal.events.base import Decision, Input


class TerminalConnected(Input, frozen=True, gc=False):
    """A connection was made and the account behind it identified.

    trade_mode, margin_mode  MT5's integers (`journal.events.mt5`)
    leverage                 1:leverage
    """

    login: int
    server: str
    trade_mode: int
    margin_mode: int
    currency: str
    leverage: int
    company: str
    terminal: str
    build: int


class TerminalLost(Input, frozen=True, gc=False):
    """The connection to the terminal broke."""

    code: int
    reason: str


class SymbolSpecified(Input, frozen=True, gc=False):
    """A symbol's trading constraints.

    point, tick_size               price units
    tick_value                     account currency per tick and lot
    contract_size                  units per lot
    volume_min, _max, _step        lots
    stops_level, freeze_level      points
    filling_mode                   bit mask: 1 FOK, 2 IOC, 4 BOC
    execution_mode, trade_mode     MT5's integers
    order_mode                     bit mask of the orders that are allowed: 1 market, 2 limit, 4
                                   stop, 8 stop limit, 16 stop loss, 32 take profit, 64 close by;
                                   0 where it was not recorded
    """

    symbol: str
    digits: int
    point: float
    tick_size: float
    tick_value: float
    contract_size: float
    volume_min: float
    volume_max: float
    volume_step: float
    stops_level: int
    freeze_level: int
    filling_mode: int
    execution_mode: int
    trade_mode: int
    currency_base: str
    currency_profit: str
    currency_margin: str
    order_mode: int = 0


class BrokerReplied(Input, frozen=True, gc=False):
    """What came back from sending one intent.

    retcode       MT5's trade return code; 0 when the call itself gave nothing (`None`)
    error, error_text   the module's `last_error()` in that case; 1 and `Success` otherwise
    deal, order   tickets; 0 when the server did not (yet) name them
    volume        lots filled as the reply claims
    request_id, retcode_external   as MT5 gave them
    """

    key: str
    retcode: int
    error: int
    error_text: str
    deal: int
    order: int
    volume: float
    price: float
    bid: float
    ask: float
    comment: str
    request_id: int
    retcode_external: int


class DealRecorded(Input, frozen=True, gc=False):
    """One deal of the account's history, field by field as MT5 has it.

    time, time_msc   server seconds and milliseconds
    type, entry, reason   MT5's integers (`journal.events.mt5`)
    volume           lots
    commission, swap, profit, fee   account currency
    """

    ticket: int
    order: int
    time: int
    time_msc: int
    type: int
    entry: int
    magic: int
    position_id: int
    reason: int
    volume: float
    price: float
    commission: float
    swap: float
    profit: float
    fee: float
    symbol: str
    comment: str
    external_id: str


class OrderFinished(Input, frozen=True, gc=False):
    """The broker's history says that an accepted order is done: nothing more will come of it.

    order   ticket
    state   MT5's integer (`ORDER_STATE_*`): cancelled, filled in part or whole, rejected, expired
    filled  lots in all; their deals may be seen later
    """

    key: str
    order: int
    state: int
    filled: float


class EvidenceGathered(Input, frozen=True, gc=False):
    """What a search of the broker's lists showed about one unresolved intent.

    polls           how often all lists were read
    orders, deals   tickets that bear both the intent's magic and its order key
    suspects        tickets that resemble the intent but do not bear its key: they prove nothing
    """

    key: str
    polls: int
    orders: list[int]
    deals: list[int]
    suspects: list[int]


class PositionSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One open position as the broker lists it; `type` 0 buy, 1 sell; volume in lots, prices in
    price units."""

    ticket: int
    identifier: int
    symbol: str
    type: int
    magic: int
    volume: float
    price_open: float
    sl: float
    tp: float
    comment: str


class OrderListed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One live order as the broker lists it.

    type        MT5's integer (`ORDER_TYPE_*`)
    volume      lots not filled yet, of `volume_initial`
    price, limit, sl, tp   price units; `limit` of a stop limit
    expiration  server seconds, 0 for never
    time_msc    server milliseconds at which it was placed
    """

    ticket: int
    symbol: str
    type: int
    magic: int
    volume_initial: float
    volume: float
    price: float
    limit: float
    sl: float
    tp: float
    expiration: int
    time_msc: int
    comment: str


class BrokerSnapshotTaken(Input, frozen=True, gc=False):
    """The broker's own picture of the account, to be held against the journal's.

    balance, credit, equity, margin, margin_free   account currency
    """

    balance: float
    credit: float
    equity: float
    margin: float
    margin_free: float
    positions: list[PositionSeen]
    orders: list[OrderListed] = msgspec.field(default_factory=list)


class ChangeChecked(Input, frozen=True, gc=False):
    """What the broker's lists showed about one unresolved change.

    polls   how often the lists were read
    found   whether the position or the pending order is still there
    price, limit, sl, tp, expiration   as they are; 0 when it is gone
    """

    key: str
    polls: int
    found: bool
    price: float
    limit: float
    sl: float
    tp: float
    expiration: int


class PositionAdjusted(Decision, frozen=True, gc=False):
    """The broker's word about a position is taken over: a discrepancy is healed by it.

    ticket  as the broker has it now; sl, tp price units
    price   at which it was opened, as the broker has it; 0 where that is not adjusted
    """

    identifier: int
    ticket: int
    sl: float
    tp: float
    price: float = 0.0


class OrderAdjusted(Decision, frozen=True, gc=False):
    """The broker's word about a pending order is taken over: somebody else has changed it.

    order                  ticket
    price, limit, sl, tp   price units, as the broker has them now; expiration server seconds
    """

    key: str
    order: int
    price: float
    limit: float
    sl: float
    tp: float
    expiration: int


class PositionAdopted(Decision, frozen=True, gc=False):
    """A position that was found, and that no order of this journal opened, is from now on managed
    by a strategy (`positions.found: adopt`)."""

    identifier: int
    symbol: str
    strategy: str
    magic: int


class DiscrepancyFound(Decision, frozen=True, gc=False):
    """One difference between the journal and the broker.

    name      kind of difference, as `engine.execution.reconcile` lists them
    subject   ticket, symbol or account that differs
    journal, broker   the two views, for people
    """

    name: str
    subject: str
    journal: str
    broker: str
