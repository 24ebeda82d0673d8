"""Columns on their way to a table: arrays by name, of one length, in the order of the people."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.plan import Ints

Columns = dict[str, NDArray[Any]]
"""`person` is the place of the person in the block, `visit` the place of the visit, and -1 is nothing."""


def joined(parts: list[Columns]) -> Columns:
    """Return the rows of all parts by person; one person's stay in the order of the parts."""
    person = np.concatenate([part["person"] for part in parts])
    order = np.argsort(person, kind="stable")
    return {
        name: person[order] if name == "person" else np.concatenate([part[name] for part in parts])[order]
        for name in parts[0]
    }


def taken(columns: Columns, which: NDArray[Any]) -> Columns:
    """Return the rows of a mask or of row numbers."""
    return {name: values[which] for name, values in columns.items()}


def no_visit(rows: int) -> Ints:
    """Return that no row hangs on a visit."""
    return np.full(rows, -1, dtype=np.int32)
