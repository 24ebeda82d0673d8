"""Numbers as published tables write them: with separators, per cent signs, and marks where there is none."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import polars as pl

WITHHELD_MARKS: Final = ("[c]", "c", "*", "**", "suppressed", "withheld", "redacted")
"""Cells that stand for a number that exists and is not shown."""
MISSING_MARKS: Final = ("[x]", "[z]", "..", "na", "n/a", "nan", "null", "none", ".", ":", "#n/a")
"""Cells that say there is no number."""

_NUMBER: Final = r"^[-\u2212]?(\d+|\d{1,3}([,\u00a0\u202f ]\d{3})+)(\.\d+)?([eE][-+]?\d+)?$"
_LESS: Final = re.compile(r"(?:<|less than|fewer than)\s*(\d+)", re.IGNORECASE)
_RANGE: Final = re.compile(r"\[?(\d+)\s*(?:-|\u2013|to)\s*(\d+)\]?")
_MOSTLY: Final = 0.5
"""From this share of cells that are numbers on, a column is one of numbers, and other cells are mistakes in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A column read as numbers. All have shape (rows,)."""

    values: pl.Series
    """null where there is no number to show"""
    withheld: pl.Series
    """whether the number exists and is not shown"""
    lower: pl.Series
    """of a withheld number the lowest it can be, null where nobody says; else the number"""
    upper: pl.Series
    percent: bool
    """whether cells carry a per cent sign"""
    unreadable: int | None
    """the first row that is neither a number nor a known mark; None if there is none"""


def numbers_in(
    column: pl.Series,
    *,
    withheld_range: tuple[int, int] | None = None,
    withheld_marks: Collection[str] = (),
    missing_marks: Collection[str] = (),
) -> Numbers | None:
    """Return a column as numbers, or None if it holds something else.

    Args:
        column: any type.
        withheld_range: what numbers behind marks such as `[c]` can be, where the publisher says so (1 to 7). A cell
            such as "<5" (0 to 4) or "1-7" says it itself.
        withheld_marks: more cells that mean a number is withheld.
        missing_marks: more cells that mean there is none.
    """
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).fill_nan(None)
        none = pl.repeat(value=False, n=len(column), dtype=pl.Boolean, eager=True)
        return Numbers(values=values, withheld=none, lower=values, upper=values, percent=False, unreadable=None)
    if column.dtype != pl.String:
        return None
    text = column.str.strip_chars().fill_null("")
    folded = text.str.to_lowercase()
    bare = text.str.strip_suffix("%").str.strip_chars()
    is_number = bare.str.contains(_NUMBER)
    values = bare.str.replace_all("[,\u00a0\u202f ]", "").str.replace("\u2212", "-").cast(pl.Float64, strict=False)
    values = pl.select(pl.when(is_number).then(values)).to_series()
    blank = (folded == "") | folded.is_in([*MISSING_MARKS, *(mark.lower() for mark in missing_marks)])
    others = text.filter(~is_number & ~blank).unique().to_list()
    marks = {*WITHHELD_MARKS, *(mark.lower() for mark in withheld_marks)}
    bounds = {cell: found for cell in others if (found := _bounds(cell, marks, withheld_range)) is not None}
    there = int((~blank).sum())
    if not there or int(is_number.sum()) + len(text.filter(text.is_in(list(bounds)))) < max(1, _MOSTLY * there):
        return None
    withheld = text.is_in(list(bounds))
    strange = (~is_number & ~blank & ~withheld).arg_true()
    return Numbers(
        values=values,
        withheld=withheld,
        lower=_ends(text, values, {cell: ends[0] for cell, ends in bounds.items()}),
        upper=_ends(text, values, {cell: ends[1] for cell, ends in bounds.items()}),
        percent=bool(text.str.ends_with("%").any()),
        unreadable=int(strange[0]) if len(strange) else None,
    )


def _bounds(
    cell: str, marks: Collection[str], withheld_range: tuple[int, int] | None
) -> tuple[float | None, float | None] | None:
    """Return what a cell says of the number behind it; None if it is no mark of a withheld number."""
    if less := _LESS.fullmatch(cell):
        return 0.0, float(max(int(less[1]) - 1, 0))
    if (span := _RANGE.fullmatch(cell)) and int(span[1]) <= int(span[2]):
        return float(span[1]), float(span[2])
    if cell.lower() in marks:
        return withheld_range or (None, None)
    return None


def _ends(text: pl.Series, values: pl.Series, of_marks: dict[str, float | None]) -> pl.Series:
    behind = text.replace_strict(list(of_marks), list(of_marks.values()), default=None, return_dtype=pl.Float64)
    return values.fill_null(behind)
