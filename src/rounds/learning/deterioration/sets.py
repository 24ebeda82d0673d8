"""Which sets of observations are looked at, and whether the outcome followed. For a site, over its rows."""

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
Rows = NDArray[Any]


class Take(StrEnum):
    """What a unit of a score table is."""

    EVERY_SET = "every set of observations"
    FIRST_OF_STAY = "the first set of each stay"
    HIGHEST_OF_STAY = "the set with the highest score of each stay, the first of several"


def chosen(take: Take, *, stays: Rows, minutes: Rows, totals: Rows) -> Index:
    """Return which rows to take, in the order they stand in.

    Args:
        take: what a unit is.
        stays: which stay each set is of, shape (sets,).
        minutes: when it was taken, in minutes from any one day, shape (sets,).
        totals: its score, shape (sets,). Leave out partial sets, which have none.
    """
    if take is Take.EVERY_SET:
        return np.arange(len(stays), dtype=np.int64)
    first = np.lexsort((minutes, -totals.astype(np.int64), stays) if take is Take.HIGHEST_OF_STAY else (minutes, stays))
    starts = np.ones(len(stays), dtype=np.bool_)
    starts[1:] = stays[first][1:] != stays[first][:-1]
    return np.sort(first[starts])


def outcome_within(
    hours: float, *, stays: Rows, minutes: Rows, event_stays: Rows, event_minutes: Rows
) -> NDArray[np.bool_]:
    """Return whether an event of the same stay followed each set in so many hours, shape (sets,).

    An event at the very minute of a set did not follow it: the set was taken during it. Whoever left alive before the
    hours were over counts as without, as in the publications.

    Args:
        hours: how long after the set, the last minute included.
        stays: shape (sets,).
        minutes: shape (sets,).
        event_stays: of each event, shape (events,); a stay may have several.
        event_minutes: shape (events,).
    """
    if not len(event_stays):
        return np.zeros(len(stays), dtype=np.bool_)
    events, at = _next(event_stays, event_minutes, stays, minutes, same_minute=False)
    follows = at < len(events[0])
    at = np.minimum(at, len(events[0]) - 1)
    wait = events[1][at] - minutes
    return np.asarray(follows & (events[0][at] == stays) & (wait > 0) & (wait <= 60 * hours), dtype=np.bool_)


def first_after(*, stays: Rows, minutes: Rows, event_stays: Rows, event_minutes: Rows) -> NDArray[np.float64]:
    """Return when the first event of the same stay at or after each minute was; NaN where there was none."""
    if not len(event_stays):
        return np.full(len(stays), np.nan)
    events, at = _next(event_stays, event_minutes, stays, minutes, same_minute=True)
    inside = np.minimum(at, len(events[0]) - 1)
    found = (at < len(events[0])) & (events[0][inside] == stays)
    return np.where(found, events[1][inside].astype(np.float64), np.nan)


def _next(
    event_stays: Rows, event_minutes: Rows, stays: Rows, minutes: Rows, *, same_minute: bool
) -> tuple[tuple[Rows, Rows], Index]:
    """Return the events by stay and minute, and the place among them of the first one behind each set."""
    order = np.lexsort((event_minutes, event_stays))
    events = event_stays[order], event_minutes[order]
    # One sort of both together finds the place of each set among the events, whatever the stays are called.
    before = 0 if same_minute else 2
    kinds = np.concatenate([np.ones(len(order), dtype=np.int8), np.full(len(stays), before, dtype=np.int8)])
    both = np.lexsort((kinds, np.concatenate([events[1], minutes]), np.concatenate([events[0], stays])))
    passed = np.cumsum(both < len(order))
    place = np.empty(len(both), dtype=np.int64)
    place[both] = passed
    return events, place[len(order) :]
