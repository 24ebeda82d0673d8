"""`Count`: what an engine counted at a site. It never leaves the site."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import QUANTITIES, CountKind
from rounds.measures.strata import Stratum

_Numbers = npt.NDArray[np.int64]
_Wrong = npt.NDArray[np.bool_]


def count_schema(strata: tuple[Stratum, ...], kind: CountKind = CountKind.PROPORTION) -> dict[str, pl.DataType]:
    """Return the columns of a table of counts: one row per member, period and stratum.

    `period` is the first day of the period; `member` is an ODS code.
    """
    return {
        "member": pl.String(),
        "period": pl.Date(),
        **{str(stratum): pl.String() for stratum in strata},
        **dict.fromkeys(QUANTITIES[kind], pl.Int64()),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The key columns of a count: what many counts have in common, looked at once."""

    columns: pl.DataFrame
    """Sorted by all of them, one row per key."""

    def __post_init__(self) -> None:
        if any(column.null_count() for column in self.columns):
            raise ValueError("a count has no empty cells")
        if self.columns.is_duplicated().any():
            raise ValueError("two rows for the same member, period and stratum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Exact counts of one measure at one site. Only `rounds.disclosure` may turn it into something that leaves."""

    measure: MeasureRef
    strata: tuple[Stratum, ...]
    cells: pl.DataFrame
    """Columns as in `count_schema`, sorted by all key columns, one row per key, no number below 0."""
    kind: CountKind = CountKind.PROPORTION
    checked: InitVar[Keys | None] = None
    """The key columns of the cells, where they have been looked at."""

    @classmethod
    def over(cls, keys: Keys, columns: list[pl.Series], *, measure: MeasureRef, kind: CountKind) -> Self:
        """Return the count that has some numbers beside its keys, in the order of their rows."""
        strata = tuple(Stratum(name) for name in keys.columns.columns[2:])
        return cls(measure=measure, strata=strata, cells=keys.columns.hstack(columns), kind=kind, checked=keys)

    def __post_init__(self, checked: Keys | None) -> None:
        expected = count_schema(self.strata, self.kind)
        if dict(self.cells.schema) != expected:
            raise ValueError(f"{self.measure}: columns {dict(self.cells.schema)}, expected {expected}")
        if any(self.cells[name].null_count() for name in QUANTITIES[self.kind]):
            raise ValueError(f"{self.measure}: a count has no empty cells")
        quantities: dict[str, _Numbers] = {name: self.cells[name].to_numpy() for name in QUANTITIES[self.kind]}
        if checked is None:
            try:
                Keys(self.cells[[name for name in expected if name not in quantities]])
            except ValueError as error:
                raise ValueError(f"{self.measure}: {error}") from None
        if any((column < 0).any() for column in quantities.values()):
            raise ValueError(f"{self.measure}: a number is below 0")
        if any(wrong.any() for wrong in _impossible(quantities, self.kind)):
            raise ValueError(f"{self.measure}: {_PROBLEMS[self.kind]}")

    def __repr__(self) -> str:
        return f"Count({self.measure}, {self.cells.height} cells)"


def _impossible(cells: Mapping[str, _Numbers], kind: CountKind) -> list[_Wrong]:
    match kind:
        case CountKind.PROPORTION:
            return [cells["numerator"] > cells["denominator"]]
        case CountKind.PROPORTION_OF_ROWS:
            people = [cells[f"{name}_people"] for name in ("numerator", "denominator")]
            # Those whose rows are not in the numerator have rows, too, so the numerator leaves them at least one each.
            left = cells["denominator"] - cells["numerator"] < people[1] - people[0]
            return [cells["numerator"] > cells["denominator"], *_fewer(cells), people[0] > people[1], left]
        case CountKind.RATE:
            return _of_people(cells)
        case CountKind.MEAN:
            # The most that a person adds, over the most units of a person, is the most that a unit adds.
            highest = cells["denominator"] * cells["numerator_most"]
            above = cells["numerator"] * cells["denominator_most"] > highest
            return [*_of_people(cells), cells["numerator_people"] > cells["denominator_people"], above]


def _fewer(cells: Mapping[str, _Numbers]) -> list[_Wrong]:
    """Return where a number is less than the people behind it, or there is one without anybody behind it."""
    return [
        wrong
        for name in ("numerator", "denominator")
        for wrong in (
            cells[name] < cells[f"{name}_people"],
            (cells[name] > 0) & (cells[f"{name}_people"] == 0),
        )
    ]


def _of_people(cells: Mapping[str, _Numbers]) -> list[_Wrong]:
    return [
        wrong
        for name in ("numerator", "denominator")
        for wrong in (
            cells[name] < cells[f"{name}_people"],
            cells[name] > cells[f"{name}_people"] * cells[f"{name}_most"],
        )
    ]


_PROBLEMS = {
    CountKind.PROPORTION: "a numerator is above its denominator",
    CountKind.PROPORTION_OF_ROWS: "a numerator is above its denominator, or rows and the people behind them disagree",
    CountKind.RATE: "there are fewer events or days than people behind them, or more than they can have",
    CountKind.MEAN: "there is less of a sum or fewer units than people behind them, or more than they can add",
}
