"""Interrupted time series: what changed at one site, in level and in slope, when an innovation came into effect."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, stdtrit

from rounds.learning.bounded.counts import IntervalCounts
from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.effect import Interval, Matrix, NoEffect, Panel, Vector
from rounds.learning.impact.identification import check_panel
from rounds.learning.impact.single_site.findings import Told, caveats, refusal
from rounds.learning.impact.single_site.regression import Family, Regression, fit_counts, newey_west, usual_lag

METHOD = "interval-count-its@1"
ASSUMES_ALONE = (
    "Without the innovation the site's rate would have gone on along its earlier trend and season, and nothing else "
    "changed at that time."
)
ASSUMES_CONTROLLED = (
    "Without the innovation the site's rate would have moved with the sites it is compared with, but for a steady "
    "drift between them that was there before; nothing else changed at this site alone at that time."
)
ASSUMES_PARALLEL = (
    "Without the innovation the site's rate would have moved in parallel with the sites it is compared with; nothing "
    "else changed at this site alone at that time."
)

_FEWEST_FOR_SLOPE = 4
SPARE = 3
"""Counts more than coefficients, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """What changed at a site. Intervals are of 95 %; vectors have shape (periods,), NaN where nothing is known."""

    site: str
    level: Interval
    """rate just after the change over the rate expected then without it"""
    slope: Interval | None
    """by what factor the trend changed, per period; None if there are too few periods to tell"""
    rate_ratio: Interval
    """events fitted over events expected without the innovation, all periods with it"""
    avoided: Interval
    """events expected without the innovation less those fitted, over the same periods; limits are those of the ratio"""
    fitted: Vector
    counterfactual: Vector
    """events expected without the innovation"""
    band_lower: Vector
    band_upper: Vector
    """95 % confidence limits of the counterfactual, chance of single counts not included"""
    family: Family
    dispersion: float
    """alpha of the negative binomial, or variance over the mean of quasi-Poisson"""
    lag: int
    """periods that the Newey-West errors look back"""
    autocorrelation: float
    """p of Ljung and Box's test that residuals do not depend on earlier ones"""
    before: int
    after: int
    """periods with a count"""
    controls: tuple[str, ...]
    withheld_share: float
    method: str
    assumes: str
    notes: tuple[str, ...]
    """what cannot be said and what was left out, a sentence each"""


def interrupted(
    panel: Panel,
    site: str,
    *,
    controls: Sequence[str] = (),
    drift: bool = True,
    family: Family | None = None,
    lag: int | None = None,
) -> Interrupted | NoEffect:
    """Return how a site's rate changed in level and slope, or why that cannot be said.

    Alone, the site's own trend and season (up to two harmonics of the panel's year) are carried on. With controls,
    what happens to all of them at once is taken out period by period, and only the difference in trend is carried on.
    Standard errors are the larger of those for independent counts and those of Newey and West.

    Args:
        panel: counts, exact or between bounds, with when the innovation was in effect, shape (sites, periods).
        site: whose change is asked about.
        controls: sites to compare with, whose periods with the innovation are left out.
        drift: whether the site may have had another trend than its controls all along; without it, as in a
            difference-in-differences, the two are taken to be parallel.
        family: how counts vary; by default quasi-Poisson of exact counts and negative binomial of others.
        lag: how far Newey-West errors look back; by default `usual_lag`.

    Raises:
        ValueError: if a site is not in the panel or the panel contradicts itself (a negative count).

    Source: Lopez Bernal, Cummins and Gasparrini (2017), Int J Epidemiol 46:348-355; (2018) 47:2082-2093, for controls.
    """
    check_panel(panel)
    for name in (site, *controls):
        if name not in panel.sites:
            raise ValueError(f"there is no site {name} in the panel; it has {', '.join(panel.sites)}")
    if site in controls:
        raise ValueError(f"{site} cannot be compared with itself; leave it out of the controls")
    row = panel.sites.index(site)
    if problem := refusal(panel, row):
        return NoEffect(reason=problem)
    design = design_of(panel, row, [panel.sites.index(name) for name in controls], drift=drift)
    spare = len(design.cells) - design.matrix.shape[1]
    if spare < SPARE:
        return NoEffect(
            reason=f"There are {len(design.cells)} counts to tell {design.matrix.shape[1]} things (level, trend, "
            "season, the change); add periods."
        )
    at = tuple(design.cells.T)
    counts = IntervalCounts(
        panel.lower[at],
        panel.upper[at],
        noisy=None if panel.noisy is None else panel.noisy[at],
        sigma=None if panel.sigma is None else panel.sigma[at],
    )
    exact = bool(np.all(panel.lower[at] == panel.upper[at])) and not panel.with_noise[at].any()
    family = family or (Family.QUASI_POISSON if exact else Family.NEGATIVE_BINOMIAL)
    try:
        fitted = fit_counts(counts, design.matrix, np.log(panel.exposure[at]), family=family)
    except NotConverged:
        return NoEffect(
            reason="The rates cannot be fitted: too few events in too few periods. Count over longer periods, or add "
            "earlier ones."
        )
    looks_back = usual_lag(panel.lower.shape[1]) if lag is None else lag
    return _result(panel, row, design, fitted, family=family, lag=looks_back, controls=tuple(controls))


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentedDesign:
    """The regression: what each of its columns is."""

    matrix: Matrix
    """shape (cells, terms)"""
    cells: NDArray[np.int64]
    """row and period of each cell in the panel, shape (cells, 2)"""
    level: int
    slope: int | None
    seasonal: bool
    """a season is allowed for, or taken out with that of the controls"""
    drift: bool


