"""Whether risks are as high as a score says: by score, and by recalibrating the risks that were foretold."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Interval, NoAnswer, Share, Vector, share
from rounds.learning.intervals import Z95

_MOST_STEPS = 60
_WIDEST = 30.0
"""Log odds beyond which a fit runs away: the outcome is then perfectly separated."""
SEPARATED = (
    "The risk cannot be fitted: nobody or everybody with the outcome lies above some score. Count over a longer time "
    "or over more sites."
)
WITHHELD = (
    "{number} of the table's cells are withheld, and a risk fitted to numbers in their place would be wrong; ask for "
    "fewer, wider bands of the score, over a longer time."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line in log odds with what is known of it."""

    intercept: float
    slope: float
    intercept_interval: Interval
    slope_interval: Interval

    def risks(self, of: Vector) -> Vector:
        """Return the risk at each number, shape as given."""
        return np.asarray(1 / (1 + np.exp(-(self.intercept + self.slope * of))), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibration:
    """Foretold risks against those that came about."""

    observed: float
    expected: float
    """events, and how many were foretold"""
    in_the_large: float
    """what must be added to the log odds of every risk; 0 if the foretold risks are right on the whole"""
    in_the_large_interval: Interval
    line: Line
    """log odds that came about on those foretold; a slope of 1 is right, one below 1 says risks are too extreme"""


def observed_risks(table: ScoreTable) -> tuple[Share | None, ...]:
    """Return the risk of the outcome at each score, with bounds and Wilson's 95 % interval; None where nobody is."""
    cells = (slice(at, at + 1) for at in range(len(table.scores)))
    return tuple(share(table.events.total(cell), table.others.total(cell)) for cell in cells)


def fit_risk(table: ScoreTable) -> Line | NoAnswer:
    """Return the risk as a straight line in the log odds of each point of the score, or why it cannot be told.

    Fitted to the table it is the same as fitted to all rows of all sites.

    Args:
        table: of one site, or of several added up; rounded counts are taken as they are.

    Source: McCullagh and Nelder (1989), Generalized Linear Models, chapter 4: logistic regression by Newton's steps.
    """
    return _line(table, table.scores)


def recalibrate(table: ScoreTable, foretold: Vector) -> Recalibration | NoAnswer:
    """Return how the foretold risks must be moved and stretched to fit what came about, or why it cannot be told.

    Args:
        table: of one site, or of several added up; rounded counts are taken as they are.
        foretold: the risk of each score from elsewhere (a publication, other sites, last year), shape (levels,), each
            above 0 and below 1.

    Raises:
        ValueError: if the risks have another shape or are out of range.

    Source: Cox (1958), Biometrika 45:562-565; Steyerberg (2019), Clinical Prediction Models, chapter 15.
    """
    if foretold.shape != table.scores.shape or not ((foretold > 0) & (foretold < 1)).all():
        raise ValueError(f"give a risk above 0 and below 1 for each of the {len(table.scores)} scores")
    log_odds = np.log(foretold / (1 - foretold))
    line = _line(table, log_odds)
    if isinstance(line, NoAnswer):
        return line
    events, sizes = table.events.value, table.events.value + table.others.value
    alone = _fit(np.ones((len(sizes), 1)), events, sizes, offset=log_odds)
    if alone is None:
        return NoAnswer(reason=SEPARATED)
    (moved,), variance = alone
    return Recalibration(
        observed=float(events.sum()),
        expected=float(sizes @ foretold),
        in_the_large=float(moved),
        in_the_large_interval=_interval(float(moved), float(variance[0, 0])),
        line=line,
    )


def _line(table: ScoreTable, across: Vector) -> Line | NoAnswer:
    if table.withheld:
        return NoAnswer(reason=WITHHELD.format(number=table.withheld))
    events, sizes = table.events.value, table.events.value + table.others.value
    if np.count_nonzero(sizes) < 2:
        return NoAnswer(reason=SEPARATED)
    fitted = _fit(np.column_stack([np.ones(len(across)), across]), events, sizes, offset=np.zeros(len(across)))
    if fitted is None:
        return NoAnswer(reason=SEPARATED)
    (intercept, slope), variance = fitted
    return Line(
        intercept=float(intercept),
        slope=float(slope),
        intercept_interval=_interval(float(intercept), float(variance[0, 0])),
        slope_interval=_interval(float(slope), float(variance[1, 1])),
    )


def _interval(estimate: float, variance: float) -> Interval:
    half = Z95 * float(np.sqrt(variance))
    return Interval(lower=estimate - half, upper=estimate + half)


def _fit(design: Vector, events: Vector, sizes: Vector, *, offset: Vector) -> tuple[Vector, Vector] | None:
    """Return coefficients and their variance by Newton's steps, halved while they lead downhill; None if none fit."""
    if not 0 < events.sum() < sizes.sum():
        return None
    at = np.zeros(design.shape[1])
    best = _loglik(design @ at + offset, events, sizes)
    for _ in range(_MOST_STEPS):
        linear = design @ at + offset
        risk = 1 / (1 + np.exp(-linear))
        gradient = design.T @ (events - sizes * risk)
        information = (design * (sizes * risk * (1 - risk))[:, None]).T @ design
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return None
        if float(gradient @ step) < 1e-12:  # the error after this step is of the order of its square
            return at + step, np.asarray(np.linalg.inv(information), dtype=np.float64)
        while (tried := _loglik(design @ (at + step) + offset, events, sizes)) < best:
            step /= 2
        at, best = at + step, tried
        if np.abs(at).max() > _WIDEST * max(1.0, 1 / float(np.abs(design).max())):
            return None
    return None


def _loglik(linear: Vector, events: Vector, sizes: Vector) -> float:
    return float(events @ linear - sizes @ np.logaddexp(0.0, linear))
