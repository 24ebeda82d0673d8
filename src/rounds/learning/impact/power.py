"""Power before you start: what a planned rollout could find, from the network's own past counts.

The variance is that of the estimator which will be used (`did`), worked out from the counts to be expected: imputation
from site-periods without the innovation, what is left of the information after disclosure control (`coarse`),
over-dispersion, and how unequally sites have moved in the past (`baseline`).

Source: for the variance, as `did`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from rounds.learning.bounded.two_way import factor_of
from rounds.learning.impact.baseline import Baseline
from rounds.learning.impact.coarse import Coarse, Kept
from rounds.learning.impact.effect import Matrix, NoEffect
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.rollout_plan import WANTED, Needed, check_plan, enough_of, laid_out
from rounds.learning.intervals import Z95

_SMALLEST_RATIO = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a rollout could find."""

    power: float
    """the chance that the 95 % interval of the rate ratio excludes 1"""
    standard_error: float
    """of the log rate ratio"""
    smallest: float | None
    """the rate ratio nearest to 1 that is found with a chance of 80 %; None if not even one of 0.02 is"""
    kept: float
    """share of the information of exact counts that disclosure control leaves, in cells with the innovation"""
    events: float
    """events expected with the innovation in effect"""
    treated_sites: int
    comparison_sites: int
    """sites without the innovation in some period in which others have it"""
    notes: tuple[str, ...]


def rollout_power(
    baseline: Baseline, *, starts: dict[str, int], ahead: int, rate_ratio: float, coarse: Coarse | None = None
) -> Power | NoEffect:
    """Return what would be found if sites took the innovation up as planned.

    The past stands before the rollout as periods without; future periods are like those a year before them, or like the
    mean of the past where no year is known.

    Args:
        baseline: from `learn_baseline`.
        starts: by site, the future period (from 0) from which it has the innovation; sites not in it never have it.
        ahead: future periods that will be counted, 1 or more.
        rate_ratio: the effect to look for, above 0.
        coarse: how counts leave the sites; None for exact counts.

    Raises:
        ValueError: if a number is out of range, or a site is not in the baseline.
    """
    check_plan(baseline.sites, starts, ahead)
    if not 0 < rate_ratio < np.inf or rate_ratio == 1.0:
        raise ValueError("a rate ratio is above 0 and other than 1, as 0.8 for a fifth fewer events")
    expected, treated, usable = _laid_out(baseline, starts, ahead)
    if not treated.any():
        return NoEffect(reason="No site has the innovation in a period that is counted; begin earlier or count longer.")
    if not usable.any():
        return NoEffect(
            reason="As soon as one site has the innovation all have: nothing is left to compare with. Let sites begin "
            "at different times, or keep some for comparison."
        )
    rule = _rule(baseline, coarse, rate_ratio)
    at = _standard_error(baseline, expected, treated, usable, rate_ratio, rule)
    smallest = _smallest(lambda ratio: _standard_error(baseline, expected, treated, usable, ratio, rule))
    notes = []
    if (lost := int(treated.sum() - usable.sum())) > 0:
        notes.append(f"{lost} site-periods have nobody left without the innovation to compare with and tell nothing.")
    with_it = expected[usable] * rate_ratio
    kept = float((rule.share(with_it) * with_it).sum() / with_it.sum())
    if kept < 0.5:
        notes.append(f"Disclosure control leaves {kept:.0%} of what exact counts would tell; longer periods lose less.")
    if baseline.site_variance > 0:
        notes.append(
            f"Sites have moved unequally by {np.sqrt(baseline.site_variance):.0%} or so in the past; that is "
            "allowed for."
        )
    return Power(
        power=_found(rate_ratio, at),
        standard_error=at,
        smallest=smallest,
        kept=kept,
        events=float(with_it.sum()),
        treated_sites=int(usable.any(axis=1).sum()),
        comparison_sites=int((~treated[:, usable.any(axis=0)]).any(axis=1).sum()),
        notes=tuple(notes),
    )