def design_of(panel: Panel, row: int, controls: list[int], *, drift: bool) -> SegmentedDesign:
    """Return the regression of a site's numbers, and of those beside it, on level, trend, season and change."""
    known = ~np.isnan(panel.lower)
    treated, periods = panel.treated[row], panel.lower.shape[1]
    first = int(np.argmax(treated))
    own = known[row] & ~panel.excluded[row] & (treated | (np.arange(periods) < first))
    cells = [(row, period) for period in np.flatnonzero(own)]
    for other in controls:
        usable = known[other] & ~panel.treated[other] & ~panel.excluded[other] & own
        cells += [(other, period) for period in np.flatnonzero(usable)]
    at = np.array(cells, dtype=np.int64)
    mine = at[:, 0] == row
    since = (at[:, 1] - first).astype(np.float64)
    post = mine & treated[at[:, 1]]
    columns: list[Vector] = []
    seasonal = False
    if controls:
        columns += [(at[:, 1] == period).astype(np.float64) for period in np.unique(at[:, 1])]
        columns += [(at[:, 0] == other).astype(np.float64) for other in dict.fromkeys(at[~mine, 0].tolist())]
        columns += [np.where(mine, since, 0.0) / periods] if drift else []
        seasonal = True
    else:
        columns += [np.ones(len(at)), since / periods]
        of_season = season(at[:, 1], panel.a_year, int(own.sum()))
        columns += list(of_season.T)
        seasonal = of_season.shape[1] > 0
    level = len(columns)
    columns.append(post.astype(np.float64))
    slope = None
    if int(post.sum()) >= _FEWEST_FOR_SLOPE:
        slope = len(columns)
        columns.append(np.where(post, since, 0.0))
    return SegmentedDesign(
        matrix=np.stack(columns, axis=1), cells=at, level=level, slope=slope, seasonal=seasonal, drift=drift
    )


def season(period: NDArray[np.int64], a_year: int | None, counts: int) -> Matrix:
    """Return the season's columns, sine and cosine of each harmonic; none where counts are too few to tell one.

    Args:
        period: whole numbers in order of time, shape (cells,).
        a_year: how many periods make a year; None if that is not known.
        counts: how many there are to tell a season from.
    """
    columns = []
    for harmonic in range(1, _harmonics(a_year, counts) + 1):
        angle = 2.0 * np.pi * harmonic * period / float(a_year or 1)
        columns += [np.sin(angle), np.cos(angle)]
    return np.array(columns).reshape(-1, len(period)).T


