"""What can happen to a call outside the module. Pure: the kernel judges answers by these codes."""

from __future__ import annotations

from enum import IntEnum


class Fault(IntEnum):
    """Codes of `CallFailed` for what happened outside the module, beside its own `last_error()`.

    The module's codes end at -10005. Below -20010 the call may have had its effect.
    """

    NOT_RUNNING = -20001
    """There was no worker to take the call, or no place in its queue: nothing was sent."""
    NOT_ALLOWED = -20002
    """The call is not one that the protocol carries: nothing was sent."""
    MOVED_ON = -20003
    """The position or order that was meant is gone or not as it was, or its symbol has come in
    doubt: nothing was sent."""
    FORBIDDEN = -20004
    """The operator's halt file was there at the last moment: nothing was sent."""
    DIED = -20011
    """The worker's process ended before it answered."""
    STUCK = -20012
    """The worker did not answer within the deadline, and was killed."""
    GARBLED = -20013
    """What the worker answered cannot be read; it was killed."""
