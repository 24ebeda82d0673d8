# ruff: noqa: S608  SQL is built from our own table and column names only; paths are quoted
"""From a source's codes to standard concepts: the site's own code map first, then the vocabulary's "Maps to"."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from rounds.errors import RecordsError
from rounds.records.importing.report import Finding, UnmappedCode
from rounds.records.importing.rules import FINDING_SITE
from rounds.records.importing.session import Session
from rounds.records.importing.sql import pattern
from rounds.records.importing.staged import SEPARATOR, StagedTable
from rounds.storage.csv_files import LINE, ColumnType, read_csv
from rounds.storage.spreadsheet_text import unguarded

CONCEPT_ITSELF: Final = "concept"
"""The system of a code that is a concept id already."""
UNITS: Final = "http://unitsofmeasure.org"

_MAP_COLUMNS: Final = "system VARCHAR, code VARCHAR, concept_id BIGINT, domain_id VARCHAR"

_CODED: Final = {
    "event": ("codes", "value_codes", "route_codes", "qualifier_codes"),
    "visit": ("type_codes", "admitted_codes", "discharged_codes"),
    "person": ("race_codes", "ethnicity_codes"),
}
_DOTTED: Final = ("ICD10", "ICD10CM", "ICD9CM")
"""Vocabularies whose codes the NHS writes without the dot: I219 is I21.9."""


def read_code_map(session: Session, path: Path | None) -> tuple[Finding, ...]:
    """Make the table `code_map` from a site's own CSV of source_system, source_code, concept_id.

    A fourth column, domain_id, may say in which table of OMOP the concept belongs.

    Raises:
        RecordsError: naming line and column, or a code that is mapped twice.
    """
    if path is None:
        session.query(f"CREATE TABLE code_map ({_MAP_COLUMNS})")
        return ()
    named = _first_line(path)
    columns = {
        "source_system": ColumnType.TEXT,
        "source_code": ColumnType.TEXT,
        "concept_id": ColumnType.COUNT,
    } | ({"domain_id": ColumnType.TEXT} if "domain_id" in named else {})
    frame = read_csv(path, columns, error=RecordsError, may_be_blank=("source_system", "concept_id", "domain_id"))
    frame = frame.with_columns(
        pl.col("source_system").fill_null("").str.strip_chars_end("/"),
        pl.col("source_code").map_elements(unguarded, return_dtype=pl.String),
    )
    twice = frame.filter(frame.select("source_system", "source_code", "concept_id").is_duplicated())
    if twice.height:
        raise RecordsError(f"{path.name}, line {twice[LINE][1]}: the line comes twice; remove one")
    domain = pl.col("domain_id") if "domain_id" in columns else pl.lit(None, dtype=pl.String).alias("domain_id")
    kept = session.scratch / "code-map.parquet"
    frame.drop_nulls("concept_id").select("source_system", "source_code", "concept_id", domain).write_parquet(kept)
    session.query(
        "CREATE TABLE code_map AS SELECT source_system AS system, source_code AS code, concept_id, domain_id "
        f"FROM read_parquet({pattern(kept)})"
    )
    if not _has(session, "concept"):
        return ()
    unknown = session.number(
        "SELECT count(*) FROM code_map m WHERE concept_id NOT IN (SELECT concept_id FROM concept) AND concept_id > 0"
    )
    what = "with a concept that the vocabulary does not know, taken as they are"
    return (Finding(where=path.name, what=what, rows=unknown),) if unknown else ()


def _first_line(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return stream.readline()


def map_codes(session: Session, staged: Iterable[StagedTable], vocabularies: Mapping[str, str]) -> None:
    """Make the table `code_target`: for each string of codings its concepts, numbered from 1.

    Of several codings the first that leads to a concept counts. A code that maps to several concepts gives a row for
    each. What leads nowhere has one row with concept 0.

    Args:
        session: has `code_map`, `medication`, and `concept` and `concept_relationship` where the site has a vocabulary.
        staged: whose codes are wanted.
        vocabularies: by code system (lower case, without a slash at the end) the vocabulary that holds it.
    """
    parts = ["SELECT codes FROM medication"]
    for table in staged:
        parts += [f"SELECT {column} AS codes FROM {table.sql}" for column in _CODED.get(table.kind, ())]
        if table.kind == "event":
            parts.append(f"SELECT '{UNITS}|' || unit AS codes FROM {table.sql}")
    session.run(
        "CREATE TABLE used_coding AS SELECT codes, unnest(codings) AS coding, generate_subscripts(codings, 1) AS place "
        f"FROM (SELECT codes, string_split(codes, '{SEPARATOR}') AS codings FROM "
        f"(SELECT DISTINCT codes FROM ({' UNION ALL '.join(parts)}) WHERE codes IS NOT NULL))",
        title="Gathering codes",
    )
    session.query(
        "ALTER TABLE used_coding ADD COLUMN system VARCHAR; ALTER TABLE used_coding ADD COLUMN code VARCHAR; "
        "UPDATE used_coding SET system = rtrim(split_part(coding, '|', 1), '/'), "
        "code = substr(coding, instr(coding, '|') + 1)"
    )
    pairs = ", ".join(f"('{system}', '{vocabulary}')" for system, vocabulary in sorted(vocabularies.items()))
    session.query(f"CREATE TABLE vocabulary_of AS FROM (VALUES {pairs}) v(system, vocabulary_id)")
    _find_source_concepts(session)
    _find_targets(session)
    session.run(
        "CREATE TABLE code_target AS SELECT c.codes, c.code AS source_value, c.system, "
        "coalesce(f.source_concept_id, 0) AS source_concept_id, coalesce(f.concept_id, 0) AS concept_id, f.domain_id, "
        "coalesce(f.ordinal, 1) AS ordinal FROM (SELECT u.codes, "
        "coalesce(min(u.place) FILTER (WHERE t.concept_id > 0), "
        f"min(u.place) FILTER (WHERE NOT contains(u.code, ':{FINDING_SITE}=')), 1) AS best "
        "FROM used_coding u LEFT JOIN found_target t USING (system, code) GROUP BY u.codes) b "
        "JOIN used_coding c ON c.codes = b.codes AND c.place = b.best "
        "LEFT JOIN found_target f ON f.system = c.system AND f.code = c.code",
        title="Mapping codes",
    )


def _find_source_concepts(session: Session) -> None:
    session.query(
        "CREATE TABLE source_concept (system VARCHAR, code VARCHAR, source_concept_id BIGINT, standard BOOLEAN)"
    )
    if not _has(session, "concept"):
        return
    dotted = ", ".join(f"'{vocabulary}'" for vocabulary in _DOTTED)
    session.query(
        "INSERT INTO source_concept SELECT w.system, w.code, c.concept_id, c.standard_concept = 'S' FROM "
        "(SELECT DISTINCT u.system, u.code, coalesce(v.vocabulary_id, u.system) AS vocabulary_id FROM used_coding u "
        "LEFT JOIN vocabulary_of v ON v.system = lower(u.system)) w "
        "JOIN concept c ON c.vocabulary_id = w.vocabulary_id AND (c.concept_code = w.code "
        f"OR (w.vocabulary_id IN ({dotted}) AND length(w.code) > 3 AND NOT contains(w.code, '.') "
        "AND c.concept_code = left(w.code, 3) || '.' || substr(w.code, 4))) "
        "QUALIFY row_number() OVER (PARTITION BY w.system, w.code ORDER BY c.concept_code = w.code DESC, "
        "c.invalid_reason IS NULL DESC, c.concept_id) = 1"
    )


def _find_targets(session: Session) -> None:
    mapped = (
        "SELECT s.system, s.code, s.source_concept_id, r.concept_id_2 AS concept_id FROM source_concept s "
        "JOIN concept_relationship r ON r.concept_id_1 = s.source_concept_id "
        "WHERE r.relationship_id = 'Maps to' AND r.invalid_reason IS NULL AND NOT coalesce(s.standard, false)"
    )
    found = [
        "SELECT m.system, m.code, coalesce(s.source_concept_id, 0) AS source_concept_id, m.concept_id, "
        "m.domain_id AS own_domain FROM code_map m LEFT JOIN source_concept s USING (system, code)",
        "SELECT DISTINCT system, code, 0, TRY_CAST(code AS BIGINT), NULL FROM used_coding "
        f"WHERE system = '{CONCEPT_ITSELF}'",
    ]
    own = "(SELECT system, code FROM code_map)"
    found.append(
        "SELECT system, code, source_concept_id, source_concept_id, NULL FROM source_concept "
        f"WHERE standard AND (system, code) NOT IN {own}"
    )
    if _has(session, "concept_relationship"):
        found.append(f"SELECT *, NULL FROM ({mapped}) WHERE (system, code) NOT IN {own}")
    known = "LEFT JOIN concept c ON c.concept_id = f.concept_id" if _has(session, "concept") else ""
    domain = f"coalesce(f.own_domain, {'c.domain_id' if known else 'NULL::VARCHAR'}) AS domain_id"
    session.query(
        f"CREATE TABLE found_target AS SELECT f.* EXCLUDE (own_domain), {domain}, "
        "row_number() OVER (PARTITION BY f.system, f.code ORDER BY f.concept_id) AS ordinal FROM ("
        + " UNION ".join(found)
        + f") f {known} WHERE f.concept_id IS NOT NULL"
    )
    # A code that is known but leads nowhere still says what it is.
    session.query(
        "INSERT INTO found_target SELECT system, code, source_concept_id, 0, NULL, 1 FROM source_concept s "
        "WHERE NOT EXISTS (FROM found_target f WHERE f.system = s.system AND f.code = s.code)"
    )


def unmapped_codes(session: Session, resolved: Iterable[tuple[str, str]]) -> tuple[UnmappedCode, ...]:
    """Return every code without a concept, the most frequent first.

    Args:
        session: the import.
        resolved: (origin, SQL of resolved events).
    """
    found: dict[tuple[str, str, str], int] = {}
    for origin, sql in resolved:
        rows = session.query(
            f"SELECT coalesce(system, ''), coalesce(source_value, ''), count(*) FROM {sql} "
            "WHERE outcome IS NULL AND concept_id = 0 GROUP BY ALL"
        )
        for system, code, number in rows:
            key = (origin, str(system), str(code))
            found[key] = found.get(key, 0) + int(str(number))
    unmapped = [
        UnmappedCode(origin=origin, system=system, code=code, rows=number)
        for (origin, system, code), number in found.items()
    ]
    return tuple(sorted(unmapped, key=lambda code: (-code.rows, code.origin, code.system, code.code)))


def _has(session: Session, view: str) -> bool:
    return bool(session.query("SELECT 1 FROM duckdb_views() WHERE view_name = ?", [view]))
