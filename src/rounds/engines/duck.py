# ruff: noqa: S608  SQL is built from our own names, whole numbers and dates only
"""The DuckDB engine: the same counts as the reference engine, in SQL over the site's files.

People are grouped before they are crossed with periods: a person's observation becomes a range of period numbers, and
only the few thousand distinct (year of birth, sex, range) groups are expanded.
"""

from collections import defaultdict
from typing import Final

from rounds.engines import codes
from rounds.engines.codes import Prepared
from rounds.engines.grid import Cell, check_periods, complete_count
from rounds.measures.counts import Count
from rounds.measures.definitions import Event, Measure
from rounds.measures.periods import Period
from rounds.measures.strata import AGE_BANDS, SEX_BY_CONCEPT, Stratum
from rounds.records.omop import Records
from rounds.records.tables import EVENT_TABLES

THREADS: Final = 2
MEMORY_LIMIT: Final = "2GB"


def prepare(measure: Measure, records: Records) -> Prepared:
    """Return what is to be counted at a site, or raise `RecordsError` as `count` would. Counts nothing."""
    with records.connect(threads=THREADS, memory_limit=MEMORY_LIMIT) as connection:
        return codes.prepare(connection, measure, records)


def count(
    measure: Measure,
    records: Records,
    *,
    member: str,
    periods: tuple[Period, ...],
    threads: int = THREADS,
    memory_limit: str = MEMORY_LIMIT,
) -> Count:
    """Return exact counts of a measure over a site's records.

    Records may reach beyond the last period, and beyond the round's `as_of`: a later row counts only as an event during
    a visit that started in a period.

    Args:
        measure: about people or visits.
        records: the site's.
        member: the ODS code the counts belong to.
        periods: in order, not overlapping.
        threads: at most this many.
        memory_limit: as DuckDB writes it; beyond it DuckDB spills to a private folder.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer the measure.
        ValueError: if the periods are not as above.
    """
    check_periods(measure, periods)
    with records.connect(threads=threads, memory_limit=memory_limit) as connection:
        prepared = codes.prepare(connection, measure, records)
        rows = connection.execute(count_sql(prepared, measure.strata, periods)).fetchall()
    numerators: dict[Cell, int] = defaultdict(int)
    denominators: dict[Cell, int] = defaultdict(int)
    for number, *levels, numerator, denominator in rows:
        cell = (periods[number].start, tuple(levels))
        numerators[cell] += numerator
        denominators[cell] += denominator
    return complete_count(measure, member=member, periods=periods, numerators=numerators, denominators=denominators)


def count_sql(prepared: Prepared, strata: tuple[Stratum, ...], periods: tuple[Period, ...]) -> str:
    """Return the query: one row for each period number and level that has anybody, with numerator and denominator."""
    question = prepared.question
    parts = {
        "periods": _periods_sql(periods),
        "people": _PEOPLE_SQL,
        "events": _events_sql(question.numerator, prepared.events),
    }
    if prepared.visits is None:
        parts |= {"spans": _SPANS_SQL, "observed": _OBSERVED_SQL, "asked": _PERSON_COUNTS_SQL}
    else:
        parts |= {"asked": _visits_sql(prepared.visits)}
    levels = ", ".join(f"{_LEVEL_SQL[stratum]} AS {stratum}" for stratum in strata)
    names = f"{levels}, " if strata else ""
    limits = _age_sql("age", question.age_min, question.age_max)
    tables = ", ".join(f"{name} AS MATERIALIZED ({sql})" for name, sql in parts.items())
    return (
        f"WITH {tables} SELECT number, {names}CAST(sum(numerator) AS BIGINT), CAST(sum(denominator) AS BIGINT) "
        f"FROM asked WHERE {limits} GROUP BY ALL"
    )


def _periods_sql(periods: tuple[Period, ...]) -> str:
    rows = ", ".join(
        f"({number}, DATE '{period.start.isoformat()}', DATE '{period.end.isoformat()}')"
        for number, period in enumerate(periods)
    )
    return f"SELECT * FROM (VALUES {rows}) AS p(number, first, last)"


_PEOPLE_SQL: Final = (
    "SELECT person_id, year_of_birth AS born, CASE gender_concept_id "
    + " ".join(f"WHEN {concept} THEN '{sex}'" for concept, sex in SEX_BY_CONCEPT.items())
    + " ELSE 'unknown' END AS sex FROM person"
)

