"""Levels of their own: sites whose counts mean something else from a day on, by a definition or by a merger."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from rounds.learning.bounded.counts import Vector
from rounds.learning.impact.effect import Panel
from rounds.learning.impact.identification import Mask

Days = tuple[date, date]
"""First and last day of a period, both included."""
_ONE_DAY = timedelta(days=1)


def with_levels(panel: Panel, periods: Sequence[Days], breaks: Mapping[str, Sequence[date]]) -> Panel:
    """Return a panel in which a site's counts before and after each of some days have levels of their own.

    What a new definition or a merger adds or takes away at a site then reads neither as an effect nor as a trend:
    periods with the innovation are compared with periods without it of the same level. Where there are none, the
    estimate leaves the later periods out and says so. The period that a day falls into is left out.

    Args:
        panel: one row a site.
        periods: first and last day of each column.
        breaks: by site, the first days on which its counts mean something else than the day before.

    Raises:
        ValueError: if a site is not in the panel or lengths differ.
    """
    if len(periods) != panel.lower.shape[1]:
        raise ValueError(f"there are {len(periods)} periods and {panel.lower.shape[1]} columns")
    if strangers := sorted(set(breaks) - set(panel.sites)):
        raise ValueError(f"counts mean something else at {', '.join(strangers)}, not in the panel")
    sites: list[str] = []
    rows: list[int] = []
    kept: list[Mask] = []
    parts, of = {}, dict(panel.of)
    for row, name in enumerate(panel.sites):
        there: Mask = np.asarray(~np.isnan(panel.lower[row]), dtype=np.bool_)
        for words, inside in _spells(periods, breaks.get(name, ()), there):
            if words:
                of[name + words] = panel.member_of(name)
            sites.append(name + words)
            rows.append(row)
            kept.append(inside)
            parts.update(
                {
                    (name + words, at): value
                    for (whose, at), value in panel.parts.items()
                    if whose == name and inside[at]
                }
            )
    inside = np.stack(kept)

    def spread(matrix: Vector) -> Vector:
        found: Vector = np.where(inside, matrix[rows], np.nan)
        return found

    return replace(
        panel,
        sites=tuple(sites),
        lower=spread(panel.lower),
        upper=spread(panel.upper),
        exposure=spread(panel.exposure),
        treated=panel.treated[rows] & inside,
        excluded=panel.excluded[rows] & inside,
        noisy=None if panel.noisy is None else spread(panel.noisy),
        sigma=None if panel.sigma is None else spread(panel.sigma),
        parts=parts,
        of=of,
    )


def _spells(periods: Sequence[Days], days: Sequence[date], there: Mask) -> list[tuple[str, Mask]]:
    """Return each stretch between two breaks that holds a count, with the words that its row is called by."""
    if not days:
        return [("", np.ones(len(periods), dtype=np.bool_))]
    edges = [date.min, *sorted(set(days)), date.max]
    found = []
    for begin, end in pairwise(edges):
        inside: Mask = np.array([begin <= first and last < end for first, last in periods], dtype=np.bool_)
        if (inside & there).any():
            found.append((begin, end, inside))
    if len(found) < 2:
        return [("", inside) for _, _, inside in found] or [("", np.zeros(len(periods), dtype=np.bool_))]
    words = []
    for begin, end, inside in found:
        until = end - _ONE_DAY if end < date.max else None
        if begin == date.min:
            words.append((f" (to {until})", inside))
        elif until is None:
            words.append((f" (from {begin})", inside))
        else:
            words.append((f" ({begin} to {until})", inside))
    return words
