"""`python -m journal DIR` seals what is due. The writer starts it; a person may, too."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from journal.errors import DaybookError
from journal.seal import seal


def main(arguments: list[str]) -> int:
    """Seal and return the exit code: 0 fine, 1 the journal is damaged, 2 it could not run."""
    if len(arguments) != 1:
        return _complain("usage: python -m journal DIR", 2)
    if sys.platform != "win32":
        os.nice(10)  # the writer's loop comes first
    try:
        seal(Path(arguments[0]))
    except DaybookError as error:
        return _complain(str(error), 1)
    except OSError as error:
        return _complain(f"sealing failed: {error}", 2)
    return 0


def _complain(what: str, code: int) -> int:
    sys.stderr.write(f"{what}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
