"""Synthetic difference-in-differences: sites and periods weighted so that the comparison ran alongside before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.outcome import Design
from rounds.learning.impact.simplex import nearest_mixture

Rows = NDArray[np.int64]

_LEAST_CONTROLS = 2
_LEAST_BEFORE = 2
_EXACT = 1e-9
_TINY_RIDGE = 1e-6  # of the noise level, for weights of periods, as in the paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Sites that adopted together, and those to compare them with."""

    rows: Rows
    """of the sites with the innovation"""
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
            found.append(Block(rows=rows, controls=controls, before=before, after=after))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """Of one block: each site's change, and how much each control counts."""

    block: Block
    of_treated: Vector
    of_controls: Vector
    weights: Vector


def contrasts(values: Matrix, block: Block) -> Contrasts:
    """Return each site's mean after less its weighted mean before, and the controls' weights.

    Args:
        values: shape (sites, periods).
        block: which of them.

    Source: Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), Am Econ Rev 111:4088-4118, algorithm 1. The weights
        are the exact minimum (active sets), not the last step of an iteration.
    """
    control_before = values[np.ix_(block.controls, block.before)]
    control_after = values[np.ix_(block.controls, block.after)]
    treated_before = values[np.ix_(block.rows, block.before)]
    treated_after = values[np.ix_(block.rows, block.after)]
    noise = float(np.diff(control_before, axis=1).std(ddof=1)) if control_before.size > 2 else 0.0
    ridge = (len(block.rows) * len(block.after)) ** 0.25 * noise
    of_sites = _simplex(control_before.T, treated_before.mean(axis=0), ridge)
    of_periods = _simplex(control_before, control_after.mean(axis=1), _TINY_RIDGE * noise)
    return Contrasts(
        block=block,
        of_treated=treated_after.mean(axis=1) - treated_before @ of_periods,
        of_controls=control_after.mean(axis=1) - control_before @ of_periods,
        weights=of_sites,
    )


def combined(found: tuple[Contrasts, ...], sizes: Vector, without: Mask) -> Vector:
    """Return the mean over blocks, each weighted by its site-periods with the innovation, with some sites left out.

    Weights stay as they were (the paper's algorithm 3).

    Args:
        found: the contrasts of each block.
        sizes: how much each site with the innovation counts, shape (sites,).
        without: sites to leave out in each case, shape (cases, sites).

    Returns:
        A mean a case, shape (cases,); NaN where no block is left.
    """
    total, size = np.zeros(len(without)), np.zeros(len(without))
    for one in found:
        treated, kept = ~without[:, one.block.rows] * sizes[one.block.rows], ~without[:, one.block.controls]
        weights = kept * one.weights
        weights = np.where(weights.sum(axis=1, keepdims=True) < _EXACT, kept, weights)
        number, weight = treated.sum(axis=1), weights.sum(axis=1)
        change = treated @ one.of_treated / np.where(number > 0, number, 1.0) - weights @ one.of_controls / np.maximum(
            weight, _EXACT
        )
        cells = np.where(weight > 0, number * len(one.block.after), 0)
        total += cells * change
        size += cells
    return np.where(size > 0, total / np.where(size > 0, size, 1.0), np.nan)


def _simplex(features: Matrix, target: Vector, ridge: float) -> Vector:
    """Return weights >= 0 that add up to 1 and bring features nearest to the target, up to a constant.

    Minimises |centred(features) w - centred(target)|^2 + rows ridge^2 |w|^2.
    """
    rows, columns = features.shape
    centred, wanted = features - features.mean(axis=0), target - target.mean()
    penalty = np.sqrt(rows) * ridge * np.eye(columns)
    return nearest_mixture(np.vstack([centred, penalty]), np.concatenate([wanted, np.zeros(columns)]))
