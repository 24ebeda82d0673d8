"""What must not be true of a site's rows, and how its owner is told. Never with the values themselves."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from rounds.measures.strata import SEX_BY_CONCEPT, UNKNOWN_SEX_CONCEPTS
from rounds.records.tables import OBSERVATION_PERIOD, PERSON, VISIT_OCCURRENCE, Column, ColumnType, Table

MINIMUM_PEOPLE: Final = 10
"""A site with fewer people is refused: whatever is counted there describes one of a handful, however it is rounded."""

EARLIEST_YEAR_OF_BIRTH: Final = 1900

OLDEST_AGE: Final = 150

DENOMINATORS: Final = (OBSERVATION_PERIOD.name, VISIT_OCCURRENCE.name)
"""The tables whose rows put a person into a denominator. Somebody in neither of them is never counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table of a site: its file, or its folder of files, and the SQL that reads it, typed."""

    table: Table
    path: Path
    missing: tuple[str, ...]
    """Columns that the file does not have; all of them are columns that may be empty."""
    casts: tuple[tuple[str, str, str], ...]
    """Every other column: our name of it, the file's, and SQL that makes it the type it must be."""
    select: str
    """Columns as declared in the table, empty where the file's value does not fit the type or there is none, and
    `rounds_row`, which tells the rows apart and says where one stands (`place_of`)."""
    checked: str
    """The same with, for each column of the file, `<column> is wrong`."""
    by_file: tuple[str, ...]
    """`select` for each of its files alone, where `rounds_row` is the row of that file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Rows that `outside_observation: exclude` lets pass, and what becomes of them."""

    file: str
    reason: str
    """what is the matter with them"""
    outcome: str
    """what they are left out of, and what counts them all the same"""
    rows: int

    def __str__(self) -> str:
        return f"{self.file}: {self.rows:,} {'row' if self.rows == 1 else 'rows'} {self.reason}: {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """What a site's owner should know about the records. It stays at the site: its counts are exact."""

    site: str
    people: int
    left_out: tuple[LeftOut, ...]

    def __str__(self) -> str:
        lines = [f"{self.site}: {self.people:,} people"]
        return "\n".join([*lines, *(f"{self.site}: {item}" for item in self.left_out)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition that no row may meet."""

    condition: str
    problem: str
    remedy: str
    column: str | None = None
    reason_left_out: str | None = None
    """Why such rows are left out, if the site's settings say so; else they are refused."""
    outcome: str = "left out"
    suspect: str | None = None
    """What is cheap to tell and true of every row that meets the condition; the condition itself if not said."""


def people_problem(people: int, *, site: str, file: str) -> str | None:
    """Return why a site has too few people to be counted, if it has."""
    if people == 0:
        return f"site {site}: {file} has no rows: the site is empty; check the export, or leave the site out"
    if people < MINIMUM_PEOPLE:
        return (
            f"site {site}: {file} has fewer than {MINIMUM_PEOPLE} people, and counts of so few would describe "
            "persons; join the site with another, or leave it out"
        )
    return None


def has_person(table: Table) -> bool:
    """Say whether a table's rows are about somebody."""
    return any(column.name == "person_id" for column in table.columns)


def rules_of(table: Table, missing: tuple[str, ...], names: set[str], *, as_of: date) -> list[Rule]:
    """Return what must not be true of any row of a table.

    Conditions are DuckDB's SQL over the table's typed columns, called `t`, with `<column> is wrong` for each that is
    there, `copies`, how often the row's key comes, and `known_id` and `born`, the person's id and year of birth in
    `person`. They may look into `observation_period` and `visit_occurrence`. What makes a row suspect may also look at
    `periods`, `observed_first` and `observed_last`: the person's number of observation periods and their ends.

    Args:
        table: the table.
        missing: its columns that the site does not have.
        names: the tables that the site has.
        as_of: nobody can be born in a later year.
    """
    present = [column for column in table.columns if column.name not in missing]
    rules = [rule for column in present for rule in _column_rules(column)]
    if table.key and table.key not in missing:
        rules.append(
            Rule(
                condition=f't."{table.key}" IS NOT NULL AND copies > 1',
                column=table.key,
                problem="the same id stands in more than one row",
                remedy="keep one row for each",
            )
        )
    # Where the end may be empty, an end before the start is taken as not known: see `rounds.engines.rows`.
    if table.start and table.end and table.column(table.end).required:
        rules.append(
            Rule(
                condition=f't."{table.end}" < t."{table.start}"',
                column=table.end,
                problem="the end is before the start",
                remedy="correct the dates in the export",
            )
        )
    if table.name == PERSON.name:
        rules += _person_rules(asked=[name for name in DENOMINATORS if name in names], as_of=as_of)
    if PERSON.name in names and table.name != PERSON.name and has_person(table):
        rules += _life_rules(table)
        if table.is_event and OBSERVATION_PERIOD.name in names:
            rules.append(_outside_rule(table))
    return rules


WANTED: Final = {
    ColumnType.INTEGER: "whole number",
    ColumnType.NUMBER: "number (at most 3.4e38)",
    ColumnType.DATE: "date (YYYY-MM-DD, no time of day)",
    ColumnType.TIME: "date and time (YYYY-MM-DD HH:MM:SS)",
    ColumnType.TEXT: "text",
}


def _column_rules(column: Column) -> list[Rule]:
    name, wanted = column.name, WANTED[column.type]
    wrong = Rule(condition=f't."{name} is wrong"', column=name, problem=f"not a {wanted}", remedy="correct the export")
    if not column.required:
        return [wrong]
    return [
        wrong,
        Rule(
            condition=f't."{name}" IS NULL AND NOT t."{name} is wrong"',
            column=name,
            problem="empty",
            remedy="OMOP requires it; fill it in"
            + (" (for a stay that goes on, the day of the export)" if name == VISIT_OCCURRENCE.end else "")
            + (" (0 where nothing fits)" if name.endswith("concept_id") else ""),
        ),
    ]


def _person_rules(*, asked: list[str], as_of: date) -> list[Rule]:
    sexes = sorted({*SEX_BY_CONCEPT, *UNKNOWN_SEX_CONCEPTS})
    impossible = f"t.year_of_birth NOT BETWEEN {EARLIEST_YEAR_OF_BIRTH} AND {as_of.year}"
    counted = " OR ".join(f"EXISTS (FROM {name} o WHERE o.person_id = t.person_id)" for name in asked)
    if OBSERVATION_PERIOD.name not in asked:
        counted = "true"
    year = Rule(
        condition=f"{impossible} AND ({counted})",
        column="year_of_birth",
        problem=f"a year of birth outside {EARLIEST_YEAR_OF_BIRTH} to {as_of.year}",
        remedy="correct it or remove the person from every table",
        suspect=impossible,
    )
    # Events count only in somebody who is in a denominator, so the others' year of birth can be left alone.
    never_counted = Rule(
        condition=f"{impossible} AND NOT ({counted})",
        column="year_of_birth",
        problem=f"a year of birth outside {EARLIEST_YEAR_OF_BIRTH} to {as_of.year}, of somebody with neither an "
        "observation period nor a visit",
        remedy="correct it, or set `outside_observation: exclude` in site.yaml to leave such people out",
        reason_left_out="with an impossible year of birth, of people with neither an observation period nor a visit",
        suspect=impossible,
    )
    sex = Rule(
        condition=f"t.gender_concept_id NOT IN ({', '.join(map(str, sexes))})",
        column="gender_concept_id",
        problem="an unknown gender concept",
        remedy=f"map it to one of {', '.join(map(str, sexes))} (0 is unknown)",
    )
    return [year, never_counted, sex]


def _life_rules(table: Table) -> list[Rule]:
    unknown = Rule(
        condition="t.person_id IS NOT NULL AND known_id IS NULL",
        column="person_id",
        problem="a person who is not in the person table",
        remedy="export both tables on the same day"
        if table.is_event
        else "export both tables on the same day, or set `outside_observation: exclude` in site.yaml to leave them out",
        reason_left_out=None if table.is_event else "of people who are not in the person table",
    )
    if table.name not in (OBSERVATION_PERIOD.name, VISIT_OCCURRENCE.name):
        return [unknown]
    ends = table.end if table.name == OBSERVATION_PERIOD.name else table.start
    age = Rule(
        condition=f'born BETWEEN {EARLIEST_YEAR_OF_BIRTH} AND 9999 AND (year(t."{table.start}") < born '
        f'OR year(t."{ends}") > born + {OLDEST_AGE})',
        column=table.start,
        problem=f"the person would be younger than 0 or older than {OLDEST_AGE}",
        remedy="correct these dates or the year of birth",
    )
    return [unknown, age]


def _outside_rule(table: Table) -> Rule:
    inside = (
        f'EXISTS (FROM observation_period o WHERE o.person_id = t.person_id AND t."{table.start}" '
        "BETWEEN o.observation_period_start_date AND o.observation_period_end_date)"
    )
    return Rule(
        condition=f'known_id IS NOT NULL AND t."{table.start}" IS NOT NULL AND NOT {inside}',
        column=table.start,
        problem="dated outside the person's observation periods",
        remedy="correct the export, or set `outside_observation: exclude` in site.yaml to leave such rows out",
        reason_left_out="dated outside the person's observation periods",
        outcome=("counted as visits all the same; " if table.name == VISIT_OCCURRENCE.name else "")
        + "left out as events, except of a measure that says `inside_observation: false`",
        suspect=f"known_id IS NOT NULL AND (periods IS DISTINCT FROM 1 "
        f'OR (t."{table.start}" BETWEEN observed_first AND observed_last) IS NOT TRUE)',
    )
