"""The commands that keep, move and prove journals: what can be typed, and what each help says."""
# ruff: noqa: PLC0415 (a command's own module is imported when it runs, see `tools.cli`)

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tools.cli.app import AsJson, Directory, Endpoint, Region, command

Uri = Annotated[
    str,
    typer.Argument(metavar="URI", help="Where to: s3://bucket/name, file:///folder, or a folder."),
]


class Form(StrEnum):
    """What kinds of file an export makes."""

    PARQUET = "parquet"
    ARROW = "arrow"
    CSV = "csv"


class Verdict(StrEnum):
    """What a person may decide about a damaged journal."""

    TAIL = "tail"
    PREFIX = "prefix"


@command("daybook tail journals/live -f --type OrderIntended --type DealRecorded")
def tail(
    directory: Directory,
    last: Annotated[
        int, typer.Option("--last", "-n", metavar="N", min=0, help="Begin with the last N events.")
    ] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with every new event until Ctrl-C.")
    ] = False,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only events of this type; may be repeated."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the journal's own lines, byte for byte.")
    ] = False,
) -> int:
    """Show the newest events, a line for each.

    The engine may be running, and is not held up. On a terminal long lines are cut; in a pipe they
    are whole.
    """
    from tools.cli.tail import tail as print_tail

    return print_tail(directory, last=last, follow=follow, types=types or [], as_json=as_json)


@command("daybook backup journals/live /mnt/backup/live")
def backup(
    directory: Directory,
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new folder, or that of the last backup.")
    ],
    as_json: AsJson = False,
) -> int:
    """Copy a journal and verify the copy.

    The engine may be running. A second backup to the same folder copies only what is new. Exit code
    1 when the copy is not whole: then verify the journal itself.
    """
    from tools.cli.keep import backup as run_backup

    return run_backup(directory, target, as_json=as_json)


@command("daybook restore /mnt/backup/live journals/live")
def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder of the backup.")],
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or an empty one.")
    ],
    as_json: AsJson = False,
) -> int:
    """Bring a backup back, and verify what was brought.

    The engine goes on from where the backup was made. What was traded after that, the broker alone
    knows: reconciliation shows it at the start.
    """
    from tools.cli.keep import restore as run_restore

    return run_restore(source, directory, as_json=as_json)


@command("daybook retain journals/live --keep 5000000 --plan")
def retain(
    directory: Directory,
    apply: Annotated[
        bool, typer.Option("--apply/--plan", help="Drop them, or only say which may go.")
    ] = False,
    events: Annotated[
        int, typer.Option("--keep", metavar="EVENTS", min=0, help="The newest that stay anyhow.")
    ] = 1_000_000,
    as_json: AsJson = False,
) -> int:
    """Drop old segments that no start needs any more.

    Only what lies before the newest snapshot goes, and that snapshot must agree with a replay. Back
    the journal up first: from then on a start needs a snapshot, one by a Daybook of another version
    does not count, and a replay no longer begins at the beginning.
    """
    from tools.cli.keep import retain as run_retain

    return run_retain(directory, apply=apply, events=events, as_json=as_json)


@command("daybook seal journals/live")
def seal(
    directory: Directory,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every finished tail file, however few events it holds."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Turn finished tail files into Parquet segments.

    The engine does so by itself when enough has been written. Only sealed events can be published
    and proven. It may run beside the engine, and can be killed at any moment.
    """
    from tools.cli.keep import seal as run_seal

    return run_seal(directory, everything=everything, as_json=as_json)


@command("daybook rebuild journals/live")
def rebuild(directory: Directory, as_json: AsJson = False) -> int:
    """Make the projections' snapshot anew from the journal.

    The new one is written beside the old ones, which go away only then. The engine must not be
    running: only what is durable may be in a snapshot.
    """
    from tools.cli.keep import rebuild as run_rebuild

    return run_rebuild(directory, as_json=as_json)


@command("daybook repair journals/live --verdict tail")
def repair(
    directory: Directory,
    verdict: Annotated[
        Verdict,
        typer.Option(help="tail: cut a torn end off; prefix: cut before the first damage."),
    ],
    as_json: AsJson = False,
) -> int:
    """Mend a damaged journal in place, as you decide.

    What is cut off goes to the folder quarantine, and nothing is deleted. The engine cuts a torn
    end off by itself when it starts. With prefix, events that were acknowledged are lost: a backup
    is better, and salvage leaves the damaged journal alone.
    """
    from tools.cli.keep import repair as run_repair

    return run_repair(directory, verdict.value, as_json=as_json)


@command("daybook salvage journals/live journals/salvaged")
def salvage(
    directory: Directory,
    into: Annotated[Path, typer.Argument(metavar="INTO", help="A new folder, or an empty one.")],
    as_json: AsJson = False,
) -> int:
    """Copy what is good of a damaged journal into a new folder.

    What comes before the first damage becomes a journal. Whatever else can still be read is put
    beside it as loose events. The damaged journal is not changed.
    """
    from tools.cli.keep import salvage as run_salvage

    return run_salvage(directory, into, as_json=as_json)


@command("daybook export journals/demo fills.csv --query 'from fills'")
def export(
    directory: Directory,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A new file.")],
    form: Annotated[
        Form | None,
        typer.Option("--format", help="Kind of file.", show_default="by its name"),
    ] = None,
    query: Annotated[
        str,
        typer.Option(metavar="SELECT", help="What to write.", show_default="every event"),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Write events, or what a query returns, to a file.

    Parquet, Arrow (the IPC file format) or CSV. The engine may be running.
    """
    from tools.cli.move import export as run_export

    return run_export(directory, target, form=form and form.value, query=query, as_json=as_json)


@command("daybook publish journals/live s3://journals/live --endpoint http://127.0.0.1:9000")
def publish(
    directory: Directory,
    uri: Uri,
    endpoint: Endpoint = "",
    region: Region = "",
    as_json: AsJson = False,
) -> int:
    """Copy sealed segments to an object store for many readers.

    What is there already is not copied again, and the engine may be running. Keys come from where
    S3 programs look for them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws. Each journal
    needs a folder of its own. `daybook sql URI` asks what is published, several at once with --and.
    """
    from tools.cli.move import publish as run_publish

    return run_publish(directory, uri, endpoint=endpoint, region=region, as_json=as_json)


@command("daybook head journals/live --sign trading")
def head(
    directory: Directory,
    key: Annotated[
        str,
        typer.Option(
            "--sign", metavar="KEYNAME", help="Sign it with this key.", show_default=False
        ),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Print the last sequence and hash, to keep elsewhere.

    `daybook verify --expect` shows later that nothing before it was cut off or rewritten, which the
    journal alone cannot show. The key is 64 hexadecimal digits in the keyring of the operating
    system, under the service daybook; --json gives what `daybook verify --head` takes.
    """
    from tools.cli.evidence import head as print_head

    return print_head(directory, key=key, as_json=as_json)


@command("daybook prove journals/live 4711 --out proof.json")
def prove(
    directory: Directory,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="A sealed event.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A new file.", show_default="the screen")
    ] = None,
) -> int:
    """Prove that an event is in the journal.

    The proof is JSON: the event, and the hashes that lead from it to the Merkle root of its
    segment. Who knows that root needs nothing else; `daybook verify --proof` checks it.
    """
    from tools.cli.evidence import prove as print_proof

    return print_proof(directory, seq, out)
