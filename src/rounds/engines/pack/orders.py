"""The order in which the rows of people are gone through: that of their moments, unless a question asks for another."""

from dataclasses import dataclass

import numpy as np

from rounds.engines.pack.blocks import RowSet
from rounds.engines.pack.layout import Array
from rounds.measures.choices import Distinct, Stands
from rounds.measures.criteria import Has


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ordered:
    """Rows in an order in which those that count once are neighbours, and the first of a moment stands for all."""

    rows: RowSet
    minutes: Array
    """When on its day each row is; nothing else than its day if the lowest of a day stands for all."""
    once: Array
    """What rows share of which only one counts."""


def ordered(rows: RowSet, asked: Has) -> Ordered:
    """Bring rows, by person and moment, into the order in which a question counts or chooses them."""
    if asked.distinct is Distinct.CODES:
        rows = _sorted(rows, rows.codes())
        return Ordered(rows=rows, minutes=rows.minutes(), once=rows.codes())
    if asked.stands is Stands.LOWEST_OF_THE_DAY:
        rows = _sorted(rows, rows.column("value"), rows.column("first"))  # no value, which is no number, comes last
        return Ordered(rows=rows, minutes=np.zeros(len(rows.at), dtype=np.uint16), once=rows.column("first"))
    return Ordered(rows=rows, minutes=rows.minutes(), once=rows.column("first"))


def _sorted(rows: RowSet, *keys: Array) -> RowSet:
    """Return everybody's rows by some keys, the last first; rows that are alike stay in their order."""
    who = np.repeat(np.arange(len(rows.begin) - 1), np.diff(rows.begin))
    return RowSet(block=rows.block, table=rows.table, at=rows.at[np.lexsort((*keys, who))], begin=rows.begin)
