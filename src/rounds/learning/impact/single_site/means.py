"""Interrupted time series of a mean: what changed at one site, in level and in slope, in the measure's units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.effect import Interval, NoEffect, Panel, Vector
from rounds.learning.impact.identification import check_panel
from rounds.learning.impact.single_site.findings import Told, caveats, refusal
from rounds.learning.impact.single_site.interrupted import SPARE, SegmentedDesign, design_of, ljung_box
from rounds.learning.impact.single_site.regression import Regression, fit_means, newey_west, usual_lag

METHOD = "weighted-mean-its@1"
_ASSUMES = "nothing else changed {where} at that time; means vary the less, the more they are of."
ASSUMES_ALONE = "Without the innovation the site's mean would have gone on along its earlier trend and season, and " + (
    _ASSUMES.format(where="there")
)
ASSUMES_CONTROLLED = (
    "Without the innovation the site's mean would have moved with those of the sites it is compared with, but for a "
    "steady drift between them that was there before; " + _ASSUMES.format(where="at this site alone")
)
ASSUMES_PARALLEL = (
    "Without the innovation the site's mean would have moved in parallel with those of the sites it is compared with; "
    + _ASSUMES.format(where="at this site alone")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptedMean:
    """What changed at a site, in the measure's units. Intervals are of 95 %; vectors have shape (periods,)."""

    site: str
    level: Interval
    """the mean just after the change less the mean expected then without it"""
    slope: Interval | None
    """by how much the trend changed, per period; None if there are too few periods to tell"""
    difference: Interval
    """mean fitted less mean expected without the innovation, over all periods with it, weighted by their sizes"""
    expected: float
    """the mean expected without it, over the same periods"""
    fitted: Vector
    """NaN where nothing is known"""
    counterfactual: Vector
    band_lower: Vector
    band_upper: Vector
    """95 % confidence limits of the counterfactual, chance of single means not included"""
    spread: float
    """standard deviation of one that means are of, if they were independent"""
    rounding: float
    """by how much the difference can be off at most because means were rounded; 0 if they are exact"""
    lag: int
    autocorrelation: float
    """p of Ljung and Box's test that residuals do not depend on earlier ones"""
    before: int
    after: int
    """periods with a mean"""
    controls: tuple[str, ...]
    method: str
    assumes: str
    notes: tuple[str, ...]


def interrupted_mean(
    panel: Panel, site: str, *, controls: Sequence[str] = (), drift: bool = True, lag: int | None = None
) -> InterruptedMean | NoEffect:
    """Return how a site's mean changed in level and slope, or why that cannot be said.

    The regression is that of `interrupted`, on means instead of logs of rates, by least squares weighted by how many
    each mean is of. Standard errors are the larger of those for independent means and those of Newey and West.

    Args:
        panel: of means, shape (sites, periods); a mean that is withheld is missing.
        site: whose change is asked about.
        controls: sites to compare with, whose periods with the innovation are left out.
        drift: as in `interrupted`.
        lag: how far Newey-West errors look back; by default `usual_lag`.

    Raises:
        ValueError: if a site is not in the panel or the panel contradicts itself.

    Source: as `interrupted`.
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
    if len(design.cells) - design.matrix.shape[1] < SPARE:
        return NoEffect(
            reason=f"There are {len(design.cells)} means to tell {design.matrix.shape[1]} things (level, trend, "
            "season, the change); add periods."
        )
    at = tuple(design.cells.T)
    try:
        fitted = fit_means(panel.means[at], panel.exposure[at], design.matrix)
    except NotConverged:
        return NoEffect(
            reason="Level, trend and change cannot be told apart in so few periods; add earlier or later ones."
        )
    looks_back = usual_lag(panel.lower.shape[1]) if lag is None else lag
    return _result(panel, row, design, fitted, lag=looks_back, controls=tuple(controls))


def _result(
    panel: Panel, row: int, design: SegmentedDesign, fitted: Regression, *, lag: int, controls: tuple[str, ...]
) -> InterruptedMean:
    related = newey_west(fitted, design.cells[:, 1], lag=lag, adjust=True)
    reach = float(stdtrit(fitted.degrees_of_freedom, 0.975))

    def half(gradient: Vector) -> float:
        found = max(float(gradient @ fitted.covariance @ gradient), float(gradient @ related @ gradient), 0.0)
        return reach * float(np.sqrt(found))

    def told(gradient: Vector) -> Interval:
        value, wide = float(gradient @ fitted.coefficients), half(gradient)
        return Interval(estimate=value, lower=value - wide, upper=value + wide)

    at = tuple(design.cells.T)
    sizes, unit = panel.exposure[at], np.eye(design.matrix.shape[1])
    mine = design.cells[:, 0] == row
    post = mine & (design.matrix[:, design.level] > 0)
    without = design.matrix.copy()
    without[:, design.level] = 0.0
    if design.slope is not None:
        without[:, design.slope] = 0.0
    share = sizes[post] / sizes[post].sum()
    whole = share @ (design.matrix - without)[post]
    weights = (whole @ fitted.bread @ design.matrix.T) * sizes
    expected = without @ fitted.coefficients
    place = design.cells[mine, 1]
    lines = {name: np.full(panel.lower.shape[1], np.nan) for name in ("fitted", "expected", "lower", "upper")}
    wide = np.array([half(one) for one in without[mine]])
    lines["fitted"][place], lines["expected"][place] = fitted.mean[mine], expected[mine]
    lines["lower"][place], lines["upper"][place] = expected[mine] - wide, expected[mine] + wide
    before, after = int((mine & ~post).sum()), int(post.sum())
    unlikely = ljung_box(fitted.residuals[mine])
    return InterruptedMean(
        site=panel.sites[row],
        level=told(unit[design.level]),
        slope=None if design.slope is None else told(unit[design.slope]),
        difference=told(whole),
        expected=float(share @ expected[post]),
        fitted=lines["fitted"],
        counterfactual=lines["expected"],
        band_lower=lines["lower"],
        band_upper=lines["upper"],
        spread=float(np.sqrt(fitted.phi)),
        rounding=float((np.abs(weights) * panel.reach[at]).sum()),
        lag=lag,
        autocorrelation=unlikely,
        before=before,
        after=after,
        controls=controls,
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
