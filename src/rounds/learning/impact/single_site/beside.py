"""Two more ways to reckon what one site would have done without a change, and whether they agree with the first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from rounds.learning.impact.did import fit_counts
from rounds.learning.impact.effect import Interval, Matrix, NoEffect, Panel, Vector
from rounds.learning.impact.panel.outcome import HALF, Outcome, complete
from rounds.learning.impact.single_site.findings import in_periods
from rounds.learning.impact.single_site.interrupted import Interrupted, season
from rounds.learning.impact.single_site.mixing import by_mixture
from rounds.learning.impact.single_site.reckoned import (
    STRUCTURAL,
    SYNTHETIC,
    Beside,
    Reckoned,
    Untold,
    Used,
    avoided_of,
    differences_of,
)
from rounds.learning.impact.single_site.structural import ASSUMES, METHOD, Posterior, structural

FEWEST_BEFORE = 8
"""Periods before: with fewer, a mixture fits whatever happened and a level is all prior."""

_COMPLETED = 10
_DRAWS = 4000
_MOST_LOG = 50.0
_MOST_GAPS = 0.1


def reckon_beside(
    panel: Panel,
    site: str,
    *,
    controls: Sequence[str],
    leading: Interrupted | NoEffect,
    generator: np.random.Generator,
    alike_in: Mapping[str, Mapping[str, float]] | None = None,
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
        alike_in: characteristics of every site before, by name and site. The mixture then matches these and the mean
            rate before in place of the rate in each period, each as important as brings rates before nearest.

    Raises:
        ValueError: if a site is not in the panel or has no such characteristic, or the panel contradicts itself.

    Source: Abadie, Diamond and Hainmueller (2010), JASA 105:493-505; Brodersen and others (2015), Ann Appl Stat
        9:247-274.
    """
    of_counts, of_paths, of_starts = generator.spawn(3)
    narrowed = _narrowed(panel, [site, *controls])
    fitted = fit_counts(narrowed)
    if isinstance(fitted, NoEffect):
        return _nothing(fitted.reason)
    outcome = complete(narrowed, fitted, draws=_COMPLETED, generator=of_counts)
    used = _use(narrowed, outcome)
    if len(used.before) < FEWEST_BEFORE or not len(used.after):
        return _nothing(
            f"{in_periods(len(used.before))} before and {len(used.after)} after have counts of the site and of "
            f"those it is compared with; at least {FEWEST_BEFORE} before are needed, and one after.",
            notes=used.notes,
        )
    synthetic, made = by_mixture(narrowed, outcome, used, alike_in or {}, of_starts)
    level = _structural(narrowed, outcome, used, of_paths)
    return Beside(
        synthetic=synthetic,
        structural=level,
        mixture=made,
        differences=differences_of(leading, (synthetic, level)),
        completed=outcome.draws,
        notes=used.notes,
    )


def _use(panel: Panel, outcome: Outcome) -> Used:
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
        lost_periods = in_periods(int((own & ~whole).sum()))
        notes.append(f"Left out of both, because one of the others has no count: {lost_periods}.")
    return Used(
        donors=tuple(int(row) + 1 for row in np.flatnonzero(kept)),
        before=tuple(np.flatnonzero(own_before & whole).tolist()),
        after=tuple(np.flatnonzero(own_after & whole).tolist()),
        notes=tuple(notes),
    )


def _structural(panel: Panel, outcome: Outcome, used: Used, generator: np.random.Generator) -> Reckoned | Untold:
    if outcome.too_sparse:
        return Untold(name=STRUCTURAL, reason=outcome.too_sparse)
    if not used.donors:
        return Untold(name=STRUCTURAL, reason="nobody is left to compare with")
    periods = panel.lower.shape[1]
    before, after = (np.isin(np.arange(periods), part) for part in (used.before, used.after))
    exposure = panel.exposure[0, after]
    events: list[Matrix] = []
    for rates in outcome.values:
        others = rates[list(used.donors)]
        common = others.mean(axis=0)
        try:
            # how it moves against their mean, so that what is not known of coefficients pulls towards moving alike
            drawn = structural(
                rates[0] - common,
                others.T,
                fixed=season(np.arange(periods), panel.a_year, int(before.sum())),
                before=before,
                after=after,
                draws=_DRAWS // outcome.draws,
                generator=generator,
            )
        except ValueError as error:
            return Untold(name=STRUCTURAL, reason=str(error))
        events.append(_events(drawn, common[after], exposure))
    totals = np.concatenate([one.sum(axis=1) for one in events])
    seen = np.repeat(outcome.completed[:, 0, after].sum(axis=1), _DRAWS // outcome.draws)
    ratios = seen / np.maximum(totals, HALF)
    middle, lower, upper = np.quantile(ratios, [0.5, 0.025, 0.975])
    ratio = Interval(estimate=float(middle), lower=float(lower), upper=float(upper))
    expected = np.full(periods, np.nan)
    expected[after] = np.median(np.concatenate(events), axis=0)
    beyond = min(float(np.sum(ratios >= 1.0)), float(np.sum(ratios <= 1.0)))
    return Reckoned(
        name=STRUCTURAL,
        method=METHOD,
        rate_ratio=ratio,
        avoided=avoided_of(float(seen.mean()), ratio),
        expected=expected,
        p_value=(1.0 + beyond) / (1.0 + len(ratios)),
        assumes=ASSUMES,
    )


def _events(drawn: Posterior, common: Vector, exposure: Vector) -> Matrix:
    """Return events that draws of log rates amount to, shape (draws, after).

    log(count + 1/2) is unbiased for the log of the mean, so single periods' chance is added as a share and not as a
    factor. A path that is not known well has ups and downs, whose exponentials add up to more than those of its mean;
    all draws are lowered by the median of that.
    """
    paths = np.minimum(drawn.expected + common, _MOST_LOG)
    events: Matrix = np.exp(paths) * exposure
    plain = float(np.exp(paths.mean(axis=0)) @ exposure)
    convexity = float(np.median(events.sum(axis=1))) / plain
    return events / convexity * np.maximum(1.0 + drawn.chance, 0.0)


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
