"""Quiet minutes of a simulated market pass at once, and the journal is the same, byte for byte, as
if each had been looked at by itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import msgspec
import pytest

from engine.broker.gateway import CallFailed
from engine.broker.server_time import ServerTime
from engine.clock import LONGEST, MarketClock
from engine.config import Config, Reconcile
from engine.execution.protection.rules import BreakEven, TrailR
from engine.feeds.live import LiveBars
from engine.kernel import Kernel
from engine.recorder import Recorder
from engine.strategies.baseline import MaCrossRsiConfig
from journal.codec import encode
from journal.envelope import stamp
from journal.events import BarClosed, OrderProposed, OrderVetoed, TradingHalted
from journal.reader import read
from tests.engine import rig
from tests.engine.desk import Pages
from tests.engine.rig import CONFIG, Fate, Rig
from tests.given import CONFIG as CROSSING
from tests.given import RISING, a, bars, manifest, ready

BARS = 1500
QUICK = CONFIG.strategies[0]
assert isinstance(QUICK, MaCrossRsiConfig)
SLOW = MaCrossRsiConfig(
    name="slow", magic=72, symbol="EURUSD", timeframe="M5", fast=3, slow=6, atr_period=5
)


def with_strategies(*strategies: MaCrossRsiConfig, **reconcile: float) -> Config:
    looks = Reconcile(slow_s=14_400.0, clock_s=86_400.0)
    return msgspec.structs.replace(
        CONFIG,
        strategies=list(strategies),
        reconcile=msgspec.structs.replace(looks, **reconcile),
    )


CONFIGS = {
    "one strategy": with_strategies(QUICK),
    "two timeframes": with_strategies(QUICK, SLOW),
    "five minutes only": with_strategies(SLOW),
    "looks in between": with_strategies(QUICK, slow_s=600.0, clock_s=1800.0),
    "looks more seldom than bars": with_strategies(QUICK, fast_s=400.0),
    "protected": with_strategies(
        msgspec.structs.replace(QUICK, protection=[BreakEven(at_r=0.5, offset_points=1), TrailR()])
    ),
}


def looked_at(folder: Path, config: Config, longest: int) -> Rig:
    """A rig whose clock lets up to `longest` quiet steps pass at once."""
    return Rig(folder, config, BARS, clock=partial(MarketClock, longest=longest))


def written(run: Rig) -> tuple[list[bytes], bytes]:
    """Every event's bytes, and the broker's book."""
    events = [encode(event) for event in read(run.journal)]
    return events, (run.folder / "broker").read_bytes()


@pytest.fixture(scope="module", params=CONFIGS)
def one_by_one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run that looked at every minute by itself."""
    run = looked_at(tmp_path_factory.mktemp("single"), CONFIGS[request.param], 0)
    run.process()
    assert len(run.intents()) > (2 if request.param == "five minutes only" else 20)
    return run


@pytest.mark.parametrize("longest", [1, 3, LONGEST, 5000])
def test_how_many_minutes_pass_at_once_changes_no_byte(
    one_by_one: Rig, tmp_path: Path, longest: int
) -> None:
    run = looked_at(tmp_path, one_by_one.config, longest)

    run.process()

    assert written(run) == written(one_by_one)


def test_quiet_minutes_do_pass_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strides: list[int] = []
    glide = MarketClock.glide

    def counted(self: MarketClock, until_ns: int) -> list[int]:
        steps = glide(self, until_ns)
        strides.append(len(steps))
        return steps

    monkeypatch.setattr(MarketClock, "glide", counted)
    run = looked_at(tmp_path, CONFIGS["five minutes only"], LONGEST)

    run.process()

    assert len(strides) < BARS / 10
    assert max(strides) == LONGEST + 1


def test_a_run_of_so_many_bars_ends_at_that_bar_and_the_next_one_misses_none(
    tmp_path: Path,
) -> None:
    run = looked_at(tmp_path, CONFIGS["one strategy"], LONGEST)

    lengths = [run.process(max_bars=bars).bars for bars in (197, 1, 250)]
    run.process()

    times = [bar.time for bar in run.recorded(BarClosed)]
    expected = rig.RATES["time"][rig.FIRST_BAR : rig.FIRST_BAR + BARS - 1].tolist()
    assert lengths == [197, 1, 250]
    assert times == expected[-len(times) :]


