"""Charts for what is rare: how many cases lie between events (G), or how much time (T)."""

import numpy as np

from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.drawing import Lines, Points, Reading, draw
from rounds.learning.variation.over_time.individuals import individual_lines
from rounds.learning.variation.over_time.rebasing import Stretch
from rounds.learning.variation.over_time.rules import Vector
from rounds.learning.variation.over_time.windows import Flags

POWER = 3.6
"""Waiting times that are exponential are about normal to the power of 1 / 3.6."""


def g_chart(between: Vector, reading: Reading | None = None, *, counts_event: bool = False) -> Chart:
    """Return a chart of the cases between events: mean m, limits m +- 3 sqrt(m (m + 1)), not below 0.

    The centre line is drawn, and runs are counted, about the median: geometric counts are lopsided, and two of three
    lie below their mean. Few cases between events say that events became more frequent: of most, higher is better.

    Args:
        between: whole numbers >= 0, one for each event but the first; shape (events,).
        reading: limits alone and Anhøj's rules by default; other sets presume symmetry and are refused.
        counts_event: the case with the event is counted too, so that counts begin at 1: the spread is sqrt(m (m - 1)).

    Raises:
        ValueError: if a count is missing, not whole or too small, or as `draw`. What is withheld has no proper method
            here: a gap that is known only between bounds does not bound the cases between events.

    Source: Benneyan (2001), Health Care Manag Sci 4:305-318; Provost and Murray (2011), The Health Care Data Guide, for
        the median. It assumes the same chance of an event in each case.
    """
    least = 1 if counts_event else 0
    _refuse(between, "cases between events", least=least)
    if (between != np.floor(between)).any():
        place = int(np.argmax(between != np.floor(between))) + 1
        raise ValueError(f"point {place}: cases between events are whole numbers; time between events makes a T chart")

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        kept, size = between[stretch.first : stretch.end][baseline], stretch.end - stretch.first
        mean = float(kept.mean())
        sigma = float(np.sqrt(mean * (mean - 1 if counts_event else mean + 1)))
        if not sigma > 0:
            return "No limits are drawn: all points are equal, so there is no variation to measure."
        return Lines(
            centre=np.full(size, mean),
            sigma=np.full(size, sigma),
            lower=np.full(size, max(mean - 3 * sigma, 0.0)),
            upper=np.full(size, mean + 3 * sigma),
            shown_centre=float(np.median(kept)),
        )

    return draw(Kind.G, Points(lowest=between, highest=between), lines_of, reading or Reading())


def t_chart(between: Vector, reading: Reading | None = None, *, screen: bool = True) -> Chart:
    """Return a chart of the time between events: an I chart of time to the power of 1 / 3.6, carried back.

    Args:
        between: days, or another unit, >= 0; one for each event but the first, shape (events,). Times of 0, as of
            events on one day, leave the chart without the detail it needs: use a finer unit.
        reading: limits alone and Anhøj's rules by default; all sets may be used, on the transformed scale.
        screen: as in `i_chart`.

    Raises:
        ValueError: if a time is missing, infinite or below 0, or as `draw`.

    Source: Nelson (1994), J Qual Technol 26:239-243; Montgomery (2009), 7.3.5. It assumes that events happen at one
        rate.
    """
    _refuse(between, "time between events", least=0)
    scaled: Vector = between ** (1 / POWER)
    return draw(
        Kind.T,
        Points(lowest=scaled, highest=scaled, scale=_carried_back),
        individual_lines(scaled, Kind.I, screen=screen),
        reading or Reading(),
    )


def _carried_back(line: Vector) -> Vector:
    found: Vector = np.maximum(line, 0.0) ** POWER
    return found


def _refuse(between: Vector, what: str, *, least: int) -> None:
    if between.ndim != 1:
        raise ValueError(f"a series has one dimension, these values have shape {between.shape}")
    wrong = ~(np.isfinite(between) & (between >= least))
    if wrong.any():
        place = int(np.argmax(wrong)) + 1
        raise ValueError(f"point {place}: {what} is missing, infinite or below {least}; give every one")
