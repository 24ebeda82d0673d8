"""`rounds site restore`: a ledger from an old backup fetches what it has forgotten."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import terminal_of


def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The site's folder, the one that holds site.yaml.")],
    exchange: Annotated[Path, typer.Option("--exchange", help="The folder in which messages lie.")],
    today: Today = None,
) -> None:
    """Put back what the site's ledger has forgotten, from the messages that the site itself has sent.

    A site whose ledger was restored from an old backup refuses to answer: what it forgot it could draw and release
    twice. Every reply tells the site that sent it, sealed with its key, what was released, charged and logged. All that
    is put back, and checked against every signed head of the log that is found, or nothing is. Let the centre lay down
    its copies first: `rounds centre give-back`.

    [bold]Example[/bold]

    rounds site restore sites/hospital-01 --exchange exchange
    """
    from rounds.exchange.folder import ExchangeFolder
    from rounds.site.folder import read_site
    from rounds.site.restoring import restore as put_back

    site = read_site(folder)
    found = put_back(site, ExchangeFolder(path=exchange), today=day_of(today))
    lines = [f"{site.id}: the ledger has forgotten nothing that was sent; nothing was changed."]
    if found.entries:
        answers = ", ".join(found.messages)
        lines = [
            f"{site.id}: {found.entries} entries of the log are known again, and what left with the answers {answers}.",
            *(f"  was done meanwhile, look whether it still stands: {act}" for act in found.acts),
        ]
    terminal_of(context).result({"site": site.id, **asdict(found)}, text="\n".join(lines))
