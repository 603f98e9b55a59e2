"""What every group of commands needs to declare one: the application, the decorator, arguments that
many commands have. It imports no command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from tools.cli.errors import guarded

P = ParamSpec("P")

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the journal.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Endpoint = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar=["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
        help="Of a store that is not Amazon's.",
        show_default=False,
    ),
]
Region = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar=["AWS_REGION", "AWS_DEFAULT_REGION"],
        help="Of the store.",
        show_default=False,
    ),
]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def command(
    example: str, group: typer.Typer = app, name: str | None = None
) -> Callable[[Callable[P, int]], Callable[P, int]]:
    """Make a function a command that ends as `tools.cli.errors` says; its help has an example."""

    def register(function: Callable[P, int]) -> Callable[P, int]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> int:
            return guarded(lambda: function(*args, **kwargs))

        group.command(name, epilog=f"Example: {example}")(run)
        return run

    return register
