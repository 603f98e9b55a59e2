"""What an operator can type: the declarations of the commands of `tools.cli.operate`."""
# ruff: noqa: PLC0415 (see `tools.cli`)

from __future__ import annotations

from typing import Annotated

import typer

from tools.cli.app import AsJson, Directory, command

Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it goes into the journal.")]
Symbol = Annotated[
    str, typer.Option(metavar="NAME", help="Only of this symbol.", show_default=False)
]
Strategy = Annotated[
    str, typer.Option(metavar="NAME", help="Only of this strategy.", show_default=False)
]


@command('daybook stop journals/live --reason "maintenance"')
def stop(
    directory: Directory,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, if it matters.", show_default=False)
    ] = "",
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="To wait for its end.")
    ] = 120.0,
    as_json: AsJson = False,
) -> int:
    """End the run cleanly, and wait for it.

    What is in flight is settled first. Positions stay open, with the stops and targets that the
    broker has. When no engine runs there is nothing to do, and that is fine.
    """
    from tools.cli.operate import stop as run_stop

    return run_stop(directory, reason, timeout_s=timeout, as_json=as_json)


@command('daybook pause journals/live --reason "news week"')
def pause(directory: Directory, reason: Reason, as_json: AsJson = False) -> int:
    """Let nothing new be opened.

    What is open is still protected, and may be closed. A pause outlives restarts; `daybook resume`
    ends it. When no engine runs it counts from the next start on.
    """
    from tools.cli.operate import pause as run_pause

    return run_pause(directory, reason, as_json=as_json)


@command('daybook resume journals/live --reason "balance explained: a deposit"')
def resume(directory: Directory, reason: Reason, as_json: AsJson = False) -> int:
    """Let trading go on after a halt or a pause.

    It removes the halt file, if there is one. What can be looked at is looked at again at once, and
    halts again while it is not mended: exit code 1. When no engine runs all of this comes with the
    next start.
    """
    from tools.cli.operate import resume as run_resume

    return run_resume(directory, reason, as_json=as_json)


@command('daybook halt journals/live --reason "it does what it should not"')
def halt(directory: Directory, reason: Reason, as_json: AsJson = False) -> int:
    """Emergency stop: nothing at all is sent.

    Not even closes: for when the engine itself is not trusted. It makes the file HALT in the
    journal's folder; making it by hand does the same, and works whatever state the engine is in.
    `daybook resume` ends it. To get out of the market use `daybook flatten` instead.
    """
    from tools.cli.operate import halt as run_halt

    return run_halt(directory, reason, as_json=as_json)


@command('daybook flatten journals/live --symbol EURUSD --reason "surprise at the ECB"')
def flatten(
    directory: Directory,
    reason: Reason,
    symbol: Symbol = "",
    strategy: Strategy = "",
    as_json: AsJson = False,
) -> int:
    """Close positions and cancel pending orders.

    All of them, or those of a symbol or a strategy, as they are now. Trading goes on; pause first
    when it shall not. It returns when the wish is in the journal; the engine asks the broker until
    nothing is left of it, the next one when none runs. `daybook status` shows what is left.
    """
    from tools.cli.operate import flatten as run_flatten

    return run_flatten(directory, symbol=symbol, strategy=strategy, reason=reason, as_json=as_json)


@command('daybook cancel journals/live 5K2M9QAB01 --reason "the level is gone"')
def cancel(
    directory: Directory,
    reason: Reason,
    key: Annotated[
        str,
        typer.Argument(metavar="[KEY]", help="Of one order; all without it.", show_default=False),
    ] = "",
    symbol: Symbol = "",
    strategy: Strategy = "",
    as_json: AsJson = False,
) -> int:
    """Cancel pending orders.

    All of them, one by its order key, or those of a symbol or a strategy, as they are now. It
    returns when the wish is in the journal, as `daybook flatten` does.
    """
    from tools.cli.operate import cancel as run_cancel

    return run_cancel(
        directory, key=key, symbol=symbol, strategy=strategy, reason=reason, as_json=as_json
    )


@command('daybook resolve journals/live 5K2M9QAB01 --executed 812345 --reason "broker\'s desk"')
def resolve(
    directory: Directory,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Of the unresolved order or change.")],
    reason: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Who says so; it goes into the journal.", show_default=False
        ),
    ] = "",
    executed: Annotated[
        int | None,
        typer.Option(
            metavar="TICKET",
            min=0,
            max=2**63 - 1,
            help="It was executed as this order; 0 for a change.",
            show_default=False,
        ),
    ] = None,
    not_executed: Annotated[bool, typer.Option("--not-executed", help="It never was.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say what became of an unresolved order.

    For when the broker's lists do not tell, and its staff or its terminal do. Without a verdict it
    shows what is known and changes nothing. Deals of the ticket that are in the journal already are
    counted to the order. It does not resume trading.
    """
    from tools.cli.operate import resolve as run_resolve

    return run_resolve(
        directory, key, executed=executed, not_executed=not_executed, reason=reason, as_json=as_json
    )
