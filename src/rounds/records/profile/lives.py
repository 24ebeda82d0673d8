# ruff: noqa: S608  SQL is built from our own table and column names only
"""One line for each person: birth, death, sex, and when they were observed."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Final

import duckdb

LIVES: Final = "lives"

LATE_DAYS: Final = 60
"""What is dated later than so many days after somebody's death is held to be wrong, as DataQualityDashboard does."""

_PERIODS: Final = """
SELECT person_id, observation_period_start_date AS first, observation_period_end_date AS last,
    max(observation_period_end_date) OVER (
        PARTITION BY person_id ORDER BY observation_period_start_date, observation_period_end_date
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before
FROM observation_period
SEMI JOIN (SELECT person_id FROM observation_period GROUP BY person_id HAVING count(*) > 1) USING (person_id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """What came of it."""

    people: int
    overlapping: int
    """observation periods that begin before another of the same person has ended"""


def make_lives(connection: duckdb.DuckDBPyConnection, names: AbstractSet[str], *, today: date) -> Lives:
    """Make the table `lives`, empty if there are no people; every cursor of the connection sees it.

    `gaps` is in how many pieces time between somebody's observation periods falls; `gap_first` to `gap_last` is the
    first of them. From `sound_first` to `sound_last` nothing can be wrong with a row's day; they are empty if there are
    gaps.

    Args:
        connection: has typed views of the tables.
        names: of the tables that are there.
        today: later days lie in the future.
    """
    _make(connection, "observed", _observed(names))
    _make(connection, "deaths", _deaths(names))
    whole = "o.gaps IS NULL AND o.first IS NOT NULL AND o.last IS NOT NULL"
    _make(
        connection,
        LIVES,
        "SELECT p.*, o.first, o.last, o.gap_first, o.gap_last, coalesce(o.gaps, 0) AS gaps, d.late_from, "
        # Both pass over what is empty, so that somebody never observed must be told apart.
        f"CASE WHEN {whole} THEN greatest(p.birth, o.first) END AS sound_first, "
        f"CASE WHEN {whole} THEN least(o.last, d.late_from, DATE '{today}') END AS sound_last "
        f"FROM ({_people(names)}) p LEFT JOIN observed o USING (person_id) LEFT JOIN deaths d USING (person_id)",
    )
    ((people,),) = connection.execute(f"SELECT count(*) FROM {LIVES}").fetchall()
    overlapping = 0
    if "observation_period" in names:
        ((overlapping,),) = connection.execute(f"SELECT count(*) FROM ({_PERIODS}) WHERE first <= before").fetchall()
    return Lives(people=int(people), overlapping=int(overlapping))


def _make(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")


def _people(names: AbstractSet[str]) -> str:
    if "person" not in names:
        return "SELECT CAST(NULL AS BIGINT) AS person_id, NULL::BIGINT AS sex, NULL::DATE AS birth WHERE false"
    # A day or month that is not known, or not possible, is taken as the first, which accuses nobody.
    birth = (
        "make_date(year_of_birth, CASE WHEN month_of_birth BETWEEN 1 AND 12 THEN month_of_birth ELSE 1 END, 1) + "
        "CASE WHEN day_of_birth BETWEEN 1 AND 31 AND month_of_birth BETWEEN 1 AND 12 "
        "THEN CAST(day_of_birth AS INTEGER) - 1 ELSE 0 END"
    )
    return (
        "SELECT person_id, any_value(gender_concept_id) AS sex, "
        f"min(CASE WHEN year_of_birth BETWEEN 1 AND 9998 THEN {birth} END) AS birth "
        "FROM person WHERE person_id IS NOT NULL GROUP BY person_id"
    )


def _observed(names: AbstractSet[str]) -> str:
    if "observation_period" not in names:
        return (
            "SELECT NULL::BIGINT AS person_id, NULL::DATE AS first, NULL::DATE AS last, NULL::DATE AS gap_first, "
            "NULL::DATE AS gap_last, NULL::BIGINT AS gaps WHERE false"
        )
    return (
        "SELECT o.*, g.gap_first, g.gap_last, g.gaps FROM (SELECT person_id, min(observation_period_start_date) AS "
        "first, max(observation_period_end_date) AS last FROM observation_period WHERE person_id IS NOT NULL "
        "GROUP BY person_id) o LEFT JOIN (SELECT person_id, count(*) AS gaps, min(before + 1) AS gap_first, "
        f"min(first - 1) AS gap_last FROM ({_PERIODS}) WHERE first > before + 1 GROUP BY person_id) g USING (person_id)"
    )


def _deaths(names: AbstractSet[str]) -> str:
    if "death" not in names:
        return "SELECT NULL::BIGINT AS person_id, NULL::DATE AS late_from WHERE false"
    return (
        f"SELECT person_id, min(death_date) + {LATE_DAYS} AS late_from FROM death WHERE person_id IS NOT NULL "
        "GROUP BY person_id"
    )
