"""Before and after adoption, step by step: was it moving already, and did the change last?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from rounds.learning.impact.effect import Matrix
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.estimate import groups_of, jackknifed, pool
from rounds.learning.impact.panel.outcome import Design, Outcome

METHOD = "event-study-in-steps@1"
_MOST_BEFORE = 5
_MOST_AFTER = 6
_STEPS_IN_ALL = 12
_LONGEST_STEP = 6
_DRAWS_OF_LARGEST = 20_000
_FEWEST_GROUPS_A_STEP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A few periods in a row at the same distance from adoption, against those just before it."""

    first: int
    """periods from adoption to the step's first period; below 0 before it"""
    last: int
    log_ratio: float
    standard_error: float
    pointwise: tuple[float, float]
    """95 % interval of this step alone, on the log scale"""
    simultaneous: tuple[float, float]
    """interval that holds together with those of all other steps 95 times in 100"""
    sites: int
    """that adopted, have all its periods, and have others to compare with"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStudy:
    """Steps in order of time, without the one they are compared with."""

    width: int
    """periods a step"""
    steps: tuple[Step, ...]
    covariance: Matrix
    """of the steps' log ratios, shape (steps, steps)"""
    degrees: float
    treated_sites: int

    @property
    def before(self) -> int:
        """How many of the steps lie before adoption."""
        return sum(step.last < 0 for step in self.steps)


