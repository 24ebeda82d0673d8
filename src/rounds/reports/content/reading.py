"""What an estimate of impact lets us say, and how sure we may be."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Effect, NoEffect, Panel
from rounds.learning.impact.panel.run import DidItWork
from rounds.measures.definitions import Better
from rounds.reports.content.impact_words import change_words
from rounds.reports.content.panel import doubts_of, support_of
from rounds.reports.content.wording import inline, plural
from rounds.reports.insight import Certainty, Direction

FEW_SITES = 4
SOME_WITHHELD = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an estimate lets us say."""

    statement: str
    direction: Direction
    level: Certainty
    because: str


def reading_of(
    effect: Effect,
    placebo: Effect | NoEffect | None,
    panel: Panel,
    in_effect: str,
    *,
    title: str,
    better: Better,
    beside: DidItWork | None = None,
) -> Reading:
    """Return what an estimate says and how sure it is.

    Args:
        effect: the leading estimate.
        placebo: the same where nothing should be found; None if not tried.
        panel: what was estimated from.
        in_effect: "where “…” is embedded".
        title: of the outcome.
        better: which way is improvement.
        beside: the other estimators and checks, whose doubts count; None if not made.
    """
    level, because = _certainty(effect, placebo, panel, beside)
    ratio = effect.rate_ratio
    if not _excludes_one(effect):
        ends = f"{change_words(ratio.lower)} to {change_words(ratio.upper)}"
        statement = f"{title}: no clear change {in_effect} (95% CI {ends})."
        return Reading(statement=statement, direction=Direction.NO_CHANGE, level=level, because=because)
    fell = ratio.upper < 1
    sizes = sorted(abs(100 * (1 - end)) for end in (ratio.lower, ratio.upper))
    verb = (
        ("fell" if fell else "rose")
        if level is not Certainty.LOW
        else ("may have fallen" if fell else "may have risen")
    )
    low, high = sorted((abs(effect.avoided.lower), abs(effect.avoided.upper)))
    if effect.avoided.lower < 0 < effect.avoided.upper:
        count = "; how many events that is cannot be told"
    else:
        count = (
            f": about {_count(abs(effect.avoided.estimate))} ({_count(low)} to {_count(high)}) "
            f"{'fewer' if fell else 'more'} than expected without it"
        )
    statement = (
        f"{title} {verb} by {abs(100 * (1 - ratio.estimate)):.0f}% (95% CI {sizes[0]:.0f}% "
        f"to {sizes[1]:.0f}%) {in_effect}{count}."
    )
    direction = {
        Better.LOWER: Direction.BETTER if fell else Direction.WORSE,
        Better.HIGHER: Direction.WORSE if fell else Direction.BETTER,
        Better.NEITHER: Direction.NEUTRAL,
    }[better]
    return Reading(statement=statement, direction=direction, level=level, because=because)


def no_reading(effect: NoEffect, in_effect: str, *, title: str) -> Reading:
    return Reading(
        statement=f"It cannot be said yet whether {inline(title)} changed {in_effect}.",
        direction=Direction.NEUTRAL,
        level=Certainty.LOW,
        because=effect.reason.rstrip(".") + ".",
    )


def _excludes_one(effect: Effect) -> bool:
    return effect.rate_ratio.lower > 1 or effect.rate_ratio.upper < 1


def _certainty(
    effect: Effect, placebo: Effect | NoEffect | None, panel: Panel, beside: DidItWork | None
) -> tuple[Certainty, str]:
    """Return how sure we are and why: interval, placebo, other estimators, what is withheld, how many sites."""
    reasons, doubts, grave = [], 0, 0
    if _excludes_one(effect):
        reasons.append("the interval excludes no change")
    else:
        reasons.append("the interval includes no change")
        doubts += 1
        grave += effect.rate_ratio.lower < 0.8 or effect.rate_ratio.upper > 1.25
    match placebo:
        case None:
            reasons.append("no placebo was tried")
            doubts += 1
        case NoEffect():
            reasons.append(f"the placebo could not be tried ({placebo.reason.rstrip('.')})")
            doubts += 1
        case Effect() if _excludes_one(placebo):
            reasons.append(
                f"the placebo found a change where there should be none (rate ratio "
                f"{_ratio_words(placebo)}), so something else may be at work"
            )
            grave += 1
        case Effect():
            reasons.append(f"the placebo found none, as it should (rate ratio {_ratio_words(placebo)})")
    if beside is not None:
        against, support = doubts_of(beside), support_of(beside)
        reasons += [support] if support else []
        reasons += [doubt.words for doubt in against]
        doubts += len(against)
        grave += any(doubt.grave for doubt in against)
    withheld = withheld_share(panel)
    if withheld > 0:
        reasons.append(
            f"{100 * withheld:.0f}% of the counts are withheld and known only between bounds, "
            "which the interval allows for"
        )
        # Bounds widen the interval already; what is left to doubt is how counts lie between them.
        doubts += withheld > SOME_WITHHELD
    reasons.append(
        f"{plural(effect.treated_sites, 'site')} with it, {effect.comparison_sites} with time without it to compare"
    )
    doubts += effect.treated_sites < FEW_SITES or effect.comparison_sites < FEW_SITES
    level = Certainty.LOW if grave else Certainty.MODERATE if doubts else Certainty.HIGH
    sentence = "; ".join(reasons)
    return level, f"{sentence}. It rests on this: {effect.assumes.rstrip('.')}."


def withheld_share(panel: Panel) -> float:
    """Return the share of counts so coarsely known that they must have been withheld, not only rounded.

    That is, whose largest possible count is more than twice the smallest.
    """
    used = ~panel.excluded & ~np.isnan(panel.lower)
    return float(np.mean(panel.upper[used] > 2 * panel.lower[used])) if used.any() else 0.0


def _ratio_words(effect: Effect) -> str:
    ratio = effect.rate_ratio
    return f"{ratio.estimate:.2f}, 95% CI {ratio.lower:.2f} to {ratio.upper:.2f}"


def _count(value: float) -> str:
    """Return a count no finer than its uncertainty deserves: two or three significant digits."""
    if value < 20:
        return f"{value:.0f}"
    return f"{round(value, -1):,.0f}" if value < 1000 else f"{float(f'{value:.3g}'):,.0f}"
