"""A site whose records lie in PostgreSQL answers as one with the same records in files."""

from datetime import date
from pathlib import Path

import pytest
from postgres_server import private_postgres
from small_site import write_site
from warehouse_sites import fill_postgres

from rounds.errors import DefinitionError
from rounds.exchange.question import Question
from rounds.records.synthetic.tables import vocabulary_tables
from rounds.site.answer import check, count
from rounds.site.folder import read_site
from rounds.site.ledger import would_release

SITE = "site: hospital\npolicy: hes\nrecords:\n  member: ZZ1\n"


def _site_file(folder: Path, records: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "site.yaml").write_text(SITE + records)
    return folder


def test_the_same_leaves(tmp_path: Path) -> None:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    files = _site_file(tmp_path / "files", "  folder: records\n")
    write_site(
        files / "records",
        person="\n".join(f"{person} female 1960" for person in range(1, 41)),
        observation_period="\n".join(f"{person} 2023-01-01 2024-12-31" for person in range(1, 41)),
        visit_occurrence="\n".join(f"{person} {person} inpatient 2024-02-01 2024-02-09" for person in range(1, 41)),
        death="\n".join(f"{person} 2024-02-05" for person in range(1, 31)),
        **vocabulary_tables(),
    )
    with private_postgres() as server:
        import psycopg

        with psycopg.connect(server, autocommit=True) as owner:
            fill_postgres(owner, files / "records", schema="cdm")
        host = server.split()[0].removeprefix("host=")
        reached = f"  postgres: {{schema: cdm, host: {host}, database: postgres, user: rounds}}\n"
        site, there = read_site(files), read_site(_site_file(tmp_path / "database", reached))
        question = Question(
            first=date(2024, 1, 1),
            last=date(2024, 3, 31),
            as_of=date(2024, 4, 1),
            measures=(site.library.measure("in-hospital-deaths", 1).ref,),
            members=("ZZ1",),
        )
        told: list[str] = []
        check(there, question, progress=told.append)
        assert told == ["hospital: 50 people"]
        (expected,) = would_release(site, question, count(site, question, progress=told.append))
        (found,) = would_release(there, question, count(there, question, progress=told.append))
    assert (expected.cells["denominator_value"] > 0).any()
    assert found.cells.equals(expected.cells)
    assert found.completeness == expected.completeness


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ("  postgres: {schema: cdm}\n  folder: records\n", "give one of `folder`, `postgres`"),
        ("  spark: {master: 'local[2]'}\n", "say in which `schema`"),
        ("  postgres: {schema: cdm, password: secret}\n", "password"),
        ("  postgres: {host: here}\n", "schema"),
    ],
)
def test_a_place_that_is_not_one(tmp_path: Path, records: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        read_site(_site_file(tmp_path, records))
    assert "secret" not in str(caught.value)
