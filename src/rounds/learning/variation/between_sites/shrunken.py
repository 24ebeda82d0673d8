"""Empirical-Bayes shrinkage: what is believed of each organisation, given what all of them have."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.optimize import minimize

from rounds.learning.intervals import Vector, normal_quantile
from rounds.learning.variation.case_mix.bounded_counts import BoundedCounts, Given
from rounds.learning.variation.case_mix.families import Family, mean, variance

NODES = 25
FEWEST = 3
LARGEST_SPREAD = 5.0
"""Of the standard deviation on the scale of logits or logs; beyond it odds differ ten thousandfold."""


@cache
def quadrature(count: int) -> tuple[Vector, Vector]:
    """Return nodes and weights of Gauss-Hermite quadrature for a standard normal; found once, as it takes a while."""
    nodes, weights = hermegauss(count)
    return nodes, weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How organisations differ: logits (of proportions) or logs (of rates and ratios) are normal."""

    family: Family
    level: float
    """the mean on that scale"""
    spread: float
    """the standard deviation; 0 where chance explains all differences"""
    level_error: float
    """the level's standard error"""
    covariance: Vector
    """of level and log spread, shape (2, 2); of the level alone where the spread is 0"""
    loglik: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunken:
    """What is believed of each organisation. Arrays have shape (organisations,)."""

    population: Population
    deviations: Vector
    """from the level, on the scale of logits or logs: the likeliest, given the counts"""
    errors: Vector
    """standard deviation of each, level and spread taken as known"""
    values: Vector
    """proportion, rate or ratio"""
    lower: Vector
    upper: Vector
    """with the uncertainty of level and spread (Kass and Steffey 1989, J Am Stat Assoc 84:717-726)"""
    weights: Vector
    """of an organisation's own counts, 0 to 1; the rest is the population's"""
    notes: tuple[str, ...]

    def caterpillar(self) -> NDArray[np.int64]:
        """Return the order in which a caterpillar plot shows them, from lowest to highest."""
        return np.argsort(self.deviations, kind="stable")


def shrunken(
    *,
    events_lower: Vector,
    events_upper: Vector,
    sizes: Vector,
    family: Family,
    confidence: float = 0.95,
) -> Shrunken:
    """Return each organisation's proportion, rate or ratio, drawn towards the mean by as much as chance makes likely.

    Level and spread are of highest likelihood, given the bounds; nothing is written in for a withheld count.

    Args:
        events_lower: shape (organisations,), each 0 or more.
        events_upper: equal where the count is exact.
        sizes: people (binomial), time or expected events (Poisson), each > 0.
        family: binomial where events are part of the sizes.
        confidence: above 0, below 1.

    Raises:
        ValueError: if shapes differ, there are fewer than three organisations, or a number is impossible.

    Source: a random intercept, its integral by adaptive Gauss-Hermite quadrature with 25 nodes (Pinheiro and Bates
        1995, J Comput Graph Stat 4:12-35), as lme4's `glmer(nAGQ = 25)`; Morris (1983), J Am Stat Assoc 78:47-55.

    >>> tops, sizes = np.array([2.0, 30.0, 20.0]), np.array([10.0, 100.0, 100.0])
    >>> found = shrunken(events_lower=tops, events_upper=tops, sizes=sizes, family=Family.BINOMIAL)
    >>> found.population.spread < 0.01
    True
    """
    model = _Model.of(events_lower, events_upper, sizes, family)
    population = _population(model)
    deviations, information = model.likeliest(population.level, population.spread)
    if population.spread > 0:
        weights = information / (information + 1 / population.spread**2)
        errors = np.sqrt(weights / np.maximum(information, 1e-300))
    else:
        weights, errors = np.zeros_like(sizes), np.zeros_like(sizes)
    linear = population.level + deviations
    half = normal_quantile(confidence) * np.sqrt(errors**2 + _of_population(model, population, weights))
    return Shrunken(
        population=population,
        deviations=deviations,
        errors=errors,
        values=_back(family, linear),
        lower=_back(family, linear - half),
        upper=_back(family, linear + half),
        weights=weights,
        notes=_notes(population, weights, events_lower, events_upper),
    )


