"""What is refused of a site's database, and that it is left as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from language_cases import COHORTS
from postgres_server import private_postgres
from small_site import AS_OF, drug_event, people_measure, write_site, years
from warehouse_sites import fill_postgres, postgres_settings

from rounds.engines.asked import Asked
from rounds.engines.warehouse.count import check, count_all
from rounds.engines.warehouse.settings import Postgres, Spark
from rounds.errors import DefinitionError, RecordsError
from rounds.measures.criteria import Events, Has
from rounds.measures.events import EventTable
from rounds.records.quality import QualityReport

MEASURE = people_measure(drug_event())
SITE = {
    "person": "1 female 1950",
    "observation_period": "1 2020-01-01 2020-12-31",
    "drug_era": "1 drug 2020-07-01",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    with private_postgres() as conninfo:
        yield conninfo


@pytest.fixture
def site(server: str, tmp_path: Path) -> Iterator[Any]:
    """A connection of the database's owner, who has just filled it."""
    import psycopg

    write_site(tmp_path, **SITE)
    with psycopg.connect(server, autocommit=True) as owner:
        fill_postgres(owner, tmp_path, schema="cdm")
        yield owner


def _counted(there: Postgres) -> list[tuple[Any, ...]]:
    asked = [Asked(measure=MEASURE, periods=years(2020, 2020))]
    (found,) = count_all(asked, there, site="site-a", member="RX1", as_of=AS_OF)
    return found.cells.rows()


def _refused(there: Postgres) -> str:
    with pytest.raises(RecordsError) as caught:
        _counted(there)
    assert caught.value.__context__ is None or caught.value.__suppress_context__, "the database's own words are shown"
    return str(caught.value)


def test_a_role_that_may_only_read_is_enough_and_nothing_stays(server: str, site: Any) -> None:
    site.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA cdm TO reader")
    site.execute("GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO reader; ALTER ROLE reader SET search_path TO public")
    everything = "SELECT count(*), max(oid::bigint) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'v', 'i')"
    before = site.execute(everything).fetchone()
    told: list[QualityReport] = []
    asked = [Asked(measure=MEASURE, periods=years(2020, 2020))]
    there = postgres_settings(server, schema="cdm", user="reader")
    (found,) = count_all(asked, there, site="site-a", member="RX1", as_of=AS_OF, tell=told.append)
    assert found.cells["numerator"].to_list() == [1]
    assert found.cells["denominator"].to_list() == [1]
    assert told[0].people == 11
    assert site.execute(everything).fetchone() == before
    site.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_a_role_without_leave_for_temporary_tables(server: str, site: Any) -> None:
    site.execute("DROP ROLE IF EXISTS bound; CREATE ROLE bound LOGIN; GRANT USAGE ON SCHEMA cdm TO bound")
    site.execute("GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO bound; REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
    try:
        assert "GRANT TEMPORARY ON DATABASE" in _refused(postgres_settings(server, schema="cdm", user="bound"))
    finally:
        site.execute("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC; DROP OWNED BY bound; DROP ROLE bound")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP TABLE cdm.person", "the table person is missing; every site needs"),
        ('DROP TABLE IF EXISTS cdm."DRUG_ERA", cdm.drug_era', "needs the table drug_era, and there is no"),
        ('CREATE TABLE cdm.person2 (); ALTER TABLE cdm.person2 RENAME TO "Person"', "are the same table"),
        ("ALTER TABLE cdm.person DROP COLUMN year_of_birth", "column `year_of_birth` is missing"),
        ("ALTER TABLE cdm.person ALTER year_of_birth TYPE text", "the type string cannot become BIGINT"),
        ("ALTER TABLE cdm.person ALTER year_of_birth TYPE numeric USING year_of_birth + 0.5", "not a whole number"),
        ("ALTER TABLE cdm.person ALTER year_of_birth TYPE float8 USING 1e300", "not a whole number: 11 rows"),
        ("UPDATE cdm.person SET year_of_birth = NULL WHERE person_id = 1", "column `year_of_birth`: empty: 1 row"),
        ("UPDATE cdm.person SET year_of_birth = 1066 WHERE person_id = 1", "a year of birth outside 1900 to 2024"),
        ("INSERT INTO cdm.person SELECT * FROM cdm.person", "the same id stands in more than one row: 22 rows"),
        ("DELETE FROM cdm.person WHERE person_id > 5", "fewer than 10 people"),
        ("DROP SCHEMA cdm CASCADE", "there is no such schema, or it is empty"),
    ],
)
def test_a_database_that_is_not_right(server: str, site: Any, change: str, message: str) -> None:
    site.execute(change)
    assert message in _refused(postgres_settings(server, schema="cdm"))


@pytest.mark.parametrize("end", ["infinity", "-infinity", "12000-01-01", "0044-03-15 BC"])
def test_a_day_beyond_the_calendar(server: str, site: Any, end: str) -> None:
    column, table = _observation(site)
    site.execute(f"UPDATE {table} SET {column} = '{end}'")  # noqa: S608 - the test's own words
    assert "not a date" in _refused(postgres_settings(server, schema="cdm"))


def _observation(site: Any) -> tuple[str, str]:
    """Return what this test's database calls the last day of an observation."""
    ((schema, table, column),) = site.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema = 'cdm' "
        "AND lower(column_name) = 'observation_period_end_date'"
    ).fetchall()
    return f'"{column}"', f'{schema}."{table}"'


def test_time_that_runs_out(server: str, site: Any) -> None:
    assert "counting took longer than 0.02 seconds" in _refused(
        postgres_settings(server, schema="cdm", limit_seconds=0.02)
    )


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    message = _refused(Postgres(schema="cdm", host=str(tmp_path), database="omop"))
    assert "site site-a: PostgreSQL, schema cdm: the server cannot be reached" in message
    assert str(tmp_path) not in message


def test_checks_alone_refuse_what_counting_would(server: str, site: Any) -> None:
    there = postgres_settings(server, schema="cdm")
    assert check([MEASURE], there, site="site-a", as_of=AS_OF).people == 11
    site.execute("DELETE FROM cdm.person WHERE person_id > 5")
    with pytest.raises(RecordsError, match="fewer than 10 people"):
        check([MEASURE], there, site="site-a", as_of=AS_OF)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"schema": "cdm", "folder": "x"},
        {"schema": "cdm", "master": "local", "remote": "sc://x"},
        {"schema": "cdm", "limit_seconds": 0},
    ],
)
def test_settings_that_contradict_themselves(given: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        Spark(**given)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ("DROP COLUMN drug_era_id", "drug_era.drug_era_id"),
        ("ALTER COLUMN drug_era_end_date TYPE timestamptz", "drug_era.drug_era_end_date"),
    ],
    ids=["no key", "another type"],
)
def test_cohorts_that_need_what_is_not_there(server: str, site: Any, change: str, missing: str) -> None:
    on_aspirin = people_measure(Has(events=Events(table=EventTable.COHORT, codes=COHORTS[1])))
    there = postgres_settings(server, schema="cdm")
    site.execute("ALTER TABLE cdm.drug_era ADD COLUMN drug_era_end_date date")
    check([on_aspirin], there, site="site-a", as_of=AS_OF)
    site.execute(f"ALTER TABLE cdm.drug_era {change}")
    with pytest.raises(RecordsError) as refused:
        check([on_aspirin], there, site="site-a", as_of=AS_OF)
    assert str(refused.value) == (
        f"site site-a: measure example v1, cohort on-aspirin v1: the records have no {missing}; export them, or use a "
        "definition that does not ask for them"
    )
