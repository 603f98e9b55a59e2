"""How a command ends: its exit code, and one line on the error stream for whatever went wrong.

0    fine
1    found a problem: corrupt, diverged, discrepancy
2    could not run: usage, configuration, missing file, the terminal, or a defect of Daybook
130  interrupted
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import typer

from journal.errors import DaybookError, DivergenceError, JournalCorrupt, UndecodableEvent
from tools.cli.streams import forget_stdout, harmless, reader_left

FINE = 0
PROBLEM = 1
COULD_NOT_RUN = 2
INTERRUPTED = 130

_PROBLEMS = (JournalCorrupt, UndecodableEvent, DivergenceError)


def guarded(run: Callable[[], object]) -> int:
    """Run a command and return its exit code; nothing it raises is shown as a traceback."""
    try:
        returned = run()
        sys.stdout.flush()
    except typer.Exit:  # typer's own way to say a code: `--help`, `--version`
        raise
    except typer.TyperException as error:
        say(_usage(error))
        return COULD_NOT_RUN
    except DaybookError as error:
        say(str(error))
        return PROBLEM if isinstance(error, _PROBLEMS) else COULD_NOT_RUN
    except OSError as error:
        if reader_left(error):
            forget_stdout()
            return FINE
        say(_os_error(error))
        return COULD_NOT_RUN
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 (a person gets one line; the file has the rest)
        say(_unexpected(error))
        return COULD_NOT_RUN
    return returned if isinstance(returned, int) else FINE


def say(message: str) -> None:
    """Write each line of a message to the error stream, behind the command's name."""
    for line in message.splitlines() or [""]:
        sys.stderr.write(f"daybook: {harmless(line)}\n")


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "daybook"
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message}; `{where} --help` shows what is possible"


def _os_error(error: OSError) -> str:
    file = f"{error.filename}: " if error.filename else ""
    return f"{file}{error.strerror or error}"


def _unexpected(error: Exception) -> str:
    from engine.ops.logs import redact  # noqa: PLC0415 (not needed on a good day)

    report = "".join(traceback.format_exception(error))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = Path(tempfile.gettempdir()) / f"daybook-{stamp}-{os.getpid()}.txt"
    said = " ".join(redact(str(error)).split()) or "no message"
    message = f"a defect in Daybook: {type(error).__name__}: {said[:200]}"
    try:
        path.write_text(f"{sys.argv}\n{sys.version}\n\n{redact(report)}", encoding="utf-8")
    except OSError as unwritable:
        return f"{message} (its traceback could not be written: {unwritable})"
    return f"{message}; the traceback is in {path}"
