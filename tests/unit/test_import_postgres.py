"""OMOP tables from a real PostgreSQL of our own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from importing_job import imported, job
from postgres_server import private_postgres

from rounds.errors import RecordsError
from rounds.records.importing.postgres import import_postgres

MAKE = """
CREATE SCHEMA cdm;
CREATE TABLE cdm.person (person_id bigint, gender_concept_id int, year_of_birth int, person_source_value text);
INSERT INTO cdm.person SELECT n, 8532, 1900 + n, 'a, "quoted"' || chr(10) || 'one' FROM generate_series(50, 69) n;
CREATE TABLE cdm.observation_period (person_id bigint, observation_period_start_date date,
    observation_period_end_date date);
INSERT INTO cdm.observation_period SELECT n, '2020-01-01', '2023-12-31' FROM generate_series(50, 69) n;
CREATE VIEW cdm.measurement AS SELECT n AS measurement_id, 50 + n % 20 AS person_id, 3024171 AS measurement_concept_id,
    date '2021-01-01' + n % 300 AS measurement_date, timestamptz '2021-01-01 10:00+00' AS measurement_datetime,
    CASE WHEN n % 7 > 0 THEN n * 0.5 END AS value_as_number, 'x' AS our_own FROM generate_series(1, 20000) n;
CREATE TABLE cdm.cohort (id int);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with private_postgres() as conninfo:
        import psycopg

        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(MAKE)
        yield conninfo


def _execute(server: str, sql: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql)  # type: ignore[call-overload]  # the tests' own words


def test_tables_and_views_stream_into_typed_files(server: str, tmp_path: Path) -> None:
    report = import_postgres(server, job(tmp_path))
    assert dict(report.rows) == {"person": 20, "observation_period": 20, "measurement": 20_000}
    person = imported(tmp_path, "person").sort("person_id")
    assert person["person_source_value"][0] == 'a, "quoted"\none'
    measured = imported(tmp_path, "measurement")
    assert measured["value_as_number"].null_count() == 20_000 // 7
    assert str(measured["measurement_datetime"][0]) == "2021-01-01 10:00:00"
    assert "our_own" in " ".join(report.notes)
    assert "cohort" in " ".join(report.notes)
    assert not list(tmp_path.rglob("*.pipe"))


def test_what_is_new_is_added(server: str, tmp_path: Path) -> None:
    import_postgres(server, job(tmp_path), schema="cdm")
    _execute(
        server,
        "CREATE SCHEMA month; CREATE VIEW month.person AS SELECT * FROM cdm.person WHERE false;"
        "CREATE VIEW month.observation_period AS SELECT * FROM cdm.observation_period WHERE false;"
        "CREATE VIEW month.measurement AS SELECT * FROM cdm.measurement WHERE measurement_id > 19990 UNION ALL "
        "SELECT measurement_id + 20000, person_id, measurement_concept_id, measurement_date, measurement_datetime, "
        "value_as_number, our_own FROM cdm.measurement WHERE measurement_id <= 100",
    )
    try:
        report = import_postgres(server, job(tmp_path), schema="month", add=True)
    finally:
        _execute(server, "DROP SCHEMA month CASCADE")
    assert dict(report.rows) == {"person": 20, "observation_period": 20, "measurement": 20_100}
    assert {(one.outcome, one.number) for one in report.outcomes} == {
        ("imported: new", 100),
        ("there already, just so", 10),
    }


def test_a_wrong_cell_is_refused_and_the_old_stay(server: str, tmp_path: Path) -> None:
    import_postgres(server, job(tmp_path))
    _execute(server, "CREATE TABLE cdm.death AS SELECT 50 AS person_id, 'on Tuesday' AS death_date")
    try:
        with pytest.raises(RecordsError, match=r"table death, column `death_date`: not a date .*: row 1") as refused:
            import_postgres(server, job(tmp_path))
        assert "Tuesday" not in str(refused.value)
    finally:
        _execute(server, "DROP TABLE cdm.death")
    assert imported(tmp_path, "person").height == 20


def test_a_server_that_fails_half_way_leaves_the_old(server: str, tmp_path: Path) -> None:
    import_postgres(server, job(tmp_path))
    _execute(
        server,
        "CREATE VIEW cdm.death AS SELECT 50 AS person_id, date '2021-01-01' + 0 / (99999 - n) AS death_date "
        "FROM generate_series(1, 99999) n",
    )
    try:
        with pytest.raises(RecordsError, match=r"PostgreSQL refused a query \(DivisionByZero\).*still served"):
            import_postgres(server, job(tmp_path))
    finally:
        _execute(server, "DROP VIEW cdm.death")
    assert imported(tmp_path, "person").height == 20


def test_nobody_at_home(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `postgres`)")
    with pytest.raises(RecordsError, match="PostgreSQL cannot be reached"):
        import_postgres(f"host={tmp_path} dbname=omop connect_timeout=2", job(tmp_path / "records"))
