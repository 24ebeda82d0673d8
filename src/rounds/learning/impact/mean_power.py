"""Power before you start, of a mean: what a planned rollout could find, from the network's own past means.

The variance is that of the estimator which will be used (`panel.means`), worked out from its weights: how much one
person or visit varies within a site, and how unequally sites have moved in the past. Its interval has Student's t on
one degree of freedom less than sites have the innovation, so the power is that of a noncentral t.

Source: for the weights, as `panel.linear`; Student's t under an alternative, Johnson, Kotz and Balakrishnan (1995),
Continuous Univariate Distributions 2, chapter 31; DerSimonian and Laird (1986), Control Clin Trials 7:177-188, for the
variance between sites.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, ndtr, stdtrit

from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.baseline import FEWEST_PERIODS, FEWEST_SITES, site_variance
from rounds.learning.impact.effect import NoEffect, Panel, Vector
from rounds.learning.impact.identification import Mask, check_panel
from rounds.learning.impact.panel.linear import imputation_weights, two_way_residuals
from rounds.learning.impact.panel.outcome import Design
from rounds.learning.impact.rollout_plan import WANTED, Needed, check_plan, enough_of, laid_out

_NODES, _WIDE = 200, 9.0
"""Of the integral over the error, and standard deviations of the error to which it goes."""
_FARTHEST = 1e3
"""Standard errors beyond which no effect is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanBaseline:
    """What the past says of a network's means without the innovation."""

    sites: tuple[str, ...]
    sizes: Vector
    """how many a mean is of, in a usual period, shape (sites,)"""
    periods: int
    """of the past"""
    spread: float
    """standard deviation of one person or visit within a site and period, with what else means scatter by"""
    site_variance: float
    """variance between sites of how they moved from the first to the second half of the past, beyond that"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanPower:
    """What a rollout could find."""

    power: float
    """the chance that the 95 % interval of the difference excludes 0"""
    standard_error: float
    """of the difference"""
    smallest: float
    """the difference, above 0, that is found with a chance of 80 %"""
    number: float
    """people or visits with the innovation"""
    treated_sites: int
    comparison_sites: int
    """sites without the innovation in some period in which others have it"""
    notes: tuple[str, ...]


def learn_mean_baseline(panel: Panel) -> MeanBaseline | NoEffect:
    """Return what past means say of how one person or visit varies, and how unequally sites move.

    Args:
        panel: past means; periods with the innovation are left out, and so is what was withheld.

    Raises:
        ValueError: if the panel contradicts itself or is one of counts.
    """
    check_panel(panel)
    known: Mask = ~np.isnan(panel.lower) & ~panel.treated & ~panel.excluded
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    used = known[np.ix_(rows, columns)]
    sites, periods = used.shape
    if sites < FEWEST_SITES or periods < FEWEST_PERIODS:
        return NoEffect(
            reason=f"There are {sites} sites and {periods} periods with means; at least {FEWEST_SITES} and "
            f"{FEWEST_PERIODS} are needed to say what is usual."
        )
    sizes = np.where(used, panel.exposure[np.ix_(rows, columns)], 0.0)
    means = np.where(used, panel.means[np.ix_(rows, columns)], 0.0)
    freedom = int(used.sum()) - sites - periods + 1
    try:
        apart = two_way_residuals(means, used, sizes=sizes)
    except NotConverged:
        freedom = 0
    if freedom < 1:
        return NoEffect(reason="The past means cannot be told apart by site and period: too many are missing.")
    phi = float((sizes * apart**2).sum()) / freedom
    late: Mask = (np.arange(periods) >= periods / 2)[None, :]
    halves = [np.where(late, sizes, 0.0), np.where(late, 0.0, sizes)]
    both = (halves[0].sum(axis=1) > 0) & (halves[1].sum(axis=1) > 0)
    moved = [(half * apart).sum(axis=1)[both] / half.sum(axis=1)[both] for half in halves]
    noise = phi * (1.0 / halves[0].sum(axis=1)[both] + 1.0 / halves[1].sum(axis=1)[both])
    return MeanBaseline(
        sites=tuple(panel.sites[row] for row in rows),
        sizes=sizes.sum(axis=1) / used.sum(axis=1),
        periods=periods,
        spread=float(np.sqrt(phi)),
        site_variance=site_variance(moved[0] - moved[1], noise),
    )


def mean_rollout_power(
    baseline: MeanBaseline, *, starts: dict[str, int], ahead: int, difference: float
) -> MeanPower | NoEffect:
    """Return what would be found if sites took the innovation up as planned.

    Args:
        baseline: from `learn_mean_baseline`.
        starts: by site, the future period (from 0) from which it has the innovation; sites not in it never have it.
        ahead: future periods that will be counted, 1 or more.
        difference: the effect to look for, in the measure's units, other than 0.

    Raises:
        ValueError: if a number is out of range, or a site is not in the baseline.
    """
    check_plan(baseline.sites, starts, ahead)
    if not np.isfinite(difference) or difference == 0.0:
        raise ValueError("a difference is a number other than 0, as -0.5 for half a night less")
    treated, usable = laid_out(baseline.sites, starts, past=baseline.periods, ahead=ahead)
    if not treated.any():
        return NoEffect(reason="No site has the innovation in a period that is counted; begin earlier or count longer.")
    error = _standard_error(baseline, treated, usable)
    if error is None:
        return NoEffect(
            reason="As soon as one site has the innovation all have: nothing is left to compare with. Let sites begin "
            "at different times, or keep some for comparison."
        )
    with_it = int(usable.any(axis=1).sum())
    if with_it < 2:
        return NoEffect(
            reason="One site alone would have it, and by how much sites differ cannot be told from one; let a second "
            "begin, or ask `rounds its` about the one when it has begun."
        )
    notes = [f"One of those that a mean is of varies by {baseline.spread:.3g} within a site (standard deviation)."]
    if (lost := int(treated.sum() - usable.sum())) > 0:
        notes.append(f"{lost} site-periods have nobody left without the innovation to compare with and tell nothing.")
    if baseline.site_variance > 0:
        notes.append(
            f"Sites have moved unequally by {np.sqrt(baseline.site_variance):.2g} or so in the past (standard "
            "deviation); that is allowed for."
        )
    return MeanPower(
        power=power_of(difference / error, degrees=with_it - 1),
        standard_error=error,
        smallest=error * _detectable(with_it - 1),
        number=float((usable * baseline.sizes[:, None]).sum()),
        treated_sites=with_it,
        comparison_sites=int((~treated[:, usable.any(axis=0)]).any(axis=1).sum()),
        notes=tuple(notes),
    )


def mean_needed(
    baseline: MeanBaseline, *, starts: dict[str, int], ahead: int, difference: float, most_periods: int = 60
) -> Needed:
    """Return how many periods, and how many sites, would be enough. Arguments as in `mean_rollout_power`.

    Args:
        baseline: from `learn_mean_baseline`.
        starts: as planned.
        ahead: as planned.
        difference: the effect to look for.
        most_periods: no longer than this is looked for.
    """

    def enough(some: dict[str, int], periods: int) -> bool:
        treated, usable = laid_out(baseline.sites, some, past=baseline.periods, ahead=periods)
        error, with_it = _standard_error(baseline, treated, usable), int(usable.any(axis=1).sum())
        return error is not None and with_it > 1 and power_of(difference / error, degrees=with_it - 1) >= WANTED

    return enough_of(baseline.sites, starts, ahead=ahead, most_periods=most_periods, enough=enough)


def power_of(distance: float, *, degrees: int) -> float:
    """Return the chance that |t| exceeds its 5 % limit when the truth lies so many standard errors from 0.

    >>> round(power_of(0.0, degrees=11), 3)
    0.05
    """
    # over the chi-distributed error s: nctdtr of SciPy 1.17 has no answer far out, where few sites put the limit
    limit, half = float(stdtrit(degrees, 0.975)), degrees / 2.0
    at, weight = np.polynomial.legendre.leggauss(_NODES)
    widest = 1.0 + _WIDE / np.sqrt(degrees)
    errors = (at + 1.0) * widest / 2.0
    log_density = np.log(2.0) + half * np.log(half) - gammaln(half) + (degrees - 1) * np.log(errors)
    chance = weight * widest / 2.0 * np.exp(log_density - half * errors**2)
    return float(chance @ (ndtr(distance - limit * errors) + ndtr(-distance - limit * errors)))


def _detectable(degrees: int) -> float:
    """Return how many standard errors an effect must measure to be found with a chance of 80 %."""
    return float(brentq(lambda away: power_of(away, degrees=degrees) - WANTED, 0.0, _FARTHEST, xtol=1e-9))


def _standard_error(baseline: MeanBaseline, treated: Mask, usable: Mask) -> float | None:
    """Return the standard error of the difference; None where nothing can be compared."""
    sizes = np.repeat(baseline.sizes[:, None], treated.shape[1], axis=1)
    weights = imputation_weights([Design(untreated=~treated, treated=usable, sizes=sizes)])[0]
    if weights is None:
        return None
    variance = baseline.spread**2 * float((weights**2 / sizes).sum())
    if baseline.site_variance > 0:
        share = (usable * sizes).sum(axis=1) / (usable * sizes).sum()
        comparing = ((~treated) * sizes)[:, usable.any(axis=0)].sum(axis=1)
        comparing /= comparing.sum()
        variance += baseline.site_variance * float((share**2).sum() + (comparing**2).sum())
    return float(np.sqrt(variance))
