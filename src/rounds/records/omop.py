# ruff: noqa: S608  SQL is built from our own table and column names only; values are bound
"""Opens a site's folder of OMOP tables (CDM 5.3 or 5.4), as Parquet or CSV, after checking it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rounds.errors import RecordsError
from rounds.records.exclusion import TABLE, Exclusion
from rounds.records.importing.generation import current_folder
from rounds.records.private_duckdb import DEFAULT_MEMORY, private_duckdb
from rounds.records.quality import (
    EARLIEST_YEAR_OF_BIRTH,
    MINIMUM_PEOPLE,
    QualityReport,
    Source,
    has_person,
    people_problem,
)
from rounds.records.remembered import digest_of_opening, recall, recall_sources, remember
from rounds.records.sources import create_views, find_files
from rounds.records.table_files import parts_of
from rounds.records.tables import PERSON

if TYPE_CHECKING:  # records that were checked are opened without it
    import duckdb

OutsideObservation = Literal["refuse", "exclude"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A site's tables, checked and ready to be counted. Made by `open_records`."""

    site: str
    folder: Path
    sources: tuple[Source, ...]
    quality: QualityReport
    as_of: date
    """The day the round looks back from."""
    excluded: Exclusion | None = None
    """People who are in no count: in a connection to the records they are not there, nor are their rows."""

    def without(self, excluded: Exclusion) -> "Records":
        """Return the same records less some people, who vanish from whatever is counted.

        Raises:
            RecordsError: if hardly anybody is left.
        """
        if self.quality.people - len(excluded.person_ids) < MINIMUM_PEOPLE:
            raise RecordsError(
                f"site {self.site}: without those who must not be counted, such as people who have opted out, fewer "
                f"than {MINIMUM_PEOPLE} people are left, and counts of so few would describe persons; look whether the "
                "list of who may be used is this site's and whole, or leave the site out"
            )
        return replace(self, excluded=excluded)

    @property
    def without_whom(self) -> str:
        """The digest of who is excluded, empty if nobody is: what is worked out of records is remembered with it."""
        return "" if self.excluded is None else self.excluded.digest

    def lacks(self, table: str, column: str) -> bool:
        """Say whether a table's file has no such column, or nothing in it."""
        return any(source.table.name == table and column in source.missing for source in self.sources)

    def has(self, table: str) -> bool:
        return any(source.table.name == table for source in self.sources)

    def file_of(self, table: str) -> str:
        """Return the name of a table's file, or the one it should have."""
        return next((source.path.name for source in self.sources if source.table.name == table), f"{table}.parquet")

    def within(self, days: Mapping[str, tuple[date, date]]) -> "Records":
        """Return the same records, less the rows that touch none of the days between a first and a last.

        Args:
            days: by table of events; of other tables every row is there.
        """
        narrow = (
            replace(source, select=_touching(source, *days[source.table.name])) if source.table.name in days else source
            for source in self.sources
        )
        return replace(self, sources=tuple(narrow))

    def rows_of_files(self, table: str, places: Iterable[int]) -> str:
        """Return SQL for the rows of some files of a table, to be used in `connect`. `within` does not narrow it.

        Args:
            table: which the site has.
            places: of the files, in the order of `parts_of`.
        """
        source = next(source for source in self.sources if source.table.name == table)
        rows = " UNION ALL ".join(source.by_file[place] for place in places)
        return rows if self.excluded is None or not has_person(source.table) else _without_excluded(rows)

    @contextmanager
    def connect(self, *, threads: int = 2, memory_limit: str = DEFAULT_MEMORY) -> Iterator["duckdb.DuckDBPyConnection"]:
        """Open a private DuckDB with one typed view for each table; what it spills to disk is removed at the end.

        Args:
            threads: at most this many.
            memory_limit: as DuckDB writes it, such as "2GB"; beyond it DuckDB spills.

        Raises:
            RecordsError: if DuckDB refuses something in the block, without DuckDB's own words, which may repeat values.
        """
        import duckdb

        with private_duckdb(threads=threads, memory_limit=memory_limit) as connection:
            try:
                sources = self._counted_sources(connection)
                create_views(connection, sources)
                _leave_out_never_counted(connection, sources, self.as_of)
                yield connection
            except duckdb.Error as error:
                raise RecordsError(
                    f"site {self.site}: {self.folder} can no longer be read as when it was checked "
                    f"({type(error).__name__}); look whether an export is under way, or disk or memory are full, and "
                    "try again"
                ) from None

    def _counted_sources(self, connection: "duckdb.DuckDBPyConnection") -> tuple[Source, ...]:
        """Return the tables less the rows of people who are excluded.

        Raises:
            RecordsError: if `person` was written to since they were looked up: there may be others in it.
        """
        if self.excluded is None:
            return self.sources
        if person_files(self) != self.excluded.files:
            raise RecordsError(
                f"site {self.site}: {self.file_of(PERSON.name)} was written to since it was looked up who must not be "
                "counted; wait until the export is done and try again"
            )
        self.excluded.lay_down(connection)
        return tuple(
            replace(source, select=_without_excluded(source.select)) if has_person(source.table) else source
            for source in self.sources
        )


