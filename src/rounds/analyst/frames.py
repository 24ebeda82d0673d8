"""Whatever an analyst holds as one kind of frame: columns with names, rows in order, and a name for the whole."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from rounds.errors import RoundsError
from rounds.storage.csv_files import LINE, read_text_columns
from rounds.storage.suggestions import nearest


class TableError(RoundsError):
    """An analyst's table cannot be read as what a chart needs. Says which column, and how to say what is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows and what they are called where something is wrong with one."""

    name: str
    frame: pl.DataFrame
    lines: pl.Series
    """shape (rows,): the line of the file on which each row starts, or its number from 1"""
    row_word: str
    """"line" of a file, "row" of a frame"""

    def place(self, at: int) -> str:
        """Return how to find a row: "line 17"."""
        return f"{self.row_word} {self.lines[at]}"

    def refuse(self, rows: pl.Series, column: str, problem: str) -> None:
        """Raise TableError, naming row and column, at the first row that is flagged; a flag that is missing is none."""
        found = rows.fill_null(value=False).arg_true()
        if len(found):
            raise TableError(f"{self.name}, {self.place(int(found[0]))}, column {column}: {problem}")


def table_of(data: Any, *, where: Mapping[str, Any] | None = None) -> Table:
    """Return a table from a path to a CSV file, or from a frame of pandas, polars or Arrow.

    Args:
        data: the file or frame. Of a pandas frame the index is left out unless it has a name.
        where: columns and the one value that rows must have in each.

    Raises:
        TableError: if it is none of these, has no rows, or cannot be read; names file, line and column.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        cells = read_text_columns(path, error=TableError)
        found = Table(name=path.name, frame=cells.drop(LINE), lines=cells[LINE], row_word="line")
    else:
        frame = _frame(data)
        rows = pl.int_range(1, frame.height + 1, eager=True)
        found = Table(name="the table", frame=frame, lines=rows, row_word="row")
    return _checked(_only(found, where or {}))


def _only(table: Table, where: Mapping[str, Any]) -> Table:
    for column, value in where.items():
        if column not in table.frame.columns:
            raise TableError(f"{table.name}: there is no column {column}{nearest(column, table.frame.columns)}")
        kept = (table.frame[column].cast(pl.String) == str(value)).fill_null(value=False)
        if not kept.any():
            raise TableError(f"{table.name}, column {column}: no row has the value asked for; correct it")
        table = replace(table, frame=table.frame.filter(kept), lines=table.lines.filter(kept))
    return table


def _frame(data: Any) -> pl.DataFrame:
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return _from_pandas(data)
    if hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data)
    raise TableError(
        f"a {type(data).__name__} is no table; give the path of a CSV file, or a frame of pandas, polars or Arrow"
    )


def _from_pandas(data: Any) -> pl.DataFrame:
    """Return a pandas frame's columns. Not through Arrow: pandas does without it, and so do we."""
    if any(name is not None for name in data.index.names):
        data = data.reset_index()
    columns = {}
    for place, name in enumerate(data.columns):
        column = data.iloc[:, place]
        if str(name) in columns:
            raise TableError(f"the table: two columns are called {name}; rename or remove one")
        if column.dtype.kind in "iufb":
            columns[str(name)] = pl.Series(column.to_numpy())
        elif column.dtype.kind == "M":
            columns[str(name)] = pl.Series(column.to_numpy().astype("datetime64[us]"))
        else:
            there = column.notna().to_numpy()
            cells = [str(cell) if known else None for cell, known in zip(column, there, strict=True)]
            columns[str(name)] = pl.Series(cells, dtype=pl.String)
    return pl.DataFrame(columns)


def _checked(table: Table) -> Table:
    if not table.frame.height:
        raise TableError(f"{table.name}: there are no rows; a chart needs at least one")
    return table