def event_study(outcome: Outcome, *, seed: int, width: int | None = None) -> EventStudy | str:
    """Return the steps before and after adoption, or why there are none.

    Each adopting site's step is compared with its own last step before adoption, and that change with the mean change
    of all sites without the innovation throughout: Callaway and Sant'Anna's event study with steps of several periods
    in place of single ones, and one reference for all, so that steps before and after are made alike. Sites count
    alike. Different steps can rest on different sites; the number is given.

    Args:
        outcome: log rates, completed where counts have bounds only.
        seed: for the simultaneous intervals, which are simulated.
        width: periods a step; by default a twelfth of all, 1 to 6.

    Source: Callaway and Sant'Anna (2021), J Econometrics 225:200-230, section 3; Montiel Olea and Plagborg-Moller
        (2019), J Appl Econometrics 34:1-17, for simultaneous intervals.
    """
    periods = outcome.design.treated.shape[1]
    width = width or int(np.clip(periods // _STEPS_IN_ALL, 1, _LONGEST_STEP))
    firsts = [width * at for at in (*range(-_MOST_BEFORE, -1), *range(_MOST_AFTER))]
    weights, sites = _weights(outcome.design, firsts, width)
    enough = max(_FEWEST_GROUPS_A_STEP, int(np.ceil(sites.max(initial=0) / 3)))
    kept = np.flatnonzero(sites >= enough)
    if not len(kept):
        return f"no step has {enough} adopting sites with all its periods and others to compare with"
    firsts = [firsts[at] for at in kept]
    groups = groups_of(len(outcome.design.treated))
    of_all = _values(weights[kept], outcome)
    influences: list[Matrix] = []
    without = _without_each(outcome, firsts, width, groups)
    for at in range(len(kept)):
        found = jackknifed(without[at])
        if found is None:
            return "too few sites adopt to tell by how much the steps vary between them"
        influences.append(found)
    treated = int(outcome.design.treated.any(axis=1).sum())
    stacked = np.stack(influences)
    covariance, degrees = _pooled(of_all, stacked, degrees=max(treated - 1, 1))
    errors = np.sqrt(np.diag(covariance))
    if not np.all(errors > 1e-12):
        return "all adopting sites say exactly the same, so that there is nothing to tell the steps' errors by"
    values = of_all.mean(axis=1)
    largest = _largest(covariance, degrees, seed)
    steps = tuple(
        Step(
            first=first,
            last=first + width - 1,
            log_ratio=float(values[at]),
            standard_error=float(errors[at]),
            pointwise=_ends(values[at], errors[at], float(stdtrit(degrees, 0.975))),
            simultaneous=_ends(values[at], errors[at], largest),
            sites=int(sites[kept[at]]),
        )
        for at, first in enumerate(firsts)
    )
    return EventStudy(
        width=width,
        steps=steps,
        covariance=covariance,
        degrees=degrees,
        treated_sites=treated,
    )


def _weights(design: Design, firsts: list[int], width: int) -> tuple[Matrix, NDArray[np.int64]]:
    """Return weights, shape (steps, sites, periods), and how many adopting sites each step has."""
    untreated, treated = design.untreated, design.treated
    periods = untreated.shape[1]
    adopts = treated.any(axis=1)
    start = np.where(adopts, treated.argmax(axis=1), -1)
    columns = np.arange(periods)
    before = untreated & (columns[None, :] < start[:, None])
    last_before = np.where(before.any(axis=1), periods - 1 - before[:, ::-1].argmax(axis=1), -1)
    weights = np.zeros((len(firsts), *untreated.shape))
    number = np.zeros(len(firsts), dtype=np.int64)
    pairs, label = np.unique(np.stack([start, last_before], axis=1), axis=0, return_inverse=True)
    for which, (begin, final) in enumerate(pairs):
        if begin < 0 or final < width - 1:
            continue
        rows = np.flatnonzero(label.ravel() == which)
        base = np.arange(final - width + 1, final + 1)
        rows = rows[before[np.ix_(rows, base)].all(axis=1)]
        free: Mask = np.asarray(untreated[:, base].all(axis=1))
        for at, first in enumerate(firsts):
            origin = begin if first >= 0 else final + 1
            span = np.arange(origin + first, origin + first + width)
            if span[0] < 0 or span[-1] >= periods:
                continue
            there = (treated if first >= 0 else before)[np.ix_(rows, span)].all(axis=1)
            others = np.asarray(free & untreated[:, span].all(axis=1))
            others[rows] = False
            if not (there.any() and others.any()):
                continue
            mine, count = rows[there], int(there.sum())
            number[at] += count
            weights[at][np.ix_(mine, span)] += 1.0 / width
            weights[at][np.ix_(mine, base)] -= 1.0 / width
            control = np.flatnonzero(others)
            weights[at][np.ix_(control, span)] -= count / (width * len(control))
            weights[at][np.ix_(control, base)] += count / (width * len(control))
    return weights / np.maximum(number, 1)[:, None, None], number


def _values(weights: Matrix, outcome: Outcome) -> Matrix:
    """Return the steps' values in each completed panel, shape (steps, draws)."""
    found: Matrix = np.tensordot(weights, outcome.log_rates, axes=([1, 2], [1, 2]))
    return found


def _without_each(outcome: Outcome, firsts: list[int], width: int, groups: NDArray[np.int64]) -> Matrix:
    """Return the steps' values without each group of sites, shape (steps, draws, groups)."""
    found = np.full((len(firsts), outcome.draws, int(groups.max()) + 1), np.nan)
    for group in range(found.shape[2]):
        weights, number = _weights(outcome.design.without(groups == group), firsts, width)
        found[:, :, group] = np.where((number > 0)[:, None], _values(weights, outcome), np.nan)
    return found


def _pooled(values: Matrix, influences: Matrix, *, degrees: float) -> tuple[Matrix, float]:
    """Return the covariance of the steps over draws and sites, and its degrees of freedom."""
    draws = values.shape[1]
    within: Matrix = np.einsum("sdg,tdg->st", influences, influences) / draws
    if draws == 1:
        return within, degrees
    between = np.cov(values) * (1 + 1 / draws)
    whole = within + np.atleast_2d(between)
    least = min(pool(values[at], np.full(draws, within[at, at]), degrees=degrees).degrees for at in range(len(values)))
    return whole, least


def _ends(value: float, error: float, width: float) -> tuple[float, float]:
    return float(value - width * error), float(value + width * error)


def _largest(covariance: Matrix, degrees: float, seed: int) -> float:
    """Return the 95th percentile of the largest of the steps' |t|."""
    errors = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(errors, errors))
    generator = np.random.default_rng(seed)
    drawn = generator.standard_normal((_DRAWS_OF_LARGEST, len(errors))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    scale = np.sqrt(generator.chisquare(degrees, _DRAWS_OF_LARGEST) / degrees)
    return float(np.quantile(np.abs(drawn).max(axis=1) / scale, 0.95))
