"""Characteristics of organisations from a table's own columns, before a change."""

from datetime import date

import polars as pl

from rounds.analyst.columns import Understood
from rounds.analyst.frames import Table, TableError
from rounds.analyst.points import names_of
from rounds.storage.suggestions import nearest


def without_columns(table: Table, names: tuple[str, ...]) -> Table:
    """Return a table without the columns that organisations are compared by, so that no other role is guessed for them.

    Raises:
        TableError: if there is no such column.
    """
    for name in names:
        if name not in table.frame.columns:
            raise TableError(f"{table.name}: there is no column {name}{nearest(name, table.frame.columns)}")
    return Table(name=table.name, frame=table.frame.drop(names), lines=table.lines, row_word=table.row_word)


def alike_in(
    table: Table, understood: Understood, names: tuple[str, ...], *, before: date
) -> dict[str, dict[str, float]]:
    """Return each characteristic's mean before a day, by name and series.

    Args:
        table: with those columns.
        understood: the same rows without them.
        names: the columns.
        before: rows from this day on are left out.

    Raises:
        TableError: if a cell is no finite number; empty cells are left out.
    """
    if not names or understood.dates is None:
        return {}
    series, early = names_of(understood), (understood.dates.days < before).fill_null(value=False)
    found = {}
    for name in names:
        cells = table.frame[name]
        given = cells.is_not_null() & (cells.cast(pl.String).str.strip_chars() != "")
        values = cells.cast(pl.Float64, strict=False)
        wrong = (early & given & ~values.is_finite().fill_null(value=False)).arg_true()
        if len(wrong):
            raise TableError(
                f"{table.name}, {table.place(int(wrong[0]))}, column {name}: organisations are compared by numbers, "
                "and this is none; correct it, or leave the column out of --match"
            )
        means = (
            pl.DataFrame({"series": series, "value": values})
            .filter(early & given)
            .group_by("series")
            .agg(pl.col("value").mean())
        )
        found[name] = dict(means.iter_rows())
    return found
