"""What is done after a sending: the deals of what was answered are read, what is in doubt is
searched for first."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

import anyio
import pytest

from engine.broker.gateway import Gateway
from engine.clock import Clock
from engine.effects import Effects
from engine.reconciler import Reconciler
from engine.recorder import Recorder
from journal.envelope import AnyEvent, stamp
from journal.errors import JournalHalted
from journal.events import (
    BrokerReplied,
    OrderIntended,
    OrderProposed,
    OrderUnresolved,
    Payload,
    QuoteObserved,
)
from projections.state import State
from tests.given import CONFIG, KEY, OTHER_KEY, RUN, SYMBOL, Story, a, ready

ELSEWHERE = "GBPUSD"
LOST: dict[str, Any] = {"retcode": 0, "error": -10002, "order": 0, "deal": 0}


class Book:
    """A recorder over a story: what is recorded is decided on at once."""

    def __init__(self, story: Story) -> None:
        self.story, self.decided, self.done = story, deque[AnyEvent](), list[str]()
        self.reply: dict[str, Any] = {}

    @property
    def state(self) -> State:
        return self.story.state

    def commit(self) -> None:
        self.done.append("durable")

    def record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        del cause
        self.done.append(type(data).__name__)
        self.story.when(data, corr)

    # --- the broker

    async def submit(self, intent: OrderIntended) -> BrokerReplied:
        self.done.append("sent")
        return a(BrokerReplied, key=intent.key, **self.reply)

    async def read(self) -> None:
        self.done.append("deals read")


class Pair(Book):
    """Two proposals of one step, each of which a quote turns into an intent."""

    def __init__(self) -> None:
        other = {"key": OTHER_KEY, "symbol": ELSEWHERE}
        super().__init__(ready().given(a(OrderProposed), a(OrderProposed, **other)))
        self.decided.extend(self.story.events[-2:])
        self.fails = False

    async def quote(self, symbol: str, side: str) -> QuoteObserved:
        del side
        self.done.append(f"quote of {symbol}")
        return a(QuoteObserved, symbol=symbol)

    def record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        if isinstance(data, QuoteObserved):
            intent = a(OrderIntended, key=corr, symbol=data.symbol)
            self.decided.append(stamp(intent, 1, 1, RUN, cause, corr))
        if self.fails:
            raise JournalHalted("the disk is full")

    async def submit(self, intent: OrderIntended) -> BrokerReplied:
        self.done.append(f"sent for {intent.symbol}")
        return a(BrokerReplied, key=intent.key)


def effects_of(book: Book) -> Effects:
    return Effects(
        cast("Recorder", book),
        cast("Gateway", book),
        cast("Reconciler", book),
        cast("Clock", None),
        CONFIG,
    )


def sent(book: Book) -> list[str]:
    """What happens when the story's last intent is carried out."""
    anyio.run(effects_of(book).send, book.story.events[-1])
    return book.done


def intended(story: Story) -> Book:
    wish = {"key": OTHER_KEY, "symbol": ELSEWHERE}
    return Book(story.given(a(OrderProposed, **wish), a(OrderIntended, **wish)))


@pytest.mark.parametrize("doubt", [False, True], ids=["alone", "while another symbol is in doubt"])
def test_after_an_answer_the_deals_are_read_at_once(doubt: bool) -> None:
    story = ready()
    if doubt:
        story.given(a(OrderProposed), a(OrderIntended), a(OrderUnresolved, key=KEY))
    told = sent(intended(story))
    assert told == ["durable", "sent", "BrokerReplied", "deals read"]


def test_what_is_in_doubt_itself_is_searched_for_before_its_deals_are_read() -> None:
    book = intended(ready())
    book.reply = LOST
    assert sent(book) == ["durable", "sent", "BrokerReplied"]


def test_what_its_symbols_doubt_holds_back_is_not_sent() -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended), a(OrderUnresolved, key=KEY))
    story.given(a(OrderProposed, key=OTHER_KEY), a(OrderIntended, key=OTHER_KEY))
    assert sent(Book(story)) == ["durable", "BrokerReplied", "deals read"]


def test_a_story_is_carried_out_to_its_end_before_the_next() -> None:
    book = Pair()
    anyio.run(effects_of(book).settle)
    story = ["quote of {}", "durable", "sent for {}", "deals read"]
    assert book.done == [step.format(symbol) for symbol in (SYMBOL, ELSEWHERE) for step in story]
    assert not book.decided


def test_where_a_story_breaks_off_its_own_decisions_go_before_what_waits() -> None:
    book = Pair()
    book.fails = True
    with pytest.raises(JournalHalted):
        anyio.run(effects_of(book).settle)
    left = [(type(event.data), event.corr) for event in book.decided]
    assert left == [(OrderIntended, KEY), (OrderProposed, OTHER_KEY)]
