"""How a source's own types become those of the CDM without losing anything."""

from datetime import date, datetime

import duckdb
import pytest

from rounds.records.importing.casts import cast
from rounds.records.importing.cdm import CDM, CdmType
from rounds.records.tables import TABLES


@pytest.mark.parametrize(
    ("kind", "written", "read"),
    [
        (CdmType.INTEGER, " 12 ", 12),
        (CdmType.INTEGER, "-7", -7),
        (CdmType.INTEGER, "12.0", 12),
        (CdmType.INTEGER, "1.5", None),
        (CdmType.INTEGER, "15E-1", None),
        (CdmType.INTEGER, "99999999999999999999", None),
        (CdmType.NUMBER, "-.5", -0.5),
        (CdmType.NUMBER, "1,5", None),
        (CdmType.NUMBER, "nan", None),
        (CdmType.NUMBER, "1e999", None),
        (CdmType.DATE, "2020-1-3", date(2020, 1, 3)),
        (CdmType.DATE, "20200131", date(2020, 1, 31)),
        (CdmType.DATE, "2020-01-31T00:00:00Z", date(2020, 1, 31)),
        (CdmType.DATE, "2020-01-31 10:00", None),
        (CdmType.DATE, "31/01/2020", None),
        (CdmType.DATE, "2020-02-30", None),
        (CdmType.DATE, "infinity", None),
        (CdmType.TIME, "2020-01-31T10:15:00+05:00", datetime.fromisoformat("2020-01-31T10:15")),
        (CdmType.TIME, "2020-01-31", datetime.fromisoformat("2020-01-31")),
        (CdmType.TIME, "2020-01-31 25:00", None),
        (CdmType.TEXT, "  a word ", "a word"),
        (CdmType.TEXT, "   ", None),
    ],
)
def test_text(kind: CdmType, written: str, read: object) -> None:
    sql = cast("cell", "VARCHAR", kind)
    assert duckdb.execute(f"SELECT {sql} FROM (SELECT ?::VARCHAR AS cell)", [written]).fetchall() == [(read,)]  # noqa: S608


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (CdmType.INTEGER, "1.5::DOUBLE", None),
        (CdmType.INTEGER, "7::HUGEINT", 7),
        (CdmType.DATE, "TIMESTAMP '2020-01-31 10:00'", None),
        (CdmType.DATE, "TIMESTAMP '2020-01-31 00:00'", date(2020, 1, 31)),
        (CdmType.NUMBER, "'inf'::DOUBLE", None),
        (CdmType.NUMBER, "1.25::DECIMAL(5, 2)", 1.25),
        (CdmType.TIME, "DATE '2020-01-31'", datetime.fromisoformat("2020-01-31")),
        (CdmType.TEXT, "7::INTEGER", "7"),
    ],
)
def test_typed_columns(kind: CdmType, value: str, read: object) -> None:
    ((found,),) = duckdb.sql(f"SELECT typeof({value})").fetchall()
    assert duckdb.sql(f"SELECT {cast('cell', found, kind)} FROM (SELECT {value} AS cell)").fetchall() == [(read,)]  # noqa: S608


@pytest.mark.parametrize(
    ("kind", "source"), [(CdmType.INTEGER, "DATE"), (CdmType.NUMBER, "DATE"), (CdmType.TEXT, "INTEGER[]")]
)
def test_types_that_cannot_become_another(kind: CdmType, source: str) -> None:
    assert cast("cell", source, kind) is None


def test_everything_that_rounds_opens_can_be_imported() -> None:
    for name, table in TABLES.items():
        known = {column.name for column in CDM[name].columns}
        assert {column[0] if isinstance(column, tuple) else column.name for column in table.columns} <= known
