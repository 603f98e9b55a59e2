"""Carries out decisions: the only place from which anything is sent, and only when its intent is
durable.

What to decide is the kernel's alone; each result goes back to it as an input.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.broker.fault import Fault
from engine.broker.gateway import Gateway
from engine.broker.sending import no_reply
from engine.clock import Clock
from engine.config import Config
from engine.execution.closing import unknown
from engine.execution.evidence import gather, inspect
from engine.execution.policy import ready
from engine.execution.settling import forgotten
from engine.reconciler import DAY_MSC, Reconciler
from engine.recorder import Recorder
from journal.envelope import AnyEvent
from journal.errors import BrokerError
from journal.events import (
    BrokerReplied,
    ChangeIntended,
    ChangeUnresolved,
    OrderIntended,
    OrderProposed,
    OrderUnresolved,
    Payload,
    QuoteUnavailable,
)
from projections.changes import Change
from projections.orders import UNKNOWN, Order


class Effects:
    """What decisions lead to, outside."""

    def __init__(
        self,
        recorder: Recorder,
        gateway: Gateway,
        reconciler: Reconciler,
        clock: Clock,
        config: Config,
        forbidden: Callable[[], bool] = lambda: False,
    ) -> None:
        """`forbidden` says, at the last moment, that nothing at all may be sent."""
        self._forbidden = forbidden
        self._recorder, self._gateway, self._reconciler = recorder, gateway, reconciler
        self._clock, self._config, self._limits = clock, config, config.broker.evidence
        self._effects: dict[type, Callable[[AnyEvent], Awaitable[None]]] = {
            OrderProposed: self.weigh,
            OrderIntended: self.send,
            OrderUnresolved: self.investigate,
            ChangeIntended: self.change,
            ChangeUnresolved: self.investigate_change,
        }

    async def settle(self) -> None:
        """Carry out what was decided, and what is decided in turn, until nothing is left to do.

        One story to its end before the next: a second strategy's proposal must not find the first
        one's order intended and not yet sent.
        """
        decided, effects = self._recorder.decided, self._effects
        while decided:
            decision = decided.popleft()
            effect = effects.get(type(decision.data))
            if effect is None:
                continue
            later = len(decided)
            try:
                await effect(decision)
            finally:
                if later:  # what it led to goes before what waits
                    decided.rotate(len(decided) - later)

    async def weigh(self, proposed: AnyEvent) -> None:
        """Fetch the quote on which a proposal is weighed."""
        order = self._recorder.state.orders.open.get(proposed.corr)
        if order is not None and order.status == "proposed":  # else no quote is needed
            await self._quote(order, proposed.seq)

    async def resume(self) -> None:
        """Go on with what has waited: look once more for what has been in doubt for too long, and
        weigh the openings that others had to be closed for and need to wait no more."""
        for one in forgotten(self._recorder.state, self._config, self._clock.now_ns()):
            await self._find_out(one.key)  # what is still in doubt halts again
            await self.settle()
        for order in ready(self._recorder.state, self._config):
            await self._quote(order, order.seq)
            await self.settle()

    async def _quote(self, order: Order, cause: int) -> None:
        try:
            data: Payload = await self._gateway.quote(order.symbol, order.side)
        except BrokerError as error:
            data = QuoteUnavailable(order.symbol, str(error))
        self._recorder.record(data, cause=cause, corr=order.key)

    async def send(self, intended: AnyEvent) -> None:
        """Send an intent: made durable first, sent once, and whatever came back is recorded."""
        intent = intended.data
        assert isinstance(intent, OrderIntended)
        self._recorder.commit()
        reply = self._withheld(intent) or await self._gateway.submit(intent)
        self._recorder.record(reply, cause=intended.seq, corr=intent.key)
        order = self._recorder.state.orders.open.get(intent.key)
        if order is None or order.status not in UNKNOWN:  # else it is searched for first
            await self._reconciler.read()

    def _withheld(self, wish: OrderIntended | ChangeIntended) -> BrokerReplied | None:
        """Return the answer to what may not be sent: the kernel may not have known it yet when it
        decided. An operator has just forbidden everything, or of the same step's decisions an
        earlier one has left the symbol in doubt."""
        if self._forbidden():
            return no_reply(wish.key, Fault.FORBIDDEN, "the operator's halt file is there")
        doubt = unknown(self._recorder.state, wish.symbol, wish.key)
        if doubt is not None:
            return no_reply(wish.key, Fault.MOVED_ON, doubt[1])
        return None

    async def investigate(self, decision: AnyEvent) -> None:
        """Find out what became of an unresolved order."""
        await self._find_out(decision.corr)

    async def _find_out(self, key: str) -> None:
        order = self._recorder.state.orders.open.get(key)
        if order is not None and order.status == "unresolved":
            await self.search(order)
            await self._reconciler.read(DAY_MSC)

    async def search(self, order: Order) -> None:
        """Look for what became of an unresolved order, and record what the broker's lists show.

        Before its deals are read: a broker may name the key on the order alone, and only the
        order's ticket tells whose they are.
        """
        index = self._recorder.state.idempotency
        evidence = await gather(self._gateway, order, index, self._clock, self._limits)
        self._recorder.record(evidence, cause=order.seq, corr=order.key)

    async def change(self, intended: AnyEvent) -> None:
        """Send a change: made durable first, sent once, and whatever came back is recorded."""
        wish = intended.data
        assert isinstance(wish, ChangeIntended)
        self._recorder.commit()
        reply = self._withheld(wish) or await self._gateway.change(wish)
        self._recorder.record(reply, cause=intended.seq, corr=wish.key)

    async def investigate_change(self, decision: AnyEvent) -> None:
        """Find out whether an unresolved change was applied."""
        change = self._recorder.state.changes.open.get(decision.corr)
        if change is not None and change.status == "unresolved":
            await self.check(change)

    async def check(self, change: Change) -> None:
        """Look for what became of an unresolved change, and record how the broker has what it was
        to alter."""
        seen = await inspect(self._gateway, change.wish, self._clock, self._limits)
        self._recorder.record(seen, cause=change.seq, corr=change.wish.key)
