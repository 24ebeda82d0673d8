# ruff: noqa: S608  SQL is built from our own table names and quoted paths only
"""The site's vocabulary: imported from a folder, or carried over from the records that are served."""

import shutil
from pathlib import Path

from rounds.errors import RecordsError
from rounds.records.cdm import CDM, VOCABULARY_TABLES
from rounds.records.importing.generation import current_folder
from rounds.records.importing.omop_sources import folder_bytes, folder_source
from rounds.records.importing.session import Session
from rounds.records.importing.shared_files import share
from rounds.records.importing.sql import pattern
from rounds.records.importing.typed import plan_table, write_table

_NEEDED = ("concept_id", "concept_code", "vocabulary_id", "standard_concept", "domain_id", "invalid_reason")


def vocabulary_bytes(vocabulary: Path | None) -> int:
    """Return how much an import of a vocabulary may write."""
    return folder_bytes(vocabulary) if vocabulary is not None and vocabulary.is_dir() else 0


def provide_vocabulary(session: Session, folder: Path, *, records: Path, vocabulary: Path | None) -> dict[str, int]:
    """Write the vocabulary's tables into a new generation and open them as views; there may be none.

    Args:
        session: the import.
        folder: the new generation.
        records: the site's records; what they serve is carried over if no vocabulary is given.
        vocabulary: a folder with concept and concept_relationship (and concept_ancestor), as Athena gives them.

    Returns:
        The rows of each table.

    Raises:
        RecordsError: if the folder holds no vocabulary, or a broken one.
    """
    rows: dict[str, int] = {}
    if vocabulary is None:
        served = current_folder(records)
        for table in VOCABULARY_TABLES:
            if (served / f"{table}.parquet").exists():
                carry = shutil.copyfile if served == records else share
                carry(served / f"{table}.parquet", folder / f"{table}.parquet")
                rows[table] = session.number(
                    f"SELECT count(*) FROM read_parquet({pattern(folder / f'{table}.parquet')})"
                )
    else:
        rows = _import(session, folder, vocabulary)
    for table in rows:
        _open(session, table, folder)
    return {table: rows[table] for table in CDM if table in rows}


def _import(session: Session, folder: Path, vocabulary: Path) -> dict[str, int]:
    if not vocabulary.is_dir():
        raise RecordsError(f"site {session.site}: there is no folder {vocabulary}; correct `--vocabulary`")
    tables = {table.name: table for table in folder_source(session, vocabulary).tables}
    if "concept" not in tables:
        raise RecordsError(f"site {session.site}: {vocabulary}: there is no table concept; add CONCEPT.csv")
    rows: dict[str, int] = {}
    problems: list[str] = []
    for name in VOCABULARY_TABLES:
        if name in tables:
            casts, wrong, _ = plan_table(session, tables[name])
            problems += wrong
            if not problems:
                rows[name] = write_table(session, tables[name], casts, folder / f"{name}.parquet")
    if problems:
        raise RecordsError("\n".join(problems))
    return rows


def _open(session: Session, table: str, folder: Path) -> None:
    scan = f"read_parquet({pattern(folder / f'{table}.parquet')})"
    found = {str(row[0]) for row in session.query(f"DESCRIBE SELECT * FROM {scan}")}
    wanted = _NEEDED if table == "concept" else tuple(column.name for column in CDM[table].columns)
    absent = [f"NULL::VARCHAR AS {name}" for name in wanted if name not in found]
    if table == "concept" and not {"concept_code", "vocabulary_id"} <= found:
        return  # names only: it cannot map a code
    session.query(f"CREATE VIEW {table} AS SELECT {', '.join(['*', *absent])} FROM {scan}")
