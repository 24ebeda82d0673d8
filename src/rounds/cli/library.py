"""Looking things up in the library."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.terminal import terminal_of


def measures(
    context: typer.Context,
    library: Annotated[
        Path | None, typer.Option("--library", help="A library folder to read besides the one that comes with Rounds.")
    ] = None,
) -> None:
    """List the measures that a round can ask for.

    [bold]Example[/bold]

    rounds measures
    """
    from rounds.storage.library import read_library, shipped_library_folder

    found = read_library(shipped_library_folder(), *([library] if library else [])).measures
    lines = [f"{measure.ref!s:<34} {measure.title}" for measure in found]
    fields = {"measures": [{"id": one.id, "version": one.version, "title": one.title} for one in found]}
    terminal_of(context).result(fields, text="\n".join(lines))