def _harmonics(a_year: int | None, counts: int) -> int:
    """Return how many pairs of sine and cosine the season has: none without two years, two from three on."""
    if a_year is None or counts < 2 * a_year:
        return 0
    return min(2 if counts >= 3 * a_year else 1, (a_year - 1) // 2)


def _result(
    panel: Panel,
    row: int,
    design: SegmentedDesign,
    fitted: Regression,
    *,
    family: Family,
    lag: int,
    controls: tuple[str, ...],
) -> Interrupted:
    independent = fitted.covariance * (max(1.0, 1.0 / fitted.phi) if family is Family.QUASI_POISSON else 1.0)
    related = newey_west(fitted, design.cells[:, 1], lag=lag, adjust=True)
    reach = float(stdtrit(fitted.degrees_of_freedom, 0.975))

    def half(gradient: Vector) -> float:
        found = max(float(gradient @ independent @ gradient), float(gradient @ related @ gradient), 0.0)
        return reach * float(np.sqrt(found))

    def ratio(gradient: Vector, log_value: float) -> Interval:
        wide = half(gradient)
        return Interval(
            estimate=float(np.exp(log_value)),
            lower=float(np.exp(log_value - wide)),
            upper=float(np.exp(log_value + wide)),
        )

    terms = design.matrix.shape[1]
    unit = np.eye(terms)
    mine = design.cells[:, 0] == row
    post = mine & (design.matrix[:, design.level] > 0)
    without = design.matrix.copy()
    without[:, design.level] = 0.0
    if design.slope is not None:
        without[:, design.slope] = 0.0
    change = (design.matrix - without) @ fitted.coefficients
    expected = fitted.mean * np.exp(-change)
    seen, unseen = float(fitted.mean[post].sum()), float(expected[post].sum())
    with_slope = design.matrix[post].T @ fitted.mean[post]
    without_slope = without[post].T @ expected[post]
    whole = ratio(with_slope / seen - without_slope / unseen, float(np.log(seen / unseen)))
    place = design.cells[mine, 1]
    lines = {name: np.full(panel.lower.shape[1], np.nan) for name in ("fitted", "expected", "lower", "upper")}
    wide = np.array([half(one) for one in without[mine]])
    lines["fitted"][place], lines["expected"][place] = fitted.mean[mine], expected[mine]
    lines["lower"][place], lines["upper"][place] = expected[mine] * np.exp(-wide), expected[mine] * np.exp(wide)
    unlikely = ljung_box(fitted.residuals[mine])
    before, after = int((mine & ~post).sum()), int(post.sum())
    at = tuple(design.cells.T)
    return Interrupted(
        site=panel.sites[row],
        level=ratio(unit[design.level], float(fitted.coefficients[design.level])),
        slope=None if design.slope is None else ratio(unit[design.slope], float(fitted.coefficients[design.slope])),
        rate_ratio=whole,
        avoided=Interval(
            estimate=unseen - seen, lower=seen * (1.0 / whole.upper - 1.0), upper=seen * (1.0 / whole.lower - 1.0)
        ),
        fitted=lines["fitted"],
        counterfactual=lines["expected"],
        band_lower=lines["lower"],
        band_upper=lines["upper"],
        family=family,
        dispersion=fitted.phi if family is Family.QUASI_POISSON else fitted.alpha,
        lag=lag,
        autocorrelation=unlikely,
        before=before,
        after=after,
        controls=controls,
        withheld_share=float(np.mean(panel.lower[at] < panel.upper[at])),
        method=METHOD,
        assumes=(ASSUMES_CONTROLLED if design.drift else ASSUMES_PARALLEL) if controls else ASSUMES_ALONE,
        notes=caveats(
            panel,
            row,
            Told(
                before=before,
                after=after,
                controlled=bool(controls),
                slope=design.slope is not None,
                seasonal=design.seasonal,
                autocorrelation=unlikely,
            ),
        ),
    )


def ljung_box(residuals: Vector) -> float:
    """Return p of the test that residuals do not depend on earlier ones.

    Source: Ljung and Box (1978), Biometrika 65:297-303.
    """
    cells = len(residuals)
    lags = max(1, min(12, cells // 5))
    centred = residuals - residuals.mean()
    total = float(centred @ centred)
    if total <= 0.0:
        return 1.0
    shares = np.array([float(centred[step:] @ centred[:-step]) / total for step in range(1, lags + 1)])
    return float(chdtrc(lags, cells * (cells + 2) * np.sum(shares**2 / (cells - np.arange(1, lags + 1)))))
