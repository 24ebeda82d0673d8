"""Cells of vital signs as charts write them, read as the columns that a declared score asks for."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.analyst.frames import Table, TableError
from rounds.analyst.names import rank
from rounds.analyst.numbers import numbers_in
from rounds.analyst.observation_columns import ObservationColumns, spoken
from rounds.measures.scores import Score
from rounds.reports.content.wording import plural

_POSSIBLE: Final = {
    "respiratory_rate": (0.0, 100.0),
    "saturation": (20.0, 100.0),
    "systolic": (20.0, 350.0),
    "pulse": (0.0, 350.0),
    "temperature": (20.0, 45.0),
}
"""The least and the most that is no slip of the pen, in the units of the chart."""
_MOST_SLIPS = 0.05
"""Of the numbers in a column: with more that cannot be, it is in another unit or is another column."""
_YES: Final = ("yes", "y", "true", "t", "1", "1.0", "on", "oxygen", "o2", "supplemental", "on oxygen")
_NO: Final = ("no", "n", "false", "f", "0", "0.0", "off", "air", "room air", "ra", "none", "on air")
_ALERT: Final = ("a", "alert")
_NOT_ALERT: Final = (
    "c",
    "v",
    "p",
    "u",
    "confusion",
    "new confusion",
    "confused",
    "voice",
    "verbal",
    "responds to voice",
    "pain",
    "responds to pain",
    "unresponsive",
    "unconscious",
)
_AIR = 0.21


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSigns:
    """Sets of observations, one row each. Arrays have shape (sets,)."""

    columns: dict[str, NDArray[Any]] = field(repr=False)
    """by the ids of code lists that `score_sets` asks for"""
    by_scale_2: NDArray[np.bool_] = field(repr=False)
    read_as: tuple[str, ...]
    """what was taken how, in sentences"""


def vital_signs(
    table: Table, columns: ObservationColumns, score: Score, *, blank_oxygen_is_air: bool = False
) -> VitalSigns:
    """Return a table's vital signs as numbers.

    A number that cannot be, such as a temperature of 3 degrees, is taken as not recorded and counted in `read_as`.

    Args:
        table: one row a set.
        columns: which column holds what.
        score: whose answers say which concepts stand for alert and for not alert.
        blank_oxygen_is_air: whether an empty cell means that no oxygen was given; else it was not recorded.

    Raises:
        TableError: if a cell is neither, or too many numbers of a column cannot be; names line and column.
    """
    said: list[str] = []
    signs = {
        "respiratory-rate": _measured(table, columns, "respiratory_rate", said),
        "oxygen-saturation": _measured(table, columns, "saturation", said),
        "systolic-blood-pressure": _measured(table, columns, "systolic", said),
        "heart-rate": _measured(table, columns, "pulse", said),
        "body-temperature": _measured(table, columns, "temperature", said),
        "oxygen-flow": _oxygen(table, str(columns.oxygen), said, blank_is_air=blank_oxygen_is_air),
        "consciousness": _consciousness(table, str(columns.consciousness), score, said),
    }
    flags = np.zeros(table.frame.height, dtype=np.bool_)
    if columns.scale_2 is not None:
        flags = _answers(table, columns.scale_2, _YES, _NO, "yes or no").fill_null(value=False).to_numpy()
    return VitalSigns(columns=signs, by_scale_2=flags, read_as=tuple(said))


def _measured(table: Table, columns: ObservationColumns, role: str, said: list[str]) -> NDArray[np.float64]:
    name = getattr(columns, role)
    values = _numbers(table, name)
    if role == "temperature" and rank(name, ("fahrenheit", "temp_f", "temperature_f", "degf")) is not None:
        said.append(f"{name} is in degrees Fahrenheit, by its name.")
        values = (values - 32) / 1.8
    hint = "; a column in Fahrenheit is called so, as in temp_f" if role == "temperature" else ""
    kept = _possible(table, name, values, _POSSIBLE[role], spoken(role), said, hint=hint)
    return kept.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _possible(
    table: Table, name: str, values: pl.Series, span: tuple[float, float], what: str, said: list[str], *, hint: str = ""
) -> pl.Series:
    """Return numbers without those that cannot be, if these are few enough to be slips."""
    least, most = span
    slips = ((values < least) | (values > most)).fill_null(value=False)
    number, of = int(slips.sum()), len(values) - values.null_count()
    first = _first(slips)
    if first is None:
        return values
    if number > max(1, _MOST_SLIPS * of):
        raise TableError(
            f"{table.name}, {table.place(first)}, column {name}: {number:,} of {of:,} numbers cannot be {what}, which "
            f"is from {least:g} to {most:g}; name another column or correct its unit{hint}"
        )
    said.append(
        f"{plural(number, 'number')} in {name} outside {least:g} to {most:g} taken as not recorded; the first on "
        f"{table.place(first)}."
    )
    return pl.select(pl.when(~slips).then(values)).to_series()


def _numbers(table: Table, name: str) -> pl.Series:
    column = table.frame[name]
    if column.null_count() == len(column) or (column.dtype == pl.String and (column.str.strip_chars() == "").all()):
        return pl.Series(name, [None] * len(column), dtype=pl.Float64)
    found = numbers_in(column)
    if found is None:
        raise TableError(f"{table.name}, column {name}: it does not hold numbers; name another column")
    strange = found.unreadable if found.unreadable is not None else _first(found.withheld)
    if strange is not None:
        raise TableError(
            f"{table.name}, {table.place(strange)}, column {name}: the cell is no number; correct it, or leave it empty"
        )
    return found.values


def _oxygen(table: Table, name: str, said: list[str], *, blank_is_air: bool) -> NDArray[np.float64]:
    """Return 1 where oxygen was given and 0 where it was not: the score asks no more of a flow."""
    column = _text(table, name)
    numbers = column.cast(pl.Float64, strict=False).fill_nan(None)
    if numbers.null_count() > column.null_count():
        plain = pl.select(
            pl.when(numbers > 0).then(pl.lit("yes")).when(numbers == 0).then(pl.lit("no")).otherwise(column)
        ).to_series()
        words = "yes or no, oxygen or air, litres per minute"
        given = _answers(replace(table, frame=pl.DataFrame({name: plain})), name, _YES, _NO, words)
    elif rank(name, ("fio2", "fraction", "inspired")) is not None:
        share = pl.select(pl.when(numbers > 1).then(numbers / 100).otherwise(numbers)).to_series()
        share = _possible(table, name, share, (_AIR - 0.01, 1.0), "a fraction of inspired oxygen", said)
        given = share > _AIR + 0.005
        said.append(f"{name} is a fraction of inspired oxygen, by its name; above 21% is oxygen.")
    else:
        least = numbers.min()
        if isinstance(least, float) and least > 0 and numbers.is_in([_AIR, 21.0]).any():
            raise TableError(
                f"{table.name}, column {name}: it looks like a fraction of inspired oxygen, not litres per minute or "
                "yes and no; call it fio2 if it is"
            )
        if (wrong := _first(numbers < 0)) is not None:
            raise TableError(f"{table.name}, {table.place(wrong)}, column {name}: a flow is not below 0; correct it")
        given = numbers > 0
    if blank_is_air:
        said.append(f"{plural(column.null_count(), 'empty cell')} in {name} taken for air, as you said.")
        given = pl.select(pl.when(column.is_not_null()).then(given).otherwise(pl.lit(value=False))).to_series()
    return given.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _consciousness(table: Table, name: str, score: Score, said: list[str]) -> NDArray[np.int64]:
    component = next(one for one in score.components if one.codes.id == "consciousness")
    concepts = {points: sorted({*codes.concept_ids} - {*codes.excluded_ids})[0] for codes, points in component.answers}
    alert_concept, other_concept = concepts[min(concepts)], concepts[max(concepts)]
    text = _text(table, name)
    numbers = text.cast(pl.Float64, strict=False)
    if rank(name, ("gcs", "glasgow")) is not None and numbers.null_count() == text.null_count():
        if (wrong := _first((numbers < 3) | (numbers > 15))) is not None:
            raise TableError(
                f"{table.name}, {table.place(wrong)}, column {name}: a Glasgow coma score is from 3 to 15; correct it"
            )
        said.append(f"{name} is a Glasgow coma score, by its name; 15 is alert, less is not.")
        alert = numbers == 15
    else:
        alert = _answers(table, name, _ALERT, _NOT_ALERT, "A, C, V, P or U, or these in words")
    return alert.replace_strict(
        {True: alert_concept, False: other_concept}, default=0, return_dtype=pl.Int64
    ).to_numpy()


def _answers(table: Table, name: str, yes: tuple[str, ...], no: tuple[str, ...], words: str) -> pl.Series:
    """Return a column as true and false, null where it is empty."""
    text = _text(table, name).str.to_lowercase()
    known = text.is_in([*yes, *no])
    if (strange := _first(text.is_not_null() & ~known)) is not None:
        raise TableError(
            f"{table.name}, {table.place(strange)}, column {name}: the cell is none of the answers that are known "
            f"({words}); correct it, or leave it empty where nothing was recorded"
        )
    return pl.select(pl.when(text.is_not_null()).then(text.is_in(list(yes)))).to_series()


def _text(table: Table, name: str) -> pl.Series:
    """Return a column's cells as text without spaces around it, null where they are empty."""
    text = table.frame[name].cast(pl.String).str.strip_chars()
    return pl.select(pl.when(text != "").then(text)).to_series()


def _first(where: pl.Series) -> int | None:
    found = where.fill_null(value=False).arg_true()
    return int(found[0]) if len(found) else None
