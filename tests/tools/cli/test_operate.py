"""An operator's commands where no engine runs: each leaves its event, or says why not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.ops.switch import Switch
from journal import Writer, read
from journal.events import (
    CancelRequested,
    EvidenceGathered,
    FlattenRequested,
    OperatorHalted,
    OrderIntended,
    OrderVetoed,
    TradingPaused,
    TradingResumed,
)
from projections.orders import unresolved
from projections.state import fold
from replay.session import verify_session
from tests.tools.cli.conftest import ROOT
from tools.cli import main


def daybook(*words: object) -> int:
    """Run the command in this process."""
    return main([str(word) for word in words])


def test_a_pause_vetoes_every_proposal_of_the_next_run_and_resuming_ends_it(journal: Path) -> None:
    before = sum(isinstance(event.data, OrderIntended) for event in read(journal))
    assert daybook("pause", journal, "--reason", "news week") == 0
    assert daybook("demo", "--bars", 3000, "--journal", journal, "--json") == 1
    events = list(read(journal))
    assert sum(isinstance(event.data, OrderIntended) for event in events) == before
    vetoes = [e.data for e in events if isinstance(e.data, OrderVetoed) and e.data.rule == "halted"]
    assert vetoes
    assert "news week" in vetoes[0].reason
    assert daybook("resume", journal, "--reason", "news are out") == 0
    assert daybook("demo", "--bars", 3000, "--journal", journal, "--json") == 0
    events = list(read(journal))
    assert sum(isinstance(event.data, OrderIntended) for event in events) > before
    operators = [e.data for e in events if isinstance(e.data, TradingPaused | TradingResumed)]
    assert [command.reason for command in operators] == ["news week", "news are out"]
    assert verify_session(journal).agrees


def test_what_is_not_so_is_refused_and_leaves_nothing(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = sum(1 for _ in read(journal))
    assert daybook("resume", journal, "--reason", "why not") == 2
    assert "not halted" in capsys.readouterr().err
    assert daybook("pause", journal, "--reason", " ") == 2
    assert "--reason is empty" in capsys.readouterr().err
    assert daybook("pause", journal) == 2
    assert daybook("pause", journal / "nowhere", "--reason", "x") == 2
    assert sum(1 for _ in read(journal)) == count
    assert daybook("pause", journal, "--reason", "x", "--json") == 0
    assert json.loads(capsys.readouterr().out)["halted"]["rule"] == "paused"
    assert daybook("pause", journal, "--reason", "x") == 2
    assert "paused" in capsys.readouterr().err


def test_a_running_engine_keeps_the_doors_shut(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Writer.open(journal, run="running"):
        assert daybook("pause", journal, "--reason", "x") == 2
    assert "process" in capsys.readouterr().err


# --- without an engine


def test_a_halt_without_an_engine_makes_the_file_and_is_recorded(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daybook("halt", journal, "--reason", "do not start") == 0
    assert Switch(journal).read().reason == "do not start"
    assert daybook("status", journal) == 0
    out = capsys.readouterr().out
    assert "is there: nothing is sent" in out
    assert re.search(r"engine +not running", out)
    assert daybook("demo", "--bars", 1000, "--journal", journal, "--json") == 1
    assert daybook("resume", journal, "--reason", "looked") == 0
    assert not Switch(journal).thrown()
    kinds = [type(event.data) for event in read(journal)]
    assert kinds.count(OperatorHalted) == kinds.count(TradingResumed) == 1
    assert verify_session(journal).agrees


def test_a_halt_counts_even_where_the_journal_cannot_be_opened(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Writer.open(journal, run="another process"):
        assert daybook("halt", journal, "--reason", "now") == 0
    assert "the journal learns it at the next start" in capsys.readouterr().out
    assert Switch(journal).thrown()


def test_a_file_made_by_hand_ends_with_a_resume_that_tells_of_both(journal: Path) -> None:
    Switch(journal).path.touch()
    assert daybook("resume", journal, "--reason", "my mistake") == 0
    *_, halted, resumed = (event.data for event in read(journal))
    assert isinstance(halted, OperatorHalted)
    assert isinstance(resumed, TradingResumed)
    assert not Switch(journal).thrown()


def test_a_flatten_without_an_engine_waits_in_the_journal_and_says_so(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daybook("flatten", journal, "--reason", "out", "--symbol", "EURUSD") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "No engine runs, so nothing has happened at the broker yet" in out
    assert daybook("cancel", journal, "--reason", "out") == 0
    assert daybook("cancel", journal, "NOSUCHKEY", "--reason", "out") == 2
    asked = [
        e.data for e in read(journal) if isinstance(e.data, FlattenRequested | CancelRequested)
    ]
    assert [type(one) for one in asked] == [FlattenRequested, CancelRequested]


def test_stopping_where_no_engine_runs_is_fine(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daybook("stop", journal) == 0
    assert capsys.readouterr().out == "no engine runs there\n"
    assert daybook("stop", journal, "--json") == 0
    assert json.loads(capsys.readouterr().out)["running"] is False
    assert daybook("stop", journal / "nowhere") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resolve", "KEY"], "KEY is not unresolved; unresolved: nothing"),
        (
            ["resolve", "KEY", "--executed", 5, "--not-executed", "--reason", "x"],
            "one or the other",
        ),
        (["resolve", "KEY", "--not-executed", "--reason", "x"], "no order KEY is open"),
        (["resolve", "KEY", "--not-executed", "--reason", " "], "--reason is empty"),
        (["cancel", "KEY", "--symbol", "EURUSD", "--reason", "x"], "a key names one order"),
        (["flatten", "--symbol", "EURSUD", "--reason", "x"], "no symbol EURSUD is traded here"),
        (["flatten", "--strategy", "none", "--reason", "x"], "no strategy none runs here"),
        (["pause", "--reason", "x" * 501], "--reason has 501 characters; 500 are allowed"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    journal: Path, capsys: pytest.CaptureFixture[str], words: list[object], said: str
) -> None:
    count = sum(1 for _ in read(journal))
    command, *rest = words
    assert daybook(command, journal, *rest) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert sum(1 for _ in read(journal)) == count


# --- an order that nobody knows about


@pytest.fixture
def doubtful(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A journal whose engine halted over an order that evidence cannot settle: its reply was lost,
    and the broker has put its own comment on whatever it may have executed."""
    directory = tmp_path / "doubtful"
    text = (ROOT / "configs" / "demo.yaml").read_text(encoding="utf-8")
    data = (ROOT / "tools" / "data" / "eurusd_m1_2023q4.csv").as_posix()
    text = text.replace("../tools/data/eurusd_m1_2023q4.csv", data)
    text = text.replace("journals/demo", directory.as_posix(), 1)
    text = text.replace("  history: 200", "  faults: ambiguous\n  history: 89000", 1)
    config = tmp_path / "doubtful.yaml"
    config.write_text(text, encoding="utf-8")
    assert daybook("run", "--config", config, "--json") == 1, "it halts"
    capsys.readouterr()
    return directory


