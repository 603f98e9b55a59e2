"""Every action, sent to the simulated terminal by the real adapter: afterwards journal and broker
agree on positions, orders and money."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from engine.broker.prices import Market
from engine.broker.sending import no_reply
from engine.execution import changes, reactors
from engine.execution.changes import Terms
from engine.execution.closing import close, close_by
from engine.execution.intents import Draft, Keys
from engine.strategies.base import Proposal
from engine.terminal.faults import FaultPlan, TicketChange, When
from journal.envelope import Event
from journal.events import (
    BrokerReplied,
    CancelRequested,
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    DealRecorded,
    FlattenRequested,
    OrderFinished,
    OrderIntended,
    OrderRefused,
    OrderVetoed,
)
from projections.orders import Order, pendings
from projections.positions import Position
from projections.state import State
from tests.engine.desk import SYMBOL, Desk

HEDGING, NETTING = "ecn-hedging", "exchange-netting"


@pytest.fixture(params=[HEDGING, NETTING])
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


def market(desk: Desk) -> Market:
    tick = desk.module.symbol_info_tick(SYMBOL)
    return Market(tick.bid, tick.ask)


def closing(desk: Desk, volume: float = 0.0) -> list[Any]:
    return desk.wish(lambda state, event, keys: [close(keys, desk.position, volume, "test")])


def test_a_position_is_opened_and_closed(desk: Desk) -> None:
    position = desk.open("buy")
    desk.check()
    assert (position.strategy, position.side) == ("mute", 1)
    closing(desk)
    desk.check()
    assert desk.state.positions.open == {}
    done = desk.state.orders.done[-1]
    assert (done.status, done.action, done.filled) == ("filled", "close", position.volume)


def test_a_part_is_closed_and_the_rest_stays_with_its_levels_and_its_ticket(desk: Desk) -> None:
    position = desk.open("sell")
    before = (position.identifier, position.ticket, position.sl, position.tp, position.volume)
    closing(desk, volume=round(position.volume * 0.4, 2))
    desk.check()
    after = desk.position
    assert (after.identifier, after.ticket, after.sl, after.tp) == before[:4]
    assert 0.0 < after.volume < before[4]


def test_a_close_that_comes_too_late_is_refused_by_proof_before_it_is_sent(desk: Desk) -> None:
    position = desk.open("buy")
    by_hand(desk, position)
    [refused] = [d for d in closing(desk) if isinstance(d, OrderRefused)]
    assert "not open any more" in refused.reason
    assert desk.state.positions.open == {}  # the deal that closed it was read
    desk.check()


def by_hand(desk: Desk, position: Position, volume: float = 0.0) -> None:
    """Somebody trades against a position in the terminal itself."""
    tick = desk.module.symbol_info_tick(SYMBOL)
    result = desk.module.order_send(
        {
            "action": 1,
            "symbol": SYMBOL,
            "volume": volume or position.volume,
            "price": tick.bid if position.side > 0 else tick.ask,
            "type": 1 if position.side > 0 else 0,
            "position": position.ticket,
            "type_filling": 0,
            "comment": "by hand",
        }
    )
    assert result.retcode == 10009, result


def test_a_close_of_more_than_is_left_is_refused_and_says_how_much_there_is(desk: Desk) -> None:
    position = desk.open("buy")
    by_hand(desk, position, volume=desk.module.symbol_info(SYMBOL).volume_min)
    [refused] = [d for d in closing(desk) if isinstance(d, OrderRefused)]
    assert f"{position.volume:g} lots" in refused.reason
    desk.check()
    closing(desk)
    desk.check()
    assert desk.state.positions.open == {}


def test_levels_are_changed_and_known_at_once(desk: Desk) -> None:
    position = desk.open("buy")
    sl, tp = round(position.sl + 0.001, 5), round(position.tp + 0.002, 5)
    desk.wish(lambda *now: [levels(desk, *now, sl=sl, tp=tp)])
    desk.check()
    assert (desk.position.sl, desk.position.tp) == (sl, tp)
    assert len(desk.recorded(ChangeApplied)) == 1


def levels(
    desk: Desk, state: State, event: Event[Any], keys: Keys, *, sl: float, tp: float
) -> Draft | None:
    return changes.change_levels(
        state, event, keys, desk.position, sl=sl, tp=tp, market=market(desk), reason="test"
    )


def test_a_level_is_removed_by_nought(desk: Desk) -> None:
    position = desk.open("sell")
    desk.wish(lambda *now: [levels(desk, *now, sl=position.sl, tp=0.0)])
    desk.check()
    assert desk.position.tp == 0.0


def test_levels_of_a_position_that_is_gone_are_refused_by_proof(desk: Desk) -> None:
    position = desk.open("buy")
    by_hand(desk, position)
    decided = desk.wish(lambda *now: [levels(desk, *now, sl=position.sl + 0.001, tp=0.0)])
    [refused] = [d for d in decided if isinstance(d, ChangeRefused)]
    assert "not open any more" in refused.reason


KINDS = ["limit", "stop", "stop limit"]


def laid(
    desk: Desk, kind: str, side: str = "buy", *, away: float = 0.002, lifetime_s: int = 0
) -> list[Any]:
    """Lay a pending order `away` from the market."""
    now = market(desk)
    sign = 1 if side == "buy" else -1
    ahead = -sign if kind == "limit" else sign
    price = (now.ask if sign > 0 else now.bid) + ahead * away
    return desk.propose(
        Proposal(
            side=side,  # type: ignore[arg-type] # one of two
            stop_distance=0.004,
            target_distance=0.008,
            reason="test",
            type=kind,  # type: ignore[arg-type] # one of four
            price=price,
            limit=price - sign * 0.0005 if kind == "stop limit" else 0.0,
            lifetime_s=lifetime_s,
        )
    )


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pending_order_works_at_its_price_with_its_levels(
    desk: Desk, kind: str, side: str
) -> None:
    laid(desk, kind, side, lifetime_s=3600)
    desk.check()
    [order] = desk.module.orders_get()
    intent = desk.recorded(OrderIntended)[-1]
    assert (order.comment, order.magic) == (intent.key, 71)
    assert order.time_expiration == intent.expiration > 0
    assert desk.pending.status == "working"


@pytest.mark.parametrize("kind", KINDS)
def test_a_pending_order_is_moved_and_cancelled(desk: Desk, kind: str) -> None:
    laid(desk, kind)
    order = desk.pending
    terms = Terms(
        order.price + (0.001 if kind != "limit" else -0.001),
        order.limit and order.limit + 0.001,
        order.sl,
        0.0,
        order.server_msc // 1000 + 7200,
    )
    desk.wish(
        lambda state, event, keys: [
            changes.modify(state, event, keys, order, terms, market=market(desk), reason="test")
        ]
    )
    desk.check()
    assert desk.pending.tp == 0.0
    assert desk.pending.expiration == terms.expiration
    cancelled(desk, order)
    desk.pass_by(6)
    desk.check()
    assert desk.state.orders.done[-1].status == "cancelled"
    assert len(desk.recorded(ChangeApplied)) == 2


def cancelled(desk: Desk, order: Order) -> None:
    desk.wish(lambda state, event, keys: [changes.cancel(state, event, keys, order, "test")])


def test_an_order_that_nobody_fills_expires(desk: Desk) -> None:
    laid(desk, "limit", away=0.02, lifetime_s=600)
    desk.pass_by(60)
    desk.check()
    assert desk.state.orders.done[-1].status == "expired"
    assert desk.state.orders.expired == 1
    assert [done.state for done in desk.recorded(OrderFinished)] == [6]


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_that_the_market_reaches_opens_a_position_with_its_levels(
    desk: Desk, kind: str
) -> None:
    for side in ("buy", "sell"):
        laid(desk, kind, side, away=0.0001)
        for _ in range(200):
            desk.pass_by(4)
            if desk.state.orders.fills:
                break
            if not pendings(desk.state.orders):
                break
        if desk.state.orders.fills:
            break
        for order in pendings(desk.state.orders):
            cancelled(desk, order)
        desk.pass_by(4)
    done = next(o for o in desk.state.orders.done if o.filled)
    assert (done.status, done.type) == ("filled", kind)
    assert done.filled_ns > done.replied_ns
    if kind == "limit":
        assert done.slipped <= 1e-9
    desk.check()


def test_two_positions_are_closed_by_each_other() -> None:
    desk = Desk(HEDGING)
    long = desk.open("buy", 0.005)
    short = opposite(desk)
    least = min(long.volume, short.volume)
    left = abs(long.volume - short.volume)
    decided = desk.wish(lambda state, event, keys: [close_by(keys, long, short, "test")])
    assert not [d for d in decided if isinstance(d, OrderVetoed | OrderRefused)]
    desk.check()
    done = desk.state.orders.done[-1]
    assert (done.action, done.status) == ("close by", "filled")
    assert done.filled == least
    assert desk.position.volume == pytest.approx(left)


def opposite(desk: Desk) -> Position:
    """Let the other side be opened as well, of another size: by hand, with the strategy's magic and
    no key."""
    tick = desk.module.symbol_info_tick(SYMBOL)
    result = desk.module.order_send(
        {
            "action": 1,
            "symbol": SYMBOL,
            "volume": 0.3,
            "price": tick.bid,
            "type": 1,
            "magic": 71,
            "type_filling": 0,
        }
    )
    assert result.retcode == 10009, result
    desk.wish(lambda *_: ())
    return desk.state.positions.open[result.order]


def test_a_netting_position_is_turned_round_and_keeps_its_identifier() -> None:
    desk = Desk(NETTING)
    position = desk.open("buy")
    identifier, volume = position.identifier, position.volume
    tick = desk.module.symbol_info_tick(SYMBOL)
    result = desk.module.order_send(
        {
            "action": 1,
            "symbol": SYMBOL,
            "volume": round(2 * volume, 2),
            "price": tick.bid,
            "type": 1,
            "type_filling": 0,
        }
    )
    assert result.retcode in (10008, 10009), result
    desk.pass_by(1)
    desk.wish(lambda *_: ())
    turned = desk.position
    assert (turned.identifier, turned.side) == (identifier, -1)
    assert turned.ticket == result.order != identifier
    assert turned.strategy == ""  # another's order turned it


def test_flatten_closes_and_cancels_what_is_ours_and_nothing_else() -> None:
    desk = Desk(HEDGING)
    desk.open("buy")
    foreign = opposite(desk)
    desk.wish(lambda *_: ())
    command(desk, FlattenRequested("anna", "going to bed", "", ""))
    assert list(desk.state.positions.open) == [foreign.identifier]


def command(desk: Desk, data: Any) -> None:
    def asked(state: State, event: Event[Any], keys: Keys) -> Iterable[Draft]:
        del state, event, keys
        return ()

    desk.wish(asked)
    desk.engine._recorder.record(data)
    desk.wish(asked)
    desk.pass_by(8)


def test_flatten_asks_again_until_the_market_is_open_and_cancels_pending_orders(
    desk: Desk,
) -> None:
    laid(desk, "limit", away=0.01)
    command(desk, CancelRequested("anna", "not wanted", "", SYMBOL, ""))
    assert pendings(desk.state.orders) == []
    assert desk.state.orders.done[-1].status == "cancelled"
    wish = desk.recorded(ChangeIntended)[-1]
    assert wish.action == "cancel"
    assert "anna: not wanted" in wish.reason


def test_nothing_of_all_this_was_sent_twice(desk: Desk) -> None:
    desk.open("buy")
    closing(desk)
    laid(desk, "stop")
    replies = [reply.key for reply in desk.recorded(BrokerReplied)]
    assert len(replies) == len(set(replies)) == 3


def test_what_was_decided_before_its_symbol_came_in_doubt_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(HEDGING)
    desk.open("buy")
    submitted: list[str] = []

    async def lost(intent: OrderIntended) -> BrokerReplied:
        submitted.append(intent.key)
        return no_reply(intent.key, -10002, "IPC recv failed")

    async def changed(wish: ChangeIntended) -> BrokerReplied:
        raise AssertionError(f"{wish.key} was sent")

    async def in_vain(order: Order) -> None:
        """Search, and settle nothing: two orders look like it."""

    monkeypatch.setattr(desk.gateway, "submit", lost)
    monkeypatch.setattr(desk.gateway, "change", changed)
    monkeypatch.setattr(desk.engine._effects, "search", in_vain)
    held = desk.position

    def wishes(state: State, event: Event[Any], keys: Keys) -> Iterable[Draft | None]:
        other = Proposal("buy", 0.005, 0.01, "test")
        strategy = msgspec.structs.replace(desk.config.strategies[0], name="other", magic=72)
        return [
            reactors.propose(keys, strategy, other),
            levels(desk, state, event, keys, sl=round(held.sl + 0.001, 5), tp=held.tp),
        ]

    decided = desk.wish(wishes)
    [refused] = [d for d in decided if isinstance(d, ChangeRefused)]
    assert "is not known yet" in refused.reason
    assert len(submitted) == 1


def test_what_the_market_has_not_got_is_not_waited_for() -> None:
    """Under "immediate or cancel" the rest of a market order is cancelled (facts 3.2)."""
    desk = Desk(HEDGING, available=0.2)
    desk.propose(Proposal("buy", 0.001, 0.01, "test"))
    desk.pass_by(2)
    done = desk.state.orders.done[-1]
    assert done.volume > 0.2
    assert (done.status, done.filled, done.note) == ("filled", 0.2, f"of {done.volume:g} lots")
    assert desk.position.volume == 0.2
    desk.check()


def test_a_pending_order_is_filled_in_parts_at_the_average_of_its_deals() -> None:
    desk = Desk(HEDGING, available=0.1)
    laid(desk, "stop", away=0.0001)
    while desk.state.orders.open:
        desk.pass_by(1)
        desk.wish(lambda *_: ())
        desk.check()
    deals = desk.recorded(DealRecorded)[1:]
    done = desk.state.orders.done[-1]
    assert len(deals) > 1
    assert done.filled == pytest.approx(sum(deal.volume for deal in deals)) == done.volume
    money = sum(deal.volume * deal.price for deal in deals)
    assert done.average == pytest.approx(money / done.volume)
    assert desk.position.price == pytest.approx(done.average)
    assert desk.state.orders.fills == len(deals)


def test_a_position_is_traded_by_the_ticket_that_it_has_by_now(desk: Desk) -> None:
    position = desk.open("buy")
    identifier = position.identifier
    reopen = TicketChange(when=When(call="symbol_info_tick", number=1))
    desk.terminal.inject(FaultPlan(faults=(reopen,)))
    sl = round(position.sl + 0.0002, 5)
    desk.wish(lambda *now: [levels(desk, *now, sl=sl, tp=position.tp)])
    assert [p.identifier for p in desk.module.positions_get()] == [identifier]
    assert desk.position.ticket == desk.module.positions_get()[0].ticket != identifier
    desk.check()
    assert desk.position.sl == sl
    closing(desk)
    desk.check()
    assert desk.state.positions.open == {}
