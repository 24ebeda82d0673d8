"""CUSUM and EWMA: charts that add up small changes, which limits of single points overlook."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.drawing import Lines, Points, Reading, draw
from rounds.learning.variation.over_time.individuals import RANGE_TO_SIGMA
from rounds.learning.variation.over_time.rebasing import Stretch
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.rules import Matrix, Vector, mean_of, mean_range_of
from rounds.learning.variation.over_time.windows import Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One cumulative sum. Arrays have shape (points,)."""

    lowest: Vector
    highest: Vector
    """between what the sum lies; equal where every point up to it is exact"""
    limit: float
    """at or beyond it, the sum is a signal; below 0 for a sum that falls"""
    certain: Flags
    possible: Flags
    """whether the sum is a signal for every value within the bounds, and for some"""
    restarts: bool
    """whether the sum starts from 0 again after a signal"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cusum:
    """Sums of what points lie above and below a centre."""

    centre: float
    sigma: float
    high: Path
    low: Path


def cusum(
    values: Vector | tuple[Vector, Vector],
    *,
    centre: float | None = None,
    sigma: float | None = None,
    shift: float = 1.0,
    decision: float = 5.0,
) -> Cusum:
    """Return the two sums of standardised points beyond half a shift: max(0, C + z - k) and min(0, C + z + k).

    Args:
        values: shape (points,), without gaps; or the lowest and the highest that each point can be.
        centre: what the process is meant to be, or was in a baseline; by default the mean of the points.
        sigma: the standard error of a point; by default the mean moving range / 1.128.
        shift: the change to find, in sigma; k is half of it.
        decision: how far a sum may go, in sigma.

    Raises:
        ValueError: if there are fewer than 3 points, one is missing or infinite, bounds are out of order, points are
            all equal, or points with bounds come without centre and sigma: neither can be read off bounds here.

    Source: Page (1954), Biometrika 41:100-115; Montgomery (2009), 9.1. It assumes normal points that do not depend on
        each other and a centre that is known: estimated from the same points, it pulls both sums back.
    """
    lowest, highest = values if isinstance(values, tuple) else (values, values)
    _refuse(lowest, highest)
    exact = bool((lowest == highest).all())
    if not exact and (centre is None or sigma is None):
        raise ValueError("points are withheld: give the centre and sigma of a time in which all were known")
    middle = float(mean_of(lowest[None, :])[0]) if centre is None else centre
    spread = float(mean_range_of(lowest[None, :], screen=False)[0]) / RANGE_TO_SIGMA if sigma is None else sigma
    if not spread > 0:
        raise ValueError("all points are equal, so there is no variation to add up; give sigma if it is known")
    low, high = ((line - middle) / spread for line in (lowest, highest))
    up_low, down_low = tabular(low[None, :], shift / 2)
    up_high, down_high = tabular(high[None, :], shift / 2)
    return Cusum(
        centre=middle,
        sigma=spread,
        high=path_of(up_low[0], up_high[0], decision),
        low=path_of(down_low[0], down_high[0], -decision),
    )


def tabular(scaled: Matrix, allowance: float) -> tuple[Matrix, Matrix]:
    """Return the sums above and below of many series of standardised points, shape (series, points)."""
    up, down = np.zeros_like(scaled), np.zeros_like(scaled)
    above, below = np.zeros(len(scaled)), np.zeros(len(scaled))
    for at in range(scaled.shape[1]):
        above = np.maximum(0.0, above + scaled[:, at] - allowance)
        below = np.minimum(0.0, below + scaled[:, at] + allowance)
        up[:, at], down[:, at] = above, below
    return up, down


def path_of(lowest: Vector, highest: Vector, limit: float, *, restarts: bool = False) -> Path:
    """Return a path and where it is a signal: a sum is the higher, the higher each of its points."""
    surely, perhaps = (lowest, highest) if limit > 0 else (highest, lowest)
    beyond = np.greater_equal if limit > 0 else np.less_equal
    return Path(
        lowest=lowest,
        highest=highest,
        limit=limit,
        certain=np.asarray(beyond(surely, limit)),
        possible=np.asarray(beyond(perhaps, limit)),
        restarts=restarts,
    )


def ewma_chart(
    values: Vector,
    reading: Reading | None = None,
    *,
    weight: float = 0.2,
    width: float = 3.0,
    centre: float | None = None,
    sigma: float | None = None,
) -> Chart:
    """Return the chart of exponentially weighted means, with limits that widen from the first point on.

    Args:
        values: shape (points,), without gaps.
        reading: limits alone; other rules presume that points do not depend on each other, and these means do.
        weight: of the newest point, above 0 and at most 1.
        width: of the limits, in standard errors.
        centre: by default the mean of each stretch's baseline.
        sigma: the standard error of a point; by default the mean moving range / 1.128 of each stretch's baseline.

    Raises:
        ValueError: if a point is missing or infinite, `weight` is out of range, or as `draw`. What is withheld has no
            proper method here.

    Source: Roberts (1959), Technometrics 1:239-250; Montgomery (2009), 9.2: variance sigma^2 w / (2 - w) (1 - (1 -
        w)^2i).
    """
    if not 0 < weight <= 1:
        raise ValueError(f"the newest point weighs {weight}: give more than 0 and at most 1")
    how = reading or Reading()
    if set(how.rules_for(Kind.EWMA)) != {RuleSet.SHEWHART}:
        raise ValueError("weighted means depend on each other; read their chart by its limits alone")
    _refuse(values, values)
    baseline = how.basis.baseline(len(values))
    smooth, lines = np.full(len(values), np.nan), {}
    for stretch in how.basis.stretches(len(values), how.periods):
        own = slice(stretch.first, stretch.end)
        kept = values[own][baseline[own]]
        if not len(kept):
            continue
        middle = float(mean_of(kept[None, :])[0]) if centre is None else centre
        spread = sigma
        if spread is None:
            ranges = mean_range_of(kept[None, :], screen=False) if len(kept) > 1 else np.zeros(1)
            spread = float(ranges[0]) / RANGE_TO_SIGMA
        smooth[own] = weighted(values[own][None, :], weight, middle)[0]
        place = np.arange(1, stretch.end - stretch.first + 1)
        error = spread * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * place)))
        lines[stretch.first] = Lines(
            centre=np.full(len(place), middle),
            sigma=error * width / 3,
            lower=middle - width * error,
            upper=middle + width * error,
        )

    def lines_of(stretch: Stretch, _: Flags) -> Lines | str:
        found = lines[stretch.first]
        if not found.sigma.all():
            return "No limits are drawn: all points are equal, so there is no variation to measure."
        return found

    return draw(Kind.EWMA, Points(lowest=smooth, highest=smooth), lines_of, how)


def weighted(values: Matrix, weight: float, start: float | Vector) -> Matrix:
    """Return the exponentially weighted means of many series, shape (series, points)."""
    found, now = np.empty_like(values), np.broadcast_to(np.asarray(start, dtype=np.float64), (len(values),))
    for at in range(values.shape[1]):
        now = weight * values[:, at] + (1 - weight) * now
        found[:, at] = now
    return found


def cusum_run_length(*, allowance: float, decision: float, shift: float = 0.0, states: int = 200) -> float:
    """Return after how many points on average one sum of standardised normal points signals.

    Both sums together signal about twice as often in a steady process. It holds for a known centre and sigma.

    Args:
        allowance: k, in sigma.
        decision: h, in sigma.
        shift: by how many sigma the process has moved; 0 for the false alarms of a steady one.
        states: how finely the sum is cut.

    Source: Brook and Evans (1972), Biometrika 59:539-549, by a Markov chain.
    """

    from scipy.special import ndtr  # slow to load; most charts do without

    step = 2 * decision / (2 * states - 1)
    centres = np.arange(states) * step
    edges = np.concatenate([[-np.inf], centres + step / 2])
    moves = np.diff(ndtr(edges[None, :] - centres[:, None] + allowance - shift), axis=1)
    return float(np.linalg.solve(np.eye(states) - moves, np.ones(states))[0])


def _refuse(lowest: Vector, highest: Vector) -> None:
    if lowest.ndim != 1 or lowest.shape != highest.shape:
        raise ValueError(f"a series has one dimension; these have shapes {lowest.shape} and {highest.shape}")
    wrong = ~(np.isfinite(lowest) & np.isfinite(highest) & (lowest <= highest))
    if wrong.any():
        place = int(np.argmax(wrong)) + 1
        raise ValueError(f"point {place} is missing, infinite or has bounds out of order: a sum cannot step over it")
    if len(lowest) < 3:
        raise ValueError(f"there are {len(lowest)} points, and a sum needs at least 3")
