"""The standard streams: made to take any character, and let go when their reader has left."""

from __future__ import annotations

import codecs
import os
import sys

_PLAINER = {
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
}
"""What stands for a character that the encoding of a stream lacks; `?` for all others."""


def make_safe() -> None:
    """Make both streams write something for every character, whatever their encoding."""
    codecs.register_error("daybook", _plainer)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="daybook")


def forget_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's last flush cannot fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())


def _plainer(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(_PLAINER.get(c, "?") for c in text), error.end
