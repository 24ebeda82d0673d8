"""Generalised synthetic control on completed panels: adopters against what moves the sites that never adopt."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.common_factors import (
    MOST_FACTORS,
    Series,
    choose_number,
    effects_of,
    fit_factors,
    prediction_error,
)
from rounds.learning.impact.panel.factor_bootstrap import bootstrapped
from rounds.learning.impact.panel.outcome import Design

Rows = NDArray[np.int64]

FEWEST_CONTROLS = 8
"""So that 4 factors can still be told with a site left out."""
FEWEST_BEFORE = 8
"""With 4, two factors or more are found in 5 of 100 simulated networks that have two; with 8, in 44."""
_SITES_BEYOND_FACTORS = 3
_PERIODS_BEYOND_FACTORS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Which sites and periods are held against each other."""

    controls: Rows
    """rows of sites that never had it and have no gap"""
    adopters: Rows
    """rows of sites that had it, with enough time before"""
    columns: Rows
    """periods that are used"""
    before: Mask
    """shape (adopters, columns): without it, before it first was there"""
    after: Mask
    """with it"""


def comparison_of(design: Design) -> Comparison | str:
    """Return what can be compared, or why nothing can.

    Factors take sites without a gap. A period that less than half of the sites that never adopt have is left out, and
    then each of these sites that still has a gap.
    """
    used = design.untreated | design.treated
    never = used.any(axis=1) & ~design.treated.any(axis=1)
    columns = np.flatnonzero(2 * used[never].sum(axis=0) >= max(int(never.sum()), 1))
    controls = np.flatnonzero(never & used[:, columns].all(axis=1)) if len(columns) else np.zeros(0, dtype=np.int64)
    if len(controls) < FEWEST_CONTROLS:
        return f"it takes {FEWEST_CONTROLS} sites that never adopt and have no gap, and there are {len(controls)}"
    treated, untreated = design.treated[:, columns], design.untreated[:, columns]
    first = np.where(treated.any(axis=1), treated.argmax(axis=1), 0)
    before = untreated & (np.arange(len(columns))[None, :] < first[:, None])
    adopters = np.flatnonzero(before.sum(axis=1) >= FEWEST_BEFORE)
    if not len(adopters):
        return f"it takes {FEWEST_BEFORE} periods before an adoption"
    return Comparison(
        controls=controls, adopters=adopters, columns=columns, before=before[adopters], after=treated[adopters]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Completed panels of one comparison, and how many factors they have in common."""

    of: Comparison
    controls: Sequence[Series]
    adopters: Sequence[Series]
    number: int
    errors: Vector
    """mean square error of prediction, by number of factors"""

    def without(self, rows: Mask) -> Vector | None:
        """Return the mean effect in each panel without some sites, with as many factors; None if it cannot be told."""
        kept, adopting = ~rows[self.of.controls], ~rows[self.of.adopters]
        if kept.sum() < self.number + _SITES_BEYOND_FACTORS or not self.of.after[adopting].any():
            return None
        found = []
        for controls, adopters in zip(self.controls, self.adopters, strict=True):
            fitted = fit_factors(controls.of(kept), number=self.number)
            effects = effects_of(fitted, adopters.of(adopting), self.of.before[adopting])
            found.append(float(effects[self.of.after[adopting]].mean()))
        return np.array(found)

    def variance(self, *, runs: int, generator: np.random.Generator) -> Vector:
        """Return the variance of the mean effect in each panel by the bootstrap, shape (draws,).

        Args:
            runs: in all panels together.
            generator: the source of chance.
        """
        of_each = max(-(-runs // len(self.controls)), 2)
        found = []
        for controls, adopters in zip(self.controls, self.adopters, strict=True):
            null = bootstrapped(
                controls, adopters, self.of.before, number=self.number, runs=of_each, generator=generator
            )
            found.append(float(null[:, self.of.after].mean(axis=1).var(ddof=1)))
        return np.array(found)


def compared(rates: Sequence[Matrix], comparison: Comparison) -> Compared:
    """Return panels with the number of factors that predicts adopters' time before best, all panels together.

    Args:
        rates: completed panels, each of shape (sites, periods).
        comparison: of their design.
    """
    controls = [Series(values=one[np.ix_(comparison.controls, comparison.columns)]) for one in rates]
    adopters = [Series(values=one[np.ix_(comparison.adopters, comparison.columns)]) for one in rates]
    most = min(
        MOST_FACTORS,
        len(comparison.controls) - 1 - _SITES_BEYOND_FACTORS,  # one is left out in turn
        int(comparison.before.sum(axis=1).min()) - _PERIODS_BEYOND_FACTORS,
    )

    def error(number: int) -> float:
        pairs = zip(controls, adopters, strict=True)
        return float(np.mean([prediction_error(fit_factors(a, number=number), b, comparison.before) for a, b in pairs]))

    errors = np.array([error(number) for number in range(most + 1)])
    return Compared(of=comparison, controls=controls, adopters=adopters, number=choose_number(errors), errors=errors)