def needed(
    baseline: Baseline,
    *,
    starts: dict[str, int],
    ahead: int,
    rate_ratio: float,
    coarse: Coarse | None = None,
    most_periods: int = 60,
) -> Needed:
    """Return how many periods, and how many sites, would be enough. Arguments as in `rollout_power`.

    Args:
        baseline: from `learn_baseline`.
        starts: as planned.
        ahead: as planned.
        rate_ratio: the effect to look for.
        coarse: how counts leave the sites.
        most_periods: no longer than this is looked for.
    """

    rule = _rule(baseline, coarse, rate_ratio)

    def enough(some: dict[str, int], periods: int) -> bool:
        expected, treated, usable = _laid_out(baseline, some, periods)
        if not usable.any():
            return False
        return _found(rate_ratio, _standard_error(baseline, expected, treated, usable, rate_ratio, rule)) >= WANTED

    return enough_of(baseline.sites, starts, ahead=ahead, most_periods=most_periods, enough=enough)


def _laid_out(baseline: Baseline, starts: dict[str, int], ahead: int) -> tuple[Matrix, Mask, Mask]:
    """Return events expected without the innovation, who has it, and where that can be compared; past and future."""
    expected = np.hstack([baseline.expected, _future(baseline, ahead)])
    return expected, *laid_out(baseline.sites, starts, past=baseline.expected.shape[1], ahead=ahead)


def _rule(baseline: Baseline, coarse: Coarse | None, rate_ratio: float) -> Kept:
    return Kept.of(coarse or Coarse(), baseline.alpha, highest=float(baseline.expected.max()) * max(1.0, rate_ratio))


def _future(baseline: Baseline, ahead: int) -> Matrix:
    past = baseline.expected
    if baseline.a_year is None or past.shape[1] < baseline.a_year:
        return np.repeat(past.mean(axis=1)[:, None], ahead, axis=1)
    place = np.arange(ahead) % baseline.a_year
    return np.asarray(past[:, past.shape[1] - baseline.a_year + place], dtype=np.float64)


def _found(rate_ratio: float, standard_error: float) -> float:
    """Return the chance that an interval of 95 % lies on the right side of 1, or on the other."""
    distance = abs(float(np.log(rate_ratio))) / standard_error
    return float(ndtr(distance - Z95) + ndtr(-distance - Z95))


def _smallest(error_at: Callable[[float], float]) -> float | None:
    wanted = Z95 + float(ndtri(WANTED))

    def short(log_ratio: float) -> float:
        return -log_ratio - wanted * error_at(float(np.exp(log_ratio)))

    least = float(np.log(_SMALLEST_RATIO))
    if short(least) < 0:
        return None
    return float(np.exp(brentq(short, least, -1e-6, xtol=1e-6)))


def _standard_error(
    baseline: Baseline, expected: Matrix, treated: Mask, usable: Mask, rate_ratio: float, rule: Kept
) -> float:
    """Return the standard error of the log rate ratio: step 4 of the estimator, at what is expected."""
    widen = 1.0 + baseline.alpha * expected
    free = np.flatnonzero((~treated).any(axis=0))[1:]
    factor = factor_of(np.where(treated, 0.0, rule.share(expected) * expected / widen), free)
    with_it = np.where(usable, expected * rate_ratio, 0.0)
    slope = rule.share(with_it) * with_it
    own = float((slope * (1.0 + baseline.alpha * with_it)).sum()) / float(slope.sum()) ** 2
    share = slope / slope.sum()
    variance = own + factor.variance_of(share.sum(axis=1), share.sum(axis=0))
    if baseline.site_variance > 0:
        weights = share.sum(axis=1)
        comparing = (~treated[:, usable.any(axis=0)]).sum(axis=1).astype(np.float64)
        comparing /= comparing.sum()
        variance += baseline.site_variance * float((weights**2).sum() + (comparing**2).sum())
    return float(np.sqrt(variance))
