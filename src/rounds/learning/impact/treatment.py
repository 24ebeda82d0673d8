"""Which site-periods are with an innovation, without it, or in between: a panel, from the days it was taken up."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from rounds.learning.impact.effect import Matrix, MeanOf, Panel
from rounds.learning.impact.identification import check_panel, without_absurd


def build_panel(  # noqa: PLR0913 - what a panel is made of
    *,
    sites: Sequence[str],
    periods: Sequence[tuple[date, date]],
    lower: Matrix,
    upper: Matrix,
    exposure: Matrix,
    effective_from: Mapping[str, date],
    live_from: Mapping[str, date],
    stopped_on: Mapping[str, date],
    mean_of: MeanOf | None = None,
) -> Panel:
    """Return a panel in which each site-period is without the innovation, with it, or in between.

    A period is treated if the innovation was in effect on every day of it. Periods that touch the time from going
    live to the first treated one, and all that touch the time after stopping, are excluded. Counts that are none of
    events are left out, with a note (`without_absurd`).

    Args:
        sites: one name a row.
        periods: first and last day of each column, both included.
        lower: smallest possible counts, shape (sites, periods); NaN where missing.
        upper: largest possible counts, same shape.
        exposure: denominators, same shape.
        effective_from: first day the innovation was in effect (embedded), by site; absent if it never was.
        live_from: first day it went live, by site; the effective day stands in where it is absent.
        stopped_on: first day it no longer was in effect, by site.
        mean_of: what the numbers add up if means are taken of them; None for counts.

    Raises:
        ValueError: if shapes differ, a date is of an unknown site, dates of a site contradict each other, or counts do.
    """
    known = set(sites)
    for name, dates in (("effective_from", effective_from), ("live_from", live_from), ("stopped_on", stopped_on)):
        if strangers := sorted(set(dates) - known):
            raise ValueError(f"`{name}` has dates of {', '.join(strangers)}, not in the panel")
    treated = np.zeros((len(sites), len(periods)), dtype=np.bool_)
    excluded = treated.copy()
    for row, site in enumerate(sites):
        effective, stopped = effective_from.get(site), stopped_on.get(site)
        live = live_from.get(site, effective)
        if effective is not None and live is not None and live > effective:
            raise ValueError(f"site {site}: live from {live} but in effect from {effective}, which is earlier")
        if effective is not None and stopped is not None and stopped <= effective:
            raise ValueError(f"site {site}: stopped on {stopped}, not after it was in effect ({effective})")
        for column, (start, end) in enumerate(periods):
            treated[row, column] = effective is not None and effective <= start and (stopped is None or end < stopped)
            excluded[row, column] = not treated[row, column] and live is not None and live <= end
    panel = Panel(
        sites=tuple(sites),
        lower=lower,
        upper=upper,
        exposure=exposure,
        treated=treated,
        excluded=excluded,
        a_year=_periods_a_year(periods),
        mean_of=mean_of,
    )
    check_panel(panel)
    return without_absurd(panel, [start.isoformat() for start, _ in periods])


def _periods_a_year(periods: Sequence[tuple[date, date]]) -> int | None:
    """Return how many periods make a year, None where they are not of one length of days, months or quarters."""
    days = [(end - start).days + 1 for start, end in periods]
    for number, shortest, longest in ((52, 7, 7), (12, 28, 31), (4, 90, 92)):
        if days and shortest <= min(days) and max(days) <= longest:
            return number
    return None
