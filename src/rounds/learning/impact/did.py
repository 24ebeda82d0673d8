"""Staggered difference-in-differences for counts known between bounds, by imputation.

Site and period effects are fitted on site-periods without the innovation; the events to be expected where it was in
effect follow from them; the rate ratio is what was seen over what was expected. Sites that adopted early never serve
as a comparison for those that adopted late, which is what misleads two-way fixed effects.

Source: Borusyak, Jaravel and Spiess (2024), Rev Econ Stud 91:3253-3285, for imputation; here with a count likelihood
on the log scale. The variance is that of two-step M-estimation: Newey and McFadden (1994), Handbook of Econometrics
4:2111-2245, section 6.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, stdtrit

from rounds.learning.bounded.counts import IntervalCounts
from rounds.learning.bounded.gradual import fit_gradual
from rounds.learning.bounded.two_way import Cells, DenseFactor, NotConverged, TwoWay, fit_dispersed_two_way
from rounds.learning.impact.effect import Effect, Interval, Matrix, NoEffect, Panel, Vector
from rounds.learning.impact.identification import Mask, Selection, check_panel, select, wide_share
from rounds.learning.intervals import Z95

METHOD = "interval-count-imputation-did@3"
ASSUMES = (
    "Without the innovation, rates at sites with and without it would have moved by the same factor from period to "
    "period (parallel trends on the log scale, in all periods); it did nothing before it went live and nothing to "
    "other sites; counts of a site vary independently from period to period; bounds hold the true count, and noise is "
    "as wide as its policy says."
)

GRADUAL = (
    "Most counts are known only within a factor of two. Rates without the innovation were therefore taken to change "
    "gradually (trend, season and a random walk), and sites to be alike beside how long they had the innovation. "
    "Something that happened everywhere in one period alone is allowed for in part only."
)

_WIDEST_LOG_RATIO = 16.0
_FEWEST_SITES_TO_COMPARE = 4
_MOSTLY_WIDE = 0.5
"""Share of counts known only within a factor of two from which rates are taken to change gradually."""
_FEWEST_GRADUAL = (6, 12)
"""Sites and periods with counts: with fewer nothing can be said of how they vary."""


def estimate_effect(panel: Panel) -> Effect | NoEffect:
    """Return what the innovation did where it was in effect, or why the data cannot say.

    Args:
        panel: counts with bounds, exposures and treatment, shape (sites, periods).

    Returns:
        The rate ratio (with the innovation / without), the events avoided, their 95 % confidence intervals and the
        counterfactual; or the reason why there is no estimate.

    Raises:
        ValueError: if the panel contradicts itself.
    """
    fitted = fit_counts(panel)
    return fitted if isinstance(fitted, NoEffect) else effect_of(panel, fitted)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFit:
    """The fitted counterfactual and rate ratio, with what each site contributes."""

    selection: Selection
    untreated: Cells
    treated: Cells
    baseline: TwoWay
    ratio: "LogRatio"
    influence: Vector
    """by how much each site moves the log rate ratio, to first order, shape (sites,); adds up to about 0"""


def fit_counts(panel: Panel) -> CountFit | NoEffect:
    """Return the fit behind `estimate_effect`, for what goes on from it; or why there is none.

    Raises:
        ValueError: if the panel contradicts itself.
    """
    check_panel(panel)
    selection = select(panel)
    if isinstance(selection, NoEffect):
        return NoEffect(reason=" ".join((selection.reason, *panel.notes)))
    untreated, treated = cells_of(panel, selection.untreated), cells_of(panel, selection.treated)
    try:
        if _is_sparse(panel, selection):
            baseline = fit_gradual(untreated, tells_site=_share(panel), a_year=panel.a_year)
        else:
            baseline = fit_dispersed_two_way(
                untreated, free_periods=selection.free_periods, start=_start(panel, selection.untreated)
            )
        ratio = fit_log_ratio(treated, baseline)
    except NotConverged:
        return NoEffect(
            reason="The rates without the innovation cannot be fitted: too few events in too few site-periods without "
            "it. Add earlier periods or sites, or count over longer periods."
        )
    return CountFit(
        selection=selection,
        untreated=untreated,
        treated=treated,
        baseline=baseline,
        ratio=ratio,
        influence=_influence(untreated, treated, baseline, ratio),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRatio:
    """The log of events with the innovation over events expected without it, in treated cells."""

    estimate: float
    own_variance: float
    """with the counterfactual held fixed"""
    site_gradient: Vector
    """how much the estimate falls with each site effect"""
    period_gradient: Vector
    variance: float
    """with the uncertainty of the counterfactual"""


def fit_log_ratio(treated: Cells, baseline: TwoWay) -> LogRatio:
    """Return the log rate ratio at which treated events, as far as their bounds tell, equal those expected.

    It solves sum E[Y | bounds] = sum mu. With exact counts that is log(sum Y / sum mu0); for Poisson counts it is the
    maximum of the likelihood. For over-dispersed counts the likelihood would weigh each cell's own ratio instead, and
    a mean of ratios to uncertain counterfactuals is biased upwards (2.4 % in one simulation with alpha = 0.1).

    Raises:
        NotConverged: if there is no solution.
    """
    offset = baseline.log_mean(treated)
    log_weights = treated.counts.log_weights(baseline.alpha)

    def excess(log_ratio: float) -> float:
        return float(treated.counts.evaluate(offset + log_ratio, baseline.alpha, log_weights).residual.sum())

    reach = 1.0
    while not excess(-reach) > 0.0 > excess(reach):
        reach *= 2.0
        if reach > _WIDEST_LOG_RATIO:
            raise NotConverged
    estimate = float(brentq(excess, -reach, reach, xtol=1e-13))
    fit = treated.counts.evaluate(offset + estimate, baseline.alpha, log_weights)
    slope = float(fit.residual_slope.sum())
    if slope <= 0.0:
        raise NotConverged
    own_variance = float(fit.residual_variance.sum()) / slope**2
    site_gradient, period_gradient = treated.by_site(fit.residual_slope), treated.by_period(fit.residual_slope)
    site_gradient, period_gradient = site_gradient / slope, period_gradient / slope
    return LogRatio(
        estimate=estimate,
        own_variance=own_variance,
        site_gradient=site_gradient,
        period_gradient=period_gradient,
        variance=own_variance + baseline.factor.variance_of(site_gradient, period_gradient),
    )


def _avoided(treated: Cells, baseline: TwoWay, ratio: LogRatio) -> Interval:
    """Return sum mu0 (1 - exp(b)) by the delta method in (site and period effects, treated counts)."""
    expected = np.exp(baseline.log_mean(treated))
    total, factor, high = float(expected.sum()), float(np.exp(ratio.estimate)), _convexity(treated, baseline)
    variance = (total * factor) ** 2 * ratio.own_variance + baseline.factor.variance_of(
        (1.0 / high - factor) * treated.by_site(expected) + total * factor * ratio.site_gradient,
        (1.0 / high - factor) * treated.by_period(expected) + total * factor * ratio.period_gradient,
    )
    estimate, half = total * (1.0 / high - factor), Z95 * float(np.sqrt(variance))
    return Interval(estimate=estimate, lower=estimate - half, upper=estimate + half)


def _influence(untreated: Cells, treated: Cells, baseline: TwoWay, ratio: LogRatio) -> Vector:
    seen = treated.counts.evaluate(
        baseline.log_mean(treated) + ratio.estimate, baseline.alpha, treated.counts.log_weights(baseline.alpha)
    )
    before = untreated.counts.evaluate(
        baseline.log_mean(untreated), baseline.alpha, untreated.counts.log_weights(baseline.alpha)
    )
    site_part, period_part = baseline.factor.solve(ratio.site_gradient, ratio.period_gradient)
    through_baseline = before.score * (site_part[untreated.site] + period_part[untreated.period])
    own: Vector = treated.by_site(seen.residual) / seen.residual_slope.sum()
    return own - untreated.by_site(through_baseline)


def _widening(fitted: CountFit) -> float:
    """Return the factor by which intervals widen because sites differ more than counting explains; 1 if they do not.

    Sites whose rates wander slowly, or in which the innovation works unequally, are not seen in the scatter of single
    counts. The variance between sites' influences on the estimate sees them; where it is larger than a chi-squared
    variable on (treated sites - 1) degrees of freedom would be one time in twenty, it takes the other's place, with
    Student's t. It is not used always because with a dozen sites it is itself a poor estimate.

    Source: Liang and Zeger (1986), Biometrika 73:13-22, for the variance between clusters.
    """
    sites = len(np.unique(fitted.treated.site))
    if sites < _FEWEST_SITES_TO_COMPARE:
        return 1.0
    excess = float(np.sum(fitted.influence**2)) * sites / (sites - 1) / fitted.ratio.variance
    if excess <= max(1.0, chdtri(sites - 1, 0.05) / (sites - 1)):
        return 1.0
    return float(np.sqrt(excess) * stdtrit(sites - 1, 0.975) / Z95)


def _counterfactual(panel: Panel, selection: Selection, baseline: TwoWay) -> Matrix:
    known = selection.connected & ~np.isnan(panel.lower) & ~panel.excluded
    found = np.full(panel.lower.shape, np.nan)
    row, column = np.nonzero(known)
    found[known] = panel.exposure[known] * np.exp(baseline.site_effects[row] + baseline.period_effects[column])
    return found


def effect_of(panel: Panel, fitted: CountFit) -> Effect:
    """Return the effect that a fit of this panel's counts amounts to."""
    selection, baseline, ratio = fitted.selection, fitted.baseline, fitted.ratio
    avoided, widening = _avoided(fitted.treated, baseline, ratio), _widening(fitted)
    counterfactual = _counterfactual(panel, selection, baseline) / _convexity(fitted.treated, baseline)
    half = Z95 * float(np.sqrt(ratio.variance)) * widening
    notes = (*panel.notes, *selection.notes)
    if isinstance(baseline.factor, DenseFactor):
        notes = (GRADUAL, *notes)
    if widening > 1.0:
        notes += (
            f"Sites differ from one another more than chance explains: their rates wander, or the innovation works "
            f"unequally. The intervals were made {widening:.1f} times as wide on that account.",
        )
    used = selection.untreated | selection.treated
    return Effect(
        rate_ratio=Interval(
            estimate=float(np.exp(ratio.estimate)),
            lower=float(np.exp(ratio.estimate - half)),
            upper=float(np.exp(ratio.estimate + half)),
        ),
        avoided=Interval(
            estimate=avoided.estimate,
            lower=avoided.estimate - widening * (avoided.estimate - avoided.lower),
            upper=avoided.estimate + widening * (avoided.upper - avoided.estimate),
        ),
        dispersion=baseline.alpha,
        counterfactual=counterfactual,
        treated_sites=int(selection.treated.any(axis=1).sum()),
        treated_periods=int(selection.treated.sum()),
        comparison_sites=int(selection.untreated.any(axis=1).sum()),
        withheld_share=float(np.mean(panel.lower[used] < panel.upper[used])),
        method=METHOD,
        assumes=ASSUMES,
        baseline=baseline,
        notes=notes,
    )


