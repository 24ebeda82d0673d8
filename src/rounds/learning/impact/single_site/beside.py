"""Two more ways to reckon what one site would have done without a change, and whether they agree with the first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rounds.learning.impact.did import fit_counts
from rounds.learning.impact.effect import Interval, Matrix, NoEffect, Panel, Vector
from rounds.learning.impact.panel.outcome import HALF, Outcome, complete
from rounds.learning.impact.single_site import structural as level_model
from rounds.learning.impact.single_site import synthetic as mixture
from rounds.learning.impact.single_site.interrupted import Interrupted, season
from rounds.learning.impact.single_site.structural import structural
from rounds.learning.impact.single_site.synthetic import Mixed, Rates, limits, mix, placebo

SYNTHETIC, STRUCTURAL = "Synthetic control", "Structural time series"
FEWEST_BEFORE = 8
"""Periods before: with fewer, a mixture fits whatever happened and a level is all prior."""

_Z95 = 1.959963984540054
_Z_TOGETHER = 2.241402727604947
"""Two differences, 5 % together (Bonferroni)."""
_COMPLETED = 10
_DRAWS = 4000
_MOST_GAPS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What one way says. Vectors have shape (periods of the panel,), NaN where nothing is said."""

    name: str
    method: str
    rate_ratio: Interval
    """limits are 0 and infinite where they cannot be told"""
    avoided: Interval
    expected: Vector
    """events without the innovation, in the periods with it"""
    p_value: float
    """placebo in space (synthetic control); tail area of the posterior (structural)"""
    assumes: str

    @property
    def limited(self) -> bool:
        return self.rate_ratio.lower > 0.0 and np.isfinite(self.rate_ratio.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Why a way says nothing."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What the synthetic control is made of and how good it is."""

    donors: tuple[str, ...]
    weights: Vector
    """shape (donors,), adding up to 1; their mean over completed counts"""
    ratio_range: tuple[float, float]
    """of the rate ratio, over all mixtures that are as near before"""
    misses: float
    """root mean squared difference before, over the mean rate"""
    as_far: int
    """donors that moved as far from their own nearest mixtures, after over before"""
    smallest_p: float

    @property
    def unique(self) -> bool:
        """Whether every mixture as near before says the same of the periods after."""
        return self.ratio_range[1] <= self.ratio_range[0] * 1.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One way against interrupted time series."""

    name: str
    ratio: float
    """of the two rate ratios"""
    statistic: float
    """log of that over its standard error, as if the two did not share the site's own counts"""
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The ways beside interrupted time series. None is chosen by its result."""

    synthetic: Reckoned | Untold
    structural: Reckoned | Untold
    mixture: Mixture | None
    """None where there is no synthetic control"""
    differences: tuple[Difference, ...]
    """empty where interrupted time series say nothing"""
    completed: int
    """sets of counts drawn from between their bounds; 1 where all are exact"""
    notes: tuple[str, ...]
    """who and what was left out, a sentence each"""

    @property
    def flagged(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.flagged)


def reckon_beside(
    panel: Panel,
    site: str,
    *,
    controls: Sequence[str],
    leading: Interrupted | NoEffect,
    generator: np.random.Generator,
) -> Beside:
    """Return what synthetic control and a structural time series say of a site, beside interrupted time series.

    Both take exact counts only; where counts have bounds, ten sets are drawn from between them by the bounded
    likelihood. Of the synthetic control the widest limits and the largest p are taken, of the structural time series
    the draws of all.

    Args:
        panel: counts, exact or between bounds, with when the innovation was in effect, shape (sites, periods).
        site: whose change is asked about.
        controls: sites without the innovation, one or more.
        leading: what interrupted time series say of the same.
        generator: the source of chance.

    Raises:
        ValueError: if a site is not in the panel, or the panel contradicts itself.

    Source: Abadie, Diamond and Hainmueller (2010), JASA 105:493-505; Brodersen and others (2015), Ann Appl Stat
        9:247-274.
    """
    of_counts, of_paths = generator.spawn(2)
    narrowed = _narrowed(panel, [site, *controls])
    fitted = fit_counts(narrowed)
    if isinstance(fitted, NoEffect):
        return _nothing(fitted.reason)
    outcome = complete(narrowed, fitted, draws=_COMPLETED, generator=of_counts)
    used = _use(narrowed, outcome)
    if len(used.before) < FEWEST_BEFORE or not len(used.after):
        return _nothing(
            f"{len(used.before)} periods before and {len(used.after)} after have counts of the site and of those it is "
            f"compared with; at least {FEWEST_BEFORE} before are needed.",
            notes=used.notes,
        )
    synthetic, made = _synthetic(narrowed, outcome, used)
    level = _structural(narrowed, outcome, used, of_paths)
    return Beside(
        synthetic=synthetic,
        structural=level,
        mixture=made,
        differences=_differences(leading, (synthetic, level)),
        completed=outcome.draws,
        notes=used.notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """Rows of donors and columns of periods in which all that are used have a count."""

    donors: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def periods(self) -> tuple[int, ...]:
        return (*self.before, *self.after)


def _use(panel: Panel, outcome: Outcome) -> _Used:
    own_before, own_after = outcome.design.untreated[0], outcome.design.treated[0]
    own = own_before | own_after
    known = outcome.design.untreated[1:] & own
    gaps = 1.0 - known.sum(axis=1) / max(int(own.sum()), 1)
    kept = gaps <= _MOST_GAPS
    notes = []
    with_it = panel.treated[1:].any(axis=1) | panel.excluded[1:].any(axis=1)
    for lost, why in ((~kept & with_it, "they have it themselves"), (~kept & ~with_it, "their counts have gaps")):
        if lost.any():
            names = ", ".join(name for name, one in zip(panel.sites[1:], lost, strict=True) if one)
            notes.append(f"Not among those mixed or followed, because {why}: {names}.")
    whole = known[kept].all(axis=0) if kept.any() else np.zeros_like(own)
    if (own & ~whole).any() and kept.any():
        notes.append(f"{int((own & ~whole).sum())} periods in which one of the others has no count were left out.")
    return _Used(
        donors=tuple(int(row) + 1 for row in np.flatnonzero(kept)),
        before=tuple(np.flatnonzero(own_before & whole).tolist()),
        after=tuple(np.flatnonzero(own_after & whole).tolist()),
        notes=tuple(notes),
    )


def _synthetic(panel: Panel, outcome: Outcome, used: _Used) -> tuple[Reckoned | Untold, Mixture | None]:
    if len(used.donors) < 2:
        return Untold(name=SYNTHETIC, reason="a mixture needs two other sites or more"), None
    columns = list(used.periods)
    exposure = panel.exposure[:, columns]
    every = [
        Rates(
            own=counts[0, columns] / exposure[0],
            donors=(counts[np.ix_(used.donors, columns)] / exposure[list(used.donors)]).T,
            exposure=exposure[0],
            before=len(used.before),
        )
        for counts in outcome.counts
    ]
    mixed = [mix(rates) for rates in every]
    if far := _out_of_reach(mixed):
        return Untold(name=SYNTHETIC, reason=far), None
    ratio = float(np.exp(np.mean(np.log([one.ratio for one in mixed]))))
    found = [limits(rates) or (0.0, np.inf) for rates in every]
    whole = Interval(estimate=ratio, lower=min(low for low, _ in found), upper=max(high for _, high in found))
    tests = [placebo(rates) for rates in every]
    p_value = max(one.p_value for one in tests)
    seen = float(outcome.counts[:, 0, list(used.after)].sum(axis=1).mean())
    expected = np.full(panel.lower.shape[1], np.nan)
    rate = np.mean([one.expected for one in mixed], axis=0)
    expected[list(used.after)] = (rate * exposure[0])[len(used.before) :]
    reckoned = Reckoned(
        name=SYNTHETIC,
        method=mixture.METHOD,
        rate_ratio=whole,
        avoided=_avoided(seen, whole),
        expected=expected,
        p_value=p_value,
        assumes=mixture.ASSUMES,
    )
    return reckoned, Mixture(
        donors=tuple(panel.sites[row] for row in used.donors),
        weights=np.mean([one.weights for one in mixed], axis=0),
        ratio_range=max((one.ratio_range for one in mixed), key=lambda ends: ends[1] / ends[0]),
        misses=float(np.mean([one.misses for one in mixed])),
        as_far=round(p_value * (1 + len(used.donors))) - 1,
        smallest_p=tests[0].smallest,
    )


def _out_of_reach(mixed: Sequence[Mixed]) -> str | None:
    if not all(np.isfinite(one.ratio) and np.isfinite(one.ratio_range[1]) for one in mixed):
        return "the nearest mixture of the others had no event after the change"
    if sum(one.out_of_reach for one in mixed) * 2 <= len(mixed):
        return None
    off = float(np.mean([one.off for one in mixed]))
    return (
        f"no mixture of the others reaches its level: before, even the nearest is {abs(off):.0%} "
        f"{'below' if off > 0 else 'above'} it on average"
    )


def _structural(panel: Panel, outcome: Outcome, used: _Used, generator: np.random.Generator) -> Reckoned | Untold:
    if outcome.too_sparse:
        return Untold(name=STRUCTURAL, reason=outcome.too_sparse)
    if not used.donors:
        return Untold(name=STRUCTURAL, reason="nobody is left to compare with")
    periods = panel.lower.shape[1]
    before, after = (np.isin(np.arange(periods), part) for part in (used.before, used.after))
    exposure = panel.exposure[0, after]
    events: list[Matrix] = []
    for rates in outcome.log_rates:
        try:
            drawn = structural(
                rates[0],
                rates[list(used.donors)].T,
                fixed=season(np.arange(periods), panel.a_year, int(before.sum())),
                before=before,
                after=after,
                draws=_DRAWS // outcome.draws,
                generator=generator,
            )
        except ValueError as error:
            return Untold(name=STRUCTURAL, reason=str(error))
        events.append(np.maximum(np.exp(np.minimum(drawn.paths, 50.0)) * exposure - HALF, 0.0))
    totals = np.concatenate([one.sum(axis=1) for one in events])
    seen = np.repeat(outcome.counts[:, 0, after].sum(axis=1), _DRAWS // outcome.draws)
    ratios = seen / np.maximum(totals, HALF)
    middle, lower, upper = np.quantile(ratios, [0.5, 0.025, 0.975])
    ratio = Interval(estimate=float(middle), lower=float(lower), upper=float(upper))
    expected = np.full(periods, np.nan)
    expected[after] = np.median(np.concatenate(events), axis=0)
    beyond = min(float(np.sum(ratios >= 1.0)), float(np.sum(ratios <= 1.0)))
    return Reckoned(
        name=STRUCTURAL,
        method=level_model.METHOD,
        rate_ratio=ratio,
        avoided=_avoided(float(seen.mean()), ratio),
        expected=expected,
        p_value=(1.0 + beyond) / (1.0 + len(ratios)),
        assumes=level_model.ASSUMES,
    )


def _differences(leading: Interrupted | NoEffect, others: Sequence[Reckoned | Untold]) -> tuple[Difference, ...]:
    """Return each way against the leading one; errors are added as if the site's own counts were not in both, so that
    a flag is rarer than 5 %."""
    if isinstance(leading, NoEffect):
        return ()
    found = []
    for one in others:
        if isinstance(one, Untold) or not one.limited:
            continue
        apart = float(np.log(one.rate_ratio.estimate / leading.rate_ratio.estimate))
        error = float(np.hypot(_error(one.rate_ratio), _error(leading.rate_ratio)))
        statistic = apart / error if error > 0.0 else 0.0
        found.append(
            Difference(
                name=one.name,
                ratio=float(np.exp(apart)),
                statistic=statistic,
                flagged=abs(statistic) > _Z_TOGETHER,
            )
        )
    return tuple(found)


def _error(ratio: Interval) -> float:
    return float(np.log(ratio.upper / ratio.lower)) / (2.0 * _Z95)


def _avoided(seen: float, ratio: Interval) -> Interval:
    lower = seen * (1.0 / ratio.upper - 1.0)
    upper = seen * (1.0 / ratio.lower - 1.0) if ratio.lower > 0.0 else np.inf
    return Interval(estimate=seen * (1.0 / ratio.estimate - 1.0), lower=lower, upper=upper)


def _narrowed(panel: Panel, sites: Sequence[str]) -> Panel:
    """Return the panel of some sites, in that order."""
    rows = [panel.sites.index(name) for name in sites]
    return replace(
        panel,
        sites=tuple(sites),
        lower=panel.lower[rows],
        upper=panel.upper[rows],
        exposure=panel.exposure[rows],
        treated=panel.treated[rows],
        excluded=panel.excluded[rows],
        noisy=None if panel.noisy is None else panel.noisy[rows],
        sigma=None if panel.sigma is None else panel.sigma[rows],
        parts={cell: part for cell, part in panel.parts.items() if cell[0] in sites},
    )


def _nothing(reason: str, *, notes: tuple[str, ...] = ()) -> Beside:
    said = reason.rstrip(".")
    said = said[0].lower() + said[1:]
    return Beside(
        synthetic=Untold(name=SYNTHETIC, reason=said),
        structural=Untold(name=STRUCTURAL, reason=said),
        mixture=None,
        differences=(),
        completed=1,
        notes=notes,
    )
