"""`rounds site opt-outs`: ask the national service who has opted out, and take its answer in."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import terminal_of

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The national data opt-out: ask the service over MESH, and take in whose records may be used.",
)

SiteFolder = Annotated[Path, typer.Argument(help="The site's folder, the one that holds site.yaml.")]


@app.command()
def request(
    context: typer.Context,
    folder: SiteFolder,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; else request-DATE.dat in the folder opt-outs.")
    ] = None,
    today: Today = None,
) -> None:
    """Write the file of NHS numbers to send to the service: everybody in the records who has one.

    Send it over MESH to the service (workflow SPINE_NTT_UPHOLDING). It holds NHS numbers: delete it once it is sent.

    [bold]Example[/bold]

    rounds site opt-outs request sites/hospital-01 --out outbox/8HQ50OT001-281126-0001.dat
    """
    from rounds.site.folder import read_site
    from rounds.site.opt_outs import request_opt_outs

    terminal = terminal_of(context)
    site = read_site(folder)
    with terminal.bars() as bars:
        path, people = request_opt_outs(site, out=out, today=day_of(today), progress=bars)
    terminal.result(
        {"site": site.id, "file": path, "people": people},
        text=f"{path} asks about {people:,} people. Send it over MESH, then take the answer in.",
    )


@app.command()
def take(
    context: typer.Context,
    folder: SiteFolder,
    file: Annotated[Path, typer.Argument(help="The file that came back: the numbers of those who may be used.")],
    made_on: Annotated[
        str | None,
        typer.Option("--made-on", metavar="DATE", help="The day the service made it; else the day it was asked for."),
    ] = None,
    today: Today = None,
) -> None:
    """Take in the service's answer. From then on nobody is counted who is not on it, until it is too old.

    A list with one wrong line is refused as a whole, and the one before stays. Delete the file once it is taken in.

    [bold]Example[/bold]

    rounds site opt-outs take sites/hospital-01 inbox/answer.dat --made-on 2026-11-28
    """
    from rounds.site.folder import read_site
    from rounds.site.opt_outs import take_opt_outs

    terminal = terminal_of(context)
    site = read_site(folder)
    day = None if made_on is None else day_of(made_on)
    with terminal.bars() as bars:
        allowed, asked = take_opt_outs(site, file, made_on=day, today=day_of(today), progress=bars)
    terminal.result(
        {"site": site.id, "allowed": allowed, "asked": asked},
        text=f"{site.id}: {allowed:,} of the {asked:,} people asked about may be used; the others are in no count.",
    )


@app.command()
def adopt(
    context: typer.Context,
    folder: SiteFolder,
    first: Annotated[str, typer.Option("--as", help="Who decides.")],
    second: Annotated[str, typer.Option("--and", help="The second person who decides.")],
    today: Today = None,
) -> None:
    """Count from now on as site.yaml says, with opt-outs or without, where numbers have left the other way.

    What has left stays as it is. No new number leaves about days on which the site counted the other way, for the two
    together would tell of those who have opted out.

    [bold]Example[/bold]

    rounds site opt-outs adopt sites/hospital-01 --as "Ada Okoro" --and "Ben Shah"
    """
    from rounds.site.folder import read_site
    from rounds.site.opt_out_ways import adopt_opt_outs

    site = read_site(folder)
    until = adopt_opt_outs(site, people=(first, second), today=day_of(today))
    way = "without opt-outs" if site.opt_outs is None else "with opt-outs"
    since = "" if until is None else f" New numbers leave about periods that begin after {until}."
    words = f"{site.id} counts {way} from now on, decided by {first} and {second}.{since}"
    terminal_of(context).result({"site": site.id, "opt_outs": site.opt_outs is not None, "until": until}, text=words)
