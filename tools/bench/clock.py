"""Time taken inside other code: how long the disk's barriers lasted."""

from __future__ import annotations

from time import perf_counter

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


def percentile(values: list[int], percent: float) -> float:
    """Return the value below which `percent` of the values lie."""
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))])
