"""Did it work? From an analyst's table of counts and adoption dates to what several estimators say."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rounds.analyst.adoption import Adoption, adoption_of
from rounds.analyst.columns import Columns, Reading, Understood, Wants, understand
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.impact_panel import SCALE, TablePanel, panel_of_table
from rounds.analyst.impact_result import ImpactResult
from rounds.analyst.mean_columns import alike_note, mean_words
from rounds.analyst.shown import way_of
from rounds.learning.impact.effect import MeanEffect, NoEffect
from rounds.learning.impact.panel.run import DidItWork, Settings, did_it_work
from rounds.measures.definitions import Better
from rounds.reports.charts.impact import impact_chart
from rounds.reports.content.impact_points import impact_points
from rounds.reports.content.impact_words import RATIOS, Setting, mean_notes
from rounds.reports.content.panel import exhibits_of
from rounds.reports.content.reading import Reading as Said
from rounds.reports.content.reading import no_reading, reading_of
from rounds.reports.content.wording import better_words

IN_EFFECT = "where it was adopted"


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
    made = panel_of_table(understood, adoption, RATIOS if value is None else mean_words(shown_in), rounded_to)
    chance = np.random.default_rng(seed)
    found = did_it_work(made.panel, generator=chance, settings=Settings(runs=placebos))
    return _result(understood, adoption, made, found, way)


def _result(
    understood: Understood, adoption: Adoption, made: TablePanel, found: DidItWork | NoEffect, better: Better
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
    notes = [] if isinstance(found, NoEffect) else [*found.effect.notes, f"Assumed: {found.effect.assumes}"]
    if made.words.shown_in is not None:
        notes += alike_note(understood)
    if isinstance(effect, MeanEffect):
        notes += mean_notes(effect, made.words)
    notes += made.gaps
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
            points=impact_points(effect, made.panel, made.labels, SCALE),
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


def _said(made: TablePanel, found: DidItWork | NoEffect, better: Better) -> Said:
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
