"""What a case works with: calls that are recorded, expectations, and small orders that are cleaned
up afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from engine.broker import requests
from engine.broker.calls import Answer, CallRaised, RawCalls
from engine.broker.mt5 import Mt5Gateway
from engine.broker.prices import round_to_tick
from engine.broker.records import position_seen
from engine.broker.requests import OrderType, Pending
from engine.config import Account
from journal.errors import BrokerError
from journal.events import OrderIntended, PositionSeen, SymbolSpecified

MAGIC = 771_000
"""Marks what the suite itself has sent, so that it touches nothing else."""
POLLS = 20
"""Looks at a list before something missing counts as missing: lists lag."""
POLL_S = 0.25
ROWS = 3
"""Rows of an array that are kept, from its beginning and from its end."""
LIST = 20
"""Records of a list that are kept."""
PRIVATE = {
    "AccountInfo": ("name",),
    "TerminalInfo": ("path", "data_path", "commondata_path"),
}
"""Fields that are not kept: who the account's owner is, and where on which computer."""
DONE = (10008, 10009, 10010)
"""Return codes of an order that was accepted."""


class Nonconforming(BrokerError):
    """What was found contradicts the case."""


class NotHere(BrokerError):
    """The case needs something that this account or symbol does not have."""


class Raised(msgspec.Struct, frozen=True, tag=True):
    """An exception of the module, as a result."""

    kind: str
    text: str


class Recorded(msgspec.Struct, frozen=True):
    """One call and its answer; records are maps, arrays their size and some of their rows."""

    function: str
    args: list[Any]
    kwargs: dict[str, Any]
    result: Any
    code: int
    text: str


