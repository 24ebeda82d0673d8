"""Funnel plots of an analyst's table: organisations against their size, with limits that know over-dispersion."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.analyst.columns import Columns, Guess, Reading, Wants, understand
from rounds.analyst.drawn_funnels import drawn_of, ends_of, left_out_notes, picture_of, sentence_of
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.rates import Scale, scale_of
from rounds.analyst.shown import MOST_IN_A_NOTEBOOK, charts_as_html, with_unit
from rounds.analyst.sums import SHOWN, Summed, summed
from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.funnel import Funnel
from rounds.learning.variation.between_sites.notes import funnel_notes
from rounds.learning.variation.between_sites.shrunken import Shrunken, comparable, shrunken
from rounds.learning.variation.between_sites.within_bounds import CountBounds, places_of
from rounds.learning.variation.case_mix.families import Family
from rounds.measures.definitions import Better
from rounds.reports.charts.caterpillar import caterpillar_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.shrunken import BESIDE_A_FUNNEL, apart_words, caterpillar_rows, typical_of
from rounds.reports.content.verdicts import Verdict, verdicts_within
from rounds.reports.content.wording import plural

Vector = NDArray[np.float64]

_RATIOS = {"shmi": FunnelKind.RATIO_SHMI, "cqc": FunnelKind.RATIO_CQC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caterpillar:
    """The picture of what is believed of each organisation, and what to say."""

    sentence: str
    alt_text: str
    notes: tuple[str, ...]
    spec: Spec


@dataclass(frozen=True, kw_only=True)  # no slots: what is believed of each is worked out once, when asked for
class FunnelPlot:
    """One funnel: organisations, limits, and what to say. Arrays of the funnel have shape (shown organisations,)."""

    name: str
    organisations: tuple[str, ...]
    """those with a point, or bounds between which it lies"""
    bounds: CountBounds
    """of their counts; equal where they are exact"""
    funnel: Funnel
    """without a value where a count is withheld"""
    verdicts: tuple[Verdict, ...]
    """where each lies, whatever its count between the bounds is"""
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

    @cached_property
    def shrunken(self) -> Shrunken | None:
        """What is believed of each organisation, drawn towards the mean by as much as chance makes likely.

        None where there is nothing to compare: fewer than three organisations, no event, or nothing but events.
        """
        family = Family.BINOMIAL if self.funnel.kind is FunnelKind.PROPORTION else Family.POISSON
        lower, upper = self.bounds.numerators_lower, self.bounds.numerators_upper
        sizes = self.funnel.denominators
        if not comparable(events_lower=lower, events_upper=upper, sizes=sizes, family=family):
            return None
        return shrunken(events_lower=lower, events_upper=upper, sizes=sizes, family=family)

    @property
    def caterpillar(self) -> Caterpillar | None:
        """The picture of what is believed of each, with its words; None where there is nothing to compare."""
        found = self.shrunken
        if found is None:
            return None
        typical = self.per * typical_of(found)
        said = apart_words(found, self.organisations, with_unit(typical, self.unit))
        return Caterpillar(
            sentence=said[0].upper() + said[1:],
            alt_text=(
                f"Caterpillar plot of {len(self.organisations)} organisations, {self.unit}, from the highest to the "
                f"lowest, each drawn towards the mean of all, with its 95% interval. {said[0].upper()}{said[1:]}"
            ),
            notes=(BESIDE_A_FUNNEL, *found.notes),
            spec=caterpillar_chart(
                rows=caterpillar_rows(
                    found,
                    self.organisations,
                    [None if np.isnan(value) else self.per * float(value) for value in self.funnel.values],
                    per=self.per,
                ),
                typical=typical,
                title=f"{self.name}, {self.unit}, allowing for chance",
            ),
        )


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
        """Return every organisation: counts, rate, limits, where it lies and what is believed of it.

        That is its rate drawn towards the mean of all (`shrunken`), with a 95 % interval; empty where there is nothing
        to compare. `lowest` and `highest` are between what a withheld rate lies, `outside` is certain, possible or no.
        Those left out have a reason instead.
        """
        return pl.concat([_table(plot) for plot in self.plots])

    def write(
        self, folder: str | Path, *, pictures: int = 100, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of each funnel and of its caterpillar plot.

        Arguments as of `SpcResult.write`.
        """
        from rounds.analyst.files import write_funnels

        return write_funnels(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(plot.sentence for plot in self.plots)

    def _repr_html_(self) -> str:
        """Return the first funnels with their sentences, for a notebook."""
        shown: list[tuple[str, str, Spec, str, tuple[str, ...]]] = []
        for plot in self.plots:
            shown.append((plot.name, plot.sentence, plot.spec, plot.alt_text, ()))
            beside = plot.caterpillar if len(shown) < MOST_IN_A_NOTEBOOK else None
            if beside is not None:
                shown.append((f"{plot.name}, allowing for chance", beside.sentence, beside.spec, beside.alt_text, ()))
        return charts_as_html(shown, Better.NEITHER)


def funnel(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    *,
    organisation: str | None = None,
    by: str | Sequence[str] = (),
    when: str | None = None,
    numerator: str | None = None,
    denominator: str | None = None,
    per: float | None = None,
    expected: str | None = None,
    method: str = "shmi",
    overdispersion: bool = True,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
) -> FunnelResult:
    """Return a funnel plot of organisations, or one for each group of a table.

    Counts of one organisation on several dates are added up, and the result says over which. Where withheld counts have
    bounds ("<5", or `reading.withheld_range`) the limits rest on what they are expected to be, nothing is written in,
    and an organisation is outside for certain, possibly or not.

    Args:
        data: as in `spc`.
        organisation: the column of organisations.
        by: a funnel for each combination of what these hold.
        when: the column of dates, if there is one.
        numerator: the column of events.
        denominator: the column of those at risk; time where events may outnumber it.
        per: as in `spc`; of ratios 1 by default, and 100 makes them as in an SMR.
        expected: in place of a denominator the column of events that a case-mix model or standard rates give the
            organisation's patients: ratios of observed to expected are compared with 1.
        method: of ratios, "shmi" (logarithms, extreme tenths left out) or "cqc" (roots, extreme tenths pulled in).
        overdispersion: widen the limits by the variance between organisations that chance does not explain.
        where: as in `spc`.
        reading: as in `spc`.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.variation.between_sites.funnel`.

    >>> table = pl.DataFrame({"site": ["A", "B", "C"], "deaths": [10, 12, 60], "admissions": [100, 110, 200]})
    >>> print(funnel(table, overdispersion=False))
    3 organisations, 20% of admissions: higher (99.8% limits): C; perhaps lower (95% limits): A and B
    """
    groups = (by,) if isinstance(by, str) else tuple(by)
    ratio = None if expected is None else _ratio(method, denominator)
    given = Columns(
        when=when,
        series=(*((organisation,) if organisation else ()), *groups) if organisation else (),
        numerator=numerator,
        denominator=expected or denominator,
    )
    table = table_of(data, where=where)
    understood = understand(table, given, reading=reading or Reading(), wants=Wants())
    counts = summed(understood, what="organisation", groups=groups, part=ratio is None and per is None)
    plots = []
    for key, part in counts.rows.group_by("group", maintain_order=True):
        title = str(key[0]) or f"{counts.numerator} {'over' if ratio else 'of'} {counts.denominator}"
        plots.append(_plot(title, part, table.name, counts, per, ratio=ratio, overdispersion=overdispersion))
    return FunnelResult(source=table.name, guesses=understood.guesses, summed_over=counts.over, plots=tuple(plots))


def _ratio(method: str, denominator: str | None) -> FunnelKind:
    if denominator is not None:
        raise TableError("a funnel has a denominator or expected events, not both; leave one out")
    if method not in _RATIOS:
        raise TableError(f'ratios are compared by "shmi" or "cqc", not by "{method}"')
    return _RATIOS[method]


def _plot(
    name: str,
    rows: pl.DataFrame,
    source: str,
    counts: Summed,
    per: float | None,
    *,
    ratio: FunnelKind | None,
    overdispersion: bool,
) -> FunnelPlot:
    drawn, between, notes = drawn_of(rows, counts, ratio, overdispersion=overdispersion)
    if drawn is None:
        unsaid = (rows["state"] == "withheld").any()
        how = "say what withheld counts can be with --withheld-range, or " if unsaid else ""
        raise TableError(
            f"{source}: {name} has {plural(rows.filter(pl.col('state') == SHOWN).height, 'organisation')} with counts, "
            f"and a funnel compares at least two; {how}leave it out or name other columns"
        )
    hidden = rows.join(between, on="place", how="anti")
    left_out = list(hidden.select("place", "state").iter_rows())
    if ratio is not None:
        times = f"times as many {counts.numerator} as expected"
        unit = f"{counts.numerator} per {per:,.10g} expected" if per else times
        scale = Scale(per=per or 1.0, unit=unit, share=False)
    else:
        share = drawn.kind is FunnelKind.PROPORTION
        scale = scale_of(centre=drawn.centre, share=share, denominator=counts.denominator, per=per)
    organisations = tuple(between["place"].to_list())
    lower, upper = (between[end].to_numpy() for end in ("lower", "upper"))
    sizes = between["denominator"].to_numpy()
    bounds = CountBounds(
        numerators_lower=lower, numerators_upper=upper, denominators_lower=sizes, denominators_upper=sizes
    )
    found = verdicts_within(organisations, places_of(drawn, bounds))
    return FunnelPlot(
        name=name,
        organisations=organisations,
        bounds=bounds,
        funnel=drawn,
        verdicts=found,
        per=scale.per,
        unit=scale.unit,
        left_out=tuple(left_out),
        sentence=sentence_of(found, drawn, scale.per, scale.unit, left_out),
        notes=(*funnel_notes(drawn), *notes, *left_out_notes(hidden, between)),
        spec=picture_of(name, found, drawn, bounds, scale.per, scale.unit, counts.denominator),
    )


def _believed(plot: FunnelPlot) -> dict[str, Vector | pl.Series]:
    found, names = plot.shrunken, ("shrunken", "shrunken_lower_95", "shrunken_upper_95")
    if found is None:
        return {name: pl.repeat(None, len(plot.organisations), dtype=pl.Float64, eager=True) for name in names}
    return {name: plot.per * part for name, part in zip(names, (found.values, found.lower, found.upper), strict=True)}


def _table(plot: FunnelPlot) -> pl.DataFrame:
    drawn, per = plot.funnel, plot.per
    lowest, highest = ends_of(drawn, plot.bounds)
    known = pl.DataFrame(
        {
            "funnel": pl.repeat(plot.name, len(plot.organisations), dtype=pl.String, eager=True),
            "organisation": list(plot.organisations),
            "numerator": pl.Series(np.where(np.isnan(drawn.values), np.nan, plot.bounds.numerators_lower)).fill_nan(
                None
            ),
            "denominator": drawn.denominators,
            "value": pl.Series(per * drawn.values).fill_nan(None),
            "lowest": per * lowest,
            "highest": per * highest,
            "lower_95": per * drawn.lower95,
            "upper_95": per * drawn.upper95,
            "lower_99_8": per * drawn.lower998,
            "upper_99_8": per * drawn.upper998,
            **_believed(plot),
            "outside": [str(one.told) for one in plot.verdicts],
            "status": [str(one.status) if one.certain else one.words for one in plot.verdicts],
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
