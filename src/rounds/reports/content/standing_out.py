"""All control charts of a round at once: which latest points stand out though so many are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.discovery import discoveries
from rounds.reports.content.wording import NETWORK, listing, number, plural
from rounds.reports.insight import Insight

RATE = 0.05
"""The share of named charts that may be there by chance alone."""
FEWEST_CHARTS = 5
"""With fewer, each chart's own false-alarm note says enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOut:
    """What holds of all charts together."""

    sentence: str
    certain: tuple[str, ...]
    """ids of insights that are named whatever withheld numbers are"""
    possible: tuple[str, ...]
    """ids of those that are for some values of what is withheld, and not for all"""

    def mark(self, insight: Insight) -> str:
        """Return what a table of icons says beside an insight's own."""
        return "stands out" if insight.id in self.certain else "may stand out" if insight.id in self.possible else ""


def _out_words(named: Sequence[str]) -> str:
    if not named:
        return "none stands out for certain"
    which = listing(named, limit=5)
    stand = "stands" if len(named) == 1 else "stand"
    return f"{len(named)} {stand} out, of which at most {RATE:.0%} are expected to by chance: {which}"


def standing_out(insights: Sequence[Insight]) -> StandingOut | None:
    """Return which organisations' charts stand out at their latest point; None if there are few charts.

    The budget is over organisations x measures: on average at most one in twenty of those named is there by chance.

    Args:
        insights: all of a round. Those of the network as a whole, which holds its members, are not tested.
    """
    charts = [one for one in insights if one.latest is not None and one.scope != NETWORK]
    if len(charts) < FEWEST_CHARTS:
        return None
    tests = [one.latest for one in charts if one.latest is not None]
    found = discoveries(
        np.array([test.p_lowest for test in tests]), highest=np.array([test.p_highest for test in tests]), rate=RATE
    )
    certain = [one for one, named in zip(charts, found.certain.tolist(), strict=True) if named]
    unsure = (found.possible & ~found.certain).tolist()
    possible = [one for one, named in zip(charts, unsure, strict=True) if named]
    flagged, expected = sum(test.flagged for test in tests), sum(test.false_alarms for test in tests)
    named = [f"{one.measure_title} at {one.scope_name}" for one in certain]
    return StandingOut(
        sentence=(
            f"Of {plural(len(charts), 'chart')} that can be tested, the rules flag the latest point of {flagged}; "
            f"chance alone would flag about {number(expected)}. Looked at together, each latest point against all "
            f"before it, {_out_words(named)}"
            f"{f', and {len(possible)} may, which withheld numbers do not let be told' if possible else ''}. "
            "Only the latest point is judged here: a change that began long ago is for the rules. A series that drifts "
            "or has seasons is named too often."
        ),
        certain=tuple(one.id for one in certain),
        possible=tuple(one.id for one in possible),
    )
