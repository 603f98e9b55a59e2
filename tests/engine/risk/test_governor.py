"""A proposal and a quote become an intent of the right size, or a veto with rule and figures."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from engine.risk.governor import unaffordable
from journal.events import (
    DealRecorded,
    FeedCaughtUp,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    QuoteObserved,
    QuoteUnavailable,
    SymbolSpecified,
    TerminalConnected,
    TradingHalted,
)
from tests.given import (
    CONFIG,
    KEY,
    MAGIC,
    OTHER_KEY,
    RISING,
    SERVER,
    SYMBOL,
    Story,
    a,
    deposit,
    manifest,
    ready,
    vetoes,
)


def proposed(**changes: Any) -> Story:
    return ready().given(a(OrderProposed, **changes))


def test_a_quote_turns_a_proposal_into_an_intent_of_which_everything_is_recognisable_later() -> (
    None
):
    quote = a(QuoteObserved, bid=1.05, ask=1.0501, tick_value=1.0, margin_per_lot=1000.0)
    [intended] = proposed(stop_distance=0.001, target_distance=0.002).when(quote, corr=KEY)
    # 1 % of 10,000 is 100; the stop is 100 ticks away, 1 each per lot: 1 lot.
    assert intended == OrderIntended(
        key=KEY,
        strategy="baseline",
        magic=MAGIC,
        symbol=SYMBOL,
        side="buy",
        volume=1.0,
        price=1.0501,
        sl=1.0491,
        tp=1.0521,
        deviation=CONFIG.broker.deviation,
        risk=100.0,
        login=CONFIG.broker.account.login,
        server=SERVER,
        server_msc=quote.time_msc,
    )


def test_a_sell_is_priced_at_bid_with_its_levels_mirrored() -> None:
    [intended] = proposed(side="sell").when(a(QuoteObserved, bid=1.05, ask=1.0501), corr=KEY)
    assert isinstance(intended, OrderIntended)
    assert (intended.side, intended.price, intended.sl, intended.tp) == ("sell", 1.05, 1.051, 1.048)


def test_the_margin_bound_limits_the_volume() -> None:
    quote = a(QuoteObserved, margin_per_lot=1000.0, margin_free=300.0)
    [intended] = proposed().when(quote, corr=KEY)
    assert isinstance(intended, OrderIntended)
    assert intended.volume == 0.15  # half of 300 binds 0.15 lots at 1,000 each
    assert intended.risk == 15.0


@pytest.mark.parametrize(
    ("proposal", "quote", "rule", "figures"),
    [
        ({"stop_distance": 0.00005}, {}, "stops", ["stop 1.05005", "Bid 1.05", "at least 1"]),
        ({"side": "sell", "stop_distance": 0.00005}, {}, "stops", ["stop 1.05005", "Ask 1.0501"]),
        ({"target_distance": 0.0}, {"ask": 1.05}, "stops", ["target 1.05", "at least 1"]),
        ({"stop_distance": 0.9}, {}, "size", ["0.0011 lots", "minimum is 0.01"]),
        ({}, {"tick_value": 0.0}, "size", ["budget 100.00", "loss per lot 0.00"]),
        ({}, {"margin_free": -5.0}, "size", ["0.0000 lots"]),
    ],
    ids=["buy stop", "sell stop", "target", "too small", "worthless tick", "no margin"],
)
def test_what_cannot_be_sent_is_vetoed_with_its_figures(
    proposal: dict[str, Any], quote: dict[str, Any], rule: str, figures: list[str]
) -> None:
    found = vetoes(proposed(**proposal).when(a(QuoteObserved, **quote), corr=KEY))
    assert [name for name, _ in found] == [rule]
    for figure in figures:
        assert figure in found[0][1]


def test_the_stops_level_of_the_symbol_is_kept() -> None:
    far = a(SymbolSpecified, stops_level=50)
    story = proposed(stop_distance=0.00055).given(far)
    # The stop is 55 points below Ask and so only 45 below Bid, at which it triggers.
    [(rule, reason)] = vetoes(story.when(a(QuoteObserved, bid=1.05, ask=1.0501), corr=KEY))
    assert rule == "stops"
    assert "45 points from Bid" in reason
    assert "at least 50" in reason


def test_an_account_without_equity_risks_nothing() -> None:
    story = Story().given(
        manifest(), a(TerminalConnected), a(SymbolSpecified), a(FeedCaughtUp), a(OrderProposed)
    )
    [(rule, reason)] = vetoes(story.when(a(QuoteObserved), corr=KEY))
    assert rule == "size"
    assert "budget 0.00" in reason


@given(
    stop=st.floats(1e-6, 0.5),
    equity=st.floats(0.01, 20_000.0),
    bid=st.integers(90_000, 130_000),
    spread=st.integers(0, 50),
    side=st.sampled_from(["buy", "sell"]),
)
def test_what_is_refused_as_unaffordable_no_quote_would_let_pass(
    stop: float, equity: float, bid: int, spread: int, side: Literal["buy", "sell"]
) -> None:
    story = Story().given(manifest(), a(TerminalConnected), a(SymbolSpecified), deposit(equity))
    story.given(a(FeedCaughtUp), a(OrderProposed, side=side, stop_distance=stop))
    against = unaffordable(story.state, CONFIG, story.state.orders.open[KEY])
    quote = a(QuoteObserved, bid=bid / 1e5, ask=(bid + spread) / 1e5, margin_per_lot=0.0)

    refused = vetoes(story.when(quote, corr=KEY))

    event(f"unaffordable {against is not None}, refused {bool(refused)}")
    assert refused or against is None


def test_what_not_even_the_least_volume_is_affordable_of_needs_no_quote() -> None:
    story = Story().given(manifest(), a(TerminalConnected), a(SymbolSpecified), deposit(0.5))
    *before, last = RISING
    story.given(a(FeedCaughtUp), *before)

    proposed, vetoed = story.when(last)

    assert isinstance(proposed, OrderProposed)
    [(rule, reason)] = vetoes([vetoed])
    assert rule == "size"
    assert "minimum is 0.01" in reason


def test_a_close_is_never_too_small_even_of_a_symbol_that_nobody_has_described() -> None:
    story = Story().given(manifest(), a(TerminalConnected), a(FeedCaughtUp))
    story.given(a(OrderProposed, symbol="XAUUSD", action="close", position=7))
    assert unaffordable(story.state, CONFIG, story.state.orders.open[KEY]) is None


def test_where_profits_are_converted_only_a_quote_tells_what_a_lot_loses() -> None:
    story = Story().given(manifest(), a(TerminalConnected), deposit(0.5))
    story.given(a(SymbolSpecified, currency_profit="JPY"), a(FeedCaughtUp), a(OrderProposed))
    assert unaffordable(story.state, CONFIG, story.state.orders.open[KEY]) is None


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ([a(TradingHalted)], "halted"),
        ([a(DealRecorded)], "one position"),
        (
            [a(OrderProposed, key=OTHER_KEY, magic=1), a(OrderIntended, key=OTHER_KEY, magic=1)],
            "unresolved",
        ),
    ],
    ids=["halted", "position", "unresolved"],
)
def test_what_arose_between_proposal_and_quote_still_vetoes(given: list[Any], rule: str) -> None:
    story = proposed().given(*given)
    assert [name for name, _ in vetoes(story.when(a(QuoteObserved), corr=KEY))] == [rule]


def test_without_a_quote_the_proposal_is_vetoed_with_the_terminals_words() -> None:
    assert vetoes(proposed().when(a(QuoteUnavailable, reason="no tick (-1)"), corr=KEY)) == [
        ("quote", "no tick (-1)")
    ]


@pytest.mark.parametrize(
    "event", [a(QuoteObserved), a(QuoteUnavailable)], ids=["quote", "no quote"]
)
def test_a_quote_that_nobody_waits_for_leads_to_nothing(event: Any) -> None:
    assert ready().when(event, corr=KEY) == []
    assert proposed().given(a(OrderIntended)).when(event, corr=KEY) == []


# --- pending orders


def laid(**changes: Any) -> Story:
    fields = {"type": "stop", "price": 1.052, "stop_distance": 0.001, "target_distance": 0.002}
    return proposed(**{**fields, **changes})


@pytest.mark.parametrize(
    ("proposal", "expected"),
    [
        ({}, ("stop", 1.052, 0.0, 1.051, 1.054)),
        ({"side": "sell", "price": 1.048}, ("stop", 1.048, 0.0, 1.049, 1.046)),
        ({"type": "limit", "price": 1.048}, ("limit", 1.048, 0.0, 1.047, 1.050)),
        (
            {"type": "stop limit", "limit": 1.0515},
            ("stop limit", 1.052, 1.0515, 1.0505, 1.0535),
        ),
        ({"price": 1.0520049}, ("stop", 1.052, 0.0, 1.051, 1.054)),
    ],
    ids=["buy stop", "sell stop", "buy limit", "stop limit", "off the grid"],
)
def test_a_pending_orders_levels_are_measured_from_where_it_will_fill(
    proposal: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    [intent] = laid(**proposal).when(a(QuoteObserved, bid=1.05, ask=1.0501), corr=KEY)
    assert isinstance(intent, OrderIntended)
    assert (intent.type, intent.price, intent.limit, intent.sl, intent.tp) == expected
    assert intent.expiration == 0


def test_a_pending_orders_size_comes_from_its_own_price_and_stop() -> None:
    [intent] = laid(stop_distance=0.002).when(a(QuoteObserved, margin_per_lot=0.0), corr=KEY)
    assert isinstance(intent, OrderIntended)
    assert intent.volume == 0.5  # 1 % of 10,000 over 200 ticks, 1 each per lot
    assert intent.risk == 100.0


def test_a_lifetime_ends_in_server_seconds_counted_from_the_quote() -> None:
    quote = a(QuoteObserved, time_msc=1_696_204_860_999)
    [intent] = laid(lifetime_s=600).when(quote, corr=KEY)
    assert isinstance(intent, OrderIntended)
    assert intent.expiration == 1_696_204_860 + 600


@pytest.mark.parametrize(
    ("proposal", "figures"),
    [
        ({"price": 1.0501}, ["stop 1.0501", "0 points from Ask 1.0501"]),
        ({"price": 1.049}, ["-110 points from Ask"]),
        ({"side": "sell", "price": 1.051}, ["-100 points from Bid"]),
        ({"type": "limit", "price": 1.051}, ["limit 1.051", "-90 points from Ask"]),
        ({"type": "stop limit", "limit": 1.053}, ["limit 1.053", "-100 points from its stop"]),
        ({"stop_distance": 0.0}, ["stop 1.052", "from its price 1.052"]),
        ({"stop_distance": 2.0}, ["no prices"]),
    ],
)
def test_a_pending_order_on_the_wrong_side_is_vetoed_with_its_figures(
    proposal: dict[str, Any], figures: list[str]
) -> None:
    quote = a(QuoteObserved, bid=1.05, ask=1.0501)
    [(rule, reason)] = vetoes(laid(**proposal).when(quote, corr=KEY))
    assert rule == "stops"
    for figure in figures:
        assert figure in reason


def test_the_stops_level_holds_for_a_pending_orders_price_and_its_levels() -> None:
    quote = a(QuoteObserved, bid=1.05, ask=1.0501)
    near = laid(price=1.0505).given(a(SymbolSpecified, stops_level=50))
    assert "40 points from Ask" in vetoes(near.when(quote, corr=KEY))[0][1]
    tight = laid(stop_distance=0.0004).given(a(SymbolSpecified, stops_level=50))
    assert "40 points from its price" in vetoes(tight.when(quote, corr=KEY))[0][1]


def test_a_working_order_of_the_same_strategy_is_one_order() -> None:
    story = proposed().given(
        a(OrderProposed, key=OTHER_KEY, type="limit"),
        a(OrderIntended, key=OTHER_KEY, type="limit"),
        a(OrderAccepted, key=OTHER_KEY, order=5),
    )
    [(rule, reason)] = vetoes(story.when(a(QuoteObserved), corr=KEY))
    assert rule == "one order"
    assert "working" in reason