def cells_of(panel: Panel, mask: Mask) -> Cells:
    """Return some site-periods of a panel with what is known of their counts."""
    site, period = np.nonzero(mask)
    return Cells(
        site=site,
        period=period,
        counts=IntervalCounts(
            panel.lower[mask],
            panel.upper[mask],
            noisy=None if panel.noisy is None else panel.noisy[mask],
            sigma=None if panel.sigma is None else panel.sigma[mask],
            parts={
                at: panel.parts[panel.sites[row], column]
                for at, (row, column) in enumerate(zip(site.tolist(), period.tolist(), strict=True))
                if (panel.sites[row], column) in panel.parts
            },
        ),
        log_exposure=np.log(panel.exposure[mask]),
        shape=(mask.shape[0], mask.shape[1]),
    )


def _is_sparse(panel: Panel, selection: Selection) -> bool:
    """Return whether most counts are so wide that a free effect of each period would pull rates (`gradual`)."""
    if not all(
        (selection.untreated.any(axis=axis)).sum() >= fewest
        for axis, fewest in zip((1, 0), _FEWEST_GRADUAL, strict=True)
    ):
        return False
    return wide_share(panel, selection.untreated | selection.treated) > _MOSTLY_WIDE


def _share(panel: Panel) -> Vector:
    return np.asarray(panel.treated.mean(axis=1), dtype=np.float64)


def _convexity(treated: Cells, baseline: TwoWay) -> float:
    """Return by how much the mean of exp(x) is above exp(mean of x), x being the log of all events expected.

    It is 1 where effects are free: there it is within 0.1 %, and exact counts agree with a generalised linear model.
    """
    if not isinstance(baseline.factor, DenseFactor):
        return 1.0
    expected = np.exp(baseline.log_mean(treated))
    share = expected / expected.sum()
    variance = baseline.factor.variance_of(treated.by_site(share), treated.by_period(share))
    return float(np.exp(variance / 2.0))


def _start(panel: Panel, untreated: Mask) -> tuple[Vector, Vector]:
    events = np.where(untreated, (panel.lower + panel.upper) / 2.0, 0.0).sum(axis=1)
    exposure = np.where(untreated, panel.exposure, 0.0).sum(axis=1)
    rate = np.divide(events, exposure, out=np.ones_like(events), where=events > 0)
    return np.log(rate), np.zeros(untreated.shape[1])
