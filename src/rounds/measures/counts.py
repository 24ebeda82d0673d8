"""`Count`: what an engine counted at a site. It never leaves the site."""

from dataclasses import dataclass

import polars as pl

from rounds.measures.definitions import MeasureRef
from rounds.measures.strata import Stratum


def count_schema(strata: tuple[Stratum, ...]) -> dict[str, pl.DataType]:
    """Return the columns of a table of counts: one row per member, period and stratum.

    `period` is the first day of the period; `member` is an ODS code.
    """
    return {
        "member": pl.String(),
        "period": pl.Date(),
        **{str(stratum): pl.String() for stratum in strata},
        "numerator": pl.Int64(),
        "denominator": pl.Int64(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Exact counts of one measure at one site. Only `rounds.disclosure` may turn it into something that leaves."""

    measure: MeasureRef
    strata: tuple[Stratum, ...]
    cells: pl.DataFrame
    """Columns as in `count_schema`, sorted by all key columns, one row per key, 0 <= numerator <= denominator."""

    def __post_init__(self) -> None:
        expected = count_schema(self.strata)
        if dict(self.cells.schema) != expected:
            raise ValueError(f"{self.measure}: columns {dict(self.cells.schema)}, expected {expected}")
        if any(self.cells.null_count().row(0)):
            raise ValueError(f"{self.measure}: a count has no empty cells")
        keys = [name for name in expected if name not in ("numerator", "denominator")]
        if self.cells.select(keys).is_duplicated().any():
            raise ValueError(f"{self.measure}: two rows for the same member, period and stratum")
        numerator, denominator = self.cells["numerator"], self.cells["denominator"]
        if (numerator < 0).any() or (numerator > denominator).any():
            raise ValueError(f"{self.measure}: a numerator is below 0 or above its denominator")

    def __repr__(self) -> str:
        return f"Count({self.measure}, {self.cells.height} cells)"
