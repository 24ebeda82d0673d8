"""Eras: spans of one concept in one person with no longer gap than 30 days, as OMOP derives them."""

from typing import Final

import numpy as np

from rounds.records.synthetic.population.columns import Columns
from rounds.records.synthetic.population.plan import FIRST, Ints

_LONGEST_GAP_DAYS: Final = 30


def eras(*, person: Ints, concept: Ints, start: Ints, end: Ints) -> Columns:
    """Return the eras by person: `person`, `concept`, `start`, `end` and `count`, the rows that make each.

    Args:
        person: of each row, shape (rows,).
        concept: of each row; every concept has eras of its own.
        start: first days.
        end: last days, none before the start.
    """
    names, place = np.unique(concept, return_inverse=True)
    group = person.astype(np.int64) * len(names) + place
    order = np.argsort(group << 16 | (start - FIRST), kind="stable")
    group, start, end = group[order], start[order], end[order]
    # The latest end so far within the group: groups ascend, so a running maximum of both together never crosses one.
    until = np.maximum.accumulate(group << 16 | (end - FIRST))
    begins = np.ones(len(group), dtype=np.bool_)
    begins[1:] = (group[1:] << 16 | np.maximum(start[1:] - FIRST - _LONGEST_GAP_DAYS, 0)) > until[:-1]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(group))[: len(first)] - 1
    return {
        "person": person[order][first],
        "concept": concept[order][first],
        "start": start[first],
        "end": ((until[last] & 0xFFFF) + FIRST).astype(np.int32),
        "count": (last - first + 1).astype(np.int32),
    }
