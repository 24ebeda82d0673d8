"""`rounds pipeline`: innovations from development to adoption, in and out of Excel, and ranked."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.adoption import refuse_to_overwrite
from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import terminal_of

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The pipeline of innovations: their stages, evidence and approvals, support to innovators, what comes first.",
)

Folder = Annotated[Path, typer.Argument(help="The network's folder, the one that holds network.yaml.")]


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A workbook as `export` writes it, or an innovation record (.json).")],
    network: Annotated[Path, typer.Option("--network", help="The network's folder, the one with network.yaml.")],
    yes: Annotated[bool, typer.Option("--yes", help="Record it; without it nothing is changed.")] = False,
    today: Today = None,
) -> None:
    """Read a filled-in workbook, or an innovation record of the NHS Innovation Service, into the network's pipeline.

    A workbook takes the place of what is recorded; a record is added to it. Without --yes it is a dry run.

    [bold]Examples[/bold]

    rounds pipeline import pipeline.xlsx --network my-network --yes

    rounds pipeline import innovation-record.json --network my-network
    """
    from rounds.centre.pipeline import gone, read_pipeline_file, record_pipeline, went_back
    from rounds.storage.held import held_workspace
    from rounds.storage.pipeline_files import TABLES

    now = day_of(today)
    with held_workspace(network) as workspace:
        found = read_pipeline_file(workspace, file, today=now)
        going = gone(workspace.pipeline, found)
        recorded = record_pipeline(workspace, found, today=now) if yes else None
    counts = {table: len(getattr(found, table)) for table in TABLES}
    told = ", ".join(f"{count} {table}" for table, count in counts.items() if count) or "nothing"
    last = f"Recorded in {recorded}." if recorded else "A dry run: nothing was changed. Add --yes to record it."
    back = went_back(found)
    shown = [f"To know: {one}." for one in going]
    shown += [f"To know: {one}." for one in back[:12]]
    shown += [f"To know: {len(back) - 12} more go back (all with --json)."] if len(back) > 12 else []
    terminal_of(context).result(
        {**counts, "goes": going, "went_back": back, "recorded": recorded},
        text="\n".join([f"{file.name}: {told}.", *shown, last]),
    )


@app.command()
def export(
    context: typer.Context,
    folder: Folder,
    to: Annotated[Path, typer.Argument(help="The workbook to write; it must not be there yet.")],
    today: Today = None,
) -> None:
    """Write the pipeline as a workbook to fill in: a sheet for each table, the ranking, and support counted once.

    [bold]Example[/bold]

    rounds pipeline export my-network pipeline.xlsx
    """
    from rounds.centre.pipeline import export_pipeline
    from rounds.storage.facts import NoEvent, write_unlogged
    from rounds.storage.workspace import read_workspace

    refuse_to_overwrite(to)
    made = export_pipeline(read_workspace(folder), day=day_of(today))
    write_unlogged(to, made, because=NoEvent.OWN_REPORT)
    terminal_of(context).result({"written": to}, text=f"Written: {to}. Fill it in, then: rounds pipeline import {to}")


@app.command()
def rank(context: typer.Context, folder: Folder, today: Today = None) -> None:
    """Rank the innovations by need x evidence x readiness, with reasons and the ranks that are possible.

    What is not recorded counts neither for nor against: it makes the range wider. A need that a measure shows is that
    of the last published round that counted it, and says which; where there is none, it says why.

    [bold]Example[/bold]

    rounds pipeline rank my-network
    """
    from rounds.centre.last_need import last_needs
    from rounds.centre.pipeline import pipeline_on, record_company_matches
    from rounds.storage.held import held_workspace

    now = day_of(today)
    with held_workspace(folder) as workspace:
        known = pipeline_on(workspace, now, measured=last_needs(workspace, now))
        review = record_company_matches(workspace, known.support.maybe_same, today=now)
    lines, fields = [], []
    for place, one in enumerate(known.ranking, start=1):
        possible = f"{one.first}" if one.first == one.last else f"{one.first} to {one.last}"
        lines.append(f"{place}. {one.innovation.title} ({one.innovation.id}): possible ranks {possible}")
        lines.append(f"   {one.score.low:.2f} to {one.score.high:.2f} of 1")
        factors = {"need": one.need, "evidence": one.evidence, "readiness": one.readiness}
        for name, factor in factors.items():
            lines.append(f"   {name} {factor.span.low:.2f} to {factor.span.high:.2f}: {factor.why}")
        if one.missing:
            lines.append(f"   would settle it: {'; '.join(one.missing)}")
        fields.append(
            {
                "rank": place,
                "first": one.first,
                "last": one.last,
                "innovation": one.innovation.id,
                **{name: [factor.span.low, factor.span.high, factor.why] for name, factor in factors.items()},
                "missing": one.missing,
            }
        )
    totals = [
        {"kind": one.kind.value, "amount": one.amount, "lower": one.lower, "upper": one.upper, "claims": one.claims}
        for one in known.support.totals
    ]
    lines += [
        f"Support, {one['kind']}: {one['amount']:,.0f} counted once ({one['lower']:,.0f} to {one['upper']:,.0f}), of "
        f"{one['claims']} claims"
        for one in totals
    ]
    if review is not None:
        lines.append(f"Companies that may be one: {len(known.support.maybe_same)}; say yes or no in {review}")
    terminal_of(context).result(
        {"ranking": fields, "support": totals, "company_matches": review}, text="\n".join(lines) or "No innovation yet."
    )
