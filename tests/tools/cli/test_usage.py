"""A mistake on the command line is one line and exit code 2; help shows how it is done."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.tools.cli.conftest import ROOT, Call
from tools.cli import overview
from tools.cli.app import app

FIRST = ["demo", "run", "status", "verify", "replay", "sql"]

WITHOUT_JSON = {
    ("prove",): "the proof itself is JSON",
    ("terminal", "run"): "its output is the program's",
    ("terminal", "profiles"): "a list of names",
}
"""Commands that need no --json, and why."""


def _commands() -> list[tuple[str, ...]]:
    """Every command there is, with the words that it is called by."""
    found: list[tuple[str, ...]] = []
    for group, words in (
        (app, ()),
        *((g.typer_instance, (g.name,)) for g in app.registered_groups),
    ):
        assert group is not None
        for one in group.registered_commands:
            assert one.callback is not None
            name = one.name or one.callback.__name__.replace("_", "-")
            found.append((*(str(word) for word in words), name))
    return found


COMMANDS = _commands()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_commands_help_ends_in_an_example(call: Call, command: tuple[str, ...]) -> None:
    said = call(*command, "--help")
    assert said.code == 0
    assert f"Example: daybook {' '.join(command)}" in " ".join(said.out.split())
    assert ("--json" in said.out) != (command in WITHOUT_JSON)


def test_the_list_of_commands_is_whole(call: Call) -> None:
    listed = call("--help").out.split("Commands:")[1].split("Start with")[0]
    names = {line.split()[0] for line in listed.splitlines() if line.strip()}
    assert names == {command[0] for command in COMMANDS}
    assert len(COMMANDS) > 20


def test_the_first_help_lists_the_commands_and_the_exit_codes(call: Call) -> None:
    said = call("--help")
    assert said.code == 0
    assert "Exit codes: 0 fine; 1 found a problem" in said.out
    listed = [line.split()[0] for line in said.out.split("Commands:")[1].splitlines() if line]
    assert listed[:6] == FIRST
    assert "..." not in said.out.split("Commands:")[1], (
        "a command's summary is too long for 80 columns"
    )


def test_no_command_at_all_shows_the_help_and_could_not_run(call: Call) -> None:
    said = call()
    assert said.code == 2
    assert said.out == call("--help").out


def test_the_version_is_printed(call: Call) -> None:
    said = call("--version")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("daybook")


def test_help_waits_for_no_database_no_engine_and_no_drawing() -> None:
    heavy = "duckdb pyarrow polars numpy anyio rich loguru engine.kernel projections replay"
    program = (
        "import sys; from tools.cli import main; main(['demo', '--help']);"
        f"print([name for name in {heavy.split()} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stderr.strip() == b"[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frob"], "No such option: --frob"),
        (["statsu"], "No such command 'statsu'"),
        (["status"], "Missing argument 'DIR'"),
        (["status", "a", "b"], "Got unexpected extra argument(s) (b)"),
        (["sql", "a"], "Missing argument 'SELECT'"),
        (["run"], "Missing option '--config'"),
        (["demo", "--bars"], "Option '--bars' requires an argument"),
        (["demo", "--bars", "many"], "Invalid value for '--bars'"),
        (["demo", "--bars", "0"], "Invalid value for '--bars'"),
        (["demo", "--bars", "1.5"], "Invalid value for '--bars'"),
        (["demo", "--seed", "-1"], "Invalid value for '--seed'"),
        (["demo", "--seed", "99999999999999999999"], "Invalid value for '--seed'"),
        (["replay", "."], "say what the replay is for: `daybook replay DIR --verify`"),
        (["verify", ".", "--expect", "7"], "--expect is '7'; expected SEQ:HASH"),
        (["verify", ".", "--expect", "0:" + 32 * "a"], "--expect is '0:aaaa"),
        (["sql", ".", "x", "--json", "--csv"], "--json and --csv exclude each other"),
    ],
)
def test_a_wrong_command_line_is_one_line(call: Call, arguments: list[str], message: str) -> None:
    said = call(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"daybook: {message}")
    assert said.err.count("\n") == 1


def test_an_unknown_option_points_at_the_commands_help(call: Call) -> None:
    assert "`daybook status --help` shows what is possible" in call("status", "--frob").err


@pytest.mark.parametrize(
    "command", [["status"], ["verify"], ["replay", "--verify"], ["sql", "select 1"]]
)
def test_a_folder_without_a_journal_is_named(
    call: Call, tmp_path: Path, command: list[str]
) -> None:
    name, *rest = command
    file = tmp_path / "file"
    file.touch()
    for place, message in (
        (tmp_path / "none", f"there is no folder {tmp_path / 'none'}; check the path"),
        (file, f"{file} is a file; expected the folder of a journal"),
        (tmp_path, f"there is no journal in {tmp_path}; check the path"),
    ):
        assert call(name, place, *rest) == (2, "", f"daybook: {message}\n")
        assert call(name, place, *rest, "--json") == (2, "", f"daybook: {message}\n")
    assert list(tmp_path.iterdir()) == [file]


def test_a_defect_is_one_line_and_a_file_without_secrets(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("password=hunter2 divided")

    monkeypatch.setattr(overview, "status", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said = call("status", tmp_path)
    (report,) = tmp_path.iterdir()
    assert said.code == 2
    assert said.err == (
        "daybook: a defect in Daybook: ZeroDivisionError: password=*** divided; "
        f"the traceback is in {report}\n"
    )
    text = report.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "hunter2" not in text


def test_an_interrupt_ends_a_command_without_a_traceback(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(overview, "status", interrupted)
    assert call("status", tmp_path) == (130, "", "daybook: interrupted\n")
