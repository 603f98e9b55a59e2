"""Rebuilding the kernel from the journal. Starting and recovering are this same code: there is no
other start."""

from __future__ import annotations

from collections.abc import Iterable

from engine.config import Account
from engine.kernel import Kernel
from journal.envelope import AnyEvent
from journal.errors import UsageError
from journal.events import Role
from projections.state import State


def rebuild(kernel: Kernel, events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """Fold recorded events into `kernel`; return the decisions that a crash cut off the last step.

    The caller appends them before anything else. Nothing that they intend is ever sent: the next
    run finds them as
    intents without an outcome, and looks for evidence.
    """
    cause: AnyEvent | None = None
    decisions: list[AnyEvent] = []
    for event in events:
        if event.data.ROLE is Role.DECISION:
            decisions.append(event)
        elif event.data.ROLE is Role.INPUT:
            _fold_step(kernel, cause, decisions)
            cause, decisions = event, []
    return kernel.complete(cause, decisions) if cause is not None else []


def require_account(state: State, account: Account) -> None:
    """Raise UsageError when a journal is of another account than the one that is to be traded."""
    run = state.run
    if run.login and (run.login, run.server) != (account.login, account.server):
        raise UsageError(
            f"this journal is of account {run.login} on {run.server}, and the configuration names "
            f"{account.login} on {account.server}; nothing was started. One journal is of one "
            "account: give another folder under `journal`, or the account's own configuration"
        )


def _fold_step(kernel: Kernel, cause: AnyEvent | None, decisions: list[AnyEvent]) -> None:
    if cause is not None:
        kernel.evolve(cause)
    for decision in decisions:
        kernel.evolve(decision)
