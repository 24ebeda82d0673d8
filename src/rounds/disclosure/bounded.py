"""Tables in which every number is (state, value, lower, upper): how withheld travels.

`value` is present exactly when the state is not withheld. A withheld number is never 0 and never an unexplained blank:
its state says why it is not there and its bounds say what is known.
"""

from enum import StrEnum

import polars as pl

from rounds.measures.strata import Stratum


class State(StrEnum):
    """How a released number relates to the true one."""

    EXACT = "exact"
    ROUNDED = "rounded"
    WITHHELD = "withheld"
    NOISY = "noisy"
    """Chance was added: the value may be below 0, or a numerator above its denominator; the bounds are very likely."""


QUANTITIES = ("numerator", "denominator")


def bounded_schema(strata: tuple[Stratum, ...]) -> dict[str, pl.DataType]:
    """Return the columns of a released table: keys as in a count, then four columns for each quantity."""
    columns: dict[str, pl.DataType] = {
        "member": pl.String(),
        "period": pl.Date(),
        **{str(stratum): pl.String() for stratum in strata},
    }
    for quantity in QUANTITIES:
        columns |= {
            f"{quantity}_state": pl.String(),
            f"{quantity}_value": pl.Int64(),
            f"{quantity}_lower": pl.Int64(),
            f"{quantity}_upper": pl.Int64(),
        }
    return columns


def bounded_problem(cells: pl.DataFrame, strata: tuple[Stratum, ...]) -> str | None:
    """Return what is wrong with a table that claims to be bounded, or None."""
    expected = bounded_schema(strata)
    if dict(cells.schema) != expected:
        return f"its columns are {list(cells.schema)}, expected {list(expected)}"
    optional = {f"{quantity}_value" for quantity in QUANTITIES}
    for column in cells.columns:
        if column not in optional and cells[column].null_count():
            return f"column {column} has an empty cell"
    keys = ["member", "period", *map(str, strata)]
    if cells.select(keys).is_duplicated().any():
        return "two rows have the same member, period and stratum"
    for quantity in QUANTITIES:
        state, value = pl.col(f"{quantity}_state"), pl.col(f"{quantity}_value")
        lower, upper = pl.col(f"{quantity}_lower"), pl.col(f"{quantity}_upper")
        unknown = cells.filter(~state.is_in([str(known) for known in State]))
        if unknown.height:
            return f"column {quantity}_state holds an unknown state"
        if cells.filter((state == State.WITHHELD) != value.is_null()).height:
            return f"{quantity}: a value must be there exactly when it is not withheld"
        if cells.filter((lower < 0) | (lower > upper)).height:
            return f"{quantity}: bounds must satisfy 0 <= lower <= upper"
        at = pl.when(state == State.NOISY).then(value.clip(lower_bound=0)).otherwise(value)
        if cells.filter(value.is_not_null() & ((at < lower) | (at > upper))).height:
            return f"{quantity}: a value lies outside its own bounds"
    return None
