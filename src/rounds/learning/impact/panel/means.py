"""What an innovation did to a mean: imputation on cell means, weighted by how many people or visits each is of.

It leads among estimators of means because it uses every period without the innovation and so varies least, and because
its weights are known before a mean is looked at: what rounding can do to it at worst is a sum.
"""

from dataclasses import dataclass

import numpy as np

from rounds.learning.bounded.two_way import factor_of
from rounds.learning.impact.effect import Interval, Matrix, MeanEffect, NoEffect, Panel
from rounds.learning.impact.identification import Selection, check_panel, select, withheld_means
from rounds.learning.impact.panel.estimate import Estimate, NoEstimate
from rounds.learning.impact.panel.linear import imputation_weights
from rounds.learning.impact.panel.others import of_weights, parallel
from rounds.learning.impact.panel.outcome import Outcome, means_of

NAME = "Means, imputed"
METHOD = "imputation-did-means@1"
_EXTREME = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanFit:
    """The leading estimate of a panel of means, with what it was made of."""

    selection: Selection
    outcome: Outcome
    weights: Matrix
    """of each mean in the estimate, shape (sites, periods)"""
    leading: Estimate


def estimate_mean_effect(panel: Panel) -> MeanEffect | NoEffect:
    """Return what the innovation did to a mean where it was in effect, or why the data cannot say.

    Site and period effects are fitted to means without the innovation by least squares, weighted by denominators; the
    effect is the weighted mean of what is left of those with it. Its standard error is a jackknife over sites, with
    Student's t on one degree of freedom less than sites have the innovation, so that it holds where means of a site
    depend on one another and where sites respond unequally.

    Args:
        panel: of means, shape (sites, periods).

    Raises:
        ValueError: if the panel contradicts itself, or is one of counts.

    Source: Borusyak, Jaravel and Spiess (2024), Rev Econ Stud 91:3253-3285; Efron and Stein (1981), Ann Stat 9:586-596.
    """
    fitted = fit_means(panel)
    return fitted if isinstance(fitted, NoEffect) else mean_effect_of(panel, fitted)


def fit_means(panel: Panel) -> MeanFit | NoEffect:
    """Return the fit behind `estimate_mean_effect`, for what goes on from it; or why there is none.

    Raises:
        ValueError: if the panel contradicts itself, or is one of counts.
    """
    check_panel(panel)
    selection = select(panel)
    if isinstance(selection, NoEffect):
        return selection
    outcome = means_of(panel, selection)
    weights = imputation_weights([outcome.design])[0]
    if weights is None:
        return NoEffect(reason="No mean without the innovation is left to compare with; add sites or earlier periods.")
    found = of_weights(outcome, imputation_weights, name=NAME, method=METHOD, assumes=parallel(outcome))
    if isinstance(found, NoEstimate):
        return NoEffect(reason=f"The effect on the mean has no interval: {found.reason}.")
    return MeanFit(selection=selection, outcome=outcome, weights=weights, leading=found)


def mean_effect_of(panel: Panel, fitted: MeanFit) -> MeanEffect:
    """Return the effect that a fit of this panel's means amounts to."""
    treated, effect = fitted.selection.treated, fitted.leading.effect
    sizes = np.where(treated, panel.exposure, 0.0)
    size = float(sizes.sum())
    seen = float((sizes * fitted.outcome.values[0]).sum()) / size
    used = treated | fitted.selection.untreated
    rows = np.asarray(used.any(axis=1))[:, None]
    withheld = withheld_means(panel) & rows
    every = withheld | (~np.isnan(panel.lower) & ~panel.excluded & rows)
    return MeanEffect(
        difference=effect,
        share=_share(effect, seen),
        expected=seen - effect.estimate,
        total=Interval(estimate=effect.estimate * size, lower=effect.lower * size, upper=effect.upper * size),
        rounding=float((np.abs(fitted.weights) * np.where(used, panel.reach, 0.0)).sum()),
        counterfactual=_counterfactual(panel, fitted),
        treated_sites=int(treated.any(axis=1).sum()),
        treated_periods=int(treated.sum()),
        comparison_sites=int(fitted.selection.untreated.any(axis=1).sum()),
        withheld_share=float(withheld.sum() / every.sum()),
        method=METHOD,
        assumes=fitted.leading.assumes,
        notes=(*panel.notes, *fitted.selection.notes),
    )


def _share(difference: Interval, seen: float) -> Interval | None:
    """Return a difference as a share of what would have been: what was seen less the difference."""
    ends = [seen - end for end in (difference.estimate, difference.lower, difference.upper)]
    if min(ends) <= _EXTREME * abs(seen):
        return None
    shares = [seen / end - 1.0 for end in ends]
    return Interval(estimate=shares[0], lower=shares[1], upper=shares[2])


def _counterfactual(panel: Panel, fitted: MeanFit) -> Matrix:
    """Return site and period effects added up wherever both are known and the panel has a mean."""
    design, values = fitted.outcome.design, fitted.outcome.values[0]
    known = design.weighed(design.untreated)
    factor = factor_of(known, fitted.selection.free_periods)
    of_sites, of_periods = factor.solve((known * values).sum(axis=1), (known * values).sum(axis=0))
    told = fitted.selection.connected & ~np.isnan(panel.lower) & ~panel.excluded
    found: Matrix = np.where(told, of_sites[:, None] + of_periods[None, :], np.nan)
    return found
