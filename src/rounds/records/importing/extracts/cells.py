"""How the cells of one extract are read: columns by name, dates by format, words by table; wrong ones are found."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rounds.errors import RecordsError
from rounds.records.importing.casts import cast, present
from rounds.records.importing.extracts.column_map import ExtractFile, without_zone
from rounds.records.importing.omop_sources import SURPLUS, SourceTable, header, stands_twice, text_scan
from rounds.records.importing.session import Session
from rounds.records.importing.sql import text, words
from rounds.records.importing.typed import ColumnCast, close
from rounds.records.tables import ColumnType

_NUMBER = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?"
_ZONED = r" *(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The columns of one file, and what must be true of them."""

    path: Path
    columns: Mapping[str, str]
    """by lower-case name: the name as it stands"""
    file: ExtractFile
    order: int
    """the place of the file among all"""
    problems: list[str] = field(default_factory=list)
    checks: list[ColumnCast] = field(default_factory=list)

    def source(self) -> SourceTable:
        """Return the file as a table whose rows are numbered."""

        @contextmanager
        def opened() -> Iterator[str]:
            yield text_scan(self.path)

        columns = tuple((name, "VARCHAR") for name in self.columns.values())
        return SourceTable(name=self.path.stem, label=self.path.name, columns=columns, open=opened)

    def word(self, column: str) -> str:
        """Return SQL for a cell as text, empty where nothing is written."""
        name = self.columns.get(column.lower())
        if name is None:
            self.problems.append(f"there is no column `{column}`{close(column, self.columns.values())}")
            return "NULL"
        if stands_twice(name, self.columns.values()):
            self.problems.append(f"column `{name}` stands twice in the header; rename or remove one")
        quoted = '"' + name.replace('"', '""') + '"'
        marks = words(self.file.blank_marks)
        cell = f"nullif(trim({quoted}), '')"
        return f"CASE WHEN {cell} NOT IN ({marks}) THEN {cell} END" if marks else cell

    def moment(self, column: str) -> str:
        """Return SQL for a cell as a timestamp."""
        cell = self.word(column)
        if self.file.date_formats:
            tried = ", ".join(_written(cell, form) for form in self.file.date_formats)
            wanted = "a date written as " + " or ".join(f'"{form}"' for form in self.file.date_formats)
            return self._checked(column, cell, f"coalesce({tried})", wanted)
        name = self.columns.get(column.lower(), column)
        iso = (cast(name, "VARCHAR", ColumnType.TIME) or "NULL").replace(
            "nullif(trim(" + '"' + name.replace('"', '""') + '"' + "), '')", cell
        )
        return self._checked(column, cell, iso, "a date written as 2024-03-31 or 2024-03-31 17:05")

    def number(self, column: str, *, listed: Mapping[str, int], keep: bool) -> tuple[str, str, str, str]:
        """Return SQL for a value: its number, comparator, concept and text."""
        cell = self.word(column)
        comparator = f"nullif(regexp_extract({cell}, '^[<>]=?'), '')"
        plain = f"trim(regexp_replace({cell}, '^[<>]=?', ''))"
        finite = f"regexp_full_match({plain}, '{_NUMBER}') AND isfinite(TRY_CAST({plain} AS DOUBLE))"
        value = f"CASE WHEN {finite} THEN TRY_CAST({plain} AS DOUBLE) END"
        concepts = " ".join(f"WHEN {text(word.lower())} THEN 'concept|{concept}'" for word, concept in listed.items())
        meaning = f"CASE lower({cell}) {concepts} END" if concepts else "NULL"
        if not keep:
            told = "a number" + (" or a word that `words` lists" if listed else "")
            self._checked(column, cell, f"coalesce(CAST({value} AS VARCHAR), {meaning})", told)
        return value, comparator, meaning, f"CASE WHEN ({value}) IS NULL THEN {cell} END"

    def one_of(self, column: str, table: Mapping[str, int]) -> str:
        """Return SQL that translates a cell; a word that is not in the table is refused."""
        cell = self.word(column)
        cases = " ".join(f"WHEN {text(word.lower())} THEN {concept}" for word, concept in table.items())
        return self._checked(column, cell, f"CASE lower({cell}) {cases} END", "a word that `words` lists")

    def _checked(self, column: str, cell: str, sql: str, wanted: str) -> str:
        self.checks.append(ColumnCast(name="checked", column=column, sql=sql, present=cell, wanted=wanted))
        return sql


def _written(cell: str, form: str) -> str:
    plain = without_zone(form)
    if plain is not None:
        # As everywhere, the time is taken as it is written; DuckDB would turn it into another zone's.
        cell = f"CASE WHEN regexp_matches({cell}, {text(_ZONED)}) THEN regexp_replace({cell}, {text(_ZONED)}, '') END"
    # DuckDB takes two digits for a whole year, the 24th.
    moment = f"try_strptime({cell}, {text(plain or form)})"
    return f"CASE WHEN year({moment}) BETWEEN 1000 AND 9999 THEN {moment} END"


def read_cells(session: Session, path: Path, file: ExtractFile, *, order: int) -> Cells:
    """Return the columns of a file.

    Args:
        session: the import.
        path: the file.
        file: what the column map says of it.
        order: its place among all files.

    Raises:
        RecordsError: if it has no header row in UTF-8.
    """
    try:
        names = header(path)
    except (OSError, UnicodeDecodeError):
        raise RecordsError(
            f'site {session.site}: {path.name}: the file is empty or not in UTF-8; save it as "CSV UTF-8"'
        ) from None
    surplus = [name for name in names if name.startswith(SURPLUS)]
    # A decimal comma in a file whose cells are parted by commas makes one cell more.
    checks = [
        ColumnCast(name="", column=one, sql="NULL", present=present(one, "VARCHAR"), wanted="empty") for one in surplus
    ]
    return Cells(path=path, columns={name.lower(): name for name in names}, file=file, order=order, checks=checks)
