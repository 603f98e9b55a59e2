"""Whose a position is, by the broker's own book: what the simulation holds the engine against."""

from __future__ import annotations

import pytest

from tests.simulation.plans import quiet
from tools.simulation.broker import SYMBOL, Broker, Sending
from tools.simulation.plan import BrokerKind

BUY, SELL = 0, 1


def desk(kind: BrokerKind) -> Broker:
    return Broker(quiet(kind))


def robot(broker: Broker, side: int, volume: float) -> None:
    assert broker._deal(SYMBOL, side, volume, magic=4711)


def ours(broker: Broker, side: int, volume: float) -> None:
    first = broker.book.next_ticket
    assert broker._deal(SYMBOL, side, volume, magic=71)
    broker.sendings.append(Sending(f"KEY{first}", opens=True, ticket=first))


def test_what_a_stranger_opened_is_his_until_an_order_of_ours_adds_to_it() -> None:
    broker = desk("netting")
    robot(broker, SELL, 0.5)
    [held] = broker.book.positions
    assert broker.strangers() == [held]
    ours(broker, BUY, 0.2)
    assert broker.strangers() == [held], "what made it smaller has brought nothing"
    ours(broker, SELL, 0.1)
    assert broker.strangers() == []
    robot(broker, SELL, 0.3)
    assert broker.strangers() == []


@pytest.mark.parametrize("adds", [False, True])
def test_a_position_is_whose_order_turned_it(*, adds: bool) -> None:
    broker = desk("netting")
    ours(broker, BUY, 0.2)
    robot(broker, SELL, 0.5)
    [held] = broker.book.positions.values()
    assert broker.strangers() == [held.identifier]
    if adds:
        robot(broker, SELL, 0.5)
        assert broker.strangers() == [held.identifier]
    ours(broker, BUY, 2.0)
    assert broker.strangers() == []


def test_on_a_hedging_account_no_order_of_ours_makes_a_strangers_position_ours() -> None:
    broker = desk("market")
    robot(broker, SELL, 0.5)
    [theirs] = broker.book.positions
    ours(broker, SELL, 0.5)
    ours(broker, BUY, 0.5)
    assert broker.strangers() == [theirs]
