"""The command `daybook`: what can be typed, and what each command's help says.

Only declarations: a command's own module is imported when the command runs, so that `--help` does
not wait for databases and engines.
"""
# ruff: noqa: PLC0415 (see above)

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tools.cli.app import AsJson, Directory, Endpoint, Region, app, command
from tools.cli.errors import COULD_NOT_RUN, guarded
from tools.cli.streams import make_safe

programs = typer.Typer(rich_markup_mode=None)
app.add_typer(programs, name="terminal", help="Run programs of others on the simulated terminal.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (`tools.cli.errors`)."""
    make_safe()
    daybook = typer.main.get_command(app)
    return guarded(
        lambda: daybook.main(
            args=None if arguments is None else list(arguments),
            prog_name="daybook",
            standalone_mode=False,
        )
    )


def _print_version(wanted: bool) -> None:
    from importlib.metadata import PackageNotFoundError, version

    if wanted:
        try:
            typer.echo(f"daybook {version('mt5-daybook')}")
        except PackageNotFoundError:
            typer.echo("daybook, not installed as a package")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog="Start with: daybook demo")
def root(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """An event-sourced trading engine for MetaTrader 5: a journal first, all else a projection.

    Exit codes: 0 fine; 1 found a problem (corrupt, diverged, discrepancy); 2 could not run.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(COULD_NOT_RUN)


@command("daybook demo --bars 5000")
def demo(
    bars: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Stop after N bars.", show_default="all"),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Journal to begin or go on with.", show_default="journals/demo"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=2**53, help="Of the simulation.", show_default="1"),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Trade real EURUSD prices against the simulated terminal.

    Three months of one-minute bars, as fast as it goes. Afterwards the journal's chain is verified
    and the run is replayed. Stop it at any moment, even with kill -9: the same command goes on
    where it was. A journal whose bars are all traded is not run again, only checked.
    """
    from tools.cli.demo import demo as run_demo

    return run_demo(bars=bars, journal=journal, seed=seed, as_json=as_json)


@command("daybook run --config configs/demo.yaml")
def run(
    config: Annotated[Path, typer.Option(metavar="FILE", help="A YAML profile.")],
    as_json: AsJson = False,
) -> int:
    """Run the engine from a configuration.

    It trades until stopped, or until a simulation's prices end. Ctrl-C or SIGTERM stops it cleanly:
    what is in flight is settled first. Started again it goes on where it was. Environment variables
    override the file: DAYBOOK_RISK__PER_TRADE_PERCENT=0.5. Exit code 1 when trading was halted.
    """
    from tools.cli.run import run as run_engine

    return run_engine(config, as_json=as_json)


@command("daybook status journals/demo")
def status(directory: Directory, as_json: AsJson = False) -> int:
    """Say what a journal says: account, positions, orders.

    Everything is computed from the journal, the engine running or not; whether it runs, it is asked
    itself.
    """
    from tools.cli.overview import status as print_status

    return print_status(directory, as_json=as_json)


@command("daybook verify journals/demo")
def verify(
    directory: Directory,
    expect: Annotated[
        str,
        typer.Option(
            metavar="SEQ:HASH",
            help="A sequence and its hash, as written down elsewhere before: "
            "shows that the end was cut off or the journal rewritten.",
            show_default=False,
        ),
    ] = "",
    head: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The same from a file that `daybook head --json` wrote; its signature is checked.",
        ),
    ] = None,
    signer: Annotated[
        str,
        typer.Option(
            "--signed-by",
            metavar="PUBLICKEY",
            help="Who must have signed that head.",
            show_default=False,
        ),
    ] = "",
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare the segments' columns with their events.")
    ] = False,
    snapshots: Annotated[
        bool, typer.Option("--snapshots", help="Compare snapshots with a replay.")
    ] = False,
    proof: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A proof that `daybook prove` wrote, to be checked."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check a journal: chain, order, gaps, decodability.

    It changes nothing, and the engine may be running. Exit code 1 when anything is corrupt. A torn
    end is what a crash leaves and no damage: the next start moves it to quarantine.
    """
    from tools.cli.inspect import Wanted
    from tools.cli.inspect import verify as print_verification

    wanted = Wanted(expect, head, signer, deep, snapshots, proof)
    return print_verification(directory, wanted, as_json=as_json)


@command("daybook replay journals/demo --verify")
def replay(
    directory: Directory,
    verify: Annotated[
        bool, typer.Option("--verify", help="Hold every decision against the recorded one.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Decide again from the recorded inputs, and compare.

    Every decision is computed with the code as it is today. Exit code 1 at the first that differs;
    it is shown beside the recorded one.
    """
    from tools.cli.replay import replay as print_replay

    return print_replay(directory, verify=verify, as_json=as_json)


