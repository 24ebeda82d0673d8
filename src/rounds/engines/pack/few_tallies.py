"""Lets the masks of few wait in a counter, in one pass: what is asked of them is looked up while they are put there."""

from typing import Any

import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.few_kernels import Work, is_few
from rounds.engines.pack.tallies import Counter, count_waiting

Array = npt.NDArray[Any]


@compiled
def wait_common(
    work: Work, given: Array, one: int, other: int, offset: int, counters: Counter, tally: int
) -> None:  # pragma: no cover
    """Let the masks wait that two places share, of people who are all of one range that does not end with them.

    Args:
        work: holds them.
        given: masks that were worked out before, for the block.
        one: a place.
        other: another or the same; of one of the two the masks are those of few.
        offset: of the first of the people in the block.
        counters: of all tallies.
        tally: which of them.
    """
    if not is_few(work, one) or (is_few(work, other) and work.number[other] < work.number[one]):
        one, other = other, one
    number = work.number[one]
    if number == 0:
        return
    if one == other:
        wait_few(work.masks[one], work.who[one], number, work.masks[one], True, counters, tally)
    elif is_few(work, other):
        aside, others, whom = work.aside[0], work.masks[other], work.who[other]
        for few in range(work.number[other]):
            aside[whom[few]] = others[few]
        wait_few(work.masks[one], work.who[one], number, aside, False, counters, tally)
        for few in range(work.number[other]):
            aside[whom[few]] = 0
    else:
        everybody = work.masks[other] if other >= 0 else given[-other - 1, offset:]
        wait_few(work.masks[one], work.who[one], number, everybody, False, counters, tally)


@compiled
def wait_few(
    masks: Array, who: Array, number: int, everybody: Array, alone: bool, counters: Counter, tally: int
) -> None:  # pragma: no cover
    """Let the masks of few wait, less the bits that everybody's lack unless they are alone."""
    waiting, wait = counters.waiting[tally], counters.wait[tally, 0]
    for few in range(number):
        mask = masks[few] if alone else masks[few] & everybody[who[few]]
        waiting[wait] = mask
        wait += mask != 0
        if wait == len(waiting):
            counters.wait[tally, 0] = wait
            count_waiting(Counter(counters.planes[tally], waiting, counters.wait[tally], counters.room))
            wait = 0
    counters.wait[tally, 0] = wait
