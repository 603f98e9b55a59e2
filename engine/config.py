"""The shape of a configuration: what can be set, in which unit, within which bounds.

Loading (files, environment, people's errors) is `engine.settings`; here is only the shape. It is
stored whole in `RunStarted`, so it must never hold a secret.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.execution.intents import MAX_STRATEGIES
from engine.strategies.catalogue import StrategyConfig

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Percent = Annotated[float, Meta(gt=0.0, le=100.0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all configuration sections: immutable, and an unknown key is an error."""


class Account(Section, frozen=True, kw_only=True):
    """The one account this configuration may trade; checked at every connection.

    trade_mode  `demo`, `contest` or `real`: a demo configuration refuses a real account
    """

    login: Annotated[int, Meta(gt=0)]
    server: str
    trade_mode: Literal["demo", "contest", "real"] = "demo"


class Evidence(Section, frozen=True, kw_only=True):
    """How an unresolved intent is searched for.

    polls       times that all of the broker's lists are read before "not executed" may be said
    interval_s  seconds between two polls; together they must outlast the lists' lag, of which up to
                five seconds are reported (facts 3.1)
    limit_s     seconds after which an outcome that is still not known halts trading; a search is
                over by then
    """

    polls: Annotated[int, Meta(ge=2, le=100)] = 4
    interval_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 2.0
    limit_s: Annotated[float, Meta(ge=1.0, le=86_400.0)] = 120.0


class Worker(Section, frozen=True, kw_only=True):
    """The process that holds the MetaTrader5 module, and how long it may take.

    python      program of a Python that has the module and msgspec; empty for the one that runs the
                engine
    wine        folder of a Wine prefix made by `tools/wine.py`, on Linux; its own Python is used
    terminal    the terminal64.exe to drive, as Windows names it; empty for the one that the module
                finds. Name it wherever there is more than one
    portable    start the terminal in portable mode
    deadline_s  seconds for an answer; the worker is killed when they have passed. `history` for
                bars, ticks and history, which the terminal may have to download; `initialize` for
                connecting, as the terminal may have to be started
    """

    python: str = ""
    wine: str = ""
    terminal: str = ""
    portable: bool = False
    deadline_s: Annotated[float, Meta(ge=1.0, le=600.0)] = 30.0
    history_deadline_s: Annotated[float, Meta(ge=1.0, le=600.0)] = 120.0
    initialize_deadline_s: Annotated[float, Meta(ge=1.0, le=600.0)] = 180.0


class Broker(Section, frozen=True, kw_only=True):
    """How the broker is reached.

    kind         `simulated` (the terminal of `engine.terminal`) or `mt5` (the MetaTrader5 module)
    zone         rule of the server's clock: `new-york+7`, `eu`, `utc+N`; with `mt5` also `auto`:
                 found at every start, by fresh ticks and by when the weeks of a year ended
    deviation    points of slippage accepted under instant execution
    retries      new intents, each at a fresh price, after a requote or a price that was gone
    poll_s       seconds between two looks at the terminal
    watch_s      seconds between two looks at a symbol's price while a rule that protects a position
                 of it waits for one
    worker       the process for the module, by its defaults when left out; with `simulated`, the
                 terminal is in the engine's own process unless this is given
    """

    kind: Literal["simulated", "mt5"]
    account: Account
    zone: str = "new-york+7"
    deviation: Annotated[int, Meta(ge=0, le=10_000)] = 10
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    poll_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 0.25
    watch_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 1.0
    evidence: Evidence = Evidence()
    worker: Worker | None = None


class SimulatedTerminal(Section, frozen=True, kw_only=True):
    """The simulated terminal and the prices it is fed with; used when `broker.kind` is `simulated`.

    profile      a name in `configs/terminal/` or a file
    bars         symbol to a CSV or Parquet file with the columns of MT5's rates; a relative path
                 starts at the configuration file's folder
    model        how a bar becomes prices: `open` prices only, or `ohlc`
    history      bars that exist before the first one that can be traded
    faults       a plan in `configs/terminal/faults/` or a file: what goes wrong; empty for nothing
    """

    profile: str = "ecn-hedging"
    bars: dict[str, str]
    model: Literal["open", "ohlc"] = "ohlc"
    history: Annotated[int, Meta(ge=1)] = 200
    faults: str = ""


class Risk(Section, frozen=True, kw_only=True):
    """How much may be lost and bound.

    per_trade_percent   of equity, lost when the stop is hit at its level
    margin_use_percent  of free margin that one new position may bind
    most_positions      that may be open at once, of all strategies and symbols; 0 for any number
    most_lots           of one symbol that may be open at once, both ways together; 0 for any
    """

    per_trade_percent: Percent = 1.0
    margin_use_percent: Percent = 50.0
    most_positions: Annotated[int, Meta(ge=0, le=10_000)] = 0
    most_lots: Annotated[float, Meta(ge=0.0)] = 0.0


