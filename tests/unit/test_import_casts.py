"""How a source's own types become those of the CDM without losing anything."""

from datetime import date, datetime

import duckdb
import pytest

from rounds.records.cdm import CDM
from rounds.records.importing.casts import cast
from rounds.records.tables import TABLES, ColumnType


@pytest.mark.parametrize(
    ("kind", "written", "read"),
    [
        (ColumnType.INTEGER, " 12 ", 12),
        (ColumnType.INTEGER, "-7", -7),
        (ColumnType.INTEGER, "12.0", 12),
        (ColumnType.INTEGER, "1.5", None),
        (ColumnType.INTEGER, "15E-1", None),
        (ColumnType.INTEGER, "99999999999999999999", None),
        (ColumnType.INTEGER, "1_000", None),
        (ColumnType.INTEGER, "0x1F", None),
        (ColumnType.INTEGER, "0b11", None),
        (ColumnType.NUMBER, "1_000", None),
        (ColumnType.NUMBER, "-.5", -0.5),
        (ColumnType.NUMBER, "1,5", None),
        (ColumnType.NUMBER, "nan", None),
        (ColumnType.NUMBER, "1e999", None),
        (ColumnType.DATE, "2020-1-3", date(2020, 1, 3)),
        (ColumnType.DATE, "20200131", date(2020, 1, 31)),
        (ColumnType.DATE, "2020-01-31T00:00:00Z", date(2020, 1, 31)),
        (ColumnType.DATE, "2020-01-31 10:00", None),
        (ColumnType.DATE, "31/01/2020", None),
        (ColumnType.DATE, "2020-02-30", None),
        (ColumnType.DATE, "infinity", None),
        (ColumnType.DATE, "12020-1-31", None),
        (ColumnType.DATE, "-2020-1-31", None),
        (ColumnType.TIME, "2020-01-31T10:15:00+05:00", datetime.fromisoformat("2020-01-31T10:15")),
        (ColumnType.TIME, "2020-01-31", datetime.fromisoformat("2020-01-31")),
        (ColumnType.TIME, "2020-01-31 25:00", None),
        (ColumnType.TEXT, "  a word ", "a word"),
        (ColumnType.TEXT, "   ", None),
    ],
)
def test_text(kind: ColumnType, written: str, read: object) -> None:
    sql = cast("cell", "VARCHAR", kind)
    assert duckdb.execute(f"SELECT {sql} FROM (SELECT ?::VARCHAR AS cell)", [written]).fetchall() == [(read,)]  # noqa: S608


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (ColumnType.INTEGER, "1.5::DOUBLE", None),
        (ColumnType.INTEGER, "7::HUGEINT", 7),
        (ColumnType.DATE, "TIMESTAMP '2020-01-31 10:00'", None),
        (ColumnType.DATE, "TIMESTAMP '2020-01-31 00:00'", date(2020, 1, 31)),
        (ColumnType.NUMBER, "'inf'::DOUBLE", None),
        (ColumnType.NUMBER, "1.25::DECIMAL(5, 2)", 1.25),
        (ColumnType.TIME, "DATE '2020-01-31'", datetime.fromisoformat("2020-01-31")),
        (ColumnType.TEXT, "7::INTEGER", "7"),
    ],
)
def test_typed_columns(kind: ColumnType, value: str, read: object) -> None:
    ((found,),) = duckdb.sql(f"SELECT typeof({value})").fetchall()
    assert duckdb.sql(f"SELECT {cast('cell', found, kind)} FROM (SELECT {value} AS cell)").fetchall() == [(read,)]  # noqa: S608


@pytest.mark.parametrize(
    ("kind", "source"), [(ColumnType.INTEGER, "DATE"), (ColumnType.NUMBER, "DATE"), (ColumnType.TEXT, "INTEGER[]")]
)
def test_types_that_cannot_become_another(kind: ColumnType, source: str) -> None:
    assert cast("cell", source, kind) is None


def test_everything_that_rounds_opens_can_be_imported() -> None:
    for name, table in TABLES.items():
        known = {column.name for column in CDM[name].columns}
        assert {column[0] if isinstance(column, tuple) else column.name for column in table.columns} <= known
