# ruff: noqa: PLR0912, PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""The kernel of scores: a person's observations at the same minute of the same day are one set, whose points add up."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled_making_arrays

Array = npt.NDArray[Any]

NO_POINTS: Final = np.iinfo(np.int32).min
"""Of a row that is as if it were not there, and of a component without which there is no score."""


class Given(NamedTuple):
    """The rows of all components, one component after the other, each by person and moment."""

    begin: Array
    """Where everybody's rows begin, shape (components, people + 1)."""
    first: Array
    minute: Array
    points: Array
    visit: Array
    stay: Array


@compiled_making_arrays
def sets_of(
    given: Given,
    if_missing: Array,
    only_if: Array,
    begin: Array,
    first: Array,
    minute: Array,
    value: Array,
    visit: Array,
    stay: Array,
) -> int:  # pragma: no cover
    """Write the sets that have a score, by person and moment, and return how many there are.

    Args:
        given: what each row gives.
        if_missing: what each component gives without a row; `NO_POINTS` if it is required.
        only_if: what each other component must give for one to be asked, shape (components, components); `NO_POINTS` if
            that does not matter.
        begin: written: where everybody's sets begin.
        first: written: the day of each set; with room for as many as a required component has rows, as are the rest.
        minute: written: its minute.
        value: written: its score.
        visit: written: the highest visit that a row of it names.
        stay: written: the highest stay.
    """
    components = len(if_missing)
    at = np.empty(components, dtype=np.int64)
    points = np.empty(components, dtype=np.int64)
    visits, stays = np.empty(components, dtype=np.int64), np.empty(components, dtype=np.int64)
    number = 0
    for who in range(given.begin.shape[1] - 1):
        begin[who] = number
        for one in range(components):
            at[one] = given.begin[one, who]
        while True:
            moment = np.int64(-1)
            for one in range(components):
                if at[one] < given.begin[one, who + 1]:
                    its = np.int64(given.first[at[one]]) * 2048 + given.minute[at[one]]
                    if moment < 0 or its < moment:
                        moment = its
            if moment < 0:
                break
            for one in range(components):
                points[one], visits[one], stays[one] = NO_POINTS, -1, -1
                while at[one] < given.begin[one, who + 1]:
                    row = at[one]
                    if np.int64(given.first[row]) * 2048 + given.minute[row] != moment:
                        break
                    if given.points[row] != NO_POINTS:
                        points[one] = max(points[one], np.int64(given.points[row]))
                        visits[one] = max(visits[one], given.visit[row])
                        stays[one] = max(stays[one], given.stay[row])
                    at[one] += 1
                if points[one] == NO_POINTS:
                    points[one] = if_missing[one]
            total, scored = np.int64(0), True
            highest_visit, highest_stay = np.int64(-1), np.int64(-1)
            for one in range(components):
                asked = True
                for other in range(components):
                    if only_if[one, other] != NO_POINTS and only_if[one, other] != points[other]:
                        asked = False
                if asked:
                    scored = scored and points[one] != NO_POINTS
                    total += points[one]
                    highest_visit, highest_stay = max(highest_visit, visits[one]), max(highest_stay, stays[one])
            if scored:
                first[number], minute[number] = moment // 2048, moment % 2048
                value[number] = total
                visit[number], stay[number] = highest_visit, highest_stay
                number += 1
    begin[given.begin.shape[1] - 1] = number
    return number
