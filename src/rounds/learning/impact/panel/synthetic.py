"""Synthetic difference-in-differences: sites and periods weighted so that the comparison ran alongside before."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.outcome import Design
from rounds.learning.impact.simplex import nearest_mixture

Rows = NDArray[np.int64]

_LEAST_CONTROLS = 2
_LEAST_BEFORE = 2
_FIRM_RIDGE = 1e-3  # of the largest feature
_FLAT = 1e-9  # a slope that brings nothing, of rows times the largest feature squared
_TINY_RIDGE = 1e-6  # of the noise level, for weights of periods, as in the paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Sites that adopted together, and those to compare them with."""

    rows: Rows
    """of the sites with the innovation"""
    sizes: Vector
    """how much each of them counts"""
    controls: Rows
    """rows of sites that never had it and have no gap"""
    before: Rows
    """columns without the innovation"""
    after: Rows
    """columns with it"""


def blocks_of(design: Design) -> tuple[Block, ...]:
    """Return the blocks that can be compared: each needs two controls without a gap and two periods before."""
    used = design.untreated | design.treated
    never = ~design.treated.any(axis=1)
    found = []
    patterns, label = np.unique(np.hstack([design.untreated, design.treated]), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        untreated, treated = np.split(pattern, 2)
        if not treated.any():
            continue
        after = np.flatnonzero(treated)
        before = np.flatnonzero(untreated[: after[0]])
        controls = np.flatnonzero(never & used[:, np.concatenate([before, after])].all(axis=1))
        if len(controls) >= _LEAST_CONTROLS and len(before) >= _LEAST_BEFORE:
            rows = np.flatnonzero(label.ravel() == number)
            found.append(Block(rows=rows, sizes=design.site_sizes[rows], controls=controls, before=before, after=after))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Of one block: what its sites and their controls had, before and after."""

    treated_before: Matrix
    """shape (sites, periods before)"""
    treated_after: Vector
    """means, shape (sites,)"""
    control_before: Matrix
    """shape (controls, periods before)"""
    control_after: Vector
    """means, shape (controls,)"""
    periods_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """Of one block: how much each control and each period before counts, and the change that follows."""

    block: Block
    numbers: Numbers
    weights: Vector
    """of controls"""
    of_periods: Vector

    @property
    def cells(self) -> float:
        """Site-periods with the innovation, each as much as its site counts."""
        return float(self.block.sizes.sum()) * self.numbers.periods_after

    @property
    def change(self) -> float:
        """By how much its sites moved away from the weighted controls."""
        seen, sizes = self.numbers, self.block.sizes
        of_treated = sizes @ (seen.treated_after - seen.treated_before @ self.of_periods) / sizes.sum()
        of_controls = self.weights @ (seen.control_after - seen.control_before @ self.of_periods)
        return float(of_treated - of_controls)


def contrasts(values: Matrix, block: Block) -> Contrasts:
    """Return the weights of a block's controls and periods before, and the change they lead to.

    Args:
        values: shape (sites, periods).
        block: which of them.

    Source: Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), Am Econ Rev 111:4088-4118, algorithm 1. The weights
        are the exact minimum (active sets), not the last step of an iteration.
    """
    numbers = Numbers(
        treated_before=values[np.ix_(block.rows, block.before)],
        treated_after=values[np.ix_(block.rows, block.after)].mean(axis=1),
        control_before=values[np.ix_(block.controls, block.before)],
        control_after=values[np.ix_(block.controls, block.after)].mean(axis=1),
        periods_after=len(block.after),
    )
    noise = _noise(numbers)
    return Contrasts(
        block=block,
        numbers=numbers,
        weights=_weights_of_sites(numbers, block.sizes, noise),
        of_periods=_weights_of_periods(numbers, noise),
    )


def without(found: Contrasts, rows: Mask) -> Contrasts | None:
    """Return the contrasts of a block with some sites left out, weights fitted again; None if a side is empty then.

    With weights as they were (algorithm 3 of the source) few controls seem to vary hardly at all: weights of periods
    follow their changes so closely that next to nothing of them is left over.

    Args:
        found: with all sites.
        rows: sites to leave out, a mask.
    """
    treated, kept = ~rows[found.block.rows], ~rows[found.block.controls]
    if treated.all() and kept.all():
        return found
    if not (treated.any() and kept.any()):
        return None
    seen = found.numbers
    numbers = replace(
        seen,
        treated_before=seen.treated_before[treated],
        treated_after=seen.treated_after[treated],
        control_before=seen.control_before[kept],
        control_after=seen.control_after[kept],
    )
    noise, was = _noise(numbers), found.block
    block = replace(was, rows=was.rows[treated], sizes=was.sizes[treated], controls=was.controls[kept])
    return Contrasts(
        block=block,
        numbers=numbers,
        weights=_weights_of_sites(numbers, block.sizes, noise, near=found.weights[kept]),
        of_periods=found.of_periods if kept.all() else _weights_of_periods(numbers, noise, near=found.of_periods),
    )


def combined(found: Iterable[Contrasts | None]) -> float | None:
    """Return the mean change over blocks, weighted by their site-periods with the innovation; None if none is left."""
    left = [one for one in found if one is not None]
    cells = sum(one.cells for one in left)
    return sum(one.cells * one.change for one in left) / cells if cells else None


def _noise(numbers: Numbers) -> float:
    """Return how much controls move from one period to the next."""
    steps = np.diff(numbers.control_before, axis=1)
    return float(steps.std(ddof=1)) if steps.size > 1 else 0.0


def _weights_of_sites(numbers: Numbers, sizes: Vector, noise: float, near: Vector | None = None) -> Vector:
    ridge = (len(numbers.treated_after) * numbers.periods_after) ** 0.25 * noise
    return _simplex(numbers.control_before.T, np.average(numbers.treated_before, axis=0, weights=sizes), ridge, near)


def _weights_of_periods(numbers: Numbers, noise: float, near: Vector | None = None) -> Vector:
    return _simplex(numbers.control_before, numbers.control_after, _TINY_RIDGE * noise, near)


def _simplex(features: Matrix, target: Vector, ridge: float, near: Vector | None = None) -> Vector:
    """Return weights >= 0 that add up to 1 and bring features nearest to the target, up to a constant.

    Minimises |centred(features) w - centred(target)|^2 + rows ridge^2 |w|^2.

    Args:
        features: shape (rows, columns).
        target: shape (rows,).
        ridge: keeps weights even.
        near: weights of much the same problem. Columns that count there are tried first; the others join until none
            would lower the sum, so that it saves time and changes nothing.
    """
    rows, columns = features.shape
    centred, wanted = features - features.mean(axis=0), target - target.mean()
    scale, penalty = float(np.abs(centred).max()) or 1.0, rows * ridge**2
    firm = ridge > _FIRM_RIDGE * scale
    tried = np.zeros(columns, dtype=np.bool_) if near is None else near > 0
    # with as many columns as rows the best among those tried is not unique, but for a firm ridge
    while tried.any() and (firm or tried.sum() < rows):
        weights = np.zeros(columns)
        if firm:
            weights[tried] = _adding_to_one(centred[:, tried], wanted, penalty)
        if not firm or (weights < 0).any():
            weights[tried] = _none_negative(centred[:, tried], wanted, penalty)
        slopes = centred.T @ (centred @ weights - wanted) + penalty * weights
        joining = ~tried & (slopes < slopes @ weights - _FLAT * rows * scale**2)
        if not joining.any():
            return weights
        tried |= joining
    return _none_negative(centred, wanted, penalty)


def _adding_to_one(features: Matrix, target: Vector, penalty: float) -> Vector:
    """Return weights that add up to 1, of either sign."""
    columns = features.shape[1]
    ones = np.ones(columns)
    squares = features.T @ features + penalty * np.eye(columns)
    free, level = np.linalg.solve(squares, np.column_stack([features.T @ target, ones])).T
    weights: Vector = free + level * (1 - free.sum()) / level.sum()
    return weights


def _none_negative(features: Matrix, target: Vector, penalty: float) -> Vector:
    """Return weights >= 0 that add up to 1."""
    columns = features.shape[1]
    evened = np.vstack([features, np.sqrt(penalty) * np.eye(columns)])
    return nearest_mixture(evened, np.concatenate([target, np.zeros(columns)]))