def person_files(records: Records) -> str:
    """Return the `files_seen` of a site's table `person`."""
    from rounds.records.fingerprints import files_seen

    return files_seen(
        file for source in records.sources if source.table.name == PERSON.name for file in parts_of(source.path)
    )


def _without_excluded(rows: str) -> str:
    return f"SELECT * FROM ({rows}) r WHERE NOT EXISTS (SELECT 1 FROM {TABLE} x WHERE x.person_id = r.person_id)"


def _touching(source: Source, first: date, last: date) -> str:
    start, end = source.table.start, source.table.end
    until = f"greatest({start}, coalesce({end}, {start}))" if end else start
    return (
        f"SELECT * FROM ({source.select}) r WHERE {start} <= DATE '{last.isoformat()}' "
        f"AND {until} >= DATE '{first.isoformat()}'"
    )


def open_records(
    folder: Path,
    *,
    site: str,
    as_of: date,
    outside_observation: OutsideObservation = "refuse",
    checked: Path | None = None,
    keep: bool = False,
) -> Records:
    """Return a site's records, checked table by table.

    `person` and `observation_period` must be there; another table is required once a measure needs it. Rows outside the
    person's observation are refused, or with `exclude` left to each measure's own observation rule and counted in the
    quality report; a visit outside observation is then still a visit in the denominator of a measure of visits.
    `exclude` also leaves out observation periods of people who are not in `person`, and people with an impossible year
    of birth who have neither an observation period nor a visit: neither can be in any denominator. Everything else that
    contradicts itself is always refused.

    Rows dated after `as_of` are not refused and not left out, for a site's data may be newer than a round. No period of
    a round ends after its `as_of`, so they are counted only as events during a visit that started in a period.

    Args:
        folder: where the tables lie, one Parquet or CSV file each, named after the table, or a folder of that name with
            the table in several Parquet files.
        site: the site's id, for messages.
        as_of: the day the round looks back from; nobody can be born in a later year.
        outside_observation: what to do with rows outside observation, as in site.yaml.
        checked: a file that remembers which records were checked before. Those are not checked again; a changed file,
            or a changed rule, is.
        keep: whether to remember these there once they are checked.

    Raises:
        RecordsError: one line for each problem, naming site, file, column and row, and what to do.
    """
    if outside_observation not in ("refuse", "exclude"):
        raise RecordsError(
            f"site {site}: `outside_observation` is `refuse` or `exclude`, not `{outside_observation}`; "
            "correct site.yaml"
        )
    if not folder.is_dir():
        raise RecordsError(f"site {site}: there is no folder {folder}; correct `records.folder` in site.yaml")
    folder = current_folder(folder)
    files, problems = find_files(folder, site=site)
    exclude = outside_observation == "exclude"
    known = None if checked is None or problems else recall_sources(checked, files)
    if checked is not None and known is not None:
        digest = digest_of_opening(folder, known, site=site, exclude=exclude, as_of=as_of)
        before = recall(checked, digest, site=site)
        if before is not None:
            return Records(site=site, folder=folder, sources=known, quality=before, as_of=as_of)
    import duckdb

    from rounds.records.opening import open_sources
    from rounds.records.value_checks import check_values

    with private_duckdb(threads=2, memory_limit=DEFAULT_MEMORY) as connection:
        opened = open_sources(connection, files, site=site)
        found = tuple(one for one in opened if isinstance(one, Source))
        problems += [problem for one in opened if not isinstance(one, Source) for problem in one]
        remembering = checked is not None and keep and not problems
        digest = digest_of_opening(folder, found, site=site, exclude=exclude, as_of=as_of) if remembering else None
        create_views(connection, found)
        try:
            wrong, quality = check_values(connection, found, site=site, exclude=exclude, as_of=as_of)
        except duckdb.Error as error:
            raise RecordsError(
                f"site {site}: {folder} cannot be read; check the disk and the export ({type(error).__name__})"
            ) from None
    problems += wrong
    if not problems:
        few = people_problem(quality.people, site=site, file=files[PERSON.name].name)
        problems += [few] if few else []
    if problems:
        raise RecordsError("\n".join(problems))
    # Remembered only if nothing changed while it was read.
    after = digest_of_opening(folder, found, site=site, exclude=exclude, as_of=as_of) if digest else None
    if checked is not None and digest == after:
        remember(checked, digest, found, quality)
    return Records(site=site, folder=folder, sources=found, quality=quality, as_of=as_of)


def _leave_out_never_counted(connection: "duckdb.DuckDBPyConnection", sources: tuple[Source, ...], as_of: date) -> None:
    """Take people with an impossible year of birth, who are in no denominator, out of what is counted."""
    for source in sources:
        if source.table.name == PERSON.name:
            connection.execute(
                f'CREATE OR REPLACE VIEW "{PERSON.name}" AS SELECT * FROM ({source.select}) p '
                f"WHERE year_of_birth BETWEEN {EARLIEST_YEAR_OF_BIRTH} AND {as_of.year}"
            )
