"""The centre's half of the command line."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rounds.cli.terminal import Terminal, terminal_of
from rounds.errors import ExitCode

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from rounds.centre.round import Outcome

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="The steps of a round one by one, for sites that answer later."
)

Folder = Annotated[Path, typer.Argument(help="The network's folder, the one that holds network.yaml.")]
Round = Annotated[str | None, typer.Option("--round", help="The round's id; may be left out if there is only one.")]
Partial = Annotated[bool, typer.Option("--partial", help="Go on without the sites that cannot answer (exit code 4).")]
Today = Annotated[
    str | None, typer.Option("--today", metavar="DATE", help="Act as if today were this day, to make a run repeatable.")
]


def run(
    context: typer.Context, folder: Folder, round_id: Round = None, partial: Partial = False, today: Today = None
) -> None:
    """Run a round from the sites' records to everybody's pages.

    Every site counts in a process of its own. A round that was interrupted goes on where it stopped; a finished one is
    left as it is.

    [bold]Examples[/bold]

    rounds run my-network

    rounds run my-network --round 2025-h1 --partial
    """
    from rounds.centre.round import run_round
    from rounds.storage.workspace import read_workspace

    terminal = terminal_of(context)
    workspace = read_workspace(folder)
    declaration = workspace.round(round_id)
    with terminal.bars() as bars:
        outcome = run_round(workspace, declaration, today=day_of(today), partial=partial, progress=bars)
    _tell(terminal, declaration.id, outcome)


def check(context: typer.Context, folder: Folder, round_id: Round = None) -> None:
    """Check the network's files and every site's records, and write nothing.

    [bold]Example[/bold]

    rounds check my-network
    """
    from rounds.centre.round import check_round
    from rounds.storage.workspace import read_workspace

    terminal = terminal_of(context)
    workspace = read_workspace(folder)
    declaration = workspace.round(round_id)
    with terminal.bars() as bars:
        sites = check_round(workspace, declaration, progress=bars)
    terminal.result(
        {"round": declaration.id, "sites": sites, "ok": True},
        text=f"Round {declaration.id}: the files are in order and all {len(sites)} sites can answer.",
    )


def status(context: typer.Context, folder: Folder, round_id: Round = None) -> None:
    """Show how far a round has come and which site is waited for.

    [bold]Example[/bold]

    rounds status my-network
    """
    from rounds.centre.status import round_status
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(folder)
    state = round_status(workspace, workspace.round(round_id))
    lines = [f"Round {state.round_id}: {state.summary}"]
    lines += [f"  {site}: {where}" for site, where in state.sites]
    fields = {"round": state.round_id, "published": state.published, "sites": dict(state.sites)}
    terminal_of(context).result(fields, text="\n".join(lines))


def audit(context: typer.Context, folder: Folder) -> None:
    """Check the audit logs of the centre and of every site that lies in the network's folder.

    [bold]Example[/bold]

    rounds audit my-network
    """
    from rounds.storage.audit_log import read_log
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(folder)
    logs = {"centre": workspace.centre} | {site.id: workspace.site_folder(site) for site in workspace.sites}
    sizes = {party: len(read_log(place / "audit.jsonl")) for party, place in logs.items()}
    lines = [f"{party}: {size} entries, chain unbroken" for party, size in sizes.items()]
    terminal_of(context).result({"entries": sizes, "ok": True}, text="\n".join(lines))


@app.command()
def ask(context: typer.Context, folder: Folder, round_id: Round = None, today: Today = None) -> None:
    """Lay a round's signed requests into the exchange folder.

    [bold]Example[/bold]

    rounds centre ask my-network
    """
    from rounds.centre.round import ask_round
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(folder)
    plan = ask_round(workspace, workspace.round(round_id), today=day_of(today))
    sites = [site.site for site in plan.sites]
    text = f"Round {plan.round_id}: {len(sites)} requests lie in {workspace.exchange / plan.round_id / 'requests'}."
    terminal_of(context).result({"round": plan.round_id, "asked": sites}, text=text)


@app.command()
def publish(
    context: typer.Context, folder: Folder, round_id: Round = None, partial: Partial = False, today: Today = None
) -> None:
    """Take the sites' replies in, learn from them and write the pages.

    [bold]Example[/bold]

    rounds centre publish my-network --partial
    """
    from rounds.centre.round import publish_round
    from rounds.storage.workspace import read_workspace

    terminal = terminal_of(context)
    workspace = read_workspace(folder)
    declaration = workspace.round(round_id)
    with terminal.bars() as bars:
        outcome = publish_round(workspace, declaration, today=day_of(today), partial=partial, progress=bars)
    _tell(terminal, declaration.id, outcome)


def day_of(text: str | None) -> date:
    """Return the day that was given, or today's in UTC.

    Raises:
        typer.BadParameter: if it is no date.
    """
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2025-07-01") from None


def _tell(terminal: Terminal, round_id: str, outcome: "Outcome") -> None:
    folder = outcome.outputs.resolve()
    done = "is done" if outcome.changed else "was finished already; nothing was done"
    lines = [f"Round {round_id} {done}: {len(outcome.sites_in)} sites answered."]
    if outcome.failures:
        lines.append("Missing, the round is partial: " + ", ".join(failure.site for failure in outcome.failures))
        for failure in outcome.failures:
            terminal.say(f"  {failure.site}: {failure.message}")
    lines += [
        f"  Pages to look at:  {(folder / 'index.html').as_uri()}",
        f"  Folder of outputs: {folder}",
        f"  Excel workbook:    {folder / 'insights.xlsx'}",
        f"  For programs:      {folder / 'insights.json'}",
    ]
    fields = {
        "round": round_id,
        "changed": outcome.changed,
        "outputs": folder,
        "sites_in": outcome.sites_in,
        "sites_missing": [failure.site for failure in outcome.failures],
    }
    terminal.result(fields, text="\n".join(lines))
    if outcome.failures:
        raise typer.Exit(ExitCode.PARTIAL)
