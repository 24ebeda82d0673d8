"""What of a table about an innovation no estimate can use: refused where it contradicts itself, else said."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rounds.analyst.columns import Understood
from rounds.analyst.frames import TableError
from rounds.reports.content.wording import listing


def refuse_events_of_nobody(
    understood: Understood, at: tuple[Sequence[int], Sequence[int]], upper: NDArray[np.float64], of: NDArray[np.float64]
) -> None:
    """Raise TableError at the first row with events and a denominator of 0.

    Args:
        understood: the table.
        at: each row's place in the matrices.
        upper: the largest number of events there can be, shape (organisations, periods); NaN where there is none.
        of: how many they are of, same shape.
    """
    rows = np.flatnonzero(((upper > 0) & (of == 0))[at[0], at[1]])
    if len(rows):
        table, columns = understood.table, understood.columns
        raise TableError(
            f"{table.name}, {table.place(int(rows[0]))}: there are events in column {columns.numerator} and 0 in "
            f"column {columns.denominator}; correct one of them, or leave the row out"
        )


def gap_notes(missing: NDArray[np.bool_], ended: Sequence[str]) -> tuple[str, ...]:
    """Return, in sentences, what is left out, so that nobody takes it for counted.

    Args:
        missing: whether there is no usable number, shape (organisations, periods).
        ended: organisations at which the innovation stopped.
    """
    notes = []
    if missing.any():
        notes.append(
            f"Left out because the table has no row, no number or nobody at risk there: {missing.sum():,} of "
            f"{missing.size:,} organisations' periods."
        )
    if ended:
        notes.append(
            f"What came after it ended is left out at {listing(ended)}: what ending it, or starting again, did cannot "
            "be judged."
        )
    return tuple(notes)
