"""What it is worth: `rounds value table`, `rounds value case` and `rounds value stated`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rounds.cli.analyst import Data, named_pairs, tell_guesses
from rounds.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from rounds.reports.content.document import Document

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="What it is worth: costs against what is gained, and how sure."
)

Seed = Annotated[int, typer.Option(min=0, help="Of the simulations: the same seed makes the same case.")]


@app.command()
def table(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    cost: Annotated[
        list[str] | None,
        typer.Option(help="OPTION=COLUMN of costs; repeat it, what others are held against first.", show_default=False),
    ] = None,
    effect: Annotated[
        list[str] | None, typer.Option(help="OPTION=COLUMN of effects, more is better; repeat it.", show_default=False)
    ] = None,
    worth: Annotated[
        list[float] | None,
        typer.Option(help="What one unit of effect may be worth; may be repeated. 20,000 and 30,000 by default."),
    ] = None,
    unit: Annotated[str, typer.Option(help="Of effects, in the singular.")] = "QALY",
    currency: Annotated[str, typer.Option(help="Three letters.")] = "GBP",
    people: Annotated[
        float | None,
        typer.Option(min=0, help="How many people it is decided for, to say what knowing more is worth for all."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for what is written; TABLE-value by default.")
    ] = None,
) -> None:
    """Compare options from a table of simulations: ratios, dominance, how likely each is best, worth of knowing more.

    One row a simulation; two columns an option, its costs and its effects. Columns that are not named are guessed from
    names such as cost_usual and qaly_usual, and what was guessed is said.

    [bold]Examples[/bold]

    rounds value table simulations.csv

    rounds value table simulations.csv --cost usual=c0 --effect usual=e0 --cost new=c1 --effect new=e1 --worth 25000
    """
    from rounds.analyst import value as value_of

    says = terminal_of(context)
    result = value_of(
        table,
        costs=named_pairs(cost, "--cost", "an option, an equals sign and a column, as in usual=c0") or None,
        effects=named_pairs(effect, "--effect", "an option, an equals sign and a column, as in usual=e0") or None,
        worths=tuple(worth or (20_000.0, 30_000.0)),
        unit=unit,
        currency=currency,
        per_people=people,
    )
    tell_guesses(says, result.source, result.guesses)
    for note in result.notes:
        says.say(note)
    with says.bars() as bars:
        bars.step("Writing charts", len(result.charts))
        written = result.write(out or Path(f"{table.stem}-value"), done=bars.advance)
    says.say(f"Written: {written[0]}" + (f" and {len(written) - 1} pictures beside it" if len(written) > 1 else ""))
    fields = {"options": result.options().to_dicts(), "sentences": result.sentences, "written": list(map(str, written))}
    says.result(fields, text=str(result))


@app.command()
def case(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The network's folder, the one that holds network.yaml.")],
    costs: Annotated[
        list[Path] | None,
        typer.Option(help="YAML file of costs; all of library/values/ if left out.", show_default=False),
    ] = None,
    round_id: Annotated[
        str | None, typer.Option("--round", help="The round that found the effect; the last one by default.")
    ] = None,
    seed: Seed = 1,
) -> None:
    """Draft a business case from what a round found and what people have declared it to cost.

    A page, a Word document to edit and a workbook with every number are written into cases/ of the network's folder.
    Where no benefit was found, the case says so and gives no net benefit.

    [bold]Examples[/bold]

    rounds value case my-network

    rounds value case my-network --round 2025-03 --costs programme.yaml
    """
    says = terminal_of(context)
    lines, fields = draft_cases(folder, costs=tuple(costs or ()), round_id=round_id, seed=seed)
    says.result({"cases": fields}, text="\n".join(lines))


def draft_cases(
    folder: Path, *, costs: tuple[Path, ...], round_id: str | None, seed: int
) -> tuple[list[str], list[dict[str, str]]]:
    """Write the business cases of a network's round; return lines for people, and fields for programs."""
    from rounds.centre.value import declared_values, write_value_case
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(folder)
    declaration = workspace.rounds_to_run(round_id)[-1]
    made = [write_value_case(workspace, declaration, one, seed=seed) for one in declared_values(workspace, costs)]
    lines = [line for one in made for line in _lines(one.document, one.folder)]
    return lines, [{"statement": one.document.statement, "page": str(one.folder / "index.html")} for one in made]


@app.command()
def stated(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file of costs that states its effect.")],
    seed: Seed = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for what is written; FILE-case by default.")] = None,
) -> None:
    """Draft a business case without a round, from costs and an effect that somebody states with its source.

    The case says everywhere that the effect is only stated.

    [bold]Example[/bold]

    rounds value stated magnesium.yaml
    """
    from datetime import UTC, datetime

    from rounds.analyst.worth import stated_case
    from rounds.errors import DefinitionError
    from rounds.reports.case.write import PAGE, write_case
    from rounds.storage.atomic import write_folder

    document = stated_case(file, seed=seed)
    target = out or Path(f"{file.stem}-case")
    if target.exists() and not (target / PAGE).exists():
        raise DefinitionError(f"{target}: something else lies there; give another folder with --out")

    def fill(partial: Path) -> None:
        write_case(partial, document=document, made_on=datetime.now(UTC).date())

    write_folder(target, fill)
    says: Terminal = terminal_of(context)
    text = "\n".join(_lines(document, target))
    says.result({"statement": document.statement, "page": str(target / PAGE)}, text=text)


def _lines(document: "Document", folder: Path) -> list[str]:
    return [
        document.statement,
        f"  Page to read:      {(folder / 'index.html').resolve().as_uri()}",
        f"  To edit (Word):    {folder / 'business-case.docx'}",
        f"  Numbers (Excel):   {folder / 'business-case.xlsx'}",
    ]
