# ruff: noqa: S608  SQL is built from our own names, whole numbers, dates and quoted patterns only
"""Turns a cohort definition into a program of SQL."""

from typing import Final

from rounds.engines.cohorts.filter_sql import ConceptList, day
from rounds.engines.cohorts.program import PREFIX, Program
from rounds.engines.cohorts.tables import OmopTables
from rounds.measures.cohorts.definition import (
    CohortDefinition,
    ContinuousExposure,
    DateOffset,
    Limit,
    ObservationEnd,
    PrimaryCriteria,
)

_KEPT: Final = "k, event, person_id, start_date, end_date, op_start_date, op_end_date, visit_occurrence_id"


def compile_cohort(
    definition: CohortDefinition,
    *,
    tables: OmopTables,
    concepts: ConceptList,
    into: str,
    every_rule: bool,
    prefix: str = PREFIX,
) -> Program:
    """Return the tables to make, of which `into` is the last: person_id, start_date and end_date of each entry.

    Args:
        definition: of the cohort.
        tables: what the connection has; what is missing is noted there.
        concepts: what concept sets mean.
        into: the name of the last table.
        every_rule: whether to ask every inclusion rule of every qualifying event. `rounds_cohort_judged` then has each
            of them with the rules it meets as bits (`mask`). Otherwise a rule is asked only of what the rules before it
            leave, which finds the same people sooner.
        prefix: begins the names of the tables before the last.
    """
    program = Program(tables=tables, concepts=concepts, prefix=prefix)
    primary = _primary(program, definition.primary)
    qualified = _qualified(program, definition, primary)
    kept = _judged(program, definition, qualified) if every_rule else _surviving(program, definition, qualified)
    limited = _limited(definition.expression_limit)
    included = program.add("included", f"SELECT {_KEPT} FROM ({kept}) i {limited}")
    entries = _entries(program, definition, included)
    program.steps.append((into, _collapsed(definition, entries)))
    return program


def _primary(program: Program, primary: PrimaryCriteria) -> str:
    found = [program.events(criterion, among=None) for criterion in primary.criteria]
    union = " UNION ALL ".join(f"SELECT *, {number} AS criterion FROM {name}" for number, name in enumerate(found))
    observed = program.tables.table("observation_period")
    first, last = "CAST(o.observation_period_start_date AS DATE)", "CAST(o.observation_period_end_date AS DATE)"
    direction = "DESC" if primary.limit is Limit.LAST else "ASC"
    order = (
        f"e.sort_date {direction}, e.event_id, e.criterion, e.end_date NULLS LAST, "
        f"e.visit_occurrence_id NULLS LAST, {first}, {last}"
    )
    limit = "" if primary.limit is Limit.ALL else "QUALIFY event = 1"
    # ATLAS leaves the order of events on one day with one key open; ours is fixed.
    numbered = (
        f"SELECT row_number() OVER (PARTITION BY e.person_id ORDER BY {order}) AS event, e.person_id, e.start_date, "
        f"e.end_date, {first} AS op_start_date, {last} AS op_end_date, e.visit_occurrence_id "
        f"FROM ({union}) e JOIN {observed} o ON o.person_id = e.person_id "
        f"WHERE e.start_date >= {first} AND e.start_date <= {last} "
        f"AND {first} + {primary.prior_days} <= e.start_date AND e.start_date + {primary.post_days} <= {last} {limit}"
    )
    return program.add("primary", f"SELECT row_number() OVER () AS k, n.* FROM ({numbered}) n")


def _limited(limit: Limit) -> str:
    if limit is Limit.ALL:
        return ""
    direction = "DESC" if limit is Limit.LAST else "ASC"
    return f"QUALIFY row_number() OVER (PARTITION BY i.person_id ORDER BY i.start_date {direction}, i.event) = 1"


def _qualified(program: Program, definition: CohortDefinition, primary: str) -> str:
    if definition.additional is None:
        return primary
    condition = program.holds(definition.additional, primary)
    limited = _limited(definition.qualified_limit)
    return program.add("qualified", f"SELECT {_KEPT} FROM {primary} i WHERE {condition} {limited}")


def _surviving(program: Program, definition: CohortDefinition, qualified: str) -> str:
    """Return a query for the events that all rules leave, each rule asked of what those before it leave."""
    left = qualified
    for number, rule in enumerate(definition.rules):
        condition = program.holds(rule.group, left)
        left = program.add(f"left_{number}", f"SELECT {_KEPT} FROM {left} i WHERE {condition}")
    return f"SELECT * FROM {left}"


def _judged(program: Program, definition: CohortDefinition, qualified: str) -> str:
    """Return a query for the events that meet all rules, after noting which rules each event meets."""
    met = []
    for number, rule in enumerate(definition.rules):
        condition = program.holds(rule.group, qualified)
        name = program.add(f"rule_{number}", f"SELECT i.k FROM {qualified} i WHERE {condition}")
        met.append(f"SELECT k, {number} AS rule FROM {name}")
    if not met:
        name = program.add("judged", f"SELECT {_KEPT}, 0::BIGINT AS mask, 0 AS met, 0 AS first_met FROM {qualified}")
        return f"SELECT * FROM {name}"
    rules = (
        "SELECT k, CAST(sum(1::BIGINT << rule) AS BIGINT) AS mask, count(*) AS met, min(rule) AS first_met "
        f"FROM ({' UNION ALL '.join(met)}) m GROUP BY k"
    )
    name = program.add(
        "judged",
        f"SELECT {_KEPT}, coalesce(r.mask, 0) AS mask, coalesce(r.met, 0) AS met, "
        "coalesce(r.first_met, 0) AS first_met "
        f"FROM {qualified} LEFT JOIN ({rules}) r USING (k)",
    )
    return f"SELECT * FROM {name} WHERE mask = {(1 << len(definition.rules)) - 1}"


