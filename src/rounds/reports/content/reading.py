"""What an estimate of impact lets us say, and how sure we may be."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Effect, Interval, MeanEffect, NoEffect, Panel
from rounds.learning.impact.panel.run import DidItWork
from rounds.measures.definitions import Better
from rounds.reports.content.impact_words import RATIOS, Words, is_change, leaves_much_open, main_effect
from rounds.reports.content.panel import doubts_of, support_of
from rounds.reports.content.wording import inline, number, plural
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
    effect: Effect | MeanEffect,
    placebo: Effect | MeanEffect | NoEffect | None,
    panel: Panel,
    in_effect: str,
    *,
    title: str,
    better: Better,
    beside: DidItWork | None = None,
    words: Words = RATIOS,
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
        words: how effects on the outcome are spoken of.
    """
    level, because = _certainty(effect, placebo, panel, beside, words)
    found = main_effect(effect)
    if not is_change(effect):
        ends = f"{words.change(found.lower)} to {words.change(found.upper)}"
        statement = f"{title}: no clear change {in_effect} (95% CI {ends})."
        return Reading(statement=statement, direction=Direction.NO_CHANGE, level=level, because=because)
    fell = found.upper < words.scale.none
    verb = (
        ("fell" if fell else "rose")
        if level is not Certainty.LOW
        else ("may have fallen" if fell else "may have risen")
    )
    by = _rates(effect, in_effect, words) if isinstance(effect, Effect) else _means(effect, in_effect, words)
    statement = f"{title} {verb} by {by}."
    direction = {
        Better.LOWER: Direction.BETTER if fell else Direction.WORSE,
        Better.HIGHER: Direction.WORSE if fell else Direction.BETTER,
        Better.NEITHER: Direction.NEUTRAL,
    }[better]
    return Reading(statement=statement, direction=direction, level=level, because=because)


def _rates(effect: Effect, in_effect: str, words: Words) -> str:
    """Return by how much a rate changed, and how many events that is."""
    ratio, fell = effect.rate_ratio, effect.rate_ratio.upper < words.scale.none
    sizes = sorted(abs(100 * (1 - end)) for end in (ratio.lower, ratio.upper))
    by = f"{abs(100 * (1 - ratio.estimate)):.0f}% (95% CI {sizes[0]:.0f}% to {sizes[1]:.0f}%) {in_effect}"
    if effect.avoided.lower < 0 < effect.avoided.upper:
        return f"{by}; how many events that is cannot be told"
    return f"{by}: {_about(effect.avoided)} {'fewer' if fell else 'more'} than expected without it"


def _means(effect: MeanEffect, in_effect: str, words: Words) -> str:
    """Return by how much a mean changed, from what, and what that adds up to."""
    low, high = sorted(abs(end) for end in (effect.difference.lower, effect.difference.upper))
    unit, fell = words.shown_in, effect.difference.upper < 0
    by = f"{number(abs(effect.difference.estimate))} {unit} (95% CI {number(low)} to {number(high)}) {in_effect}"
    share = ""
    if effect.share is not None:
        least, most = sorted(abs(100 * end) for end in (effect.share.lower, effect.share.upper))
        share = f", {abs(100 * effect.share.estimate):.0f}% ({least:.0f}% to {most:.0f}%)"
    return (
        f"{by}{share}, from {number(effect.expected)} expected without it: {_about(effect.total)} "
        f"{unit} {'fewer' if fell else 'more'} in all"
    )


def _about(total: Interval) -> str:
    low, high = sorted((abs(total.lower), abs(total.upper)))
    return f"about {_count(abs(total.estimate))} ({_count(low)} to {_count(high)})"


def no_reading(effect: NoEffect, in_effect: str, *, title: str) -> Reading:
    return Reading(
        statement=f"It cannot be said yet whether {inline(title)} changed {in_effect}.",
        direction=Direction.NEUTRAL,
        level=Certainty.LOW,
        because=effect.reason.rstrip(".") + ".",
    )


def _is_wide(effect: Effect | MeanEffect) -> bool:
    """Return whether the interval leaves a fall by a fifth, or a rise by a quarter, open."""
    if isinstance(effect, Effect):
        return leaves_much_open(effect.rate_ratio)
    return effect.share is None or effect.share.lower < -0.2 or effect.share.upper > 0.25


