# ruff: noqa: S608  SQL is built from our own table and column names only
"""The same checks of a site's rows that files get before anything is counted, made in the database."""

from collections.abc import Mapping
from datetime import date

from rounds.engines.warehouse.connection import Connection
from rounds.engines.warehouse.typed import TypedTable
from rounds.records.quality import LeftOut, QualityReport, Rule, people_problem, rules_of
from rounds.records.tables import PERSON

_CHECKED = "rounds_checked"
_KNOWN = "known"


def check_rows(
    connection: Connection, tables: Mapping[str, TypedTable], *, site: str, exclude: bool, as_of: date
) -> tuple[list[str], QualityReport]:
    """Return everything wrong with the rows of a site's tables, and what is left out of them.

    Args:
        connection: to the database. Views named after `person` and the tables people are in denominators by, and the
            table `known`, are made in its session and stay.
        tables: those that will be counted from, `person` among them.
        site: the site's id, for messages.
        exclude: whether rows outside observation are left out instead of refused.
        as_of: nobody can be born in a later year.
    """
    for name, typed in tables.items():
        connection.view(name, typed.source.select(**typed.columns))
    connection.step(
        _KNOWN,
        "SELECT person_id, min(year_of_birth) AS year_of_birth FROM person WHERE person_id IS NOT NULL "
        "GROUP BY person_id",
    )
    problems: list[str] = []
    left_out: list[LeftOut] = []
    for typed in tables.values():
        for rule, rows in _broken(connection, typed, set(tables), as_of=as_of):
            if rule.reason_left_out and exclude:
                left_out.append(LeftOut(file=typed.name, reason=rule.reason_left_out, outcome=rule.outcome, rows=rows))
            else:
                where = f"{connection.words}: {typed.name}" + (f", column `{rule.column}`" if rule.column else "")
                problems.append(f"{where}: {rule.problem}: {rows:,} {'row' if rows == 1 else 'rows'}; {rule.remedy}")
    ((people,),) = connection.rows(f"SELECT count(*) FROM {_KNOWN}")
    few = None if problems else people_problem(people, site=site, file=tables[PERSON.name].name)
    problems += [few] if few else []
    return problems, QualityReport(site=site, people=people, left_out=tuple(left_out))


def _broken(connection: Connection, typed: TypedTable, names: set[str], *, as_of: date) -> list[tuple[Rule, int]]:
    """Return the rules that rows break, and how many rows do."""
    connection.view(_CHECKED, typed.source.select(**typed.columns, **typed.wrong))
    key = typed.table.key
    copies = f't."{key}", count(*) AS copies FROM {_CHECKED} t GROUP BY t."{key}"'
    again = f'LEFT JOIN (SELECT {copies}) k ON k."{key}" = t."{key}"' if key else ""
    shown = (
        f"SELECT t.*, known.person_id AS known_id, known.year_of_birth AS born, {'k.copies' if key else '1 AS copies'}"
    )
    known = f"LEFT JOIN {_KNOWN} ON known.person_id = t.person_id"
    if "person_id" not in typed.columns:
        shown, known = "SELECT t.*, NULL AS known_id, NULL AS born, 1 AS copies", ""
    rows = f"({shown} FROM {_CHECKED} t {known} {again}) t"
    rules = rules_of(typed.table, typed.missing, names, as_of=as_of)
    together = [rule for rule in rules if "EXISTS" not in rule.condition]
    broken: list[tuple[Rule, int]] = []
    if together:
        counted = ", ".join(f"count(CASE WHEN {rule.condition} THEN 1 END)" for rule in together)
        (numbers,) = connection.rows(f"SELECT {counted} FROM {rows}")
        broken += zip(together, numbers, strict=True)
    for rule in rules:
        # A database makes a join of what a WHERE asks to exist; elsewhere it would look for each row.
        if rule not in together:
            ((number,),) = connection.rows(f"SELECT count(*) FROM {rows} WHERE {rule.condition}")
            broken.append((rule, number))
    connection.drop_view(_CHECKED)
    return [(rule, number) for rule, number in broken if number]
