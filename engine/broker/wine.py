"""A Wine prefix with a Windows Python in it: where things are, and how its programs are started.

`tools/wine.py` makes such prefixes; nothing here changes one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from journal.errors import ConfigError

PYTHON = Path("drive_c", "daybook", "python.exe")
"""The Windows Python, seen from the prefix."""

STAMP = Path("drive_c", "daybook", "prepared.json")
"""What was installed, written as the last step: without it a prefix is not prepared."""

_PROGRAMS = ("/usr/lib/wine/wine64", "wine64", "wine")
"""Debian's `wine` wrapper asks for a 32-bit Wine that is not needed, so it comes last."""


def program() -> str:
    """Return the program that starts Windows programs. Raises ConfigError when there is none."""
    for name in _PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    raise ConfigError(
        "there is no Wine; on Debian: apt-get install wine wine64 --no-install-recommends"
    )


def environment(prefix: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for programs of a prefix, from that of this process.

    Wine's own debugger and its installers for .NET and HTML would open windows and wait.
    """
    return {
        **base,
        "WINEPREFIX": str(prefix.absolute()),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=;winedbg.exe=",
    }


def windows_path(path: Path) -> str:
    """Return a file of this system as Wine's programs name it: on the drive Z:."""
    return "Z:" + str(path.absolute()).replace("/", "\\")


def python(prefix: Path) -> Path:
    """Return the prefix's Python. Raises ConfigError when the prefix is not prepared."""
    if not (prefix / STAMP).is_file():
        raise ConfigError(
            f"{prefix} is no prepared Wine prefix; make one: python -m tools.wine --prefix "
            f"{prefix} prepare"
        )
    return prefix / PYTHON
