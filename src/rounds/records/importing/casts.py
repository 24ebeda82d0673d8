"""How a source's own types become those of the CDM without losing anything, and what is wrong where they cannot."""

from typing import Final

from rounds.measures.traits import LARGEST_VALUE
from rounds.records.lossless import lossless_cast
from rounds.records.tables import ColumnType

_DAY: Final = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_MIDNIGHT: Final = r"([ T]0?0:00(:00(\.0+)?)?(Z|[+-]00(:?00)?)?)?"
_CLOCK: Final = r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
_KNOWN_YEARS: Final = "DATE '0001-01-01' AND DATE '9999-12-31'"
_NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "FLOAT", "DOUBLE")
_NESTED: Final = ("STRUCT", "MAP", "UNION", "BLOB")

WANTED: Final = {
    ColumnType.INTEGER: "a whole number",
    ColumnType.NUMBER: "a number (at most 3.4e38)",
    ColumnType.DATE: "a date (YYYY-MM-DD, no time of day)",
    ColumnType.TIME: "a date and time (YYYY-MM-DD HH:MM:SS)",
    ColumnType.TEXT: "text",
}


def cast(column: str, source_type: str, target: ColumnType) -> str | None:
    """Return SQL for a column in the CDM's type, empty where that would lose something; nothing if it cannot become it.

    Text may be padded with spaces; empty text is an empty cell. Times of day are taken as written, without their zone.

    Args:
        column: the column's name in the source.
        source_type: as DuckDB calls it.
        target: what it should become.
    """
    quoted = '"' + column.replace('"', '""') + '"'
    kind = source_type.upper()
    if kind in ("NULL", '"NULL"'):
        return f"CAST(NULL AS {target.value})"
    if kind == "VARCHAR":
        return _from_text(present(column, source_type), target)
    match target:
        case ColumnType.TEXT:
            nested = kind.endswith("]") or kind.startswith(_NESTED)
            return None if nested else f"CAST({quoted} AS VARCHAR)"
        case ColumnType.INTEGER:
            return lossless_cast(column, source_type, ColumnType.INTEGER)
        case ColumnType.DATE:
            return lossless_cast(column, source_type, ColumnType.DATE)
        case ColumnType.NUMBER:
            numeric = kind in _NUMBERS or kind.startswith("DECIMAL")
            return _sound(f"CAST({quoted} AS DOUBLE)") if numeric else None
        case ColumnType.TIME:
            timely = kind == "DATE" or kind.startswith("TIMESTAMP")
            time = f"CAST({quoted} AS TIMESTAMP)"
            return f"CASE WHEN isfinite({time}) THEN {time} END" if timely else None


def present(column: str, source_type: str) -> str:
    """Return SQL for a cell as it is in the source, empty where nothing is written."""
    quoted = '"' + column.replace('"', '""') + '"'
    return f"nullif(trim({quoted}), '')" if source_type.upper() == "VARCHAR" else quoted


def _sound(number: str) -> str:
    """Return SQL for a number, empty where single precision holds none such: nobody could count it."""
    return f"CASE WHEN isfinite({number}) AND abs({number}) <= CAST('{LARGEST_VALUE!r}' AS DOUBLE) THEN {number} END"


def _from_text(text: str, target: ColumnType) -> str:
    match target:
        case ColumnType.TEXT:
            return text
        case ColumnType.INTEGER:
            whole = rf"regexp_full_match({text}, '-?[0-9]{{1,18}}(\.0*)?')"
            # DuckDB rounds 1.5 to 2 and reads 1_000, 0x1F and 0b11, so only digits are left to it.
            plain = f"regexp_full_match({text}, '[-+]?[0-9]+')"
            return (
                f"CASE WHEN {plain} THEN TRY_CAST({text} AS BIGINT) "
                f"WHEN {whole} THEN TRY_CAST(split_part({text}, '.', 1) AS BIGINT) END"
            )
        case ColumnType.NUMBER:
            number = _sound(f"TRY_CAST({text} AS DOUBLE)")
            return f"CASE WHEN NOT contains({text}, '_') THEN {number} END"
        case ColumnType.DATE:
            day = rf"regexp_extract({text}, '^{_DAY}')"
            written = f"regexp_full_match({text}, '{_DAY}{_MIDNIGHT}')"
            compact = f"regexp_full_match({text}, '[0-9]{{8}}')"
            return (
                f"CASE WHEN length({text}) = 10 AND TRY_CAST({text} AS DATE) BETWEEN {_KNOWN_YEARS} "
                f"THEN TRY_CAST({text} AS DATE) "
                f"WHEN {written} THEN TRY_CAST({day} AS DATE) "
                f"WHEN {compact} THEN CAST(try_strptime({text}, '%Y%m%d') AS DATE) END"
            )
        case ColumnType.TIME:
            clock = rf"regexp_replace(regexp_replace({text}, '(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$', ''), 'T', ' ')"
            day_only = f"regexp_full_match({text}, '{_DAY}')"
            return (
                f"CASE WHEN {day_only} THEN TRY_CAST({text} AS TIMESTAMP) "
                f"WHEN regexp_full_match({text}, '{_DAY}{_CLOCK}') THEN TRY_CAST({clock} AS TIMESTAMP) END"
            )
