"""A site's database gives the counts of the reference engine, on generated sites and measures."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from generated_sites import FIRST, LAST, Site, measures, sites, write_generated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres_server import private_postgres
from small_site import AS_OF, open_site
from warehouse_sites import fill_postgres

from rounds.engines import reference
from rounds.engines.duck import Asked
from rounds.engines.warehouse.count import count_all
from rounds.engines.warehouse.settings import Postgres
from rounds.measures.definitions import Measure
from rounds.measures.periods import periods_between


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    with private_postgres() as conninfo:
        yield conninfo


@pytest.mark.slow
def test_postgres_agrees(server: str) -> None:
    import psycopg

    host = server.split(maxsplit=1)[0].removeprefix("host=")
    there = Postgres(schema="My CDM", host=host, database="postgres", user="rounds")

    @settings(max_examples=8, suppress_health_check=list(HealthCheck))
    @given(site=sites(), asked=st.lists(measures(), min_size=25, max_size=25))
    def agree(site: Site, asked: list[Measure]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_generated(Path(folder), site)
            records = open_site(Path(folder), outside="exclude")
            batch = [
                Asked(measure=one, periods=periods_between(grain=one.grain, first=FIRST, last=LAST)) for one in asked
            ]
            with psycopg.connect(server, autocommit=True) as connection:
                fill_postgres(connection, Path(folder), schema="My CDM")
            found = count_all(batch, there, site="site-a", member="RX1", as_of=AS_OF, outside_observation="exclude")
            for one, count in zip(batch, found, strict=True):
                expected = reference.count(one.measure, records, member="RX1", periods=one.periods)
                assert count.cells.rows() == expected.cells.rows(), one.measure.question

    agree()
