"""Looks at a site's records and writes what was found for its own data manager. Nothing of it leaves."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from rounds import __version__
from rounds.engines.warehouse.settings import Postgres
from rounds.errors import DefinitionError
from rounds.measures.quality import Check, Expected
from rounds.measures.quality_words import WORDS
from rounds.records.importing.postgres import copy_postgres
from rounds.records.importing.session import Job
from rounds.records.profile.findings import Finding, Seen
from rounds.records.profile.judge import judge, month_name
from rounds.records.profile.links import PLACES
from rounds.records.profile.look import look_at
from rounds.records.tables import TABLES
from rounds.reports.quality.page import FAILED, LimitsLine, QualityLine, QualityPage, TableLine, write_page
from rounds.reports.quality.workbook import write_workbook
from rounds.site.folder import RecordsBlock, Site
from rounds.storage.atomic import remove_partials
from rounds.storage.facts import NoEvent, write_unlogged_folder
from rounds.storage.lock import only_one
from rounds.storage.progress import Progress
from rounds.storage.quality_files import read_expected

FOLDER: Final = "quality"
_COPIES: Final = ".looked-at"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityWritten:
    """What was written, and what it says."""

    page: QualityPage
    folder: Path

    @property
    def failed(self) -> tuple[QualityLine, ...]:
        return self.page.with_verdict(FAILED)


def check_quality(site: Site, *, today: date, progress: Progress) -> QualityWritten:
    """Look at a site's records and write page, workbook and JSON into its folder `quality`.

    Args:
        site: whose records they are.
        today: what is dated later lies in the future.
        progress: told of every table.

    Raises:
        RoundsError: if the site holds no records in files or PostgreSQL, or they cannot be read at all.
    """
    source = site.source
    if not isinstance(source, RecordsBlock):
        raise DefinitionError(f"site {site.id} holds published data; there are no records to look at")
    expected = read_expected(site.folder / "library")
    with _tables(site, source, today=today, progress=progress) as tables:
        seen = look_at(tables, site=site.id, expected=expected, today=today, progress=progress)
    page = page_of(site.id, seen, expected, today=today)
    folder = site.folder / FOLDER
    with only_one(site.folder, doing="writing about its records", wait_seconds=60):
        remove_partials(site.folder, of=FOLDER)
        write_unlogged_folder(folder, lambda partial: _write(partial, page), because=NoEvent.OWN_REPORT)
    return QualityWritten(page=page, folder=folder)


@contextmanager
def _tables(site: Site, source: RecordsBlock, *, today: date, progress: Progress) -> Iterator[Path]:
    """Give the folder of a site's tables. What lies in PostgreSQL is copied for as long as it is looked at."""
    if source.database is None:
        yield site.folder / source.folder
        return
    if not isinstance(source.database, Postgres):
        raise DefinitionError(
            f"site {site.id} counts in Spark, where records are checked when a round is answered; "
            "to look at their quality, export the tables as Parquet into a folder"
        )
    copies = site.folder / _COPIES
    copies.mkdir(mode=0o700, exist_ok=True)
    with only_one(copies, doing="looking at its records", wait_seconds=60):
        try:
            _empty(copies)  # of what a killed process left
            job = Job(site=site.id, records=copies, today=today, progress=progress, check=lambda _: None)
            folder = copies / "tables"
            folder.mkdir(mode=0o700)
            there = source.database
            names = {"host": there.host, "port": there.port, "user": there.user, "service": there.service}
            reached = {**names, "dbname": there.database}
            copy_postgres(reached, job, folder, schema=there.schema, names=(*TABLES, *PLACES))
            yield folder
        finally:
            _empty(copies)


def _empty(copies: Path) -> None:
    shutil.rmtree(copies / "tables", ignore_errors=True)


def page_of(site: str, seen: Seen, expected: Expected, *, today: date) -> QualityPage:
    """Return everything that page, workbook and JSON say."""
    tables = tuple(
        TableLine(
            name=profile.table.name,
            rows=profile.rows,
            people=profile.people,
            months=tuple(
                (month_name(int(month)), int(rows)) for month, rows in profile.months.drop_nulls().iter_rows()
            ),
        )
        for profile in seen.tables
    )
    return QualityPage(
        site=site,
        made_on=today,
        people=seen.lives.people,
        tables=tables,
        lines=tuple(_line(finding) for finding in judge(seen, expected, today=today)),
        limits=tuple(
            LimitsLine(
                name=f"{file.id} v{file.version}",
                title=file.title,
                author=file.author,
                reviewer=file.reviewer,
                next_review=file.next_review,
                because=file.because,
            )
            for file in expected.files
        ),
        code_version=__version__,
    )


def _write(folder: Path, page: QualityPage) -> None:
    folder.chmod(0o700)  # exact numbers, some of them of one person
    downloads = (("quality.xlsx", "Excel"), ("quality.json", "JSON"))
    write_page(folder, page, downloads=downloads)
    write_workbook(folder / "quality.xlsx", page)
    said = {"format": 1, "statement": page.statement, **asdict(page)}
    (folder / "quality.json").write_text(json.dumps(said, indent=1, default=str) + "\n", encoding="utf-8")


