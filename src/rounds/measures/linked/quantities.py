"""Quantities: the numbers that tables of measures hold, each with a place in one list."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt
import polars as pl

from rounds.measures.definitions import Measure
from rounds.measures.linked.reading import ROLES
from rounds.measures.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What one release of a measure holds: for each period a numerator and a denominator of every cell.

    A cell is a level of each of the measure's strata. There are no margins.
    """

    measure: Measure
    periods: tuple[Period, ...]
    """In order of their first day, none twice."""

    def __post_init__(self) -> None:
        starts = [period.start for period in self.periods]
        if not starts or starts != sorted(set(starts)):
            raise ValueError(f"{self.measure.ref}: name the periods in order of their first day, each once")

    @property
    def cells(self) -> int:
        """How many cells a period has."""
        return prod(len(self.measure.levels(stratum)) for stratum in self.measure.strata)


@dataclass(frozen=True, kw_only=True)  # without slots: where tables start is kept
class Quantities:
    """Every number of some tables of one member, numbered from 0.

    Tables follow one another; in a table periods do; in a period the numerators of all cells come before their
    denominators; and of the cells the last stratum's level changes first.
    """

    tables: tuple[Table, ...]

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """The number of the first quantity of each table, and last how many there are; shape (tables + 1,)."""
        sizes = [len(table.periods) * 2 * table.cells for table in self.tables]
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.array(sizes, dtype=np.int64))])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def slices(self) -> Iterator[tuple[int, str, Period, int]]:
        """Yield for each table, period and one of the two words its number of the table and of its first cell."""
        for place, table in enumerate(self.tables):
            number = int(self.starts[place])
            for period in table.periods:
                for role in ROLES:
                    yield place, role, period, number
                    number += table.cells

    def number(self, *, table: int, role: str, period: Period, levels: tuple[str, ...] = ()) -> int:
        """Return the number of a quantity.

        Args:
            table: the place of its table.
            role: `numerator` or `denominator`.
            period: one of the table's.
            levels: one of each of the measure's strata, in their order.

        Raises:
            ValueError: if there is no such quantity.
        """
        of = self.tables[table]
        names = [of.measure.levels(stratum) for stratum in of.measure.strata]
        cell = 0
        for level, among in zip(levels, names, strict=True):
            cell = cell * len(among) + among.index(level)
        place = of.periods.index(period) * 2 + ROLES.index(role)
        return int(self.starts[table]) + place * of.cells + cell

    def frame(self, table: int) -> pl.DataFrame:
        """Return the quantities of a table, to be joined with what was released.

        Columns: `number`, `role`, `period` (its first day), and one for each stratum, in the order of their numbers.
        """
        of = self.tables[table]
        names = [str(stratum) for stratum in of.measure.strata]
        cells = list(product(*(of.measure.levels(stratum) for stratum in of.measure.strata)))
        rows = [(role, period.start, *cell) for period in of.periods for role in ROLES for cell in cells]
        schema = {"role": pl.String(), "period": pl.Date(), **dict.fromkeys(names, pl.String())}
        return pl.DataFrame(rows, schema=schema, orient="row").with_row_index("number", int(self.starts[table]))
