# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Adds to tables that say what is so now: people, places, deaths, observation; and vocabularies, which come whole."""

from dataclasses import dataclass
from typing import Final

from rounds.measures.events import EventTable
from rounds.records.cdm import VOCABULARY_TABLES
from rounds.records.importing.adding.addition import Addition
from rounds.records.importing.adding.events import Rows, keep, room_beside
from rounds.records.importing.shared_files import share
from rounds.records.tables import CARE_SITE, LOCATION, OBSERVATION_PERIOD, PERSON

BY_KEY: Final = {
    PERSON.name: "person_id",
    OBSERVATION_PERIOD.name: "person_id",
    EventTable.DEATH.value: "person_id",
    LOCATION.name: "location_id",
    CARE_SITE.name: "care_site_id",
}
"""Tables that are written anew unless every key is new: all rows of a key give way to those that come of it."""

ONE_ROW: Final = (PERSON.name, LOCATION.name, CARE_SITE.name)
"""Those of which a key has one row."""

WHOLE: Final = (EventTable.CONDITION_ERA.value, EventTable.DRUG_ERA.value, *VOCABULARY_TABLES)
"""Tables of which a month's rows are no part: eras are made of all months, versions of a vocabulary do not mix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """Rows that come in place of all rows of their keys."""

    addition: Addition
    rows: Rows

    @classmethod
    def held_against_served(cls, addition: Addition, table: str) -> "Keyed | list[str]":
        """Compare what comes with what is there; or return what is wrong with it."""
        key, come, there = BY_KEY[table], addition.comes(table), addition.there(table)
        problems = addition.rows_problem(table, f"{come} WHERE {key} IS NULL", f"the `{key}` is empty", "fill it in")
        if table in ONE_ROW:
            problems += addition.rows_problem(
                table,
                f"(SELECT * FROM {come} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY rounds_row) > 1)",
                f"the same `{key}` stands in more than one row",
                "keep one row for each",
            )
        if table == OBSERVATION_PERIOD.name:
            problems += _lost_periods(addition) or _earlier_export(addition)
        if problems:
            return problems
        # A key is as it was if both sides have the same rows of it.
        columns = ", ".join(addition.columns(table))
        affected = f"SELECT {columns} FROM {there} WHERE {key} IN (SELECT {key} FROM {come})"
        addition.session.run(
            f"CREATE TABLE other_{table} AS SELECT DISTINCT {key} FROM ("
            f"((SELECT {columns} FROM {come}) EXCEPT ALL ({affected})) UNION ALL "
            f"(({affected}) EXCEPT ALL (SELECT {columns} FROM {come})))",
            title=f"Comparing {table}",
        )
        of_known = f"{key} IN (SELECT {key} FROM {there} WHERE {key} IS NOT NULL)"
        of_other = f"{key} IN (SELECT {key} FROM other_{table})"
        told = Rows(
            table=table,
            new=addition.rows(f"{come} WHERE NOT {of_known}"),
            replaced=addition.rows(f"{come} WHERE {of_known} AND {of_other}"),
            there=addition.rows(f"{come} WHERE {of_known} AND NOT {of_other}"),
        )
        return cls(addition=addition, rows=told)

    def write(self) -> None:
        """Write the table into the new generation; what is in it is shared if nothing of that changes."""
        table, key = self.rows.table, BY_KEY[self.rows.table]
        if not self.rows.new and not self.rows.replaced:
            keep(self.addition, table)
            return
        columns = ", ".join(self.addition.columns(table))
        gives_way = f"{key} IN (SELECT {key} FROM other_{table})"
        come = f"SELECT {columns} FROM {self.addition.comes(table)} WHERE {gives_way}"
        stay = f"SELECT {columns} FROM {self.addition.there(table)} WHERE ({gives_way}) IS NOT TRUE"
        title = f"Adding to {table}"
        if self.rows.replaced:
            into = self.addition.folder / f"{table}.parquet"
            self.addition.session.write(f"{stay} UNION ALL {come}", into, title=title)
            return
        parts, beside = room_beside(self.addition, table)
        for part, shared in zip(parts, beside, strict=False):
            share(part, shared)
        self.addition.session.write(come, beside[-1], title=title)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A table that comes in place of the whole table that is there."""

    addition: Addition
    rows: Rows

    @classmethod
    def held_against_served(cls, addition: Addition, table: str) -> "Whole | list[str]":
        """Return the table that comes, or why it cannot be the whole of it."""
        rows = addition.rows(addition.comes(table))
        if addition.is_served(table) and rows < (before := addition.rows(addition.there(table))):
            return [
                f"{addition.where(table)}: it has {rows:,} rows, and the served table {table} {before:,}: it takes "
                "that table's place, for a part of it cannot be added; export the whole table"
                + (", or leave it out" if table in VOCABULARY_TABLES else "")
            ]
        return cls(addition=addition, rows=Rows(table=table, new=0, replaced=rows, there=0))

    def write(self) -> None:
        """Move the table into the new generation."""
        name = f"{self.rows.table}.parquet"
        (self.addition.incoming / name).rename(self.addition.folder / name)


def _lost_periods(addition: Addition) -> list[str]:
    """Return a refusal of people who had a period of observation of which nothing comes."""
    table = OBSERVATION_PERIOD
    come, there = addition.comes(table.name), addition.there(table.name)
    lost = (
        f"SELECT t.person_id FROM {there} t WHERE t.person_id IN (SELECT person_id FROM {come}) AND NOT EXISTS "
        f"(FROM {come} c WHERE c.person_id = t.person_id AND c.{table.start} <= t.{table.end} "
        f"AND c.{table.end} >= t.{table.start})"
    )
    return addition.rows_problem(
        table.name,
        f"(SELECT min(rounds_row) AS rounds_row FROM {come} WHERE person_id IN ({lost}) GROUP BY person_id)",
        "people come without an observation period that they have",
        "export all periods of each person, or import everything (without `--add`)",
    )


def _earlier_export(addition: Addition) -> list[str]:
    """Return a refusal of an export that is older than what is served: most people are observed less long in it.

    With it, rows of later months would lie outside of observation, and be left out where a site lets such rows pass.
    """
    table = OBSERVATION_PERIOD
    last = f"max({table.end}) AS last FROM {{}} GROUP BY person_id"
    ((fewer, number),) = addition.session.query(
        f"SELECT count(*) FILTER (c.last < t.last), count(*) FROM (SELECT person_id, "
        f"{last.format(addition.comes(table.name))}) c JOIN (SELECT person_id, "
        f"{last.format(addition.there(table.name))}) t USING (person_id)"
    )
    if int(str(fewer)) * 2 <= int(str(number)):
        return []
    return [
        f"{addition.where(table.name)}: of {number:,} people {fewer:,} are observed less long than in what is served, "
        "as in an earlier export; add months in their order, or import everything (without `--add`)"
    ]