def test_a_process_that_is_killed_in_the_midst_of_passed_minutes_goes_on_without_a_gap(
    tmp_path: Path,
) -> None:
    config = CONFIGS["one strategy"]
    whole = Fate()
    looked_at(tmp_path / "whole", config, LONGEST).process(whole)
    for moment in range(5, whole.passed, 97):
        run = looked_at(tmp_path / str(moment), config, LONGEST)
        with pytest.raises(rig.Died):
            run.process(Fate(moment, "before"))
        run.process()
        times = [bar.time for bar in run.recorded(BarClosed)]
        expected = rig.RATES["time"][rig.FIRST_BAR : rig.FIRST_BAR + BARS - 1].tolist()
        assert times == expected[-len(times) :]


def test_minutes_whose_bars_cannot_be_read_have_not_passed() -> None:
    class Broken:
        async def bars(self, *_: object) -> list[BarClosed]:
            raise CallFailed("copy_rates_from_pos", -1, "Terminal: Call failed")

    market = Steps([60_000 * step for step in range(40)])
    clock = MarketClock(market, ServerTime("utc"))
    broken: Any = Broken()
    nothing: Any = SimpleNamespace(commit=None, commit_if_due=None)  # as nothing is recorded
    feed = LiveBars(Recorder(nothing, Kernel(), clock, "run"), broken, CONFIG, clock)

    with pytest.raises(CallFailed):
        anyio.run(feed.read, 30 * 60 * 10**9)

    assert market.asked
    assert market.server_time_msc == 0


def test_what_was_decided_before_the_bars_were_read_is_carried_out_at_the_first_step() -> None:
    told = bars(*(1.1,) * 40, start=-60)  # the first one closes with the first step

    class Quiet:
        async def bars(self, symbol: str, timeframe: str, after: int, _: int) -> list[BarClosed]:
            return [bar for bar in told if after < bar.time <= market.server_time_msc // 1000 - 60]

    market = Steps([60_000 * step for step in range(40)])
    clock = MarketClock(market, ServerTime("utc"))
    quiet: Any = Quiet()
    recorder = Recorder(Pages(), Kernel(), clock, "run")
    feed = LiveBars(recorder, quiet, CONFIG, clock)
    recorder.record(manifest())
    recorder.record(told[0])
    recorder.decided.append(stamp(a(TradingHalted), 1, 0, "run"))

    anyio.run(feed.read, 30 * 60 * 10**9)
    assert (feed.count, market.server_time_msc) == (0, 0)

    recorder.decided.clear()
    anyio.run(feed.read, 30 * 60 * 10**9)
    assert (feed.count, market.server_time_msc) == (29, 29 * 60_000)


def test_a_proposal_that_is_refused_at_once_does_not_turn_the_minutes_back() -> None:
    kernel = ready().given(a(TradingHalted)).kernel
    told = [*RISING, *bars(1.1, 1.11, 1.12, 1.13, start=RISING[-1].time + 60)]
    market = Steps([bar.time * 1000 for bar in told])

    class Quiet:
        async def bars(self, symbol: str, timeframe: str, after: int, _: int) -> list[BarClosed]:
            assert after < told[0].time, "the bars were read once more"
            return told[:-1]

    quiet: Any = Quiet()
    clock, pages = MarketClock(market, ServerTime("utc")), Pages()
    pages.next_seq = kernel.state.seq + 1
    recorder = Recorder(pages, kernel, clock, "run")

    anyio.run(LiveBars(recorder, quiet, CROSSING, clock).glide, told[-1].time * 10**9 + 1)

    kinds = [type(event.data) for event in pages.events]
    place = kinds.index(OrderVetoed)
    assert kinds[place - 2 : place] == [BarClosed, OrderProposed]
    assert kinds.count(BarClosed) == len(told) - 1
    assert not recorder.decided
    assert market.server_time_msc == told[-1].time * 1000


def test_a_clock_never_passes_the_time_it_was_given() -> None:
    market = Steps([60_000 * step for step in range(40)])
    clock = MarketClock(market, ServerTime("utc"), longest=30)

    for until_min in (0, 1, 2, 5, 39):
        steps = clock.glide(until_min * 60 * 10**9)
        assert [*steps] == [*range(market.began * 60_000, until_min * 60_000, 60_000)][: len(steps)]
        assert market.server_time_msc < max(1, until_min) * 60_000


class Steps:
    """A market in which nothing ever happens."""

    def __init__(self, times: list[int]) -> None:
        self._times, self._at, self.began, self.asked = times, 0, 0, False

    @property
    def server_time_msc(self) -> int:
        return self._times[self._at]

    def advance(self) -> bool:
        raise AssertionError("nobody asked for it")

    def glide(self, limit: int) -> list[int]:
        self.began, self.asked = self._at, True
        passed = self._times[self._at + 1 : self._at + 1 + limit]
        self._at += len(passed)
        return passed

    def back(self, steps: int) -> None:
        self._at -= steps
