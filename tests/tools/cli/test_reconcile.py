"""`daybook reconcile` compares, heals by recording, shows strangers, and never sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.broker.simulated import build_terminal, read_bars
from engine.settings import load
from engine.terminal import Terminal
from engine.terminal import constants as mt5
from journal import Writer, read
from journal.events import (
    BarClosed,
    DealRecorded,
    DiscrepancyFound,
    OrderIntended,
    PositionAdjusted,
    TradingHalted,
)
from replay.session import verify_session
from tests.tools.cli.conftest import ROOT, Call, Said
from tests.tools.cli.test_operated import Engine
from tools.cli.brokers import _setup as setup_of
from tools.cli.brokers import book_beside
from tools.cli.reconcile import Since, parse_since

DEMO = ROOT / "configs" / "demo.yaml"


class World:
    """A journal that an engine has left, and its broker, at which things go on."""

    def __init__(self, journal: Path, call: Call) -> None:
        self.journal, self._call = journal, call
        self.config = journal.parent / "demo.yaml"
        text = DEMO.read_text(encoding="utf-8").replace("../tools", str(ROOT / "tools"))
        text = text.replace("journals/demo", f"'{journal}'", 1)
        self.config.write_text(text, encoding="utf-8")

    def reconcile(self, *options: str) -> Said:
        return self._call("reconcile", "--config", self.config, *options)

    def value(self, *options: str) -> dict[str, Any]:
        value = json.loads(self.reconcile(*options, "--json").out)
        assert isinstance(value, dict)
        return value

    @contextmanager
    def terminal(self) -> Iterator[Any]:
        """The broker's terminal, logged in by somebody else."""
        settings = load(self.config, environ={})
        setup = setup_of(settings, self.config.parent, book_beside(self.journal))
        with build_terminal(setup, read_bars(setup)) as terminal:
            module = terminal.module()
            assert module.initialize()
            assert module.symbol_select("EURUSD", True)
            yield By(terminal, module)

    def files(self) -> dict[str, bytes]:
        found = [*self.journal.rglob("*"), *self.journal.parent.glob("demo.broker*")]
        return {str(file): file.read_bytes() for file in found if file.is_file()}

    def recorded(self, kind: type) -> list[Any]:
        return [event.data for event in read(self.journal) if type(event.data) is kind]


class By:
    """What a person does at the terminal."""

    def __init__(self, terminal: Terminal, module: Any) -> None:
        self.terminal, self.module = terminal, module

    def pay(self, kind: int, amount: float) -> None:
        self.terminal.server.operate(kind, amount, "by hand")

    def trade(self, **fields: Any) -> Any:
        request = {
            "action": mt5.TRADE_ACTION_DEAL,
            "symbol": "EURUSD",
            "volume": 0.1,
            "type": mt5.ORDER_TYPE_BUY,
            "type_filling": mt5.ORDER_FILLING_FOK,
        }
        result = self.module.order_send({**request, **fields})
        assert result.retcode == mt5.TRADE_RETCODE_DONE, result
        return result


@pytest.fixture
def world(journal: Path, call: Call) -> World:
    return World(journal, call)


def test_nothing_new_is_nothing_found_and_a_dry_run_changes_no_byte(world: World) -> None:
    before = world.files()
    said = world.reconcile("--dry-run")
    assert (said.code, said.err) == (0, "")
    assert "no difference" in said.out
    assert world.files() == before
    value = world.value("--since", "30d", "--dry-run")
    assert (value["found"], value["remaining"], value["running"]) == ([], [], False)
    assert value["deals"] > 10
    assert world.files() == before


def buy(by: By) -> None:
    by.trade()


def buy_and_close(by: By) -> None:
    opened = by.trade(magic=999)
    by.trade(type=mt5.ORDER_TYPE_SELL, position=opened.order)


def pay(kind: int) -> Callable[[By], None]:
    return lambda by: by.pay(kind, 123.45)


HANDS: dict[str, tuple[Callable[[By], None], set[str]]] = {
    "a foreign position": (buy, {"missing deal", "foreign position"}),
    "another robot's closed trade": (buy_and_close, {"missing deal"}),
    "a deposit": (pay(mt5.DEAL_TYPE_BALANCE), {"balance operation", "balance"}),
    "a credit": (pay(mt5.DEAL_TYPE_CREDIT), {"balance operation", "credit"}),
    "a correction": (pay(mt5.DEAL_TYPE_CORRECTION), {"balance operation", "balance"}),
    "a dividend": (pay(mt5.DEAL_DIVIDEND), {"balance operation", "balance"}),
    "a charge": (pay(mt5.DEAL_TYPE_CHARGE), {"balance operation", "balance"}),
}


@pytest.mark.parametrize(("act", "names"), HANDS.values(), ids=HANDS)
def test_what_others_did_is_found_then_healed_and_the_second_list_is_empty(
    world: World, act: Callable[[By], None], names: set[str]
) -> None:
    with world.terminal() as by:
        act(by)
    before = world.files()
    dry = world.value("--dry-run")
    assert {one["name"] for one in dry["found"]} - {"balance"} == names - {"balance"}
    assert dry["remaining"] == dry["found"]
    assert world.reconcile("--dry-run").code == 1
    assert world.files() == before
    deals = len(world.recorded(DealRecorded))
    healed = world.reconcile()
    assert healed.code == 0
    assert "all healed by recording" in healed.out
    assert len(world.recorded(DealRecorded)) > deals
    again = world.value()
    assert (again["found"], again["remaining"], again["halted"]) == ([], [], None)
    assert world.recorded(TradingHalted) == []
    assert verify_session(world.journal).agrees


