"""What withheld counts are expected to be where their bounds are known: limits without filled-in values."""

import numpy as np
import polars as pl

from rounds.analyst.points import Lines, Vector
from rounds.learning.bounded.pooled import FEWEST_SHOWN, BoundedCells, fit_cells
from rounds.learning.variation.over_time.drawing import FEWEST_POINTS
from rounds.learning.variation.over_time.withheld import Known


def known_points(lines: Lines) -> dict[int, Known]:
    """Return what is known of each point, for the series with withheld numerators that can have limits.

    Args:
        lines: all series of the table; their counts are fitted together.

    Returns:
        By the place of a series. None of a series that has nothing withheld, a number that is missing, a withheld
        number or denominator whose bounds nobody said, or fewer than 3 numbers shown.
    """
    chosen = [at for at in range(len(lines.lines)) if _can_be_fitted(lines, at)]
    hidden = [at for at in chosen if lines.lines[at].withheld.any()]
    if not hidden or sum(int((~lines.lines[at].withheld).sum()) for at in chosen) < FEWEST_SHOWN:
        return {}
    days = sorted({day for at in chosen for day in lines.lines[at].days})
    place = {day: number for number, day in enumerate(days)}
    lines_chosen = [lines.lines[at] for at in chosen]
    sizes = [np.asarray(line.denominator, dtype=np.float64) for line in lines_chosen]

    def counts(ends: list[Vector]) -> Vector:
        return np.concatenate([np.rint(end * size / lines.scale) for end, size in zip(ends, sizes, strict=True)])

    cells = BoundedCells(
        series=np.repeat(np.arange(len(chosen)), [len(line.days) for line in lines_chosen]),
        alike=np.zeros(sum(len(line.days) for line in lines_chosen), dtype=np.int64),
        period=np.array([place[day] for line in lines_chosen for day in line.days], dtype=np.int64),
        lower=counts([line.lower for line in lines_chosen]),
        upper=counts([line.upper for line in lines_chosen]),
        size=np.concatenate(sizes),
    )
    fitted = fit_cells(cells)
    if fitted is None:
        return {}
    found: dict[int, Known] = {}
    for number, at in enumerate(chosen):
        if at in hidden:
            line, mine = lines.lines[at], cells.series == number
            per = lines.scale / cells.size[mine]
            expected = np.clip(per * fitted.expected[mine], line.lower, line.upper)
            variance = per**2 * fitted.variance[mine]
            found[at] = Known(lower=line.lower, upper=line.upper, expected=expected, variance=variance)
    return found


def expected_totals(cells: pl.DataFrame) -> pl.DataFrame | None:
    """Return what the total of each place is expected to be, or None where too little is shown to tell.

    Args:
        cells: one row a place and period, columns `place`, `period`, `denominator`, `lower` and `upper`, none null.

    Returns:
        Columns `place`, `expected`, `information` (how much of what exact counts tell of a rate is left, 0 to 1).
    """
    kept = cells.filter(pl.col("denominator") > 0)
    if kept.filter(pl.col("lower") == pl.col("upper")).height < FEWEST_SHOWN:
        return None
    place = kept["place"].rank("dense").cast(pl.Int64) - 1
    fitted = fit_cells(
        BoundedCells(
            series=place.to_numpy(),
            alike=np.zeros(kept.height, dtype=np.int64),
            period=kept["period"].cast(pl.Int64).to_numpy(),
            lower=kept["lower"].to_numpy(),
            upper=kept["upper"].to_numpy(),
            size=kept["denominator"].to_numpy(),
        )
    )
    if fitted is None:
        return None
    left = 1 - pl.col("variance") / pl.col("prior")
    return (
        kept.select(
            "place",
            expected=pl.Series(fitted.expected),
            variance=pl.Series(fitted.variance),
            prior=pl.Series(fitted.prior_variance),
        )
        .group_by("place", maintain_order=True)
        .agg(pl.col("expected", "variance", "prior").sum())
        .select("place", "expected", information=pl.when(pl.col("prior") > 0).then(left.clip(0, 1)).otherwise(1.0))
    )


def _can_be_fitted(lines: Lines, at: int) -> bool:
    line = lines.lines[at]
    if line.numerator is None or line.denominator is None or (~line.withheld).sum() < FEWEST_POINTS:
        return False
    known = np.isfinite(line.lower) & np.isfinite(line.upper) & np.isfinite(line.denominator) & (line.denominator > 0)
    return bool(known.all())
