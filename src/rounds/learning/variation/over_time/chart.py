"""One result type for every chart over time: lines, what they rest on, and what each rule flags."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.rebasing import Rebase
from rounds.learning.variation.over_time.rule_sets import Rule, RuleSet
from rounds.learning.variation.over_time.rules import Vector
from rounds.learning.variation.over_time.runs import Runs
from rounds.learning.variation.over_time.windows import Flags


class Kind(StrEnum):
    """What is drawn."""

    RUN = "run"
    XMR = "xmr"
    I = "i"  # noqa: E741 - the chart's name
    MR = "mr"
    I_PRIME = "i_prime"
    P = "p"
    P_PRIME = "p_prime"
    U = "u"
    U_PRIME = "u_prime"
    C = "c"
    G = "g"
    T = "t"
    XBAR = "xbar"
    S = "s"
    R = "r"
    EWMA = "ewma"


class Better(StrEnum):
    """Which way is improvement; the same values as a measure's `better`."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Variation(StrEnum):
    """What the latest point says about change."""

    IMPROVEMENT = "improvement"
    CONCERN = "concern"
    NEITHER_HIGH = "neither_high"
    NEITHER_LOW = "neither_low"
    COMMON_CAUSE = "common_cause"


class Told(StrEnum):
    """What the bounds of withheld numbers let be said: for every value within them, for some, or for none."""

    CERTAIN = "certain"
    POSSIBLE = "possible"
    NO = "no"


class Assurance(StrEnum):
    """Whether the process, as it is, will meet its target."""

    CONSISTENTLY_PASSING = "consistently_passing"
    CONSISTENTLY_FAILING = "consistently_failing"
    HIT_AND_MISS = "hit_and_miss"
    NO_TARGET = "no_target"


