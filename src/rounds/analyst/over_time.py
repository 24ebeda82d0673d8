"""Control charts of an analyst's table: one call from a file or frame to limits, icons, sentences and files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rounds.analyst.asked import MEDIANS, Asked
from rounds.analyst.columns import Columns, Guess, Reading, Wants, understand
from rounds.analyst.frames import table_of
from rounds.analyst.many import Many, many
from rounds.analyst.points import Line, Lines, lines_of
from rounds.analyst.shown import charts_as_html, glyph, way_of
from rounds.learning.variation.over_time.asked import TAKES_KNOWN
from rounds.learning.variation.over_time.chart import Assurance, Chart, Told, Variation
from rounds.learning.variation.over_time.notes import chart_notes
from rounds.learning.variation.over_time.withheld import Known
from rounds.measures.definitions import Better
from rounds.reports.charts.spc import SpcPoint, spc_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.signals import assurance_shown, lines_shown, rules_at
from rounds.reports.content.wording import better_words, number
from rounds.reports.insight import Mark

Drawn = tuple[tuple[float | None, float | None, float | None], ...]

ASSURED = {
    Assurance.CONSISTENTLY_PASSING: "the target of {} is met consistently",
    Assurance.CONSISTENTLY_FAILING: "the target of {} will not be met unless the process changes",
    Assurance.HIT_AND_MISS: "the target of {} is met at times and missed at times",
}
CHANGED = {
    Variation.IMPROVEMENT: "improvement",
    Variation.CONCERN: "concern",
    Variation.NEITHER_HIGH: "changed, high",
    Variation.NEITHER_LOW: "changed, low",
    Variation.COMMON_CAUSE: "no clear change",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpcSeries:
    """One series, its chart and what to say of it."""

    line: Line
    chart: Chart
    labels: tuple[str, ...]
    """what its periods are called, shape (periods,)"""
    lines: Drawn
    """centre line, lower and upper limit at each point, no further than numbers can be"""
    sentence: str
    notes: tuple[str, ...]
    spec: Spec
    """the picture as a Vega-Lite chart"""

    @property
    def icons(self) -> tuple[str, ...]:
        """The names of its icons: of its variation and, with a target, of its assurance."""
        if self.chart.mean is None:
            return ("no_limits",)
        if self.chart.variation is None:
            return ("changed" if self.chart.told[-1] is Told.CERTAIN else "no_limits",)
        found = assurance_shown(self.chart)
        return (str(self.chart.variation), *((str(found),) if found in ASSURED else ()))

    @property
    def alt_text(self) -> str:
        """What the picture shows, for who does not see it."""
        return f"Control chart of {self.line.name} from {self.labels[0]} to {self.labels[-1]}. {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpcResult:
    """Control charts of every series of a table. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    """what was read out of the table without being told"""
    better: Better
    unit: str
    series: tuple[SpcSeries, ...]
    together: Many | None
    """what holds of all series at once, where there are many"""

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[SpcSeries]:
        return iter(self.series)

    def __getitem__(self, name: str) -> SpcSeries:
        """Return the series of a name."""
        for one in self.series:
            if one.line.name == name:
                return one
        raise KeyError(name)

    def table(self) -> pl.DataFrame:
        """Return every point: series, period, numbers, limits, signals. A withheld number is null and `withheld`."""
        return pl.concat([_points_table(one) for one in self.series])

    def summary(self) -> pl.DataFrame:
        """Return a row a series: its latest number, mean, limits, icons, sentence, whether it stands out."""
        found = pl.DataFrame([_summary_row(one) for one in self.series], infer_schema_length=None)
        named = (None,) * found.height if self.together is None else self.together.named
        return found.with_columns(pl.Series("stands_out", named, dtype=pl.Boolean))

    def write(
        self, folder: str | Path, *, pictures: int = 100, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of each chart, and return what was written.

        Args:
            folder: where to; made if it is not there. Files of the same names are replaced.
            pictures: of how many series, in order.
            done: told after each picture.
        """
        from rounds.analyst.files import write_spc

        return write_spc(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        lines = [f"{' '.join(glyph(icon, self.better) for icon in one.icons)} {one.sentence}" for one in self]
        return "\n".join(lines if self.together is None else [self.together.sentence, *lines])

    def _repr_html_(self) -> str:
        """Return the first charts with their sentences, for a notebook."""
        return charts_as_html(
            [(one.line.name, one.sentence, one.spec, one.alt_text, one.icons) for one in self.series], self.better
        )


def spc(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    *,
    chart: str = "xmr",
    when: str | None = None,
    series: str | Sequence[str] = (),
    value: str | None = None,
    numerator: str | None = None,
    denominator: str | None = None,
    better: str = "neither",
    target: float | str | None = None,
    per: float | None = None,
    screen: bool = True,
    rules: Sequence[str] = (),
    rebase: Mapping[str, str] | None = None,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    today: date | None = None,
) -> SpcResult:
    """Return control charts of every series of a table, with the NHS rules and icons unless others are asked for.

    Columns that are not named are guessed from their names and contents; the result's `guesses` say which and why.

    Args:
        data: the path of a CSV file, or a frame of pandas, polars or Arrow.
        chart: the kind: xmr, run, i, mr, i_prime, p, p_prime, u, u_prime, c, g, t, ewma; xbar, s or r of several
            numbers a period.
        when: the column of dates, months, quarters or years.
        series: the column or columns of which each combination is a series.
        value: the column to draw as it is; or give
        numerator: and
        denominator: to draw one over the other.
        better: which way is improvement: "higher", "lower" or "neither".
        target: a number, or the column that holds it.
        per: rates are per this many; by default per cent, 1,000, 10,000 or 100,000, whichever reads well.
        screen: leave large moving ranges out of an XmR chart's limits, as NHSRplotthedots does and the NHS Excel tool
            does not.
        rules: nhs, western_electric, nelson, anhoej, shewhart; none for those that the chart is usually read by.
        rebase: periods from which limits are recalculated, as they are labelled ("May 2024"), and why. Never done
            without being asked.
        where: columns and the one value that rows must have in each.
        reading: how dates are written and what marks mean, where the table cannot tell.
        today: dates after it are mistakes; today by default.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.variation.over_time`.

    >>> months = [f"2024-{month:02}" for month in range(1, 13)]
    >>> waits = pl.DataFrame({"month": months, "waits": [5.0, 6, 5, 6, 5, 6, 5, 6, 5, 6, 5, 12]})
    >>> print(spc(waits, better="lower"))
    ◆H waits: concern: 12 in Dec 2024, outside the limits; mean 6, usual range 3.34 to 8.66
    """
    way = way_of(better)
    asked = Asked.of(chart, rules=rules, rebase=rebase or {}, screen=screen)
    given = Columns(
        when=when,
        series=(series,) if isinstance(series, str) else tuple(series),
        numerator=numerator,
        denominator=denominator,
        value=value,
        target=target if isinstance(target, str) else None,
    )
    table = table_of(data, where=where)
    wants = Wants(dates=True, several=asked.of_subgroups)
    understood = understand(table, given, reading=reading or Reading(), wants=wants)
    lines = lines_of(understood, per=per, today=today or datetime.now(tz=UTC).date(), several=asked.of_subgroups)
    known: dict[int, Known] = {}
    if asked.kind in TAKES_KNOWN and any(line.withheld.any() for line in lines.lines):
        from rounds.analyst.withheld import known_points

        known = known_points(lines)
    aim = None if isinstance(target, str) else target
    every = tuple(_series(line, lines, way, aim, asked, known.get(at)) for at, line in enumerate(lines.lines))
    return SpcResult(
        source=table.name,
        guesses=understood.guesses,
        better=way,
        unit=asked.unit(lines.unit),
        series=every,
        together=many([one.chart for one in every], [one.line.name for one in every]),
    )


def _series(
    line: Line, lines: Lines, better: Better, target: float | None, asked: Asked, known: Known | None
) -> SpcSeries:
    aim = line.target if target is None else target
    labels = tuple(lines.spacing.label(day) for day in line.days)
    chart = asked.drawn(line, labels, better=better, target=aim, per=lines.scale, known=known)
    notes = [f"{better_words(better)[0].upper()}{better_words(better)[1:]}.", *chart_notes(chart, screen=asked.screen)]
    if lines.spacing.grain is None:
        notes.append(
            "The dates are not evenly spaced; points are drawn in order, and no gap between them is looked for."
        )
    drawn = lines_shown(chart, lowest=asked.ends(line)[0], highest=asked.ends(line)[1])
    return SpcSeries(
        line=line,
        chart=chart,
        labels=labels,
        lines=drawn,
        sentence=_sentence(line, chart, labels, drawn, aim),
        notes=tuple(notes),
        spec=_spec(line, chart, labels, drawn, aim, f"{line.name}, {asked.unit(lines.unit)} ({better_words(better)})"),
    )


def _sentence(line: Line, chart: Chart, labels: tuple[str, ...], drawn: Drawn, target: float | None) -> str:
    shown = np.flatnonzero(~np.isnan(chart.values))
    if not shown.size:
        why = f". {chart.no_limits.rstrip('.')}" if chart.no_limits else ""
        return f"{line.name}: no number is shown{why}"
    at = int(shown[-1])
    latest = f"{number(float(chart.values[at]))} in {labels[at]}"
    mean, lower, upper = drawn[-1]
    if mean is None:
        return f"{line.name}: {latest}. {(chart.no_limits or '').rstrip('.')}"
    centre = "median" if chart.kind in MEDIANS else "mean"
    ends = [number(end) for end in (lower, upper) if end is not None]
    usual = f"{centre} {number(mean)}" + (f", usual range {' to '.join(ends)}" if len(ends) == 2 else "")
    usual += f", usually at most {ends[0]}" if len(ends) == 1 and upper is not None else ""
    rules = rules_at(chart, at) if at == len(chart.values) - 1 else ""
    if chart.variation is None:
        why = rules or "whether that is a change cannot be told, as numbers are withheld"
        change = f"{latest}; {why}"
    else:
        change = f"{CHANGED[chart.variation]}: {latest}{f', {rules}' if rules else ''}"
    found = assurance_shown(chart)
    promise = f"; {ASSURED[found].format(number(target))}" if found in ASSURED and target is not None else ""
    return f"{line.name}: {change}; {usual}{promise}"


def _spec(line: Line, chart: Chart, labels: tuple[str, ...], drawn: Drawn, target: float | None, title: str) -> Spec:
    states = [str(one or "not_judged") for one in chart.point_variation] or ["not_judged"] * len(labels)
    starts = {part.first for part in chart.parts if part.rebase is not None}
    points = tuple(
        SpcPoint(
            label=label,
            value=None if np.isnan(chart.values[at]) else float(chart.values[at]),
            bounds=_bar(chart, line, at),
            variation=states[at],
            mean=drawn[at][0],
            limits=drawn[at][1:],
            rebased=at in starts,
        )
        for at, label in enumerate(labels)
    )
    return spc_chart(points=points, target=target, title=title, centre="Median" if chart.kind in MEDIANS else "Mean")


def _bar(chart: Chart, line: Line, at: int) -> tuple[float, float] | None:
    """Return between what a withheld point lies, where that is known."""
    if line.groups is not None or not line.withheld[at]:
        return None
    ends = (chart.lowest[at], chart.highest[at]) if chart.bounded else (line.lower[at], line.upper[at])
    return None if np.isnan(ends).any() else (float(ends[0]), float(ends[1]))


def _points_table(one: SpcSeries) -> pl.DataFrame:
    line, chart = one.line, one.chart
    rows = len(one.labels)
    told = [str(told) for told in chart.told] if chart.told else [None] * rows
    single = line.groups is None

    def numbers(values: Any) -> pl.Series:
        if values is None:
            return pl.repeat(None, rows, dtype=pl.Float64, eager=True)
        return pl.Series(np.asarray(values, dtype=np.float64)).fill_nan(None)

    mean, lower, upper = (pl.Series([lines[at] for lines in one.lines], dtype=pl.Float64) for at in range(3))
    return pl.DataFrame(
        {
            "series": pl.repeat(line.name, rows, dtype=pl.String, eager=True),
            "period": list(one.labels),
            "start": pl.Series(line.days, dtype=pl.Date),
            "numerator": numbers(line.numerator if single else None),
            "denominator": numbers(line.denominator if single else None),
            "value": numbers(chart.values),
            "withheld": line.withheld if single else np.zeros(rows, dtype=bool),
            "lowest": numbers(line.lower if single else None),
            "highest": numbers(line.upper if single else None),
            "mean": mean,
            "lower_limit": lower,
            "upper_limit": upper,
            "signal": [rules_at(chart, at) for at in range(rows)],
            "flagged": pl.Series(told, dtype=pl.String),
        }
    )


def _summary_row(one: SpcSeries) -> dict[str, Any]:
    shown = np.flatnonzero(~np.isnan(one.chart.values))
    at = int(shown[-1]) if shown.size else None
    return {
        "series": one.line.name,
        "points": len(one.labels),
        "latest_period": None if at is None else one.labels[at],
        "latest": None if at is None else float(one.chart.values[at]),
        "mean": one.lines[-1][0],
        "lower_limit": one.lines[-1][1],
        "upper_limit": one.lines[-1][2],
        "variation": str(one.chart.variation or Mark.NOT_AVAILABLE),
        "assurance": str(one.chart.assurance or Mark.NOT_AVAILABLE),
        "sentence": one.sentence,
    }
