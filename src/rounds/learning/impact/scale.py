"""On which scale an effect is estimated, and how it is shown: a ratio of rates, or a difference of means."""

from enum import StrEnum

import numpy as np

from rounds.learning.impact.effect import Interval

_FARTHEST = 700.0
"""The largest exponent that a double holds."""


class Scale(StrEnum):
    """What estimators work on, and what is shown of it."""

    RATIO = "ratio"
    """logs of rates; shown as rate ratios"""
    UNITS = "units"
    """means as they are; shown as differences, in the measure's units"""

    @property
    def none(self) -> float:
        """What is shown where nothing changed."""
        return 1.0 if self is Scale.RATIO else 0.0

    def shown(self, value: float) -> float:
        """Return what is shown of a value on the scale that estimators work on.

        >>> Scale.UNITS.shown(-0.5), Scale.RATIO.shown(0.0)
        (-0.5, 1.0)
        """
        return float(np.exp(np.clip(value, -_FARTHEST, _FARTHEST))) if self is Scale.RATIO else float(value)

    def value_of(self, shown: float) -> float:
        """Return the value of which something is shown; a ratio is above 0."""
        return float(np.log(shown)) if self is Scale.RATIO else shown

    def interval(self, value: float, half: float) -> Interval:
        """Return what is shown of a value and of the interval that is `half` wide to each side of it."""
        ends = (self.shown(value), self.shown(value - half), self.shown(value + half))
        return Interval(estimate=ends[0], lower=ends[1], upper=ends[2])
