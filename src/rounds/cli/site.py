"""The site's half of the command line: everything here runs inside a member's secure data facility."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rounds.cli import approval
from rounds.cli.centre import Today, day_of, show_keys
from rounds.cli.erasing import erase, pseudonyms
from rounds.cli.importing import import_records
from rounds.cli.opt_outs import app as opt_outs_app
from rounds.cli.restoring import restore
from rounds.cli.terminal import terminal_of
from rounds.errors import DefinitionError, ExitCode

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What a site does: look at its records, check, preview, approve, answer.",
)

app.command("import")(import_records)
app.command()(erase)
app.command()(pseudonyms)
app.command()(restore)
app.add_typer(opt_outs_app, name="opt-outs")
app.command()(approval.requests)

SiteFolder = Annotated[Path, typer.Argument(help="The site's folder, the one that holds site.yaml.")]
Exchange = Annotated[Path, typer.Option("--exchange", help="The folder in which messages lie.")]
RoundId = Annotated[str, typer.Option("--round", help="The round's id.")]


@app.command()
def check(
    context: typer.Context,
    folder: SiteFolder,
    question: Annotated[str, typer.Option("--question", help="A file with the question, or - for standard input.")],
    expected: Annotated[
        str | None, typer.Option("--site", help="The site's id in network.yaml, to make sure that both agree.")
    ] = None,
    today: Today = None,
) -> None:
    """Check whether the site could answer a question, and write nothing.

    [bold]Example[/bold]

    rounds site check sites/hospital-01 --question question.json
    """
    from rounds.exchange.question import parse_question
    from rounds.site.answer import check as check_site
    from rounds.site.folder import read_site

    text = sys.stdin.read() if question == "-" else Path(question).read_text(encoding="utf-8")
    terminal = terminal_of(context)
    site = read_site(folder)
    if expected is not None and expected != site.id:
        raise DefinitionError(
            f"{folder / 'site.yaml'}: the site calls itself `{site.id}`, network.yaml calls it `{expected}`; "
            "make both agree"
        )
    check_site(site, parse_question(text, source=question), today=day_of(today), progress=terminal.say)
    terminal.result({"site": site.id, "ok": True}, text=f"{site.id} can answer.")


@app.command()
def preview(
    context: typer.Context,
    folder: SiteFolder,
    exchange: Exchange,
    round_id: RoundId,
    who: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who you are, as in people.yaml, where requests wait for approval."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the very bytes that wait for approval into this file as well.")
    ] = None,
    today: Today = None,
) -> None:
    """Show in plain words what would leave the site if it answered a round's request now. Nothing leaves.

    Where requests wait for approval (`approval: one` or `two` in site.yaml) the bytes are made once and kept: what is
    shown is what would leave. Whoever has them made cannot approve them; who only looks at them can.

    [bold]Examples[/bold]

    rounds site preview sites/hospital-01 --exchange exchange --round 2025-h1

    rounds site preview sites/hospital-01 --exchange exchange --round 2025-h1 --as "Ada Example"
    """
    from rounds.exchange.folder import ExchangeFolder
    from rounds.site.answer import preview as preview_answer
    from rounds.site.folder import read_site
    from rounds.site.pooled import asked_attempt, preview_pooled

    terminal = terminal_of(context)
    site, carrier, day = read_site(folder), ExchangeFolder(path=exchange), day_of(today)
    attempt = asked_attempt(site, carrier, round_id=round_id)
    alone = attempt is None or carrier.request_path(round_id, site.id).exists()
    if site.approval.queues and alone:
        approval.preview_queued(terminal, site, carrier, round_id=round_id, who=who, save=save, today=day)
        return
    shown: tuple[str, ...] = ()
    if alone:
        shown = preview_answer(site, carrier, round_id=round_id, today=day, progress=terminal.say)
    if attempt is not None:
        shown += preview_pooled(site, carrier, round_id=round_id, number=attempt, today=day)
    terminal.result({"site": site.id, "would_leave": shown}, text="\n".join(shown))


app.command()(approval.approve)
app.command()(approval.refuse)
app.command()(approval.withdraw)


@app.command()
def answer(
    context: typer.Context, folder: SiteFolder, exchange: Exchange, round_id: RoundId, today: Today = None
) -> None:
    """Count what a round asks for, apply the site's policy and lay the signed reply into the exchange folder.

    The second time the stored reply is laid down again; nothing is counted twice. Where people must say yes first the
    reply waits until they have (exit code 6): `rounds site requests` lists what waits.

    [bold]Example[/bold]

    rounds site answer sites/hospital-01 --exchange exchange --round 2025-h1
    """
    from rounds.exchange.folder import ExchangeFolder
    from rounds.site.answer import answer as answer_request
    from rounds.site.folder import read_site
    from rounds.site.pooled import answer_pooled, asked_attempt

    terminal = terminal_of(context)
    site = read_site(folder)
    folders, day = ExchangeFolder(path=exchange), day_of(today)
    attempt = asked_attempt(site, folders, round_id=round_id)
    counted = False
    if attempt is None or folders.request_path(round_id, site.id).exists():
        counted = answer_request(site, folders, round_id=round_id, today=day, progress=terminal.say)
    if attempt is not None:
        said = answer_pooled(site, folders, round_id=round_id, number=attempt, today=day, progress=terminal.say)
        counted = counted or said
    text = (
        f"{site.id} has answered round {round_id}." if counted else f"{site.id} had answered round {round_id} before."
    )
    terminal.result({"site": site.id, "round": round_id, "counted": counted}, text=text)


@app.command()
def funnel(
    context: typer.Context,
    folder: SiteFolder,
    cohort: Annotated[str, typer.Option("--cohort", help="The id of a cohort in the site's library.")],
    today: Today = None,
) -> None:
    """Show how many people each inclusion rule of a cohort leaves, as the site's policy shows numbers. Nothing leaves.

    [bold]Example[/bold]

    rounds site funnel sites/hospital-01 --cohort new-users-of-diclofenac
    """
    from rounds.site.folder import read_site
    from rounds.site.funnel import funnel as count_funnel

    terminal = terminal_of(context)
    site = read_site(folder)
    found = count_funnel(site, cohort=cohort, today=day_of(today), progress=terminal.say)
    rows = [("people who qualify", "", str(found.qualifying))]
    rows += [(step.rule, str(step.meeting), str(step.remaining)) for step in found.steps]
    wide = max(len(rule) for rule, _, _ in rows)
    lines = [f"{'':<{wide}}  {'meet this rule':>18}  {'are left':>18}"]
    lines += [f"{rule:<{wide}}  {met:>18}  {left:>18}" for rule, met, left in rows]
    fields = {
        "site": site.id,
        "cohort": found.cohort,
        "qualifying": asdict(found.qualifying),
        "steps": [asdict(step) for step in found.steps],
    }
    terminal.result(fields, text="\n".join(lines))


@app.command()
def quality(context: typer.Context, folder: SiteFolder, today: Today = None) -> None:
    """Look at the site's records and write a page, a workbook and JSON about their quality into its folder `quality`.

    Everything stays at the site: the numbers are exact. Ends with 3 if there is more of a fault than the limits in
    library/quality/standard.yaml, or the site's own, allow.

    [bold]Example[/bold]

    rounds site quality sites/hospital-01
    """
    from rounds.site.folder import read_site
    from rounds.site.quality import check_quality

    terminal = terminal_of(context)
    site = read_site(folder)
    with terminal.bars() as bars:
        written = check_quality(site, today=day_of(today), progress=bars)
    failed = [
        f"{line.place or line.table}: {line.title}: {line.broken:,} of {line.of:,} {line.unit}"
        + (f" ({line.subject})" if line.subject else "")
        for line in written.failed
    ]
    lines = [f"{site.id}: {written.page.statement}.", *failed, f"The page is {written.folder / 'index.html'}."]
    terminal.result(
        {"site": site.id, "failed": failed, "checks": len(written.page.lines), "page": written.folder / "index.html"},
        text="\n".join(lines),
    )
    if failed:
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command()
def policy(context: typer.Context, folder: SiteFolder) -> None:
    """Show in plain words what the site's policy lets leave, and what of each year's budget is spent.

    [bold]Example[/bold]

    rounds site policy sites/hospital-01
    """
    from rounds.site.folder import read_site
    from rounds.site.policies import look_at_policy

    site = read_site(folder)
    found = look_at_policy(site)
    terminal_of(context).result(asdict(found), text="\n".join(found.lines))


@app.command("adopt-policy")
def adopt(
    context: typer.Context,
    folder: SiteFolder,
    first: Annotated[str, typer.Option("--as", help="Who adopts it: not its author.")],
    second: Annotated[str, typer.Option("--and", help="The second person who adopts it.")],
    today: Today = None,
) -> None:
    """Put a policy in force that is weaker than the one before, on the word of two people.

    A policy as strict as the one before, or stricter, is put in force by the next answer and needs nobody's word.

    [bold]Example[/bold]

    rounds site adopt-policy sites/hospital-01 --as "Ada Okoro" --and "Ben Shah"
    """
    from rounds.site.folder import read_site
    from rounds.site.policies import adopt_site_policy

    site = read_site(folder)
    adopt_site_policy(site, people=(first, second), today=day_of(today))
    words = f"{site.id}: policy `{site.policy.name}` is in force, adopted by {first} and {second}."
    terminal_of(context).result({"site": site.id, "policy": site.policy.name}, text=words)


@app.command()
def keys(
    context: typer.Context,
    folder: SiteFolder,
    exchange: Annotated[
        Path | None, typer.Option("--exchange", help="Lay the site's public keys into this folder, made if need be.")
    ] = None,
    today: Today = None,
) -> None:
    """Show the fingerprints of the site's own key and of the keys that it has pinned: the centre's, and other sites'.

    Read them to each other over the telephone before a first round that matters. Sums over several sites are only
    asked once their sites' keys lie in the exchange folder.

    [bold]Example[/bold]

    rounds site keys sites/hospital-01 --exchange exchange
    """
    if exchange is not None:
        from rounds.exchange.folder import ExchangeFolder
        from rounds.site.folder import read_site
        from rounds.site.pooled import publish_keys

        publish_keys(read_site(folder), ExchangeFolder(path=exchange), today=day_of(today))
    show_keys(context, folder)
