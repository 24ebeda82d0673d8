"""The quality of a site's records in PostgreSQL is looked at as that of the same records in files."""

from datetime import date
from pathlib import Path

from importing_job import Silent
from postgres_server import private_postgres
from small_site import write_site
from warehouse_sites import fill_postgres

from rounds.records.synthetic.tables import vocabulary_tables
from rounds.reports.quality.page import QualityLine
from rounds.site.folder import read_site
from rounds.site.quality import check_quality


def _site(folder: Path, where: str) -> Path:
    folder.mkdir()
    (folder / "site.yaml").write_text(f"site: hospital\npolicy: hes\nrecords:\n  member: ZZ1\n  {where}\n")
    return folder


def test_its_quality_is_that_of_the_same_records_in_files(tmp_path: Path) -> None:
    files = _site(tmp_path / "files", "folder: records")
    write_site(
        files / "records",
        person="\n".join(f"{person} female 1960" for person in range(1, 41)),
        observation_period="\n".join(f"{person} 2023-01-01 2024-12-31" for person in range(1, 39)),
        visit_occurrence="\n".join(f"{person} {person} inpatient 2024-02-01 2024-02-09" for person in range(1, 41)),
        death="\n".join(f"{person} 2023-02-05" for person in range(1, 31)),
        **vocabulary_tables(),
    )
    today = date(2024, 4, 1)
    with private_postgres() as server:
        import psycopg

        with psycopg.connect(server, autocommit=True) as owner:
            fill_postgres(owner, files / "records", schema="cdm")
        host = server.split()[0].removeprefix("host=")
        reached = f"postgres: {{schema: cdm, host: {host}, database: postgres, user: rounds}}"
        there = read_site(_site(tmp_path / "database", reached))
        found = check_quality(there, today=today, progress=Silent()).page
    expected = check_quality(read_site(files), today=today, progress=Silent()).page
    assert expected.with_verdict("failed")
    assert found.people == expected.people == 50
    assert [_said(line) for line in found.lines] == [_said(line) for line in expected.lines]
    assert sorted(path.name for path in there.folder.rglob("*.parquet")) == []


def _said(line: QualityLine) -> tuple[object, ...]:
    return line.check, line.table, line.column, line.subject, line.verdict, line.broken, line.of
