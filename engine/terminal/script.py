"""Runs a program that was written for the real module against a simulated terminal, unmodified.

The program's clock is the market's: while it sleeps the market moves on, and nobody waits.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.terminal.errors import ProfileError
from engine.terminal.terminal import Terminal


def run_script(script: str | Path, terminal: Terminal, arguments: Sequence[str] = ()) -> bool:
    """Run a Python file as `__main__` with `terminal` as its `MetaTrader5`.

    Each call that reads prices moves the market by one step, and `time.sleep` by as much server
    time as it was asked to wait for. When the data has ended the program gets the
    KeyboardInterrupt that it would get from Ctrl-C.

    Returns:
        Whether the program ran until the data had ended; False when it left off by itself.

    Raises:
        ProfileError: there is no such file.
        Exception: whatever the program raises.
    """
    path = Path(script)
    if not path.is_file():
        raise ProfileError(f"there is no program at {path}")
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True
        raise KeyboardInterrupt

    def sleep(seconds: float) -> None:
        until = terminal.server_time_msc + round(seconds * 1000)
        while terminal.server_time_msc < until:
            if not terminal.advance():
                end()

    terminal.pace(1, at_end=end)
    with _surroundings(path, terminal, arguments, sleep):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except KeyboardInterrupt:
            if not ended:
                raise
        finally:
            terminal.pace(0)
    return ended


@contextmanager
def _surroundings(
    path: Path, terminal: Terminal, arguments: Sequence[str], sleep: object
) -> Iterator[None]:
    """What the program finds around it: its arguments, its folder, the module, the clock."""
    before = sys.argv, sys.path[:], sys.modules.get("MetaTrader5"), time.sleep
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules["MetaTrader5"] = terminal.module()
    time.sleep = sleep  # type: ignore[assignment]  # restored below
    try:
        yield
    finally:
        sys.argv, sys.path[:], module, time.sleep = before
        del sys.modules["MetaTrader5"]
        if module is not None:
            sys.modules["MetaTrader5"] = module
