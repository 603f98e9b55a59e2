"""Pausing and resuming: an operator's word is in the journal, and outlives restarts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journal import Writer, read
from journal.events import OrderIntended, OrderVetoed, TradingPaused, TradingResumed
from replay.session import verify_session
from tools.cli import main


def daybook(*words: object) -> int:
    """Run the command in this process."""
    return main([str(word) for word in words])


@pytest.fixture
def journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A journal of a demo that stopped after some bars."""
    directory = tmp_path / "demo"
    assert daybook("demo", "--bars", 3000, "--journal", directory, "--json") == 0
    capsys.readouterr()
    return directory


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
