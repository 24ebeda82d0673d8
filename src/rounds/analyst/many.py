"""Many series at once: how many chance alone would flag, and which stand out though so many are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.chart import Chart, Told
from rounds.learning.variation.over_time.discovery import discoveries, latest_p_bounds
from rounds.learning.variation.over_time.false_alarms import false_alarms_of
from rounds.reports.content.wording import listing, number

RATE = 0.05
"""The share of named series that may be there by chance."""
FEWEST_SERIES = 5
"""With fewer, each chart's own false-alarm note says enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """What holds of all series together."""

    sentence: str
    named: tuple[bool, ...]
    """whether each series' latest point stands out within the discovery budget, for certain"""


def many(charts: Sequence[Chart], names: Sequence[str]) -> Many | None:
    """Return which of many series stand out at their latest point; None if there are few.

    Args:
        charts: of each series. Those without limits, or with a point missing, are not tested.
        names: of each.
    """
    if len(charts) < FEWEST_SERIES:
        return None
    p_values = np.array([latest_p_bounds(chart) for chart in charts])
    found = discoveries(p_values[:, 0], highest=p_values[:, 1], rate=RATE)
    flagged = sum(1 for chart in charts if chart.told and chart.told[-1] is Told.CERTAIN)
    expected = 0.0
    for chart in charts:
        rates = false_alarms_of(chart.kind, chart.rule_sets, chart.latest.end - chart.latest.first)
        expected += rates[0].latest_point if rates and chart.told else 0.0
    standing_out = [name for name, named in zip(names, found.certain.tolist(), strict=True) if named]
    which = f": {listing(standing_out)}" if standing_out else ""
    maybe = int((found.possible & ~found.certain).sum())
    unsure = f" {maybe:,} more possibly, which withheld numbers do not let be told." if maybe else ""
    return Many(
        sentence=(
            f"{len(charts):,} series: the latest point of {flagged:,} is flagged, and chance alone would flag about "
            f"{number(expected)}. {len(standing_out):,} of {found.tested:,} tested stand out, at most {RATE:.0%} of "
            f"them by chance{which}.{unsure} A series that drifts or has seasons is named too often."
        ),
        named=tuple(found.certain.tolist()),
    )
