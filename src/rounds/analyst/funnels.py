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
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.rates import Scale
from rounds.analyst.shown import MOST_IN_A_NOTEBOOK, charts_as_html, with_unit
from rounds.analyst.sums import SHOWN, Summed, summed
from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.funnel import Funnel, funnel_proportions, funnel_rates, funnel_ratios
from rounds.learning.variation.between_sites.limits import Outlier
from rounds.learning.variation.between_sites.notes import funnel_notes
from rounds.learning.variation.between_sites.shrunken import Shrunken, comparable, shrunken
from rounds.learning.variation.case_mix.families import Family
from rounds.measures.definitions import Better
from rounds.reports.charts.caterpillar import caterpillar_chart
from rounds.reports.charts.funnel import FunnelSite, funnel_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.shrunken import BESIDE_A_FUNNEL, apart_words, caterpillar_rows, typical_of
from rounds.reports.content.wording import listing, plural

Vector = NDArray[np.float64]

_FAR = {Outlier.HIGH_998, Outlier.LOW_998}
_RATIOS = {"shmi": FunnelKind.RATIO_SHMI, "cqc": FunnelKind.RATIO_CQC}
_SIDES = (
    (Outlier.HIGH_998, "higher (99.8% limits)"),
    (Outlier.HIGH_95, "perhaps higher (95% limits)"),
    (Outlier.LOW_95, "perhaps lower (95% limits)"),
    (Outlier.LOW_998, "lower (99.8% limits)"),
)


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

    @cached_property
    def shrunken(self) -> Shrunken | None:
        """What is believed of each organisation, drawn towards the mean by as much as chance makes likely.

        None where there is nothing to compare: fewer than three organisations, no event, or nothing but events.
        """
        family = Family.BINOMIAL if self.funnel.kind is FunnelKind.PROPORTION else Family.POISSON
        tops, sizes = self.numerators, self.funnel.denominators
        if not comparable(events_lower=tops, events_upper=tops, sizes=sizes, family=family):
            return None
        return shrunken(events_lower=tops, events_upper=tops, sizes=sizes, family=family)

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
                    found, self.organisations, (self.per * self.funnel.values).tolist(), per=self.per
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
        to compare. Those left out have a reason instead.
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

    Counts of one organisation on several dates are added up, and the result says over which.

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
    counts = summed(understood, what="organisation", groups=groups)
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
    shown, hidden = rows.filter(pl.col("state") == SHOWN), rows.filter(pl.col("state") != SHOWN)
    left_out = list(hidden.select("place", "state").iter_rows())
    if shown.height < 2:
        raise TableError(
            f"{source}: {name} has {plural(shown.height, 'organisation')} with counts, and a funnel "
            "compares at least two; leave it out or name other columns"
        )
    tops, bottoms = shown["numerator"].to_numpy(), shown["denominator"].to_numpy()
    if ratio is not None:
        times = f"times as many {counts.numerator} as expected"
        unit = f"{counts.numerator} per {per:,.10g} expected" if per else times
        scale = Scale(per=per or 1.0, unit=unit, share=False)
        drawn = funnel_ratios(observed=tops, expected=bottoms, method=ratio, overdispersion=overdispersion)
    else:
        scale = counts.scaled(shown, per)
        make = funnel_proportions if scale.share else funnel_rates
        drawn = make(numerators=tops, denominators=bottoms, overdispersion=overdispersion)
    organisations = tuple(shown["place"].to_list())
    return FunnelPlot(
        name=name,
        organisations=organisations,
        numerators=tops,
        funnel=drawn,
        per=scale.per,
        unit=scale.unit,
        left_out=tuple(left_out),
        sentence=_sentence(organisations, drawn, scale.per, scale.unit, left_out),
        notes=funnel_notes(drawn),
        spec=_spec(name, organisations, drawn, scale.per, scale.unit, counts.denominator),
    )


def _sentence(
    organisations: tuple[str, ...], drawn: Funnel, per: float, unit: str, left_out: list[tuple[str, str]]
) -> str:
    outside = []
    for status, words in _SIDES:
        names = [one for one, place in zip(organisations, drawn.outliers, strict=True) if place is status]
        if names:
            outside.append(f"{words}: {listing(names)}")
    level = "compared with what is expected" if drawn.kind.ratio else with_unit(per * drawn.centre, unit)
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
    return funnel_chart(
        sites=sites,
        centre=per * drawn.centre,
        size_title=size_title,
        title=f"{name}, {unit}",
        centre_label="As expected" if drawn.kind.ratio else "Network",
    )


def _believed(plot: FunnelPlot) -> dict[str, Vector | pl.Series]:
    found, names = plot.shrunken, ("shrunken", "shrunken_lower_95", "shrunken_upper_95")
    if found is None:
        return {name: pl.repeat(None, len(plot.organisations), dtype=pl.Float64, eager=True) for name in names}
    return {name: plot.per * part for name, part in zip(names, (found.values, found.lower, found.upper), strict=True)}


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
            **_believed(plot),
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
