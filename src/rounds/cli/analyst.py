"""For an analyst with a table and no network: `rounds spc`, `funnel` and `spread`, and options that others share."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rounds.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:  # read late: what draws takes a second to start
    from rounds.analyst.columns import Guess, Reading

_MOST_LINES = 40
"""Of series that are printed; the workbook has them all."""

Data = Annotated[Path, typer.Argument(metavar="TABLE", help="A CSV file with a row of headings.", show_default=False)]
When = Annotated[str | None, typer.Option(help="Column of dates, months, quarters or years.", show_default=False)]
Numerator = Annotated[str | None, typer.Option(help="Column of events.", show_default=False)]
Denominator = Annotated[str | None, typer.Option(help="Column of how many each is of.", show_default=False)]
MeanValue = Annotated[str | None, typer.Option("--value", help="Column of means, in place of events.")]
ShownIn = Annotated[str | None, typer.Option(help="What means are in, such as nights.", show_default=False)]
Per = Annotated[float | None, typer.Option(help="Rates are per this many.", show_default=False)]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Use only rows that hold this: COLUMN=VALUE; may be repeated.", show_default=False),
]
DateFormat = Annotated[
    str | None, typer.Option("--dates", help='How dates are written, as in "%d/%m/%Y".', show_default=False)
]
WithheldRange = Annotated[
    str | None, typer.Option(help="What withheld numbers can be, as the publisher says: 1-7.", show_default=False)
]
WithheldMark = Annotated[
    list[str] | None, typer.Option(help="A cell that means a number is withheld; may be repeated.", show_default=False)
]
MissingMark = Annotated[
    list[str] | None, typer.Option(help="A cell that means there is no number; may be repeated.", show_default=False)
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for what is written; TABLE-spc or TABLE-funnel by default.")
]
Pictures = Annotated[int, typer.Option(min=0, help="Of how many charts to write SVG and PNG.")]


def spc(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    chart: Annotated[
        str,
        typer.Option(
            help="xmr, run, i, mr, i_prime, p, p_prime, u, u_prime, c, g, t, ewma; xbar, s, r: several a period."
        ),
    ] = "xmr",
    when: When = None,
    series: Annotated[
        list[str] | None, typer.Option(help="Column that tells series apart; may be repeated.", show_default=False)
    ] = None,
    value: Annotated[str | None, typer.Option(help="Column to draw as it is.", show_default=False)] = None,
    numerator: Numerator = None,
    denominator: Denominator = None,
    better: Annotated[str, typer.Option(help="Which way is improvement: higher, lower or neither.")] = "neither",
    target: Annotated[str | None, typer.Option(help="A number, or a column.", show_default=False)] = None,
    per: Per = None,
    screen: Annotated[
        bool, typer.Option(help="Leave jumps out of the limits, as NHSRplotthedots does; the NHS Excel tool does not.")
    ] = True,
    where: Where = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(help="nhs, western_electric, nelson, anhoej, shewhart; may be repeated.", show_default=False),
    ] = None,
    rebase: Annotated[
        list[str] | None,
        typer.Option(help='Recalculate limits from a period on, and why: "May 2024=new ward"; may be repeated.'),
    ] = None,
    dates: DateFormat = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
    out: Out = None,
    pictures: Pictures = 20,
) -> None:
    """Draw control charts with the NHS rules and icons from any table.

    Columns that are not named are guessed, and what was guessed is said. Icons and a sentence for each series are
    printed; a workbook and pictures are written.

    [bold]Examples[/bold]

    rounds spc attendances.csv --better lower

    rounds spc attendances.csv --numerator breaches --denominator attendances --series org_code --target 5

    rounds spc falls.csv --chart u --rules anhoej --rebase "May 2024=new ward"
    """
    from rounds.analyst import spc as charts_of

    says = terminal_of(context)
    result = charts_of(
        table,
        chart=chart,
        rules=tuple(rules or ()),
        rebase=named_pairs(rebase, "--rebase", 'a period, an equals sign and a reason, as in "May 2024=new ward"'),
        when=when,
        series=tuple(series or ()),
        value=value,
        numerator=numerator,
        denominator=denominator,
        better=better,
        target=_number_or_name(target),
        per=per,
        screen=screen,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    folder = out or Path(f"{table.stem}-spc")
    with says.bars() as bars:
        bars.step("Writing charts", min(pictures, len(result)))
        written = result.write(folder, pictures=pictures, done=bars.advance)
    lines = str(result).splitlines()
    finish(says, lines, written, len(result), pictures, result.summary().to_dicts(), "series")


def funnel(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    organisation: Annotated[str | None, typer.Option(help="Column of organisations.", show_default=False)] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="A funnel for each value of this column; may be repeated.", show_default=False),
    ] = None,
    when: When = None,
    numerator: Numerator = None,
    denominator: Denominator = None,
    per: Per = None,
    expected: Annotated[
        str | None,
        typer.Option(help="Column of expected events, in place of a denominator: draws ratios.", show_default=False),
    ] = None,
    method: Annotated[str, typer.Option(help="Of ratios: shmi or cqc.")] = "shmi",
    overdispersion: Annotated[
        bool, typer.Option(help="Widen the limits by the variance between organisations that chance does not explain.")
    ] = True,
    where: Where = None,
    dates: DateFormat = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
    out: Out = None,
    pictures: Pictures = 20,
) -> None:
    """Draw a funnel plot of organisations from any table.

    Columns that are not named are guessed, and what was guessed is said. Several dates are added up.

    [bold]Examples[/bold]

    rounds funnel attendances.csv

    rounds funnel deaths.csv --organisation trust --numerator deaths --denominator spells --by year

    rounds funnel deaths.csv --numerator deaths --expected expected_deaths --method shmi
    """
    from rounds.analyst import funnel as funnels_of

    says = terminal_of(context)
    result = funnels_of(
        table,
        organisation=organisation,
        by=tuple(by or ()),
        when=when,
        numerator=numerator,
        denominator=denominator,
        per=per,
        expected=expected,
        method=method,
        overdispersion=overdispersion,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    if result.summed_over:
        says.say(f"Dates: {result.summed_over}.")
    folder = out or Path(f"{table.stem}-funnel")
    with says.bars() as bars:
        bars.step("Writing funnels", min(pictures, len(result)))
        written = result.write(folder, pictures=pictures, done=bars.advance)
    lines = [f"{plot.name}: {plot.sentence}" for plot in result]
    finish(says, lines, written, len(result), pictures, result.table().to_dicts(), "organisations")


def spread(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    organisation: Annotated[str | None, typer.Option(help="Column of organisations.", show_default=False)] = None,
    when: Annotated[
        str | None, typer.Option(help="Column of the day each adopted (empty: not yet), or of periods.")
    ] = None,
    earliest: Annotated[
        str | None, typer.Option(help="Column of the first day it may have been; --when is then the last.")
    ] = None,
    adopters: Annotated[
        str | None, typer.Option(help="Column of how many had adopted by the end of each period.", show_default=False)
    ] = None,
    members: Annotated[
        int | None, typer.Option(min=1, help="How many could adopt, if the table does not list all.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="The day from which adoption was possible: 2022-04-01.")] = None,
    as_of: Annotated[str | None, typer.Option(help="The last day of which adoption is known: 2024-12-31.")] = None,
    ahead: Annotated[int, typer.Option(min=1, max=120, help="How many periods of the forecast to show.")] = 24,
    where: Where = None,
    dates: DateFormat = None,
    missing_mark: MissingMark = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for what is written; TABLE-spread by default.")
    ] = None,
) -> None:
    """Draw how an innovation has spread and forecast how it goes on, from any table.

    One row an organisation with the day it adopted, or one row a period with the number that had.

    [bold]Examples[/bold]

    rounds spread tracker.csv --as-of 2024-12-31

    rounds spread totals.csv --adopters sites --members 54
    """
    from rounds.analyst import spread as spread_of

    says = terminal_of(context)
    result = spread_of(
        table,
        organisation=organisation,
        when=when,
        earliest=earliest,
        adopters=adopters,
        members=members,
        start=_day(start, "--start"),
        as_of=_day(as_of, "--as-of"),
        ahead=ahead,
        where=rows_where(where),
        reading=reading_of(dates, None, None, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    written = result.write(out or Path(f"{table.stem}-spread"))
    finish(says, list(result.sentences), written, 1, 1, result.table().to_dicts(), "periods")


def _day(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day as in 2024-12-31", param_hint=option) from None


def finish(
    says: Terminal,
    lines: list[str],
    written: tuple[Path, ...],
    charts: int,
    pictures: int,
    rows: list[dict[str, Any]],
    of: str,
) -> None:
    """Say what was written and print what was found."""
    shown = lines[:_MOST_LINES]
    if len(lines) > len(shown):
        shown.append(f"… and {len(lines) - len(shown):,} more, in {written[0]}")
    if charts > pictures:
        says.say(f"Pictures of the first {pictures} of {charts:,}; --pictures {charts} draws them all.")
    says.say(f"Written: {written[0]}" + (f" and {len(written) - 1} pictures beside it" if len(written) > 1 else ""))
    says.result({of: rows, "written": [str(path) for path in written]}, text="\n".join(shown))


def tell_guesses(says: Terminal, source: str, guesses: "tuple[Guess, ...]") -> None:
    """Say which columns were taken for what."""
    says.say(f"Read from {source}" + (":" if guesses else ", as named."))
    width = max((len(guess.role) for guess in guesses), default=0)
    for guess in guesses:
        says.say(f"  {guess.role:<{width}}  {guess.column}  ({guess.because})")


def reading_of(
    dates: str | None, withheld_range: str | None, withheld: list[str] | None, missing: list[str] | None
) -> "Reading":
    """Return how cells are read, from a command's options."""
    from rounds.analyst.columns import Reading

    return Reading(
        dates=dates,
        withheld_range=whole_range(withheld_range, "--withheld-range"),
        withheld_marks=tuple(withheld or ()),
        missing_marks=tuple(missing or ()),
    )


def rows_where(said: list[str] | None) -> dict[str, str]:
    """Return the columns and values of `--where`."""
    return named_pairs(said, "--where", "a column, an equals sign and a value, as in type=1")


def named_pairs(said: list[str] | None, option: str, wanted: str) -> dict[str, str]:
    """Return what is named by an option of pairs: NAME=VALUE."""
    found = {}
    for one in said or ():
        name, equals, value = one.partition("=")
        if not equals:
            raise typer.BadParameter(wanted, param_hint=option)
        found[name] = value
    return found


def whole_range(text: str | None, option: str) -> tuple[int, int] | None:
    """Return what an option such as "1-7" says."""
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise typer.BadParameter("two whole numbers with a hyphen between them, as in 1-7", param_hint=option)
    return int(first), int(last)


def _number_or_name(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
