"""A site's own table as ours: its columns by our names and in our types, whatever case and type they have there."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from rounds.engines.warehouse.connection import Connection, package
from rounds.errors import RecordsError
from rounds.measures.traits import LARGEST_VALUE
from rounds.records.tables import Column, ColumnType, Table

_SMALLEST_SINGLE: Final = 2.0**-150
"""Half of the smallest number that single precision holds; PostgreSQL does not round such a one to 0 but refuses."""
_LARGEST_WHOLE: Final = {"decimal": 10**18, "float32": 2**24, "float64": 2**53}

_IBIS: Final = {
    ColumnType.INTEGER: "int64",
    ColumnType.NUMBER: "float64",
    ColumnType.DATE: "date",
    ColumnType.TIME: "timestamp",
    ColumnType.TEXT: "string",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedTable:
    """A table that the site has."""

    table: Table
    name: str
    """What the database calls it."""
    source: Any
    """It itself, an Ibis expression."""
    missing: tuple[str, ...]
    """Columns that it lacks; all of them may be empty."""
    columns: Mapping[str, Any]
    """The columns as declared, empty where a value does not fit."""
    wrong: Mapping[str, Any]
    """For each column that it has, `<column> is wrong`."""

    def own(self, column: str) -> Any:
        """Return a column as the site has it, in its own type, so that the database can use its own index."""
        return next(self.source[name] for name in self.source.columns if name.lower() == column)


def typed_table(connection: Connection, table: Table, name: str) -> TypedTable:
    """Return a table of a database in our types.

    Args:
        connection: to the database.
        table: what it should be.
        name: what the database calls it.

    Raises:
        RecordsError: one line for each column that is missing, there twice, or of a type that cannot become ours.
    """
    ibis = package("ibis")
    source = connection.source(name)
    found: dict[str, list[str]] = {}
    for column in source.columns:
        found.setdefault(column.lower(), []).append(column)
    problems, missing = [], []
    selected: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for wanted in table.columns:
        names = found.get(wanted.name, [])
        cast = cast_of(source[names[0]], wanted.type) if len(names) == 1 else None
        if cast is not None:
            selected[wanted.name] = cast
            wrong[f"{wanted.name} is wrong"] = source[names[0]].notnull() & cast.isnull()
        elif not names and not wanted.required:
            selected[wanted.name] = ibis.null(_IBIS[wanted.type])
            missing.append(wanted.name)
        else:
            problems.append(_problem(connection.words, name, wanted, names, source))
    if problems:
        raise RecordsError("\n".join(problems))
    return TypedTable(table=table, name=name, source=source, missing=tuple(missing), columns=selected, wrong=wrong)


def _problem(words: str, name: str, wanted: Column, names: Sequence[str], source: Any) -> str:
    if not names:
        return f"{words}: {name}: column `{wanted.name}` is missing; add it to the table or to a view of it"
    if len(names) > 1:
        return f"{words}: {name}: the column `{wanted.name}` is there twice ({', '.join(names)}); give a view with one"
    kind = str(source[names[0]].type()).partition("(")[0]
    return (
        f"{words}: {name}, column `{wanted.name}`: the type {kind} cannot become {wanted.type.value} without losing "
        "something; correct it in the table or in a view of it"
    )


def cast_of(column: Any, target: ColumnType, *, single: bool = True) -> Any | None:
    """Return a column in our type, empty where that would lose something; nothing if its type cannot become ours.

    Args:
        column: as the site has it.
        target: our type.
        single: whether numbers are to be read in single precision.
    """
    kind = column.type()
    match target:
        case ColumnType.TEXT:
            return column if kind.is_string() else column.cast("string") if kind.is_primitive() else None
        case ColumnType.INTEGER:
            return _whole(column, kind)
        case ColumnType.NUMBER:
            return _number(column, kind, single=single)
        case ColumnType.DATE | ColumnType.TIME:
            return _day_or_time(column, kind, target)


def _whole(column: Any, kind: Any) -> Any | None:
    if kind.is_integer():
        return column.cast("int64")
    if kind.is_decimal() or kind.is_floating():
        largest = _LARGEST_WHOLE["decimal" if kind.is_decimal() else str(kind.copy(nullable=True))]
        # Not a number is greater than every number, there. What is too large is never cast, for that is an error.
        whole = column.cast("int64")
        return _where(column.abs() <= largest, _where(whole == column, whole))
    return None


def _number(column: Any, kind: Any, *, single: bool) -> Any | None:
    if not kind.is_numeric() or kind.is_boolean():
        return None
    number = column.cast("float64")
    if not single:
        return _where(number.abs() <= sys.float_info.max, number)
    ibis = package("ibis")
    small = ibis.cases((number.abs() <= _SMALLEST_SINGLE, ibis.literal(0.0)), else_=number)
    return _where(number.abs() <= LARGEST_VALUE, small)


def _day_or_time(column: Any, kind: Any, target: ColumnType) -> Any | None:
    ibis = package("ibis")
    if not (kind.is_date() or kind.is_timestamp()) or (kind.is_timestamp() and kind.timezone is not None):
        return None
    if kind.is_date():
        # Python knows the years 1 to 9999; PostgreSQL's infinity lies beyond them.
        sound = (column >= ibis.literal(date.min)) & (column <= ibis.literal(date.max))
    else:
        sound = (column >= ibis.literal(date.min).cast("timestamp")) & (
            column < ibis.literal(date.max).cast("timestamp")
        )
    if target is ColumnType.TIME:
        return _where(sound, column.cast("timestamp"))
    if kind.is_timestamp():
        sound = sound & (column.truncate("D") == column)
    return _where(sound, column.cast("date"))


def _where(condition: Any, value: Any) -> Any:
    ibis = package("ibis")
    return ibis.cases((condition, value), else_=ibis.null(value.type()))