_LEVEL_SQL: Final = {
    Stratum.AGE_BAND: "CASE "
    + " ".join(f"WHEN age BETWEEN {low} AND {high} THEN '{label}'" for label, low, high in AGE_BANDS)
    + " END",
    Stratum.SEX: "sex",
}

_SPANS_SQL: Final = """
    SELECT o.person_id, early.number AS lo, late.number AS hi
    FROM observation_period o
    ASOF JOIN periods early ON o.observation_period_start_date <= early.last
    ASOF JOIN periods late ON o.observation_period_end_date >= late.first
    WHERE early.number <= late.number
"""
"""Each observation as the numbers of the first and last period it touches."""

_OBSERVED_SQL: Final = """
    SELECT person_id, greatest(lo, coalesce(reached + 1, lo)) AS lo, hi
    FROM (
        SELECT *, max(hi) OVER (
            PARTITION BY person_id ORDER BY lo, hi ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
        FROM spans
    )
    WHERE reached IS NULL OR hi > reached
"""
"""The same without what an earlier observation of the person already reached, so that nobody counts twice."""

_PERSON_COUNTS_SQL: Final = """
    SELECT number, sex, year(first) - born AS age, 0 AS numerator, people AS denominator
    FROM (
        SELECT unnest(range(lo, hi + 1)) AS number, sex, born, people
        FROM (SELECT born, sex, lo, hi, count(*) AS people FROM observed JOIN people USING (person_id) GROUP BY ALL)
    )
    JOIN periods USING (number)
    UNION ALL
    SELECT number, sex, year(first) - born AS age, 1 AS numerator, 0 AS denominator
    FROM (
        SELECT DISTINCT e.person_id, e.sex, e.born, p.number, p.first
        FROM events e ASOF JOIN periods p ON e.day >= p.first
        WHERE e.day <= p.last
    ) happened
    WHERE EXISTS (FROM observed o WHERE o.person_id = happened.person_id AND happened.number BETWEEN o.lo AND o.hi)
"""


def _visits_sql(concepts: tuple[int, ...]) -> str:
    return f"""
        SELECT p.number, who.sex, year(v.visit_start_date) - who.born AS age, 1 AS denominator,
            CAST(EXISTS (
                FROM events e
                WHERE e.person_id = v.person_id AND e.day BETWEEN v.visit_start_date AND v.visit_end_date
            ) AS INTEGER) AS numerator
        FROM visit_occurrence v
        JOIN people who USING (person_id)
        ASOF JOIN periods p ON v.visit_start_date >= p.first
        WHERE v.visit_start_date <= p.last AND {_codes_sql("v.visit_concept_id", concepts)}
    """


def _events_sql(event: Event, concepts: tuple[int, ...] | None) -> str:
    """Return the days that count, with the person's sex and year of birth."""
    table = EVENT_TABLES[event.table]
    conditions = [] if concepts is None else [_codes_sql(f"t.{table.concept}", concepts)]
    if event.observed:
        conditions.append(
            f"EXISTS (FROM observation_period o WHERE o.person_id = t.person_id AND t.{table.start} "
            "BETWEEN o.observation_period_start_date AND o.observation_period_end_date)"
        )
    where = " AND ".join(conditions) or "true"
    day = f"min(t.{table.start})" if event.first else f"t.{table.start}"
    group = "GROUP BY t.person_id" if event.first else ""
    return f"""
        SELECT person_id, day, sex, born
        FROM (SELECT t.person_id, {day} AS day FROM {table.name} t WHERE {where} {group})
        JOIN people USING (person_id)
        WHERE {_age_sql("year(day) - born", event.age_min, event.age_max)}
    """


def _codes_sql(column: str, concepts: tuple[int, ...]) -> str:
    return f"{column} IN ({', '.join(map(str, concepts))})"


def _age_sql(age: str, youngest: int | None, oldest: int | None) -> str:
    limits = [
        f"{age} >= {youngest}" if youngest is not None else "",
        f"{age} <= {oldest}" if oldest is not None else "",
    ]
    return " AND ".join(limit for limit in limits if limit) or "true"
