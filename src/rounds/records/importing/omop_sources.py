# ruff: noqa: S608  SQL is built from quoted names and paths only
"""Where OMOP tables can come from: a folder of files, a DuckDB file. Names are taken in any case."""

import csv
import gzip
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from rounds.errors import RecordsError
from rounds.records.cdm import CDM, VOCABULARY_TABLES
from rounds.records.importing.session import Session
from rounds.records.importing.sql import file, pattern, text
from rounds.records.opening import unlike_first
from rounds.records.table_files import file_list, parts_of

DELIMITERS: Final = ("\t", ",", ";", "|")
SURPLUS: Final = "cell beyond the header"
_AGAIN: Final = " again "
_LOOK_AT: Final = 200
"""So many lines are looked at to tell the separator and whether rows are wider than the header."""

_PARQUET: Final = ".parquet"
_SIZE_FACTORS: Final = {_PARQUET: 1.5, ".csv": 0.7, ".tsv": 0.7, ".txt": 0.7, ".csv.gz": 4.0, ".tsv.gz": 4.0}
_DUCKDB_FACTOR: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """One table as the source holds it."""

    name: str
    label: str
    """what the source calls it, for messages: a file, or a table of a database"""
    columns: tuple[tuple[str, str], ...]
    """(name, DuckDB type), as in the source"""
    open: Callable[[], AbstractContextManager[str]]
    """gives SQL that reads every column once, in the source's order"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OmopSource:
    """Tables that can be imported, and what was left alone."""

    words: str
    """what it is, for the report"""
    tables: tuple[SourceTable, ...]
    left_alone: tuple[str, ...]
    needed_bytes: int


def table_name(word: str) -> str | None:
    """Return the CDM table that a file or a table of a database means, if any."""
    lowered = word.lower()
    return lowered if lowered in CDM else None


def file_kind(path: Path) -> str | None:
    """Return the kind of a file by its ending, such as ".csv.gz", if it is one that tables come in."""
    for kind in sorted(_SIZE_FACTORS, key=len, reverse=True):
        if path.name.lower().endswith(kind):
            return kind
    return None


def folder_source(session: Session, folder: Path) -> OmopSource:
    """Return the tables in a folder of CSV, TSV or Parquet files, or of folders with the parts of a table in Parquet.

    Raises:
        RecordsError: naming every file that cannot be read, and tables that come twice.
    """
    found: dict[str, tuple[Path, str]] = {}
    left, problems = [], []
    for path in sorted(folder.iterdir()):
        kind = _PARQUET if path.is_dir() else file_kind(path)
        name = table_name(path.name.removesuffix(kind) if path.is_dir() else path.name[: -len(kind)]) if kind else None
        if kind is None or name is None:
            left.append(path.name)
        elif path.is_dir() and not parts_of(path):
            problems.append(
                f"{path.name}: there are no Parquet files in this folder; remove it or export the table again"
            )
        elif name in found:
            problems.append(f"{found[name][0].name} and {path.name} are the same table; remove one")
        else:
            found[name] = (path, kind)
    tables = []
    for name, (path, kind) in found.items():
        try:
            scan = _parquet_scan(path) if kind == _PARQUET else text_scan(path)
            tables.append(_described(session, name=name, label=path.name, scan=scan))
            # DuckDB makes every part's numbers those of the first part: 36.6 becomes 37 after one without decimals.
            unlike = unlike_first(session.connection, path)
            problems += (
                [f"{path.name}: {unlike} has other columns than the first file, or others' types; export it again"]
                if unlike
                else []
            )
        except (duckdb.Error, UnicodeDecodeError, OSError, EOFError):
            what = "Parquet" if kind == _PARQUET else "text with a header row, in UTF-8"
            problems.append(f"{path.name}: the file is not complete {what} (truncated?); export it again")
    if problems:
        raise RecordsError("\n".join(f"site {session.site}: {folder}: {problem}" for problem in problems))
    return OmopSource(
        words=f"the OMOP tables in {folder.name}",
        tables=tuple(tables),
        left_alone=tuple(left),
        needed_bytes=folder_bytes(folder),
    )


def folder_bytes(folder: Path) -> int:
    """Return how much an import of a folder of tables may write."""
    files = (file for path in folder.iterdir() for file in (parts_of(path) if path.is_dir() else (path,)))
    sizes = [(path.stat().st_size, file_kind(path)) for path in files if path.is_file()]
    return int(sum(size * _SIZE_FACTORS[kind] for size, kind in sizes if kind))


def duckdb_source(session: Session, path: Path, *, schema: str | None = None) -> OmopSource:
    """Return the tables in a DuckDB file.

    Args:
        session: the import.
        path: the file; it is opened for reading only.
        schema: where the tables lie; needed only if several schemas hold a person table.

    Raises:
        RecordsError: if the file cannot be opened or it does not say which schema is meant.
    """
    try:
        session.connection.execute(f"ATTACH {file(path)} AS source (READ_ONLY)")
    except duckdb.Error as error:
        why = "another program has it open for writing" if "lock" in str(error).lower() else "it is not a DuckDB file"
        raise RecordsError(
            f"site {session.site}: {path} cannot be opened ({why}, or it was made by a newer DuckDB); close the other "
            "program, or export the tables as Parquet"
        ) from None
    rows = session.query(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'source' ORDER BY ALL"
    )
    by_schema = [(str(one), str(table)) for one, table in rows]
    chosen = choose_schema(by_schema, schema, where=f"site {session.site}: {path.name}")
    named = [(table, table_name(table)) for one, table in by_schema if one == chosen]
    tables = [
        _described(session, name=name, label=f"{path.name}, table {table}", scan=f'source."{chosen}"."{table}"')
        for table, name in named
        if name is not None
    ]
    return OmopSource(
        words=f"the OMOP tables in {path.name}",
        tables=tuple(tables),
        left_alone=tuple(table for table, name in named if name is None),
        needed_bytes=duckdb_bytes(path),
    )


def duckdb_bytes(path: Path) -> int:
    """Return how much an import of a DuckDB file may write."""
    return int(path.stat().st_size * _DUCKDB_FACTOR)


def choose_schema(tables: list[tuple[str, str]], wanted: str | None, *, where: str) -> str:
    """Return the schema that holds the CDM.

    Raises:
        RecordsError: if there is none, or several and none was named.
    """
    schemas = [schema for schema, table in tables if table.lower() == "person"]
    if wanted is not None:
        if wanted not in schemas:
            raise RecordsError(f"{where}: schema {wanted} has no table person; name one of {', '.join(schemas)}")
        return wanted
    if len(schemas) != 1:
        what = f"several schemas hold a table person: {', '.join(schemas)}" if schemas else "there is no table person"
        raise RecordsError(f"{where}: {what}; name the schema with `--schema`")
    return schemas[0]


def text_scan(path: Path) -> str:
    """Return SQL that reads a text file with every cell as text; the separator is the one its header uses.

    Nothing is guessed but the separator: DuckDB's own sniffer takes a data row for the header of a ragged file.
    Columns beyond the header, which some exports fill with nothing, are called `SURPLUS` and a number.

    Raises:
        UnicodeDecodeError: if the header is not in UTF-8.
        OSError: if the file cannot be read.
    """
    names, mark = _header(path)
    quote = "" if _is_athena(path, mark) else '"'
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({pattern(path)}, header = true, auto_detect = false, columns = {{{columns}}}, delim = '{mark}', "
        f"quote = '{quote}', escape = '{quote}', null_padding = false)"
    )


def stands_twice(column: str, names: Iterable[str]) -> bool:
    """Say whether a column's name stands in the header again: nobody can tell then which of the two is meant."""
    return any(name.lower().startswith(f"{column.lower()}{_AGAIN}") for name in names)


