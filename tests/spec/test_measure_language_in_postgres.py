"""The rules of the measure language hold in PostgreSQL too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import private_postgres
from test_measure_language import Engine, site_of, test_rule
from test_rows_released import test_somebody_is_behind_a_cell_once_whatever_the_age
from warehouse_sites import fill_postgres, postgres_settings

from rounds.engines.asked import Asked
from rounds.engines.warehouse.count import count_all
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period
from rounds.records.omop import Records

__all__ = ["site_of", "test_rule", "test_somebody_is_behind_a_cell_once_whatever_the_age"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    with private_postgres() as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def count(server: str) -> Engine:
    import psycopg

    filled: list[Path] = []

    def in_postgres(measure: Measure, records: Records, *, member: str, periods: tuple[Period, ...]) -> Count:
        if filled[-1:] != [records.folder]:
            with psycopg.connect(server, autocommit=True) as connection:
                fill_postgres(connection, records.folder, schema="cdm")
            filled.append(records.folder)
        (found,) = count_all(
            [Asked(measure=measure, periods=periods)],
            postgres_settings(server, schema="cdm"),
            site=records.site,
            member=member,
            as_of=records.as_of,
            outside_observation="exclude",
        )
        return found

    return in_postgres
