"""Cardiac arrests for 1,000 admissions by ward, and what going live did: from a table of wards and periods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rounds.analyst.columns import Columns, Guess, Reading, Understood, Wants, understand
from rounds.analyst.dates import dates_in, spacing_of
from rounds.analyst.frames import Table, TableError, table_of
from rounds.analyst.names import rank
from rounds.analyst.shown import charts_as_html
from rounds.analyst.sums import Summed, summed
from rounds.learning.deterioration.arrests import WardCounts, arrest_shares, for_impact
from rounds.learning.deterioration.shares import Known, Share
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, NoEffect
from rounds.learning.impact.treatment import build_panel
from rounds.measures.definitions import Better
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.wording import number, plural

_LIVE = ("go_live", "golive", "live", "live_from", "went_live")
_PER = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrestsResult:
    """Arrests by ward. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    counts: WardCounts
    live: Mapping[str, date]
    """by ward, of those that went live"""
    shares: tuple[Share | None, ...]
    """of each ward over all periods, over its admissions"""
    before: Mapping[str, Share | None]
    """of wards that went live, over the periods that ended before"""
    after: Mapping[str, Share | None]
    """and over those that began since"""
    effect: Effect | NoEffect | None
    """what going live did; None where no ward did"""
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    spec: Spec

    @property
    def alt_text(self) -> str:
        """What the picture shows, for who does not see it."""
        return f"Cardiac arrests for 1,000 admissions by ward, with 95% intervals. {self.sentences[0]}"

    def table(self) -> pl.DataFrame:
        """Return every ward: counts, rates for 1,000 with their intervals, before and after going live."""
        return pl.DataFrame(
            [
                {
                    "ward": ward,
                    "arrests_lowest": int(self.counts.arrests.lower[at].sum()),
                    "arrests_highest": int(self.counts.arrests.upper[at].sum()),
                    "admissions": int(self.counts.admissions.value[at].sum()),
                    **_rates("per_1000", self.shares[at]),
                    "live": self.live.get(ward),
                    **_rates("before_per_1000", self.before.get(ward)),
                    **_rates("after_per_1000", self.after.get(ward)),
                }
                for at, ward in enumerate(self.counts.wards)
            ],
            infer_schema_length=None,
        )

    def write(
        self, folder: str | Path, *, pictures: int = 1, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of the picture; arguments as of `SpcResult.write`."""
        from rounds.analyst.files import write_arrests

        return write_arrests(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the picture with its sentences, for a notebook."""
        return charts_as_html([("arrests", str(self), self.spec, self.alt_text, ())], Better.LOWER)


def arrests(
    data: Any,
    *,
    ward: str | None = None,
    when: str | None = None,
    arrests: str | None = None,
    admissions: str | None = None,
    live: str | None = None,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
) -> ArrestsResult:
    """Return cardiac arrests for 1,000 admissions by ward, and what going live did.

    Args:
        data: as in `spc`; one row a ward and period.
        ward: the column of wards.
        when: the column of periods.
        arrests: the column of admissions to the ward during which somebody's heart stopped.
        admissions: the column of all admissions to it.
        live: the column of days on which wards went live, empty for those that never did.
        where: as in `spc`.
        reading: as in `spc`.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.deterioration.arrests` and `rounds.learning.impact.did`.
    """
    table = table_of(data, where=where)
    found = live or next((name for name in table.frame.columns if rank(name, _LIVE) is not None), None)
    if found is not None and found not in table.frame.columns:
        raise TableError(f"{table.name}: there is no column {found}")
    rest = table if found is None else replace(table, frame=table.frame.drop(found))
    given = Columns(when=when, series=(ward,) if ward else (), numerator=arrests, denominator=admissions)
    understood = understand(rest, given, reading=reading or Reading(), wants=Wants(dates=True))
    sums = summed(understood, what="ward", part=False)
    counts, periods = _counts(understood, sums)
    guesses = list(understood.guesses)
    if found is not None and live is None:
        guesses.append(Guess(role="went live", column=found, because="its name"))
    on = {} if found is None else _live(table, found, understood.columns.series[0], reading or Reading())
    shares = arrest_shares(counts)
    before, after = (_part(counts, periods, on, since=since) for since in (False, True))
    effect = None if not on else _effect(counts, periods, on)
    sentences = _sentences(counts, shares, on, effect)
    return ArrestsResult(
        source=table.name,
        guesses=tuple(guesses),
        counts=counts,
        live=on,
        shares=shares,
        before=before,
        after=after,
        effect=effect,
        sentences=sentences,
        notes=(
            "One stay in hospital may be an admission to several wards. Intervals are Wilson's, 95%, and hold for "
            "every count within the bounds of what is withheld.",
            *(_effect_notes(effect) if effect is not None else ()),
        ),
        spec=_spec(counts.wards, shares),
    )


def _counts(understood: Understood, sums: Summed) -> tuple[WardCounts, list[tuple[date, date]]]:
    table, dates, cells = understood.table, understood.dates, sums.cells
    if dates is None:
        raise AssertionError("dates were wanted")
    if cells["group"].n_unique() > 1:
        others = " and ".join(understood.columns.series[1:])
        raise TableError(f"{table.name}: there is one number a ward for each {others}; choose with --where")
    if cells.select(pl.struct("place", "period").is_duplicated().any()).item():
        raise TableError(f"{table.name}: a ward has two rows of one period; leave one out")
    if cells.select(pl.any_horizontal(pl.col("denominator", "lower", "upper").is_null()).any()).item():
        raise TableError(
            f"{table.name}: admissions are withheld or missing, or arrests are and nobody says what they can be; say "
            "it with --withheld-range, or leave those rows out"
        )
    over = cells.filter(pl.col("lower") > pl.col("denominator"))
    if over.height:
        raise TableError(f"{table.name}: ward {over['place'][0]} has more arrests than admissions in a period")
    days = sorted(dates.days.unique().to_list())
    spacing = spacing_of(days, dates.written)
    starts = [*days, spacing.after(days[-1])]
    periods = [(first, after - timedelta(days=1)) for first, after in pairwise(starts)]
    wards = tuple(cells["place"].unique(maintain_order=True).to_list())
    shape = (len(wards), len(periods))
    rows = np.array([wards.index(place) for place in cells["place"].to_list()])
    columns = cells["period"].cast(pl.Int64).to_numpy()

    def spread(name: str) -> np.ndarray:
        found = np.zeros(shape)
        found[rows, columns] = cells[name].to_numpy()
        return found

    lower, upper = spread("lower"), np.minimum(spread("upper"), spread("denominator"))
    value = np.where(lower == upper, lower, np.nan)
    return (
        WardCounts(
            wards=wards,
            arrests=Known(value=value, lower=lower, upper=upper),
            admissions=Known.exact(spread("denominator")),
        ),
        periods,
    )


def _live(table: Table, column: str, ward: str, reading: Reading) -> dict[str, date]:
    """Return when each ward went live."""
    cells = table.frame[column]
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars().replace("", None)
    if cells.is_null().all():
        return {}
    dates = dates_in(cells, named_so=True, written=reading.dates, of_periods=False)
    if dates is None:
        raise TableError(
            f"{table.name}, column {column}: not all cells are dates written in one way; correct them, or leave them "
            "empty where a ward did not go live"
        )
    by_ward = pl.DataFrame({"ward": table.frame[ward].cast(pl.String), "live": dates.days}).drop_nulls("live").unique()
    several = by_ward.filter(pl.col("ward").is_duplicated())
    if several.height:
        raise TableError(
            f"{table.name}, column {column}: ward {several['ward'].sort()[0]} has two days of going live; give every "
            "row of a ward the same, or none"
        )
    return dict(by_ward.iter_rows())


def _part(
    counts: WardCounts, periods: list[tuple[date, date]], live: Mapping[str, date], *, since: bool
) -> dict[str, Share | None]:
    """Return the share of each ward that went live, over the periods before or since."""
    found = {}
    for ward, day in live.items():
        at = counts.wards.index(ward)
        chosen = np.array([start >= day if since else end < day for start, end in periods])
        part = WardCounts(
            wards=(ward,), arrests=_some(counts.arrests, at, chosen), admissions=_some(counts.admissions, at, chosen)
        )
        (found[ward],) = arrest_shares(part)
    return found


def _some(of: Known, ward: int, chosen: np.ndarray) -> Known:
    return Known(
        value=of.value[ward : ward + 1, chosen],
        lower=of.lower[ward : ward + 1, chosen],
        upper=of.upper[ward : ward + 1, chosen],
    )


def _effect(counts: WardCounts, periods: list[tuple[date, date]], live: Mapping[str, date]) -> Effect | NoEffect:
    lower, upper, exposure = for_impact(counts)
    panel = build_panel(
        sites=counts.wards,
        periods=periods,
        lower=lower,
        upper=upper,
        exposure=exposure,
        effective_from=dict(live),
        live_from=dict(live),
        stopped_on={},
    )
    return estimate_effect(panel)


def _sentences(
    counts: WardCounts, shares: tuple[Share | None, ...], live: Mapping[str, date], effect: Effect | NoEffect | None
) -> tuple[str, ...]:
    known = {ward: one for ward, one in zip(counts.wards, shares, strict=True) if one is not None}
    if not known:
        return ("No ward has admissions.",)
    highest = max(known, key=lambda ward: known[ward].interval.lower)
    lowest = min(known, key=lambda ward: known[ward].interval.upper)
    first = f"{plural(len(known), 'ward')}, cardiac arrests for 1,000 admissions: highest at {highest} "
    first += f"({_between(known[highest])}), lowest at {lowest} ({_between(known[lowest])})"
    clear = known[highest].interval.lower > known[lowest].interval.upper
    found = [first + ("." if clear else "; their intervals overlap.")]
    if isinstance(effect, NoEffect):
        found.append(f"What going live did at {plural(len(live), 'ward')} cannot be told: {effect.reason}")
    elif effect is not None:
        ratio, avoided = effect.rate_ratio, effect.avoided
        sure = "fewer" if ratio.upper < 1 else "more" if ratio.lower > 1 else "not clearly fewer or more"
        found.append(
            f"Since going live at {plural(effect.treated_sites, 'ward')} arrests are {sure} than would have been "
            f"expected without: {number(ratio.estimate)} times as many (95% CI {number(ratio.lower)} to "
            f"{number(ratio.upper)}), {number(avoided.estimate)} avoided ({number(avoided.lower)} to "
            f"{number(avoided.upper)}), against {plural(effect.comparison_sites, 'ward')} without it at some time."
        )
    return tuple(found)


def _effect_notes(effect: Effect | NoEffect) -> tuple[str, ...]:
    if isinstance(effect, NoEffect):
        return ()
    return (f"What going live did assumes: {effect.assumes}", *effect.notes)


def _between(one: Share) -> str:
    return f"{number(_PER * one.interval.lower)} to {number(_PER * one.interval.upper)}"


def _spec(wards: tuple[str, ...], shares: tuple[Share | None, ...]) -> Spec:
    rows = tuple(
        IntervalRow(
            label=ward,
            value=None if one.value is None else _PER * one.value,
            lower=_PER * one.interval.lower,
            upper=_PER * one.interval.upper,
            withheld=one.value is None,
        )
        for ward, one in zip(wards, shares, strict=True)
        if one is not None
    )
    return interval_chart(rows=rows, title="Cardiac arrests for 1,000 admissions (lower is better)")


def _rates(name: str, found: Share | None) -> dict[str, float | None]:
    value, ends = (None, None) if found is None else (found.value, found.interval)
    return {
        name: None if value is None else _PER * value,
        f"{name}_lower_95": None if ends is None else _PER * ends.lower,
        f"{name}_upper_95": None if ends is None else _PER * ends.upper,
    }
