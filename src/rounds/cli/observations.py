"""For a clinician or analyst with a table of observations: `rounds deterioration`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rounds.cli.analyst import (
    Data,
    DateFormat,
    MissingMark,
    Where,
    WithheldMark,
    WithheldRange,
    reading_of,
    rows_where,
    tell_guesses,
)
from rounds.cli.terminal import terminal_of


def _column(says: str) -> Any:
    return typer.Option(help=f"Column of {says}.", show_default=False, metavar="COLUMN")


def deterioration(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    events: Annotated[
        Path | None,
        typer.Option(help="CSV file of events, one row each: the stay and the time.", show_default=False),
    ] = None,
    event: Annotated[str | None, _column("the time of the event, empty where there was none")] = None,
    within: Annotated[float, typer.Option(help="Hours after a set within which an event counts.")] = 24,
    outcome: Annotated[
        str | None, typer.Option(help='What the event is, in a few words: "cardiac arrest".', show_default=False)
    ] = None,
    stay: Annotated[str | None, _column("stays; of patients where there are none")] = None,
    patient: Annotated[str | None, _column("patients, where one may have several stays")] = None,
    time: Annotated[str | None, _column("when each set was taken, with hours and minutes")] = None,
    respiratory_rate: Annotated[str | None, _column("respiratory rates")] = None,
    saturation: Annotated[str | None, _column("oxygen saturations (SpO2)")] = None,
    oxygen: Annotated[str | None, _column("oxygen or air: yes and no, or litres per minute")] = None,
    systolic: Annotated[str | None, _column("systolic blood pressures")] = None,
    pulse: Annotated[str | None, _column("heart rates")] = None,
    consciousness: Annotated[str | None, _column("ACVPU")] = None,
    temperature: Annotated[str | None, _column("temperatures")] = None,
    ward: Annotated[str | None, _column("wards")] = None,
    scale_2: Annotated[str | None, _column("whether a clinician decided on SpO2 scale 2: yes and no")] = None,
    stay_end: Annotated[str | None, _column("when stays ended")] = None,
    blank_oxygen_is_air: Annotated[
        bool, typer.Option("--blank-oxygen-is-air", help="An empty cell of oxygen means that none was given.")
    ] = False,
    where: Where = None,
    dates: DateFormat = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for what is written; TABLE-deterioration by default.")
    ] = None,
) -> None:
    """Score observations by NEWS2: how well it warned of an event, and whether observations were on time.

    One row a set of observations. Columns that are not named are guessed, and what was guessed is said. An incomplete
    set has no score and is counted. Sentences are printed; a workbook and four figures are written. They hold
    [bold]exact counts, for use inside the site[/bold]: they have not passed disclosure control.

    [bold]Examples[/bold]

    rounds deterioration observations.csv

    rounds deterioration observations.csv --events arrests.csv --outcome "cardiac arrest" --within 24
    """
    from rounds.analyst import deterioration as found_of
    from rounds.analyst.early_warning import INSIDE
    from rounds.analyst.observation_columns import ObservationColumns

    says = terminal_of(context)
    result = found_of(
        table,
        columns=ObservationColumns(
            respiratory_rate=respiratory_rate,
            saturation=saturation,
            oxygen=oxygen,
            systolic=systolic,
            pulse=pulse,
            consciousness=consciousness,
            temperature=temperature,
            time=time,
            stay=stay,
            patient=patient,
            ward=ward,
            scale_2=scale_2,
            stay_end=stay_end,
            event=event,
        ),
        events=events,
        within=within,
        outcome=outcome,
        blank_oxygen_is_air=blank_oxygen_is_air,
        dates=dates,
        where=rows_where(where),
    )
    tell_guesses(says, result.source, result.guesses)
    for note in result.sets.read_as:
        says.say(note)
    with says.bars() as bars:
        bars.step("Writing figures", 4 if result.warned is None else len(result.warned.figures))
        written = result.write(out or Path(f"{table.stem}-deterioration"), done=bars.advance)
    if result.warned is None:
        says.say("No column says when events were, so how well it warned is not told: --event COLUMN or --events FILE.")
    says.say(f"Written: {written[0]}" + (f" and {len(written) - 1} pictures beside it" if len(written) > 1 else ""))
    says.say(INSIDE)
    says.result({**result.summary(), "written": [str(path) for path in written]}, text=str(result))


def arrests(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    ward: Annotated[str | None, _column("wards")] = None,
    when: Annotated[str | None, _column("months or other periods")] = None,
    arrests: Annotated[str | None, _column("admissions with a cardiac arrest")] = None,
    admissions: Annotated[str | None, _column("admissions to the ward")] = None,
    live: Annotated[str | None, _column("the day on which the ward went live, empty where it did not")] = None,
    where: Where = None,
    dates: DateFormat = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for what is written; TABLE-arrests by default.")
    ] = None,
) -> None:
    """Compare cardiac arrests for 1,000 admissions between wards, and tell what going live did.

    One row a ward and month. Columns that are not named are guessed, and what was guessed is said.

    [bold]Example[/bold]

    rounds arrests wards.csv --ward ward --live went_live
    """
    from rounds.analyst import arrests as found_of

    says = terminal_of(context)
    result = found_of(
        table,
        ward=ward,
        when=when,
        arrests=arrests,
        admissions=admissions,
        live=live,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    written = result.write(out or Path(f"{table.stem}-arrests"))
    says.say(f"Written: {written[0]} and {len(written) - 1} pictures beside it")
    rows = result.table().to_dicts()
    found = {"wards": rows, "sentences": list(result.sentences), "written": [str(path) for path in written]}
    says.result(found, text=str(result))
