"""Real processes, really killed: the short form of `python -m tools.kill_cycles --cycles 200`."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from engine.settings import load
from engine.terminal import constants as mt5
from engine.terminal.book import Change, Deal, Order
from journal import read
from journal.envelope import stamp
from journal.events import DealRecorded, OrderIntended, OrderRefused
from tools.kill_cycles import app
from tools.simulation.audit import Audit, book_of, differences, doors, unsettled

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="finds the worker's process in /proc"
)
KILLS = 6
STRANGE = 999_999_999


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of a few cycles that went well."""
    folder = tmp_path_factory.mktemp("kills")
    done = CliRunner().invoke(
        app, ["--cycles", str(KILLS), "--seed", "7", "--keep", str(folder)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return folder, done.output


def test_killed_again_and_again_nothing_is_doubled_and_nothing_lost(
    survived: tuple[Path, str],
) -> None:
    _, output = survived
    assert output.splitlines()[-1] == f"{KILLS} kills: nothing doubled, nothing lost"
    assert "killed: " in output


def _order(key: str, ticket: int) -> Order:
    return Order(
        ticket=ticket, symbol="EURUSD", type=0, volume_initial=0.01, volume_current=0.0,
        time_setup_msc=1, time_done_msc=1, state=mt5.ORDER_STATE_FILLED, magic=71,
        reason=mt5.ORDER_REASON_EXPERT, comment=key,
    )  # fmt: skip


def _money(key: str) -> Change:
    del key
    deal = Deal(ticket=STRANGE, type=mt5.DEAL_TYPE_BALANCE, time_msc=1, profit=1.0)
    return Change(step=0, ticket=STRANGE + 1, balance=1.0, deals=[deal])


def _second_effect(key: str) -> Change:
    return Change(step=0, ticket=STRANGE + 1, balance=1.0, done=[_order(key, STRANGE)])


def _strange_order(key: str) -> Change:
    del key
    return Change(step=0, ticket=STRANGE + 1, balance=1.0, done=[_order("X", STRANGE)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_money, f"deal {STRANGE} is in the broker's book and not in the journal"),
        (_money, "the broker's 1.00"),
        (_second_effect, "had 2 effects"),
        (_strange_order, "that no intent stands for"),
    ],
)
def test_the_audit_sees_what_the_broker_has_and_the_journal_has_not(
    survived: tuple[Path, str],
    tmp_path: Path,
    change: Callable[[str], Change],
    said: str,
) -> None:
    copied = _copy(survived[0], tmp_path)
    events = list(read(copied / "journal"))
    intents = [event.data for event in events if isinstance(event.data, OrderIntended)]
    with (copied / "journal.broker").open("ab") as book:
        book.write(msgspec.json.encode(change(intents[0].key)) + b"\n")
    changed = book_of(load(copied / "config.yaml", environ={}))
    found = [*differences(events, changed), *unsettled(events, changed)]
    assert any(said in problem for problem in found)


def test_the_audit_sees_what_the_journal_has_forgotten_or_made_up(
    survived: tuple[Path, str],
) -> None:
    folder, _ = survived
    book = book_of(load(folder / "config.yaml", environ={}))
    events = list(read(folder / "journal"))
    assert differences(events, book) == []
    deal = next(event for event in events if isinstance(event.data, DealRecorded) and event.corr)
    assert isinstance(deal.data, DealRecorded)
    refused = OrderRefused(deal.corr, 10006, "reply", "as it was thought")
    forged = [*events, stamp(refused, events[-1].seq + 1, events[-1].ts, events[-1].run)]
    assert f"{deal.corr} is reported refused, and was executed" in differences(forged, book)
    twice = [*events, replace(deal, seq=events[-1].seq + 1)]
    assert f"deal {deal.data.ticket} was recorded 2 times" in differences(twice, book)
    without = [event for event in events if event is not deal]
    assert any("is in the broker's book and not" in one for one in differences(without, book))


def test_the_audit_asks_the_commands(survived: tuple[Path, str], tmp_path: Path) -> None:
    journal = _copy(survived[0], tmp_path) / "journal"
    file = min((journal / "tail").glob("*.jsonl"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    first, second = doors(journal)
    assert first.startswith(f"daybook verify {journal} ends with 1")
    assert second.startswith(f"daybook replay {journal} --verify ends with")


def _copy(folder: Path, target: Path) -> Path:
    """A copy to be tampered with."""
    copied = target / "copied"
    shutil.copytree(folder, copied)
    config = copied / "config.yaml"
    text = config.read_text(encoding="utf-8").replace(str(folder), str(copied))
    config.write_text(text, encoding="utf-8")
    return copied


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    done = CliRunner().invoke(app, ["--keep", str(tmp_path)])
    assert done.exit_code == 2
    assert "is not empty" in done.output


def test_a_failure_prints_how_to_repeat_it_and_leaves_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(folder: Path, *more: object) -> Audit:
        return Audit(["a deal was lost"], Counter())

    monkeypatch.setattr("tools.kill_cycles.play", wrong)
    done = CliRunner().invoke(
        app, ["--cycles", "3", "--seed", "5", "--keep", str(tmp_path / "kept")]
    )
    assert done.exit_code == 1
    assert "a deal was lost" in done.output
    assert "python -m tools.kill_cycles --cycles 3 --seed 5" in done.output
    assert f"its journal: {tmp_path / 'kept' / 'journal'}" in done.output
