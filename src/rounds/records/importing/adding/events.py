# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Adds rows of events: new ones as a file beside the old files, corrected ones in place of the rows with their ids.

An id is the row's for ever: one that comes for another person than before says that the source numbers its rows anew in
every export, and nothing is taken from it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rounds.measures.events import WITH_VISIT, EventTable
from rounds.records.importing.adding.addition import Addition
from rounds.records.importing.generation import refuse_small_disk
from rounds.records.importing.shared_files import share
from rounds.records.importing.sql import pattern
from rounds.records.table_files import PART_BITS, parts_of

WITH_IDS: Final = tuple(table.value for table in EventTable if table in WITH_VISIT)
"""The tables of events whose rows have an id each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What became of the rows of a table that came."""

    table: str
    new: int
    replaced: int
    """that came in place of rows that were there"""
    there: int
    """that were there already, just so"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Rows of events that come, held against those that are there. The tables it names are in the session."""

    addition: Addition
    rows: Rows
    known: str
    """(id, part, same): the ids that come and are there, in which file, and whether the row is just so"""

    @classmethod
    def held_against_served(cls, addition: Addition, table: str) -> "Events | list[str]":
        """Compare what comes with what is there, by the rows' ids; or return what is wrong with the ids."""
        session, key, known = addition.session, f"{table}_id", f"known_{table}"
        problems = _key_problems(addition, table, key)
        if problems:
            return problems
        come, there = addition.comes(table), addition.there(table)
        # Only the ids of all rows are read; nearly always that is all.
        session.run(
            f"CREATE TABLE {known} AS SELECT {key} AS id, person_id, rounds_row >> {PART_BITS} AS part, false AS same "
            f"FROM {there} WHERE {key} IN (SELECT {key} FROM {come})",
            title=f"Looking for rows of {table} that are there",
        )
        if addition.rows(known):
            problems = addition.rows_problem(
                table,
                f"{come} c JOIN {known} k ON k.id = c.{key} WHERE k.person_id IS DISTINCT FROM c.person_id",
                f"the `{key}` is there already, of another person",
                "if the source numbers its rows anew in every export, or people were merged, import everything "
                "(without `--add`)",
            )
            alike = " AND ".join(f"t.{name} IS NOT DISTINCT FROM c.{name}" for name in addition.columns(table))
            session.run(
                f"UPDATE {known} SET same = true WHERE id IN (SELECT c.{key} FROM {come} c JOIN "
                f"(SELECT * FROM {there} WHERE {key} IN (SELECT id FROM {known})) t ON {alike})",
                title=f"Comparing rows of {table}",
            )
        rows, same = addition.rows(come), session.number(f"SELECT count(DISTINCT id) FROM {known} WHERE same")
        changed = session.number(f"SELECT count(DISTINCT id) FROM {known} WHERE NOT same")
        told = Rows(table=table, new=rows - same - changed, replaced=changed, there=same)
        return problems or cls(addition=addition, rows=told, known=known)

    def write(self) -> None:
        """Write the table into the new generation: every file that stays as it is is shared."""
        if not self.rows.new and not self.rows.replaced:
            keep(self.addition, self.rows.table)
            return
        table, session, key = self.rows.table, self.addition.session, f"{self.rows.table}_id"
        parts, into = room_beside(self.addition, table)
        touched = {int(str(row[0])) for row in session.query(f"SELECT DISTINCT part FROM {self.known} WHERE NOT same")}
        refuse_small_disk(self.addition.folder, needed_bytes=sum(parts[place].stat().st_size for place in touched))
        for place, part in enumerate(parts):
            if place not in touched:
                share(part, into[place])
                continue
            session.write(
                f"SELECT * FROM read_parquet({pattern(part)}, hive_partitioning = false) "
                f"WHERE {key} NOT IN (SELECT id FROM {self.known} WHERE NOT same)",
                into[place],
                title=f"Replacing rows of {table}",
            )
        session.write(
            f"SELECT {', '.join(self.addition.columns(table))} FROM {self.addition.comes(table)} "
            f"WHERE {key} NOT IN (SELECT id FROM {self.known} WHERE same)",
            into[-1],
            title=f"Adding to {table}",
        )


def keep(addition: Addition, table: str) -> None:
    """Share a table of which nothing changes, as it is."""
    path = addition.served_path(table)
    if path.is_dir():
        (addition.folder / table).mkdir()
    for part in parts_of(path):
        share(part, addition.folder / part.relative_to(addition.served))


def room_beside(addition: Addition, table: str) -> tuple[list[Path], list[Path]]:
    """Return the files of a served table, and what each is called in the new generation; last that of new rows."""
    served, folder = addition.served_path(table), addition.folder / table
    folder.mkdir()
    parts = list(parts_of(served))
    names = [part.name if served.is_dir() else part_name(addition.served) for part in parts]
    return parts, [folder / name for name in (*names, part_name(addition.folder))]


def part_name(generation: Path) -> str:
    """Return what a file of a table is called, after the generation that wrote it: that is their order."""
    return f"part-{generation.name.rpartition('-')[-1]}.parquet"


def _key_problems(addition: Addition, table: str, key: str) -> list[str]:
    come = addition.comes(table)
    for name, scan in ((f"the served table {table}", addition.there(table)), ("the export", come)):
        if key not in addition.columns_of(scan):
            return [
                f"{addition.where(table)}: {name} has no column `{key}`, and without ids nobody can tell which rows "
                "are there already; import everything (without `--add`), with ids"
            ]
    if addition.session.query(f"SELECT 1 FROM {addition.there(table)} WHERE {key} IS NULL LIMIT 1"):
        return [
            f"{addition.where(table)}: rows of the served table {table} have no `{key}`, and without ids nobody can "
            "tell which rows are there already; import everything (without `--add`), with ids"
        ]
    return [
        *addition.rows_problem(
            table,
            f"{come} WHERE {key} IS NULL",
            f"the `{key}` is empty",
            "fill it in: it tells whether a row is there already",
        ),
        *addition.rows_problem(
            table,
            f"(SELECT * FROM {come} WHERE {key} IS NOT NULL QUALIFY row_number() OVER "
            f"(PARTITION BY {key} ORDER BY rounds_row) > 1)",
            f"the same `{key}` stands in more than one row",
            "keep one row for each",
        ),
    ]
