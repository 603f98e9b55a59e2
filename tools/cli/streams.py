"""The standard streams: any character can be written, none steers a terminal, a reader may go."""

from __future__ import annotations

import codecs
import errno
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


def harmless(text: str) -> str:
    """Return the text with every control character written out, so that none reaches a terminal."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def reader_left(error: OSError) -> bool:
    """Return whether a write failed because whoever read our output has gone."""
    # Windows has no EPIPE for this; it calls the argument invalid.
    windows = os.name == "nt" and error.errno == errno.EINVAL and error.filename is None
    return isinstance(error, BrokenPipeError) or windows


def forget_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's last flush cannot fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())


def _plainer(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(_PLAINER.get(c, "?") for c in text), error.end
