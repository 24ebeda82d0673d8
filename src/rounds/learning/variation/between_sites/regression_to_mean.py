"""Whether those picked for a bad (or good) baseline moved further than chance alone would have moved them."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from rounds.learning.intervals import Vector, normal_quantile
from rounds.learning.variation.between_sites.funnel import funnel_proportions, funnel_rates
from rounds.learning.variation.between_sites.limits import Outlier
from rounds.learning.variation.between_sites.shrunken import Shrunken, quadrature, shrunken
from rounds.learning.variation.case_mix.families import Family, mean, variance

Flags = NDArray[np.bool_]
FEWEST_OTHERS = 3
NODES = 15


class Picked(StrEnum):
    """Whom to look at."""

    HIGH = "high"
    """above the 95 % limits at the baseline"""
    LOW = "low"
    """below them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """What those picked did, against what chance alone lets expect. Arrays have shape (organisations,)."""

    picked: Flags
    baseline: Vector
    """proportion, rate or ratio, as counted"""
    believed: Vector
    """at the baseline, drawn towards the mean: what a measurement again would have given on average"""
    expected: Vector
    """at the follow-up if nothing was done: believed, moved by as much as those not picked moved"""
    actual: Vector
    lower: Vector
    upper: Vector
    """where chance alone puts each at the follow-up"""
    z: Vector
    """how many standard deviations actual events lie from those expected"""
    baseline_picked: float
    """of all picked together"""
    expected_picked: float
    actual_picked: float
    lower_picked: float
    upper_picked: float
    """where chance alone puts the picked together"""
    probability: float
    """two-sided, of a move as far from what is expected by chance alone"""
    reason: str | None
    notes: tuple[str, ...]

    @property
    def by_chance(self) -> float:
        """The part of the picked organisations' move that chance alone lets expect; 1 is all of it."""
        moved = self.actual_picked - self.baseline_picked
        return (self.expected_picked - self.baseline_picked) / moved if moved else np.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTimes:
    """Counts of the same organisations at two times. Arrays have shape (organisations,)."""

    events_before: Vector
    sizes_before: Vector
    events_after: Vector
    sizes_after: Vector
    family: Family

    def __post_init__(self) -> None:
        shapes = {part.shape for part in (self.events_before, self.sizes_before, self.events_after, self.sizes_after)}
        if len(shapes) != 1 or self.events_before.ndim != 1:
            raise ValueError("give events and sizes of the same organisations at both times")
        for events, sizes, when in (
            (self.events_before, self.sizes_before, "before"),
            (self.events_after, self.sizes_after, "after"),
        ):
            bad = ~(np.isfinite(events) & np.isfinite(sizes)) | (events < 0) | (sizes <= 0)
            bad |= (events > sizes) & (self.family is Family.BINOMIAL)
            if bad.any():
                raise ValueError(f"organisation {int(np.argmax(bad)) + 1} has impossible numbers {when}: leave it out")


def regression_to_mean(
    times: TwoTimes,
    *,
    picked: Flags | Picked = Picked.HIGH,
    confidence: float = 0.95,
    before: Shrunken | None = None,
) -> Regression:
    """Return whether picked organisations moved by more than regression to the mean.

    What made an organisation stand out was in part chance, which does not come twice. Its expected follow-up is its
    baseline drawn towards the mean (`shrunken`), moved by the change of those not picked, and uncertain by both and by
    chance at the follow-up.

    Args:
        times: counts before and after.
        picked: shape (organisations,), or those outside the 95 % funnel limits on one side at the baseline.
        confidence: above 0, below 1.
        before: what is believed of each at the baseline, where that was found already; None to find it.

    Raises:
        ValueError: as `shrunken`.

    Source: Davis (1976), Am J Epidemiol 104:493-498; Morton and Torgerson (2003), BMJ 326:1083-1084; with the
        empirical-Bayes prediction of Morris (1983), J Am Stat Assoc 78:47-55. It assumes that organisations differ as
        much, and in the same order, at both times but for chance.
    """
    if before is None:
        before = shrunken(
            events_lower=times.events_before,
            events_upper=times.events_before,
            sizes=times.sizes_before,
            family=times.family,
        )
    chosen = _picked(times, picked) if isinstance(picked, Picked) else picked
    if chosen.shape != times.events_before.shape:
        raise ValueError("say of each organisation whether it was picked")
    reason = _reason(chosen)
    others = ~chosen
    shift, shift_variance = (0.0, 0.0) if others.sum() < FEWEST_OTHERS else _shift(times, before, others)
    expected, of_belief, of_chance = _moments(times, before, shift)
    spread = of_belief + of_chance
    slope = _slope(times, before, shift)
    total = expected[chosen].sum()
    variance_total = spread[chosen].sum() + shift_variance * slope[chosen].sum() ** 2
    width = np.sqrt(variance_total)
    size = times.sizes_after[chosen].sum()
    z_total = (times.events_after[chosen].sum() - total) / width if chosen.any() else np.nan
    quantile = normal_quantile(confidence)
    half, errors = quantile * width, np.sqrt(spread + shift_variance * slope**2)
    known = reason is None
    return Regression(
        picked=chosen,
        baseline=times.events_before / times.sizes_before,
        believed=before.values,
        expected=expected / times.sizes_after,
        actual=times.events_after / times.sizes_after,
        lower=np.maximum(0.0, expected - quantile * errors) / times.sizes_after,
        upper=(expected + quantile * errors) / times.sizes_after,
        z=(times.events_after - expected) / errors,
        baseline_picked=_over(times.events_before, times.sizes_before, chosen),
        expected_picked=float(total / size) if known else np.nan,
        actual_picked=_over(times.events_after, times.sizes_after, chosen),
        lower_picked=float(max(0.0, (total - half) / size)) if known else np.nan,
        upper_picked=float((total + half) / size) if known else np.nan,
        probability=float(2 * ndtr(-abs(z_total))) if known else np.nan,
        reason=reason,
        notes=_notes(before, chosen, others),
    )


