"""The estimators beside the leading one. Those that take no bounds work on completed panels."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.estimate import (
    MOST_GROUPS,
    Estimate,
    NoEstimate,
    estimate_of,
    from_variance,
    groups_of,
    jackknifed,
    left_out,
)
from rounds.learning.impact.panel.generalised import compared, comparison_of
from rounds.learning.impact.panel.linear import callaway_santanna_weights, imputation_weights
from rounds.learning.impact.panel.outcome import Design, Outcome
from rounds.learning.impact.panel.poisson import poisson_two_way
from rounds.learning.impact.panel.sun_abraham import MOST_TERMS, sun_abraham
from rounds.learning.impact.panel.synthetic import blocks_of, combined, contrasts, without
from rounds.learning.impact.scale import Scale

IMPUTED_RATES = "Log rates, imputed"
SITES_ALIKE = "Means imputed, all alike"
CALLAWAY_SANTANNA = "Callaway-Sant'Anna"
SUN_ABRAHAM = "Sun-Abraham"
SYNTHETIC = "Synthetic comparison"
GENERALISED = "Generalised synthetic control"
POISSON = "Poisson, two-way effects"

_FEWEST_IN_A_COHORT = 2
_MOST_REGRESSIONS = 5
_BOOTSTRAP_RUNS = 200
_MOST_FITTED_AGAIN = 2
_PARALLEL = (
    "Without the innovation, {numbers} of those with and without it would have moved alike{when}; it did nothing "
    "before it went live and nothing to other sites; {counting}."
)
_NUMBERS = {Scale.RATIO: "log-rates", Scale.UNITS: "means"}
_ALIKE = "each site-period counts alike, whatever its size"
_BY_SIZE = "sites count by their size"
_ALL_PERIODS = " in all periods"


def other_estimates(outcome: Outcome, *, generator: np.random.Generator) -> tuple[Estimate | NoEstimate, ...]:
    """Return what the estimators beside the leading one say of a completed panel, in a fixed order.

    Args:
        outcome: the completed panel.
        generator: the source of chance, for an error that takes a bootstrap.
    """
    first = (
        of_weights(
            outcome,
            imputation_weights,
            name=IMPUTED_RATES,
            method="imputation-did-log-rates@1",
            assumes=parallel(outcome, when=_ALL_PERIODS),
        )
        if outcome.scale is Scale.RATIO
        else of_weights(
            alike := replace(outcome, design=replace(outcome.design, sizes=None)),
            imputation_weights,
            name=SITES_ALIKE,
            method="imputation-did-means-unweighted@1",
            assumes=parallel(alike, when=_ALL_PERIODS),
        )
    )
    return (
        first,
        of_weights(
            outcome,
            lambda designs: [callaway_santanna_weights(design) for design in designs],
            name=CALLAWAY_SANTANNA,
            method=f"callaway-santanna-{_NUMBERS[outcome.scale]}@1",
            assumes=parallel(outcome, when=" from the last period before adoption on"),
        ),
        _sun_abraham(outcome),
        _synthetic(outcome),
        _generalised(outcome, generator),
        *(() if outcome.counts is None else (_poisson(outcome, outcome.counts),)),
    )


def parallel(outcome: Outcome, *, when: str = _ALL_PERIODS) -> str:
    """Return what estimators assume that carry on what happened without the innovation."""
    return _PARALLEL.format(
        numbers=_NUMBERS[outcome.scale].replace("-", " "),
        when=when,
        counting=_ALIKE if outcome.design.sizes is None else _BY_SIZE,
    )


def grouped(influence: Vector, groups: NDArray[np.int64]) -> Vector:
    """Return influences added up by group, as large as a jackknife's would be."""
    number = int(groups.max()) + 1
    added: Vector = np.bincount(groups, influence, minlength=number) * np.sqrt(number / max(number - 1, 1))
    return added


