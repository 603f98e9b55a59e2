"""Seal beside the writer without holding it up: in a child process, or else in a thread.

Decoding and compressing hold Python's interpreter lock for long stretches, so a thread would slow
the loop that trades. The child is bounded work, crash-safe, and needs nothing from its parent.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from journal.errors import DaybookError

_LOW_PRIORITY: int = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)  # Windows only


class Sealing:
    """Runs one sealing of a journal at a time. `error` says why the last one failed, or nothing."""

    def __init__(self, directory: Path) -> None:
        self.error = ""
        self._directory = directory
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Start a sealing and return True; return False while one is running."""
        if self.running():
            return False
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "journal", str(self._directory.resolve())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                creationflags=_LOW_PRIORITY,
            )
        except OSError:
            self._thread = threading.Thread(target=self._seal_here, daemon=True)
            self._thread.start()
        return True

    def running(self) -> bool:
        """Whether a sealing is under way."""
        if self._thread and self._thread.is_alive():
            return True
        if self._child and self._child.poll() is None:
            return True
        self._reap()
        return False

    def wait(self) -> None:
        """Wait for a sealing to end."""
        if self._thread:
            self._thread.join()
        self._reap()

    def _reap(self) -> None:
        if self._child:
            _, complaint = self._child.communicate()
            self.error = (
                complaint.decode("utf-8", "replace").strip() if self._child.returncode else ""
            )
            self._child = None

    def _seal_here(self) -> None:
        from journal.seal import seal  # noqa: PLC0415 (loads pyarrow, which the child does apart)

        try:
            seal(self._directory)
            self.error = ""
        except (DaybookError, OSError) as error:
            self.error = str(error)
