"""`daybook doctor`: what it prints, and what its exit code says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.tools.cli.conftest import ROOT, Call
from tools.cli.doctor import disk
from tools.cli.doctor import journal as journal_finding

DEMO = ROOT / "configs" / "demo.yaml"


@pytest.fixture(autouse=True)
def _own_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAYBOOK_JOURNAL", str(tmp_path / "journal"))


def test_the_demo_is_healthy(call: Call, tmp_path: Path) -> None:
    said = call("doctor", "--config", DEMO)
    assert (said.code, said.err) == (0, "")
    assert "failed" not in said.out
    for subject in ("settings", "disk", "journal", "terminal", "account", "EURUSD", "clock"):
        assert f"\n  {subject}" in said.out
    assert not (tmp_path / "journal").exists(), "nothing is begun"


def test_a_problem_is_an_exit_code_of_one_and_comes_with_how_to_mend_it(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOOK_BROKER__ACCOUNT__LOGIN", "1")
    said = call("doctor", "--config", DEMO, "--json")
    assert said.code == 1
    report = json.loads(said.out)
    assert report["ok"] is False
    [problem] = [one for one in report["findings"] if one["level"] == "problem"]
    assert problem["subject"] == "account"
    assert "log the terminal in" in problem["mend"]


def test_a_wrong_configuration_cannot_be_examined(call: Call, tmp_path: Path) -> None:
    said = call("doctor", "--config", tmp_path / "none.yaml")
    assert (said.code, said.out) == (2, "")
    assert "there is no such file" in said.err


def test_a_worker_without_the_module_is_a_problem_with_advice(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOOK_BROKER__KIND", "mt5")
    monkeypatch.setenv("DAYBOOK_BROKER__WORKER__PYTHON", "no-such-python")
    said = call("doctor", "--config", DEMO)
    assert said.code == 1
    assert "no-such-python cannot be started" in said.out
    assert "tools.wine prepare" in said.out


def test_the_simulated_terminal_is_examined_behind_its_worker_too(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOOK_BROKER__WORKER__DEADLINE_S", "30")
    assert call("doctor", "--config", DEMO).code == 0


@pytest.mark.parametrize(
    ("free", "level"), [(10 << 30, "ok"), (500 << 20, "warning"), (50 << 20, "problem")]
)
def test_little_room_on_the_disk_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, level: str
) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert disk(tmp_path / "not" / "there").level == level


def test_a_damaged_journal_is_a_problem(journal: Path) -> None:
    tail = next((journal / "tail").iterdir())
    data = bytearray(tail.read_bytes())
    data[len(data) // 2] ^= 1
    tail.write_bytes(bytes(data))
    assert journal_finding(journal).level == "problem"


def test_a_whole_journal_is_told_with_its_size(journal: Path) -> None:
    finding = journal_finding(journal)
    assert finding.level == "ok"
    assert "events up to" in finding.found
