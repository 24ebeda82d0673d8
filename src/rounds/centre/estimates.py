"""What withheld and noisy counts are expected to be: the rates that fit all that was received of one measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.disclosure.bounded import State
from rounds.disclosure.rules import NOISE_SPAN
from rounds.learning.bounded.pooled import (
    FEWEST_SHOWN,
    BoundedCells,
    Fitted,
    PooledRate,
    expected_counts,
    fit_cells,
    pooled_rate,
)
from rounds.learning.variation.over_time.drawing import FEWEST_POINTS
from rounds.learning.variation.over_time.withheld import Known
from rounds.measures.definitions import Measure
from rounds.measures.kinds import CountKind
from rounds.reports.content.observed import Observed

Vector = NDArray[np.float64]

MOST_VALUES = 3_000_000
"""That counts can have between their bounds, all cells together: more take minutes, and are of noise that hides all."""
LEAST_OF_NOISE = 10
"""A denominator is taken as it was drawn from so many standard deviations on: one over it is then off by 1 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """The fit, and the cells it is of. Arrays have shape (cells,), in the order of `cells`."""

    cells: pl.DataFrame
    fitted: Fitted
    over_time: bool

    def rate(self, over: pl.Expr) -> PooledRate | None:
        """Return the rate over the cells that a condition holds for."""
        chosen = self.cells.select(over.alias("chosen"))["chosen"].to_numpy()
        return pooled_rate(self.fitted, chosen, over_time=self.over_time)

    def counts(self, by: list[str], *, over: pl.Expr | None = None) -> pl.DataFrame:
        """Return events expected, their variance given the bounds, denominators, and what share of the information on
        the rate is left, by some keys: columns `expected`, `variance`, `size`, `information`."""
        return (
            self.cells.with_columns(
                expected=pl.Series(self.fitted.expected),
                variance=pl.Series(self.fitted.variance),
                size=pl.Series(self.fitted.cells.size),
                prior=pl.Series(self.fitted.prior_variance),
            )
            .filter(pl.lit(value=True) if over is None else over)
            .group_by(by, maintain_order=True)
            .agg(pl.col("expected", "variance", "size", "prior").sum())
            .with_columns(
                information=pl.when(pl.col("prior") > 0)
                .then((1 - pl.col("variance") / pl.col("prior")).clip(0, 1))
                .otherwise(1.0)
            )
            .drop("prior")
        )


def estimates_of(cells: pl.DataFrame, measure: Measure) -> Estimates | None:
    """Return what the withheld counts of a measure are expected to be, or None.

    None where no count of events is withheld or has noise, so that there is nothing to estimate; of means, whose sums
    follow no law of counts; where fewer than `FEWEST_SHOWN` numbers are shown, or no rates fit; and where the noise is
    so wide that it hides every count (`MOST_VALUES`).

    Args:
        cells: every cell received, as `rounds.centre.pooling.pooled_cells` gives them.
        measure: what is counted.
    """
    if measure.kind is CountKind.MEAN or not cells.height:
        return None
    hidden = cells["numerator_state"] == State.WITHHELD
    if not cells["numerator_state"].is_in([State.WITHHELD.value, State.NOISY.value]).any():
        return None
    if cells.filter(~hidden & (pl.col("denominator_upper") > 0)).height < FEWEST_SHOWN:
        return None
    fitted = _fit(cells, measure)
    if fitted is None:
        return None
    return Estimates(cells=cells, fitted=fitted, over_time=measure.kind is CountKind.RATE)


def _fit(cells: pl.DataFrame, measure: Measure) -> Fitted | None:
    strata = [str(stratum) for stratum in measure.strata]
    keys = cells.select(
        series=pl.struct("site", "member", *strata).rank("dense") - 1,
        alike=(pl.struct(strata).rank("dense") - 1) if strata else pl.lit(0),
        period=pl.col("period").rank("dense") - 1,
    )
    series, alike, period = (keys[name].to_numpy().astype(np.int64) for name in ("series", "alike", "period"))

    def bounded(quantity: str, size: Vector) -> BoundedCells | None:
        lower, upper = (cells[f"{quantity}_{end}"].to_numpy().astype(np.float64) for end in ("lower", "upper"))
        if (upper - lower).sum() > MOST_VALUES:
            return None
        noise = noise_of(cells, quantity)
        return BoundedCells(
            series=series,
            alike=alike,
            period=period,
            lower=lower,
            upper=upper,
            size=size,
            noisy=noise.drawn,
            sigma=noise.sigma,
        )

    sizes = exposures(cells)
    unknown = np.isnan(sizes)
    if unknown.any():
        denominators = bounded("denominator", np.ones(cells.height))
        if denominators is None:
            return None
        sizes = np.where(unknown, expected_counts(denominators), sizes)
    numerators = bounded("numerator", sizes)
    return None if numerators is None else fit_cells(numerators)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Numbers with noise, and its standard deviation: shape (cells,), NaN where none was added."""

    drawn: Vector
    sigma: Vector


def noise_of(cells: pl.DataFrame, quantity: str) -> Noise:
    """Return what was drawn, and how wide the noise is: its bounds are `NOISE_SPAN` standard deviations away.

    Bounds are whole numbers, so the standard deviation is known to an eighth of a person. Sums of such noise are such
    noise.
    """
    there = cells[f"{quantity}_state"] == State.NOISY
    drawn = cells[f"{quantity}_value"].cast(pl.Float64)
    reach = (cells[f"{quantity}_upper"] - drawn).to_numpy()
    seen = there.to_numpy()
    return Noise(
        drawn=np.where(seen, drawn.fill_null(np.nan).to_numpy(), np.nan),
        sigma=np.where(seen, (reach - 0.5) / NOISE_SPAN, np.nan),
    )


def exposures(cells: pl.DataFrame) -> Vector:
    """Return denominators as they were released; NaN where they are withheld, or where noise hides them.

    That is, below `LEAST_OF_NOISE` standard deviations: one over such a number is not one over the true one.
    """
    shown = cells["denominator_value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    sigma = noise_of(cells, "denominator").sigma
    return np.where(shown < LEAST_OF_NOISE * np.nan_to_num(sigma), np.nan, shown)


def known_points(
    observed: Sequence[Observed | None], expected: pl.DataFrame, periods: Sequence[date], measure: Measure
) -> Known | None:
    """Return what is known of each point of one member, or None where that is too little to draw limits from.

    That is, where a denominator is withheld or hidden by its noise, or hardly a point is shown: the limits would be
    those of the others.

    Args:
        observed: what was received, shape (periods,).
        expected: this member's rows of `Estimates.counts(["member", "period"])`.
        periods: the first day of each.
        measure: what is counted.
    """
    if sum(item is not None and not item.withheld for item in observed) < FEWEST_POINTS:
        return None
    by_period = {row["period"]: row for row in expected.iter_rows(named=True)}
    rows = []
    for item, period in zip(observed, periods, strict=True):
        if item is None or not item.denominator.value or (item.noisy and not item.denominator.lower):
            return None
        rate, row = item.rate(measure.scale), by_period[period]
        lower, upper = item.rate_bounds(measure.scale) if rate is None or item.noisy else (rate, rate)
        possible = item.rate_bounds(measure.scale)
        per = measure.scale / row["size"]
        rows.append((lower, upper, min(max(per * row["expected"], possible[0]), possible[1]), per**2 * row["variance"]))
    columns = np.array(rows).T
    return Known(lower=columns[0], upper=columns[1], expected=columns[2], variance=columns[3])