def _line(finding: Finding) -> QualityLine:
    words = WORDS[finding.check]
    return QualityLine(
        check=finding.check.value,
        title=words.title,
        meaning=words.meaning,
        remedy=words.remedy,
        unit=words.unit,
        category=finding.category.value,
        table=finding.table,
        column=finding.column,
        subject=finding.subject,
        verdict=finding.verdict.value,
        broken=finding.broken,
        of=finding.of,
        percent=finding.percent,
        at_most=finding.at_most,
        because=finding.because,
        query=_query(finding),
    )


def _query(finding: Finding) -> str:
    """Return SQL over OMOP that shows the rows, for a data manager to start from."""
    table, column = finding.table, finding.column
    if table not in TABLES or finding.check not in _QUERIES:
        return ""
    held = {"person_id": "person", "visit_occurrence_id": "visit_occurrence"}.get(column, column.removesuffix("_id"))
    return _QUERIES[finding.check].format(
        table=table,
        column=column,
        start=TABLES[table].start,
        concept=TABLES[table].concept,
        source=column if table.endswith("_era") else column.replace("_concept_id", "_source_value"),
        held=held,
    )


_EMPTY: Final = "SELECT * FROM {table} WHERE {column} IS NULL"
_UNLINKED: Final = (
    "SELECT t.* FROM {table} t LEFT JOIN {held} h ON h.{column} = t.{column}\n"
    "WHERE t.{column} IS NOT NULL AND h.{column} IS NULL"
)
_BY_CONCEPT: Final = (
    "SELECT t.{column}, c.standard_concept, c.domain_id, count(*) FROM {table} t\n"
    "LEFT JOIN concept c ON c.concept_id = t.{column} GROUP BY 1, 2, 3 ORDER BY count(*) DESC"
)
_QUERIES: Final = {
    Check.MISSING: _EMPTY,
    Check.EMPTY_REQUIRED: _EMPTY,
    Check.UNMAPPED: "SELECT {source}, count(*) FROM {table} WHERE {column} = 0\n"
    "GROUP BY {source} ORDER BY count(*) DESC",
    Check.DUPLICATED_KEY: "SELECT {column}, count(*) FROM {table} GROUP BY {column} HAVING count(*) > 1",
    Check.UNKNOWN_PERSON: _UNLINKED,
    Check.UNKNOWN_VISIT: _UNLINKED,
    Check.UNKNOWN_PLACE: _UNLINKED,
    Check.BEFORE_BIRTH: "SELECT t.* FROM {table} t JOIN person p ON p.person_id = t.person_id\n"
    "WHERE extract(year FROM t.{start}) < p.year_of_birth",
    Check.AFTER_DEATH: "SELECT t.* FROM {table} t JOIN death d ON d.person_id = t.person_id\n"
    "WHERE t.{start} > d.death_date + 60",
    Check.IN_FUTURE: "SELECT * FROM {table} WHERE {start} > current_date",
    Check.END_BEFORE_START: "SELECT * FROM {table} WHERE {column} < {start}",
    Check.OUTSIDE_OBSERVATION: "SELECT t.* FROM {table} t WHERE NOT EXISTS (\n"
    "  SELECT 1 FROM observation_period o WHERE o.person_id = t.person_id AND t.{start} BETWEEN\n"
    "  o.observation_period_start_date AND o.observation_period_end_date)",
    Check.UNKNOWN_CONCEPT: _BY_CONCEPT,
    Check.NOT_STANDARD: _BY_CONCEPT,
    Check.OTHER_DOMAIN: _BY_CONCEPT,
    Check.OVERLAPPING_PERIODS: "SELECT * FROM observation_period WHERE person_id IN (\n"
    "  SELECT person_id FROM observation_period GROUP BY person_id HAVING count(*) > 1)\n"
    "ORDER BY person_id, observation_period_start_date",
    Check.YEAR_OF_BIRTH: "SELECT year_of_birth, count(*) FROM person GROUP BY year_of_birth ORDER BY year_of_birth",
    Check.SEVERAL_DEATHS: "SELECT * FROM death WHERE person_id IN (\n"
    "  SELECT person_id FROM death GROUP BY person_id HAVING count(*) > 1) ORDER BY person_id",
    Check.VALUE_OUT_OF_RANGE: "SELECT {concept}, unit_concept_id, count(*), min({column}), max({column})\n"
    "FROM {table} GROUP BY {concept}, unit_concept_id ORDER BY count(*) DESC",
    Check.OTHER_UNIT: "SELECT {concept}, {column}, count(*) FROM {table} GROUP BY {concept}, {column}",
    Check.VOLUME_JUMP: "SELECT extract(year FROM {start}), extract(month FROM {start}), count(*) FROM {table}\n"
    "GROUP BY 1, 2 ORDER BY 1, 2",
}