def _picked(times: TwoTimes, which: Picked) -> Flags:
    fit = funnel_proportions if times.family is Family.BINOMIAL else funnel_rates
    funnel = fit(numerators=times.events_before, denominators=times.sizes_before)
    wanted = {Outlier.HIGH_95, Outlier.HIGH_998} if which is Picked.HIGH else {Outlier.LOW_95, Outlier.LOW_998}
    return np.array([status in wanted for status in funnel.outliers])


def _reason(chosen: Flags) -> str | None:
    if not chosen.any():
        return "Nobody was picked: no organisation lies outside the limits on that side."
    if (~chosen).sum() < FEWEST_OTHERS:
        return (
            f"Fewer than {FEWEST_OTHERS} organisations were not picked: nothing tells how all would have moved anyway."
        )
    return None


def _notes(before: Shrunken, chosen: Flags, others: Flags) -> tuple[str, ...]:
    found = [
        f"{int(chosen.sum())} were picked by their baseline, and {int(others.sum())} not. Those who stood out "
        "move back on average without anything being done, as part of what made them stand out was chance.",
        "What is left beside that may still be other than what was done for them.",
    ]
    if before.population.spread == 0:
        found.append("At the baseline chance explains all differences, so those picked are expected at the mean.")
    return tuple(found)


def _over(events: Vector, sizes: Vector, chosen: Flags) -> float:
    return float(events[chosen].sum() / sizes[chosen].sum()) if chosen.any() else np.nan


def _moments(times: TwoTimes, before: Shrunken, shift: float) -> tuple[Vector, Vector, Vector]:
    """Return, over what is believed of each, events expected, their variance by belief, and by chance."""
    nodes, weights = quadrature(NODES)
    weights = weights / weights.sum()
    of_belief = np.sqrt(before.errors**2 + (1 - before.weights) ** 2 * before.population.level_error**2)
    binomial = times.family is Family.BINOMIAL
    trials = times.sizes_after if binomial else np.ones_like(times.sizes_after)
    offset = 0.0 if binomial else np.log(times.sizes_after)
    linear = before.population.level + shift + before.deviations + offset + nodes[:, None] * of_belief
    means = mean(times.family, linear, trials)
    expected = weights @ means
    return expected, weights @ (means - expected) ** 2, weights @ variance(times.family, means, trials)


def _slope(times: TwoTimes, before: Shrunken, shift: float) -> Vector:
    step = 1e-4
    up, down = (_moments(times, before, shift + change)[0] for change in (step, -step))
    return np.asarray((up - down) / (2 * step), dtype=np.float64)


def _shift(times: TwoTimes, before: Shrunken, others: Flags) -> tuple[float, float]:
    """Return how those not picked moved together, on the scale of logits or logs, and its variance."""
    observed = max(float(times.events_after[others].sum()), 0.5)
    if times.family is Family.BINOMIAL:
        observed = min(observed, float(times.sizes_after[others].sum()) - 0.5)

    def excess(shift: float) -> float:
        return float(_moments(times, before, shift)[0][others].sum()) - observed

    found = float(brentq(excess, -20.0, 20.0, xtol=1e-10))
    _, of_belief, of_chance = _moments(times, before, found)
    slope = float(_slope(times, before, found)[others].sum())
    return found, float((of_belief + of_chance)[others].sum()) / slope**2
