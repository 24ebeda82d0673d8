"""Words for an effect, and what a panel of estimators is about."""

from dataclasses import dataclass

from rounds.learning.impact.effect import Effect, Interval, MeanEffect
from rounds.learning.impact.scale import Scale
from rounds.reports.content.wording import number

UNLIKELY = 0.05
"""A p-value below this is called a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How effects on an outcome are spoken of: ratios of rates, or differences of means."""

    shown_in: str | None = None
    """what a mean is in, such as nights; None of counts"""

    @property
    def scale(self) -> Scale:
        return Scale.RATIO if self.shown_in is None else Scale.UNITS

    @property
    def effect(self) -> str:
        """What an effect is called, with its unit."""
        return "Rate ratio" if self.shown_in is None else f"Difference, {self.shown_in}"

    @property
    def axis(self) -> str:
        """What a chart of effects has on its axis."""
        if self.shown_in is None:
            return "Rate with it over rate without it (log scale)"
        return f"Mean with it less mean without it, {self.shown_in}"

    @property
    def observed(self) -> str:
        """What a chart calls what was seen."""
        return "Counted: possible range" if self.shown_in is None else "Mean, and its possible range"

    @property
    def unit(self) -> str:
        """The unit of a mean after its title, with a comma; nothing for counts."""
        return "" if self.shown_in is None else f", {self.shown_in},"

    def change(self, effect: float) -> str:
        """Return an effect as a board reads it.

        >>> Words().change(0.5), Words().change(1.0), Words(shown_in="nights").change(-0.5)
        ('50% fewer', 'no change', '0.50 nights lower')
        """
        if self.shown_in is None:
            return change_words(effect)
        way = "lower" if effect < 0 else "higher"
        return f"{number(abs(effect))} {self.shown_in} {way}" if effect else "no change"

    def pace(self, value: float) -> str:
        """Return how fast something moves a period, from a value on the scale of estimators."""
        if self.shown_in is None:
            return f"{100 * (self.scale.shown(value) - 1):+.1f}%"
        return f"{value:+.2g} {self.shown_in}"


RATIOS = Words()


def leaves_much_open(ratio: Interval) -> bool:
    """Return whether an interval of rate ratios leaves a fall by a fifth, or a rise by a quarter, open."""
    return ratio.lower < 0.8 or ratio.upper > 1.25


def main_effect(effect: Effect | MeanEffect) -> Interval:
    """Return the effect that is spoken of: the rate ratio, or the difference of means."""
    return effect.rate_ratio if isinstance(effect, Effect) else effect.difference


def is_change(effect: Effect | MeanEffect) -> bool:
    """Return whether the interval excludes no change."""
    none, found = 1.0 if isinstance(effect, Effect) else 0.0, main_effect(effect)
    return found.lower > none or found.upper < none


def mean_notes(effect: MeanEffect, words: Words) -> tuple[str, ...]:
    """Return what an effect on a mean rests on and leaves open beside its interval, a sentence each."""
    notes = ["Means are weighted by how many they are of, so the effect is that on an average one of them."]
    if effect.rounding > 0:
        notes.append(
            f"Means were rounded. The interval takes that for scatter; if every one of them were off the "
            f"same wrong way, the difference would be {number(effect.rounding)} {words.shown_in} lower or higher."
        )
    if effect.share is None:
        notes.append("No share is given: without it the mean may be 0 or below.")
    return tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the exhibits are about, in words."""

    subject: str
    """what was measured, and where it is in effect, for the charts' titles"""
    better: str
    """which way is better, in words"""
    period: str
    """what a period is called: "month" """
    words: Words = RATIOS


def change_words(ratio: float) -> str:
    """Return a rate ratio as a board reads it.

    >>> change_words(0.5), change_words(1.2), change_words(1.0)
    ('50% fewer', '20% more', 'no change')
    """
    change = round(100 * (ratio - 1))
    return f"{abs(change)}% {'fewer' if change < 0 else 'more'}" if change else "no change"
