"""Kernels that tell whether rows that lay in observation, or did not, still do when people are observed otherwise."""

from typing import Any

import numpy.typing as npt

from rounds.engines.pack.compiled import compiled

Array = npt.NDArray[Any]


@compiled
def lost_cover(
    start: Array, first: Array, last: Array, now_start: Array, now_first: Array, now_last: Array, lost: Array
) -> int:  # pragma: no cover
    """Mark who was observed in a period that no single period covers now, and return how many they are."""
    number = 0
    for person in range(len(start) - 1):
        for period in range(start[person], start[person + 1]):
            covered = False
            for place in range(now_start[person], now_start[person + 1]):
                if now_first[place] <= first[period] and last[period] <= now_last[place]:
                    covered = True
                    break
            if not covered and lost[person] == 0:
                lost[person] = 1
                number += 1
    return number


@compiled
def are_as_they_were(
    person: Array, first: Array, inside: Array, lost: Array, start: Array, observed_first: Array, observed_last: Array
) -> bool:  # pragma: no cover
    """Say whether every row that began in observation still does, and no other.

    Args:
        person: of each row.
        first: its first day.
        inside: whether it began in observation; empty if every row did.
        lost: 1 for people who may have been observed when they are not now; empty if there is nobody.
        start: where everybody's observation periods begin now.
        observed_first: the first day of each.
        observed_last: the last day.
    """
    for row in range(len(person)):
        was = len(inside) == 0 or inside[row] != 0
        if was and (len(lost) == 0 or lost[person[row]] == 0):
            continue
        found = False
        for place in range(start[person[row]], start[person[row] + 1]):
            found = found or observed_first[place] <= first[row] <= observed_last[place]
        if found != was:
            return False
    return True