def comparable(*, events_lower: Vector, events_upper: Vector, sizes: Vector, family: Family) -> bool:
    """Return whether `shrunken` has anything to compare: three organisations, an event and, of people, one without."""
    part = family is Family.BINOMIAL
    return len(sizes) >= FEWEST and bool(events_lower.sum() > 0) and not (part and bool((events_upper >= sizes).all()))


def _of_population(model: "_Model", population: Population, weights: Vector) -> Vector:
    """Return the variance of each on the scale that comes from not knowing level and spread, by the delta method."""
    if population.spread == 0:
        return (1 - weights) ** 2 * population.level_error**2
    step = 1e-3
    up, down = (model.likeliest(population.level, population.spread * np.exp(by))[0] for by in (step, -step))
    slopes = np.stack([1 - weights, (up - down) / (2 * step)])
    return np.asarray(np.einsum("ai,ab,bi->i", slopes, population.covariance, slopes), dtype=np.float64)


def _back(family: Family, linear: Vector) -> Vector:
    return mean(family, linear, np.ones_like(linear))


def _notes(population: Population, weights: Vector, lower: Vector, upper: Vector) -> tuple[str, ...]:
    count = len(weights)
    found = [
        "Each is drawn towards the mean of all by as much as chance makes likely: a small organisation far, a large "
        f"one little. On average an organisation's own numbers weigh {100 * weights.mean():.0f}%.",
        "One whose interval crosses the mean cannot be told apart from it; ranks are far less sure than values.",
    ]
    if population.spread == 0:
        found = [
            "Chance alone explains how organisations differ, so nothing is believed of one that is not believed of all."
        ]
    hidden = int((lower < upper).sum())
    if hidden:
        found.append(
            f"{hidden} of {count} organisations have withheld or rounded counts, of which only the bounds are used."
        )
    if count < 20:
        found.append(
            f"With {count} organisations how much they differ is itself uncertain: intervals may be too narrow."
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    counts: BoundedCounts
    at_nodes: BoundedCounts
    """the same once for each node of the quadrature, one after another"""
    trials: Vector
    offset: Vector

    @classmethod
    def of(cls, lower: Vector, upper: Vector, sizes: Vector, family: Family) -> "_Model":
        if lower.ndim != 1 or lower.shape != upper.shape or lower.shape != sizes.shape:
            raise ValueError("give a lower and an upper bound of events, and a size, of each organisation")
        if len(lower) < FEWEST:
            raise ValueError(f"give at least {FEWEST} organisations: fewer do not tell how they differ")
        for bad, problem in (
            (~(np.isfinite(lower) & np.isfinite(upper) & np.isfinite(sizes)), "has a missing or infinite number"),
            (sizes <= 0, "has nothing in its denominator"),
            ((lower < 0) | (lower > upper), "has impossible bounds of its events"),
            ((lower > sizes) & (family is Family.BINOMIAL), "has more events than people"),
        ):
            if bad.any():
                raise ValueError(f"organisation {int(np.argmax(bad)) + 1} {problem}: leave it out and say so")
        part = family is Family.BINOMIAL
        trials = sizes if part else np.ones_like(sizes)
        highest = np.minimum(upper, sizes) if part else upper
        low, high, many = (np.tile(one, NODES) for one in (lower, highest, trials))
        return cls(
            counts=BoundedCounts(family, lower, highest, trials=trials),
            at_nodes=BoundedCounts(family, low, high, trials=many),
            trials=trials,
            offset=np.zeros_like(sizes) if part else np.log(sizes),
        )

    def given(self, linear: Vector) -> tuple[Given, Vector, Vector]:
        """Return what the bounds tell, with score and information in the linear predictor."""
        found = self.counts.at(linear + self.offset)
        means = mean(self.counts.family, linear + self.offset, self.trials)
        told = np.maximum(variance(self.counts.family, means, self.trials) - found.within, 0.0)
        return found, found.expected - means, told

    def likeliest(self, level: float, spread: float) -> tuple[Vector, Vector]:
        """Return the likeliest deviation of each, and the information that its counts hold there."""
        deviations = np.zeros_like(self.offset)
        if spread == 0:
            return deviations, self.given(level + deviations)[2]
        precision = 1 / spread**2
        for _ in range(100):
            _, score, told = self.given(level + deviations)
            step = np.clip((score - precision * deviations) / (told + precision), -1.0, 1.0)
            deviations = deviations + step
            if np.abs(step).max() < 1e-11:
                break
        return deviations, self.given(level + deviations)[2]

    def loglik(self, level: float, spread: float) -> float:
        """Return the log of the integral over deviations."""
        if spread == 0:
            return float(self.given(np.full_like(self.offset, level))[0].loglik.sum())
        deviations, told = self.likeliest(level, spread)
        width = 1 / np.sqrt(told + 1 / spread**2)
        nodes, weights = quadrature(NODES)
        here = deviations + width * nodes[:, None]
        given = self.at_nodes.at((level + here + self.offset).ravel()).loglik.reshape(here.shape)
        terms = given - here**2 / (2 * spread**2) + (nodes**2 / 2 + np.log(weights))[:, None]
        highest = terms.max(axis=0)
        inside = highest + np.log(np.exp(terms - highest).sum(axis=0))
        return float((inside + np.log(width / spread) - 0.5 * np.log(2 * np.pi)).sum())


def _population(model: _Model) -> Population:
    level = _level_without_spread(model)
    alone = model.loglik(level, 0.0)

    def loss(at: NDArray[np.float64]) -> float:
        return -model.loglik(float(at[0]), float(np.exp(at[1])))

    found = minimize(
        loss,
        np.array([level, np.log(0.3)]),
        method="L-BFGS-B",
        bounds=[(level - 10, level + 10), (np.log(1e-4), np.log(LARGEST_SPREAD))],
        options={"ftol": 1e-12, "gtol": 1e-5, "eps": 1e-6},
    )
    spread = float(np.exp(found.x[1]))
    if -found.fun <= alone + 1e-9 or spread < 2e-4:
        told = model.given(np.full_like(model.offset, level))[2].sum()
        return Population(
            family=model.counts.family,
            level=level,
            spread=0.0,
            level_error=float(1 / np.sqrt(told)),
            covariance=np.diag([1 / told, 0.0]),
            loglik=alone,
        )
    covariance = _covariance(loss, found.x)
    return Population(
        family=model.counts.family,
        level=float(found.x[0]),
        spread=spread,
        level_error=float(np.sqrt(covariance[0, 0])),
        covariance=covariance,
        loglik=float(-found.fun),
    )


def _covariance(loss: Callable[[Vector], float], at: Vector) -> Vector:
    """Return the covariance of level and log spread from the curvature about the maximum."""
    steps = 1e-3 * np.eye(2)
    middle = loss(at)
    curvature = np.empty((2, 2))
    for one in range(2):
        up, down = loss(at + steps[one]), loss(at - steps[one])
        curvature[one, one] = (up + down - 2 * middle) / 1e-6
    ends = [loss(at + a * steps[0] + b * steps[1]) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    curvature[0, 1] = curvature[1, 0] = (ends[0] - ends[1] - ends[2] + ends[3]) / 4e-6
    # Where bounds are wide and organisations far apart the quadrature is rough, and the likelihood may seem flat in the
    # level: it is then known no better than from one organisation.
    if curvature[0, 0] <= 0:
        curvature[0, 0] = float(np.exp(-2 * at[1]))
    # Where the spread is close to 0 the likelihood of its log is flat; it is then known no better than to a factor e.
    curvature[1, 1] = max(curvature[1, 1], curvature[0, 1] ** 2 / curvature[0, 0] + 1.0)
    return np.asarray(np.linalg.inv(curvature), dtype=np.float64)


def _level_without_spread(model: _Model) -> float:
    level = 0.0
    for _ in range(200):
        _, score, told = model.given(np.full_like(model.offset, level))
        if told.sum() <= 0:
            break
        step = float(np.clip(score.sum() / told.sum(), -2.0, 2.0))
        level += step
        if abs(step) < 1e-12:
            break
    if abs(level) > 30:
        raise ValueError("no organisation has an event, or all that could happen did: there is nothing to compare")
    return level
