from __future__ import annotations

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tools.bench import report
from tools.bench.__main__ import app
from tools.bench.catalogue import CONTESTS
from tools.bench.machine import Machine, look
from tools.bench.report import Report
from tools.bench.rows import Figure, Row

MACHINE = Machine("a processor", 2, 0.5, "Linux 6", "CPython 3.11", "ext4", 200.0, 300.0, {})
ROW = Row(
    name="demo",
    group="engine",
    what="demo",
    unit="bars/s",
    ours=Figure(50_000, 40_000, 60_000),
    rounds=5,
    against="backtesting",
    reference=Figure(1_250_000, 90_000, 2e6),
    ratio=Figure(0.04, 0.03, 0.05),
    target="≥ 0.5 x",
    reached=False,
)


def printed(*rows: Row) -> str:
    text = StringIO()
    console = Console(file=text, width=160)
    report.print_results(console, Report(MACHINE, False, 1.0, list(rows), ["a note"]))
    return text.getvalue()


def test_the_table_shows_both_sides_the_ratio_and_whether_it_was_reached() -> None:
    text = printed(ROW)
    for part in ("50,000 bars/s", "40,000 .. 60,000", "1.25 M", "0.04 x", "≥ 0.5 x", "no"):
        assert part in text
    assert text.rstrip().endswith("a note")


def test_the_table_says_why_a_reference_is_missing() -> None:
    row = msgspec.structs.replace(ROW, reference=None, ratio=None, missing="it is not installed")
    assert "backtesting: it is not installed" in printed(row)


def test_the_file_holds_what_was_found(tmp_path: Path) -> None:
    whole = Report(MACHINE, False, 1.0, [ROW], ["a note"])
    report.write(whole, tmp_path / "new" / "bench.json")
    text = (tmp_path / "new" / "bench.json").read_bytes()
    assert msgspec.json.decode(text, type=Report) == whole


def test_a_disk_in_memory_is_called_none() -> None:
    text = StringIO()
    machine = msgspec.structs.replace(MACHINE, file_system="tmpfs")
    report.print_preface(Console(file=text, width=160), machine, quick=False)
    assert "This is no disk" in text.getvalue()


def test_the_machine_is_described_and_nothing_is_left_behind(tmp_path: Path) -> None:
    machine = look(tmp_path, syncs=3)
    assert machine.processor
    assert 0.0 < machine.sync_us <= machine.sync_p90_us
    assert list(tmp_path.iterdir()) == []


def test_the_list_names_every_benchmark() -> None:
    done = CliRunner().invoke(app, ["--list"])
    assert [line.split()[0] for line in done.output.splitlines()] == [one.name for one in CONTESTS]


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    done = CliRunner().invoke(app, ["--only", "demmo"])
    assert done.exit_code == 2
    assert "there is no benchmark 'demmo'; there are append-singly, " in done.output
    assert "Traceback" not in done.output


def test_a_quick_run_writes_its_file_and_leaves_its_folder_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(
        app, ["--only", "decode", "--quick", "--json", "found.json", "--dir", "there"]
    )
    assert done.exit_code == 0, done.output
    assert "far too little work to say anything about speed" in done.output
    found = msgspec.json.decode(Path("found.json").read_bytes(), type=Report)
    assert {row.name for row in found.rows} == {"decode"}
    assert list(Path("there").iterdir()) == []
