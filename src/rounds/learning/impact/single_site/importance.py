"""How much each characteristic counts when sites are mixed into a comparison: the choice of V."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog, minimize

from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.simplex import nearest_mixture

_USED = 1e-9
_AS_GOOD = 1e-6
_STARTS = 6
_MOST_STEPS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """The importance of each characteristic, and the mixture it leads to."""

    values: Vector
    """0 or more, adding up to 1; shape (characteristics,)"""
    weights: Vector
    """of the donors, shape (donors,)"""
    misses: float
    """mean squared difference of the outcome before"""
    least: float
    """that of the mixture nearest in the outcome alone, below which no importance can lead"""

    @property
    def best(self) -> bool:
        """Whether no other importance can do better."""
        return self.misses <= self.least * (1.0 + _AS_GOOD) + 1e-15


def scaled(own: Vector, donors: Matrix) -> tuple[Vector, Matrix]:
    """Return characteristics in their standard deviations over all sites; one that is the same everywhere is 0.

    Args:
        own: of the site, shape (characteristics,).
        donors: shape (characteristics, donors).
    """
    spread = np.hstack([own[:, None], donors]).std(axis=1, ddof=1)
    by = np.where(spread > 0.0, spread, np.inf)
    return own / by, donors / by[:, None]


def mixture_of(own: Vector, donors: Matrix, importance: Vector) -> Vector:
    """Return the mixture of donors whose characteristics, so weighed, are nearest to the site's own.

    Args:
        own: scaled characteristics, shape (characteristics,).
        donors: shape (characteristics, donors).
        importance: shape (characteristics,), 0 or more.
    """
    return nearest_mixture(*important(own, donors, importance))


def important(own: Vector, donors: Matrix, importance: Vector) -> tuple[Matrix, Vector]:
    """Return the donors' and the site's characteristics so that their plain distance is the weighed one."""
    root = np.sqrt(importance)
    return root[:, None] * donors, root * own


def choose_importance(
    own: Vector, donors: Matrix, *, outcome: Vector, outcomes: Matrix, generator: np.random.Generator
) -> Importance:
    """Return the importance whose mixture misses the outcome before the change by least.

    No mixture at all comes nearer to the outcome than the nearest one. Whether some importance leads to exactly that
    one is a linear programme (given the mixture, its optimality conditions are linear in the importance); if so it is
    taken, with the least important characteristic as important as can be, and nothing is left to search. Otherwise
    the loss, which has kinks and several minima, is searched by Nelder and Mead from several starts.

    Args:
        own: the site's scaled characteristics, shape (characteristics,).
        donors: shape (characteristics, donors).
        outcome: the site's before, shape (periods,).
        outcomes: the donors', shape (periods, donors).
        generator: chooses where searches start.

    Source: Abadie and Gardeazabal (2003), Am Econ Rev 93:113-132; Becker and Kloessner (2018), Econometrics and
        Statistics 5:1-19, for the bound and when it is reached.
    """
    nearest = nearest_mixture(outcomes, outcome)

    def loss(weights: Vector) -> float:
        return float(np.mean((outcome - outcomes @ weights) ** 2))

    least = loss(nearest)

    def found(values: Vector) -> Importance:
        weights = mixture_of(own, donors, values)
        return Importance(values=values, weights=weights, misses=loss(weights), least=least)

    reached = _leading_to(nearest, own, donors)
    if reached is not None and (best := found(reached)).best:
        return best
    terms = len(own)
    starts = [np.full(terms, 1.0 / terms), *generator.dirichlet(np.ones(terms), size=_STARTS - 1)]
    ends = [_search(start, lambda values: loss(mixture_of(own, donors, values))) for start in starts]
    alone = list(np.eye(terms)) if reached is None else [reached, *np.eye(terms)]
    return min((found(values) for values in (*ends, *alone)), key=lambda one: one.misses)


def _leading_to(weights: Vector, own: Vector, donors: Matrix) -> Vector | None:
    """Return an importance under which this mixture is the nearest, the smallest as large as can be; None if none."""
    terms = len(own)
    off = donors @ weights - own
    slope = (donors * off[:, None]).T
    apart = slope - weights @ slope
    used = weights > _USED
    size = float(np.abs(apart).max()) or 1.0
    found = linprog(
        np.append(np.zeros(terms), -1.0),
        A_ub=np.vstack(
            [
                np.hstack([-apart[~used] / size, np.zeros((int((~used).sum()), 1))]),
                np.hstack([-np.eye(terms), np.ones((terms, 1))]),
            ]
        ),
        b_ub=np.zeros(int((~used).sum()) + terms),
        A_eq=np.vstack(
            [
                np.hstack([apart[used] / size, np.zeros((int(used.sum()), 1))]),
                np.append(np.ones(terms), 0.0)[None, :],
            ]
        ),
        b_eq=np.append(np.zeros(int(used.sum())), 1.0),
        bounds=[(0.0, None)] * (terms + 1),
        method="highs",
    )
    if not found.success:
        return None
    values = np.maximum(found.x[:terms], 0.0)
    shares: Vector = values / values.sum()
    return shares


def _search(start: Vector, loss: Callable[[Vector], float]) -> Vector:
    """Return where the loss is least near a start; importances are searched on the log scale."""
    found = minimize(
        lambda logs: loss(_shares(logs)),
        np.log(start + 1e-6),
        method="Nelder-Mead",
        options={"maxfev": _MOST_STEPS * len(start), "adaptive": True, "xatol": 1e-4, "fatol": 1e-12},
    )
    return _shares(found.x)


def _shares(logs: Vector) -> Vector:
    values = np.exp(np.clip(logs - logs.max(), -40.0, 0.0))
    shares: Vector = values / values.sum()
    return shares