VARIATION: dict[Better, tuple[Variation, Variation, Variation]] = {
    Better.HIGHER: (Variation.CONCERN, Variation.COMMON_CAUSE, Variation.IMPROVEMENT),
    Better.LOWER: (Variation.IMPROVEMENT, Variation.COMMON_CAUSE, Variation.CONCERN),
    Better.NEITHER: (Variation.NEITHER_LOW, Variation.COMMON_CAUSE, Variation.NEITHER_HIGH),
}
"""What a signal that points down, not at all, and up means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Points that share limits, from `first` to before `end`."""

    first: int
    end: int
    rebase: Rebase | None
    """from when and why limits were recalculated here; None for the first part"""
    no_limits: str | None
    """why these points have no limits, a sentence; None if they have"""
    runs: Runs | None = None
    """the runs about the centre, where Anhøj's rules were asked for and there is a centre"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """What one rule flags, shape (periods,)."""

    rule: Rule
    certain: Flags
    """for every value within the bounds of what is withheld; with exact points, what the rule flags"""
    possible: Flags
    """for some; holds the certain ones"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One series with its lines. Arrays have shape (periods,) and are in the unit of the values.

    Without limits a part's lines are NaN and its `no_limits` says why. `mean`, `lower`, `upper`, `no_limits` and the
    icons are those of the latest point.
    """

    kind: Kind
    values: Vector
    """what is plotted; NaN where it is withheld or missing"""
    lowest: Vector
    highest: Vector
    """between what each point lies; both its value where it is exact, NaN where it is missing"""
    centre_line: Vector
    lower_limits: Vector
    upper_limits: Vector
    """NaN also where a chart has no such limit"""
    parts: tuple[Part, ...]
    baseline: Flags
    """the points that limits rest on"""
    excluded: Flags
    """points that are drawn only"""
    rule_sets: tuple[RuleSet, ...]
    flagged: tuple[Flagged, ...]
    direction: NDArray[np.int8]
    """1 for a certain signal that is high or rising, -1 low or falling, 0 for none, or one without direction"""
    better: Better
    target: float | None

    @property
    def latest(self) -> Part:
        return self.parts[-1]

    @property
    def no_limits(self) -> str | None:
        return self.latest.no_limits

    @property
    def mean(self) -> float | None:
        """The centre line at the latest point."""
        return _number(self.centre_line)

    @property
    def lower(self) -> float | None:
        return _number(self.lower_limits)

    @property
    def upper(self) -> float | None:
        return _number(self.upper_limits)

    @property
    def judged(self) -> Flags:
        """Which points the rules were asked about: those with a centre line, that are not missing or left out."""
        return ~np.isnan(self.centre_line) & ~np.isnan(self.lowest) & ~self.excluded

    @property
    def bounded(self) -> bool:
        """Whether some points are known only between bounds."""
        return bool((self.lowest < self.highest).any())

    def certain(self, rule: Rule) -> Flags:
        """Return the points that a rule flags for certain; none if the chart was not read by it."""
        return next((found.certain for found in self.flagged if found.rule is rule), np.zeros(len(self.values), bool))

    def possible(self, rule: Rule) -> Flags:
        """Return the points that a rule flags for some values within the bounds."""
        return next((found.possible for found in self.flagged if found.rule is rule), np.zeros(len(self.values), bool))

    @property
    def outside(self) -> Flags:
        """The points outside the limits, for certain."""
        return self.certain(Rule.OUTSIDE)

    @property
    def shift(self) -> Flags:
        return self.certain(Rule.SHIFT)

    @property
    def trend(self) -> Flags:
        return self.certain(Rule.TREND)

    @property
    def near_limit(self) -> Flags:
        return self.certain(Rule.NEAR_LIMIT)

    @property
    def told(self) -> tuple[Told, ...]:
        """Whether each point is flagged by any rule: certain, possible or no; empty without a centre line."""
        if np.isnan(self.centre_line).all():
            return ()
        sure, may = (
            np.any([getattr(found, name) for found in self.flagged] or [np.zeros(len(self.values), bool)], axis=0)
            for name in ("certain", "possible")
        )
        return tuple(
            Told.CERTAIN if certain else Told.POSSIBLE if possible else Told.NO
            for certain, possible in zip(sure.tolist(), may.tolist(), strict=True)
        )

    @property
    def point_variation(self) -> tuple[Variation | None, ...]:
        """What each point says; None where it was not judged, is possibly flagged, or by a rule without direction."""
        told = self.told
        if not told:
            return ()
        meaning = VARIATION[self.better]
        return tuple(
            None if not judged or one is Told.POSSIBLE or (one is Told.CERTAIN and not way) else meaning[way + 1]
            for judged, one, way in zip(self.judged.tolist(), told, self.direction.tolist(), strict=True)
        )

    @property
    def variation(self) -> Variation | None:
        """The icon: that of the latest point; None without a centre line, or where it cannot be told."""
        found = self.point_variation
        return found[-1] if found else None

    @property
    def assurance(self) -> Assurance | None:
        """The target against the latest limits; None without limits."""
        if self.lower is None or self.upper is None:
            return None
        return assurance_of(self.lower, self.upper, self.better, self.target)


def assurance_of(lower: float, upper: float, better: Better, target: float | None) -> Assurance:
    """Return what limits promise about the target. A target on a limit can be missed and met."""
    if target is None or better is Better.NEITHER:
        return Assurance.NO_TARGET
    if lower <= target <= upper:
        return Assurance.HIT_AND_MISS
    above = target < lower
    return Assurance.CONSISTENTLY_PASSING if above == (better is Better.HIGHER) else Assurance.CONSISTENTLY_FAILING


def way_of(better: str) -> Better:
    """Return the direction that is named.

    Raises:
        ValueError: if it is none.
    """
    try:
        return Better(better)
    except ValueError:
        raise ValueError(f'better is "higher", "lower" or "neither", not "{better}"') from None


def _number(line: Vector) -> float | None:
    return None if not line.size or np.isnan(line[-1]) else float(line[-1])
