"""Looking things up in the library."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.terminal import terminal_of


def measures(
    context: typer.Context,
    measure: Annotated[
        str | None, typer.Argument(metavar="ID", help="The measure to explain.", show_default=False)
    ] = None,
    library: Annotated[
        Path | None, typer.Option("--library", help="A library folder to read besides the one that comes with Rounds.")
    ] = None,
) -> None:
    """List the measures that a round can ask for, or say in words what one of them counts.

    [bold]Example[/bold]

    rounds measures

    rounds measures cardiac-arrests
    """
    from rounds.measures.words import measure_in_words
    from rounds.storage.library import read_library, shipped_library_folder

    found = read_library(shipped_library_folder(), *([library] if library else []))
    if measure is None:
        lines = [f"{one.ref!s:<34} {one.title}" for one in found.measures]
        fields = {"measures": [{"id": one.id, "version": one.version, "title": one.title} for one in found.measures]}
        terminal_of(context).result(fields, text="\n".join(lines))
        return
    versions = found.versions(measure)
    explained = [{"title": one.title, **dict(measure_in_words(one))} for one in versions]
    texts = [
        "\n".join([one.title, one.description, "", *(f"{name:<18} {words}" for name, words in measure_in_words(one))])
        for one in versions
    ]
    terminal_of(context).result({"measures": explained}, text="\n\n".join(texts))
