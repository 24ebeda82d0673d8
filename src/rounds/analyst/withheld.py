"""What withheld counts are expected to be where their bounds are known: limits without filled-in values."""

import numpy as np

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


def _can_be_fitted(lines: Lines, at: int) -> bool:
    line = lines.lines[at]
    if line.numerator is None or line.denominator is None or (~line.withheld).sum() < FEWEST_POINTS:
        return False
    known = np.isfinite(line.lower) & np.isfinite(line.upper) & np.isfinite(line.denominator) & (line.denominator > 0)
    return bool(known.all())
