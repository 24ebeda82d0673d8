"""The mixture of sites that comes nearest to a target: weights of 0 or more that add up to 1, by least squares."""

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import linprog, nnls

from rounds.learning.impact.effect import Matrix, Vector

_TIED = 1e-8
"""How far from the best direction a column may be and still be in another best mixture, where the largest is 1."""
_RANK = 1e-9


def nearest_mixture(features: Matrix, target: Vector) -> Vector:
    """Return weights >= 0 that add up to 1 and minimise |features w - target|^2, shape (columns,).

    Because weights add up to 1 the distance is |D w| with D = features - target. Of u = s w the sum
    |D u|^2 + (1'u - 1)^2 is least at s = 1 / (1 + |D w|^2), where it is |D w|^2 / (1 + |D w|^2): it grows with |D w|,
    so non-negative least squares without any constraint gives the constrained minimum itself, by active sets.

    Args:
        features: shape (rows, columns), at least one column, finite.
        target: shape (rows,).

    Source: Lawson and Hanson (1974), Solving Least Squares Problems, chapter 23, for the active sets.

    >>> nearest_mixture(np.array([[0.0, 4.0]]), np.array([1.0])).round(9).tolist()
    [0.75, 0.25]
    """
    apart = _apart(features, target)
    columns = apart.shape[1]
    stacked = np.vstack([apart, np.ones((1, columns))])
    weights, _ = nnls(stacked, np.append(np.zeros(len(apart)), 1.0), maxiter=100 * columns)
    found: Vector = weights / weights.sum()
    return found


def spread_of_mixtures(features: Matrix, target: Vector, weights: Vector, values: Vector) -> tuple[float, float]:
    """Return the least and the greatest values @ w over all mixtures as near to the target as the best one.

    Where columns are tied (more sites than rows, or sites that are mixtures of others) many mixtures are equally near;
    both ends are equal where the best one is alone, or where it makes no difference to these values.

    Args:
        features: as of `nearest_mixture`.
        target: as of `nearest_mixture`.
        weights: what that returned.
        values: one a column, shape (columns,).
    """
    apart = _apart(features, target)
    at = float(values @ weights)
    gradient = apart.T @ (apart @ weights)
    tied = (gradient - weights @ gradient <= _TIED) | (weights > _TIED)
    free = null_space(np.vstack([apart[:, tied], np.ones((1, int(tied.sum())))]), rcond=_RANK)
    if not free.shape[1]:
        return at, at
    along = values[tied] @ free
    size = float(np.abs(along).max())
    if size <= _RANK * float(np.abs(values).max()):
        return at, at
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(sign * along / size, A_ub=-free, b_ub=weights[tied], bounds=(None, None), method="highs")
        ends.append(at + sign * size * float(found.fun) if found.success else at)
    return min(ends[0], at), max(ends[1], at)


def _apart(features: Matrix, target: Vector) -> Matrix:
    """Return features less the target, the largest difference 1."""
    apart: Matrix = features - target[:, None]
    return apart / (float(np.abs(apart).max()) or 1.0)
