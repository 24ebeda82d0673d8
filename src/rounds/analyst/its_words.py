"""One organisation before and after, alone or beside others, in words: what was found, how sure that is and why."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Interval, NoEffect
from rounds.learning.impact.single_site.findings import ENOUGH
from rounds.learning.impact.single_site.interrupted import Interrupted
from rounds.learning.impact.single_site.means import InterruptedMean
from rounds.learning.impact.single_site.reckoned import SYNTHETIC, Beside, Reckoned, Untold
from rounds.learning.impact.single_site.regression import Family
from rounds.reports.content.impact_words import leaves_much_open
from rounds.reports.content.wording import number
from rounds.reports.insight import Certainty

ITS = "Interrupted time series"
_NAMED = 4
_LIKELY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Sure:
    """How certain a finding is, and why."""

    level: Certainty
    because: str


def said(beside: Beside, leading: Interrupted | NoEffect) -> tuple[str, ...]:
    """Return what the two other ways say and whether the three agree, a sentence each."""
    lines = []
    if isinstance(beside.synthetic, Reckoned) and beside.mixture is not None:
        order = np.argsort(-beside.mixture.weights)
        named = [
            f"{100 * beside.mixture.weights[at]:.0f}% {beside.mixture.donors[at]}"
            for at in order[:_NAMED]
            if beside.mixture.weights[at] >= 0.005
        ]
        more = int(np.sum(beside.mixture.weights >= 0.005)) - len(named)
        made = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        lines.append(f"Beside the mixture of others nearest before ({made}): {_ratio(beside.synthetic)}.")
    if isinstance(beside.structural, Reckoned):
        lines.append(
            f"By a level that wanders as it did and moves with the others as it did: {_ratio(beside.structural)}."
        )
    untold = [one for one in (beside.synthetic, beside.structural) if isinstance(one, Untold)]
    if len(untold) == 2 and isinstance(leading, NoEffect):
        return ()
    if len(untold) == 2 and untold[0].reason == untold[1].reason:
        lines.append(f"{SYNTHETIC} and structural time series say nothing: {untold[0].reason}.")
    else:
        lines += [f"{one.name} says nothing: {one.reason}." for one in untold]
    return (*lines, *_agreement(beside, leading))


def remarks(beside: Beside) -> tuple[str, ...]:
    """Return what stands behind the two other ways, a sentence each."""
    notes = list(beside.notes)
    mixture = beside.mixture
    if mixture is not None and isinstance(beside.synthetic, Reckoned):
        notes.append(
            f"{SYNTHETIC}: before, the mixture is off by {mixture.misses:.0%} of the rate in a typical period. Each of "
            f"the {len(mixture.donors)} others was held against its own mixture: {mixture.as_far or 'none'} moved as "
            f"far (p = {beside.synthetic.p_value:.2g}; the smallest there can be is {mixture.smallest_p:.2g})."
        )
        if not mixture.unique:
            ends = " to ".join(_change(one) for one in sorted(mixture.ratio_range))
            notes.append(f"Many mixtures are as near before; by which of them is taken it says anything from {ends}.")
        if mixture.importance:
            counts = ", ".join(f"{what} {share:.0%}" for what, share in mixture.importance)
            best = "no other brings rates before nearer" if mixture.best else "the best of several searches"
            notes.append(f"The mixture matches, by importance: {counts} ({best}).")
    told = [one for one in (beside.synthetic, beside.structural) if isinstance(one, Reckoned)]
    if told and beside.completed > 1:
        widest = "; of the mixture the widest limits and the largest p are given" if mixture is not None else ""
        ways = " and ".join(one.name.lower() for one in told)
        notes.append(f"For {ways}, {beside.completed} sets of counts were drawn from between their bounds{widest}.")
    return (*notes, *(f"{one.name} assumes: {one.assumes} {one.method}." for one in told))


def sure_of(leading: Interrupted | InterruptedMean | NoEffect, beside: Beside | None) -> Sure:
    """Return how certain it is what a change did at one organisation, and why; never more than moderate."""
    if isinstance(leading, NoEffect):
        return Sure(level=Certainty.LOW, because=leading.reason)
    doubts = []
    if not leading.controls:
        doubts.append("nobody is compared with, so anything else that changed at that time reads as an effect")
    if min(leading.before, leading.after) < ENOUGH:
        doubts.append(f"there are fewer than {ENOUGH} periods before or after")
    if isinstance(leading, Interrupted) and not _told(leading.rate_ratio) and leaves_much_open(leading.rate_ratio):
        doubts.append("the interval leaves both no change and a large one open")
    if isinstance(leading, InterruptedMean):
        doubts.append("of a mean no other way is set beside it")
    elif beside is not None:
        if beside.flagged:
            doubts.append("ways of reckoning what would have been disagree by more than chance")
        elif not beside.differences:
            doubts.append("no other way could be set beside it")
        mixture = beside.mixture
        if (
            _told(leading.rate_ratio)
            and mixture is not None
            and mixture.as_far
            and isinstance(beside.synthetic, Reckoned)
            and beside.synthetic.p_value > _LIKELY
        ):
            doubts.append(f"{mixture.as_far} of {len(mixture.donors)} others moved as far from their own mixtures")
    if doubts:
        return Sure(level=Certainty.LOW, because="; ".join(doubts) + ".")
    return Sure(
        level=Certainty.MODERATE,
        because="it is compared with others and the ways of reckoning agree within chance; but one organisation "
        "changed, and what else happened there at that time cannot be told from it.",
    )


def _agreement(beside: Beside, leading: Interrupted | NoEffect) -> tuple[str, ...]:
    if isinstance(leading, NoEffect) or not beside.differences:
        return ()
    if beside.flagged:
        which = " and ".join(
            f"{one.name.lower()} says {_change(one.ratio)} events than {ITS.lower()}" for one in beside.flagged
        )
        return (f"They disagree: {which}, by more than chance makes likely. None is chosen by its result.",)
    judged = {one.name for one in beside.differences}
    ratios = {ITS: leading.rate_ratio} | {
        one.name: one.rate_ratio
        for one in (beside.synthetic, beside.structural)
        if isinstance(one, Reckoned) and one.name in judged
    }
    clear = [name for name, ratio in ratios.items() if _told(ratio)]
    who = "All three" if len(ratios) == 3 else f"{ITS} and {next(name for name in ratios if name != ITS).lower()}"
    words = f"{who} agree within chance"
    if 0 < len(clear) < len(ratios):
        words += f", though only {' and '.join(name.lower() for name in clear)} can tell it from no change"
    return (f"{words}.",)


def _ratio(one: Reckoned) -> str:
    if not one.limited:
        return f"{_change(one.rate_ratio.estimate)} events; limits of 95% cannot be told"
    kind = "confidence" if one.name == SYNTHETIC else "credible"
    ends = sorted((one.rate_ratio.lower, one.rate_ratio.upper), key=lambda end: abs(end - 1.0))
    return f"{_change(one.rate_ratio.estimate)} events (95% {kind} interval {_change(ends[0])} to {_change(ends[1])})"


def _told(ratio: Interval) -> bool:
    return not ratio.lower <= 1.0 <= ratio.upper


def _change(ratio: float) -> str:
    return f"{number(abs(100.0 * (ratio - 1.0)))}% {'fewer' if ratio < 1.0 else 'more'}"


def sentences(name: str, label: str, found: Interrupted | NoEffect, grain: str) -> tuple[str, ...]:
    """Return what interrupted time series found, a sentence each.

    Args:
        name: of the organisation.
        label: of the first period with the change.
        found: what was found, or why nothing can be said.
        grain: what a period is: "month".
    """
    if isinstance(found, NoEffect):
        return (f"{name}: whether the change in {label} did anything cannot be said. {found.reason}",)
    against = "than was to be expected from its own past" + (
        f" and {others_in_words(len(found.controls))}" if found.controls else ""
    )
    ratio = found.rate_ratio
    first = f"{name}: from {label} on there were {_percent(ratio)} {against}"
    if ratio.lower <= 1.0 <= ratio.upper:
        first = (
            f"{name}: from {label} on no change can be told {against.replace('than was', 'from what was')}: "
            f"anything from {_change(ratio.lower)} to {_change(ratio.upper)}"
        )
    avoided = found.avoided
    lines = [
        f"{first}.",
        f"That is {number(abs(avoided.estimate))} events {'fewer' if avoided.estimate >= 0 else 'more'} in "
        f"{found.after} {grain}s (95% confidence interval {_fewer(avoided.lower)} to {_fewer(avoided.upper)}).",
        f"At once the level changed by {_signed(found.level)}."
        + ("" if found.slope is None else f" The trend changed by {_signed(found.slope)} a {grain}."),
    ]
    return tuple(lines)


def others_in_words(number_of: int) -> str:
    """Return "1 other" or "5 others"."""
    return "1 other" if number_of == 1 else f"{number_of} others"


def _percent(ratio: Interval) -> str:
    ends = sorted((ratio.lower, ratio.upper), key=lambda end: abs(end - 1.0))
    return f"{_change(ratio.estimate)} events (95% confidence interval {_change(ends[0])} to {_change(ends[1])})"


def _fewer(avoided: float) -> str:
    return f"{number(abs(avoided))} {'fewer' if avoided >= 0 else 'more'}"


def _signed(ratio: Interval) -> str:
    estimate, lower, upper = (100.0 * (end - 1.0) for end in (ratio.estimate, ratio.lower, ratio.upper))
    return f"{estimate:+.1f}% (95% confidence interval {lower:+.1f}% to {upper:+.1f}%)"


def how(found: Interrupted) -> str:
    """Return how counts vary and how errors were reckoned."""
    words = {
        Family.POISSON: "Poisson",
        Family.QUASI_POISSON: f"quasi-Poisson, variance {number(found.dispersion)} times the mean",
        Family.NEGATIVE_BINOMIAL: f"negative binomial, over-dispersion {number(found.dispersion)}",
    }
    return (
        f"{words[found.family]}; errors look back {found.lag} periods (Newey and West), and are never smaller than "
        f"those of independent counts. {found.method}."
    )
