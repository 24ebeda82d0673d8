"""What a site adds up from its records at given coefficients, and why it may have to keep that to itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.case_mix.families import Family, loglik, mean, saturated, variance

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

RESIDUAL_FREEDOM = 10
"""Rows that there must be beyond the coefficients for sums to leave a site."""
FEWEST_BEHIND = 8
"""Rows with and without a characteristic, and events among them, below which its sums are small numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a model looks at in each row. Arrays have shape (rows, columns) and (rows,)."""

    names: tuple[str, ...]
    """of the columns, the same at every site and in the same order"""
    columns: Matrix
    response: Vector
    family: Family
    trials: Vector | None = None
    """of a binomial, how many each row stands for; 1 if not given"""
    offset: Vector | None = None
    """a known part of the linear predictor, such as the log of time at risk; 0 if not given"""

    def __post_init__(self) -> None:
        rows = len(self.response)
        if self.columns.shape != (rows, len(self.names)) or self.response.ndim != 1:
            raise ValueError(f"the design is not {rows} rows by the {len(self.names)} columns named")
        for part, what in (
            (self.columns, "a column"),
            (self.response, "the response"),
            (self.trials, "trials"),
            (self.offset, "the offset"),
        ):
            if part is None:
                continue
            if part is not self.columns and part.shape != (rows,):
                raise ValueError(f"{what} has not one number a row")
            if not np.isfinite(part).all():
                where = int(np.argmax(~np.isfinite(part).reshape(rows, -1).all(axis=1)))
                raise ValueError(f"{what} has a missing or infinite number in row {where + 1}: leave the row out")
        if self.family.counts and (self.response < 0).any():
            raise ValueError("the response has counts below 0")
        if self.family is Family.BINOMIAL and (self.response > self.every_trial).any():
            raise ValueError("the response has more events than trials")

    @property
    def every_trial(self) -> Vector:
        """Trials of each row."""
        return np.ones_like(self.response) if self.trials is None else self.trials

    def linear(self, coefficients: Vector) -> Vector:
        """Return the linear predictor of each row."""
        found = self.columns @ coefficients
        return np.asarray(found if self.offset is None else found + self.offset, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSums:
    """Sums over a site's rows. This is what would leave it, once a step."""

    names: tuple[str, ...]
    family: Family
    gradient: Vector
    """of the log-likelihood, shape (columns,)"""
    information: Matrix
    """minus its second derivatives, shape (columns, columns)"""
    loglik: float
    """NaN at the first step, which has no coefficients yet"""
    saturated: float
    pearson: float
    """squared residuals over their variances"""
    rows: int
    observed: float
    expected: float
    """the response's sum, and what the coefficients expect of it"""


def site_sums(design: Design, coefficients: Vector | None) -> SiteSums:
    """Return the sums of one site.

    Args:
        design: of the site's rows.
        coefficients: at which to add up, shape (columns,). None for the first step, which starts from the rows' own
            responses as R's `glm` does, and so never overflows.

    Raises:
        ValueError: if there are not as many coefficients as columns, or one is not finite.

    Source: McCullagh and Nelder (1989), Generalized Linear Models, section 2.5: Fisher scoring, which at the canonical
        link is Newton's method; its sums add up over sites (Wolfson et al. 2010, Int J Epidemiol 39:1372-1382).
    """
    trials = design.every_trial
    if coefficients is None:
        return _first(design, trials)
    if coefficients.shape != (len(design.names),) or not np.isfinite(coefficients).all():
        raise ValueError(f"give {len(design.names)} finite coefficients, one a column")
    linear = design.linear(coefficients)
    means = mean(design.family, linear, trials)
    return _sums(design, design.response - means, means, loglik(design.family, design.response, linear, trials))


def _first(design: Design, trials: Vector) -> SiteSums:
    response, family = design.response, design.family
    if family is Family.BINOMIAL:
        means = trials * (response + 0.5) / (trials + 1)
        linear = np.log(means / (trials - means))
    elif family is Family.POISSON:
        means = response + 0.1
        linear = np.log(means)
    else:
        means, linear = np.zeros_like(response), np.zeros_like(response)
    if design.offset is not None:
        linear = linear - design.offset
    pull = variance(family, means, trials) * linear + response - means
    if family is Family.GAUSSIAN and design.offset is not None:
        pull = response - design.offset
    return _sums(design, pull, means, float("nan"))


def _sums(design: Design, pull: Vector, means: Vector, value: float) -> SiteSums:
    trials = design.every_trial
    weights = variance(design.family, means, trials)
    squares = np.divide((design.response - means) ** 2, weights, out=np.zeros_like(means), where=weights > 0)
    return SiteSums(
        names=design.names,
        family=design.family,
        gradient=np.asarray(design.columns.T @ pull, dtype=np.float64),
        information=np.asarray(design.columns.T @ (design.columns * weights[:, None]), dtype=np.float64),
        loglik=value,
        saturated=saturated(design.family, design.response, trials),
        pearson=float(squares.sum()),
        rows=len(means),
        observed=float(design.response.sum()),
        expected=float(means.sum()),
    )


def reasons_to_stay(design: Design, *, fewest: int = FEWEST_BEHIND) -> tuple[str, ...]:
    """Return why a site's sums must not leave it, in whole sentences that name columns and no value; () if they may.

    A column of 0 and 1 makes its sums counts: of the people who have the characteristic, and of the events among them.
    So do two such columns together. Where one of these counts is small, and not 0, the sums tell it to the digit.

    Args:
        design: the site's rows.
        fewest: the smallest count, other than 0, that the site's policy lets out.

    Source: docs/statistics/case-mix.md says what this does not guard against.
    """
    found = []
    spare = len(design.response) - len(design.names)
    if spare < RESIDUAL_FREEDOM:
        found.append(
            f"There are fewer than {RESIDUAL_FREEDOM} rows more than coefficients: sums so near single rows stay here."
        )
    binary = [at for at in range(len(design.names)) if np.isin(design.columns[:, at], (0.0, 1.0)).all()]
    has = design.columns[:, binary]
    pairs = has.T @ has
    events = has.T @ design.response if design.family.counts else None
    for row, at in enumerate(binary):
        counts = [pairs[row, row], len(design.response) - pairs[row, row]]
        if events is not None:
            counts += [events[row], float(has[:, row] @ (design.every_trial - design.response))]
        if design.family is Family.POISSON:
            counts = counts[:3]
        if any(0 < count < fewest for count in counts):
            found.append(
                f"{design.names[at]}: fewer than {fewest} rows have it, or have not, or have an event with it."
            )
        for other in range(row):
            both = pairs[row, other]
            parts = (both, pairs[row, row] - both, pairs[other, other] - both)
            if any(0 < count < fewest for count in parts):
                names = f"{design.names[binary[other]]} and {design.names[at]}"
                found.append(f"{names}: fewer than {fewest} rows have both, or one of them only.")
    return tuple(found)
