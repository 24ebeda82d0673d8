"""`Count`: what an engine counted at a site. It never leaves the site."""

from dataclasses import dataclass

import polars as pl

from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import QUANTITIES, CountKind
from rounds.measures.strata import Stratum


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Exact counts of one measure at one site. Only `rounds.disclosure` may turn it into something that leaves."""

    measure: MeasureRef
    strata: tuple[Stratum, ...]
    cells: pl.DataFrame
    """Columns as in `count_schema`, sorted by all key columns, one row per key, no number below 0."""
    kind: CountKind = CountKind.PROPORTION

    def __post_init__(self) -> None:
        expected = count_schema(self.strata, self.kind)
        if dict(self.cells.schema) != expected:
            raise ValueError(f"{self.measure}: columns {dict(self.cells.schema)}, expected {expected}")
        if any(self.cells.null_count().row(0)):
            raise ValueError(f"{self.measure}: a count has no empty cells")
        keys = [name for name in expected if name not in QUANTITIES[self.kind]]
        if self.cells.select(keys).is_duplicated().any():
            raise ValueError(f"{self.measure}: two rows for the same member, period and stratum")
        if any((self.cells[name] < 0).any() for name in QUANTITIES[self.kind]):
            raise ValueError(f"{self.measure}: a number is below 0")
        if self.cells.filter(pl.any_horizontal(*_impossible(self.kind))).height:
            raise ValueError(f"{self.measure}: {_PROBLEMS[self.kind]}")

    def __repr__(self) -> str:
        return f"Count({self.measure}, {self.cells.height} cells)"


def _impossible(kind: CountKind) -> list[pl.Expr]:
    match kind:
        case CountKind.PROPORTION:
            return [pl.col("numerator") > pl.col("denominator")]
        case CountKind.RATE:
            return _of_people()
        case CountKind.MEAN:
            # The most that a person adds, over the most units of a person, is the most that a unit adds.
            highest = pl.col("denominator") * pl.col("numerator_most")
            above = pl.col("numerator") * pl.col("denominator_most") > highest
            return [*_of_people(), pl.col("numerator_people") > pl.col("denominator_people"), above]


def _of_people() -> list[pl.Expr]:
    return [
        wrong
        for name in ("numerator", "denominator")
        for wrong in (
            pl.col(name) < pl.col(f"{name}_people"),
            pl.col(name) > pl.col(f"{name}_people") * pl.col(f"{name}_most"),
        )
    ]


_PROBLEMS = {
    CountKind.PROPORTION: "a numerator is above its denominator",
    CountKind.RATE: "there are fewer events or days than people behind them, or more than they can have",
    CountKind.MEAN: "there is less of a sum or fewer units than people behind them, or more than they can add",
}