@command('daybook sql journals/demo "select * from deal_recorded limit 5"')
def sql(
    place: Annotated[
        str,
        typer.Argument(metavar="DIR", help="Folder of the journal, or URI of a published one."),
    ] = "",
    query: Annotated[
        str | None, typer.Argument(metavar="SELECT", help="One SELECT of DuckDB's SQL.")
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write Parquet to a new file.")
    ] = None,
    list_examples: Annotated[
        bool, typer.Option("--examples", help="List ready views, macros and queries to try.")
    ] = False,
    others: Annotated[
        list[str] | None,
        typer.Option("--and", metavar="URI", help="Another published journal; may be repeated."),
    ] = None,
    endpoint: Endpoint = "",
    region: Region = "",
) -> int:
    """Ask a journal with SQL.

    The view events has every event, and each type has a view with its fields as columns:
    deal_recorded, order_intended, bar_closed and so on; "show tables" lists them. Questions that
    people ask are ready: orders, trades, why(SEQ) and others, see --examples. The engine may be
    running; the journal is only read, and nothing is ever downloaded for it.
    """
    from tools.cli.sql import Asked, examples
    from tools.cli.sql import sql as print_rows

    if list_examples:
        return examples(as_json=as_json)
    asked = Asked(place, others or [], endpoint, region)
    return print_rows(asked, query, as_json=as_json, as_csv=as_csv, parquet=parquet)


@command("daybook doctor --config configs/demo.yaml")
def doctor(
    config: Annotated[Path, typer.Option(metavar="FILE", help="A YAML profile.")],
    as_json: AsJson = False,
) -> int:
    """Examine everything that a live run needs.

    Each line says what was found and how to mend it. Nothing is traded; symbols are put into Market
    Watch as a run would. Exit code 1 when something keeps the engine from trading.
    """
    from tools.cli.doctor import doctor as examine

    return examine(config, as_json=as_json)


@command("daybook conformance --config configs/demo.yaml")
def conformance(
    config: Annotated[Path, typer.Option(metavar="FILE", help="A YAML profile.")],
    symbol: Annotated[
        str,
        typer.Option(metavar="NAME", help="To trade.", show_default="the first strategy's"),
    ] = "",
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every call and answer there, as JSON."),
    ] = None,
    reading: Annotated[bool, typer.Option("--reading", help="Send no order.")] = False,
    as_json: AsJson = False,
) -> int:
    """Try the terminal on a demo account, case by case.

    It sends orders of the smallest volume, of every kind, and closes them again. A real account is
    refused. Exit code 1 when a case failed.
    """
    from tools.cli.conformance import conformance as run_cases

    return run_cases(config, symbol=symbol, record=record, reading=reading, as_json=as_json)


class _Stamps(StrEnum):
    SERVER = "server"
    UTC = "utc"


_FILES = "SYMBOL=FILE"


@command("daybook terminal run robot.py --seed 7 -- EURUSD --lots 0.1", programs, "run")
def terminal_run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python file.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARGS",
            help="What the program is given; options stand behind --.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(metavar="NAME", help="Its account and symbols: a profile, or a YAML file."),
    ] = "ecn-hedging",
    bars: Annotated[
        list[str] | None,
        typer.Option(metavar=_FILES, help="One-minute bars of a symbol, CSV or Parquet."),
    ] = None,
    ticks: Annotated[
        list[str] | None,
        typer.Option(metavar=_FILES, help="Ticks of a symbol: time_msc, bid, ask."),
    ] = None,
    stamps: Annotated[
        _Stamps, typer.Option(help="The clock of those ticks' time_msc.")
    ] = _Stamps.SERVER,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=2**53, help="Of all that is drawn.")
    ] = 0,
    book: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The broker's book: the same command goes on with it."),
    ] = None,
) -> int:
    """Run a program that was written for the MetaTrader5 module.

    It is not changed: `import MetaTrader5` finds the simulated terminal, time.sleep lets the market
    move on, and when the prices have ended the program gets a KeyboardInterrupt. Without --bars and
    --ticks, prices are drawn. The exit code is the program's own, 1 when it raised something.
    """
    from tools.cli.terminal import run as run_program

    return run_program(
        script,
        arguments or [],
        profile=profile,
        bars=bars or [],
        ticks=ticks or [],
        stamps=stamps.value,
        seed=seed,
        book=book,
    )


@command("daybook terminal profiles", programs, "profiles")
def terminal_profiles() -> int:
    """List the accounts that can be simulated by name."""
    from tools.cli.terminal import profiles as print_profiles

    return print_profiles()


from tools.cli import account as _account  # noqa: E402, F401
from tools.cli import doors as _doors  # noqa: E402, F401 (their commands are listed after these)
from tools.cli import journal as _journal  # noqa: E402, F401
