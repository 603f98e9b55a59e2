"""The process's own log, for people: a short line on the console, and rotating files of JSON.

Never the source of truth (that is the journal), never a place for a secret: everything that looks
like one is replaced before it is written, also in what libraries say through `logging`.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from loguru import logger

from engine.config import Log
from journal.errors import ConfigError

if TYPE_CHECKING:
    from loguru import Message, Record

FILE = "daybook.log"
"""Name of the newest file; older ones bear the time of their rotation in it."""

ROTATION_BYTES = 10_000_000
KEPT_FILES = 10

HIDDEN = "***"

_NAMES = r"(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|authorization|credentials?)"
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Telegram: https://core.telegram.org/bots/api#authorizing-your-bot
    (re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}"), HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(
            rf"""(\w*{_NAMES}\w*["']?\s*[:=]\s*)(?!(?:Bearer|Basic)\b)("[^"]*"|'[^']*'|[^\s"',;&)}}\]]+)""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(://[^\s/:@]+:)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    # Trading Economics takes its key as `c=`.
    (re.compile(r"([?&]c=)[^\s&]+"), rf"\1{HIDDEN}"),
)


def configure(log: Log, base: Path) -> None:
    """Send the process's log to the console, and to files when a directory is configured.

    base  what a relative directory starts at
    Raises ConfigError when the directory cannot be written. May be called again.
    """
    logger.remove()
    logger.configure(patcher=_redact)
    logger.add(
        _write_console,
        level=log.level,
        format=_console_line,
        colorize=sys.stderr.isatty(),
        backtrace=False,
        diagnose=False,
    )
    if log.directory:
        _add_file(log, base / log.directory)
    logging.basicConfig(handlers=[_Bridge()], level=logging.WARNING, force=True)


def redact(text: str) -> str:
    """Return the text with everything that looks like a secret replaced."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _add_file(log: Log, directory: Path) -> None:
    try:
        logger.add(
            directory / FILE,
            level=log.level,
            format=_json_line,
            rotation=ROTATION_BYTES,
            retention=KEPT_FILES,
            encoding="utf-8",
            backtrace=False,
            diagnose=False,  # it would write the values of variables
        )
    except OSError as error:
        raise ConfigError(
            f"log.directory: {directory} cannot be written: {error.strerror}; "
            "give a directory that can, or none"
        ) from error


def _redact(record: Record) -> None:
    """Clean a record before any sink sees it, its exception (as text) included."""
    record["message"] = redact(record["message"])
    extra = record["extra"]
    for name in extra:
        extra[name] = HIDDEN if _SECRET_NAME.search(name) else _clean(extra[name])
    caught = record["exception"]
    if caught is not None:
        trace = traceback.format_exception(caught.type, caught.value, caught.traceback)
        extra["exception"] = redact("".join(trace).rstrip())


def _clean(value: object) -> object:
    return value if isinstance(value, bool | int | float | None) else redact(str(value))


def _write_console(message: Message) -> None:
    # Looked up at every line: a progress bar may stand in for the stream.
    if sys.stderr is not None:
        sys.stderr.write(message)


def _console_line(record: Record) -> str:
    line = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {message}\n"
    return line + "{extra[exception]}\n" if "exception" in record["extra"] else line


def _json_line(record: Record) -> str:
    line = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "message": record["message"],
        "where": f"{record['name']}:{record['function']}:{record['line']}",
        "process": record["process"].id,
        "thread": record["thread"].name,
        **{name: value for name, value in record["extra"].items() if name != "json"},
    }
    record["extra"]["json"] = msgspec.json.encode(line).decode()
    return "{extra[json]}\n"


class _Bridge(logging.Handler):
    """Hands what libraries log through `logging` to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        known = record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        level = record.levelname if known else record.levelno
        logger.opt(exception=record.exc_info).bind(logger=record.name).log(
            level, "{}", record.getMessage()
        )
