"""What is written suits where it goes: a terminal of any width, a pipe, a poor encoding."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from tests.tools.cli.conftest import Call, daybook
from tools.cli import screen, streams


def test_a_pipe_gets_no_control_characters_and_no_blanks_at_the_ends(recorded: Path) -> None:
    commands: list[list[str | Path]] = [
        ["demo", "--bars", "300", "--journal", recorded.with_name("piped")],
        ["status", recorded],
        ["verify", recorded],
        ["replay", recorded, "--verify"],
        ["sql", recorded, "select * from order_intended"],
    ]
    for arguments in commands:
        process = daybook(*arguments, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
        out, err = process.communicate()
        assert (process.returncode, err) == (0, b"")
        lines = out.decode("utf-8").splitlines()
        assert all(line.isprintable() for line in lines)
        assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_any_encoding_of_the_streams_will_do(recorded: Path, encoding: str) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    commands: list[list[str | Path]] = [
        ["demo", "--bars", "300", "--journal", recorded.with_name(f"in-{encoding}")],
        ["sql", recorded, "select 'é → 日本' as text from range(1001)"],
        ["sql", recorded, "select 'é → 日本' as text", "--json"],
    ]
    for arguments in commands:
        process = daybook(*arguments, env=environ)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out.decode(encoding)
    assert json.loads(out.decode(encoding)) == [{"text": "é → 日本"}]


def test_a_reader_that_leaves_is_no_mistake(recorded: Path) -> None:
    query = "select a.*, b.seq from bar_closed a, events b limit 20000"
    process = daybook("sql", recorded, query, "--csv")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"seq,")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_no_line_is_wider_than_the_terminal(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, width: int, call: Call
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    for arguments in (
        ["status", recorded],
        ["verify", recorded],
        ["replay", recorded, "--verify"],
        ["sql", recorded, "select seq, reason, key from order_proposed"],
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            call(*arguments)
    plain = terminal.getvalue()
    for code in ("\x1b[1m", "\x1b[2m", "\x1b[1;2m", "\x1b[0m"):
        plain = plain.replace(code, "")
    assert "\x1b" not in plain
    assert max(len(line) for line in plain.splitlines()) <= width


def test_a_bar_moves_on_a_terminal_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(screen, "REFRESH_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    with screen.progress("trading") as move:
        move(50, 100, "50 bars")
        assert "50%" in terminal.getvalue()
        assert "50 bars" in terminal.getvalue()
    erase = "\x1b[2K"
    assert terminal.getvalue().rstrip("\x1b[?25h\n").endswith(erase)


def test_without_a_terminal_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with screen.progress("trading") as move:
        move(50, 100, "50 bars")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain → text", "plain → text"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("two\nlines\tand [bold]markup[/]", "two\\nlines\\tand [bold]markup[/]"),
        ("right\u202eleft", "right\\u202eleft"),
    ],
)
def test_texts_from_elsewhere_cannot_steer_the_terminal(text: str, written: str) -> None:
    assert streams.harmless(text) == written


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (screen.number(1234567), "1,234,567"),
        (screen.money(-1234.5, "USD"), "-1,234.50 USD"),
        (screen.money(-0.001, "USD"), "0.00 USD"),
        (screen.money(3.0, ""), "3.00"),
        (screen.percent(12.345), "12.3 %"),
        (screen.price(1.05684), "1.05684"),
        (screen.price(0.0), "-"),
        (screen.duration(0.123), "0.12 s"),
        (screen.duration(9.999), "10.0 s"),
        (screen.duration(59.94), "59.9 s"),
        (screen.duration(59.96), "1 min 00 s"),
        (screen.duration(125.4), "2 min 05 s"),
        (screen.moment(1_700_000_000_000_000_000), "2023-11-14 22:13:20 UTC"),
        (screen.plural(1, "event"), "1 event"),
        (screen.plural(1000, "event"), "1,000 events"),
    ],
)
def test_figures_are_written_for_people(said: str, expected: str) -> None:
    assert said == expected


def test_the_next_command_is_one_that_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / ".venv" / "bin" / "daybook"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", "")
    assert screen.command() == str(Path(".venv", "bin", "daybook"))
    monkeypatch.setenv("PATH", str(program.parent))
    assert screen.command() == ("daybook" if os.name != "nt" else screen.command())
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "tools" / "cli" / "__main__.py")])
    assert screen.command().endswith(" -m tools.cli")


def test_a_path_with_a_blank_is_quoted() -> None:
    assert screen.quoted("a b").strip("'\"") == "a b"
    assert screen.quoted("a b") != "a b"
    assert screen.quoted("a/b") == "a/b"


def test_a_character_that_the_stream_lacks_has_a_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    streams.make_safe()
    stream.write("so … on \N{EN DASH} 日")
    stream.flush()
    assert raw.getvalue() == b"so ... on - ?"
