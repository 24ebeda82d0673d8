"""Case-mix models from counts by stratum that sites release anyway, exact, rounded or withheld."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.case_mix.bounded_counts import BoundedCounts
from rounds.learning.variation.case_mix.families import Family, mean, variance
from rounds.learning.variation.case_mix.newton import CaseMix, aliased, fit_across
from rounds.learning.variation.case_mix.site_sums import Design, site_sums

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

WIDEST_SIZE = 0.1
"""Of a denominator: bounds further apart than so much of its middle say too little of it."""
MOST_STEPS = 100
CLOSE_ENOUGH = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedCounts:
    """Counts by site and stratum. Arrays have shape (cells,), the design (cells, columns)."""

    names: tuple[str, ...]
    columns: Matrix
    """what is known of each stratum: age band, sex and so on, as numbers; a column of 1 for the level"""
    events_lower: Vector
    events_upper: Vector
    """equal where the number is exact"""
    size_lower: Vector
    size_upper: Vector
    """people, visits or time"""
    family: Family
    """binomial: events are part of the size; Poisson: the size is time, or people who may have several events"""

    def __post_init__(self) -> None:
        shape = self.events_lower.shape
        if self.columns.shape != (*shape, len(self.names)):
            raise ValueError("the design has not one row a cell and one column a name")
        for low, high, what in (
            (self.events_lower, self.events_upper, "events"),
            (self.size_lower, self.size_upper, "size"),
        ):
            if low.shape != shape or high.shape != shape:
                raise ValueError("give one lower and one upper bound of events and of size a cell")
            bad = ~(np.isfinite(low) & np.isfinite(high)) | (low < 0) | (low > high)
            if bad.any():
                raise ValueError(f"cell {int(np.argmax(bad)) + 1} has bounds of its {what} that are impossible")
        if self.family is Family.GAUSSIAN:
            raise ValueError("counts are binomial or Poisson")
        if self.family is Family.BINOMIAL and (self.events_lower > self.size_upper).any():
            at = int(np.argmax(self.events_lower > self.size_upper))
            raise ValueError(f"cell {at + 1} has more events than people")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedFit:
    """The model and what it expects of each cell."""

    model: CaseMix
    expected: Vector
    """events by cell, NaN where there is no model"""
    given: Vector
    """what the events of each cell are expected to be given their own bounds too: themselves where they are exact"""
    within: Vector
    """how far they may be from that by their bounds alone, a variance; 0 where they are exact"""
    left_out: NDArray[np.bool_]
    """cells whose size is unknown, or 0"""
    notes: tuple[str, ...]


def fit_grouped(counts: GroupedCounts) -> GroupedFit:
    """Return the model of all cells, from the likelihood of the bounds of their events.

    With exact events it is that of every single record with the same strata. Nothing is written in for a withheld
    number: each counts by the probability of all that it can be. Sizes have no such likelihood: one that is rounded is
    taken at its middle, one that is withheld leaves its cell out, and the notes say so.

    Args:
        counts: by site and stratum, of all sites.

    Source: McCullagh and Nelder (1989), chapter 4; for bounds Heitjan and Rubin (1991), Ann Stat 19:2244-2253
        (coarsened data); score E(Y | bounds) - mean, information variance - Var(Y | bounds).
    """
    middle = (counts.size_lower + counts.size_upper) / 2
    wide = (counts.size_upper - counts.size_lower > WIDEST_SIZE * middle) | (middle <= 0)
    used = ~wide
    notes = _notes(counts, used)
    names, size = counts.names, np.where(wide, 1.0, middle)
    lower, upper = counts.events_lower, counts.events_upper
    if counts.family is Family.BINOMIAL:
        size = np.maximum(np.round(size), lower)  # what is rounded may be a little too small
        upper = np.minimum(upper, size)
    design = Design(
        names=names,
        columns=counts.columns[used],
        response=((lower + upper) / 2)[used],
        family=counts.family,
        trials=size[used] if counts.family is Family.BINOMIAL else None,
        offset=np.log(size[used]) if counts.family is Family.POISSON else None,
    )
    if not used.any():
        raise ValueError("no cell has a size that is known: a model needs people or time by stratum")
    model = fit_across([lambda coefficients: site_sums(design, coefficients)])
    exact = bool((lower == upper)[used].all())
    if model.reason is None and not exact:
        model = _within_bounds(design, lower[used], upper[used], model)
    if model.reason is not None:
        none = np.full(len(wide), np.nan)
        return GroupedFit(model=model, expected=none, given=none, within=none, left_out=wide, notes=notes)
    linear = counts.columns @ model.coefficients
    if counts.family is Family.POISSON:
        linear = linear + np.log(size)
    expected = mean(counts.family, linear, size)
    trials = size if counts.family is Family.BINOMIAL else None
    told = BoundedCounts(counts.family, lower[used], upper[used], trials=None if trials is None else trials[used])
    given, within = expected.copy(), np.zeros_like(expected)
    found = told.at(linear[used])
    given[used], within[used] = found.expected, found.within
    return GroupedFit(
        model=model,
        expected=np.where(wide, np.nan, expected),
        given=np.where(wide, np.nan, given),
        within=np.where(wide, np.nan, within),
        left_out=wide,
        notes=notes,
    )


def _notes(counts: GroupedCounts, used: NDArray[np.bool_]) -> tuple[str, ...]:
    found = []
    if not used.all():
        found.append(f"{int((~used).sum())} of {len(used)} cells are left out, because their size is withheld or 0.")
    inexact = int((counts.events_lower < counts.events_upper)[used].sum())
    if inexact:
        found.append(
            f"The events of {inexact} of {int(used.sum())} cells are rounded or withheld: the model rests on the "
            "likelihood of their bounds, and no value is written in for them."
        )
    if (counts.size_lower < counts.size_upper)[used].any():
        found.append("Sizes that are rounded are taken at the middle of their bounds.")
    return tuple(found)


def _within_bounds(design: Design, lower: Vector, upper: Vector, start: CaseMix) -> CaseMix:
    """Return the maximum of the likelihood of the bounds, by Newton's method from the fit of their middles."""
    cells = BoundedCounts(design.family, lower, upper, trials=design.trials)
    coefficients, columns = start.coefficients, design.columns
    now = cells.at(design.linear(coefficients))
    for _ in range(MOST_STEPS):
        means = mean(design.family, design.linear(coefficients), design.every_trial)
        told = np.maximum(variance(design.family, means, design.every_trial) - now.within, 0.0)
        information = columns.T @ (columns * told[:, None])
        reason = aliased(design.names, information)
        if reason is not None:
            return replace(_empty(start), reason=f"What is not withheld says too little. {reason}")
        step = np.linalg.solve(information, columns.T @ (now.expected - means))
        found, value = cells.at(design.linear(coefficients + step)), now.loglik.sum()
        while found.loglik.sum() < value - 1e-12 * abs(value) and np.abs(step).max() > 1e-12:
            step = step / 2
            found = cells.at(design.linear(coefficients + step))
        coefficients, now = coefficients + step, found
        if np.abs(step * np.sqrt(np.diag(information))).max() < CLOSE_ENOUGH:
            break
    else:
        return replace(_empty(start), reason=f"No fit was found in {MOST_STEPS} steps.")
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return replace(
        start,
        coefficients=coefficients,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        loglik=float(now.loglik.sum()),
        deviance=np.nan,
        dispersion=np.nan,
    )


def _empty(model: CaseMix) -> CaseMix:
    nothing = np.full(len(model.names), np.nan)
    return replace(
        model,
        coefficients=nothing,
        standard_errors=nothing,
        covariance=np.full((len(nothing), len(nothing)), np.nan),
        loglik=np.nan,
        deviance=np.nan,
        dispersion=np.nan,
    )
