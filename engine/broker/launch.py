"""From a configuration to the worker's command line, environment and deadlines."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from engine.broker import wine, worker
from engine.broker.simulated import Setup
from engine.broker.supervisor import Deadlines, Launch
from engine.config import Worker
from journal.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def launch_of(settings: Worker) -> Launch:
    """Return how the worker with the real module is started. Raises ConfigError."""
    if not settings.wine:
        # -P: the folder of the worker file must not come before the installed packages.
        return Launch([settings.python or sys.executable, "-P", worker.__file__])
    if settings.python:
        raise ConfigError(
            "broker.worker has both `python` and `wine`; a prefix uses its own Python: remove one"
        )
    if sys.platform == "win32":
        raise ConfigError("broker.worker.wine is for Linux; remove it on Windows")
    prefix = Path(settings.wine).expanduser()
    file = wine.windows_path(Path(worker.__file__))
    command = [wine.program(), str(wine.python(prefix)), file]
    return Launch(command, wine.environment(prefix, os.environ))


def launch_simulated(setup: Setup) -> Launch:
    """Return how a worker with the simulated terminal is started."""
    stand_in = ["--module", "engine.broker.simulated", msgspec.json.encode(setup).decode()]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-P", worker.__file__, *stand_in]
    return Launch(command, {**os.environ, "PYTHONPATH": path})


def deadlines_of(settings: Worker) -> Deadlines:
    """Return the configured deadlines."""
    return Deadlines(
        call=settings.deadline_s,
        history=settings.history_deadline_s,
        initialize=settings.initialize_deadline_s,
    )


def initialize_arguments(settings: Worker | None) -> dict[str, Any]:
    """Return what `initialize` is told: which terminal, and nothing that logs in anywhere.

    The terminal keeps the password and is logged in by a person; the account is only checked.
    """
    if settings is None:
        return {}
    given: dict[str, Any] = {"path": settings.terminal} if settings.terminal else {}
    return given | ({"portable": True} if settings.portable else {})
