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
Round = Annotated[str | None, typer.Option("--round", help="The round's id; all rounds if left out.")]
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
    outcomes = {}
    with terminal.bars() as bars:
        for declared in workspace.rounds_to_run(round_id):
            outcomes[declared.id] = run_round(workspace, declared, today=day_of(today), partial=partial, progress=bars)
    _tell(terminal, outcomes)


def check(context: typer.Context, folder: Folder, round_id: Round = None) -> None:
    """Check the network's files and every site's records, and write nothing.

    [bold]Example[/bold]

    rounds check my-network
    """
    from rounds.centre.round import check_round
    from rounds.storage.workspace import read_workspace

    terminal = terminal_of(context)
    workspace = read_workspace(folder)
    able = {}
    with terminal.bars() as bars:
        for declared in workspace.rounds_to_run(round_id):
            able[declared.id] = check_round(workspace, declared, progress=bars)
    lines = [
        f"Round {name}: the files are in order and all {len(sites)} sites can answer." for name, sites in able.items()
    ]
    terminal.result({"rounds": able, "ok": True}, text="\n".join(lines))


def status(context: typer.Context, folder: Folder, round_id: Round = None) -> None:
    """Show how far a round has come and which site is waited for.

    [bold]Example[/bold]

    rounds status my-network
    """
    from rounds.centre.status import round_status
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(folder)
    states = [round_status(workspace, declared) for declared in workspace.rounds_to_run(round_id)]
    lines = []
    for state in states:
        lines.append(f"Round {state.round_id}: {state.summary}")
        lines += [f"  {site}: {where}" for site, where in state.sites]
    fields = {state.round_id: {"published": state.published, "sites": dict(state.sites)} for state in states}
    terminal_of(context).result({"rounds": fields}, text="\n".join(lines))


@app.command()
def ask(
    context: typer.Context,
    folder: Folder,
    round_id: Round = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="A site that pooled sums no longer wait for; may be repeated.")
    ] = None,
    today: Today = None,
) -> None:
    """Lay a round's signed requests into the exchange folder.

    Sums over all sites are only known once every site has answered. With --without the others are asked once more,
    which each of them counts as another release.

    [bold]Example[/bold]

    rounds centre ask my-network
    """
    from rounds.centre.round import ask_round
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(folder)
    lines, asked = [], {}
    for declared in workspace.rounds_to_run(round_id):
        plan = ask_round(workspace, declared, today=day_of(today), without=without or ())
        asked[plan.round_id] = [site.site for site in plan.asked]
        requests = workspace.exchange / plan.round_id / "requests"
        lines.append(f"Round {plan.round_id}: {len(plan.asked)} requests lie in {requests}.")
    terminal_of(context).result({"asked": asked}, text="\n".join(lines))


@app.command("give-back")
def give_back(
    context: typer.Context,
    folder: Folder,
    site: Annotated[str, typer.Option("--site", help="The site's id in network.yaml.")],
) -> None:
    """Lay down again all messages to and from a site that the centre keeps, for a site that restored an old backup.

    The site fetches from them what its ledger has forgotten: `rounds site restore`.

    [bold]Example[/bold]

    rounds centre give-back my-network --site hospital-01
    """
    from rounds.centre.round import give_back_to
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(folder)
    given = give_back_to(workspace, site)
    text = f"{given} messages to and from {site} lie in {workspace.exchange}."
    terminal_of(context).result({"site": site, "messages": given}, text=text)


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
    outcomes = {}
    with terminal.bars() as bars:
        for declared in workspace.rounds_to_run(round_id):
            outcomes[declared.id] = publish_round(
                workspace, declared, today=day_of(today), partial=partial, progress=bars
            )
    _tell(terminal, outcomes)


@app.command()
def keys(context: typer.Context, folder: Folder) -> None:
    """Show the fingerprints of the centre's own key and of the sites' keys that it has pinned.

    [bold]Example[/bold]

    rounds centre keys my-network
    """
    from rounds.storage.workspace import read_workspace

    show_keys(context, read_workspace(folder).centre)


def show_keys(context: typer.Context, folder: Path) -> None:
    """Print the fingerprints of the keys in a party's folder."""
    from rounds.exchange.signing import known_keys

    known = {party: key.fingerprint for party, key in known_keys(folder).items()}
    lines = [f"{party}: {fingerprint}" for party, fingerprint in known.items()]
    terminal_of(context).result({"keys": known}, text="\n".join(lines) or "No keys yet: they are made at first use.")


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


def _tell(terminal: Terminal, outcomes: "dict[str, Outcome]") -> None:
    lines: list[str] = []
    for round_id, outcome in outcomes.items():
        lines += _lines(round_id, outcome)
        for failure in outcome.failures:
            terminal.say(f"{failure.site}: {failure.message}")
    terminal.result({"rounds": {name: _fields(outcome) for name, outcome in outcomes.items()}}, text="\n".join(lines))
    if any(outcome.failures for outcome in outcomes.values()):
        raise typer.Exit(ExitCode.PARTIAL)


def _lines(round_id: str, outcome: "Outcome") -> list[str]:
    folder = outcome.outputs.resolve()
    done = "is done" if outcome.changed else "was finished already; nothing was done"
    answered = "1 site" if len(outcome.sites_in) == 1 else f"{len(outcome.sites_in)} sites"
    lines = [f"Round {round_id} {done}: {answered} answered."]
    if outcome.failures:
        lines.append("Missing, the round is partial: " + ", ".join(failure.site for failure in outcome.failures))
    return [
        *lines,
        f"  Pages to look at:  {(folder / 'index.html').as_uri()}",
        f"  Folder of outputs: {folder}",
        f"  Excel workbook:    {folder / 'insights.xlsx'}",
        f"  For programs:      {folder / 'insights.json'}",
    ]


def _fields(outcome: "Outcome") -> dict[str, object]:
    return {
        "changed": outcome.changed,
        "outputs": outcome.outputs,
        "sites_in": outcome.sites_in,
        "sites_missing": [failure.site for failure in outcome.failures],
    }
