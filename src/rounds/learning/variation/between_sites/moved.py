"""Whether those that stood out at a baseline moved by more than chance alone, whatever withheld counts truly are."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.intervals import Vector
from rounds.learning.variation.between_sites.regression_to_mean import Flags, Regression, TwoTimes, regression_to_mean
from rounds.learning.variation.between_sites.shrunken import shrunken
from rounds.learning.variation.case_mix.families import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedTimes:
    """Bounds of the counts of the same organisations at two times; equal where exact. Shape (organisations,)."""

    before_lower: Vector
    before_upper: Vector
    sizes_before: Vector
    after_lower: Vector
    after_upper: Vector
    sizes_after: Vector
    family: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The lowest and the highest that something can be, given the bounds."""

    lower: Vector
    upper: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What those picked did, against where chance alone puts them. Arrays have shape (organisations + 1,).

    The last of each is of all picked together; it is not a number where `reason` says why.
    """

    baseline: Range
    expected: Vector
    """at the follow-up by chance alone, in the middle of what the bounds allow"""
    chance: Range
    """where chance alone puts them, at its widest over all that the bounds of the others allow"""
    inner: Range
    """the same at its narrowest: what lies within is within chance whatever the counts are"""
    actual: Range
    reason: str | None

    @property
    def beyond(self) -> Flags:
        """Whether each lies outside what chance alone gives, for every count within the bounds."""
        found: Flags = (self.actual.lower > self.chance.upper) | (self.actual.upper < self.chance.lower)
        return found

    @property
    def within(self) -> Flags:
        """Whether each lies inside it for every count within the bounds; where neither holds it cannot be told."""
        found: Flags = (self.actual.lower >= self.inner.lower) & (self.actual.upper <= self.inner.upper)
        return found


def moved(times: BoundedTimes, *, picked: Flags, confidence: float = 0.95) -> Moved:
    """Return whether picked organisations moved by more than regression to the mean, whatever withheld counts are.

    What is believed of each at the baseline is of highest likelihood given its bounds. How those not picked moved is
    taken at both ends of the bounds of their follow-up, and both ends of those picked are held against each.

    Args:
        times: bounds before and after.
        picked: shape (organisations,), by what they were at the baseline alone.
        confidence: above 0, below 1.

    Raises:
        ValueError: as `regression_to_mean` and `shrunken`.
    """
    before = shrunken(
        events_lower=times.before_lower,
        events_upper=times.before_upper,
        sizes=times.sizes_before,
        family=times.family,
    )

    def at(after: Vector) -> Regression:
        exact = TwoTimes(
            events_before=(times.before_lower + times.before_upper) / 2,  # believed is from their bounds
            sizes_before=times.sizes_before,
            events_after=after,
            sizes_after=times.sizes_after,
            family=times.family,
        )
        return regression_to_mean(exact, picked=picked, confidence=confidence, before=before)

    ends = (at(times.after_lower), at(times.after_upper))
    lowest = np.stack([np.append(one.lower, one.lower_picked) for one in ends])
    highest = np.stack([np.append(one.upper, one.upper_picked) for one in ends])
    return Moved(
        baseline=_rates(times.before_lower, times.before_upper, times.sizes_before, picked),
        expected=np.stack([np.append(one.expected, one.expected_picked) for one in ends]).mean(axis=0),
        chance=Range(lower=lowest.min(axis=0), upper=highest.max(axis=0)),
        inner=Range(lower=lowest.max(axis=0), upper=highest.min(axis=0)),
        actual=_rates(times.after_lower, times.after_upper, times.sizes_after, picked),
        reason=ends[0].reason,
    )


def _rates(lower: Vector, upper: Vector, sizes: Vector, picked: Flags) -> Range:
    size = sizes[picked].sum() or np.nan
    return Range(
        lower=np.append(lower / sizes, float(lower[picked].sum() / size)),
        upper=np.append(upper / sizes, float(upper[picked].sum() / size)),
    )
