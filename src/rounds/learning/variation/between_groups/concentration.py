"""How unequally something is spread over people: Lorenz curve, Gini, Theil, Atkinson, and the concentration index."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.intervals import Vector, normal_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Lorenz:
    """The share of people, poorest first, against their share of the whole. Arrays have shape (groups + 1,)."""

    people: Vector
    share: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """How far something is concentrated among the well off (above 0) or the badly off (below 0)."""

    index: float
    """-1 to 1; twice the area between the curve and the line of equality"""
    lower: float
    upper: float
    curve: Lorenz


def lorenz(values: Vector, people: Vector | None = None) -> Lorenz:
    """Return the Lorenz curve.

    Args:
        values: per person, shape (groups,), each 0 or more.
        people: in each group; one if not given.

    Raises:
        ValueError: if shapes differ, a number is missing, infinite or below 0, or there is nothing to share.

    Source: Lorenz (1905); ineq 0.2-13, `Lc`.
    """
    value, number = _check(values, people)
    order = np.argsort(value, kind="stable")
    return _curve(value[order], number[order])


def gini(values: Vector, people: Vector | None = None, *, corrected: bool = False) -> float:
    """Return the Gini coefficient: 0 if all have the same, close to 1 if one has all; arguments as in `lorenz`.

    Args:
        values: as in `lorenz`.
        people: as in `lorenz`.
        corrected: times n / (n - 1), n being the people: without bias in small samples.

    Source: Gini (1912); ineq 0.2-13, `Gini`.

    >>> round(gini(np.array([1.0, 1, 1, 5])), 4)
    0.375
    """
    curve = lorenz(values, people)
    found = 1 - float((np.diff(curve.people) * (curve.share[1:] + curve.share[:-1])).sum())
    number = len(values) if people is None else float(people.sum())
    return found * number / (number - 1) if corrected and number > 1 else found


def theil(values: Vector, people: Vector | None = None) -> float:
    """Return Theil's T: the mean of s ln s, s being a value over the mean; 0 values count 0. Arguments as in `lorenz`.

    Source: Theil (1967), Economics and Information Theory; ineq 0.2-13, `Theil`.
    """
    share, weight = _relative(values, people)
    return float((weight * share * np.log(np.where(share > 0, share, 1.0))).sum())


def mean_log_deviation(values: Vector, people: Vector | None = None) -> float:
    """Return Theil's L: the mean of -ln s. Arguments as in `lorenz`, each value > 0.

    Raises:
        ValueError: as `lorenz`, or if a value is 0, which makes it infinite.
    """
    share, weight = _relative(values, people)
    if (share <= 0).any():
        raise ValueError("a value of 0 has no logarithm, and Theil's L no end: take Theil's T or Gini")
    return float(-(weight * np.log(share)).sum())


def atkinson(values: Vector, people: Vector | None = None, *, aversion: float = 0.5) -> float:
    """Return Atkinson's index: the part that could be given up if all had the same. Arguments as in `lorenz`.

    Args:
        values: as in `lorenz`.
        people: as in `lorenz`.
        aversion: to inequality, above 0; at 1 the geometric mean.

    Source: Atkinson (1970), J Econ Theory 2:244-263.
    """
    share, weight = _relative(values, people)
    if aversion <= 0:
        raise ValueError("aversion is above 0")
    if aversion == 1:
        return 1 - float(np.exp((weight * np.log(share)).sum())) if (share > 0).all() else 1.0
    return 1 - float((weight * share ** (1 - aversion)).sum() ** (1 / (1 - aversion)))


def theil_parts(values: Vector, groups: NDArray[np.int64], people: Vector | None = None) -> tuple[float, float]:
    """Return Theil's T within and between groups; they add up to all of it.

    Args:
        values: as in `lorenz`.
        groups: the number of the group of each, same shape.
        people: as in `lorenz`.
    """
    value, number = _check(values, people)
    total, between, within = float((value * number).sum()), 0.0, 0.0
    for group in np.unique(groups):
        own = groups == group
        held = float((value[own] * number[own]).sum())
        if held > 0:
            within += held / total * theil(value[own], number[own])
            between += held / total * float(np.log(held / total / (number[own].sum() / number.sum())))
    return within, between


def concentration(
    *, values: Vector, people: Vector, standard_errors: Vector | None = None, confidence: float = 0.95
) -> Concentration:
    """Return the concentration index of a value over groups in order, the worst off first.

    Args:
        values: rate or proportion of each group, shape (groups,), each 0 or more.
        people: in each group, each > 0.
        standard_errors: of the values, taken as independent; without them there is no interval.
        confidence: above 0, below 1.

    Raises:
        ValueError: as `lorenz`.

    Source: Kakwani, Wagstaff and van Doorslaer (1997), J Econometrics 77:87-103, for grouped data; 2 / mean x the
        covariance of the value with the fractional rank, and its delta method with the ranks known.

    >>> found = concentration(values=np.array([3.0, 2, 1]), people=np.array([10.0, 10, 10]))
    >>> round(found.index, 4)
    -0.2222
    """
    value, number = _check(values, people)
    weight = number / number.sum()
    rank = np.cumsum(weight) - weight / 2
    mean = float(weight @ value)
    index = 2 / mean * float((weight * value * rank).sum()) - 1
    half = np.nan
    if standard_errors is not None:
        if standard_errors.shape != value.shape or not (standard_errors >= 0).all():
            raise ValueError("give a standard error of each value")
        slopes = weight * (2 * rank - 1 - index) / mean
        half = normal_quantile(confidence) * float(np.sqrt((slopes**2 * standard_errors**2).sum()))
    return Concentration(index=index, lower=index - half, upper=index + half, curve=_curve(value, number))


def _curve(value: Vector, number: Vector) -> Lorenz:
    held = value * number
    return Lorenz(
        people=np.concatenate([[0.0], np.cumsum(number) / number.sum()]),
        share=np.concatenate([[0.0], np.cumsum(held) / held.sum()]),
    )


def _relative(values: Vector, people: Vector | None) -> tuple[Vector, Vector]:
    value, number = _check(values, people)
    weight = number / number.sum()
    return value / float(weight @ value), weight


def _check(values: Vector, people: Vector | None) -> tuple[Vector, Vector]:
    number = np.ones_like(values) if people is None else people
    if values.ndim != 1 or values.shape != number.shape or not len(values):
        raise ValueError("give a value, and a number of people, to each of at least one group")
    for bad, problem in (
        (~(np.isfinite(values) & np.isfinite(number)), "has a missing or infinite number"),
        ((values < 0) | (number < 0), "has a number below 0"),
    ):
        if bad.any():
            raise ValueError(f"group {int(np.argmax(bad)) + 1} {problem}: leave it out and say so")
    if not float((values * number).sum()) > 0:
        raise ValueError("there is nothing to share: every value is 0")
    return values, number
