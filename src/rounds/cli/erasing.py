"""`rounds site erase` and `rounds site pseudonyms`: what concerns single persons at a site."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import terminal_of
from rounds.errors import ExitCode

SiteFolder = Annotated[Path, typer.Argument(help="The site's folder, the one that holds site.yaml.")]


def erase(
    context: typer.Context,
    folder: SiteFolder,
    who: Annotated[
        Path, typer.Option("--who", help="A file of one line: `person_id: 17` or `nhs_number: 943 476 5919`.")
    ],
    prove: Annotated[
        bool, typer.Option("--prove", help="Erase nothing: say whether the audit log proves that this was done.")
    ] = False,
    today: Today = None,
) -> None:
    """Erase one person from everything the site keeps; the audit log can prove it, and does not say who it was.

    The records are written again without them and checked before they are served; the index, remembered counts, quality
    pages, identities and lists of opt-outs go, or are made without them. Erase the person in the source first: else the
    next import brings them back. Backups, and numbers that have been released, stay as they are. Ends with 3 if --prove
    finds nothing.

    [bold]Examples[/bold]

    rounds site erase sites/hospital-01 --who person.txt

    rounds site erase sites/hospital-01 --who person.txt --prove
    """
    from rounds.site.erasure import erase as erase_person
    from rounds.site.erasure import proof_of_erasure, read_identifier
    from rounds.site.folder import read_site

    terminal = terminal_of(context)
    site = read_site(folder)
    identifier = read_identifier(who)
    if prove:
        days = proof_of_erasure(site, identifier)
        said = ", ".join(map(str, days))
        text = f"{site.id}: erased on {said}, as the log says." if days else f"{site.id}: the log proves no erasure."
        terminal.result({"site": site.id, "erased_on": days}, text=text)
        if not days:
            raise typer.Exit(ExitCode.CHECK_FAILED)
        return
    with terminal.bars() as bars:
        erased = erase_person(site, identifier, today=day_of(today), progress=bars)
    terminal.result(
        {"site": site.id, "rows": erased.rows, "proofs": erased.digests},
        text=f"{site.id}: {erased.rows:,} rows are erased. Delete {who}, and copies of the records elsewhere.",
    )


def pseudonyms(
    context: typer.Context,
    folder: SiteFolder,
    project: Annotated[str, typer.Option("--project", help="The id of the project that the pseudonyms are for.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV of person_id and pseudonym to write.")],
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new key for the project first.")] = False,
    today: Today = None,
) -> None:
    """Write what stands for each person in one project's data. It stays at the site: it ties pseudonyms to people.

    Each project has keys of its own in the site's folder; a pseudonym says which made it. Whoever has
    opted out has none.

    [bold]Example[/bold]

    rounds site pseudonyms sites/hospital-01 --project stroke-audit --out linkage.csv
    """
    from rounds.site.folder import read_site
    from rounds.site.pseudonyms import write_pseudonyms

    terminal = terminal_of(context)
    site = read_site(folder)
    with terminal.bars() as bars:
        people, key = write_pseudonyms(
            site, project=project, out=out, today=day_of(today), rotate=rotate, progress=bars
        )
    terminal.result(
        {"site": site.id, "people": people, "key": key, "file": out},
        text=f"{out}: {people:,} people of {site.id}, under key {key} of {project}.",
    )
