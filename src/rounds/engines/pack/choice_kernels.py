# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""The kernel of somebody's first or last row in each window: rows are gone through in their order."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.kernels import Moments, Sieve, among

Array = npt.NDArray[Any]


class Asked(NamedTuple):
    """Which rows are asked about: those that lie in some window and pass a sieve."""

    of_first: Array
    """The windows that a first day lies in; empty if it may be any."""
    last: Array
    """Each row's last day."""
    of_last: Array
    """The same of a last day."""
    sieve: Sieve


@compiled
def of_chosen_rows(
    out_who: Array,
    out: Array,
    base: int,
    start: int,
    number: int,
    rows: Array,
    person: Array,
    moments: Moments,
    asked: Asked,
    provided: Sieve,
    last: bool,
) -> int:  # pragma: no cover
    """List the windows in which the first of somebody's rows that are asked about, or the last, is what it must be.

    Who has none is not listed. The last row is the first of those at the last moment. Rows stand in `rows`, in their
    order; if that is empty, they are so many from `start` on. There is room for as many people as have rows, and one.
    Returns how many are listed.
    """
    days, minutes, nothing = moments.first, moments.minute, np.uint64(0)
    before, day, minute = np.int32(-1), np.uint16(0), np.uint16(0)
    taken, found, people = nothing, nothing, 0
    for place in range(number):
        row = rows[place] if len(rows) > 0 else start + place
        same_person = person[row] == before
        same = same_person
        if last:
            same &= days[row] == day
            if len(minutes) > 0:
                same &= minutes[row] == minute
                minute = minutes[row]
        before, day = person[row], days[row]
        people += (not same_person) & (found != 0)
        found, taken = (found if same_person else nothing), (taken if same else nothing)
        mask = of_window(asked, day, row) & ~taken
        mask = mask if meets(asked.sieve, row) else nothing
        taken |= mask
        if last:
            found &= ~mask
        found |= mask if meets(provided, row) else nothing
        out_who[people], out[people] = before - base, found
    return int(people + (found != 0))


@compiled
def of_window(asked: Asked, day: Any, row: int) -> Any:  # pragma: no cover
    """Return the windows that a row lies in."""
    if len(asked.of_last) == 0:
        return asked.of_first[day]
    if len(asked.of_first) == 0:
        return asked.of_last[asked.last[row]]
    return asked.of_first[day] & asked.of_last[asked.last[row]]


@compiled
def meets(sieve: Sieve, row: int) -> bool:  # pragma: no cover
    """Say as `passes` whether a row is what it must be, all of it asked at once: which rows pass cannot be guessed."""
    met = True
    if len(sieve.inside) > 0:
        met = sieve.inside[row] != 0
    if len(sieve.value) > 0:
        value = sieve.value[row]
        met &= (value > sieve.low) | (sieve.low_included & (value == sieve.low))
        met &= (value < sieve.high) | (sieve.high_included & (value == sieve.high))
        if len(sieve.units) == 1:
            met &= sieve.unit[row] == sieve.units[0]
        elif len(sieve.units) > 1:
            met &= among(sieve.units, sieve.unit[row])
    if len(sieve.answer) > 0:
        met &= among(sieve.answers, sieve.answer[row])
    return met
