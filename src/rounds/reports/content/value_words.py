"""How money, ratios and what follows from them are written in a sentence that a board understands."""

from typing import Final

import numpy as np

from rounds.learning.value.decision import Curves
from rounds.learning.value.frontier import Place, Step
from rounds.learning.value.simulations import SAME, Comparison, Interval, Verdict
from rounds.reports.content.wording import listing, number, quoted
from rounds.reports.insight import Certainty

SIGNS: Final = {"GBP": "£", "EUR": "€", "USD": "$"}
MINUS: Final = "\u2212"
SURE, LEANING = 0.95, 0.8
"""Chances from which on a statement is called sure, or likely."""


def money(value: float, currency: str) -> str:
    """Return a sum as people say it, to three figures.

    >>> money(597_123.4, "GBP"), money(-1_234_567, "GBP"), money(0.5, "EUR"), money(999.9, "CHF")
    ('£597,000', '−£1.23 million', '€0.50', 'CHF 1,000')
    """
    size = abs(value)
    rounded = float(f"{size:.3g}")
    if rounded >= 1e9:
        text = f"{rounded / 1e9:.3g} billion"
    elif rounded >= 1e6:
        text = f"{rounded / 1e6:.3g} million"
    elif rounded >= 100:
        text = f"{rounded:,.0f}"
    else:
        text = f"{size:,.2f}"
    return f"{MINUS if value < 0 and rounded else ''}{sign_of(currency)}{text}"


def sign_of(currency: str) -> str:
    """Return what stands before a sum: "£", or "CHF " where no sign is usual."""
    return SIGNS.get(currency, f"{currency} ")


def signed(value: float) -> str:
    """Return a number with a true minus sign."""
    return f"{MINUS}{number(-value)}" if value < 0 else number(value)


def money_span(found: Interval, currency: str) -> str:
    """Return a sum with its interval."""
    return (
        f"{money(found.estimate, currency)} (95% interval {money(found.lower, currency)} to "
        f"{money(found.upper, currency)})"
    )


def span(found: Interval, unit: str = "") -> str:
    """Return a number with its interval."""
    shown = f"{signed(found.estimate)}{f' {unit}' if unit else ''}"
    return f"{shown} (95% interval {signed(found.lower)} to {signed(found.upper)})"


def chance(share: float) -> str:
    """Return a probability as a percentage that never claims certainty.

    >>> chance(0.5), chance(0.9999), chance(0.0)
    ('50%', 'more than 99%', 'less than 1%')
    """
    if share > 0.99:
        return "more than 99%"
    return "less than 1%" if share < 0.01 else f"{100 * share:.0f}%"


def odds(share: float) -> str:
    """Return a probability in words: "9 times in 10".

    >>> odds(0.89), odds(0.999), odds(0.52), odds(0.02)
    ('9 times in 10', 'almost always', '1 time in 2', 'hardly ever')
    """
    if share >= 0.975:
        return "almost always"
    if share < 0.025:
        return "hardly ever"
    best = min(
        ((top, bottom) for bottom in (2, 3, 4, 5, 10, 20) for top in range(1, bottom)),
        key=lambda pair: (round(abs(pair[0] / pair[1] - share), 2), pair[1]),
    )
    return f"{best[0]} time{'' if best[0] == 1 else 's'} in {best[1]}"


def level_of(share: float) -> tuple[Certainty, str]:
    """Return how sure a choice is by the probability that it is right, and why."""
    reason = f"the choice turns out right in {chance(share)} of simulations of everything that is not known"
    if share >= SURE:
        return Certainty.HIGH, reason
    return (Certainty.MODERATE if share >= LEANING else Certainty.LOW), reason


def comparison_words(found: Comparison, unit: str, currency: str) -> str:
    """Return how one option stands to another, as a sentence."""
    who = f"{quoted(found.option)} compared with {quoted(found.against)}"
    match found.verdict:
        case Verdict.DOMINATES:
            return f"{who} gains more and costs no more on average: it dominates, and needs no ratio."
        case Verdict.DOMINATED:
            return f"{who} gains less and costs no less on average: it is dominated, and needs no ratio."
        case Verdict.CHEAPER_FOR_THE_SAME | Verdict.DEARER_FOR_THE_SAME | Verdict.THE_SAME:
            return f"{who} {found.verdict}: with equal effects a cost per {unit} is not defined."
        case Verdict.GAINS_FOR_MORE:
            return f"{who} costs {_ratio(found, currency)} for each {unit} gained."
        case Verdict.SAVES_FOR_LESS:
            return f"{who} saves {_ratio(found, currency)} for each {unit} lost."


def _ratio(found: Comparison, currency: str) -> str:
    shown = money(found.icer or 0.0, currency)
    if found.icer_interval is None:
        return f"{shown} (no interval: in more than 1 in 40 simulations it gains nothing, at any price)"
    lower, upper = found.icer_interval
    if lower < 0 < upper and found.verdict is Verdict.GAINS_FOR_MORE:
        return f"{shown} (95% interval from saving money to {money(upper, currency)})"
    return f"{shown} (95% interval {money(lower, currency)} to {money(upper, currency)})"


def step_words(step: Step, unit: str, currency: str) -> str:
    """Return what an option's place on the frontier means, as a sentence."""
    name = quoted(step.option)
    match step.place:
        case Place.DOMINATED:
            return f"{name} is dominated: {quoted(step.by[0])} gains as much or more for as little or less."
        case Place.EXTENDEDLY_DOMINATED:
            return (
                f"{name} is extendedly dominated: some of {quoted(step.by[0])} and some of {quoted(step.by[1])} "
                "together gain more for the same cost."
            )
        case Place.THE_SAME:
            return f"{name} costs and gains the same as {quoted(step.by[0])}."
        case Place.ON_FRONTIER:
            if step.icer is None:
                return f"{name} gains the least of the options worth considering; the others are held against it."
            return (
                f"{name} costs {money(step.icer, currency)} for each further {unit}, compared with "
                f"{quoted(step.from_option or '')}."
            )


def choice_words(found: Curves, at: int, unit: str, currency: str) -> str:
    """Return which option to choose at a worth, how likely that is right, and what knowing more could bring."""
    worth, best = float(found.worths[at]), found.options[int(found.best[at])]
    right = float(found.frontier[at])
    expected = found.expected[at]
    close = SAME * float(np.abs(expected).max())
    tied = [quoted(name) for name, one in zip(found.options, expected, strict=True) if expected.max() - one <= close]
    if len(tied) > 1:
        return f"If one {unit} is worth {money(worth, currency)}, {listing(tied)} are equally good on average."
    others = [quoted(name) for name in found.options if name != best]
    return (
        f"If one {unit} is worth {money(worth, currency)}, choose {quoted(best)}, not {listing(others)}: it is best in "
        f"{chance(right)} of simulations ({odds(right)}). To know everything for certain before choosing would be "
        f"worth at most {money(float(found.evpi[at]), currency)} for each decision of this size."
    )
