# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Looks at all of a site's records, also those that a round would refuse."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from rounds.errors import RecordsError
from rounds.measures.quality import Check, Expected
from rounds.records.importing.generation import current_folder
from rounds.records.opening import open_source
from rounds.records.private_duckdb import private_duckdb
from rounds.records.profile.both import both
from rounds.records.profile.findings import Finding, Seen, Verdict
from rounds.records.profile.links import links_of
from rounds.records.profile.lives import make_lives
from rounds.records.profile.scan import TableProfile, columns_of, count_implausible, profile_table
from rounds.records.quality import EARLIEST_YEAR_OF_BIRTH, Source
from rounds.records.sources import create_views, find_files
from rounds.records.table_files import file_scan
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR, PERSON, REQUIRED, TABLES
from rounds.storage.progress import Progress

_NOT_PROFILED: Final = (CONCEPT.name, CONCEPT_ANCESTOR.name)


def look_at(
    folder: Path,
    *,
    site: str,
    expected: Expected,
    today: date,
    progress: Progress,
    memory_limit: str = "2GB",
) -> Seen:
    """Return everything that is to be known about the quality of a site's records.

    Args:
        folder: where the tables lie, as in `open_records`.
        site: the site's id, for messages.
        expected: the values and concepts that are looked for.
        today: what is dated later lies in the future.
        progress: told of every table.
        memory_limit: as DuckDB writes it; beyond it DuckDB spills to a private folder.

    Raises:
        RecordsError: if there is no such folder, or it holds no table that can be read.
    """
    if not folder.is_dir():
        raise RecordsError(f"site {site}: there is no folder {folder}; correct `records.folder` in site.yaml")
    folder = current_folder(folder)
    files, problems = find_files(folder, site=site)
    structure = [_structural(Check.TABLE_MISSING, "", problem, site) for problem in problems]
    with private_duckdb(threads=2, memory_limit=memory_limit) as connection:
        sources = {}
        for name, path in files.items():
            opened = open_source(connection, TABLES[name], path, site=site)
            if isinstance(opened, Source):
                sources[name] = opened
            else:
                structure += [_structural(Check.COLUMN_MISSING, name, problem, site) for problem in opened]
        if not sources:
            raise RecordsError("\n".join([f"site {site}: {folder} holds no table that can be read", *problems]))
        if all(name in sources for name in REQUIRED):
            structure.append(
                Finding(check=Check.TABLE_MISSING, table="", verdict=Verdict.PASSED, broken=0, of=len(REQUIRED))
            )
        return _look(connection, sources, structure, site=site, expected=expected, today=today, progress=progress)


def _structural(check: Check, table: str, problem: str, site: str) -> Finding:
    said = problem.removeprefix(f"site {site}: ")
    return Finding(check=check, table=table, verdict=Verdict.FAILED, subject=said, broken=1, of=1)


def _look(
    connection: duckdb.DuckDBPyConnection,
    sources: dict[str, Source],
    structure: list[Finding],
    *,
    site: str,
    expected: Expected,
    today: date,
    progress: Progress,
) -> Seen:
    create_views(connection, tuple(sources.values()))
    asked = [source for name, source in sources.items() if name not in _NOT_PROFILED]
    progress.step(f"{site}: looking at records", len(asked) + 2)
    damaged: set[str] = set()
    try:
        lives = make_lives(connection, set(sources), today=today)
    except duckdb.Error:
        raise RecordsError(
            f"site {site}: people, their observation periods or deaths cannot be read to the end; export "
            "person, observation_period and death again"
        ) from None
    progress.advance()
    tables: list[TableProfile] = []
    values: dict[str, _Values] = {}
    for source, profiled in zip(asked, both(connection, asked, _profiled(expected, today), progress), strict=True):
        name = source.table.name
        if profiled is None:
            damaged.add(name)
            said = f"{source.path.name}: the file is damaged part of the way through; export it again"
            structure.append(_structural(Check.TABLE_MISSING, name, said, site))
            continue
        profile, found = profiled
        tables.append(profile)
        values |= {name: found} if source.table.value else {}
    whole = {name: source for name, source in sources.items() if name not in damaged}
    links = links_of(connection, {name: one for name, one in whole.items() if name not in _NOT_PROFILED})
    progress.advance()
    return Seen(
        lives=lives,
        tables=tuple(tables),
        structure=tuple(structure),
        concepts=_concepts(connection, whole, tables, expected),
        links=links,
        values=values,
        deaths=_more_deaths(connection) if "death" in whole else 0,
        born=_born(connection, today) if PERSON.name in whole else (0, 0),
    )


