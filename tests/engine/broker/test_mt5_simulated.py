"""The same adapter over the simulated terminal's module: it journals what the module shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
import pytest

from engine.broker.calls import InProcess
from engine.broker.gateway import CallFailed
from engine.broker.mt5 import Mt5Gateway
from engine.broker.server_time import ServerTime
from engine.config import Account
from engine.execution.outcome import Verdict, classify
from engine.feeds.bars import read_rates
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from journal.events import BarClosed, BrokerReplied, OrderIntended
from tests.given import KEY, MAGIC, SYMBOL, a
from tests.session import BARS

R = TypeVar("R")
HISTORY = 200


class Connected:
    """A terminal with some real bars behind it, its module, and an adapter over that."""

    def __init__(self, book: Path | None = None) -> None:
        self.rates = read_rates(BARS)[:400]
        market = BarMarket({SYMBOL: self.rates}, model="ohlc", start=HISTORY)
        self.terminal = Terminal(load_profile("ecn-hedging"), market, book=book)
        self.module: Any = self.terminal.module()
        account = self.terminal.profile.account
        self.gateway = Mt5Gateway(
            InProcess(self.module), Account(login=account.login, server=account.server)
        )
        self.ask(lambda g: g.connect([SYMBOL]))
        self.ask(lambda g: g.specify(SYMBOL))

    def ask(self, question: Callable[[Mt5Gateway], Awaitable[R]]) -> R:
        async def run() -> R:
            return await question(self.gateway)

        return anyio.run(run)

    def bars_after(self, time: int) -> list[BarClosed]:
        return self.ask(lambda g: g.bars(SYMBOL, "M1", time))

    def advance(self, steps: int) -> None:
        for _ in range(steps):
            assert self.terminal.advance()

    def trade(self, side: str = "buy", **changes: Any) -> tuple[OrderIntended, BrokerReplied]:
        """Send one intent with levels around the market."""
        quote = self.ask(lambda g: g.quote(SYMBOL, side))
        sign = 1 if side == "buy" else -1
        price = quote.ask if sign > 0 else quote.bid
        fields: dict[str, Any] = {
            "side": side,
            "volume": 0.3,
            "price": price,
            "sl": round(price - sign * 0.005, 5),
            "tp": round(price + sign * 0.01, 5),
            "server_msc": quote.time_msc,
        }
        intent = a(OrderIntended, **{**fields, **changes})
        return intent, self.ask(lambda g: g.submit(intent))


@pytest.fixture
def broker() -> Connected:
    return Connected()


def test_bars_are_those_of_the_file_once_each_and_the_unfinished_one_never(
    broker: Connected,
) -> None:
    seen = [int(broker.rates["time"][HISTORY - 1])]
    while broker.terminal.advance():
        new = broker.bars_after(seen[-1])
        now = broker.terminal.server_time_msc // 1000
        assert all(bar.time + 60 <= now for bar in new)
        seen += [bar.time for bar in new]
    assert seen == broker.rates["time"][HISTORY - 1 : -1].tolist()


def test_an_accepted_order_shows_in_every_list_with_its_key_and_its_magic(
    broker: Connected,
) -> None:
    broker.advance(5)
    intent, reply = broker.trade()
    assert classify(reply).verdict is Verdict.ACCEPTED
    broker.advance(1)
    since = intent.server_msc
    [order] = broker.ask(lambda g: g.orders(since))
    assert (order.ticket, order.magic, order.comment) == (reply.order, MAGIC, KEY)
    assert order.volume == 0.3
    deals = broker.ask(lambda g: g.deals(since))
    fill = next(deal for deal in deals if deal.order == reply.order)
    assert (fill.magic, fill.comment, fill.symbol) == (MAGIC, KEY, SYMBOL)
    [position] = broker.ask(lambda g: g.snapshot()).positions
    assert (position.identifier, position.comment) == (reply.order, KEY)
    assert (position.sl, position.tp) == (intent.sl, intent.tp)


def test_what_is_journalled_of_deals_is_the_modules_record(broker: Connected) -> None:
    broker.advance(5)
    broker.trade("sell")
    broker.advance(1)
    found = [msgspec.structs.asdict(deal) for deal in broker.ask(lambda g: g.deals(0))]
    records = broker.module.history_deals_get(1, 2**31 - 1)
    assert found == [record._asdict() for record in records]
    assert len(found) == 2  # the deposit and the fill


def test_the_snapshot_agrees_with_the_deals_to_the_cent(broker: Connected) -> None:
    broker.advance(5)
    for side in ("buy", "sell"):
        broker.trade(side)
        broker.advance(3)
    deals = broker.ask(lambda g: g.deals(0))
    balance = sum(d.profit + d.commission + d.swap + d.fee for d in deals)
    assert broker.ask(lambda g: g.snapshot()).balance == pytest.approx(balance, abs=0.005)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"volume": 0.001}, (0, -2)),  # never leaves the adapter
        ({"volume": 1000.0}, (0, -2)),
        ({"sl": 9.0}, (10016, 1)),
        ({"volume": 99.0}, (10019, 1)),
    ],
)
def test_a_refusal_is_proof_and_leaves_no_trace(
    broker: Connected, changes: dict[str, float], code: tuple[int, int]
) -> None:
    broker.advance(5)
    _, reply = broker.trade("buy", **changes)
    assert (reply.retcode, reply.error) == code
    assert classify(reply).verdict is Verdict.REFUSED
    broker.advance(3)
    assert broker.ask(lambda g: g.snapshot()).positions == []
    assert len(broker.ask(lambda g: g.deals(0))) == 1  # the deposit


def test_an_unknown_symbol_is_refused_at_the_connection(broker: Connected) -> None:
    with pytest.raises(CallFailed, match="symbol_select"):
        broker.ask(lambda g: g.connect(["NOSUCH"]))


def test_stamps_are_server_time_two_or_three_hours_ahead_of_utc(broker: Connected) -> None:
    broker.advance(1)
    server = broker.ask(lambda g: g.server_msc())
    assert server == broker.terminal.server_time_msc
    assert ServerTime("new-york+7").utc_ns(server) == (server - 3 * 3_600_000) * 1_000_000


def test_the_broker_remembers_what_a_new_terminal_and_a_new_adapter_then_find(
    tmp_path: Path,
) -> None:
    before = Connected(tmp_path / "book")
    before.advance(3)
    before.trade()
    before.advance(1)
    known = before.ask(lambda g: g.deals(0))
    before.terminal.close()
    after = Connected(tmp_path / "book")
    assert after.ask(lambda g: g.deals(0)) == known
    assert len(known) == 2
    after.terminal.close()
