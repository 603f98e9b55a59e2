"""The log is short for people, JSON for machines, and holds no secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from engine.config import Log
from engine.ops import logs
from engine.ops.logs import configure, redact
from journal.errors import ConfigError

BOT = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    """Take away what `configure` set up, so that no test writes into another's files."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logger.remove()
    logger.configure(patcher=lambda _: None)
    root.handlers[:], root.level = handlers, level


def written(directory: Path) -> list[dict[str, object]]:
    text = (directory / logs.FILE).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_the_console_gets_one_short_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(Log(), tmp_path)
    logger.info("connected to {}", "Daybook-ECN")
    logger.debug("not at this level")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.endswith(" INFO    connected to Daybook-ECN\n")
    assert output.err.count("\n") == 1
    assert "\x1b" not in output.err


def test_no_file_is_written_unless_a_directory_is_configured(tmp_path: Path) -> None:
    configure(Log(), tmp_path)
    logger.warning("hello")
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_one_json_object_per_line(tmp_path: Path) -> None:
    configure(Log(level="DEBUG", directory="logs"), tmp_path)
    logger.bind(symbol="EURUSD", seq=7).info("a bar\nof two lines {not a field}")
    logger.debug("another")
    first, second = written(tmp_path / "logs")
    assert first["message"] == "a bar\nof two lines {not a field}"
    assert (first["level"], first["symbol"], first["seq"]) == ("INFO", "EURUSD", 7)
    assert str(first["where"]).startswith(f"{__name__}:test_the_file")
    assert second["level"] == "DEBUG"


def test_the_file_is_rotated_and_old_ones_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "ROTATION_BYTES", 2000)
    monkeypatch.setattr(logs, "KEPT_FILES", 2)
    configure(Log(directory="."), tmp_path)
    for number in range(60):
        logger.info("line {}", number)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert all(file.stat().st_size <= 2000 for file in files)
    assert written(tmp_path)[-1]["message"] == "line 59"


def test_configuring_again_replaces_what_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(Log(), tmp_path)
    configure(Log(level="ERROR"), tmp_path)
    logger.info("once")
    logger.error("twice")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("password=hunter2", "password=***"),
        ("Password: hunter2, login=5012345", "Password: ***, login=5012345"),
        ("{'password': 'hun ter2', 'login': 5}", "{'password': ***, 'login': 5}"),
        ('{"api_key":"abc","x":1}', '{"api_key":***,"x":1}'),
        ("TELEGRAM_TOKEN=abc&x=1", "TELEGRAM_TOKEN=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        (f"https://api.telegram.org/bot{BOT}/getMe", "https://api.telegram.org/bot***/getMe"),
        (f"token {BOT} refused", "token *** refused"),
        ("https://user:hunter2@broker.example/x", "https://user:***@broker.example/x"),
        (
            "https://te.example/calendar?c=guest:guest&f=json",
            "https://te.example/calendar?c=***&f=json",
        ),
    ],
)
def test_a_secret_is_replaced(text: str, clean: str) -> None:
    assert redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "login=5012345 server=Daybook-ECN",
        "order 50000001 filled 0.12 at 1.05684, key 2KQ7M0-1A",
        "12:30:45 halted: tokens are not read from files",
        "[1, 2): time 1700000000000000000",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=30), st.text(alphabet="abcXYZ0189_-!$%^*", min_size=4, max_size=30))
def test_a_password_never_survives_wherever_it_stands(before: str, secret: str) -> None:
    secret = f"zq{secret}qz"  # what the texts around it cannot hold by chance
    assert secret not in redact(f"{before} password={secret} more")
    assert secret not in redact(f'{before} "password": "{secret}"')


def test_secrets_reach_neither_console_nor_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(Log(directory="."), tmp_path)
    names = {"password": "hunter2", "url": f"https://x/bot{BOT}"}
    logger.bind(**names).error("login=7 password=hunter2")
    try:
        raise ValueError("password=hunter2 refused")
    except ValueError:
        logger.exception("no connection")
    logging.getLogger("httpx").warning("POST https://api.telegram.org/bot%s/getMe", BOT)
    everything = capsys.readouterr().err + (tmp_path / logs.FILE).read_text(encoding="utf-8")
    assert "hunter2" not in everything
    assert BOT not in everything
    assert "login=7" in everything
    assert "ValueError: password=*** refused" in everything
    first, second, third = written(tmp_path)
    assert first.get("password") == "***"
    assert "Traceback" in str(second["exception"])
    assert (third["logger"], third["level"]) == ("httpx", "WARNING")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"log\.directory: .*file.* cannot be written"):
        configure(Log(directory="file/logs"), tmp_path)
