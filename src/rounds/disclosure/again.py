"""Numbers that have left before: whatever measure they left under, they leave again as they were.

Two roundings of one number that differ by one known person tell of that person. So a number is rounded once in an
epoch, and a revision shows only where more people than are protected have surely come or gone: one by which no more
came and went never shows, whoever they were.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from rounds.disclosure.bounded import State
from rounds.disclosure.known import UNKNOWN, Numbers
from rounds.disclosure.linked_numbers import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What becomes of numbers that have left before."""

    read: Read
    """With these as they leave; they can no longer be withheld."""
    stand: Numbers
    """Those that leave as they were, or of a revision as nearly as they were."""
    hidden: Numbers
    """Those that may not leave as they were, for their measure is under stricter terms."""


def leave_again(read: Read, name: Numbers) -> Again:
    """Return what becomes of numbers that have left before under whatever name.

    What is said of a revision that stands is true of the revised number too: it is no farther from the earlier bounds
    than what does not show, and one more step of rounding.

    Args:
        read: the numbers.
        name: one for all numbers that are the same by definition, shape (numbers,).
    """
    known = read.known
    before: dict[int, list[int]] = defaultdict(list)
    for number in (read.there & ~read.fresh).nonzero()[0].tolist():
        before[int(name[number])].append(number)
    state, value, lower, upper = read.state.copy(), read.value.copy(), known.lower.copy(), known.upper.copy()
    stand, hidden = [], []
    for number in (read.fresh & known.free).nonzero()[0].tolist():
        all_before = before.get(int(name[number]), [])
        same = [one for one in all_before if read.epoch[one] == read.epoch[number]]
        earlier = [one for one in all_before if read.epoch[one] != read.epoch[number]]
        near = [one for one in earlier if not same and not _surely_apart(read, number, one)]
        if not same and not near:
            continue
        one = (same or near)[0]
        if known.few[number] > known.few[one] or (near and known.rows[number]):
            hidden.append(number)
            continue
        stand.append(number)
        state[number], value[number] = read.state[one], read.value[one]
        lower[number], upper[number] = known.lower[one], known.upper[one]
        if near:
            most = known.most[number]
            step, few = read.step[number] * most, known.few[number] * most
            lower[number], upper[number] = max(lower[one] - few - max(step, few), 0), upper[one] + few + step
            if state[number] == State.EXACT:
                state[number], value[number] = State.WITHHELD, UNKNOWN
    places = np.array(stand, dtype=np.int64)
    free, truth = known.free.copy(), known.truth.copy()
    free[places], truth[places] = False, UNKNOWN
    left_lower, left_upper = known.left_lower.copy(), known.left_upper.copy()
    left_lower[places], left_upper[places] = lower[places], upper[places]
    people_lower, people_upper = known.people_lower.copy(), known.people_upper.copy()
    for number in stand:
        (one,) = before[int(name[number])][:1]
        people_lower[number], people_upper[number] = known.people_lower[one], known.people_upper[one]
    withheld = np.array([one == State.WITHHELD for one in state], dtype=np.bool_)
    known = replace(
        known,
        lower=lower,
        upper=upper,
        free=free,
        truth=truth,
        left_lower=left_lower,
        left_upper=left_upper,
        withheld=withheld,
        people_lower=people_lower,
        people_upper=people_upper,
    )
    return Again(
        read=replace(read, known=known, state=state, value=value),
        stand=places,
        hidden=np.array(hidden, dtype=np.int64),
    )


def _surely_apart(read: Read, number: int, earlier: int) -> bool:
    """Say whether what is shown of a number and of its revision proves that more than few have come or gone."""
    known = read.known
    few = int(known.few[number] * known.most[number])
    more = known.lower[number] - known.upper[earlier] > few
    fewer = known.lower[earlier] - known.upper[number] > few
    return bool(more or fewer)