def of_weights(
    outcome: Outcome,
    weigh: Callable[[Sequence[Design]], list[Matrix | None]],
    *,
    name: str,
    method: str,
    assumes: str,
) -> Estimate | NoEstimate:
    """Return the estimate of an estimator that is a sum of weights times values, with a jackknife over sites.

    Args:
        outcome: what to weigh.
        weigh: gives the weights of a design; None if nothing can be compared.
        name: of the estimator.
        method: its name@version.
        assumes: what must hold for it to mean what it says.
    """
    if outcome.too_sparse is not None:
        return NoEstimate(name=name, reason=outcome.too_sparse)
    groups = groups_of(len(outcome.design.treated))
    members = [groups == group for group in range(int(groups.max()) + 1)]
    weights, *rest = weigh([outcome.design, *(outcome.design.without(rows) for rows in members)])
    if weights is None:
        return NoEstimate(name=name, reason="no site was without the innovation when and where it would be compared")
    cells = int(outcome.design.treated.sum())
    used = int((weights[outcome.design.treated] > 0).sum())

    def value(of: Matrix) -> Vector:
        found: Vector = np.tensordot(outcome.values, of, axes=([1, 2], [0, 1]))
        return found

    without = np.full((outcome.draws, len(members)), np.nan)
    for group, of_rest in enumerate(rest):
        if of_rest is not None:
            without[:, group] = value(of_rest)
    return estimate_of(
        name,
        method,
        scale=outcome.scale,
        by_draw=value(weights),
        influence=jackknifed(without),
        treated_sites=_treated(outcome.design),
        assumes=assumes,
        left_out=_fewer(used, cells),
    )


def _sun_abraham(outcome: Outcome) -> Estimate | NoEstimate:
    """Return it where it is cheap and its clustered errors mean something; it is not held against the others."""
    design = outcome.design
    used = design.untreated | design.treated
    periods = used.shape[1]
    start = np.where(design.treated.any(axis=1), design.treated.argmax(axis=1), periods)
    cohorts, sizes = np.unique(start[used.any(axis=1)], return_counts=True)
    adopting = sizes[cohorts < periods]
    if outcome.too_sparse is not None:
        return NoEstimate(name=SUN_ABRAHAM, reason=outcome.too_sparse)
    if len(adopting) and (adopting < _FEWEST_IN_A_COHORT).any():
        return NoEstimate(name=SUN_ABRAHAM, reason="its errors take two sites at every time of adoption")
    if len(adopting) * periods > MOST_TERMS:
        return NoEstimate(name=SUN_ABRAHAM, reason=f"{len(adopting)} times of adoption make it too slow to fit")
    try:
        fits = [
            sun_abraham(np.where(used, rates, np.nan), start, clustered=True, sizes=design.sizes)
            for rates in outcome.values[:_MOST_REGRESSIONS]
        ]
    except NotConverged:
        return NoEstimate(name=SUN_ABRAHAM, reason="it takes sites that never adopt")
    by_draw = np.array([fit.effect for fit in fits])
    return from_variance(
        SUN_ABRAHAM,
        f"sun-abraham-{_NUMBERS[outcome.scale]}@1",
        scale=outcome.scale,
        by_draw=by_draw,
        within=np.array([fit.standard_error**2 for fit in fits]),
        degrees=_treated(design) - 1,
        assumes=parallel(outcome, when=", and sites that never adopt show how"),
    )


def _synthetic(outcome: Outcome) -> Estimate | NoEstimate:
    blocks = blocks_of(outcome.design)
    if outcome.too_sparse is not None:
        return NoEstimate(name=SYNTHETIC, reason=outcome.too_sparse)
    if not blocks:
        return NoEstimate(
            name=SYNTHETIC,
            reason="it takes two sites that never adopt and have no gap, and two periods before each adoption",
        )
    weighed = [tuple(contrasts(values, block) for block in blocks) for values in outcome.values[:_MOST_REGRESSIONS]]
    by_draw = np.array([combined(found) for found in weighed])
    sites = len(outcome.design.treated)
    again = weighed[: 1 if sites > MOST_GROUPS else _MOST_FITTED_AGAIN]

    def left(rows: Mask) -> Vector | None:
        found = [combined(without(one, rows) for one in panel) for panel in again]
        return None if any(one is None for one in found) else np.array(found, dtype=np.float64)

    cells = sum(len(block.rows) * len(block.after) for block in blocks)
    return estimate_of(
        SYNTHETIC,
        f"synthetic-did-{_NUMBERS[outcome.scale]}@2",
        scale=outcome.scale,
        by_draw=by_draw,
        influence=jackknifed(left_out(left, groups_of(sites, costly=True), draws=len(again))),
        treated_sites=sum(len(block.rows) for block in blocks),
        assumes=(
            "Sites that never adopt, weighted so that they ran alongside the adopters before, would have run alongside "
            "them afterwards too; it did nothing before it went live and nothing to other sites."
        ),
        left_out=_fewer(cells, int(outcome.design.treated.sum())),
    )