def test_an_order_in_doubt_is_resolved_by_the_brokers_ticket(
    doubtful: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = fold(read(doubtful))
    [order] = unresolved(state.orders)
    assert state.run.halt_rule == "ambiguous order"
    searches = [e.data for e in read(doubtful) if isinstance(e.data, EvidenceGathered)]
    [seen] = searches[-1].suspects
    assert daybook("resolve", doubtful, order.key) == 0
    shown = capsys.readouterr().out
    assert f"orders {seen} alike, without its key" in shown
    assert "by dealer 7" in shown, "the deal that may be its own"
    assert daybook("resolve", doubtful, order.key, "--json") == 0
    known = json.loads(capsys.readouterr().out)
    assert [deal["order"] for deal in known["deals"]] == [seen]
    assert daybook("resolve", doubtful, order.key, "--executed", seen) == 2, "a reason is wanted"
    assert daybook("resolve", doubtful, order.key, "--executed", seen, "--reason", "desk") == 0
    assert f"{order.key} is order {seen}: {order.volume:g} lots at" in capsys.readouterr().out
    state = fold(read(doubtful))
    assert not unresolved(state.orders)
    [done] = [one for one in state.orders.done if one.key == order.key]
    assert (done.status, done.ticket) == ("filled", seen)
    assert state.run.halt_rule == "ambiguous order", "resuming is a word of its own"
    assert verify_session(doubtful).agrees
    assert daybook("resolve", doubtful, order.key, "--not-executed", "--reason", "x") == 2
    assert "is filled; unresolved: nothing" in capsys.readouterr().err
    assert daybook("resume", doubtful, "--reason", "settled") == 0
