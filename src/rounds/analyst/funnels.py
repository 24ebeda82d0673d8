"""Funnel plots of an analyst's table: organisations against their size, with limits that know over-dispersion."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.analyst.columns import Columns, Guess, Reading, Understood, understand
from rounds.analyst.dates import spacing_of
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.points import counts_of
from rounds.analyst.shown import charts_as_html
from rounds.learning.variation.between_sites.funnel import Funnel, Outlier, funnel_proportions, funnel_rates
from rounds.learning.variation.between_sites.notes import funnel_notes
from rounds.measures.definitions import Better
from rounds.reports.charts.funnel import FunnelSite, funnel_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.wording import listing, number, plural

Vector = NDArray[np.float64]

_FAR = {Outlier.HIGH_998, Outlier.LOW_998}
_SIDES = (
    (Outlier.HIGH_998, "higher (99.8% limits)"),
    (Outlier.HIGH_95, "perhaps higher (95% limits)"),
    (Outlier.LOW_95, "perhaps lower (95% limits)"),
    (Outlier.LOW_998, "lower (99.8% limits)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelPlot:
    """One funnel: organisations, limits, and what to say. Arrays of the funnel have shape (shown organisations,)."""

    name: str
    organisations: tuple[str, ...]
    """those with a point"""
    numerators: Vector
    funnel: Funnel
    per: float
    unit: str
    left_out: tuple[tuple[str, str], ...]
    """organisations without a point, and why"""
    sentence: str
    notes: tuple[str, ...]
    spec: Spec

    @property
    def alt_text(self) -> str:
        """What the picture shows, for who does not see it."""
        return f"Funnel plot of {len(self.organisations)} organisations, {self.unit}. {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelResult:
    """Funnels of a table, one for each group. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    summed_over: str
    """the dates that were added up; empty if there are none"""
    plots: tuple[FunnelPlot, ...]

    def __len__(self) -> int:
        return len(self.plots)

    def __iter__(self) -> Iterator[FunnelPlot]:
        return iter(self.plots)

    def table(self) -> pl.DataFrame:
        """Return every organisation: counts, rate, limits and where it lies. Those left out have a reason instead."""
        return pl.concat([_table(plot) for plot in self.plots])

    def write(
        self, folder: str | Path, *, pictures: int = 100, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of each funnel; arguments as of `SpcResult.write`."""
        from rounds.analyst.files import write_funnels

        return write_funnels(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(plot.sentence for plot in self.plots)

    def _repr_html_(self) -> str:
        """Return the first funnels with their sentences, for a notebook."""
        return charts_as_html(
            [(plot.name, plot.sentence, plot.spec, plot.alt_text, ()) for plot in self.plots], Better.NEITHER
        )


def funnel(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    *,
    organisation: str | None = None,
    by: str | Sequence[str] = (),
    when: str | None = None,
    numerator: str | None = None,
    denominator: str | None = None,
    per: float | None = None,
    overdispersion: bool = True,
    reading: Reading | None = None,
) -> FunnelResult:
    """Return a funnel plot of organisations, or one for each group of a table.

    Counts of one organisation on several dates are added up, and the result says over which.

    Args:
        data: as in `spc`.
        organisation: the column of organisations.
        by: a funnel for each combination of what these hold.
        when: the column of dates, if there is one.
        numerator: the column of events.
        denominator: the column of those at risk; time where events may outnumber it.
        per: as in `spc`.
        overdispersion: widen the limits by the variance between organisations that chance does not explain.
        reading: as in `spc`.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.variation.between_sites.funnel`.

    >>> table = pl.DataFrame({"site": ["A", "B", "C"], "deaths": [10, 12, 60], "admissions": [100, 110, 200]})
    >>> print(funnel(table, overdispersion=False))
    3 organisations, 20% of admissions: higher (99.8% limits): C; perhaps lower (95% limits): A and B
    """
    groups = (by,) if isinstance(by, str) else tuple(by)
    given = Columns(
        when=when,
        series=(*((organisation,) if organisation else ()), *groups) if organisation else (),
        numerator=numerator,
        denominator=denominator,
    )
    table = table_of(data)
    understood = understand(table, given, reading=reading or Reading(), needs_dates=False)
    columns = understood.columns
    if columns.numerator is None or columns.denominator is None:
        raise TableError(
            f"{table.name}: a funnel needs counts and how many each is of; name them with --numerator and --denominator"
        )
    if not columns.series:
        raise TableError(f"{table.name}: no column tells organisations apart; name it with --organisation")
    if not organisation:
        rest = tuple(name for name in columns.series if name not in groups)
        if not rest:
            raise TableError(f"{table.name}: no column is left for the organisations; name it with --organisation")
        understood = replace(understood, columns=replace(columns, series=(rest[0], *groups, *rest[1:])))
    summed = _summed(understood)
    plots = []
    for key, part in summed.group_by("group", maintain_order=True):
        title = str(key[0]) or f"{columns.numerator} of {columns.denominator}"
        plots.append(_plot(title, part, understood, per, overdispersion=overdispersion))
    return FunnelResult(
        source=table.name, guesses=understood.guesses, summed_over=_dates_added(understood), plots=tuple(plots)
    )


def _summed(understood: Understood) -> pl.DataFrame:
    """Return the counts of each organisation and group, added up over dates; null where one of them is not known."""
    columns, frame = understood.columns, understood.table.frame
    organisation, *groups = columns.series
    counts = counts_of(understood)
    named = [pl.col(name).cast(pl.String).fill_null("(blank)") for name in groups]
    rows = pl.DataFrame(
        {
            "organisation": frame[organisation].cast(pl.String).fill_null("(blank)"),
            "group": frame.select(pl.concat_str(named, separator=", ")).to_series()
            if named
            else pl.repeat("", frame.height, dtype=pl.String, eager=True),
            "numerator": counts.numerator,
            "denominator": counts.denominator,
            "withheld": counts.withheld,
        }
    )
    known = pl.col("numerator").is_not_null() & pl.col("denominator").is_not_null()
    return rows.group_by("group", "organisation", maintain_order=True).agg(
        pl.when(known.all()).then(pl.col("numerator").sum()).alias("numerator"),
        pl.when(known.all()).then(pl.col("denominator").sum()).alias("denominator"),
        pl.col("withheld").any(),
    )


def _dates_added(understood: Understood) -> str:
    if understood.dates is None:
        return ""
    days = sorted(understood.dates.days.unique().to_list())
    spacing = spacing_of(days, understood.dates.written)
    if len(days) == 1:
        return spacing.label(days[0])
    return f"{len(days)} dates, {spacing.label(days[0])} to {spacing.label(days[-1])}, added up"


def _plot(
    name: str, rows: pl.DataFrame, understood: Understood, per: float | None, *, overdispersion: bool
) -> FunnelPlot:
    left_out = [
        (row["organisation"], _why_out(row))
        for row in rows.iter_rows(named=True)
        if row["numerator"] is None or not row["denominator"]
    ]
    shown = rows.filter(pl.col("numerator").is_not_null() & (pl.col("denominator") > 0))
    columns = understood.columns
    if shown.height < 2:
        raise TableError(
            f"{understood.table.name}: {name} has {plural(shown.height, 'organisation')} with counts, and a funnel "
            "compares at least two; leave it out or name other columns"
        )
    tops, bottoms = shown["numerator"].to_numpy(), shown["denominator"].to_numpy()
    part = bool((tops <= bottoms).all())
    make = funnel_proportions if part else funnel_rates
    drawn = make(numerators=tops, denominators=bottoms, overdispersion=overdispersion)
    scale = per if per is not None else 100.0 if part else 1000.0
    unit = f"% of {columns.denominator}" if scale == 100 and part else f"per {scale:,g} {columns.denominator}"
    organisations = tuple(shown["organisation"].to_list())
    return FunnelPlot(
        name=name,
        organisations=organisations,
        numerators=tops,
        funnel=drawn,
        per=scale,
        unit=unit,
        left_out=tuple(left_out),
        sentence=_sentence(organisations, drawn, scale, unit, left_out),
        notes=funnel_notes(drawn),
        spec=_spec(name, organisations, drawn, scale, unit, str(columns.denominator)),
    )


def _why_out(row: dict[str, Any]) -> str:
    if row["withheld"]:
        return "withheld"
    return "missing" if row["numerator"] is None or row["denominator"] is None else "nobody in its denominator"


def _sentence(
    organisations: tuple[str, ...], drawn: Funnel, per: float, unit: str, left_out: list[tuple[str, str]]
) -> str:
    outside = []
    for status, words in _SIDES:
        names = [one for one, place in zip(organisations, drawn.outliers, strict=True) if place is status]
        if names:
            outside.append(f"{words}: {listing(names)}")
    level = f"{number(per * drawn.centre)}{unit if unit.startswith('%') else f' {unit}'}"
    found = "; ".join(outside) or "all inside the limits"
    without = f"; {len(left_out)} left out ({left_out[0][1]})" if left_out else ""
    return f"{plural(len(organisations), 'organisation')}, {level}: {found}{without}"


def _spec(name: str, organisations: tuple[str, ...], drawn: Funnel, per: float, unit: str, size_title: str) -> Spec:
    sites = tuple(
        FunnelSite(
            name=one,
            size=float(drawn.denominators[at]),
            value=per * float(drawn.values[at]),
            bounds=(per * float(drawn.values[at]),) * 2,
            outside=drawn.outliers[at] is not Outlier.INSIDE,
            far_outside=drawn.outliers[at] in _FAR,
            limits95=(per * float(drawn.lower95[at]), per * float(drawn.upper95[at])),
            limits998=(per * float(drawn.lower998[at]), per * float(drawn.upper998[at])),
        )
        for at, one in enumerate(organisations)
    )
    return funnel_chart(sites=sites, centre=per * drawn.centre, size_title=size_title, title=f"{name}, {unit}")


def _table(plot: FunnelPlot) -> pl.DataFrame:
    drawn, per = plot.funnel, plot.per
    known = pl.DataFrame(
        {
            "funnel": pl.repeat(plot.name, len(plot.organisations), dtype=pl.String, eager=True),
            "organisation": list(plot.organisations),
            "numerator": plot.numerators,
            "denominator": drawn.denominators,
            "value": per * drawn.values,
            "lower_95": per * drawn.lower95,
            "upper_95": per * drawn.upper95,
            "lower_99_8": per * drawn.lower998,
            "upper_99_8": per * drawn.upper998,
            "status": [str(one) for one in drawn.outliers],
        }
    )
    out = pl.DataFrame(
        {
            "funnel": [plot.name] * len(plot.left_out),
            "organisation": [one for one, _ in plot.left_out],
            "status": [f"left out: {why}" for _, why in plot.left_out],
        },
        schema={"funnel": pl.String, "organisation": pl.String, "status": pl.String},
    )
    return pl.concat([known, out], how="diagonal")
