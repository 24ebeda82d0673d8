"""The whole panel: every estimator and every check of one outcome, from one call."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from rounds.learning.impact.did import ASSUMES, METHOD, CountFit, effect_of, fit_counts
from rounds.learning.impact.effect import Effect, MeanEffect, NoEffect, Panel, Vector
from rounds.learning.impact.panel.agreement import Agreement, agreement
from rounds.learning.impact.panel.bacon import LATER_ALWAYS, LATER_EARLIER, goodman_bacon
from rounds.learning.impact.panel.estimate import Estimate, NoEstimate, groups_of
from rounds.learning.impact.panel.event_study import EventStudy, event_study
from rounds.learning.impact.panel.linear import two_way_weights
from rounds.learning.impact.panel.means import MeanFit, estimate_mean_effect, fit_means, mean_effect_of
from rounds.learning.impact.panel.others import grouped, other_estimates
from rounds.learning.impact.panel.outcome import Outcome, complete
from rounds.learning.impact.panel.pre_trend import Drift, Together, drift, together
from rounds.learning.impact.panel.sensitivity import Sensitivity, sensitivity
from rounds.learning.impact.panel.space import SpacePlacebo, placebo_in_space
from rounds.learning.impact.placebo import placebo, pretended
from rounds.learning.impact.scale import Scale
from rounds.learning.intervals import Z95

LEADING = "Counts, imputed"
_MOST_INFLUENTIAL = 3
_MANY_CELLS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much work goes into a panel."""

    draws: int = 10
    """completed panels, where counts have bounds only"""
    runs: int = 200
    """placebos in space; 0 for none"""
    lead: int = 6
    """periods by which the placebo in time shifts adoption"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutSite:
    """The leading estimate without one site."""

    site: str
    effect: float
    """rate ratio, or difference of means"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWayCheck:
    """How far the customary regression with site and period effects can be believed; it is not among the estimates."""

    effect: float
    """rate ratio, or difference of means"""
    negative_weights: float
    """share of the site-periods with the innovation that it weighs negatively"""
    late_against_early: float | None
    """weight of comparing sites that adopt with sites that already had; None where the panel has gaps"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DidItWork:
    """Everything the panel says about one outcome. No estimator is chosen by its result: the first leads, always."""

    effect: Effect | MeanEffect
    estimates: tuple[Estimate | NoEstimate, ...]
    """the leading one first"""
    agreement: Agreement | None
    """None if no other estimator applies"""
    two_way: TwoWayCheck | None
    """what two-way fixed effects would compare; None where they cannot be fitted"""
    placebo_in_time: Effect | MeanEffect | NoEffect
    placebo_in_space: SpacePlacebo | str | None
    """or why there is none; None if not asked for"""
    event_study: EventStudy | str
    """or why there is none"""
    together: Together | None
    """test of the steps before adoption; None where too few steps or sites are there"""
    drift: Drift | str
    """of adopters from those that never adopt, before; or why it cannot be told"""
    sensitivity: Sensitivity | str
    """or why there is none"""
    influential: tuple[WithoutSite, ...]
    """sites whose absence moves the estimate most, the first most of all"""
    draws: int
    """completed panels behind the estimators that take no bounds; 1 where counts are exact"""
    withheld_share: float

    @property
    def scale(self) -> Scale:
        """Whether effects are ratios of rates, or differences of means."""
        return Scale.RATIO if isinstance(self.effect, Effect) else Scale.UNITS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Led:
    """What the leading estimator of an outcome found, and what goes on from it."""

    effect: Effect | MeanEffect
    leading: Estimate
    outcome: Outcome
    influence: Vector
    """by how much each site moves it, shape (sites,)"""
    again: Callable[[Panel], float | None]
    """the estimate of another panel; None where there is none"""


def did_it_work(
    panel: Panel, *, generator: np.random.Generator, settings: Settings | None = None
) -> DidItWork | NoEffect:
    """Return the panel of an outcome, or why nothing can be said.

    Args:
        panel: counts with bounds, or means, exposures and treatment, shape (sites, periods).
        generator: the source of chance; in the same state it gives the same panel.
        settings: how much work to do.

    Raises:
        ValueError: if the panel contradicts itself.
    """
    asked = settings or Settings()
    of_draws, of_steps, of_placebos, of_bootstrap = generator.spawn(4)
    led = _counts(panel, asked, of_draws) if panel.mean_of is None else _means(panel)
    if isinstance(led, NoEffect):
        return led
    effect, outcome = led.effect, led.outcome
    others = other_estimates(outcome, generator=of_bootstrap)
    applied = [one for one in others if isinstance(one, Estimate) and one.influence is not None]
    study = outcome.too_sparse or event_study(outcome, generator=of_steps)
    return DidItWork(
        effect=effect,
        estimates=(led.leading, *others),
        agreement=agreement(led.leading, applied, treated_sites=effect.treated_sites) if applied else None,
        two_way=_two_way(outcome),
        placebo_in_time=(
            placebo(panel, lead=asked.lead)
            if panel.mean_of is None
            else pretended(panel, estimate_mean_effect, lead=asked.lead)
        ),
        placebo_in_space=(
            outcome.too_sparse or placebo_in_space(panel, outcome, runs=asked.runs, generator=of_placebos)
            if asked.runs
            else None
        ),
        event_study=study,
        together=None if isinstance(study, str) else together(study),
        drift=outcome.too_sparse or drift(outcome),
        sensitivity=study if isinstance(study, str) else sensitivity(study),
        influential=_influential(panel, led),
        draws=outcome.draws,
        withheld_share=effect.withheld_share,
    )


def _counts(panel: Panel, asked: Settings, of_draws: np.random.Generator) -> _Led | NoEffect:
    fitted = fit_counts(panel)
    if isinstance(fitted, NoEffect):
        return fitted
    effect = effect_of(panel, fitted)

    def again(rest: Panel) -> float | None:
        found = fit_counts(rest)
        return None if isinstance(found, NoEffect) else found.ratio.estimate

    return _Led(
        effect=effect,
        leading=_leading(fitted, effect),
        outcome=complete(panel, fitted, draws=asked.draws, generator=of_draws),
        influence=fitted.influence,
        again=again,
    )


def _means(panel: Panel) -> _Led | NoEffect:
    fitted = fit_means(panel)
    if isinstance(fitted, NoEffect):
        return fitted

    def again(rest: Panel) -> float | None:
        found = fit_means(rest)
        return None if isinstance(found, NoEffect) else found.leading.value

    effect = mean_effect_of(panel, fitted)
    return _Led(
        effect=effect,
        leading=fitted.leading,
        outcome=fitted.outcome,
        influence=_by_site(fitted, effect),
        again=again,
    )


def _by_site(fitted: MeanFit, effect: MeanEffect) -> Vector:
    """Return what each site adds to the estimate beyond its share of it, to first order: it adds up to 0."""
    treated = fitted.outcome.design.weighed(fitted.selection.treated)
    shares = treated.sum(axis=1) / treated.sum()
    apart = np.nan_to_num(fitted.outcome.values[0] - effect.counterfactual)
    added: Vector = (fitted.weights * apart).sum(axis=1) - fitted.leading.value * shares
    return added


def _two_way(outcome: Outcome) -> TwoWayCheck | None:
    design = outcome.design
    weights = two_way_weights(design)
    if weights is None:
        return None
    values = outcome.values.mean(axis=0)
    periods = values.shape[1]
    start = np.where(design.treated.any(axis=1), design.treated.argmax(axis=1), periods)
    late = None
    whole = design.sizes is None and bool((design.untreated | design.treated).all())
    stays = bool((design.treated == (np.arange(periods)[None, :] >= start[:, None])).all())
    if whole and stays:
        found = goodman_bacon(values, start)
        late = sum(one.weight for one in found if one.kind in (LATER_EARLIER, LATER_ALWAYS))
    return TwoWayCheck(
        effect=outcome.scale.shown(float((weights * values).sum())),
        negative_weights=float(np.mean(weights[design.treated] < -1e-12)),
        late_against_early=late,
    )


def _leading(fitted: CountFit, effect: Effect) -> Estimate:
    log_ratio, groups = fitted.ratio.estimate, groups_of(len(fitted.influence))
    half = float(np.log(effect.rate_ratio.upper)) - log_ratio
    return Estimate(
        name=LEADING,
        method=METHOD,
        scale=Scale.RATIO,
        value=log_ratio,
        half=half,
        standard_error=half / Z95,
        degrees=np.inf,
        assumes=ASSUMES,
        left_out="",
        influence=grouped(fitted.influence, groups)[None, :],
        by_draw=np.array([log_ratio]),
    )


def _influential(panel: Panel, led: _Led) -> tuple[WithoutSite, ...]:
    """Return the estimate without each of the sites that move it most, fitted again; by first-order influence."""
    most = 1 if panel.lower.size > _MANY_CELLS else _MOST_INFLUENTIAL
    found = []
    for row in np.argsort(-np.abs(led.influence), kind="stable")[:most]:
        gone = np.arange(len(panel.sites))[:, None] == row
        value = led.again(
            replace(
                panel,
                lower=np.where(gone, np.nan, panel.lower),
                upper=np.where(gone, np.nan, panel.upper),
                exposure=np.where(gone, np.nan, panel.exposure),
                noisy=None if panel.noisy is None else np.where(gone, np.nan, panel.noisy),
                treated=panel.treated & ~gone,
            )
        )
        if value is not None:
            found.append(WithoutSite(site=panel.sites[row], effect=led.leading.scale.shown(value)))
    return tuple(found)