def _certainty(
    effect: Effect | MeanEffect,
    placebo: Effect | MeanEffect | NoEffect | None,
    panel: Panel,
    beside: DidItWork | None,
    words: Words,
) -> tuple[Certainty, str]:
    """Return how sure we are and why: interval, placebo, other estimators, what is withheld, how many sites."""
    reasons, doubts, grave = [], 0, 0
    if is_change(effect):
        reasons.append("the interval excludes no change")
    else:
        reasons.append("the interval includes no change")
        doubts += 1
        grave += _is_wide(effect)
    match placebo:
        case None:
            reasons.append("no placebo was tried")
            doubts += 1
        case NoEffect():
            reasons.append(f"the placebo could not be tried ({placebo.reason.rstrip('.')})")
            doubts += 1
        case _ if is_change(placebo):
            reasons.append(
                f"the placebo found a change where there should be none ({_effect_words(placebo, words)}), so "
                "something else may be at work"
            )
            grave += 1
        case _:
            reasons.append(f"the placebo found none, as it should ({_effect_words(placebo, words)})")
    if beside is not None:
        against, support = doubts_of(beside, words), support_of(beside)
        reasons += [support] if support else []
        reasons += [doubt.words for doubt in against]
        doubts += len(against)
        grave += any(doubt.grave for doubt in against)
    withheld = withheld_share(panel) if isinstance(effect, Effect) else effect.withheld_share
    if withheld > 0:
        reasons.append(
            f"{100 * withheld:.0f}% of the counts are withheld and known only between bounds, "
            "which the interval allows for"
            if isinstance(effect, Effect)
            else f"{max(100 * withheld, 1):.0f}% of the means are withheld and left out, and no interval allows for it"
        )
        # Bounds widen the interval already; what is left to doubt is how counts lie between them.
        doubts += withheld > SOME_WITHHELD
    reasons.append(
        f"{plural(effect.treated_sites, 'site')} with it, {effect.comparison_sites} with time without it to compare"
    )
    if effect.treated_periods <= effect.treated_sites:
        reasons.append("no site has had it for more than one period, so whether it lasts cannot be said")
        doubts += 1
    if effect.treated_sites < FEW_SITES or effect.comparison_sites < FEW_SITES:
        doubts += 1
        # Intervals of so few sites hold 3 truths in 4 if sites wander, and here nothing would have noticed.
        grave += beside is not None and beside.agreement is None and isinstance(beside.drift, str)
        if isinstance(effect, Effect):
            reasons.append(
                "with so few sites it cannot be told how far their rates wander by themselves, and the interval allows "
                "for chance in counting only"
            )
    level = Certainty.LOW if grave else Certainty.MODERATE if doubts else Certainty.HIGH
    sentence = "; ".join(reasons)
    rates = "rates" if isinstance(effect, Effect) else "means"
    return level, (
        f"{sentence}. It rests on this: without it, {rates} there would have risen and fallen as they did elsewhere, "
        "and nothing else changed there at the same time."
    )


def withheld_share(panel: Panel) -> float:
    """Return the share of counts so coarsely known that they must have been withheld, not only rounded.

    That is, whose largest possible count is more than twice the smallest.
    """
    used = ~panel.excluded & ~np.isnan(panel.lower)
    return float(np.mean(panel.upper[used] > 2 * panel.lower[used])) if used.any() else 0.0


def _effect_words(effect: Effect | MeanEffect, words: Words) -> str:
    found = main_effect(effect)
    name = words.effect[0].lower() + words.effect[1:]
    if isinstance(effect, Effect):
        return f"{name} {found.estimate:.2f}, 95% CI {found.lower:.2f} to {found.upper:.2f}"
    return f"{name}: {number(found.estimate)}, 95% CI {number(found.lower)} to {number(found.upper)}"


def _count(value: float) -> str:
    """Return a count no finer than its uncertainty deserves: two or three significant digits."""
    if value < 20:
        return f"{value:.0f}"
    return f"{round(value, -1):,.0f}" if value < 1000 else f"{float(f'{value:.3g}'):,.0f}"
