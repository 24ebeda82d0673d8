"""How a file's own types become ours without losing anything."""

import sys

from rounds.measures.traits import LARGEST_VALUE
from rounds.records.tables import ColumnType

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_WIDE_INTEGERS = {"UBIGINT", "HUGEINT", "UHUGEINT"}
_TIMES = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""The largest whole number that the type holds without rounding."""


def lossless_cast(column: str, source_type: str, target: ColumnType, *, single: bool = True) -> str | None:
    """Return SQL for a column in our type, empty where that would lose something; nothing if the type cannot become it.

    Dates may be ISO text or midnights; whole numbers may be text or floating point. Text is taken as it is.

    Args:
        column: its name.
        source_type: as DuckDB calls it.
        target: our type.
        single: whether numbers are to be read in single precision, which holds none beyond `LARGEST_VALUE`.
    """
    name = f'"{column}"'
    kind = source_type.upper()
    match target:
        case ColumnType.TEXT:
            return _to_text(name, kind)
        case ColumnType.INTEGER:
            return _to_integer(name, kind)
        case ColumnType.NUMBER:
            return _to_number(name, kind, LARGEST_VALUE if single else sys.float_info.max)
        case ColumnType.DATE:
            return _to_date(name, kind)
        case ColumnType.TIME:
            return _to_time(name, kind)


def _to_text(name: str, kind: str) -> str | None:
    if kind == "VARCHAR":
        return name
    scalar = kind in (_INTEGERS | _WIDE_INTEGERS | _EXACT.keys() | _TIMES | {"DATE", "BOOLEAN"})
    return f"CAST({name} AS VARCHAR)" if scalar or kind.startswith("DECIMAL") else None


def _to_integer(name: str, kind: str) -> str | None:
    if kind in _INTEGERS:
        return f"CAST({name} AS BIGINT)"
    if kind in _WIDE_INTEGERS:
        return f"TRY_CAST({name} AS BIGINT)"
    if kind in _EXACT:
        whole = f"isfinite({name}) AND {name} = trunc({name}) AND abs({name}) <= {_EXACT[kind]}"
        return f"CASE WHEN {whole} THEN TRY_CAST({name} AS BIGINT) END"
    if kind.startswith("DECIMAL"):
        return f"CASE WHEN {name} = trunc({name}) THEN TRY_CAST({name} AS BIGINT) END"
    if kind == "VARCHAR":
        whole = rf"regexp_full_match({name}, '-?[0-9]{{1,18}}(\.0+)?')"
        return f"CASE WHEN {whole} THEN TRY_CAST(split_part({name}, '.', 1) AS BIGINT) END"
    return None


def _to_number(name: str, kind: str, largest: float) -> str | None:
    limit = f"CAST('{largest!r}' AS DOUBLE)"
    if kind in _EXACT:
        small = f" AND abs({name}) <= {limit}" if kind == "DOUBLE" else ""  # the other is of single precision itself
        return f"CASE WHEN isfinite({name}){small} THEN CAST({name} AS DOUBLE) END"
    if kind in _INTEGERS or kind in _WIDE_INTEGERS or kind.startswith("DECIMAL"):
        return f"CAST({name} AS DOUBLE)"
    if kind == "VARCHAR":
        decimal = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
        number = f"TRY_CAST({name} AS DOUBLE)"
        return f"CASE WHEN regexp_full_match({name}, '{decimal}') AND abs({number}) <= {limit} THEN {number} END"
    return None


def _to_time(name: str, kind: str) -> str | None:
    if kind in _TIMES or kind == "DATE":
        moment, allowed = f"CAST({name} AS TIMESTAMP)", f"isfinite({name})"
    elif kind == "VARCHAR":
        iso = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?"
        moment, allowed = f"TRY_CAST({name} AS TIMESTAMP)", f"regexp_full_match({name}, '{iso}')"
    else:
        return None
    within = "BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
    return f"CASE WHEN {allowed} AND {moment} {within} THEN {moment} END"


def _to_date(name: str, kind: str) -> str | None:
    if kind == "DATE":
        day, allowed = name, f"isfinite({name})"
    elif kind in _TIMES:
        day, allowed = f"CAST({name} AS DATE)", f"isfinite({name}) AND {name} = date_trunc('day', {name})"
    elif kind == "VARCHAR":
        iso = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00(\.0+)?)?)?"
        day, allowed = f"TRY_CAST(left({name}, 10) AS DATE)", f"regexp_full_match({name}, '{iso}')"
    else:
        return None
    # Python knows the years 1 to 9999; a date outside them is a mistake in any case.
    return f"CASE WHEN {allowed} AND {day} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN {day} END"
