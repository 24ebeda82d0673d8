"""The NHS rules of an XmR chart, one small table each.

Each table gives a series, which way is better, and one letter per point: "." common cause, "I" improvement, "C"
concern, "H" and "L" a special cause high or low where neither way is better. "x" marks the points one rule flags.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from rounds.learning.variation.over_time.chart import Assurance, Better, Variation
from rounds.learning.variation.over_time.xmr import xmr_chart

LETTER = {
    Variation.COMMON_CAUSE: ".",
    Variation.IMPROVEMENT: "I",
    Variation.CONCERN: "C",
    Variation.NEITHER_HIGH: "H",
    Variation.NEITHER_LOW: "L",
}


@dataclass(frozen=True)
class Case:
    says: str
    rule: str
    values: str
    flagged: str
    better: Better
    meaning: str


CASES = (
    Case(
        "a point beyond a limit is a special cause, whichever way",
        "outside",
        "50 51 50 49 50 51 50 49 50 60 50 49 50 51 40 50",
        ".........x....x.",
        Better.HIGHER,
        ".........I....C.",
    ),
    Case(
        "seven points in a row above the mean are a shift",
        "shift",
        "48 44 49 43 48 45 52 57 53 58 52 56 53 45 49 44",
        "......xxxxxxx...",
        Better.HIGHER,
        "......IIIIIII...",
    ),
    Case(
        "six are not",
        "shift",
        "48 44 49 43 48 45 52 57 53 58 52 56 45 45 49 44",
        "................",
        Better.HIGHER,
        "................",
    ),
    Case(
        "a point on the mean breaks a run",
        "shift",
        "52 48 52 48 54 46 52 48 47 46 47 50 48 47 49 60",
        "................",
        Better.LOWER,
        "...............C",
    ),
    Case(
        "seven points in a row rising are a trend, on either side of the mean",
        "trend",
        "52 47 53 46 47 48 49 50 51 52 48 53 47 52 46 54",
        "...xxxxxxx......",
        Better.LOWER,
        "...CCCCCCC......",
    ),
    Case(
        "six are not",
        "trend",
        "52 47 53 46 47 48 49 50 51 48 53 47 52 46 54 49",
        "................",
        Better.LOWER,
        "................",
    ),
    Case(
        "two equal points break a trend",
        "trend",
        "52 47 53 46 47 48 49 49 50 51 48 53 47 52 46 54",
        "................",
        Better.LOWER,
        "................",
    ),
    Case(
        "where one trend turns into another, the turning point belongs to the second",
        "trend",
        "50 44 46 48 50 52 54 56 54 52 50 48 46 44 50 47",
        ".xxxxxxxxxxxxx..",
        Better.HIGHER,
        ".IIIIIICCCCCCC..",
    ),
    Case(
        "two of three points near the same limit are a special cause; the third, on that side, is none",
        "near_limit",
        "50 51 50 51 50 51 50 54 52 54 50 51 50 51 50 51",
        ".......x.x......",
        Better.HIGHER,
        ".......I.I......",
    ),
    Case(
        "near opposite limits they are not",
        "near_limit",
        "50 51 50 51 50 51 50 51 53 50 48 51 50 51 50 51 50 51 50 51",
        "....................",
        Better.HIGHER,
        "....................",
    ),
    Case(
        "where neither way is better, the icon only says high or low",
        "outside",
        "50 51 50 49 50 51 50 49 50 60 50 49 50 51 40 50",
        ".........x....x.",
        Better.NEITHER,
        ".........H....L.",
    ),
    Case(
        "a point outside the limits points its own way, even in a trend the other way",
        "trend",
        "50 51 50 51 50 51 50 51 50 55 54 53 52 51 50 49 48 47 51 50 51 50 51",
        ".........xxxxxxxxx.....",
        Better.HIGHER,
        ".........IICCCCCCC.....",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}: {case.says}" for case in CASES])
def test_rule(case: Case) -> None:
    chart = xmr_chart(values=np.array(case.values.split(), dtype=float), better=case.better)
    flags = {"outside": chart.outside, "shift": chart.shift, "trend": chart.trend, "near_limit": chart.near_limit}
    assert "".join("x" if flag else "." for flag in flags[case.rule]) == case.flagged
    assert "".join(LETTER[point] for point in chart.point_variation) == case.meaning
    assert chart.variation is chart.point_variation[-1]


@pytest.mark.parametrize(
    ("target", "better", "icon"),
    [
        (60.0, Better.HIGHER, Assurance.CONSISTENTLY_FAILING),
        (60.0, Better.LOWER, Assurance.CONSISTENTLY_PASSING),
        (40.0, Better.HIGHER, Assurance.CONSISTENTLY_PASSING),
        (40.0, Better.LOWER, Assurance.CONSISTENTLY_FAILING),
        (50.0, Better.HIGHER, Assurance.HIT_AND_MISS),
        (55.32, Better.HIGHER, Assurance.HIT_AND_MISS),
        (55.33, Better.HIGHER, Assurance.CONSISTENTLY_FAILING),
        (44.68, Better.LOWER, Assurance.HIT_AND_MISS),
        (44.67, Better.LOWER, Assurance.CONSISTENTLY_FAILING),
        (60.0, Better.NEITHER, Assurance.NO_TARGET),
        (None, Better.HIGHER, Assurance.NO_TARGET),
    ],
)
def test_assurance(target: float | None, better: Better, icon: Assurance) -> None:
    """Limits of 49 and 51 in turn are 50 +- 2.66 x 2: from 44.68 to 55.32. A target on a limit is hit and missed."""
    assert xmr_chart(values=np.array([49.0, 51] * 6), better=better, target=target).assurance is icon


@pytest.mark.parametrize(
    ("screen", "width"),
    [(True, 2.66 * 2), (False, 2.66 * (21 * 2 + 19 + 19) / 23)],
)
def test_screening_leaves_a_jump_out_of_the_limits(screen: bool, width: float) -> None:
    values = np.array([49.0, 51] * 6 + [70.0] + [51.0, 49] * 5 + [51.0])
    chart = xmr_chart(values=values, better="higher", screen=screen)
    assert chart.mean is not None
    assert chart.upper == pytest.approx(chart.mean + width)
    assert chart.lower == pytest.approx(chart.mean - width)
