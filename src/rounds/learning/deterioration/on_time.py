"""Observations on time: was the next set taken by the time that the last one called for? For a site, over its rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.learning.deterioration.shares import Amount, Share, share

Rows = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTime:
    """What became of the sets that were due, in one group. Numbers add up over sites."""

    group: str
    due: int
    on_time: int
    late: int
    """taken after their time, or not at all although the patient was still there"""
    not_due: int
    """sets after which the stay ended before another was due: counted nowhere else"""
    share: Share | None
    """on time, of those due; None where none was"""


def observations_on_time(
    *, stays: Rows, minutes: Rows, due_within: Rows, stay_ends: Rows, groups: Rows, grace_minutes: float = 0.0
) -> tuple[OnTime, ...]:
    """Return how many observations were on time, by group of the set that called for them.

    Only complete sets count, on both sides: a partial one has no score, so it neither calls for a next nor is one.

    Args:
        stays: which stay each complete set is of, shape (sets,).
        minutes: when it was taken, in minutes from any one day, shape (sets,).
        due_within: after how many minutes the next is due, shape (sets,); see `Schedule.due_minutes`.
        stay_ends: when its stay ended, or the records did, shape (sets,).
        groups: the ward, or the band of the score, shape (sets,).
        grace_minutes: how much later still is on time; 0 unless the network has agreed on something else.

    Raises:
        ValueError: if shapes differ, a stay has two sets at one minute, or a set was taken after its stay ended.
    """
    if not (stays.shape == minutes.shape == due_within.shape == stay_ends.shape == groups.shape):
        raise ValueError(
            "stays, minutes, due_within, stay_ends and groups differ in length: give one of each for a set"
        )
    order = np.lexsort((minutes, stays))
    stay, minute, named = stays[order], minutes[order].astype(np.float64), groups[order]
    same = np.append(stay[1:] == stay[:-1], False) if len(stay) else np.zeros(0, dtype=np.bool_)
    following = np.where(same, np.append(minute[1:], np.inf)[: len(minute)], np.inf)
    if twice := int(np.count_nonzero(following == minute)):
        raise ValueError(f"{twice:,} sets stand at the same minute of a stay as another; make one set of them first")
    ends = stay_ends[order].astype(np.float64)
    if late := int(np.count_nonzero(ends < minute)):
        raise ValueError(f"{late:,} sets were taken after their stay had ended; correct the ends, or leave them out")
    deadline = minute + due_within[order] + grace_minutes
    in_time = following <= deadline
    not_due = ~same & (ends <= deadline)
    found = []
    for group in np.unique(named):
        here = named == group
        on_time, none = int(np.count_nonzero(in_time & here)), int(np.count_nonzero(not_due & here))
        late = int(np.count_nonzero(here)) - on_time - none
        found.append(
            OnTime(
                group=str(group),
                due=on_time + late,
                on_time=on_time,
                late=late,
                not_due=none,
                share=share(_exactly(on_time), _exactly(late)),
            )
        )
    return tuple(found)


def _exactly(number: int) -> Amount:
    return Amount(value=float(number), lower=float(number), upper=float(number))
