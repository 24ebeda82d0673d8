"""`rounds impact`: from a table of counts and adoption dates to whether it worked."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.analyst import (
    Data,
    DateFormat,
    Denominator,
    MeanValue,
    MissingMark,
    Numerator,
    ShownIn,
    When,
    Where,
    WithheldMark,
    WithheldRange,
    reading_of,
    rows_where,
    tell_guesses,
)
from rounds.cli.terminal import terminal_of


def impact(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    organisation: Annotated[str | None, typer.Option(help="Column of organisations.", show_default=False)] = None,
    when: When = None,
    numerator: Numerator = None,
    denominator: Denominator = None,
    value: MeanValue = None,
    shown_in: ShownIn = None,
    rounded_to: Annotated[float, typer.Option(min=0, help="Means were rounded to a multiple of this.")] = 0.0,
    adopted: Annotated[
        str | None,
        typer.Option(help="Column of the day each organisation adopted; empty: never.", show_default=False),
    ] = None,
    stopped: Annotated[str | None, typer.Option(help="Column of the day it stopped.", show_default=False)] = None,
    better: Annotated[str, typer.Option(help="Which way is improvement: higher, lower or neither.")] = "lower",
    placebos: Annotated[int, typer.Option(min=0, help="How often to deal adoption out at random.")] = 200,
    seed: Annotated[int, typer.Option(help="Of all that is drawn at random.")] = 1,
    where: Where = None,
    dates: DateFormat = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for what is written; TABLE-impact by default.")
    ] = None,
) -> None:
    """Say whether an innovation worked where it was adopted, by several estimators, with checks.

    One row an organisation and period: events, how many they are of, and the day the organisation adopted (empty if it
    never did); with --value a mean in place of events. Columns that are not named are guessed, and what was guessed is
    said.

    [bold]Examples[/bold]

    rounds impact arrests.csv

    rounds impact arrests.csv --organisation trust --numerator arrests --denominator admissions --adopted live_on

    rounds impact stays.csv --value mean_nights --denominator stays --shown-in nights --rounded-to 0.1
    """
    from rounds.analyst import impact as impact_of

    says = terminal_of(context)
    result = impact_of(
        table,
        organisation=organisation,
        when=when,
        numerator=numerator,
        denominator=denominator,
        value=value,
        shown_in=shown_in,
        rounded_to=rounded_to,
        adopted=adopted,
        stopped=stopped,
        better=better,
        placebos=placebos,
        seed=seed,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    written = result.write(out or Path(f"{table.stem}-impact"))
    says.say(f"Written: {written[0]} and {len(written) - 1} pictures beside it")
    found = {
        "finding": result.sentence,
        "certainty": str(result.certainty),
        "because": result.because,
        "estimates": result.estimates().to_dicts(),
        "steps": result.steps().to_dicts(),
        "written": [str(path) for path in written],
    }
    says.result(found, text="\n".join(result.sentences))
