"""The benefit ledger on the command line: what was reached, who benefited, what is claimed."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rounds.cli.centre import Folder, Today, day_of
from rounds.cli.terminal import terminal_of
from rounds.errors import ExitCode

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from rounds.reports.content.benefit_return import QuarterlyReturn

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The benefit ledger: patients reached, patients benefited, quarterly returns, claims beside evidence.",
)

AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="The ledger as it was on this day; today if left out.")
]
QuarterText = Annotated[str, typer.Option("--quarter", help="Of the calendar, such as 2024-Q4 (October to December).")]


@app.command("return")
def quarterly_return(
    context: typer.Context,
    folder: Folder,
    quarter: QuarterText,
    out: Annotated[Path, typer.Option("--out", help="Folder for the workbook and the CSV files.")] = Path(),
    as_of: AsOf = None,
) -> None:
    """Write the network's quarterly return from its ledger: an Excel workbook and CSV files.

    It is not written if a total is not the sum of its parts. A quarter that is not complete is returned as such (exit
    code 4).

    [bold]Example[/bold]

    rounds benefit return my-network --quarter 2024-Q4 --out returns
    """
    from rounds import __version__
    from rounds.reports.benefit_files import write_return

    found = _made(folder, quarter, as_of)
    out.mkdir(parents=True, exist_ok=True)
    written = write_return(out, found, code_version=__version__)
    lines = [*_totals(found), f"Written: {written[0]} and {len(written) - 1} CSV files beside it."]
    terminal = terminal_of(context)
    for because in found.incomplete:
        terminal.say(f"Not complete: {because}")
    fields = {"written": [str(path) for path in written], "complete": not found.incomplete, "totals": _fields(found)}
    terminal.result(fields, text="\n".join(lines))
    if found.incomplete:
        raise typer.Exit(ExitCode.PARTIAL)


@app.command()
def ledger(context: typer.Context, folder: Folder, as_of: AsOf = None) -> None:
    """Show what the ledger says, as it is or as it was on a day.

    [bold]Examples[/bold]

    rounds benefit ledger my-network

    rounds benefit ledger my-network --as-of 2025-06-30
    """
    from rounds.centre.benefits import in_force, rule_in_force
    from rounds.learning.benefit.totals import counted_once, totals_by
    from rounds.reports.content.benefit_tables import benefited_words, reached_words, whole_ends
    from rounds.storage.workspace import read_workspace

    workspace, day = read_workspace(folder), _day(as_of)
    statements = in_force(workspace, as_of=day)
    rule = rule_in_force(workspace, day or day_of(None))
    by_statement = totals_by(counted_once(statements, rule=rule), lambda one: id(one.statement))
    lines, fields = [], []
    for statement in statements:
        total = by_statement.get(id(statement))
        if total is None:
            continue
        says = "how many benefited cannot be said"
        row: dict[str, object] = {
            "innovation": statement.innovation,
            "measure": statement.measure,
            "round": statement.round_id,
            "sites": total.sites,
            "reached": [total.reached.lower, total.reached.upper],
            "benefited": None,
        }
        if total.benefited is not None:
            low, high = whole_ends(total.benefited)
            says = f"{total.benefited.value:,.0f} {benefited_words(statement)}, 95% interval {low:,} to {high:,}"
            row["benefited"] = [total.benefited.value, total.benefited.lower, total.benefited.upper]
        lines.append(
            f"{statement.innovation} (round {statement.round_id}): {total.reached.lower:,} to {total.reached.upper:,} "
            f"{reached_words(statement)} reached at {total.sites} sites; {says}."
        )
        fields.append(row)
    terminal_of(context).result({"ledger": fields}, text="\n".join(lines) or "The ledger is empty: no round has run.")


@app.command()
def claims(
    context: typer.Context,
    folder: Folder,
    file: Annotated[
        Path | None,
        typer.Argument(help="A CSV or workbook of claims and evaluations to record first; docs/statistics/benefit.md."),
    ] = None,
    as_of: AsOf = None,
    today: Today = None,
) -> None:
    """Show what is claimed beside what is known; with a file, record what it holds first.

    Nothing that was recorded is ever changed: a row with an id that is known takes the place of the one before, from
    today on. Numbers that are said to be parts of another are added up (exit code 3 if they cannot make it).

    [bold]Examples[/bold]

    rounds benefit claims my-network claims.csv

    rounds benefit claims my-network --as-of 2025-03-31
    """
    from rounds.centre.benefits import (
        claims_beside_evidence,
        import_claims,
        in_force,
        ledger_path,
        rule_in_force,
        sums_of_claims,
    )
    from rounds.exchange.envelope import CENTRE
    from rounds.reports.content.claims import stated
    from rounds.storage.benefit_store import read_claims
    from rounds.storage.workspace import read_workspace

    terminal, workspace = terminal_of(context), read_workspace(folder)
    if file is not None:
        held, new = import_claims(workspace, file, today=day_of(today))
        terminal.say(f"{file.name}: {held} claims and evaluations, {new} of them new.")
    day = _day(as_of)
    said = read_claims(ledger_path(workspace), as_of=day, party=CENTRE)
    rule = rule_in_force(workspace, day or day_of(today))
    beside = claims_beside_evidence(in_force(workspace, as_of=day), said, membership=workspace.membership, rule=rule)
    sums = sums_of_claims(said)
    lines = [
        f"{one.claim.id}, {one.claim.by}: {one.claim.what}, {stated(one.claim)}: {one.status}. {one.because}"
        for one in beside
    ]
    lines += [f"{'Adds up' if verdict.adds_up else 'DOES NOT ADD UP'}: {verdict.says}" for verdict in sums]
    fields = {
        "claims": [
            {
                "id": one.claim.id,
                "by": one.claim.by,
                "claimed": one.claim.value,
                "unit": one.claim.unit,
                "status": str(one.status),
                "because": one.because,
                "evidence": [
                    [judged.evidence.by, judged.evidence.value, judged.evidence.lower, judged.evidence.upper]
                    for judged in one.beside
                ],
            }
            for one in beside
        ],
        "sums": [{"adds_up": verdict.adds_up, "says": verdict.says} for verdict in sums],
    }
    terminal.result(fields, text="\n".join(lines) or "No claim is recorded.")
    if not all(verdict.adds_up for verdict in sums):
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command()
def rules(context: typer.Context) -> None:
    """Print the counting rules, each with its version.

    [bold]Example[/bold]

    rounds benefit rules
    """
    from rounds.learning.benefit.rules import RULES

    terminal_of(context).result(
        {"rules": {str(rule): rule.says for rule in RULES}},
        text="\n\n".join(f"{rule}\n  {rule.says}" for rule in RULES),
    )


@app.command()
def nation(
    context: typer.Context,
    folders: Annotated[list[Path], typer.Argument(help="The networks' folders.")],
    quarter: QuarterText,
    as_of: AsOf = None,
) -> None:
    """Add up several networks' returns for a quarter. A member of two of them is refused.

    [bold]Example[/bold]

    rounds benefit nation north south --quarter 2024-Q4
    """
    from rounds.reports.content.benefit_nation import national_lines

    found = national_lines([_made(folder, quarter, as_of) for folder in folders])
    lines = [
        f"{line.innovation}, {line.measure_title}, {line.label}: {line.reached_lower:,} to {line.reached_upper:,} "
        f"{line.reached_unit} reached at {line.sites} sites of {line.networks} networks; "
        + (
            "how many benefited cannot be said."
            if line.shown is None
            else f"{line.shown:,} {line.benefited_unit} ({line.lower:,} to {line.upper:,})."
        )
        + (
            f" {line.value_is[0].upper()}{line.value_is[1:]}"
            + (": {:,.0f} ({:,.0f} to {:,.0f}).".format(*line.value) if line.value else ".")
        )
        for line in found
    ]
    terminal_of(context).result({"nation": [line.fields for line in found]}, text="\n".join(lines))


def _made(folder: Path, quarter: str, as_of: str | None) -> "QuarterlyReturn":
    from rounds.centre.benefits import in_force, make_return
    from rounds.learning.benefit.totals import read_quarter
    from rounds.storage.workspace import read_workspace

    workspace, day = read_workspace(folder), _day(as_of)
    asked = read_quarter(quarter)
    return make_return(workspace, asked, as_of=day or day_of(None), statements=in_force(workspace, as_of=day))


def _day(text: str | None) -> date | None:
    return None if text is None else day_of(text)


def _totals(found: "QuarterlyReturn") -> list[str]:
    return [
        f"{row['programme']}, {row['measure']}, {row['period']}: {row['reached_lowest']:,} to "
        f"{row['reached_highest']:,} {row['reached_are']} reached at {row['sites']} sites; {row['says']}"
        for row in _fields(found)
    ]


def _fields(found: "QuarterlyReturn") -> list[dict[str, object]]:
    from rounds.reports.content.benefit_money_tables import value_cells, value_words
    from rounds.reports.content.benefit_tables import asked_for, benefited_words, reached_words, whole_ends

    rows = []
    for line in asked_for(found):
        statement, benefited = found.statement_of(line), line.total.benefited
        row: dict[str, object] = {
            "programme": line.innovation,
            "measure": line.measure,
            "period": line.window.label,
            "sites": line.total.sites,
            "reached_lowest": line.total.reached.lower,
            "reached_highest": line.total.reached.upper,
            "reached_are": reached_words(statement),
            "benefited": line.shown,
            "says": "how many benefited cannot be said.",
        }
        if benefited is not None and line.shown is not None:
            low, high = whole_ends(benefited)
            row |= {"lower": low, "upper": high}
            row["says"] = f"{line.shown:,} {benefited_words(statement)}, 95% interval {low:,} to {high:,}."
        row["says"] = f"{row['says']} {value_words(line)}"
        row |= dict(zip(("value", "value_lower", "value_upper", "value_is"), value_cells(line), strict=True))
        rows.append(row)
    return rows
