"""Did a change at one organisation do anything? Interrupted time series of any table, alone or beside others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rounds.analyst.columns import Columns, Guess, Reading, Wants, understand
from rounds.analyst.counted import Counted, counted
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.its_words import how, others_in_words, remarks, said, sentences, sure_of
from rounds.analyst.likeness import alike_in, without_columns
from rounds.analyst.mean_columns import means_over_time
from rounds.analyst.mean_its import mean_notes_of, mean_sentences
from rounds.analyst.shown import charts_as_html
from rounds.learning.impact.effect import Interval, NoEffect, Panel
from rounds.learning.impact.single_site.beside import reckon_beside
from rounds.learning.impact.single_site.interrupted import Interrupted, interrupted
from rounds.learning.impact.single_site.means import InterruptedMean, interrupted_mean
from rounds.learning.impact.single_site.reckoned import Beside, Reckoned
from rounds.learning.impact.single_site.regression import Family
from rounds.measures.definitions import Better
from rounds.reports.charts.interrupted import InterruptedPoint, interrupted_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.insight import Certainty

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItsResult:
    """What changed at one organisation. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    name: str
    labels: tuple[str, ...]
    found: Interrupted | InterruptedMean | NoEffect
    beside: Beside | None
    """what two other ways say; None where no other organisation is compared with"""
    sentences: tuple[str, ...]
    certainty: Certainty
    because: str
    notes: tuple[str, ...]
    points: tuple[InterruptedPoint, ...]
    spec: Spec
    alt_text: str

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        return charts_as_html([(self.name, self.sentences[0], self.spec, self.alt_text, ())], Better.NEITHER)

    def table(self) -> pl.DataFrame:
        """Return every period: what was counted (null if withheld), its bounds, the lines and the band."""
        rows = [
            {
                "period": point.label,
                "value": point.value,
                "lowest": point.value if point.bounds is None else point.bounds[0],
                "highest": point.value if point.bounds is None else point.bounds[1],
                "fitted": point.fitted,
                "expected_without": point.expected,
                "expected_mixture": point.mixture,
                "expected_wandering": point.wandering,
                "expected_lower95": None if point.band is None else point.band[0],
                "expected_upper95": None if point.band is None else point.band[1],
            }
            for point in self.points
        ]
        schema = {"period": pl.String} | dict.fromkeys(list(rows[0])[1:], pl.Float64)
        return pl.DataFrame(rows, schema=schema)

    def summary(self) -> pl.DataFrame:
        """Return the level, the slope, the ratio and the events avoided, of means the difference, with 95 % intervals.

        Of the two other ways the last two; null where a limit cannot be told.
        """
        named: dict[str, Interval | None] = {}
        if isinstance(self.found, Interrupted):
            found = self.found
            named = {"level": found.level, "slope": found.slope}
            named |= {"rate_ratio": found.rate_ratio, "avoided": found.avoided}
        if isinstance(self.found, InterruptedMean):
            named = {"level": self.found.level, "slope": self.found.slope, "difference": self.found.difference}
        for one in () if self.beside is None else (self.beside.synthetic, self.beside.structural):
            if isinstance(one, Reckoned):
                named |= {
                    f"rate_ratio, {one.name.lower()}": one.rate_ratio,
                    f"avoided, {one.name.lower()}": one.avoided,
                }
        return pl.DataFrame(
            [
                (what, one.estimate, *(end if np.isfinite(end) else None for end in (one.lower, one.upper)))
                for what, one in named.items()
                if one is not None
            ],
            schema={"what": pl.String, "estimate": pl.Float64, "lower95": pl.Float64, "upper95": pl.Float64},
            orient="row",
        )

    def mixture(self) -> pl.DataFrame:
        """Return what the synthetic control is made of, the heaviest first; no row where there is none."""
        made = None if self.beside is None else self.beside.mixture
        weights = {} if made is None else dict(zip(made.donors, made.weights.tolist(), strict=True))
        rows = sorted(weights.items(), key=lambda one: (-one[1], one[0]))
        return pl.DataFrame(rows, schema={"organisation": pl.String, "weight": pl.Float64}, orient="row")

    def write(
        self, folder: str | Path, *, pictures: int = 1, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of the chart; arguments as of `SpcResult.write`."""
        from rounds.analyst.files import write_its

        return write_its(self, Path(folder), pictures=pictures, done=done)


def its(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    *,
    since: str,
    of: str | None = None,
    beside: str | Sequence[str] = (),
    live: str | None = None,
    stopped: str | None = None,
    match: str | Sequence[str] = (),
    drift: bool = True,
    family: str | None = None,
    lag: int | None = None,
    when: str | None = None,
    series: str | Sequence[str] = (),
    numerator: str | None = None,
    denominator: str | None = None,
    value: str | None = None,
    shown_in: str | None = None,
    per: float | None = None,
    rounded_to: float | None = None,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    today: date | None = None,
    seed: int = 1,
) -> ItsResult:
    """Return what changed at one organisation, in level and in trend, and what would have been without.

    Beside others two more ways stand next to interrupted time series: the mixture of others nearest before (synthetic
    control) and a level that wanders and moves with the others (structural time series, as in CausalImpact), with
    whether the three agree.

    Args:
        data: as in `spc`, with whole numbers of events.
        since: first day, month or period in which the change was in effect throughout.
        of: the organisation; may be left out if the table has one.
        beside: organisations without the change to compare with, or "all" others.
        live: from when it was being introduced; periods from then to `since` are left out.
        stopped: first day on which it was no longer in effect; periods from then on are left out.
        match: columns of characteristics by which the mixture of others is to be like it, in place of their rates in
            each period before; their mean before counts.
        drift: whether it may have had another trend than those beside it all along.
        family: poisson, quasi_poisson or negative_binomial; chosen by itself if left out.
        lag: how many periods errors look back for autocorrelation; chosen by itself if left out.
        when: as in `spc`.
        series: as in `spc`.
        numerator: as in `spc`.
        denominator: as in `spc`; without it events are compared as they are. Of means how many each is of.
        value: the column of means, in place of events.
        shown_in: what means are in, such as nights.
        per: as in `spc`.
        rounded_to: of what shown counts or means are multiples, because they were rounded.
        where: as in `spc`.
        reading: as in `spc`.
        today: as in `spc`.
        seed: of the draws of the two other ways; the same seed gives the same numbers.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.impact.single_site`.
    """
    given = Columns(
        when=when,
        series=(series,) if isinstance(series, str) else tuple(series),
        numerator=numerator if denominator is not None or numerator is None else None,
        denominator=denominator,
        value=value if value is not None else numerator if denominator is None else None,
    )
    like = (match,) if isinstance(match, str) else tuple(match)
    if like and not beside:
        raise TableError("--match says by what others are to be like it; say with --beside which")
    if value is None and shown_in is not None:
        raise TableError("--shown-in is about means; name their column with --value")
    if value is not None and (numerator is not None or per is not None or family is not None or like):
        raise TableError("--numerator, --per, --family and --match are about events; leave them out, or --value")
    table = table_of(data, where=where)
    understood = understand(without_columns(table, like), given, reading=reading or Reading(), wants=Wants(dates=True))
    day = today or datetime.now(tz=UTC).date()
    counts = (
        counted(understood, per=per, today=day, rounded_to=_whole(rounded_to))
        if value is None
        else means_over_time(understood, shown_in=shown_in, today=day, rounded_to=rounded_to or 0.0)
    )
    panel, name = counts.panel, _chosen(counts, of)
    others = _others(counts, name, beside)
    panel, change = _with_change(counts, name, since=since, live=live, stopped=stopped)
    try:
        kind = None if family is None else Family(family)
    except ValueError:
        raise TableError(f"family is {', '.join(Family)}; not {family}") from None
    found: Interrupted | InterruptedMean | NoEffect
    both: Beside | None = None
    try:
        if value is None:
            found = interrupted(panel, name, controls=others, drift=drift, family=kind, lag=lag)
            begun = counts.day_of(since if live is None else live, "--since")
            if others:
                both = reckon_beside(
                    panel,
                    name,
                    controls=others,
                    leading=found,
                    generator=np.random.default_rng(seed),
                    alike_in=alike_in(table, understood, like, before=begun),
                )
        else:
            found = interrupted_mean(panel, name, controls=others, drift=drift, lag=lag)
    except ValueError as error:
        raise TableError(f"{understood.table.name}: {error}") from error
    label = counts.labels[change] if change < len(counts.labels) else since
    points = _points(counts, panel, name, found, both, change)
    grain = str(counts.spacing.grain)
    lines = (
        mean_sentences(name, label, found, shown_in=counts.unit, grain=grain)
        if isinstance(found, InterruptedMean)
        else sentences(name, label, found, grain) + (() if both is None else said(both, found))
    )
    sure = sure_of(found, both)
    title = f"{name}, {counts.unit}" + (f", beside {others_in_words(len(others))}" if others else "")
    return ItsResult(
        source=understood.table.name,
        guesses=understood.guesses,
        name=name,
        labels=counts.labels,
        found=found,
        beside=both,
        sentences=lines,
        certainty=sure.level,
        because=sure.because,
        notes=(
            *(() if isinstance(found, NoEffect) else (*found.notes, f"Assumed: {found.assumes}", *_how(found, counts))),
            *(() if both is None else remarks(both)),
        ),
        points=points,
        spec=interrupted_chart(points=points, change=label, title=title),
        alt_text=f"Chart of {name} from {counts.labels[0]} to {counts.labels[-1]}, with a change in {label}. "
        + " ".join(lines),
    )


def _whole(rounded_to: float | None) -> int:
    if rounded_to is None:
        return 1
    if rounded_to < 1 or rounded_to % 1:
        raise TableError(f"counts are rounded to a multiple of a whole number, not of {rounded_to:g}")
    return int(rounded_to)


def _chosen(counts: Counted, of: str | None) -> str:
    if of is not None:
        return counts.site_of(of)
    if len(counts.panel.sites) > 1:
        some = ", ".join(counts.panel.sites[:5])
        raise TableError(f"there are {len(counts.panel.sites)} series ({some}, …); say with --of which one changed")
    return counts.panel.sites[0]


def _others(counts: Counted, name: str, beside: str | Sequence[str]) -> tuple[str, ...]:
    asked = (beside,) if isinstance(beside, str) else tuple(beside)
    if asked == (ALL,):
        return tuple(site for site in counts.panel.sites if site != name)
    found = tuple(dict.fromkeys(counts.site_of(one) for one in asked))
    if name in found:
        raise TableError(f"{name} cannot be compared with itself; leave it out of --beside")
    return found


def _with_change(counts: Counted, name: str, *, since: str, live: str | None, stopped: str | None) -> tuple[Panel, int]:
    """Return the panel with the change in it, and the place of the first period with it."""
    start = counts.day_of(since, "--since")
    begun = start if live is None else counts.day_of(live, "--live")
    ended = None if stopped is None else counts.day_of(stopped, "--stopped")
    if begun > start:
        raise TableError(f"--live ({live}) is after --since ({since}); it goes live first and is in effect then")
    if ended is not None and ended <= start:
        raise TableError(f"--stopped ({stopped}) is not after --since ({since})")
    row = counts.panel.sites.index(name)
    treated, excluded = np.zeros_like(counts.panel.treated), np.zeros_like(counts.panel.excluded)
    for at, (day, end) in enumerate(zip(counts.days, counts.ends, strict=True)):
        treated[row, at] = day >= start and (ended is None or end < ended)
        excluded[row, at] = not treated[row, at] and end >= begun
    change = int(np.argmax(treated[row])) if treated.any() else len(counts.days)
    return replace(counts.panel, treated=treated, excluded=excluded), change


def _points(
    counts: Counted,
    panel: Panel,
    name: str,
    found: Interrupted | InterruptedMean | NoEffect,
    beside: Beside | None,
    change: int,
) -> tuple[InterruptedPoint, ...]:
    others = () if beside is None else (beside.synthetic, beside.structural)
    row = panel.sites.index(name)
    with np.errstate(invalid="ignore"):
        rate = counts.scale / panel.exposure[row] if panel.mean_of is None else np.ones(len(panel.exposure[row]))
    ends_of = (panel.lower, panel.upper) if panel.mean_of is None else (panel.means, panel.means)

    def at(values: Any, place: int) -> float | None:
        found = float(values[place] * rate[place])
        return None if np.isnan(found) else found

    points = []
    for place, label in enumerate(counts.labels):
        lower, upper = (at(matrix[row], place) for matrix in ends_of)
        expected = at(found.counterfactual, place) if not isinstance(found, NoEffect) and place >= change else None
        ends = (
            (at(found.band_lower, place), at(found.band_upper, place))
            if not isinstance(found, NoEffect) and expected is not None
            else (None, None)
        )
        points.append(
            InterruptedPoint(
                label=label,
                value=lower if lower == upper else None,
                bounds=None if lower is None or upper is None or lower == upper else (lower, upper),
                fitted=None if isinstance(found, NoEffect) else at(found.fitted, place),
                expected=expected,
                band=None if ends[0] is None or ends[1] is None else (ends[0], ends[1]),
                mixture=at(others[0].expected, place) if others and isinstance(others[0], Reckoned) else None,
                wandering=at(others[1].expected, place) if others and isinstance(others[1], Reckoned) else None,
            )
        )
    return tuple(points)


def _how(found: Interrupted | InterruptedMean, counts: Counted) -> tuple[str, ...]:
    return mean_notes_of(found, shown_in=counts.unit) if isinstance(found, InterruptedMean) else (how(found),)
