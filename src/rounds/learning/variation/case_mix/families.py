"""What a response is like: its mean, variance and likelihood, at the canonical link. Needs numpy alone."""

from enum import StrEnum
from math import lgamma

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


LARGEST = 300.0
"""Of a linear predictor: beyond it squares of means overflow, and no fit ends there."""


class Family(StrEnum):
    """Of a response."""

    BINOMIAL = "binomial"
    """events of so many trials; logit"""
    POISSON = "poisson"
    """events over time or over people; log"""
    GAUSSIAN = "gaussian"
    """anything of constant variance; identity"""

    @property
    def counts(self) -> bool:
        """Whether the variance follows from the mean."""
        return self is not Family.GAUSSIAN


def mean(family: Family, linear: Vector, trials: Vector) -> Vector:
    """Return the mean response at linear predictors; of a binomial, of so many trials."""
    if family is Family.BINOMIAL:
        return np.asarray(trials / (1 + np.exp(-np.clip(linear, -LARGEST, LARGEST))), dtype=np.float64)
    if family is Family.POISSON:
        return np.asarray(np.exp(np.clip(linear, -LARGEST, LARGEST)), dtype=np.float64)
    return linear


def variance(family: Family, means: Vector, trials: Vector) -> Vector:
    """Return the variance at means, which is also the mean's slope in the linear predictor; 1 of a Gaussian."""
    if family is Family.BINOMIAL:
        return np.asarray(means * (1 - means / trials), dtype=np.float64)
    return means if family is Family.POISSON else np.ones_like(means)


def loglik(family: Family, response: Vector, linear: Vector, trials: Vector) -> float:
    """Return the log-likelihood, constants included; of a Gaussian minus half the sum of squares."""
    if family is Family.GAUSSIAN:
        return float(-0.5 * ((response - linear) ** 2).sum())
    if family is Family.POISSON:
        return float((response * linear - mean(family, linear, trials)).sum()) - _log_factorials(response)
    chosen = _log_factorials(trials) - _log_factorials(response) - _log_factorials(trials - response)
    return float((response * linear - trials * np.logaddexp(0.0, linear)).sum()) + chosen


def saturated(family: Family, response: Vector, trials: Vector) -> float:
    """Return the log-likelihood with a mean of its own for each row: twice what is above `loglik` is the deviance."""
    if family is Family.GAUSSIAN:
        return 0.0
    if family is Family.POISSON:
        return float(_xlogx(response).sum() - response.sum()) - _log_factorials(response)
    rest = trials - response
    chosen = _log_factorials(trials) - _log_factorials(response) - _log_factorials(rest)
    return float((_xlogx(response) + _xlogx(rest) - _xlogx(trials)).sum()) + chosen


def _xlogx(numbers: Vector) -> Vector:
    return np.asarray(numbers * np.log(np.where(numbers > 0, numbers, 1.0)), dtype=np.float64)


def _log_factorials(numbers: Vector) -> float:
    found, often = np.unique(numbers, return_counts=True)
    return float(sum(many * lgamma(number + 1) for number, many in zip(found.tolist(), often.tolist(), strict=True)))
