"""`demo` and `run` trade, stop when asked, go on where they were, and refuse what cannot be."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.settings import load
from journal import Writer, read
from journal.events import RunEnded, RunStarted
from replay.session import verify_session
from tests.tools.cli.conftest import BARS, ROOT, Call, tail_file
from tests.tools.cli.test_inspect import rewrite, unended
from tools.cli import screen

DEMO = ROOT / "configs" / "demo.yaml"
FEW = 300


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Return a copy of the demo's profile that runs anywhere, with a journal of its own."""
    text = DEMO.read_text(encoding="utf-8")
    bars = ROOT / "tools" / "data" / "eurusd_m1_2023q4.csv"
    few = tmp_path / "few.csv"
    lines = bars.read_text(encoding="utf-8").splitlines(keepends=True)
    few.write_text("".join(lines[: FEW + 201]), encoding="utf-8")
    for old, new in (
        ("../tools/data/eurusd_m1_2023q4.csv", "few.csv"),
        ("journals/demo", str(tmp_path / "journal")),
    ):
        text = text.replace(f": {old} ", f": '{new}' ", 1)
    path = tmp_path / "few.yaml"
    path.write_text(text, encoding="utf-8")
    assert load(path, environ={}).journal == str(tmp_path / "journal")
    return path


def test_the_demo_ends_in_one_screen(call: Call, tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    said = call("demo", "--bars", BARS, "--journal", directory)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Daybook demo  {directory}: a new journal\n")
    for label in ("bars", "orders", "fills", "net profit", "drawdown", "events", "time"):
        assert re.search(rf"^  {label} +-?[\d.,]+", said.out, re.MULTILINE), label
    assert re.search(r"chain +ok .*nothing found +[\d.]+ s", said.out)
    assert re.search(r"replay +ok .*as recorded +[\d.]+ s", said.out)
    assert re.search(r"digest +ok +[0-9a-f]{32}, as recorded", said.out)
    for example in ("status", "verify", "replay", "sql"):
        assert f"daybook {example} {directory}" in said.out
    assert "to exercise the engine, not to make money" in said.out
    assert said.out.count("\n") < 30


def test_what_the_demo_says_to_try_next_works(call: Call, recorded: Path) -> None:
    shown = call("demo", "--bars", 1, "--journal", recorded.with_name("again")).out
    query = re.search(r'daybook sql \S+ "(.*)"', shown)
    assert query
    rows = json.loads(call("sql", recorded, query[1], "--json").out)
    assert {row["side"] for row in rows} == {"buy", "sell"}


def test_the_demo_as_json_is_one_value(call: Call, tmp_path: Path) -> None:
    said = call("demo", "--bars", FEW, "--journal", tmp_path / "demo", "--seed", 7, "--json")
    value = json.loads(said.out)
    assert value["ok"] is True
    assert value["run"]["bars"] == FEW
    assert value["verify"]["events"] == value["run"]["events"]
    assert value["replay"]["digest"] == value["run"]["digest"]
    started = next(iter(read(tmp_path / "demo", types={"RunStarted"}))).data
    assert isinstance(started, RunStarted)
    assert started.seed == 7


def test_the_same_demo_writes_the_same_bytes(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert call("demo", "--bars", FEW).code == 0
    first, second = (tail_file(tmp_path / name / "journals" / "demo") for name in ("a", "b"))
    # How many events share a write depends on the clock; a space at a line's beginning shows it.
    assert first.read_bytes().replace(b"\n ", b"\n") == second.read_bytes().replace(b"\n ", b"\n")


def test_a_named_journal_is_gone_on_with(call: Call, journal: Path) -> None:
    said = call("demo", "--bars", FEW, "--journal", journal)
    assert said.code == 0
    assert f"{journal}: goes on where it was" in said.out
    bars = [event.data for event in read(journal, types={"BarClosed"})]
    assert len(bars) == BARS + FEW
    assert len({bar.time for bar in bars}) == len(bars)  # type: ignore[attr-defined] # all BarClosed


def test_a_demo_that_was_killed_goes_on_without_a_doubled_or_forgotten_order(
    call: Call, journal: Path, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"
    rewrite(journal, killed, unended)
    for book in tmp_path.glob("demo.broker*"):
        book.rename(tmp_path / book.name.replace("demo", "killed", 1))
    said = call("demo", "--bars", FEW, "--journal", killed)
    assert said.code == 0
    deals = [event.data for event in read(killed, types={"DealRecorded"})]
    assert len({deal.ticket for deal in deals}) == len(deals)  # type: ignore[attr-defined] # all deals
    report = verify_session(killed)
    assert report.agrees


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_an_ended_demo_is_left_alone_and_the_next_is_begun(call: Call, elsewhere: Path) -> None:
    assert "journals/demo: a new journal" in call("demo", "--bars", 1).out.replace("\\", "/")
    second = call("demo", "--bars", 1).out.replace("\\", "/")
    assert "journals/demo-2: a new journal, journals/demo has ended" in second
    assert (elsewhere / "journals" / "demo-2" / "tail").is_dir()


def test_a_demo_that_was_cut_short_is_continued(call: Call, elsewhere: Path) -> None:
    call("demo", "--bars", 5)
    journals = elsewhere / "journals"
    rewrite(journals / "demo", journals / "whole", unended)
    shutil.rmtree(journals / "demo")
    (journals / "whole").rename(journals / "demo")
    said = call("demo", "--bars", 5)
    assert said.code == 0
    assert "goes on where it was" in said.out
    assert not (journals / "demo-2").exists()


def test_a_terminals_book_without_its_journal_is_left_alone(call: Call, elsewhere: Path) -> None:
    call("demo", "--bars", 1)
    shutil.rmtree(elsewhere / "journals" / "demo")
    assert "demo-2: a new journal" in call("demo", "--bars", 1).out


def test_a_demo_whose_bars_are_all_traded_is_only_checked(
    call: Call, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cli.demo.CONFIG", profile)
    directory = profile.parent / "d"
    assert "data ended" in call("demo", "--journal", directory).out
    said = call("demo", "--journal", directory)
    assert said.code == 0
    assert "every bar is traded already, so its journal is only checked" in said.out
    assert re.search(r"replay +ok", said.out)
    assert sum(1 for _ in read(directory, types={"RunStarted"})) == 1


def test_run_trades_what_the_configuration_says(call: Call, profile: Path) -> None:
    said = call("run", "--config", profile)
    assert (said.code, said.err) == (0, "")
    assert re.search(r"run +\S+ +data ended\n", said.out)
    again = json.loads(call("run", "--config", profile, "--json").out)
    assert again["reason"] == "data ended"
    assert again["bars"] == 0


def test_run_obeys_the_environment(
    call: Call, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOOK_JOURNAL", str(profile.parent / "other"))
    call("run", "--config", profile)
    assert (profile.parent / "other" / "tail").is_dir()
    monkeypatch.setenv("DAYBOOK_RISK__PER_TRADE", "2")
    said = call("run", "--config", profile)
    assert said.code == 2
    assert "did you mean DAYBOOK_RISK__PER_TRADE_PERCENT?" in said.err


@contextmanager
def interrupting(_: str) -> Iterator[screen.Move]:
    """A progress bar that presses Ctrl-C when it is moved for the first time."""
    pressed: list[int] = []

    def move(done: int, total: int, remark: str) -> None:
        if not pressed:
            pressed.append(done)
            signal.raise_signal(signal.SIGINT)

    yield move


def test_an_interrupt_stops_a_run_cleanly_and_it_goes_on_later(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "d"
    with monkeypatch.context() as patch:
        patch.setattr(screen, "progress", interrupting)
        said = call("demo", "--bars", BARS, "--journal", directory)
    assert said.code == 0
    assert "stopped by SIGINT" in said.out
    ended = [event.data for event in read(directory, types={"RunEnded"})]
    assert isinstance(ended[-1], RunEnded)
    assert ended[-1].reason == "stopped by SIGINT"
    assert call("demo", "--bars", FEW, "--journal", directory).code == 0


def test_a_mistake_in_the_configuration_is_one_line_each(call: Call, profile: Path) -> None:
    text = profile.read_text(encoding="utf-8")
    profile.write_text(
        text.replace("fast: 20 ", "fast: twenty ").replace("model: ", "modle: "), encoding="utf-8"
    )
    said = call("run", "--config", profile)
    assert (said.code, said.out) == (2, "")
    first, second = said.err.splitlines()
    assert re.fullmatch(r"daybook: .*few\.yaml:\d+: terminal\.modle: unknown key; .*", first)
    assert re.fullmatch(
        r"daybook: .*few\.yaml:\d+: strategies\[0\]\.fast: found 'twenty'.*", second
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no such file"), ("a: [", "not valid YAML"), ("", "the file is empty")],
)
def test_a_file_that_is_no_configuration_is_one_line(
    call: Call, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "wrong.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    said = call("run", "--config", path)
    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1


def test_prices_that_are_none_are_one_line(call: Call, profile: Path) -> None:
    (profile.parent / "few.csv").write_text("time,open\n1,2\n", encoding="utf-8")
    said = call("run", "--config", profile)
    assert said.code == 2
    assert "few.csv has no column high" in said.err
    assert said.err.count("\n") == 1


def test_a_journal_that_another_process_writes_is_refused(call: Call, journal: Path) -> None:
    with Writer.open(journal, run=""):
        said = call("demo", "--journal", journal)
        assert said.code == 2
        assert "is being written by process" in said.err
        assert said.err.count("\n") == 1
        assert call("status", journal).code == 0, "reading needs no lock"


def test_a_place_that_cannot_be_a_journal_is_refused(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    for place, message in (
        (file, "is a file; a journal is a folder of its own"),
        (tmp_path, "holds other files and no journal; give a new folder, or an empty one"),
    ):
        said = call("demo", "--journal", place)
        assert said.code == 2
        assert said.err == f"daybook: {place} {message}\n"
    said = call("demo", "--bars", 1, "--journal", file / "below")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [file]