class PositionPolicy(Section, frozen=True, kw_only=True):
    """How the positions of one symbol go together, and what becomes of those that are found there.

    policy    what a strategy may open beside what is held: `one` position of its own, whatever the
              others hold; `one-direction`: nothing against any position of the symbol; `add`: more
              of its own the same way; `reduce`: a signal against open positions first closes as
              much of them as it is worth, and opens the rest; `reverse`: it first closes all of
              them, then opens
    most      openings that a strategy may hold at once, all the same way; `one` has one
    close     which positions `reduce` and `reverse` close, the oldest first: `fifo` those of every
              strategy, `strategy` only the signal's own
    close_by  whether opposite positions of a hedging account that all have to go are closed by each
              other, which saves a spread, where the symbol allows it
    wait_s    seconds that an opening waits for those closes; then it is vetoed
    found     what becomes of a position that is there when a run starts and that no order of this
              journal opened: `leave` (it is shown, and never touched), `adopt` or `close`
    adopt_by  strategy that manages what is adopted; empty for the first one of the symbol
    """

    policy: Literal["one", "one-direction", "add", "reduce", "reverse"] = "one"
    most: Annotated[int, Meta(ge=1, le=100)] = 1
    close: Literal["fifo", "strategy"] = "fifo"
    close_by: bool = False
    wait_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 60.0
    found: Literal["adopt", "leave", "close"] = "leave"
    adopt_by: str = ""


DEFAULT = "default"
"""Names the policy of every symbol that has none of its own."""


class Reconcile(Section, frozen=True, kw_only=True):
    """How often the journal is held against the broker's own picture, by the clock.

    fast_s    seconds between two looks while something works: an order or a change is out, a
              position is open, or a difference was seen
    slow_s    seconds between two whole comparisons while nothing does
    longest_s seconds between two attempts at the most, after readings that failed: the wait doubles
    failures  failed readings in a row after which the terminal is taken for lost
    grace_s   seconds for which a difference must have been seen, in every one of
              `broker.evidence.polls` readings or more, before it is one: lists lag
    clock_s   seconds between two measurements of the broker's clock
    """

    fast_s: Annotated[float, Meta(gt=0.0, le=3600.0)] = 0.5
    slow_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 15.0
    longest_s: Annotated[float, Meta(gt=0.0, le=3600.0)] = 60.0
    failures: Annotated[int, Meta(ge=1, le=100)] = 3
    grace_s: Annotated[float, Meta(ge=0.0, le=600.0)] = 6.0
    clock_s: Annotated[float, Meta(ge=1.0, le=86_400.0)] = 1800.0


class Foreign(Section, frozen=True, kw_only=True):
    """Positions that a person or another program opened. They are shown and never touched.

    count_in_exposure  whether they count towards `risk.most_positions` and `risk.most_lots`. The
                       free margin is the broker's figure, in which they always count
    """

    count_in_exposure: bool = True


class JournalLimits(Section, frozen=True, kw_only=True):
    """When the journal makes events durable that no effect waits for.

    batch     events
    delay_ms  milliseconds since the oldest of them
    """

    batch: Annotated[int, Meta(ge=1, le=100_000)] = 512
    delay_ms: Annotated[float, Meta(ge=0.0, le=10_000.0)] = 20.0


class Log(Section, frozen=True, kw_only=True):
    """The process's own log, for people; the journal is the source of truth.

    level      least severity on the console and in the file
    directory  where rotating JSON files go; empty for none. A relative path starts at the journal's
               folder
    """

    level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    directory: str = ""


class Config(Section, frozen=True, kw_only=True):
    """Everything that can be configured.

    name       of this configuration, in events and on screens
    journal    folder of the journal; a relative path starts at the current folder
    seed       of everything random outside the kernel
    positions  by symbol; `default` is for all the others, `one` where nothing is said
    """

    name: Name
    journal: str
    seed: Annotated[int, Meta(ge=0, lt=2**62)] = 0
    broker: Broker
    terminal: SimulatedTerminal | None = None
    strategies: Annotated[list[StrategyConfig], Meta(min_length=1, max_length=MAX_STRATEGIES)]
    risk: Risk = Risk()
    positions: dict[str, PositionPolicy] = {}
    foreign: Foreign = Foreign()
    reconcile: Reconcile = Reconcile()
    limits: JournalLimits = JournalLimits()
    log: Log = Log()
