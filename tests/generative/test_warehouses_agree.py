"""A site's database gives the counts of the reference engine, on generated sites and measures."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from generated_sites import FIRST, LAST, Site, measures, sites, write_generated
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from postgres_server import private_postgres
from small_site import AS_OF, open_site
from warehouse_sites import SOCKETS, fill_postgres, postgres_settings, tables_in

from rounds.engines import reference
from rounds.engines.asked import Asked
from rounds.engines.completeness import shares
from rounds.engines.warehouse.count import count_all, count_with_shares
from rounds.engines.warehouse.settings import Settings, Spark
from rounds.errors import RecordsError
from rounds.measures.definitions import Measure
from rounds.measures.periods import periods_between

SCHEMA = "My CDM"
PHASES = (Phase.explicit, Phase.generate)
"""A site and its measures are too much to be made smaller one database at a time."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    with private_postgres() as conninfo:
        yield conninfo


@pytest.mark.slow
def test_postgres_agrees(server: str) -> None:
    import psycopg

    @settings(max_examples=4, suppress_health_check=list(HealthCheck), phases=PHASES)
    @given(site=sites(), asked=st.lists(measures(), min_size=25, max_size=25))
    def agree(site: Site, asked: list[Measure]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_generated(Path(folder), site)
            with psycopg.connect(server, autocommit=True) as connection:
                fill_postgres(connection, Path(folder), schema=SCHEMA)
            _same(asked, Path(folder), postgres_settings(server, schema=SCHEMA))

    agree()


@pytest.mark.slow
@SOCKETS
def test_spark_agrees() -> None:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    pytest.importorskip("pyspark", reason="Spark is not installed (the extra `warehouse`)")

    @settings(max_examples=1, suppress_health_check=list(HealthCheck), phases=PHASES)
    @given(site=sites(), asked=st.lists(measures(), min_size=8, max_size=8))
    def agree(site: Site, asked: list[Measure]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_generated(Path(folder), site)
            for name, frame in tables_in(Path(folder)).items():
                frame.write_parquet(Path(folder) / f"{name}.parquet")
            _same(asked, Path(folder), Spark(folder=folder, master="local[2]"))

    agree()


@pytest.mark.slow
@SOCKETS
@pytest.mark.parametrize(
    ("limit_seconds", "message"), [(300, "there is no such place"), (0.01, "took longer than 0.01")]
)
def test_spark_without_tables_or_time(tmp_path: Path, limit_seconds: float, message: str) -> None:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    pytest.importorskip("pyspark", reason="Spark is not installed (the extra `warehouse`)")
    there = Spark(folder=str(tmp_path), master="local[2]", limit_seconds=limit_seconds)
    with pytest.raises(RecordsError, match=message):
        count_all([], there, site="site-a", member="RX1", as_of=AS_OF)


def _same(asked: list[Measure], folder: Path, there: Settings) -> None:
    batch = [Asked(measure=one, periods=periods_between(grain=one.grain, first=FIRST, last=LAST)) for one in asked]
    found = count_with_shares(
        batch, there, site="site-a", member="RX1", as_of=AS_OF, outside_observation="exclude", time=(FIRST, LAST)
    )
    records = open_site(folder, outside="exclude")
    complete = shares(asked, records, first=FIRST, last=LAST)
    judged = reference.count_all(batch, records, member="RX1")
    for one, (count, there_complete), expected, here_complete in zip(batch, found, judged, complete, strict=True):
        assert count.cells.rows() == expected.cells.rows(), one.measure.question
        assert [(share.name, share.filled, share.of) for share in there_complete] == [
            (share.name, share.filled, share.of) for share in here_complete
        ], one.measure.question
