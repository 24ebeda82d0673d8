"""Did it work? From an analyst's table of counts and adoption dates to the panel of estimators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rounds.analyst.adoption import Adoption, adoption_of
from rounds.analyst.columns import Columns, Guess, Reading, Understood, Wants, understand
from rounds.analyst.dates import Spacing, spacing_of
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.mean_columns import alike_note, mean_columns, mean_words
from rounds.analyst.shown import charts_as_html, way_of
from rounds.learning.bounded.counts import MOST_EVENTS, MOST_VALUES
from rounds.learning.impact.did import build_panel
from rounds.learning.impact.effect import MeanEffect, MeanOf, NoEffect, Panel
from rounds.learning.impact.panel.run import DidItWork, Settings, did_it_work
from rounds.measures.definitions import Better
from rounds.reports.charts.impact import impact_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.impact_points import impact_points
from rounds.reports.content.impact_words import RATIOS, Setting, Words, mean_notes
from rounds.reports.content.panel import exhibits_of
from rounds.reports.content.reading import Reading as Said
from rounds.reports.content.reading import no_reading, reading_of
from rounds.reports.content.wording import better_words
from rounds.reports.insight import Certainty, Exhibit, Mark

IN_EFFECT = "where it was adopted"
_SCALE = 1_000.0
_ESTIMATES = (
    "what",
    "effect",
    "lower",
    "upper",
    "against_leading",
    "against_lower",
    "against_upper",
    "remark",
)
_STEPS = ("periods", "effect", "lower", "upper", "lower_all_steps", "upper_all_steps", "organisations")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactResult:
    """What a table says about an innovation. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    found: DidItWork | NoEffect
    """the estimates and checks, or why there are none"""
    sentence: str
    """what it did, for how many"""
    certainty: Certainty
    because: str
    spec: Spec
    """counted and expected"""
    alt_text: str
    exhibits: tuple[Exhibit, ...]
    """the estimators compared; before and after adoption"""
    notes: tuple[str, ...]
    panel: Panel
    periods: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The finding, how sure it is, and what the checks say, in plain words."""
        sure = f"{self.certainty.capitalize()} certainty: {self.because}"
        return (self.sentence, sure, *(line for one in self.exhibits for line in (one.title, *one.notes)), *self.notes)

    def estimates(self) -> pl.DataFrame:
        """Return a row an estimator and check: rate ratio, 95 % interval, difference from the leading one, remark.

        Of means `difference` stands in place of `rate_ratio`.
        """
        return _frame(self.exhibits[0], _named(_ESTIMATES, self.panel)) if self.exhibits else pl.DataFrame()

    def steps(self) -> pl.DataFrame:
        """Return a row a step before or after adoption; empty where there are none."""
        return _frame(self.exhibits[1], _named(_STEPS, self.panel)) if len(self.exhibits) > 1 else pl.DataFrame()

    def table(self) -> pl.DataFrame:
        """Return a row a period: the rate per 1,000, or the mean: lowest and highest possible, and expected."""
        effect = self.found if isinstance(self.found, NoEffect) else self.found.effect
        points = impact_points(effect, self.panel, self.periods, _SCALE)
        schema = {
            "period": pl.String,
            "counted_lowest": pl.Float64,
            "counted_highest": pl.Float64,
            "expected": pl.Float64,
            "organisations": pl.Int64,
        }
        rows = [(point.label, point.lower, point.upper, point.expected, point.sites) for point in points]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def write(
        self, folder: str | Path, *, pictures: int = 100, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of each chart. Arguments as of `SpcResult.write`."""
        from rounds.analyst.impact_files import write_impact

        return write_impact(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the charts with their sentences, for a notebook."""
        charts = [("Counted and expected", self.sentence, self.spec, self.alt_text, ())]
        charts += [(one.name, one.title, one.chart, one.alt_text, ()) for one in self.exhibits]
        return charts_as_html(charts, Better.NEITHER)


def impact(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    *,
    organisation: str | None = None,
    when: str | None = None,
    numerator: str | None = None,
    denominator: str | None = None,
    value: str | None = None,
    shown_in: str | None = None,
    rounded_to: float = 0.0,
    adopted: str | None = None,
    stopped: str | None = None,
    better: str = "lower",
    placebos: int = 200,
    seed: int = 1,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
) -> ImpactResult:
    """Return whether an innovation worked where it was adopted, by several estimators, with checks.

    One row an organisation and period. Columns that are not named are guessed; the result's `guesses` say which and
    why. A period counts as with the innovation if it was adopted by its first day; that of adoption is left out.

    Args:
        data: the path of a CSV file, or a frame of pandas, polars or Arrow.
        organisation: the column of organisations.
        when: the column of dates, months, quarters or years.
        numerator: the column of events, whole numbers.
        denominator: the column of those at risk, or of time; of how many a mean is of.
        value: the column of means, in place of events: a mean length of stay, say.
        shown_in: what means are in, such as nights.
        rounded_to: of what means are multiples, because they were rounded; 0 if they were not.
        adopted: the column of the day each organisation adopted, the same in all its rows; empty if it never did.
        stopped: the column of the day it stopped; what comes after is left out.
        better: which way is improvement: "higher", "lower" or "neither".
        placebos: how often to deal adoption out at random.
        seed: of all that is drawn at random: the same seed gives the same result.
        where: columns and the one value that rows must have in each.
        reading: how dates are written and what marks mean, where the table cannot tell.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.impact`.
    """
    way = way_of(better)
    if placebos < 0:
        raise TableError(f"the number of placebos is 0 or more, not {placebos}")
    table = table_of(data, where=where)
    how = reading or Reading()
    if value is not None and numerator is not None:
        raise TableError("name either events with --numerator, or means with --value")
    if value is None and (shown_in is not None or rounded_to):
        raise TableError("--shown-in and --rounded-to are about means; name their column with --value")
    named = (organisation, when, numerator, denominator, value)
    adoption = adoption_of(table, adopted=adopted, stopped=stopped, taken=named, reading=how)
    given = Columns(
        when=when,
        series=(organisation,) if organisation else (),
        numerator=numerator,
        denominator=denominator,
        value=value,
    )
    understood = understand(adoption.rest, given, reading=how, wants=Wants(dates=True))
    made = _panel(understood, adoption, RATIOS if value is None else mean_words(shown_in), rounded_to)
    chance = np.random.default_rng(seed)
    found = did_it_work(made.panel, generator=chance, settings=Settings(runs=placebos))
    return _result(understood, adoption, made, found, way)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    panel: Panel
    labels: tuple[str, ...]
    spacing: Spacing
    title: str
    shown: str
    """what is shown of it: "per 1,000 admissions", or what a mean is in"""
    words: Words


def _panel(understood: Understood, adoption: Adoption, words: Words, rounded_to: float) -> _Made:
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
        raise TableError(
            f"{table.name}: one column must tell organisations apart ({named} found); name it with --organisation, and "
            "keep one row a period with --where"
        )
    names = table.frame[columns.series[0]].cast(pl.String).fill_null("(blank)")
    sites, days = names.unique(maintain_order=True).to_list(), dates.days.unique().sort().to_list()
    at = _places(understood, names, dates.days)
    shape = (len(sites), len(days))
    if counts:
        lower, upper, exposure = (_matrix(understood, end, at, shape) for end in ("lower", "upper", "denominator"))
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
    return _Made(
        panel=panel,
        labels=tuple(spacing.label(day) for day in days),
        spacing=spacing,
        title=columns.numerator or columns.value or "",
        shown=f"per {_SCALE:,.0f} {columns.denominator}" if words.shown_in is None else words.shown_in,
        words=words,
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
    name = columns.denominator if what == "denominator" else columns.numerator
    numbers = understood.numbers[str(name)]
    values = {"lower": numbers.lower, "upper": numbers.upper, "denominator": numbers.values}[what]
    cells = values.cast(pl.Float64)

    def refuse(rows: pl.Series, problem: str) -> None:
        found = rows.fill_null(value=False).arg_true()
        if len(found):
            raise TableError(f"{table.name}, {table.place(int(found[0]))}, column {name}: {problem}")

    refuse(cells < 0, "the number is below 0; correct it")
    refuse(cells.is_infinite(), "the number is infinite; correct it")
    if what != "denominator":
        refuse(
            numbers.withheld & cells.is_null(),
            "the number is withheld and nothing says what it can be; say it with --withheld-range, as in 1-7",
        )
        refuse(cells != cells.floor(), "the number is no whole number, and events are counted; name another column")
        refuse(
            cells > MOST_EVENTS,
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


def _result(
    understood: Understood, adoption: Adoption, made: _Made, found: DidItWork | NoEffect, better: Better
) -> ImpactResult:
    said = _said(made, found, better)
    effect = found if isinstance(found, NoEffect) else found.effect
    title = f"{_capital(made.title)}, {made.shown}, {IN_EFFECT} ({better_words(better)})"
    setting = Setting(
        subject=f"{_capital(made.title)}{made.words.unit} {IN_EFFECT}",
        better=better_words(better),
        period=str(made.spacing.grain) if made.spacing.grain else "period",
        words=made.words,
    )
    notes = [] if isinstance(found, NoEffect) else list(found.effect.notes)
    if made.words.shown_in is not None:
        notes += alike_note(understood)
    if isinstance(effect, MeanEffect):
        notes += mean_notes(effect, made.words)
    if adoption.never:
        notes.append("An empty cell of the adoption date was read as never adopted.")
    return ImpactResult(
        source=understood.table.name,
        guesses=(*adoption.guesses, *understood.guesses),
        found=found,
        sentence=said.statement,
        certainty=said.level,
        because=said.because,
        spec=impact_chart(
            points=impact_points(effect, made.panel, made.labels, _SCALE),
            observed_label=made.words.observed,
            expected_label="Expected without",
            title=title,
        ),
        alt_text=(
            f"Chart of {title}, as counted and as expected without it, from {made.labels[0]} to {made.labels[-1]}. "
            f"{said.statement}"
        ),
        exhibits=() if isinstance(found, NoEffect) else exhibits_of(found, setting),
        notes=tuple(notes),
        panel=made.panel,
        periods=made.labels,
    )


def _said(made: _Made, found: DidItWork | NoEffect, better: Better) -> Said:
    if isinstance(found, NoEffect):
        return no_reading(found, IN_EFFECT, title=made.title)
    title = _capital(made.title)
    return reading_of(
        found.effect,
        found.placebo_in_time,
        made.panel,
        IN_EFFECT,
        title=title,
        better=better,
        beside=found,
        words=made.words,
    )


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _named(columns: tuple[str, ...], panel: Panel) -> tuple[str, ...]:
    """Return the names of an exhibit's columns, with what an effect is: a rate ratio, or a difference of means."""
    effect = "rate_ratio" if panel.mean_of is None else "difference"
    return tuple(effect if name == "effect" else name for name in columns)


def _frame(exhibit: Exhibit, names: tuple[str, ...]) -> pl.DataFrame:
    """Return an exhibit's table; marks become empty cells."""
    rows = [tuple(None if isinstance(cell, Mark) else cell for cell in row) for row in exhibit.table.rows]
    return pl.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None)
