"""Numbers known between bounds, and the shares they make."""

from dataclasses import dataclass, field
from math import inf, isnan, nan

import numpy as np
from numpy.typing import NDArray

from rounds.learning.intervals import Z95, wilson_ends

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Why there is no such number, and what would be needed."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """95 % confidence limits; where counts are known only between bounds they hold whatever the counts are."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Counts with what is known of each. Arrays have one shape."""

    value: Vector
    """NaN where withheld; a rounded one has bounds beside it"""
    lower: Vector
    upper: Vector
    """equal to the value where that is exact"""

    def __post_init__(self) -> None:
        if not self.value.shape == self.lower.shape == self.upper.shape:
            raise ValueError(f"shapes {self.value.shape}, {self.lower.shape} and {self.upper.shape}: give three alike")
        for wrong, problem in (
            (~(np.isfinite(self.lower) & np.isfinite(self.upper)), "has a bound that is missing or infinite"),
            (self.lower < 0, "has a lower bound below 0"),
            (self.lower > self.upper, "has its lower bound above its upper bound"),
            ((self.value < self.lower) | (self.value > self.upper), "has a value outside its bounds"),
            (np.isnan(self.value) & (self.lower == self.upper), "is withheld, yet its bounds are one number"),
        ):
            if wrong.any():
                raise ValueError(f"cell {int(np.argmax(wrong.ravel())) + 1} {problem}")

    @classmethod
    def exact(cls, value: Vector) -> "Known":
        """Return counts that are known."""
        return cls(value=value, lower=value, upper=value)

    @property
    def withheld(self) -> int:
        """How many have no value."""
        return int(np.isnan(self.value).sum())

    @property
    def is_exact(self) -> bool:
        return bool((self.lower == self.upper).all())

    def __add__(self, other: "Known") -> "Known":
        return Known(value=self.value + other.value, lower=self.lower + other.lower, upper=self.upper + other.upper)

    def total(self, among: slice = slice(None)) -> "Amount":
        """Return the sum of some of them, with its bounds."""
        return Amount(
            value=float(self.value[among].sum()),
            lower=float(self.lower[among].sum()),
            upper=float(self.upper[among].sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One number between bounds; its value is NaN where something in it is withheld."""

    value: float
    lower: float
    upper: float

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(value=self.value + other.value, lower=self.lower + other.lower, upper=self.upper + other.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of a whole."""

    value: float | None
    """None where something in it is withheld"""
    lower: float
    upper: float
    """the least and the most it can be; equal to the value where all counts are exact"""
    interval: Interval
    of: Amount = field(repr=False)
    """the whole"""


def share(part: Amount, rest: Amount) -> Share | None:
    """Return a part over the part and the rest, or None where there is nobody in either.

    The bounds are reached: the share rises with the part and falls with the rest, and so do Wilson's limits.

    Args:
        part: how many are in the part.
        rest: how many are not.

    Source: Wilson (1927), J Am Stat Assoc 22:209-212, at both ends of the bounds.
    """
    if part.upper + rest.upper == 0:
        return None
    lower, upper = _over(part.lower, rest.upper, 0.0), _over(part.upper, rest.lower, 1.0)
    value = lower if lower == upper else _over(part.value, rest.value, nan)
    return Share(
        value=None if isnan(value) else value,
        lower=lower,
        upper=upper,
        interval=Interval(
            lower=_wilson(part.lower, part.lower + rest.upper)[0], upper=_wilson(part.upper, part.upper + rest.lower)[1]
        ),
        of=part + rest,
    )


def _over(part: float, rest: float, empty: float) -> float:
    return part / (part + rest) if part + rest != 0 else empty


def _wilson(part: float, whole: float) -> tuple[float, float]:
    if whole == 0:
        return 0.0, 1.0
    low, high = wilson_ends(part / whole, whole, Z95)
    return float(low), float(high)


def inverse(of: Share | None) -> Amount | None:
    """Return how many there are for each in the part: alerts for each event, from the positive predictive value.

    Its upper bound is infinite where there may be none in the part.
    """
    if of is None:
        return None
    value = nan if of.value is None else 1 / of.value if of.value > 0 else inf
    return Amount(value=value, lower=1 / of.upper if of.upper else inf, upper=1 / of.lower if of.lower else inf)
