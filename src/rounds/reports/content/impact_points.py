"""What was counted and what was expected without an innovation, period by period, for the chart and its table."""

import numpy as np
from numpy.typing import NDArray

from rounds.learning.impact.effect import Effect, MeanEffect, NoEffect, Panel
from rounds.reports.charts.impact import ImpactPoint
from rounds.reports.content.cells import tidy


def _total_of(panel: Panel, rows: NDArray[np.bool_], index: int) -> tuple[float, float]:
    """Return between what a period's events lie, at some sites. Noise is added up as it was drawn."""
    noisy = rows & panel.with_noise[:, index]
    lower, upper = (float(ends[rows & ~noisy, index].sum()) for ends in (panel.lower, panel.upper))
    if panel.noisy is None or not noisy.any():
        return lower, upper
    drawn, ends = panel.noisy[noisy, index], panel.upper[noisy, index]
    middle, reach = float(drawn.sum()), float(np.sqrt(((ends - drawn) ** 2).sum()))
    return lower + max(0.0, middle - reach), upper + max(0.0, middle + reach)


def impact_points(
    effect: Effect | MeanEffect | NoEffect, panel: Panel, periods: tuple[str, ...], scale: float
) -> tuple[ImpactPoint, ...]:
    """Return, per period, the pooled rate or mean of the sites where it was in effect, with and without it.

    With and without are of the same sites. A site whose counterfactual is unknown in a period stands in neither; if it
    is unknown at all of them, what was counted stands alone.
    """
    found = []
    used = panel.treated & ~panel.excluded & ~np.isnan(panel.lower)
    known = np.zeros_like(used) if isinstance(effect, NoEffect) else used & np.isfinite(effect.counterfactual)
    for index, label in enumerate(periods):
        comparable = bool(known[:, index].any())
        rows = known[:, index] if comparable else used[:, index]
        if not rows.any():
            continue
        exposure = float(panel.exposure[rows, index].sum())
        lower, upper = _total_of(panel, rows, index)
        expected = None
        if comparable and isinstance(effect, Effect):
            expected = tidy(scale * float(effect.counterfactual[rows, index].sum()) / exposure)
        if comparable and isinstance(effect, MeanEffect):
            sizes = panel.exposure[rows, index]
            expected = tidy(float((sizes * effect.counterfactual[rows, index]).sum()) / exposure)
        per, least = (scale, 0.0) if panel.mean_of is None else (panel.mean_of.step, panel.mean_of.low)
        found.append(
            ImpactPoint(
                label=label,
                lower=tidy(least + per * lower / exposure),
                upper=tidy(least + per * upper / exposure),
                shown=None if panel.mean_of is None else tidy(least + per * (lower + upper) / 2.0 / exposure),
                expected=expected,
                sites=int(rows.sum()),
            )
        )
    return tuple(found)
