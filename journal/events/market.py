"""What the market showed: bars, quotes, the broker's clock."""

from __future__ import annotations

from journal.events.base import Input


class BarClosed(Input, frozen=True, gc=False):
    """A bar is complete. Prices are Bid prices, as MT5 builds its bars.

    time         server seconds of the bar's opening (the broker's wall clock written as epoch
                 seconds)
    spread       points
    tick_volume  number of price changes
    real_volume  exchange volume, 0 where the broker has none
    """

    symbol: str
    timeframe: str
    time: int
    open: float
    high: float
    low: float
    close: float
    tick_volume: int
    spread: int
    real_volume: int


class QuoteObserved(Input, frozen=True, gc=False):
    """The market at the moment a proposal was weighed, and what the broker says a trade would bind.

    time_msc        server milliseconds of the tick
    tick_value      account currency that one lot loses per tick of an adverse move
                    (`trade_tick_value_loss`)
    margin_per_lot  account currency that one lot binds, by the broker's own `order_calc_margin`; 0
                    when unknown
    margin_free     account currency free for new positions
    """

    symbol: str
    time_msc: int
    bid: float
    ask: float
    tick_value: float
    margin_per_lot: float
    margin_free: float


class PriceSeen(Input, frozen=True, gc=False):
    """The market between two bars, recorded only while something that protects a position waits for
    it; of many ticks the newest.

    time_msc  server milliseconds of the tick
    """

    symbol: str
    time_msc: int
    bid: float
    ask: float


class QuoteUnavailable(Input, frozen=True, gc=False):
    """A proposal could not be weighed: the terminal gave no quote."""

    symbol: str
    reason: str


class ClockOffsetMeasured(Input, frozen=True, gc=False):
    """How far the broker's wall clock is ahead of UTC.

    offset_s    seconds; server time minus UTC
    rule        name of the zone rule that the offset follows
    server_msc  server milliseconds at which it was measured
    symbols     how many symbols' fresh ticks showed it; 0 when none did, and the rule was believed
    agrees      whether it is what the rule says
    """

    offset_s: int
    rule: str
    server_msc: int
    symbols: int = 0
    agrees: bool = True


class FeedCaughtUp(Input, frozen=True, gc=False):
    """Everything missed has been recorded; from here on bars are news and may be traded on.

    bars  how many bars were caught up
    """

    bars: int