def _header(path: Path) -> tuple[list[str], str]:
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as stream:
        lines = [line.decode("utf-8-sig") for line in itertools.islice(stream, _LOOK_AT)]
    if not lines:
        raise OSError("empty")
    try:
        counts = {mark: len(next(csv.reader(lines, delimiter=mark))) for mark in DELIMITERS}
        mark = max(DELIMITERS, key=lambda mark: counts[mark])
        if _is_athena(path, mark):
            rows = list(csv.reader(lines, delimiter=mark, quoting=csv.QUOTE_NONE))
        else:
            rows = list(csv.reader(lines, delimiter=mark))
    except csv.Error:
        raise OSError("no lines: an old Macintosh ended them in a way that nothing else does") from None
    header: list[str] = []
    for number, cell in enumerate(rows[0]):
        name = cell.strip() or f"unnamed column {number + 1}"
        header.append(name if name.lower() not in [one.lower() for one in header] else f"{name}{_AGAIN}{number + 1}")
    widest = max((len(row) for row in rows[1:-1]), default=0)
    return header + [f"{SURPLUS} {number}" for number in range(len(header) + 1, widest + 1)], mark


def _is_athena(path: Path, mark: str) -> bool:
    """Say whether a file is a vocabulary as Athena gives it: tabs, and quotation marks that mean themselves."""
    return mark == "\t" and path.name.partition(".")[0].lower() in VOCABULARY_TABLES


def header(path: Path) -> list[str]:
    """Return the names of a text file's columns. See `text_scan` for what it raises."""
    return _header(path)[0]


def _parquet_scan(path: Path) -> str:
    return f"read_parquet([{file_list(path)}], hive_partitioning = false)"


def _described(session: Session, *, name: str, label: str, scan: str) -> SourceTable:
    described = session.query(f"DESCRIBE SELECT * FROM {scan}")

    @contextmanager
    def scanned() -> Iterator[str]:
        yield scan

    columns = tuple((str(row[0]), str(row[1])) for row in described)
    return SourceTable(name=name, label=label, columns=columns, open=scanned)
