"""What the panel's linear estimators work on: means, or log rates, completed many times over where counts have bounds.

Means are weighed by how many people or visits they are of; rates of counts all alike, as their logs are.
"""

from dataclasses import dataclass, replace

import numpy as np

from rounds.learning.bounded.two_way import Cells
from rounds.learning.impact.did import CountFit, cells_of
from rounds.learning.impact.effect import Matrix, Panel, Vector
from rounds.learning.impact.identification import Mask, Selection
from rounds.learning.impact.scale import Scale

HALF = 0.5
"""Added to each count: log(Y + 1/2) has next to no bias where 2 events or more are expected (.026 at 2, .002 at 3)."""
LEAST_EXPECTED = 2.0
_MOST_BELOW = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Which site-periods are without the innovation and which with it; the rest is left out."""

    untreated: Mask
    treated: Mask
    sizes: Matrix | None = None
    """how much each site-period counts, > 0 where it is used; None if all count alike"""

    def without(self, rows: Mask) -> "Design":
        """Return the design with some sites left out."""
        kept = ~rows[:, None]
        return replace(self, untreated=self.untreated & kept, treated=self.treated & kept)

    def weighed(self, cells: Mask) -> Matrix:
        """Return how much each of some site-periods counts, 0 for the others."""
        if self.sizes is None:
            return cells.astype(np.float64)
        found: Matrix = np.where(cells, self.sizes, 0.0)
        return found

    @property
    def site_sizes(self) -> Vector:
        """How much each site counts where its periods are compared with one another: 1 on average."""
        used = self.untreated | self.treated
        number = used.sum(axis=1)
        sizes: Vector = self.weighed(used).sum(axis=1) / np.maximum(number, 1)
        there = sizes[number > 0]
        return sizes / there.mean() if len(there) else sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Numbers drawn from what is known of them, shape (draws, sites, periods). One draw where all are exact."""

    design: Design
    values: Matrix
    """log((count + 1/2) / exposure), or means; 0 outside the design"""
    scale: Scale
    counts: Matrix | None
    """None of means"""
    exposure: Matrix
    too_sparse: str | None
    """why logs of these counts would mislead; None if they do not"""

    @property
    def draws(self) -> int:
        return len(self.values)

    @property
    def completed(self) -> Matrix:
        """The counts behind rates, shape (draws, sites, periods); means have none."""
        if self.counts is None:
            raise ValueError("means have no counts")
        return self.counts


def means_of(panel: Panel, selection: Selection) -> Outcome:
    """Return a panel's means as they are shown. Rounding is scatter like any other; what is withheld is not there."""
    used = selection.untreated | selection.treated
    exposure = np.where(used, panel.exposure, 1.0)
    return Outcome(
        design=Design(untreated=selection.untreated, treated=selection.treated, sizes=exposure),
        values=np.where(used, panel.means, 0.0)[None],
        scale=Scale.UNITS,
        counts=None,
        exposure=exposure,
        too_sparse=None,
    )


def complete(panel: Panel, fitted: CountFit, *, draws: int, generator: np.random.Generator) -> Outcome:
    """Return the panel's counts, drawn from their bounded likelihood where they are not exact.

    Each draw first draws the site and period effects and the rate ratio from their distribution, then each count from
    within its bounds (and given its noise) at that mean: proper multiple imputation, so that what is not known of
    counts is in the variance between draws. The ratio is the same at all sites; where most counts are withheld, sites
    in which the innovation works unequally are drawn towards each other.

    Args:
        panel: whose counts.
        fitted: by `fit_counts` of the same panel.
        draws: how many where a count is not exact, at least 2.
        generator: the source of chance.

    Source: Rubin (1987), Multiple Imputation for Nonresponse in Surveys, chapter 4.
    """
    if draws < 2:
        raise ValueError(f"imputation needs at least 2 draws, not {draws}")
    design = Design(untreated=fitted.selection.untreated, treated=fitted.selection.treated)
    used = design.untreated | design.treated
    noisy = panel.with_noise[used].any()
    exact = bool(np.all(panel.lower[used] == panel.upper[used])) and not noisy
    every = 1 if exact else draws
    counts = np.zeros((every, *used.shape))
    cells = cells_of(panel, used)
    with_it = design.treated[used]
    best = fitted.baseline.log_mean(cells)
    for draw in range(every):
        if exact:
            counts[draw][used] = panel.lower[used]
            continue
        log_mean = best + _shift(fitted, cells, with_it, generator)
        counts[draw][used] = cells.counts.draw(log_mean, fitted.baseline.alpha, generator.random(cells.counts.size))
    exposure = np.where(used, panel.exposure, 1.0)
    values = np.where(used, np.log((counts + HALF) / exposure), 0.0)
    expected = np.exp(best + np.where(with_it, fitted.ratio.estimate, 0.0))
    return Outcome(
        design=design,
        values=values,
        scale=Scale.RATIO,
        counts=counts,
        exposure=exposure,
        too_sparse=_too_sparse(expected),
    )


def _shift(fitted: CountFit, cells: Cells, with_it: Mask, generator: np.random.Generator) -> Vector:
    """Return by how much a draw of the parameters moves each cell's log mean; the ratio's own part included."""
    of_sites, of_periods = fitted.baseline.factor.draw(generator, periods=cells.shape[1])
    ratio = fitted.ratio
    log_ratio = ratio.estimate + np.sqrt(ratio.own_variance) * generator.standard_normal()
    log_ratio -= float(ratio.site_gradient @ of_sites + ratio.period_gradient @ of_periods)
    moved: Vector = of_sites[cells.site] + of_periods[cells.period] + np.where(with_it, log_ratio, 0.0)
    return moved


def _too_sparse(expected: Vector) -> str | None:
    below = float(np.mean(expected < LEAST_EXPECTED))
    if below <= _MOST_BELOW:
        return None
    return (
        f"fewer than {LEAST_EXPECTED:.0f} events are expected in {below:.0%} of the site-periods, so that logs of "
        "rates would mislead; have the measure counted over longer periods"
    )