class Session:
    """Calls for the cases, one symbol and one account.

    wait  lets a moment of the broker's time pass
    """

    def __init__(
        self,
        calls: RawCalls,
        symbol: str,
        account: Account,
        wait: Callable[[float], Awaitable[object]],
        initialize: dict[str, Any],
    ) -> None:
        self.symbol, self.account, self.initialize = symbol, account, initialize
        self.recorded: list[Recorded] = []
        self._calls, self._wait = calls, wait
        self._gateway = Mt5Gateway(calls, account, initialize)

    async def ask(self, function: str, *args: Any, **kwargs: Any) -> Answer:
        """Call, keep the answer, and return it; an exception comes as `Raised`."""
        try:
            answer = await self._calls.ask(function, *args, **kwargs)
        except CallRaised as error:
            kind, text = error.kind, error.text.removeprefix(f"{error.kind}: ")
            answer = Answer(Raised(kind, text), error.code, "")
        self.recorded.append(
            Recorded(function, list(args), kwargs, plain(answer.value), answer.code, answer.text)
        )
        return answer

    async def get(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call something that has to succeed. Raises Nonconforming when it does not."""
        answer = await self.ask(function, *args, **kwargs)
        if answer.value is None or answer.value is False or isinstance(answer.value, Raised):
            raise Nonconforming(f"{function} gave {answer.value} ({answer.code}, {answer.text})")
        return answer.value

    def expect(self, holds: bool, said: str) -> None:
        """Raise Nonconforming with what should have been, unless it is."""
        if not holds:
            raise Nonconforming(said)

    async def refuses(self, expected: tuple[int, str], function: str, *args: Any) -> None:
        """Expect nothing, and this last error."""
        answer = await self.ask(function, *args)
        found = (answer.code, answer.text)
        nothing = answer.value is None or answer.value is False
        self.expect(
            nothing and found == expected,
            f"{function} gave {answer.value} and {found}; expected nothing and {expected}",
        )

    async def eventually(self, said: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """Look until something is seen, as every list lags. Raises Nonconforming."""
        for poll in range(POLLS):
            if poll:
                await self._wait(POLL_S)
            found = await look()
            if found:
                return found
        raise Nonconforming(f"not seen after {POLLS} looks: {said}")

    # --- the symbol

    async def spec(self) -> SymbolSpecified:
        """Return the symbol's constraints."""
        return await self._gateway.specify(self.symbol)

    async def tick(self) -> Any:
        """Return the current tick."""
        return await self.get("symbol_info_tick", self.symbol)

    async def far(self, sign: int, share: float = 0.02) -> float:
        """Return a price so far above (+1) or below (-1) the market that nothing triggers there."""
        tick, spec = await self.tick(), await self.spec()
        return round_to_tick(tick.bid * (1.0 + sign * share), spec)

    async def margin_mode(self) -> int:
        """Return the account's margin mode."""
        mode: int = (await self.get("account_info")).margin_mode
        return mode

    # --- orders

    async def send(self, request: dict[str, Any]) -> Any:
        """Send a request and return the module's record of the result."""
        return await self.get("order_send", request)

    async def done(self, request: dict[str, Any]) -> Any:
        """Send a request that has to be accepted."""
        result = await self.send(request)
        self.expect(
            result.retcode in DONE,
            f"order_send answered {result.retcode} {result.comment!r}; expected one of {DONE}",
        )
        return result

    async def market(
        self, side: str, volume: float, *, sl: float = 0.0, tp: float = 0.0, key: str = "CONF"
    ) -> dict[str, Any]:
        """Return the adapter's own request for a market order."""
        tick, spec = await self.tick(), await self.spec()
        intent = OrderIntended(
            key=key,
            strategy="conformance",
            magic=MAGIC,
            symbol=self.symbol,
            side=side,
            volume=volume,
            price=tick.ask if side == "buy" else tick.bid,
            sl=sl,
            tp=tp,
            deviation=100,
            risk=0.0,
            login=self.account.login,
            server=self.account.server,
            server_msc=tick.time_msc,
        )
        return requests.market_order(intent, spec, tick.bid, tick.ask)

    async def open(self, side: str, steps: int = 1, key: str = "CONF") -> PositionSeen:
        """Open a position of the smallest volume and so many steps, and return it."""
        spec = await self.spec()
        before = {position.identifier for position in await self.positions()}
        volume = spec.volume_min + (steps - 1) * spec.volume_step
        await self.done(await self.market(side, volume, key=key))

        async def look() -> PositionSeen | None:
            for position in await self.positions():
                if position.identifier not in before:
                    return position
            return None

        position: PositionSeen = await self.eventually("the opened position", look)
        return position

    async def close(self, position: PositionSeen, volume: float = 0.0, key: str = "CONF") -> Any:
        """Close a position, or a part of it, at the market."""
        tick, spec = await self.tick(), await self.spec()
        request = requests.close_position(
            position, volume or position.volume, spec, tick, key=key, deviation=100
        )
        return await self.done(request)

    async def place(self, pending: Pending, key: str = "CONF") -> int:
        """Place a pending order and return its ticket once it is listed."""
        request = requests.pending_order(pending, await self.spec(), magic=MAGIC, key=key)
        ticket: int = (await self.done(request)).order

        async def look() -> Any:
            return (await self.get("orders_get", ticket=ticket)) or None

        await self.eventually("the placed order", look)
        return ticket

    async def pending(self, kind: OrderType, **changes: Any) -> Pending:
        """Return a pending order of the smallest volume, far from the market."""
        below = kind in (OrderType.BUY_LIMIT, OrderType.SELL_STOP, OrderType.SELL_STOP_LIMIT)
        spec = await self.spec()
        price = await self.far(-1 if below else 1)
        limit = 0.0
        if kind is OrderType.BUY_STOP_LIMIT:
            limit = await self.far(1, 0.01)
        elif kind is OrderType.SELL_STOP_LIMIT:
            limit = await self.far(-1, 0.01)
        made = Pending(type=kind, volume=spec.volume_min, price=price, stoplimit=limit)
        return msgspec.structs.replace(made, **changes)

    async def positions(self) -> list[PositionSeen]:
        """Return the suite's own positions of the symbol."""
        records = await self.get("positions_get", symbol=self.symbol)
        return [position_seen(record) for record in records if record.magic == MAGIC]

    async def deals_of(self, position: int) -> tuple[Any, ...]:
        """Return a position's deals."""
        deals: tuple[Any, ...] = await self.get("history_deals_get", position=position)
        return deals

    async def tidy(self) -> None:
        """Close and cancel everything that the suite has sent."""
        for order in await self.get("orders_get", symbol=self.symbol):
            if order.magic == MAGIC:
                await self.ask("order_send", requests.remove_pending(order.ticket))
        for position in await self.positions():
            await self.close(position)

        async def gone() -> bool:
            return not await self.positions()

        await self.eventually("the end of the suite's positions", gone)


def plain(value: Any) -> Any:
    """Return a result as values that JSON can hold, without what tells a person."""
    if hasattr(value, "dtype"):
        rows = value.tolist()
        return {
            "dtype": [list(field) for field in value.dtype.descr],
            "rows": len(rows),
            "first": rows[:ROWS],
            "last": rows[-ROWS:],
        }
    if hasattr(value, "_asdict"):
        private = PRIVATE.get(type(value).__name__, ())
        return {
            name: "" if name in private else plain(inner) for name, inner in value._asdict().items()
        }
    if isinstance(value, tuple):
        return [plain(inner) for inner in value[:LIST]]
    return value
