"""What the figures were measured on, without which they mean nothing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec

from journal.fs import OS_FS

PACKAGES = ("msgspec", "numpy", "duckdb", "pyarrow", "backtesting", "eventsourcing", "pandas")
IN_MEMORY = ("tmpfs", "ramfs")


class Machine(msgspec.Struct, frozen=True):
    """Machine facts.

    load          tasks waiting for a processor in the minute before, where the system tells
    file_system   of the folder that was measured in, where the system tells
    sync_us       median of a 200-byte append with its barrier, microseconds; `sync_p90_us` likewise
    """

    processor: str
    cores: int
    load: float | None
    system: str
    python: str
    file_system: str
    sync_us: float
    sync_p90_us: float
    packages: dict[str, str]


def look(folder: Path, syncs: int) -> Machine:
    """Describe this machine and measure what a barrier costs in `folder`."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    times = sorted(_sync_times(folder / "sync", syncs))
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 0,
        load=load,
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        file_system=file_system(folder),
        sync_us=median(times) * 1e6,
        sync_p90_us=times[int(len(times) * 0.9)] * 1e6,
        packages={name: found for name in PACKAGES if (found := _version(name))},
    )


def _sync_times(path: Path, count: int) -> list[float]:
    handle = OS_FS.open(path, new=True)
    times = []
    try:
        for _ in range(count + 1):
            begun = perf_counter()
            OS_FS.write(handle, b"x" * 199 + b"\n")
            OS_FS.sync(handle)
            times.append(perf_counter() - begun)
    finally:
        OS_FS.close(handle)
        path.unlink()
    return times[1:]  # the first one makes the file


def file_system(folder: Path) -> str:
    """Return the kind of file system that `folder` is on, empty where the system does not tell."""
    mounts = Path("/proc/self/mounts")
    if not mounts.is_file():
        return ""
    found, longest = "", -1
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, kind = line.split()[:3]
        if folder.resolve().is_relative_to(point) and len(point) > longest:
            found, longest = kind, len(point)
    return found


def resident_mb() -> float | None:
    """Return how much memory this process has in use, MB; None where the system does not tell."""
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        return None
    pages = int(statm.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 if sys.platform != "win32" else None


def peak_mb() -> float | None:
    """Return the most memory this process ever had in use, MB; None where nobody tells."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) * 1024 / 1e6
    return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
