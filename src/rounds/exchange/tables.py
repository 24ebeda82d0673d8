"""Tables on the wire: columns as lists, withheld numbers with their bounds and no value."""

from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import Field

from rounds.disclosure.bounded import bounded_problem, bounded_schema
from rounds.disclosure.completeness import BoundedShare, share_problem
from rounds.disclosure.policy import Policy
from rounds.disclosure.release import Released
from rounds.errors import MessageError
from rounds.exchange.question import Wire
from rounds.measures.definitions import MeasureRef
from rounds.measures.strata import Stratum


class WireShare(Wire):
    """Of what a measure looks at, between which per cent is there."""

    name: str = Field(max_length=200)
    lower: int
    upper: int


class WireTable(Wire):
    """One released measure: its name, the rule that was applied, and columns of equal length."""

    measure: str
    version: int
    digest: str
    policy: str
    strata: list[str]
    columns: dict[str, list[str | int | None]]
    completeness: list[WireShare] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedTable:
    """What the centre holds of one measure from one site."""

    measure: MeasureRef
    policy: Policy
    strata: tuple[Stratum, ...]
    cells: pl.DataFrame
    """Columns as in `rounds.disclosure.bounded.bounded_schema`."""
    completeness: tuple[BoundedShare, ...] = ()
    """Of what the measure looks at, how much is there at the site; empty if the site does not say."""


def wire_table(released: Released) -> WireTable:
    """Return a release in the form in which it travels."""
    text = released.cells.with_columns(pl.col("period").dt.to_string("%Y-%m-%d"))
    return WireTable(
        measure=released.measure.id,
        version=released.measure.version,
        digest=released.measure.digest,
        policy=str(released.policy),
        strata=[str(stratum) for stratum in released.strata],
        columns=text.to_dict(as_series=False),
        completeness=[
            WireShare(name=share.name, lower=share.lower, upper=share.upper) for share in released.completeness
        ],
    )


def read_table(table: WireTable, *, source: str) -> ReceivedTable:
    """Return a table that came in a message, having checked that it is bounded.

    Raises:
        MessageError: if it has unknown strata or policy, other columns, or bounds that contradict themselves.
    """
    name = f"{source}: measure {table.measure} v{table.version}"
    try:
        strata = tuple(Stratum(stratum) for stratum in table.strata)
        policy = Policy(table.policy)
    except ValueError as error:
        raise MessageError(f"{name}: {error}; update the older side") from None
    if len(set(strata)) != len(strata):
        raise MessageError(f"{name}: a stratum is named twice; ask the site to send it again")
    schema = bounded_schema(strata)
    try:
        cells = _frame(table.columns, schema)
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        raise MessageError(f"{name}: its columns cannot be read; ask the site to send it again") from None
    problem = bounded_problem(cells, strata)
    if problem:
        raise MessageError(f"{name}: {problem}; ask the site to send it again")
    completeness = tuple(
        BoundedShare(name=share.name, lower=share.lower, upper=share.upper) for share in table.completeness
    )
    problem = next((said for share in completeness if (said := share_problem(share))), None)
    if problem:
        raise MessageError(f"{name}: {problem}; ask the site to send it again")
    ref = MeasureRef(id=table.measure, version=table.version, digest=table.digest)
    return ReceivedTable(measure=ref, policy=policy, strata=strata, cells=cells, completeness=completeness)


def _frame(columns: dict[str, list[Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    wire_types: dict[str, Any] = {name: pl.String() if name == "period" else dtype for name, dtype in schema.items()}
    if set(columns) != set(schema):
        raise ValueError("other columns than agreed")
    frame = pl.DataFrame({name: columns[name] for name in schema}, schema=wire_types, strict=True)
    return frame.with_columns(pl.col("period").str.to_date("%Y-%m-%d"))
