"""What can be typed about a journal and its account: the declarations of `reconcile` and
`duplicates`."""
# ruff: noqa: PLC0415 (see `tools.cli`)

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.cli.app import AsJson, Directory, command


@command("daybook reconcile --config configs/demo.yaml --since 7d --dry-run")
def reconcile(
    config: Annotated[Path, typer.Option(metavar="FILE", help="A YAML profile.")],
    since: Annotated[
        str,
        typer.Option(
            metavar="WHEN", help="How far back in the broker's history: 7d, 12h, or a date."
        ),
    ] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, and heal nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Hold the journal against the broker.

    A running engine does it, and reads what is new first, as it does all the time; else the broker
    is read here, by something that cannot send. What recording the broker's truth heals is healed,
    unless it is a dry run. The broker's lists lag by seconds: what a dry run finds may be gone when
    it is run again. Exit code 1 when differences remain; `engine/execution/RECONCILIATION.md` says
    what each means.
    """
    from tools.cli.reconcile import reconcile as run_reconcile

    return run_reconcile(config, since=since, dry_run=dry_run, as_json=as_json)


@command("daybook duplicates journals/demo")
def duplicates(
    directory: Directory,
    within: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.0, help="Between two intents that may have been one."
        ),
    ] = 30.0,
    as_json: AsJson = False,
) -> int:
    """Say what may have been done twice, or unmeant.

    Every pair of intents of one strategy, symbol, side and position that were close together, or
    that one event led to, when both had an effect or may have had one; and every effect without an
    intent. Exit code 1 when there is any. Worth a look after a crash, after restoring a backup, and
    when two engines may have run on one account.
    """
    from tools.cli.duplicates import duplicates as print_duplicates

    return print_duplicates(directory, within_s=within, as_json=as_json)