_Values = dict[tuple[str, int], tuple[int, int]]


def _profiled(
    expected: Expected, today: date
) -> Callable[[duckdb.DuckDBPyConnection, Source], tuple[TableProfile, _Values] | None]:
    def profiled(cursor: duckdb.DuckDBPyConnection, source: Source) -> tuple[TableProfile, _Values] | None:
        try:
            profile = profile_table(cursor, source, today=today)
            return profile, count_implausible(cursor, profile, expected.values) if source.table.value else {}
        except (duckdb.Error, pl.exceptions.PolarsError):
            return None  # Their own words may repeat a value, so they are not passed on.

    return profiled


def _concepts(
    connection: duckdb.DuckDBPyConnection, sources: dict[str, Source], tables: list[TableProfile], expected: Expected
) -> pl.DataFrame | None:
    """Return what the site's vocabulary says of the concepts that occur."""
    if CONCEPT.name not in sources:
        return None
    occurring = sorted({int(c) for one in tables for c in one.groups["concept"].drop_nulls().unique() if c})
    columns = columns_of(connection, sources[CONCEPT.name].path)

    def text(name: str) -> str:
        return f'CAST("{columns[name][0]}" AS VARCHAR)' if name in columns else "CAST(NULL AS VARCHAR)"

    key = columns["concept_id"][0]
    found = connection.execute(
        f'SELECT TRY_CAST("{key}" AS BIGINT), {text("standard_concept")}, {text("domain_id")} '
        f'FROM {file_scan(sources[CONCEPT.name].path)} WHERE list_contains(?, TRY_CAST("{key}" AS BIGINT))',
        [occurring],
    ).fetchall()
    known = pl.DataFrame(
        found, schema={"concept": pl.Int64, "standard": pl.String, "domain": pl.String}, orient="row"
    ).unique("concept", keep="first", maintain_order=True)
    known = known.with_columns(
        pl.lit(value=True).alias("known"), pl.lit(value="standard_concept" in columns).alias("has_standard")
    )
    return known.join(_one_sex(connection, sources, expected), on="concept", how="left")


def _one_sex(connection: duckdb.DuckDBPyConnection, sources: dict[str, Source], expected: Expected) -> pl.DataFrame:
    """Return the concepts that only one sex can have, with their descendants where the site knows these."""
    rows: dict[int, tuple[str, str]] = {}
    for one in expected.sexes:
        below = list(one.concepts)
        if CONCEPT_ANCESTOR.name in sources:
            found = connection.execute(
                "SELECT DISTINCT descendant_concept_id FROM concept_ancestor "
                "WHERE list_contains(?, ancestor_concept_id)",
                [list(one.concepts)],
            ).fetchall()
            below += [concept for (concept,) in found]
        rows |= dict.fromkeys(below, (one.sex, one.title))
    schema = {"concept": pl.Int64, "only": pl.String, "only_title": pl.String}
    return pl.DataFrame([(concept, *named) for concept, named in rows.items()], schema=schema, orient="row")


def _more_deaths(connection: duckdb.DuckDBPyConnection) -> int:
    ((more,),) = connection.execute("SELECT count(person_id) - count(DISTINCT person_id) FROM death").fetchall()
    return int(more)


def _born(connection: duckdb.DuckDBPyConnection, today: date) -> tuple[int, int]:
    ((impossible, people),) = connection.execute(
        f"SELECT count(*) FILTER (WHERE year_of_birth NOT BETWEEN {EARLIEST_YEAR_OF_BIRTH} AND {today.year}), "
        "count(*) FROM person"
    ).fetchall()
    return int(impossible), int(people)
