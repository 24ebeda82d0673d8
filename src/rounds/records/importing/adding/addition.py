# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""An extract beside the records it is added to, and whether its columns are theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rounds.records.importing.session import Session
from rounds.records.table_files import file_scan, table_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What comes, to what, and where both go."""

    session: Session
    served: Path
    """the generation that is served"""
    incoming: Path
    """the extract's tables, typed, a file each, rows in the source's order"""
    folder: Path
    """the new generation"""
    labels: Mapping[str, str]
    """what the source calls each table, such as a file"""

    @property
    def names(self) -> list[str]:
        """The tables that come."""
        return sorted(path.stem for path in self.incoming.glob("*.parquet"))

    def comes(self, name: str) -> str:
        """Return SQL of the rows that come, with `rounds_row`, the row in the source."""
        return file_scan(self.incoming / f"{name}.parquet")

    def is_served(self, name: str) -> bool:
        return table_in(self.served, name) is not None

    def served_path(self, name: str) -> Path:
        """Return the file or folder of a table that is served."""
        found = table_in(self.served, name)
        if found is None:
            raise ValueError(f"{name} is not served")
        return found

    def there(self, name: str) -> str:
        """Return SQL of the rows that are there, with `rounds_row`."""
        return file_scan(self.served_path(name))

    def rows(self, scan: str) -> int:
        return self.session.number(f"SELECT count(*) FROM {scan}")

    def columns(self, name: str) -> list[str]:
        """Return the columns of a table as it is served."""
        return list(self.columns_of(self.there(name)))

    def columns_of(self, scan: str) -> dict[str, str]:
        """Return the columns of some rows, with their types."""
        described = self.session.query(f"DESCRIBE SELECT * EXCLUDE (rounds_row) FROM {scan}")
        return {str(row[0]): str(row[1]) for row in described}

    def where(self, name: str) -> str:
        """Return what a refusal begins with."""
        return f"site {self.session.site}: {self.labels.get(name, name)}"

    def column_problems(self, name: str) -> list[str]:
        """Return why the columns that come are not those that are there."""
        there, come = self.columns_of(self.there(name)), self.columns_of(self.comes(name))
        problems = [
            f"{self.where(name)}: column `{column}` is missing, which the served table {name} has; add it to the export"
            for column in there
            if column not in come
        ]
        for column in come:
            if column not in there and self.rows(f"{self.comes(name)} WHERE {column} IS NOT NULL"):
                problems.append(
                    f"{self.where(name)}, column `{column}`: the served table {name} has no such column; import "
                    "everything (without `--add`), so that the earlier rows have it too"
                )
            elif column in there and there[column] != come[column]:
                problems.append(
                    f"{self.where(name)}, column `{column}`: the served table {name} has it as another type; import "
                    "everything (without `--add`)"
                )
        return problems

    def rows_problem(self, name: str, scan: str, what: str, remedy: str) -> list[str]:
        """Return a refusal of some rows that come, if there are any.

        Args:
            name: the table.
            scan: SQL of them, to come after FROM.
            what: is wrong with them.
            remedy: what to do.
        """
        ((number, first),) = self.session.query(f"SELECT count(*), min(rounds_row) FROM {scan}")
        if not number:
            return []
        many = f"row {first}" if number == 1 else f"{number:,} rows, the first is row {first}"
        return [f"{self.where(name)}: {what}: {many}; {remedy}"]