def test_strangers_are_shown_and_levels_that_somebody_moved_are_taken_over(world: World) -> None:
    with world.terminal() as by:
        opened = by.trade(volume=0.25, comment="mine")
        ask = by.module.symbol_info_tick("EURUSD").ask
        by.module.order_send(
            {
                "action": mt5.TRADE_ACTION_PENDING,
                "symbol": "EURUSD",
                "volume": 0.5,
                "type": mt5.ORDER_TYPE_BUY_LIMIT,
                "price": round(ask - 0.01, 5),
                "type_filling": mt5.ORDER_FILLING_RETURN,
                "magic": 4711,
            }
        )
    world.reconcile()
    with world.terminal() as by:
        by.module.order_send(
            {
                "action": mt5.TRADE_ACTION_SLTP,
                "symbol": "EURUSD",
                "position": opened.order,
                "sl": 1.0,
                "tp": 0.0,
            }
        )
    value = world.value()
    assert [one["name"] for one in value["found"]] == ["levels"]
    assert value["remaining"] == []
    assert [adjusted.sl for adjusted in world.recorded(PositionAdjusted)] == [1.0]
    strangers = {one["kind"]: one for one in value["strangers"]}
    assert strangers["position"]["comment"] == "mine"
    assert strangers["position"]["volume"] == 0.25
    assert (strangers["order"]["magic"], strangers["order"]["side"]) == (4711, "buy")
    out = world.reconcile().out
    assert "Not ours, never touched" in out
    assert "4711" in out
    with world.terminal() as by:  # they are as they were
        assert by.module.positions_get(ticket=opened.order)[0].volume == 0.25
        assert by.module.orders_total() == 1


def test_what_no_recording_heals_halts_and_is_exit_code_one(world: World, tmp_path: Path) -> None:
    """A journal that lacks a deal which the broker shows no more."""
    events = list(read(world.journal))
    target = tmp_path / "elsewhere" / "demo"
    with Writer.open(target, run="") as writer:
        for event in events:
            writer.append(event)
        phantom = next(e for e in reversed(events) if type(e.data) is DealRecorded)
        assert isinstance(phantom.data, DealRecorded)
        never = msgspec.structs.replace(phantom.data, ticket=1, profit=77.0)
        writer.append(
            msgspec.structs.replace(phantom, seq=writer.next_seq, data=never, corr="", cause=0)
        )
        writer.commit()
    for book in world.journal.parent.glob("demo.broker*"):
        (target.parent / book.name).write_bytes(book.read_bytes())
    other = World(target, world._call)
    said = other.reconcile()
    assert said.code == 1
    assert "balance" in said.out
    assert [one.rule for one in other.recorded(TradingHalted)] == ["discrepancy"]
    found = len(other.recorded(DiscrepancyFound))
    assert found
    assert other.value()["halted"]["rule"] == "discrepancy"


def test_another_accounts_terminal_is_named_and_nothing_is_recorded(world: World) -> None:
    text = world.config.read_text(encoding="utf-8").replace("login: 5012345", "login: 7654321")
    world.config.write_text(text, encoding="utf-8")
    said = world.reconcile("--dry-run")
    assert said.code == 2
    assert "5012345" in said.err


def test_the_engine_that_runs_answers_or_the_lock_says_so(world: World) -> None:
    with Writer.open(world.journal, run=""):
        said = world.reconcile()
        assert said.code == 2
        assert "is being written by process" in said.err
        assert world.reconcile("--dry-run").code == 0, "looking needs no lock"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A running engine."""
    one = Engine(tmp_path)
    one.start()
    yield one
    one.kill()


def test_a_running_engine_compares_and_goes_on(engine: Engine, call: Call) -> None:
    engine.later(OrderIntended)
    config = engine.journal.parent / "config.yaml"
    for options in (["--dry-run"], []):
        said = call("reconcile", "--config", config, "--json", "--since", "2d", *options)
        assert (said.code, said.err) == (0, "")
        value = json.loads(said.out)
        assert (value["running"], value["dry_run"]) == (True, bool(options))
        assert (value["remaining"], value["halted"]) == ([], None)
        assert value["deals"] > 0
    engine.later(BarClosed, 20)
    assert call("duplicates", engine.journal).code == 0


def test_without_a_run_there_is_nothing_to_compare(call: Call, tmp_path: Path) -> None:
    with Writer.open(tmp_path / "demo", run=""):
        pass
    said = World(tmp_path / "demo", call).reconcile("--dry-run")
    assert said.code == 2
    assert "no run has connected" in said.err


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("7d", Since(seconds=7 * 86_400)),
        ("12h", Since(seconds=43_200)),
        ("90m", Since(seconds=5_400)),
        ("2023-10-02", Since(msc=1_696_204_800_000)),
        ("2023-10-02T01:00", Since(msc=1_696_208_400_000)),
    ],
)
def test_since_is_a_span_or_a_moment_of_the_brokers_clock(text: str, since: Since) -> None:
    assert parse_since(text) == since


@pytest.mark.parametrize("text", ["", "7", "d", "yesterday", "-3d", "7 d", "1w"])
def test_a_since_that_says_nothing_is_refused(world: World, text: str) -> None:
    said = world.reconcile(f"--since={text}", "--dry-run")
    assert said.code == 2
    assert "7d, 12h" in said.err
