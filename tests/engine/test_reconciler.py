"""When the broker is looked at, what a look costs, and when a difference is one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
import msgspec
import pytest

import engine.reconciler
from engine.audit import Audit
from engine.broker.gateway import NONE_KNOWN, CallFailed, OrderSeen, Stamps
from engine.config import Config, Evidence, Reconcile
from engine.reconciler import Reconciler
from engine.recorder import Recorder
from journal.envelope import AnyEvent
from journal.errors import JournalHalted
from journal.events import (
    BrokerSnapshotTaken,
    ChangeIntended,
    DealRecorded,
    DiscrepancyFound,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderListed,
    OrderProposed,
    Payload,
    PositionAdjusted,
    PositionSeen,
    TradingHalted,
)
from tests.given import CONFIG, KEY, MAGIC, RUN, T0, Story, a, deposit, ready

FAST, SLOW, GRACE = 1.0, 60.0, 5.0


class Journal:
    """Keeps what is recorded."""

    def __init__(self, story: Story) -> None:
        self.next_seq, self.head = len(story.events) + 1, b""
        self.recovered: list[Any] = []
        self.events: list[AnyEvent] = []

    def append(self, event: AnyEvent) -> None:
        assert event.seq == self.next_seq
        self.next_seq += 1
        self.events.append(event)

    def append_all(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            self.append(event)

    def commit(self) -> None:
        """Everything is durable."""

    def commit_if_due(self) -> None:
        """Everything is durable."""


class World:
    """A broker that shows what a test puts into it, a clock, and a reconciler between them.

    asked   every call, in order
    fails   errors of the next calls, one after the other
    hidden  deals that the broker's lists do not show yet
    told    tickets of the deals that the last reading gave
    """

    def __init__(self, story: Story | None = None) -> None:
        story = story or ready()
        self.held: list[PositionSeen] = []
        self.live: list[OrderListed] = []
        self.history: list[DealRecorded] = [deposit(10_000.0)]
        self.done: list[OrderSeen] = []
        self.hidden: set[int] = set()
        self.told: list[int] = []
        self.asked: list[str] = []
        self.fails: list[int] = []
        self.now = 1_000_000.0
        self.journal = Journal(story)
        self.state = story.state
        me: Any = self
        recorder = Recorder(self.journal, story.kernel, me, RUN)
        self.reconciler = Reconciler(recorder, me, me, _config())

    # --- the clock

    def now_ns(self) -> int:
        return int(self.now * 1e9)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    # --- the account

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fails:
            raise CallFailed(what, self.fails.pop(0), "it failed")

    def balance(self) -> float:
        return sum(deal.profit + deal.commission for deal in self.history)

    async def snapshot(self) -> BrokerSnapshotTaken:
        self._ask("snapshot")
        return BrokerSnapshotTaken(
            self.balance(), 0.0, 0.0, 0.0, 0.0, list(self.held), list(self.live)
        )

    async def positions_total(self) -> int:
        self._ask("positions_total")
        return len(self.held)

    async def deals(self, since_msc: int, known: Stamps = NONE_KNOWN) -> list[DealRecorded]:
        self._ask("deals")
        seen = [d for d in self.history if d.ticket not in self.hidden and d.time_msc >= since_msc]
        new = [deal for deal in seen if known.get(deal.ticket) != deal.time_msc]
        self.told = [deal.ticket for deal in new]
        return new

    async def orders(self, since_msc: int) -> list[OrderSeen]:
        self._ask("orders")
        return self.done

    # --- what a test does

    def trade(self, identifier: int, **changes: Any) -> None:
        """Somebody opens a position."""
        deal = a(DealRecorded, ticket=100 + identifier, order=identifier, position_id=identifier)
        self.history.append(msgspec.structs.replace(deal, commission=0.0, magic=0, comment=""))
        seen = a(PositionSeen, ticket=identifier, identifier=identifier, magic=0, sl=0.0, tp=0.0)
        self.held.append(msgspec.structs.replace(seen, price_open=deal.price, **changes))

    def close(self, identifier: int) -> None:
        """Somebody closes a position."""
        self.held = [one for one in self.held if one.identifier != identifier]
        opened = next(d for d in self.history if d.position_id == identifier)
        closing = {"ticket": 500 + identifier, "order": 900 + identifier, "entry": 1, "type": 1}
        self.history.append(msgspec.structs.replace(opened, **closing))

    def look(self, seconds: float = 0.0) -> list[str]:
        """Let time pass and look once; return what was asked."""
        self.now += seconds
        self.asked.clear()
        anyio.run(self.reconciler.look)
        return list(self.asked)

    def start(self) -> None:
        """As at a connection."""
        anyio.run(self._start)
        self.journal.events.clear()

    async def _start(self) -> None:
        await self.reconciler.read()
        await self.reconciler.reconcile()

    def audit(self, *, dry_run: bool = True, running: bool = True) -> Audit:
        """Compare from the beginning on."""
        return anyio.run(partial(self.reconciler.audit, 1, dry_run=dry_run, running=running))

    def recorded(self) -> list[Payload]:
        """What was recorded since the last time this was asked."""
        data = [event.data for event in self.journal.events]
        self.journal.events.clear()
        return data


def _config() -> Config:
    settings = Reconcile(
        fast_s=FAST, slow_s=SLOW, grace_s=GRACE, longest_s=8.0, failures=4, clock_s=3600.0
    )
    broker = msgspec.structs.replace(CONFIG.broker, evidence=Evidence(polls=4, interval_s=1.0))
    return msgspec.structs.replace(CONFIG, broker=broker, reconcile=settings)


@pytest.fixture
def world() -> World:
    one = World()
    one.start()
    return one


def kinds(payloads: Sequence[Payload]) -> list[type]:
    return [type(one) for one in payloads]


# --- when


def test_a_look_that_comes_too_early_asks_nothing(world: World) -> None:
    assert world.look(FAST / 2) == []
    world.trade(7)
    assert world.look(FAST / 4) == []


def test_while_nothing_works_all_is_compared_seldom_and_leaves_nothing(world: World) -> None:
    calls = [world.look(FAST) for _ in range(int(3 * SLOW / FAST))]
    whole = [asked for asked in calls if asked]
    assert whole == [["deals", "snapshot"]] * 3
    assert world.recorded() == []


def test_while_a_position_is_open_it_is_counted_often(world: World) -> None:
    world.trade(7)
    world.look(SLOW)
    assert 7 in world.state.positions.open
    assert world.look(FAST) == ["positions_total"]
    world.close(7)
    assert world.look(FAST) == ["positions_total", "deals"]
    assert world.state.positions.open == {}
    assert world.look(FAST) == []


def test_a_close_and_an_opening_between_two_looks_are_seen_though_the_count_is_the_same(
    world: World,
) -> None:
    world.trade(7)
    world.look(SLOW)
    world.close(7)
    world.trade(8)
    for _ in range(int(SLOW / FAST)):
        world.look(FAST)
    assert list(world.state.positions.open) == [8]


def test_while_an_order_is_out_all_is_compared_often(world: World) -> None:
    story = ready().given(a(OrderProposed), a(OrderIntended), a(OrderAccepted))
    world = World(story)
    world.held = []
    assert "snapshot" in world.look(FAST)
    assert "snapshot" in world.look(FAST)


def test_a_clock_that_is_put_back_does_not_silence_the_looks(world: World) -> None:
    world.look(SLOW)
    assert world.look(-7200.0) == ["deals", "snapshot"]
    assert world.look(FAST) == []


def quiet(world: World, seconds: float) -> float:
    """Look once; return for how many seconds further looks show nothing new, below 0 for none."""
    world.now += seconds
    until: int = anyio.run(world.reconciler.look)
    return until / 1e9 - world.now


def test_after_a_look_all_is_quiet_until_the_next_whole_comparison(world: World) -> None:
    world.look(SLOW)
    assert quiet(world, FAST) == pytest.approx(SLOW - FAST)
    assert quiet(world, SLOW) == pytest.approx(SLOW)


def test_nothing_is_quiet_where_nothing_was_seen(world: World) -> None:
    world.look(SLOW)
    assert quiet(world, FAST / 2) < 0.0  # too early
    world.fails = [-1]
    assert quiet(world, SLOW) < 0.0


def test_nothing_is_quiet_while_something_is_under_way_or_doubtful(world: World) -> None:
    world.trade(7)
    world.look(SLOW)
    world.held = []
    assert quiet(world, SLOW) < 0.0
    assert quiet(World(ready().given(a(OrderProposed))), SLOW) < 0.0


# --- which deals


def test_a_deal_that_was_taken_in_is_not_told_again(world: World) -> None:
    world.trade(7)
    world.look(SLOW)
    assert world.told == [107]
    world.trade(8)
    world.look(SLOW)
    assert world.told == [108]


def test_a_deal_that_could_not_be_recorded_is_told_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(event: AnyEvent) -> None:
        raise JournalHalted("the disk is full")

    world.trade(7)
    with monkeypatch.context() as patched:
        patched.setattr(world.journal, "append", full)
        with pytest.raises(JournalHalted):
            world.look(SLOW)
    world.look(SLOW)
    assert world.told == [107]
    assert 7 in world.state.positions.open


def test_when_too_many_are_remembered_deals_are_told_again_and_recorded_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.reconciler, "MOST_TAKEN", 2)
    for identifier in (7, 8, 9):
        world.trade(identifier)
        world.look(SLOW)
    world.look(SLOW)
    assert len(world.told) > 1
    deals = [one.ticket for one in world.recorded() if isinstance(one, DealRecorded)]
    assert deals == [107, 108, 109]


# --- failing


def test_a_reading_that_fails_is_repeated_with_doubling_waits_until_it_is_too_often(
    world: World,
) -> None:
    world.fails = [-1, -1, -1]
    tried = []
    for second in range(60):
        if world.look(SLOW if not second else 1.0):
            tried.append(second)
        if not world.fails:
            break
    assert tried == [0, 2, 6]
    world.fails = [-1]
    for _ in range(7):
        assert world.look(1.0) == []
    with pytest.raises(CallFailed):
        world.look(1.0)


def test_one_that_succeeds_ends_the_count(world: World) -> None:
    for _ in range(5):
        world.fails = [-1, -1, -1]
        for _ in range(int(2 * SLOW)):
            world.look(1.0)
        assert world.fails == []


@pytest.mark.parametrize("code", [-10001, -10002, -10004, -10005, -20001, -20012])
def test_a_broken_connection_is_not_waited_for(world: World, code: int) -> None:
    world.fails = [code]
    with pytest.raises(CallFailed):
        world.look(SLOW)


# --- verdicts


def test_a_difference_that_goes_away_by_itself_leaves_nothing(world: World) -> None:
    world.trade(7)
    world.hidden = {107}
    for _ in range(3):
        world.look(SLOW)
    assert world.recorded() == []
    world.hidden.clear()
    world.look(FAST)
    assert kinds(world.recorded()) == [DealRecorded]
    world.look(SLOW)
    assert world.recorded() == []


def test_a_difference_that_stays_halts_once_is_told_once_and_its_end_too(world: World) -> None:
    world.trade(7)
    world.hidden = {107}
    looks = 0
    while not world.journal.events:
        world.look(SLOW if not looks else FAST)
        looks += 1
        assert looks < 20
    assert looks > max(4, GRACE / FAST)
    assert kinds(world.recorded()) == [BrokerSnapshotTaken, DiscrepancyFound, TradingHalted]
    for _ in range(50):
        world.look(SLOW)
    assert world.recorded() == []
    world.hidden.clear()
    world.look(SLOW)
    assert kinds(world.recorded()) == [DealRecorded, BrokerSnapshotTaken]
    assert world.state.reconciliation.standing == []
    assert world.state.run.halt_rule == "discrepancy"  # until an operator has looked


def test_before_a_verdict_the_whole_history_is_read(world: World) -> None:
    world.trade(7)
    world.history[-1] = msgspec.structs.replace(world.history[-1], time_msc=5, time=0)  # years old
    for _ in range(20):
        world.look(SLOW)
    assert kinds(world.recorded()) == [DealRecorded, BrokerSnapshotTaken]
    assert world.state.run.halt_rule == ""


def test_levels_that_somebody_moved_are_taken_over_after_a_while(world: World) -> None:
    world.trade(7)
    world.look(SLOW)
    world.recorded()
    world.held = [msgspec.structs.replace(world.held[0], sl=1.01)]
    for _ in range(10):
        world.look(SLOW)
    assert kinds(world.recorded()) == [BrokerSnapshotTaken, DiscrepancyFound, PositionAdjusted]
    assert world.state.positions.open[7].sl == 1.01
    assert world.state.run.halt_rule == ""


def test_what_is_being_changed_just_now_is_not_judged() -> None:
    story = ready().given(a(DealRecorded, commission=0.0))
    identifier = a(DealRecorded).position_id
    story.given(a(ChangeIntended, position=identifier, action="levels"))
    world = World(story)
    seen = a(PositionSeen, identifier=identifier, ticket=identifier, sl=1.04, tp=0.0)
    world.held = [msgspec.structs.replace(seen, price_open=a(DealRecorded).price)]
    for _ in range(10):
        world.look(SLOW)
    assert world.recorded() == []


def test_a_reused_ticket_is_recorded_once_and_halts(world: World) -> None:
    world.trade(7)
    world.look(SLOW)
    world.recorded()
    again = msgspec.structs.replace(world.history[-1], order=9, time_msc=T0 * 1000 + 10**9)
    world.history.append(again)
    for _ in range(10):
        world.look(SLOW)
    found = [one for one in world.recorded() if isinstance(one, DealRecorded | TradingHalted)]
    assert kinds(found) == [DealRecorded, TradingHalted]


# --- on request


def names(found: Sequence[DiscrepancyFound]) -> set[str]:
    return {one.name for one in found}


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_a_running_engine_has_not_read_yet_is_no_difference(
    world: World, *, dry_run: bool
) -> None:
    world.trade(7)
    world.trade(8)
    world.close(8)
    audit = world.audit(dry_run=dry_run)
    assert (audit.found, audit.remaining, audit.deals) == ([], [], 4)
    assert list(world.state.positions.open) == [7]
    recorded = kinds(world.recorded())
    assert recorded == [DealRecorded] * 3 + [BrokerSnapshotTaken] * (not dry_run)


def test_where_no_engine_runs_a_dry_run_finds_it_and_records_nothing(world: World) -> None:
    world.trade(7)
    audit = world.audit(running=False)
    assert names(audit.found) == {"missing deal", "foreign position"}
    assert audit.remaining == audit.found
    assert world.recorded() == []


def test_what_happens_between_two_readings_of_one_look_is_no_difference(world: World) -> None:
    """A position that is opened when the deals have been read and the positions have not."""
    snapshot, openings = world.snapshot, iter([0, 7])

    async def opening() -> BrokerSnapshotTaken:
        if identifier := next(openings, 0):  # at the second picture: the first is the engine's own
            world.trade(identifier)
        return await snapshot()

    world.snapshot = opening  # type: ignore[method-assign] # the broker's own moment
    audit = world.audit()
    assert list(openings) == [], "nothing was opened"
    assert (audit.found, audit.remaining) == ([], [])
    assert list(world.state.positions.open) == [7]


def test_what_reading_does_not_explain_remains_and_a_dry_run_passes_no_verdict(
    world: World,
) -> None:
    world.trade(7)
    world.hidden = {107}
    audit = world.audit()
    assert names(audit.found) == {"foreign position"}
    assert audit.remaining == audit.found
    assert world.recorded() == []
    assert world.state.run.halt_rule == ""


# --- orders


def resting() -> World:
    """A limit order that waits at the broker."""
    prices = {"price": 1.04, "sl": 1.03, "tp": 1.06}
    story = ready().given(
        a(OrderProposed, type="limit"),
        a(OrderIntended, type="limit", **prices),
        a(OrderAccepted, order=3),
    )
    world = World(story)
    world.live = [a(OrderListed, ticket=3, limit=0.0, **prices)]
    return world


def test_an_order_that_rests_costs_no_reading_of_the_history() -> None:
    world = resting()
    for _ in range(5):
        assert world.look(FAST) == ["deals", "snapshot"]
    assert world.recorded() == []


@pytest.mark.parametrize(("state", "status"), [(2, "cancelled"), (6, "expired")])
def test_an_order_that_rests_no_more_is_ended_by_the_brokers_history(
    state: int, status: str
) -> None:
    world = resting()
    world.live = []
    seen = OrderSeen(3, "EURUSD", 2, MAGIC, 1.0, T0 * 1000, KEY, 0.0, state, done=True)
    world.done = [seen]
    assert world.look(FAST) == ["deals", "snapshot", "orders"]
    assert kinds(world.recorded()) == [OrderFinished]
    assert world.state.orders.done[-1].status == status


def test_an_order_that_is_nowhere_is_waited_for_and_then_halts() -> None:
    world = resting()
    world.live = []
    looks = 0
    while not world.journal.events:
        world.look(FAST)
        looks += 1
        assert looks < 20
    assert looks > 4
    assert kinds(world.recorded()) == [BrokerSnapshotTaken, DiscrepancyFound, TradingHalted]
