"""A table of organisations and periods, with days of adoption, as the panel that estimators of impact take."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from rounds.analyst.adoption import Adoption
from rounds.analyst.columns import Understood
from rounds.analyst.dates import Spacing, spacing_of
from rounds.analyst.frames import TableError
from rounds.analyst.impact_gaps import gap_notes, refuse_events_of_nobody
from rounds.analyst.mean_columns import mean_columns
from rounds.learning.bounded.counts import MOST_EVENTS, MOST_VALUES
from rounds.learning.impact.effect import MeanOf, Panel
from rounds.learning.impact.treatment import build_panel
from rounds.reports.content.impact_words import Words

SCALE = 1_000.0
"""Rates are shown as events for so many at risk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePanel:
    """The panel of a table, and how it is spoken of."""

    panel: Panel
    labels: tuple[str, ...]
    spacing: Spacing
    title: str
    shown: str
    """what is shown of it: "per 1,000 admissions", or what a mean is in"""
    words: Words
    gaps: tuple[str, ...]
    """what is left out, in sentences"""


def panel_of_table(understood: Understood, adoption: Adoption, words: Words, rounded_to: float) -> TablePanel:
    """Return the panel of a table.

    Args:
        understood: the table without its columns of adoption.
        adoption: when each row's organisation adopted, and stopped.
        words: how effects are spoken of; of means if they say what a mean is shown in, else of counts.
        rounded_to: of what means are multiples, because they were rounded; 0 if they were not.

    Raises:
        TableError: names file, line and column, and what to do.
    """
    table, columns = understood.table, understood.columns
    dates = understood.dates
    if dates is None:
        raise TableError(f"{table.name}: no column reads as dates; name it with --when")
    counts = words.shown_in is None
    if counts and (columns.numerator is None or columns.denominator is None):
        raise TableError(
            f"{table.name}: counts of events are needed, and how many each is of; name them with --numerator and "
            "--denominator, or means with --value"
        )
    if len(columns.series) != 1:
        named = " and ".join(columns.series) or "none"
        alone = "" if columns.series else "; of one organisation alone `rounds its` tells what changed"
        raise TableError(
            f"{table.name}: one column must tell organisations apart ({named} found); name it with --organisation, and "
            f"keep one row a period with --where{alone}"
        )
    names = table.frame[columns.series[0]].cast(pl.String).fill_null("(blank)")
    sites, days = names.unique(maintain_order=True).to_list(), dates.days.unique().sort().to_list()
    at = _places(understood, names, dates.days)
    shape = (len(sites), len(days))
    if counts:
        lower, upper, exposure = (_matrix(understood, end, at, shape) for end in ("lower", "upper", "denominator"))
        refuse_events_of_nobody(understood, at, upper, exposure)
    else:
        told = mean_columns(understood, rounded_to=rounded_to)
        lower, upper, exposure = (_placed(rows, at, shape) for rows in (told.lower, told.upper, told.size))
    missing = np.isnan(lower) | np.isnan(upper) | ~(exposure > 0)
    spacing = spacing_of(days, dates.written)
    ends = [later - timedelta(days=1) for later in days[1:]]
    last = days[-1] + (days[-1] - days[-2] if len(days) > 1 else timedelta(days=28)) - timedelta(days=1)
    started, stopped = adoption.days_of(names)
    try:
        panel = build_panel(
            sites=sites,
            periods=list(zip(days, [*ends, last], strict=True)),
            lower=np.where(missing, np.nan, lower),
            upper=np.where(missing, np.nan, upper),
            exposure=exposure,
            effective_from=started,
            live_from={},
            stopped_on=stopped,
            mean_of=None if counts else MeanOf(),
        )
    except ValueError as error:
        raise TableError(f"{table.name}: {error}; correct it") from error
    return TablePanel(
        panel=panel,
        labels=tuple(spacing.label(day) for day in days),
        spacing=spacing,
        title=columns.numerator or columns.value or "",
        shown=f"per {SCALE:,.0f} {columns.denominator}" if words.shown_in is None else words.shown_in,
        words=words,
        gaps=gap_notes(missing if counts else np.zeros(0, dtype=np.bool_), tuple(stopped)),
    )


def _places(understood: Understood, names: pl.Series, days: pl.Series) -> tuple[list[int], list[int]]:
    """Return each row's place in the panel."""
    table = understood.table
    keys = pl.DataFrame({"site": names, "day": days})
    twice = keys.is_duplicated().arg_true()
    if len(twice):
        one = keys.row(int(twice[0]))
        other = next(int(row) for row in twice[1:] if keys.row(int(row)) == one)
        raise TableError(
            f"{table.name}: {table.place(int(twice[0]))} and {table.place(other)} are of one organisation and one "
            "period; add them up, leave one out, or use rows of one kind with --where COLUMN=VALUE"
        )
    row_of = {site: row for row, site in enumerate(names.unique(maintain_order=True))}
    column_of = {day: column for column, day in enumerate(days.unique().sort())}
    return [row_of[name] for name in names], [column_of[day] for day in days]


def _matrix(
    understood: Understood, what: str, at: tuple[list[int], list[int]], shape: tuple[int, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    table, columns = understood.table, understood.columns
    name = str(columns.denominator if what == "denominator" else columns.numerator)
    numbers = understood.numbers[name]
    values = {"lower": numbers.lower, "upper": numbers.upper, "denominator": numbers.values}[what]
    cells = values.cast(pl.Float64)

    table.refuse(cells < 0, name, "the number is below 0; correct it")
    table.refuse(cells.is_infinite(), name, "the number is infinite; correct it")
    if what != "denominator":
        table.refuse(
            numbers.withheld & cells.is_null(),
            name,
            "the number is withheld and nothing says what it can be; say it with --withheld-range, as in 1-7",
        )
        table.refuse(
            cells != cells.floor(), name, "the number is no whole number, and events are counted; name another column"
        )
        table.refuse(
            cells > MOST_EVENTS,
            name,
            f"more than {MOST_EVENTS:,} events in one period cannot be modelled; use shorter periods",
        )
        spread = float((numbers.upper - numbers.lower).fill_null(0.0).sum())
        if spread + len(cells) > MOST_VALUES:
            raise TableError(f"{table.name}, column {name}: what withheld numbers can be is too wide to be modelled")
    return _placed(cells.fill_null(np.nan).to_numpy(), at, shape)


def _placed(
    rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]], at: tuple[list[int], list[int]], shape: tuple[int, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    found = np.full(shape, np.nan)
    found[at[0], at[1]] = rows
    return found
