"""A table's counts added up over its dates, for each organisation or place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from rounds.analyst.columns import Understood
from rounds.analyst.dates import spacing_of
from rounds.analyst.frames import TableError
from rounds.analyst.points import counts_of
from rounds.analyst.rates import Scale, scale_of

SHOWN: Final = "shown"
"""The state of a row whose counts are all known; the others say why there is no rate."""
BETWEEN: Final = "between bounds"
"""The state of a row with withheld numerators of which the table, or whoever read it, says what they can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """Counts by group and place."""

    rows: pl.DataFrame
    """`group`, `place`, `numerator`, `denominator` (null where one of them is not known), `lower` and `upper` (what the
    numerator can be; null where nobody says), `state`: "shown", "between bounds", "withheld", "missing" or "nobody in
    its denominator" """
    cells: pl.DataFrame
    """the rows that were added up: `group`, `place`, `period` (0 or more), `denominator`, `lower`, `upper`"""
    numerator: str
    denominator: str
    over: str
    """the dates that were added up, in words; empty if there are none"""

    def scaled(self, shown: pl.DataFrame, per: float | None) -> Scale:
        """Return how to show the rates of some rows."""
        centre = float(shown["numerator"].sum()) / float(shown["denominator"].sum())
        share = bool((shown["numerator"] <= shown["denominator"]).all())
        return scale_of(centre=centre, share=share, denominator=self.denominator, per=per)


def summed(understood: Understood, *, what: str, groups: Sequence[str] = (), part: bool = True) -> Summed:
    """Return the counts of each group and place, added up over dates.

    Args:
        understood: the table. The first of its series columns that is no group holds the places.
        what: what places are called in a refusal and on the command line: "organisation".
        groups: columns that make groups.
        part: as in `counts_of`.

    Raises:
        TableError: if there are no counts, no column for the places, or a place is there twice and nothing says why.
    """
    columns, frame, table = understood.columns, understood.table.frame, understood.table
    if columns.numerator is None or columns.denominator is None:
        raise TableError(
            f"{table.name}: counts are needed, and how many each is of; name them with --numerator and --denominator"
        )
    rest = [name for name in columns.series if name not in groups]
    if not rest:
        raise TableError(f"{table.name}: no column tells one {what} from another; name it with --{what}")
    place, groups = rest[0], (*groups, *rest[1:])
    counts = counts_of(understood, part=part)
    named = [pl.col(name).cast(pl.String).fill_null("(blank)") for name in groups]
    group = (
        frame.select(pl.concat_str(named, separator=", ")).to_series()
        if named
        else pl.repeat("", frame.height, eager=True)
    )
    rows = pl.DataFrame(
        {
            "group": group,
            "place": frame[place].cast(pl.String).fill_null("(blank)"),
            "period": 0 if understood.dates is None else understood.dates.days.rank("dense") - 1,
            "numerator": counts.numerator,
            "denominator": counts.denominator,
            "withheld": counts.withheld,
            "lower": counts.lower,
            "upper": counts.upper,
        }
    )
    _no_row_twice(understood, rows, what)
    added = rows.group_by("group", "place", maintain_order=True).agg(
        *(_all_of(name) for name in ("numerator", "denominator", "lower", "upper")), pl.col("withheld").any()
    )
    state = (
        pl.when(pl.col("denominator").is_null() & pl.col("withheld"))
        .then(pl.lit("withheld"))
        .when(pl.col("denominator").is_null() | (pl.col("numerator").is_null() & ~pl.col("withheld")))
        .then(pl.lit("missing"))
        .when(pl.col("denominator") == 0)
        .then(pl.lit("nobody in its denominator"))
        .when(pl.col("numerator").is_not_null())
        .then(pl.lit(SHOWN))
        .when(pl.col("upper").is_not_null() & pl.col("lower").is_not_null())
        .then(pl.lit(BETWEEN))
        .otherwise(pl.lit("withheld"))
    )
    return Summed(
        rows=added.with_columns(state=state).drop("withheld"),
        cells=rows.drop("numerator", "withheld"),
        numerator=columns.numerator,
        denominator=columns.denominator,
        over=_over(understood),
    )


def _no_row_twice(understood: Understood, rows: pl.DataFrame, what: str) -> None:
    """Refuse rows that are there twice: alike in every column, or of one place and date where columns are guessed."""
    table, guessed = understood.table, any(guess.role == "series" for guess in understood.guesses)
    twice = table.frame.is_duplicated()
    if guessed:
        twice |= rows.select(pl.struct("group", "place", "period")).to_series().is_duplicated()
    at = twice.arg_true()
    if not len(at):
        return
    same = rows.with_row_index("at").filter(
        pl.struct("group", "place", "period")
        == rows.select(pl.struct("group", "place", "period")).to_series()[int(at[0])]
    )
    first, second = same["at"].to_list()[:2]
    raise TableError(
        f"{table.name}: {table.place(first)} and {table.place(second)} are of one {what} and would be added up; leave "
        f"one out, or name the columns that tell them apart (--{what})"
    )


def _all_of(name: str) -> pl.Expr:
    """Return the sum of a column, null where a part of it is not known."""
    return pl.when(pl.col(name).is_not_null().all()).then(pl.col(name).sum()).alias(name)


def _over(understood: Understood) -> str:
    if understood.dates is None:
        return ""
    days = sorted(understood.dates.days.unique().to_list())
    spacing = spacing_of(days, understood.dates.written)
    if len(days) == 1:
        return spacing.label(days[0])
    return f"{len(days)} dates, {spacing.label(days[0])} to {spacing.label(days[-1])}, added up"
