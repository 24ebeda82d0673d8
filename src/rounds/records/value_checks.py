# ruff: noqa: S608  SQL is built from our own table and column names only
"""Checks the rows of a site's tables once, before anything is counted: one pass for each table.

A pass joins each row to one line about its person and keeps the suspects, by conditions that are cheap to tell. Only
they are held against the rules themselves, some of which look into other tables.
"""

from datetime import date
from typing import Final

import duckdb

from rounds.records.keys import repeated_keys
from rounds.records.quality import DENOMINATORS, LeftOut, QualityReport, Rule, Source, has_person, rules_of
from rounds.records.table_files import place_of
from rounds.records.tables import OBSERVATION_PERIOD, PERSON

_KNOWN: Final = "known"
_REPEATED: Final = "repeated"


def check_values(
    connection: duckdb.DuckDBPyConnection, sources: tuple[Source, ...], *, site: str, exclude: bool, as_of: date
) -> tuple[list[str], QualityReport]:
    """Return everything wrong with the rows of a site's tables, and what is left out of them.

    Rows dated after `as_of` are not wrong: a site's data may be newer than a round.

    Args:
        connection: has the tables that could be opened as typed views.
        sources: the tables that could be opened.
        site: the site's id, for messages.
        exclude: whether rows outside observation are left out instead of refused.
        as_of: nobody can be born in a later year; nothing else is held against it.
    """
    names = {source.table.name for source in sources}
    problems: list[str] = []
    left_out: list[LeftOut] = []
    if PERSON.name in names:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_KNOWN} AS SELECT person_id, min(year_of_birth) AS year_of_birth, "
            "CAST(NULL AS BIGINT) AS periods, CAST(NULL AS DATE) AS observed_first, "
            "CAST(NULL AS DATE) AS observed_last FROM person WHERE person_id IS NOT NULL GROUP BY person_id"
        )
    for source in sorted(sources, key=_order):
        try:
            rules = rules_of(source.table, source.missing, names, as_of=as_of)
            found = _broken(connection, source, rules, joined=PERSON.name in names)
            if source.table.name == OBSERVATION_PERIOD.name and PERSON.name in names:
                _add_observation(connection)
        except duckdb.Error:
            # DuckDB's own words may repeat a value, so they are not passed on.
            problems.append(
                f"site {site}: {source.path.name}: the file is damaged part of the way through; export it again"
            )
            names.remove(source.table.name)
            continue
        for rule, rows, first in found:
            if rule.reason_left_out and exclude:
                left_out.append(
                    LeftOut(file=source.path.name, reason=rule.reason_left_out, outcome=rule.outcome, rows=rows)
                )
            else:
                place = place_of(source.path, first)
                where = f"{source.path.name}, column `{rule.column}`" if rule.column else source.path.name
                problems.append(f"site {site}: {where}: {rule.problem}: {so_many_rows(rows, place)}; {rule.remedy}")
    people = _number_of_people(connection) if PERSON.name in names and not problems else 0
    return problems, QualityReport(site=site, people=people, left_out=tuple(left_out))


def _order(source: Source) -> tuple[bool, bool]:
    """Tables that others are held against come first: a damaged one is named once and not looked into again."""
    return source.table.name != OBSERVATION_PERIOD.name, source.table.name not in DENOMINATORS


def _add_observation(connection: duckdb.DuckDBPyConnection) -> None:
    first, last = "observation_period_start_date", "observation_period_end_date"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_KNOWN} AS SELECT k.person_id, k.year_of_birth, coalesce(o.periods, 0) "
        f"AS periods, o.observed_first, o.observed_last FROM {_KNOWN} k LEFT JOIN (SELECT person_id, "
        f"count(*) AS periods, min({first}) AS observed_first, max({last}) AS observed_last "
        "FROM observation_period GROUP BY person_id) o USING (person_id)"
    )


def _broken(
    connection: duckdb.DuckDBPyConnection, source: Source, rules: list[Rule], *, joined: bool
) -> list[tuple[Rule, int, int]]:
    """Return the rules that rows break, how many rows do and the first of them."""
    key = source.table.key if source.table.key not in source.missing else None
    twice = bool(key) and repeated_keys(connection, source.select, str(key), into=_REPEATED) > 0
    shown, join = "NULL AS known_id, NULL AS born", ""
    if joined and has_person(source.table):
        shown = (
            "known.person_id AS known_id, known.year_of_birth AS born, "
            "known.periods, known.observed_first, known.observed_last"
        )
        join = f"LEFT JOIN {_KNOWN} ON known.person_id = t.person_id"
    if twice:
        join += f' LEFT JOIN {_REPEATED} ON {_REPEATED}."{key}" = t."{key}"'
    copies = f"coalesce({_REPEATED}.copies, 1)" if twice else "1"
    suspect = " OR ".join(f"({rule.suspect or rule.condition})" for rule in rules)
    rows = f"SELECT t.*, {shown}, {copies} AS copies FROM ({source.checked}) t {join}"
    judged = ", ".join(f"({rule.condition}) AS rule_{number}" for number, rule in enumerate(rules))
    counted = ", ".join(
        f"count(*) FILTER (WHERE rule_{number}), min(rounds_row) FILTER (WHERE rule_{number})"
        for number in range(len(rules))
    )
    (row,) = connection.execute(
        f"SELECT {counted} FROM (SELECT rounds_row, {judged} FROM (SELECT * FROM ({rows}) t WHERE {suspect}) t)"
    ).fetchall()
    return [(rule, row[2 * i], row[2 * i + 1]) for i, rule in enumerate(rules) if row[2 * i]]


def _number_of_people(connection: duckdb.DuckDBPyConnection) -> int:
    ((people,),) = connection.execute(f"SELECT count(*) FROM {_KNOWN}").fetchall()
    return int(people)


def so_many_rows(rows: int, first: str) -> str:
    """Return how many rows there are, and where the first stands."""
    return first if rows == 1 else f"{rows:,} rows, the first is {first}"
