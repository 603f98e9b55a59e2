"""What happens inside other code: how long the disk's barriers lasted, what works on beside it."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter, process_time
from types import ModuleType
from typing import Any

from journal import writer
from journal.background import Sealing
from journal.fs import OsFs


class TimedSync:
    """Counts a file system's barriers and the seconds they took."""

    def __init__(self, fs: OsFs) -> None:
        self.count = 0
        self.seconds = 0.0
        self._sync = fs.sync
        # On the instance: whoever uses this file system is timed, wherever it got it from.
        setattr(fs, "sync", self._timed)  # noqa: B010 (mypy refuses a method's assignment)

    def _timed(self, handle: int) -> None:
        begun = perf_counter()
        self._sync(handle)
        self.seconds += perf_counter() - begun
        self.count += 1

    def reset(self) -> None:
        """Begin anew."""
        self.count = 0
        self.seconds = 0.0


class LeftOut:
    """Counts the processor seconds that a function of a module takes, to be left out."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self.busy = 0.0
        self._function = getattr(module, name)
        setattr(module, name, self._timed)

    def _timed(self, *arguments: Any) -> Any:
        begun = process_time()
        result = self._function(*arguments)
        self.busy += process_time() - begun
        return result

    def reset(self) -> None:
        """Begin anew."""
        self.busy = 0.0


class Sealings:
    """Knows the sealings that writers start, which go on after a writer is closed.

    prevented  none is started: the journal stays in its tail
    """

    def __init__(self, *, prevented: bool = False) -> None:
        known: list[Sealing] = []
        self._known = known

        class Known(Sealing):
            """A sealing that is remembered."""

            def __init__(self, directory: Path) -> None:
                super().__init__(directory)
                known.append(self)

            def start(self) -> bool:
                return prevented or super().start()

        setattr(writer, "Sealing", Known)  # noqa: B010 (mypy refuses to replace a class)

    def wait(self) -> None:
        """Wait for all of them, so that none takes a processor from what is measured next."""
        while self._known:
            self._known.pop().wait()


def percentile(values: list[int], percent: float) -> float:
    """Return the value below which `percent` of the values lie."""
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))])
