"""`rounds site requests`, `approve`, `refuse`, `withdraw`: people at a site decide what leaves it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from datetime import date

    from rounds.exchange.folder import ExchangeFolder
    from rounds.site.folder import Site

SiteFolder = Annotated[Path, typer.Argument(help="The site's folder, the one that holds site.yaml.")]
Exchange = Annotated[Path, typer.Option("--exchange", help="The folder in which messages lie.")]
MaybeExchange = Annotated[
    Path | None, typer.Option("--exchange", help="The folder in which messages lie, to list what has just come too.")
]
RoundId = Annotated[str, typer.Option("--round", help="The round's id.")]
Who = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        help="Who you are, as in people.yaml. Rounds believes it: this machine's accounts keep others out.",
    ),
]
Because = Annotated[str, typer.Option("--because", help="Why, in one sentence.")]


def requests(context: typer.Context, folder: SiteFolder, exchange: MaybeExchange = None, today: Today = None) -> None:
    """List the requests at a site: what waits, for whom, and what to type. Shows no numbers and changes nothing.

    [bold]Examples[/bold]

    rounds site requests sites/hospital-01

    rounds site requests sites/hospital-01 --exchange exchange
    """
    from rounds.exchange.folder import ExchangeFolder
    from rounds.network.roles import APPROVAL_IN_WORDS
    from rounds.site.folder import read_site
    from rounds.site.queue import list_requests

    site = read_site(folder)
    found = list_requests(site, ExchangeFolder(path=exchange) if exchange else None, today=day_of(today))
    waiting = [one for one in found if one.waits]
    lines = [
        f"{site.id}: {_of(len(waiting), len(found))}.",
        f"What may leave here: {APPROVAL_IN_WORDS[site.approval]}.",
    ]
    for one in found:
        first, *rest = one.says
        lines += ["", f"Round {one.round_id} {first}", *(f"  {line}" for line in rest)]
    fields = [{"round": one.round_id, "state": one.state, "waits": one.waits, "says": one.says} for one in found]
    terminal_of(context).result({"site": site.id, "approval": site.approval, "requests": fields}, text="\n".join(lines))


def _of(waiting: int, known: int) -> str:
    if not known:
        return "no request has come"
    many = "request" if known == 1 else "requests"
    return f"{waiting or 'none'} of {known} {many} {'wait' if waiting > 1 else 'waits'} for somebody"


def approve(
    context: typer.Context,
    folder: SiteFolder,
    round_id: RoundId,
    who: Who,
    digest: Annotated[
        str, typer.Option("--digest", help="The SHA-256 of what you looked at, or its first 16 digits or more.")
    ],
    today: Today = None,
) -> None:
    """Say yes to the very bytes that you have looked at. If other bytes would leave by then, nothing does.

    It takes a data guardian or an output checker who has not asked for it, has not had it prepared and has written none
    of its measures. Where the site asks for two people, they must be two.

    [bold]Example[/bold]

    rounds site approve sites/hospital-01 --round 2025-h1 --as "Ada Example" --digest 3f2a9c1d44e07b61
    """
    from rounds.site.acts import approval_of
    from rounds.site.approval import approve as approve_request
    from rounds.site.folder import read_site
    from rounds.site.next_steps import how_far

    site = read_site(folder)
    item = approve_request(site, round_id=round_id, who=who, digest=digest, today=day_of(today))
    text = f"{site.id}: round {round_id} {how_far(item, approval_of(site, item))}."
    terminal_of(context).result(
        {"site": site.id, "round": round_id, "state": item.state, "approved_by": item.approved_by}, text=text
    )


def refuse(
    context: typer.Context,
    folder: SiteFolder,
    exchange: Exchange,
    round_id: RoundId,
    who: Who,
    because: Because,
    today: Today = None,
) -> None:
    """Answer a request with a signed refusal, for good. The centre shows the reason; it must hold no number.

    [bold]Example[/bold]

    rounds site refuse sites/hospital-01 --exchange exchange --round 2025-h1 --as "Ada Example" --because "Our agreement
    does not cover ward data."
    """
    from rounds.exchange.envelope import CENTRE
    from rounds.exchange.folder import ExchangeFolder
    from rounds.exchange.signing import trusted_key
    from rounds.site.answer import read_request
    from rounds.site.approval import refuse as refuse_request
    from rounds.site.folder import read_site

    site, carrier, day = read_site(folder), ExchangeFolder(path=exchange), day_of(today)
    key = trusted_key(site.folder, carrier.path, party=CENTRE)
    request = read_request(site, carrier, round_id=round_id, today=day, key=key)
    item = refuse_request(site, carrier, request, who=who, because=because, today=day, centre_key=key)
    text = f"{site.id} has refused round {round_id}. The signed refusal is {carrier.reply_path(round_id, site.id)}."
    terminal_of(context).result({"site": site.id, "round": round_id, "state": item.state}, text=text)


def withdraw(
    context: typer.Context,
    folder: SiteFolder,
    round_id: RoundId,
    who: Who,
    because: Annotated[str, typer.Option("--because", help="Why, in one sentence; it stays at the site.")] = "",
    today: Today = None,
) -> None:
    """Take a request out of the queue, until somebody puts it back by looking at a new preview. Nothing leaves.

    [bold]Example[/bold]

    rounds site withdraw sites/hospital-01 --round 2025-h1 --as "Ben Example" --because "Wards are being corrected."
    """
    from rounds.site.approval import withdraw as withdraw_request
    from rounds.site.folder import read_site

    site = read_site(folder)
    item = withdraw_request(site, round_id=round_id, who=who, because=because, today=day_of(today))
    text = f"{site.id}: round {round_id} is out of the queue. A new preview, with --as NAME, puts it back."
    terminal_of(context).result({"site": site.id, "round": round_id, "state": item.state}, text=text)


def preview_queued(
    terminal: Terminal,
    site: "Site",
    exchange: "ExchangeFolder",
    *,
    round_id: str,
    who: str | None,
    save: Path | None,
    today: "date",
) -> None:
    """Show the bytes that wait for approval, made and queued if they are not yet."""
    from rounds.errors import NotPermitted
    from rounds.exchange.envelope import CENTRE
    from rounds.exchange.signing import trusted_key
    from rounds.site.answer import read_request, reply_maker
    from rounds.site.approval import queue
    from rounds.site.queue import show_reply
    from rounds.storage.atomic import write_private_file

    if who is None:
        raise NotPermitted(f"{site.id} keeps what would leave for those who may see it; say who you are with --as NAME")
    key = trusted_key(site.folder, exchange.path, party=CENTRE)
    request = read_request(site, exchange, round_id=round_id, today=today, key=key)
    item = queue(site, request, who=who, make=reply_maker(site, today=today, progress=terminal.say), today=today)
    shown = show_reply(site, item, exchange, today=today)
    if save is not None:
        write_private_file(save, item.reply)
    fields = {"site": site.id, "state": item.state, "digest": item.digest, "would_leave": shown}
    terminal.result(fields, text="\n".join(shown))
