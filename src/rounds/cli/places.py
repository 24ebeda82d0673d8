"""For an analyst with a table of places: `rounds map` and `rounds need`."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.analyst import (
    Data,
    DateFormat,
    Denominator,
    MissingMark,
    Numerator,
    Per,
    When,
    Where,
    WithheldMark,
    WithheldRange,
    finish,
    reading_of,
    rows_where,
    tell_guesses,
)
from rounds.cli.terminal import terminal_of


def place_map(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    boundaries: Annotated[Path, typer.Option(help="GeoJSON file of the places, in longitude and latitude.")],
    place: Annotated[str | None, typer.Option(help="Column of places.", show_default=False)] = None,
    key: Annotated[
        str | None, typer.Option(help="Property of the boundaries that names the places.", show_default=False)
    ] = None,
    when: When = None,
    numerator: Numerator = None,
    denominator: Denominator = None,
    better: Annotated[str, typer.Option(help="Which way is improvement: higher, lower or neither.")] = "neither",
    per: Per = None,
    where: Where = None,
    dates: DateFormat = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for what is written; TABLE-map by default.")] = None,
) -> None:
    """Draw rates by place on a map, with the clusters of high and of low ones.

    Several dates are added up. Clusters need the extra [bold]places[/bold].

    [bold]Example[/bold]

    rounds map admissions.csv --boundaries icb.geojson --place icb_code
    """
    from rounds.analyst import place_map as map_of

    says = terminal_of(context)
    result = map_of(
        table,
        boundaries,
        place=place,
        key=key,
        when=when,
        numerator=numerator,
        denominator=denominator,
        better=better,
        per=per,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    written = result.write(out or Path(f"{table.stem}-map"))
    lines = [result.sentence, *result.notes]
    finish(says, lines, written, 1, 1, result.table().to_dicts(), "places")


def need(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    need: Annotated[str, typer.Option(help="Column of people who need it.")],
    use: Annotated[str, typer.Option(help="Column of those, of the same people, who have it.")],
    people: Annotated[str | None, typer.Option(help="Column of all people.", show_default=False)] = None,
    place: Annotated[str | None, typer.Option(help="Column of places.", show_default=False)] = None,
    when: When = None,
    imd: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet file of deprivation by small area; places are compared by fifth.", show_default=False
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many places can be looked at first.")] = 3,
    where: Where = None,
    dates: DateFormat = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for what is written; TABLE-need by default.")
    ] = None,
) -> None:
    """Tell how much more places need something than have it, and where to look first.

    Several dates are added up. With [bold]--imd[/bold] small areas are compared by fifth of deprivation.

    [bold]Examples[/bold]

    rounds need practices.csv --need diagnosed --use treated --people list_size

    rounds need areas.csv --need diagnosed --use treated --people people --imd imd2019.csv
    """
    from rounds.analyst import need_less_use

    says = terminal_of(context)
    result = need_less_use(
        table,
        need=need,
        use=use,
        people=people,
        place=place,
        when=when,
        imd=imd,
        top=top,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    written = result.write(out or Path(f"{table.stem}-need"))
    finish(says, [*result.sentences, *result.notes], written, 1, 1, result.table().to_dicts(), "groups")
