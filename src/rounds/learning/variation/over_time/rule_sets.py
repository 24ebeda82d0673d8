"""Rules that flag points of a chart, in the sets in which they were published."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.rules import Seen, Signals, nhs_signals
from rounds.learning.variation.over_time.windows import Flags, all_in_window, part_of, some_in_window
from rounds.learning.variation.over_time.withheld import possible_signals


class Rule(StrEnum):
    """One rule. The value names it; `says` puts it in words."""

    OUTSIDE = "outside"
    SHIFT = "shift"
    TREND = "trend"
    NEAR_LIMIT = "near_limit"
    TWO_OF_THREE = "two_of_three_beyond_2_sigma"
    FOUR_OF_FIVE = "four_of_five_beyond_1_sigma"
    EIGHT_ONE_SIDE = "eight_on_one_side"
    NINE_ONE_SIDE = "nine_on_one_side"
    SIX_TREND = "six_rising_or_falling"
    ALTERNATING = "fourteen_alternating"
    HUGGING = "fifteen_within_1_sigma"
    AVOIDING = "eight_beyond_1_sigma"
    LONG_RUN = "unusually_long_run"
    FEW_CROSSINGS = "unusually_few_crossings"

    @property
    def says(self) -> str:
        """What a point that the rule flags is part of."""
        return _SAYS[self]


_SAYS = {
    Rule.OUTSIDE: "a point outside the limits",
    Rule.SHIFT: "7 in a row on one side of the mean",
    Rule.TREND: "7 in a row rising or falling",
    Rule.NEAR_LIMIT: "2 of 3 near a limit, all three on that side of the mean",
    Rule.TWO_OF_THREE: "2 of 3 beyond two standard errors on one side",
    Rule.FOUR_OF_FIVE: "4 of 5 beyond one standard error on one side",
    Rule.EIGHT_ONE_SIDE: "8 in a row on one side of the centre",
    Rule.NINE_ONE_SIDE: "9 in a row on one side of the centre",
    Rule.SIX_TREND: "6 in a row rising or falling",
    Rule.ALTERNATING: "14 in a row going up and down by turns",
    Rule.HUGGING: "15 in a row within one standard error of the centre",
    Rule.AVOIDING: "8 in a row beyond one standard error, on either side",
    Rule.LONG_RUN: "the longest run on one side of the centre is longer than chance makes it",
    Rule.FEW_CROSSINGS: "the series crosses its centre more seldom than chance makes it",
}


class RuleSet(StrEnum):
    """Rules that were published together. A chart says which it was read by."""

    SHEWHART = "shewhart"
    NHS = "nhs"
    WESTERN_ELECTRIC = "western_electric"
    NELSON = "nelson"
    ANHOEJ = "anhoej"

    @property
    def rules(self) -> tuple[Rule, ...]:
        return _RULES[self]

    @property
    def named(self) -> str:
        return _TITLE[self]


_RULES = {
    RuleSet.SHEWHART: (Rule.OUTSIDE,),
    RuleSet.NHS: (Rule.OUTSIDE, Rule.SHIFT, Rule.TREND, Rule.NEAR_LIMIT),
    RuleSet.WESTERN_ELECTRIC: (Rule.OUTSIDE, Rule.TWO_OF_THREE, Rule.FOUR_OF_FIVE, Rule.EIGHT_ONE_SIDE),
    RuleSet.NELSON: (
        Rule.OUTSIDE,
        Rule.NINE_ONE_SIDE,
        Rule.SIX_TREND,
        Rule.ALTERNATING,
        Rule.TWO_OF_THREE,
        Rule.FOUR_OF_FIVE,
        Rule.HUGGING,
        Rule.AVOIDING,
    ),
    RuleSet.ANHOEJ: (Rule.LONG_RUN, Rule.FEW_CROSSINGS),
}
_TITLE = {
    RuleSet.SHEWHART: "limits alone",
    RuleSet.NHS: "NHS Making Data Count",
    RuleSet.WESTERN_ELECTRIC: "Western Electric (1956)",
    RuleSet.NELSON: "Nelson (1984)",
    RuleSet.ANHOEJ: "Anhøj and Olesen (2014)",
}

SYMMETRIC = {RuleSet.NHS, RuleSet.WESTERN_ELECTRIC, RuleSet.NELSON}
"""Sets with rules about distances from the centre, that presume as much spread above it as below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one rule flags. Arrays have shape (series, periods)."""

    rule: Rule
    flags: Flags
    direction: NDArray[np.int8]
    """1 high or rising, -1 low or falling, 0 where the rule has no direction or flags nothing"""


def certain_signals(seen: Seen, rules: tuple[Rule, ...]) -> tuple[Found, ...]:
    """Return what each rule flags for every value within the bounds; with exact points, what it flags.

    Anhøj's rules are about a whole series and stand in `runs.py`.

    Source: Western Electric (1956), Statistical Quality Control Handbook; Nelson (1984), J Qual Technol 16:237-239.
    """
    return _found(seen, rules, nhs_signals(seen) if _NHS_ONLY & set(rules) else None)


def possibly_flagged(seen: Seen, rules: tuple[Rule, ...]) -> tuple[Found, ...]:
    """Return what each rule flags for some values within the bounds, or more: each neighbour is looked at alone."""
    return _found(seen.perhaps, rules, possible_signals(seen) if _NHS_ONLY & set(rules) else None)


_NHS_ONLY = {Rule.SHIFT, Rule.TREND, Rule.NEAR_LIMIT}


def _found(seen: Seen, rules: tuple[Rule, ...], nhs: Signals | None) -> tuple[Found, ...]:
    side = np.where(seen.above(), np.int8(1), np.where(seen.below(), np.int8(-1), np.int8(0)))
    return tuple(_one(rule, seen, side, nhs) for rule in rules)


def _one(rule: Rule, seen: Seen, side: NDArray[np.int8], nhs: Signals | None) -> Found:
    if nhs is not None and rule in _NHS_ONLY:
        flags: Flags = getattr(nhs, rule.value)
        return Found(rule=rule, flags=flags, direction=nhs.direction * flags)
    if rule is Rule.OUTSIDE:
        return _directed(rule, seen.over, seen.under)
    if rule in _TWO_SIDED:
        sigmas, least, length = _TWO_SIDED[rule]
        up, down = (_counted(part, least, length) for part in (seen.above(sigmas), seen.below(sigmas)))
        return _directed(rule, up, down)
    if rule is Rule.SIX_TREND:
        up, down = (part_of(all_in_window(steps, 5), 6, side.shape[1]) for steps in (seen.rises, seen.falls))
        return _directed(rule, up, down)
    return Found(rule=rule, flags=_undirected(rule, seen), direction=np.zeros_like(side))


def _directed(rule: Rule, up: Flags, down: Flags) -> Found:
    return Found(rule=rule, flags=up | down, direction=up.astype(np.int8) - down.astype(np.int8))


_TWO_SIDED: dict[Rule, tuple[float, int, int]] = {
    Rule.TWO_OF_THREE: (2.0, 2, 3),
    Rule.FOUR_OF_FIVE: (1.0, 4, 5),
    Rule.EIGHT_ONE_SIDE: (0.0, 8, 8),
    Rule.NINE_ONE_SIDE: (0.0, 9, 9),
}
"""How many sigma beyond the centre, and how many points of how many."""


def _counted(part: Flags, least: int, length: int) -> Flags:
    """Return the points that count in a window where enough do: of "2 of 3" the third is not flagged."""
    return part & part_of(some_in_window(part, least, length), length, part.shape[1])


def _undirected(rule: Rule, seen: Seen) -> Flags:
    periods = seen.lowest.shape[1]
    if rule is Rule.ALTERNATING:
        up, down = seen.rises, seen.falls
        even = (np.arange(up.shape[1]) % 2 == 0)[None, :]
        windows = all_in_window(np.where(even, up, down), 13) | all_in_window(np.where(even, down, up), 13)
        return part_of(windows, 14, periods)
    if rule is Rule.HUGGING:
        low_line, high_line = seen.at_lowest, seen.at_highest
        inside = (seen.lowest > low_line.centre - low_line.sigma) & (seen.highest < high_line.centre + high_line.sigma)
        return part_of(all_in_window(inside, 15), 15, periods)
    return part_of(all_in_window(seen.above(1.0) | seen.below(1.0), 8), 8, periods)
