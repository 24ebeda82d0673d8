"""Adoption in an analyst's table: who uses it since when, how it goes on, and when all will."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from rounds.analyst.adoption_days import (
    AdoptionDays,
    by_member,
    by_period,
    dates_of,
    numbers_of,
    organisations_of,
)
from rounds.analyst.columns import Guess, Reading
from rounds.analyst.frames import Table, TableError, table_of
from rounds.analyst.shown import charts_as_html
from rounds.learning.spread.diffusion.curves import FORECAST_FROM
from rounds.learning.spread.diffusion.forecast import Forecast, NoForecast, forecast
from rounds.learning.spread.diffusion.likelihood import CurveFit, fit_curve, why_no_fit
from rounds.learning.spread.diffusion.times import AdoptionTimes, Watched, times_of
from rounds.measures.definitions import Better
from rounds.reports.charts.adoption import CoveragePoint, adoption_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.outlook import Outlook, forecast_words
from rounds.reports.content.wording import number
from rounds.storage.suggestions import nearest

_LOOKED_FOR: Final = 120
"""Periods ahead in which full coverage is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadResult:
    """Adoption so far and to come. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    times: AdoptionTimes
    outlook: Outlook
    points: tuple[CoveragePoint, ...]
    fits: tuple[CurveFit, ...]
    """curves of highest likelihood with their intervals; none where the data carry none"""
    spec: Spec

    @property
    def forecast(self) -> Forecast | NoForecast:
        return self.outlook.forecast

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is found."""
        here = self.points[-1]
        known = f"{here.adopted} of {here.members} had adopted by {here.day.isoformat()}."
        return (known, *forecast_words(self.outlook, "members"), *(self._fit_words(fit) for fit in self.fits))

    def _fit_words(self, fit: CurveFit) -> str:
        day = self.outlook.day(min(fit.half.value, 1e4)).strftime("%B %Y")
        more = f"; numbers vary {number(fit.dispersion)} times as much as chance" if fit.dispersion > 1.5 else ""
        return (
            f"{str(fit.curve).capitalize()} curve: {100 * fit.ever.value:.0f}% adopt in the end (95% interval "
            f"{100 * fit.ever.lower:.0f}% to {100 * fit.ever.upper:.0f}%), half of those by {day}{more}."
        )

    @property
    def alt_text(self) -> str:
        """What the picture shows, for who does not see it."""
        return (
            f"Step chart of adopters among {self.points[-1].members} members over time. {' '.join(self.sentences[:2])}"
        )

    def table(self) -> pl.DataFrame:
        """Return adopters at the end of each period, counted or forecast with intervals."""
        rows = [(point.day, point.adopted, point.members, None, None, None, None, None) for point in self.points]
        members = self.points[-1].members
        ahead = [
            (one.day, None, members, one.median, one.lower80, one.upper80, one.lower95, one.upper95)
            for one in self.outlook.expected
        ]
        schema = {"day": pl.Date, "adopted": pl.Int64, "members": pl.Int64}
        schema |= dict.fromkeys(("forecast", "lower_80", "upper_80", "lower_95", "upper_95"), pl.Float64)
        return pl.DataFrame([*rows, *ahead], schema=schema, orient="row")

    def reached(self) -> pl.DataFrame:
        """Return when half, four in five, nine in ten and all are reached; null where later than was looked."""
        columns = ("share", "members", "earliest_95", "most_likely", "latest_95", "chance_within_reach")
        if isinstance(self.forecast, NoForecast):
            return pl.DataFrame({name: [] for name in columns})
        rows = [
            (
                one.share,
                one.number,
                *(
                    self.outlook.day(end) if np.isfinite(end) else None
                    for end in (one.lower95, one.median, one.upper95)
                ),
                one.within,
            )
            for one in self.forecast.reached
            if not one.already
        ]
        types = (pl.Float64, pl.Int64, pl.Date, pl.Date, pl.Date, pl.Float64)
        return pl.DataFrame(rows, schema=dict(zip(columns, types, strict=True)), orient="row")

    def write(
        self, folder: str | Path, *, pictures: int = 1, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of the curve; arguments as of `SpcResult.write`."""
        from rounds.analyst.files import write_spread

        return write_spread(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the curve with its sentences, for a notebook."""
        return charts_as_html([("spread", " ".join(self.sentences[:2]), self.spec, self.alt_text, ())], Better.NEITHER)


def spread(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    *,
    organisation: str | None = None,
    when: str | None = None,
    earliest: str | None = None,
    adopters: str | None = None,
    members: int | None = None,
    start: date | None = None,
    as_of: date | None = None,
    ahead: int = 24,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
) -> SpreadResult:
    """Return how an innovation has spread and how it goes on.

    The table has a row for each organisation with the day it adopted (empty: not yet), or a row for each period with
    the number that had adopted by its end.

    Args:
        data: as in `spc`.
        organisation: the column of organisations.
        when: the column of the days (or months, quarters, years) of adoption, or of periods.
        earliest: a column of the first day on which each may have adopted; `when` is then the last.
        adopters: the column of numbers that had adopted by the end of each period.
        members: how many could adopt; the rows of the table, if it has one for each. Others have not adopted.
        start: the day from which adoption was possible; a period before the first, if left out.
        as_of: the last day of which adoption is known; the end of the last period in the table, if left out.
        ahead: how many periods (months, unless the table is of quarters or years) the forecast is shown for.
        where: as in `spc`.
        reading: as in `spc`.

    Raises:
        TableError: names file, line and column, and what to do: an organisation twice, a date to come, numbers that
            fall, more adopters than members.

    Source: see `rounds.learning.spread.diffusion`.
    """
    if ahead < 1:
        raise TableError(f"a forecast looks 1 period ahead or more, not {ahead}")
    table = table_of(data, where=where)
    reading = reading or Reading()
    guesses: list[Guess] = []
    for name in (organisation, when, earliest, adopters):
        if name is not None and name not in table.frame.columns:
            raise TableError(f"{table.name}: there is no column {name}{nearest(name, table.frame.columns)}")
    when, dates = dates_of(table, when, adopters, reading, guesses)
    counted = adopters or numbers_of(table, when, organisation, earliest)
    if counted is not None:
        if adopters is None:
            guesses.append(
                Guess(role="adopters", column=counted, because="the only column of numbers beside the dates")
            )
        watching = by_period(table, counted, dates, members, reading)
    else:
        organisation = organisation or organisations_of(table, when, guesses)
        watching = by_member(table, organisation, dates, earliest, members, reading)
    return _found(table, watching, guesses, start=start, as_of=as_of, ahead=ahead)


def _found(
    table: Table, read: AdoptionDays, guesses: list[Guess], *, start: date | None, as_of: date | None, ahead: int
) -> SpreadResult:
    now = as_of or read.last
    if as_of is None:
        guesses.append(Guess(role="known up to", column=now.isoformat(), because="the last date; say --as-of if later"))
    first = min(begin or end for _, begin, end in read.spans if end is not None)
    begin_at = start or first - timedelta(days=round(read.period_days))
    if start is None:
        guesses.append(
            Guess(
                role="possible from", column=begin_at.isoformat(), because="a period before the first; or say --start"
            )
        )
    try:
        times = times_of(
            [Watched(member=name, joined=begin_at, earliest=begin, latest=end) for name, begin, end in read.spans],
            start=begin_at,
            now=now,
            period_days=read.period_days,
        )
    except ValueError as problem:
        raise TableError(f"{table.name}: {problem}") from None
    found = forecast(times, until=times.now + max(ahead, _LOOKED_FOR), generator=np.random.default_rng(1))
    outlook = Outlook(forecast=found, start=begin_at, period_days=read.period_days, ahead=float(ahead))
    fits = () if why_no_fit(times) else tuple(fit_curve(curve, times) for curve in FORECAST_FROM)
    ends = [end for _, _, end in read.spans if end is not None]
    days = [outlook.day(period) for period in range(1, int(times.now) + 1)]
    days += [now] if not days or days[-1] < now else []
    points = tuple(
        CoveragePoint(day=day, adopted=sum(end <= day for end in ends), members=times.members) for day in days
    )
    return SpreadResult(
        source=table.name,
        guesses=tuple(guesses),
        times=times,
        outlook=outlook,
        points=points,
        fits=fits,
        spec=adoption_chart(
            points=points,
            adopted_label="Have adopted",
            members_label="All members",
            title=f"Adoption in {table.name}",
            expected=outlook.expected,
        ),
    )