def _generalised(outcome: Outcome, generator: np.random.Generator) -> Estimate | NoEstimate:
    """Return it with a jackknife over sites, or, where one site alone adopted, with the bootstrap of its source."""
    if outcome.too_sparse is not None:
        return NoEstimate(name=GENERALISED, reason=outcome.too_sparse)
    comparison = comparison_of(outcome.design)
    if isinstance(comparison, str):
        return NoEstimate(name=GENERALISED, reason=comparison)
    method = f"generalised-synthetic-control-{_NUMBERS[outcome.scale]}@1"
    panels = compared(list(outcome.values[:_MOST_REGRESSIONS]), comparison)
    by_draw = panels.without(np.zeros(len(outcome.design.treated), dtype=np.bool_))
    if by_draw is None:
        return NoEstimate(name=GENERALISED, reason="no period with the innovation has sites to compare with")
    left_out_cells = _fewer(int(comparison.after.sum()), int(outcome.design.treated.sum()))
    if len(comparison.adopters) == 1:
        try:
            within = panels.variance(runs=_BOOTSTRAP_RUNS, generator=generator)
        except NotConverged:
            return NoEstimate(name=GENERALISED, reason="too few of its sites tell the factors apart")
        return from_variance(
            GENERALISED,
            method,
            scale=outcome.scale,
            by_draw=by_draw,
            within=within,
            degrees=len(comparison.controls) - 1,
            assumes=f"{_sharing(panels.number)} The one site that adopted is taken to vary as the others do.",
            left_out=left_out_cells,
        )
    groups = groups_of(len(outcome.design.treated))
    return estimate_of(
        GENERALISED,
        method,
        scale=outcome.scale,
        by_draw=by_draw,
        influence=jackknifed(left_out(panels.without, groups, draws=len(by_draw))),
        treated_sites=len(comparison.adopters),
        assumes=_sharing(panels.number),
        left_out=left_out_cells,
    )


def _sharing(factors: int) -> str:
    """Return what generalised synthetic control assumes, with so many factors."""
    beyond = {0: "no further factor was found", 1: "beyond that 1 factor moves all, each by a share of its own"}
    return (
        "Each site has its own level and shares what happens in a period with those that never adopt; "
        f"{beyond.get(factors, f'beyond that {factors} factors move all, each by shares of its own')}; levels and "
        "shares stay what they were before; it did nothing before it went live and nothing to other sites."
    )


def _poisson(outcome: Outcome, completed: Matrix) -> Estimate | NoEstimate:
    try:
        fits = [poisson_two_way(counts, outcome.exposure, outcome.design) for counts in completed]
    except NotConverged:
        return NoEstimate(name=POISSON, reason="it cannot be fitted: too few events")
    groups = groups_of(len(outcome.design.treated))
    return estimate_of(
        POISSON,
        "poisson-two-way-did@1",
        scale=outcome.scale,
        by_draw=np.array([fit.log_ratio for fit in fits]),
        influence=np.stack([grouped(fit.influence, groups) for fit in fits]),
        treated_sites=_treated(outcome.design),
        assumes=(
            "One and the same rate ratio wherever and whenever it is in effect; without it, rates would have moved by "
            "the same factor everywhere. Early adopters serve as a comparison for late ones."
        ),
    )


def _treated(design: Design) -> int:
    return int(design.treated.any(axis=1).sum())


def _fewer(used: int, cells: int) -> str:
    if used >= cells:
        return ""
    return f"{cells - used} of {cells} site-periods with the innovation have nothing to be compared with"
