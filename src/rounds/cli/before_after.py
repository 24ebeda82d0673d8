"""For an analyst with counts before and after: `rounds its` and `rounds power`."""

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
    Per,
    ShownIn,
    When,
    Where,
    WithheldMark,
    WithheldRange,
    reading_of,
    rows_where,
    tell_guesses,
    whole_range,
)
from rounds.cli.terminal import terminal_of

Series = Annotated[
    list[str] | None, typer.Option(help="Column that tells series apart; may be repeated.", show_default=False)
]


def its(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    since: Annotated[str, typer.Option(help="First day, month or period with the change in effect throughout.")],
    of: Annotated[str | None, typer.Option(help="The organisation that changed.", show_default=False)] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="An organisation without it to compare with, or all; may be repeated.", show_default=False),
    ] = None,
    live: Annotated[
        str | None, typer.Option(help="From when it was introduced; from then to --since is left out.")
    ] = None,
    stopped: Annotated[str | None, typer.Option(help="First day on which it was no longer in effect.")] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(help="Column by which the mixture of those beside it is to be like it; may be repeated."),
    ] = None,
    drift: Annotated[bool, typer.Option(help="Allow it another trend than those beside it had all along.")] = True,
    family: Annotated[
        str | None, typer.Option(help="poisson, quasi_poisson, negative_binomial; chosen by itself if left out.")
    ] = None,
    lag: Annotated[int | None, typer.Option(min=0, help="How many periods errors look back.")] = None,
    when: When = None,
    series: Series = None,
    numerator: Numerator = None,
    denominator: Denominator = None,
    value: MeanValue = None,
    shown_in: ShownIn = None,
    per: Per = None,
    where: Where = None,
    dates: DateFormat = None,
    rounded_to: Annotated[
        float | None, typer.Option(min=0, help="Shown counts or means were rounded to a multiple of this.")
    ] = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for what is written; TABLE-its by default.")] = None,
) -> None:
    """Tell what changed at one organisation, in level and in trend (interrupted time series).

    Its own past is carried on, or that of others beside it; what would have been is drawn with its band. What cannot be
    said is said. Beside two others or more it is reckoned two more ways, by the mixture of them that was nearest before
    (synthetic control) and by a level that wanders (structural time series), and said whether the three agree.

    [bold]Examples[/bold]

    rounds its admissions.csv --since 2005-01

    rounds its falls.csv --of RX1 --since "Apr 2024" --live "Feb 2024" --beside all --withheld-range 1-7 --rounded-to 5

    rounds its falls.csv --of RX1 --since 2024-04 --beside all --match share_over_75

    rounds its stays.csv --value mean_nights --denominator stays --shown-in nights --of RX1 --since "Apr 2024"
    """
    from rounds.analyst import its as result_of

    says = terminal_of(context)
    result = result_of(
        table,
        since=since,
        of=of,
        beside="all" if beside == ["all"] else tuple(beside or ()),
        match=tuple(match or ()),
        live=live,
        stopped=stopped,
        drift=drift,
        family=family,
        lag=lag,
        when=when,
        series=tuple(series or ()),
        numerator=numerator,
        denominator=denominator,
        value=value,
        shown_in=shown_in,
        per=per,
        rounded_to=rounded_to,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    written = result.write(out or Path(f"{table.stem}-its"))
    says.say(f"Written: {written[0]} and a picture beside it")
    says.result(
        {
            "found": result.summary().to_dicts(),
            "sentences": list(result.sentences),
            "certainty": str(result.certainty),
            "because": result.because,
            "mixture": result.mixture().to_dicts(),
            "notes": list(result.notes),
            "written": [str(path) for path in written],
        },
        text="\n".join(
            [*result.sentences, f"{result.certainty.capitalize()} certainty: {result.because}", *result.notes]
        ),
    )


def power(  # noqa: PLR0913, PLR0917 - a command's options
    context: typer.Context,
    table: Data,
    plan: Annotated[Path, typer.Option(help="CSV file: organisations, and the first day on which each will have it.")],
    ahead: Annotated[int, typer.Option(min=1, max=120, help="Periods after the table's last that will be counted.")],
    ratio: Annotated[
        float | None, typer.Option(help="Rate ratio to look for: 0.8 is a fifth fewer events.", show_default=False)
    ] = None,
    difference: Annotated[
        float | None, typer.Option(help="Of means, the difference to look for, in their units.", show_default=False)
    ] = None,
    withheld: Annotated[
        str | None, typer.Option(help="Counts that will be withheld, as in 1-7.", show_default=False)
    ] = None,
    rounded_to: Annotated[int, typer.Option(min=1, help="Other counts will be rounded to a multiple of this.")] = 1,
    when: When = None,
    series: Series = None,
    numerator: Numerator = None,
    denominator: Denominator = None,
    value: MeanValue = None,
    shown_in: ShownIn = None,
    where: Where = None,
    dates: DateFormat = None,
    withheld_range: WithheldRange = None,
    withheld_mark: WithheldMark = None,
    missing_mark: MissingMark = None,
) -> None:
    """Tell before a rollout what it could find, from past counts.

    How counts scatter and how unequally organisations move is learned from the table; the plan says who begins when.

    [bold]Examples[/bold]

    rounds power arrests.csv --plan rollout.csv --ratio 0.8 --ahead 24

    rounds power arrests.csv --plan rollout.csv --ratio 0.8 --ahead 24 --withheld 1-7 --rounded-to 5

    rounds power stays.csv --plan rollout.csv --value mean_nights --denominator stays --difference -0.5 --ahead 12
    """
    from rounds.analyst import power as result_of

    says = terminal_of(context)
    result = result_of(
        table,
        plan,
        ahead=ahead,
        ratio=ratio,
        difference=difference,
        withheld=whole_range(withheld, "--withheld"),
        rounded_to=rounded_to,
        when=when,
        series=tuple(series or ()),
        numerator=numerator,
        denominator=denominator,
        value=value,
        shown_in=shown_in,
        where=rows_where(where),
        reading=reading_of(dates, withheld_range, withheld_mark, missing_mark),
    )
    tell_guesses(says, result.source, result.guesses)
    says.result(
        {"power": result.table().to_dicts(), "sentences": list(result.sentences), "notes": list(result.notes)},
        text="\n".join([*result.sentences, *result.notes]),
    )
