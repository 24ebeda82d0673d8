"""Power before you start: what a planned rollout could find, from the network's own past counts.

The variance is that of the estimator which will be used (`did`), worked out from the counts to be expected: imputation
from site-periods without the innovation, what is left of the information after disclosure control, over-dispersion, and
how unequally sites have moved in the past.

Source: for the variance, as `did`; for what bounds leave of the information, the variance of the expected score given
them, Louis (1982), J R Stat Soc B 44:226-233; DerSimonian and Laird (1986), Control Clin Trials 7:177-188, for the
variance between sites.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln, ndtr, ndtri

from rounds.learning.bounded.counts import IntervalCounts
from rounds.learning.bounded.two_way import Cells, NotConverged, factor_of, fit_dispersed_two_way
from rounds.learning.impact.effect import Matrix, NoEffect, Panel, Vector
from rounds.learning.impact.identification import Mask, check_panel

_Z95 = 1.959963984540054
WANTED = 0.8
"""The power that is customary to ask for."""
_SMALLEST_RATIO = 0.02
FEWEST_SITES, FEWEST_PERIODS = 3, 6
"""With fewer nothing can be said of what is usual."""
_GRID = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Coarse:
    """How counts will leave the sites: 0 as it is, small ones withheld, others rounded."""

    withheld: tuple[int, int] | None = None
    """smallest and largest count that is withheld"""
    base: int = 1
    """others are rounded to a multiple of this; 1 is not at all"""

    def __post_init__(self) -> None:
        if self.base < 1 or (self.withheld is not None and not 0 < self.withheld[0] <= self.withheld[1]):
            raise ValueError("counts are rounded to 1 or more, and withheld from one number above 0 to another")

    def interval(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a number that is equal for counts that look alike."""
        found = counts if self.base == 1 else (counts + self.base // 2) // self.base + counts.max() + 1
        if self.withheld is not None:
            found = np.where((counts >= self.withheld[0]) & (counts <= self.withheld[1]), -1, found)
        return np.where(counts == 0, -2, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the past says of a network without the innovation."""

    sites: tuple[str, ...]
    expected: Matrix
    """events expected in each past period, shape (sites, periods)"""
    alpha: float
    """negative-binomial over-dispersion of single counts"""
    site_variance: float
    """variance between sites of the log of how they moved from the first to the second half of the past, beyond what
    counting explains"""
    a_year: int | None


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


def learn_baseline(panel: Panel) -> Baseline | NoEffect:
    """Return what past counts say of a network's rates, their scatter and how unequally sites move.

    Args:
        panel: past counts, exact or between bounds; periods with the innovation are left out.

    Raises:
        ValueError: if the panel contradicts itself.
    """
    check_panel(panel)
    used = ~np.isnan(panel.lower) & ~panel.treated & ~panel.excluded
    rows = np.where(used, np.nan_to_num(panel.upper), 0.0).sum(axis=1) > 0
    columns = np.where(used, np.nan_to_num(panel.upper), 0.0).sum(axis=0) > 0
    if rows.sum() < FEWEST_SITES or columns.sum() < FEWEST_PERIODS:
        return NoEffect(
            reason=f"There are {rows.sum()} sites and {columns.sum()} periods with events; at least {FEWEST_SITES} "
            f"and {FEWEST_PERIODS} are needed to say what is usual."
        )
    used &= rows[:, None] & columns[None, :]
    site, period = np.nonzero(used)
    cells = Cells(
        site=site,
        period=period,
        counts=IntervalCounts(panel.lower[used], panel.upper[used]),
        log_exposure=np.log(panel.exposure[used]),
        shape=(used.shape[0], used.shape[1]),
    )
    middle = np.where(used, (panel.lower + panel.upper) / 2.0, 0.0).sum(axis=1)
    exposure = np.where(used, panel.exposure, 0.0).sum(axis=1)
    start = np.log(np.divide(middle, exposure, out=np.ones_like(middle), where=middle > 0))
    try:
        fitted = fit_dispersed_two_way(
            cells, free_periods=np.flatnonzero(columns)[1:], start=(start, np.zeros(used.shape[1]))
        )
    except NotConverged:
        return NoEffect(reason="The past rates cannot be fitted: too few events; give more periods or longer ones.")
    typical = np.nanmean(np.where(used, panel.exposure, np.nan)[rows], axis=1)
    expected = typical[:, None] * np.exp(fitted.site_effects[rows, None] + fitted.period_effects[None, columns])
    mean = np.exp(fitted.log_mean(cells))
    seen = cells.counts.evaluate(np.log(mean), fitted.alpha, cells.counts.log_weights(fitted.alpha))
    return Baseline(
        sites=tuple(name for name, kept in zip(panel.sites, rows, strict=True) if kept),
        expected=expected,
        alpha=fitted.alpha,
        site_variance=_between(cells, seen.residual, seen.residual_slope, seen.residual_variance),
        a_year=panel.a_year,
    )


def _between(cells: Cells, residual: Vector, slope: Vector, variance: Vector) -> float:
    """Return the variance between sites of how they moved, beyond what counting explains."""
    late = cells.period >= np.median(np.unique(cells.period))
    moved, noise = [], []
    for site in np.unique(cells.site):
        parts = [(cells.site == site) & half for half in (late, ~late)]
        falls = [max(float(slope[part].sum()), 1e-12) for part in parts]
        if not all(part.sum() >= 2 for part in parts):
            continue
        moved.append(float(residual[parts[0]].sum()) / falls[0] - float(residual[parts[1]].sum()) / falls[1])
        noise.append(sum(float(variance[part].sum()) / fall**2 for part, fall in zip(parts, falls, strict=True)))
    return site_variance(np.array(moved), np.array(noise))


def site_variance(change: Vector, noise: Vector) -> float:
    """Return the variance between sites of how they moved, beyond what chance explains.

    Args:
        change: of each site, shape (sites,).
        noise: its variance by chance alone, same shape.
    """
    if len(change) < FEWEST_SITES:
        return 0.0
    weight = 1.0 / np.maximum(noise, 1e-12)
    centre = float((weight * change).sum() / weight.sum())
    excess = float((weight * (change - centre) ** 2).sum()) - (len(change) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    return max(0.0, excess / scale)


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


def check_plan(sites: tuple[str, ...], starts: dict[str, int], ahead: int) -> None:
    """Raise ValueError if a plan is of sites without a past, begins in the past, or nothing is counted after it."""
    if ahead < 1:
        raise ValueError("at least one future period must be counted")
    if strangers := sorted(set(starts) - set(sites)):
        raise ValueError(f"the plan names {', '.join(strangers)}, of which there are no past numbers")
    if any(start < 0 for start in starts.values()):
        raise ValueError("a site cannot take it up before the first future period; leave out the time that has passed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What would be enough to find an effect with 80 % power; None where nothing that was tried is."""

    periods: int | None
    """future periods to count, with the sites of the plan"""
    sites: int | None
    """sites of the plan, in their order, in the periods of the plan; the others stay without"""


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


def enough_of(
    sites: tuple[str, ...],
    starts: dict[str, int],
    *,
    ahead: int,
    most_periods: int,
    enough: Callable[[dict[str, int], int], bool],
) -> Needed:
    """Return the fewest periods with all sites of a plan, and the fewest of its sites in its periods, that are enough.

    Args:
        sites: of the network, in order.
        starts: as planned.
        ahead: as planned.
        most_periods: no longer than this is looked for.
        enough: whether so many of the starts and so many periods are.
    """
    in_order = sorted(starts, key=lambda site: (starts[site], sites.index(site)))
    return Needed(
        periods=_first(lambda periods: enough(starts, periods), most_periods),
        sites=_first(lambda many: enough({site: starts[site] for site in in_order[:many]}, ahead), len(in_order)),
    )


def _first(enough: Callable[[int], bool], most: int) -> int | None:
    """Return the least number that is enough, 1 to `most`: power need not rise with it, so all are tried in turn."""
    return next((number for number in range(1, most + 1) if enough(number)), None)


def _laid_out(baseline: Baseline, starts: dict[str, int], ahead: int) -> tuple[Matrix, Mask, Mask]:
    """Return events expected without the innovation, who has it, and where that can be compared; past and future."""
    expected = np.hstack([baseline.expected, _future(baseline, ahead)])
    return expected, *laid_out(baseline.sites, starts, past=baseline.expected.shape[1], ahead=ahead)


def laid_out(sites: tuple[str, ...], starts: dict[str, int], *, past: int, ahead: int) -> tuple[Mask, Mask]:
    """Return who has the innovation when, and where that can be compared, shape (sites, past + ahead)."""
    treated = np.zeros((len(sites), past + ahead), dtype=np.bool_)
    for site, start in starts.items():
        treated[sites.index(site), past + start :] = True
    return treated, treated & np.asarray((~treated).any(axis=0))[None, :]


def _rule(baseline: Baseline, coarse: Coarse | None, rate_ratio: float) -> "_Kept":
    return _Kept.of(coarse or Coarse(), baseline.alpha, highest=float(baseline.expected.max()) * max(1.0, rate_ratio))


def _future(baseline: Baseline, ahead: int) -> Matrix:
    past = baseline.expected
    if baseline.a_year is None or past.shape[1] < baseline.a_year:
        return np.repeat(past.mean(axis=1)[:, None], ahead, axis=1)
    place = np.arange(ahead) % baseline.a_year
    return np.asarray(past[:, past.shape[1] - baseline.a_year + place], dtype=np.float64)


def _found(rate_ratio: float, standard_error: float) -> float:
    """Return the chance that an interval of 95 % lies on the right side of 1, or on the other."""
    distance = abs(float(np.log(rate_ratio))) / standard_error
    return float(ndtr(distance - _Z95) + ndtr(-distance - _Z95))


def _smallest(error_at: Callable[[float], float]) -> float | None:
    wanted = _Z95 + float(ndtri(WANTED))

    def short(log_ratio: float) -> float:
        return -log_ratio - wanted * error_at(float(np.exp(log_ratio)))

    least = float(np.log(_SMALLEST_RATIO))
    if short(least) < 0:
        return None
    return float(np.exp(brentq(short, least, -1e-6, xtol=1e-6)))


def _standard_error(
    baseline: Baseline, expected: Matrix, treated: Mask, usable: Mask, rate_ratio: float, rule: "_Kept"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """How much of a count's information is left after disclosure control, by its mean."""

    log_mean: Vector
    left: Vector

    @classmethod
    def of(cls, coarse: Coarse, alpha: float, *, highest: float) -> "_Kept":
        if coarse == Coarse():
            return cls(log_mean=np.zeros(1), left=np.ones(1))
        log_mean = np.linspace(np.log(0.02), np.log(max(highest, 1.0)) + 0.1, _GRID)
        return cls(log_mean=log_mean, left=np.array([_left(coarse, alpha, float(np.exp(one))) for one in log_mean]))

    def share(self, mean: Matrix) -> Matrix:
        found: Matrix = np.interp(np.log(np.maximum(mean, 1e-12)), self.log_mean, self.left)
        return found


def _left(coarse: Coarse, alpha: float, mean: float) -> float:
    """Return the variance of what a count is expected to be given how it leaves, over its variance."""
    variance = mean + alpha * mean**2
    counts = np.arange(int(mean + 12.0 * np.sqrt(variance) + 25.0))
    if alpha > 0:
        size = 1.0 / alpha
        log_p = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1.0) - size * np.log1p(alpha * mean)
        log_p += counts * (np.log(alpha * mean) - np.log1p(alpha * mean))
    else:
        log_p = counts * np.log(mean) - mean - gammaln(counts + 1.0)
    chance = np.exp(log_p)
    alike = np.unique(coarse.interval(counts), return_inverse=True)[1]
    of_each = np.bincount(alike, chance)
    middle = np.bincount(alike, chance * counts) / np.maximum(of_each, 1e-300)
    return float(min(1.0, (of_each * (middle - mean) ** 2).sum() / variance))
