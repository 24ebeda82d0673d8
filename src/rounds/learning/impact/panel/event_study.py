"""Before and after adoption, step by step: was it moving already, and did the change last?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.estimate import groups_of, jackknifed, pool
from rounds.learning.impact.panel.outcome import Outcome

METHOD = "event-study-in-steps@1"
_MOST_BEFORE = 5
_MOST_AFTER = 6
_STEPS_IN_ALL = 12
_LONGEST_STEP = 6
_DRAWS_OF_LARGEST = 20_000
_FEWEST_SITES = 3
_NOTHING = 1e-9
"""Sizes that add up to less are what rounding leaves of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A few periods in a row at the same distance from adoption, against those just before it."""

    first: int
    """periods from adoption to the step's first period; below 0 before it"""
    last: int
    value: float
    """log rate ratio, or difference of means, to the last step before adoption"""
    standard_error: float
    pointwise: tuple[float, float]
    """95 % interval of this step alone, on the same scale"""
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
    """of the steps' values, shape (steps, steps)"""
    degrees: float
    treated_sites: int

    @property
    def before(self) -> int:
        """How many of the steps lie before adoption."""
        return sum(step.last < 0 for step in self.steps)


def event_study(outcome: Outcome, *, generator: np.random.Generator, width: int | None = None) -> EventStudy | str:
    """Return the steps before and after adoption, or why there are none.

    Each adopting site's step is compared with its own last step before adoption, and that change with the mean change
    of all sites without the innovation throughout: Callaway and Sant'Anna's event study with steps of several periods
    in place of single ones, and one reference for all, so that steps before and after are made alike. Sites count as
    much as the design says. Different steps can rest on different sites; the number is given.

    Args:
        outcome: log rates, completed where counts have bounds only, or means.
        generator: the source of chance for the simultaneous intervals, which are simulated.
        width: periods a step; by default a twelfth of all, 1 to 6.

    Source: Callaway and Sant'Anna (2021), J Econometrics 225:200-230, section 3; Montiel Olea and Plagborg-Moller
        (2019), J Appl Econometrics 34:1-17, for simultaneous intervals.
    """
    periods = outcome.design.treated.shape[1]
    width = width or int(np.clip(periods // _STEPS_IN_ALL, 1, _LONGEST_STEP))
    firsts = [width * at for at in (*range(-_MOST_BEFORE, -1), *range(_MOST_AFTER))]
    groups = groups_of(len(outcome.design.treated))
    tallies = _tallies(outcome, firsts, width, groups)
    most = max((one.sites for one in tallies), default=0)
    enough = max(_FEWEST_SITES, int(np.ceil(most / 3)))
    kept = [(first, one) for first, one in zip(firsts, tallies, strict=True) if one.sites >= enough]
    if not kept:
        return f"no step has {enough} adopting sites with all its periods and others to compare with"
    influences = [found for _, one in kept if (found := jackknifed(one.without)) is not None]
    if len(influences) < len(kept):
        return "too few sites adopt to tell by how much the steps vary between them"
    of_all, stacked = np.stack([one.values for _, one in kept]), np.stack(influences)
    treated = int(outcome.design.treated.any(axis=1).sum())
    covariance, degrees = _pooled(of_all, stacked, degrees=max(treated - 1, 1))
    errors = np.sqrt(np.diag(covariance))
    if not np.all(errors > 1e-12):
        return "all adopting sites say exactly the same, so that there is nothing to tell the steps' errors by"
    values = of_all.mean(axis=1)
    largest = _largest(covariance, degrees, generator)
    steps = tuple(
        Step(
            first=first,
            last=first + width - 1,
            value=float(values[at]),
            standard_error=float(errors[at]),
            pointwise=_ends(values[at], errors[at], float(stdtrit(degrees, 0.975))),
            simultaneous=_ends(values[at], errors[at], largest),
            sites=one.sites,
        )
        for at, (first, one) in enumerate(kept)
    )
    return EventStudy(
        width=width,
        steps=steps,
        covariance=covariance,
        degrees=degrees,
        treated_sites=treated,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tally:
    """One step: its value in each completed panel, shape (draws,), and without each group, shape (draws, groups)."""

    values: Vector
    without: Matrix
    sites: int


def _tallies(outcome: Outcome, firsts: list[int], width: int, groups: NDArray[np.int64]) -> list[_Tally]:
    """Return each step's mean change of adopting sites less that of those to compare with, and without each group.

    Leaving out a group takes its own sums away from those of adopters and comparisons alike, so all groups are done at
    once.
    """
    untreated, treated = outcome.design.untreated, outcome.design.treated
    periods = untreated.shape[1]
    start = np.where(treated.any(axis=1), treated.argmax(axis=1), -1)
    before = untreated & (np.arange(periods)[None, :] < start[:, None])
    last = np.where(before.any(axis=1), periods - 1 - before[:, ::-1].argmax(axis=1), -1)
    member = (groups[:, None] == np.arange(int(groups.max()) + 1)[None, :]) * outcome.design.site_sizes[:, None]
    sums = [_Sums(outcome.draws, member.shape[1]) for _ in firsts]
    pairs, label = np.unique(np.stack([start, last], axis=1), axis=0, return_inverse=True)
    for which, (begin, final) in enumerate(pairs.tolist()):
        if begin < 0 or final < width - 1:
            continue
        base = slice(final - width + 1, final + 1)
        rows = (label.ravel() == which) & before[:, base].all(axis=1)
        level = outcome.values[:, :, base].mean(axis=2)
        for total, first in zip(sums, firsts, strict=True):
            origin = (begin if first >= 0 else final + 1) + first
            span = slice(origin, origin + width)
            if origin < 0 or origin + width > periods:
                continue
            adopting = rows & (treated if first >= 0 else before)[:, span].all(axis=1)
            others = ~rows & untreated[:, base].all(axis=1) & untreated[:, span].all(axis=1)
            total.add(outcome.values[:, :, span].mean(axis=2) - level, adopting, others, member)
    return [one.tally() for one in sums]


class _Sums:
    """A step's sums so far, over all sites and without each group."""

    def __init__(self, draws: int, groups: int) -> None:
        self._sum, self._number, self._sites = np.zeros(draws), 0.0, 0
        self._sum_without, self._number_without = np.zeros((draws, groups)), np.zeros(groups)

    def add(self, change: Matrix, adopting: Mask, others: Mask, member: Matrix) -> None:
        """Add the adopters of one time: their changes, against those of the others."""
        if not (adopting.any() and others.any()):
            return
        of_adopters, of_others = change[:, adopting] @ member[adopting], change[:, others] @ member[others]
        adopters, comparisons = member[adopting].sum(axis=0), member[others].sum(axis=0)
        self._sum += of_adopters.sum(axis=1) - adopters.sum() * of_others.sum(axis=1) / comparisons.sum()
        self._number += float(adopters.sum())
        self._sites += int(adopting.sum())
        left, compared = adopters.sum() - adopters, comparisons.sum() - comparisons
        rest = of_others.sum(axis=1, keepdims=True) - of_others
        there = compared > _NOTHING
        gap = of_adopters.sum(axis=1, keepdims=True) - of_adopters - left * rest / np.where(there, compared, 1.0)
        self._sum_without += np.where(there, gap, 0.0)
        self._number_without += np.where(there, left, 0.0)

    def tally(self) -> _Tally:
        number = self._number_without
        there = number > _NOTHING
        without = np.where(there, self._sum_without / np.where(there, number, 1.0), np.nan)
        return _Tally(values=self._sum / (self._number or 1.0), without=without, sites=self._sites)


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


def _largest(covariance: Matrix, degrees: float, generator: np.random.Generator) -> float:
    """Return the 95th percentile of the largest of the steps' |t|."""
    errors = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(errors, errors))
    drawn = generator.standard_normal((_DRAWS_OF_LARGEST, len(errors))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    scale = np.sqrt(generator.chisquare(degrees, _DRAWS_OF_LARGEST) / degrees)
    return float(np.quantile(np.abs(drawn).max(axis=1) / scale, 0.95))