def _entries(program: Program, definition: CohortDefinition, included: str) -> str:
    ends = []
    match definition.end:
        case DateOffset(from_end=from_end, offset_days=days):
            moved = f"{'end_date' if from_end else 'start_date'} + {days}"
            # Not `least`, which would take a missing end for the end of observation.
            ends.append(
                f"SELECT k, CASE WHEN {moved} > op_end_date THEN op_end_date ELSE {moved} END AS last FROM {included}"
            )
        case ContinuousExposure():
            ends.append(f"SELECT k, op_end_date AS last FROM {included}")
            ends.append(_exposure(program, definition.end, included))
        case ObservationEnd():
            ends.append(f"SELECT k, op_end_date AS last FROM {included}")
    for criterion in definition.censoring:
        events = program.events(criterion, among=included)
        ends.append(
            f"SELECT i.k, c.start_date AS last FROM {included} i JOIN {events} c ON c.person_id = i.person_id "
            "AND c.start_date >= i.start_date AND c.start_date <= i.op_end_date"
        )
    return program.add(
        "entries",
        f"SELECT i.person_id, i.start_date, min(e.last) AS end_date FROM {included} i "
        f"JOIN ({' UNION ALL '.join(ends)}) e ON e.k = i.k AND e.last >= i.start_date "
        "GROUP BY i.k, i.person_id, i.start_date",
    )


def _exposure(program: Program, strategy: ContinuousExposure, included: str) -> str:
    """Return the last day of the run of exposures that each included event falls into."""
    tables = program.tables
    drug = tables.table("drug_exposure")
    start = f"CAST({tables.column('d', 'drug_exposure', 'drug_exposure_start_date')} AS DATE)"
    if strategy.days_supply is None:
        recorded = f"CAST({tables.optional('d', 'drug_exposure', 'drug_exposure_end_date', 'DATE')} AS DATE)"
        supply = f"CAST({tables.optional('d', 'drug_exposure', 'days_supply', 'INTEGER')} AS INTEGER)"
        end = f"coalesce({recorded}, {start} + {supply}, {start} + 1)"
    else:
        end = f"{start} + {strategy.days_supply}"
    listed = program.concepts(strategy.concept_set)
    columns = [tables.column("d", "drug_exposure", "drug_concept_id")]
    if tables.has("drug_exposure", "drug_source_concept_id"):
        columns.append("d.drug_source_concept_id")
    concerned = " OR ".join(f"{column} IN {listed}" for column in columns)
    exposures = program.add(
        "exposures",
        f"SELECT d.person_id, {start} AS start_date, {end} + {strategy.gap_days + strategy.offset_days} AS end_date "
        f"FROM {drug} d WHERE ({concerned}) AND d.person_id IN (SELECT person_id FROM {included})",
    )
    runs = program.add("runs", _runs(exposures, strategy.gap_days))
    return (
        f"SELECT i.k, r.end_date AS last FROM {included} i JOIN {runs} r ON r.person_id = i.person_id "
        "AND i.start_date BETWEEN r.start_date AND r.end_date"
    )


def _runs(padded: str, pad_days: int) -> str:
    """Return the runs of stretches that touch, without the days their ends were padded by."""
    order = "PARTITION BY person_id ORDER BY start_date, end_date ROWS"
    before = f"OVER ({order} BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    # Of stretches that are alike, two windows need not take the same one first: there must be only one.
    alone = f"SELECT DISTINCT person_id, start_date, end_date FROM {padded} p"
    return (
        f"SELECT person_id, min(start_date) AS start_date, max(end_date) - {pad_days} AS end_date FROM ("
        f"SELECT *, sum(begins) OVER ({order} UNBOUNDED PRECEDING) AS run FROM ("
        f"SELECT *, CASE WHEN max(end_date) {before} >= start_date THEN 0 ELSE 1 END AS begins FROM ({alone}) a) b) r "
        "GROUP BY person_id, run"
    )


def _collapsed(definition: CohortDefinition, entries: str) -> str:
    pad = definition.era_pad_days
    padded = f"(SELECT person_id, start_date, end_date + {pad} AS end_date FROM {entries})"
    start, end = "start_date", "end_date"
    if definition.censor_start is not None:
        start = f"greatest(start_date, {day(definition.censor_start)})"
    if definition.censor_end is not None:
        end = f"least(end_date, {day(definition.censor_end)})"
    return (
        f"SELECT person_id, {start} AS start_date, {end} AS end_date FROM ({_runs(padded, pad)}) r "
        f"WHERE {start} <= {end} ORDER BY person_id, start_date"
    )
