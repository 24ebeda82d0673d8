# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Links staged people, visits and events by number, gives each its concepts, and says what became of every one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rounds.records.importing.identities import give_numbers
from rounds.records.importing.report import Finding, Outcome
from rounds.records.importing.session import Session
from rounds.records.importing.sql import pattern, text
from rounds.records.importing.staged import StagedTable, columns_of

IMPORTED: Final = "imported"
_NO_PATIENT: Final = "without a patient"
_UNKNOWN_PATIENT: Final = "its patient was not imported"

_TABLE_OF_DOMAIN: Final = {
    "Condition": "condition_occurrence",
    "Drug": "drug_exposure",
    "Procedure": "procedure_occurrence",
    "Measurement": "measurement",
    "Observation": "observation",
    "Device": "device_exposure",
}
"""OMOP: the domain of the standard concept says which table a fact belongs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One staged table with numbers and concepts: what OMOP rows are made of."""

    origin: str
    kind: str
    sql: str


def resolve(
    session: Session, staged: list[StagedTable], records: Path
) -> tuple[list[Resolved], list[Outcome], list[Finding]]:
    """Resolve every staged table. Needs `code_target`.

    Returns:
        The resolved tables; the outcome of everything that was staged, adding up by origin; what else was found.
    """
    people = [table for table in staged if table.kind == "person"]
    places = [table for table in staged if table.kind == "place"]
    visits = [table for table in staged if table.kind == "visit"]
    events = [table for table in staged if table.kind == "event"]
    firsts = {table.origin: table for table in reversed(staged) if table.kind in ("person", "visit", "event")}
    for table in firsts.values():
        _find_superseded(session, table)
    ids = " UNION ALL ".join(f"SELECT id AS source_id FROM {table.sql} WHERE reason IS NULL" for table in people)
    give_numbers(session, records, kind="person", wanted=ids or "SELECT NULL AS source_id")
    ids = " UNION ALL ".join(f"SELECT id AS source_id FROM {table.sql} WHERE reason IS NULL" for table in places)
    give_numbers(session, records, kind="care_site", wanted=ids or "SELECT NULL AS source_id")
    resolved = [_person(session, table) for table in people]
    _view(session, "known_person", "person_id, id", resolved)
    resolved += (found := [_visit(session, table) for table in visits])
    _view(session, "known_visit", "visit_occurrence_id, person_id, id, start_date, start_time, place_id", found)
    _gather_diagnoses(session, [table for table in staged if table.kind == "diagnosis"])
    resolved += [_event(session, table) for table in events]
    outcomes = [outcome for table in resolved for outcome in _outcomes(session, table)]
    outcomes += _places(session, places)
    findings = [finding for table in resolved for finding in _links(session, table)]
    findings += [finding for table in staged if table.kind == "stay" for finding in _stays(session, table)]
    return resolved, outcomes, findings


def _find_superseded(session: Session, table: StagedTable) -> None:
    """Note which copies of a thing are older or the same again; there are hardly ever any, so look cheaply first."""
    head = "WHERE part = 0" if table.kind == "event" else ""
    name = _superseded(table)
    session.query(
        f"CREATE TABLE {name} AS SELECT id, arg_max(version, ({_INSTANT}, coalesce(updated, ''), version)) AS kept "
        f"FROM {table.sql} WHERE hash(id) IN (SELECT h FROM (SELECT hash(id) AS h FROM {table.sql} {head}) "
        "GROUP BY h HAVING count(*) > 1) AND id IS NOT NULL GROUP BY id"
    )


_INSTANT: Final = "coalesce(TRY_CAST(updated AS TIMESTAMPTZ), TIMESTAMPTZ '-infinity')"
"""As they are written, ten o'clock of one zone may come before nine of another, and a half second before none."""


def _superseded(table: StagedTable) -> str:
    # One for each origin: the parts of a thing are superseded with it.
    return '"superseded ' + table.origin.replace('"', "") + '"'


def _current(session: Session, table: StagedTable) -> str:
    """Return SQL of a staged table in which older or repeated copies have a reason not to be imported."""
    name = _superseded(table)
    if not session.number(f"SELECT count(*) FROM {name}"):
        return table.sql
    part = ", part" if table.kind == "event" else ""
    return (
        "(SELECT * EXCLUDE (reason, kept, copy), CASE WHEN kept IS NOT NULL AND (version <> kept OR copy > 1) "
        "THEN 'a repeated or older copy' ELSE reason END AS reason FROM (SELECT t.*, d.kept, "
        f"CASE WHEN d.kept IS NULL THEN 1 ELSE row_number() OVER (PARTITION BY t.id, t.version{part}) END AS copy "
        f"FROM {table.sql} t LEFT JOIN {name} d ON d.id = t.id))"
    )


def _listed(table: StagedTable, alias: str, leaving: tuple[str, ...] = ()) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns_of(table.kind) if name not in leaving)


def _write(session: Session, table: StagedTable, select: str) -> Resolved:
    path = session.scratch / f"resolved-{table.path.name}"
    session.write(select, path, title=f"Linking {table.origin}", for_now=True)
    return Resolved(origin=table.origin, kind=table.kind, sql=f"read_parquet({pattern(path)})")


def _person(session: Session, table: StagedTable) -> Resolved:
    select = (
        f"SELECT {_listed(table, 'p')}, p.reason AS outcome, i.number AS person_id, "
        "c.number AS place_id, race.concept_id AS race, "
        f"race.source_value AS race_source, eth.concept_id AS ethnicity, eth.source_value AS ethnicity_source "
        f"FROM {_current(session, table)} p LEFT JOIN identity_person i ON i.source_id = p.id "
        "LEFT JOIN identity_care_site c ON c.source_id = 'Organization/' || p.place "
        f"{_first_target('race', 'p.race_codes')} {_first_target('eth', 'p.ethnicity_codes')}"
    )
    return _write(session, table, select)


def _first_target(alias: str, codes: str) -> str:
    return f"LEFT JOIN code_target {alias} ON {alias}.codes = {codes} AND {alias}.ordinal = 1"


def number_of(*parts: str) -> str:
    """Return SQL for a number made of words: 63 bits of their MD5, so the same in every import."""
    joined = " || '/' || ".join(parts)
    return f"CAST(md5_number_lower({joined}) >> 1 AS BIGINT)"


def _visit(session: Session, table: StagedTable) -> Resolved:
    outcome = (
        f"CASE WHEN v.reason IS NOT NULL THEN v.reason WHEN v.patient IS NULL THEN '{_NO_PATIENT}' "
        f"WHEN p.person_id IS NULL THEN '{_UNKNOWN_PATIENT}' END"
    )
    number = number_of("'visit'", "v.id")
    select = (
        f"SELECT {_listed(table, 'v')}, {outcome} AS outcome, p.person_id, {number} AS visit_occurrence_id, "
        "c.number AS place_id, coalesce(nullif(t.source_concept_id, 0), t.concept_id) AS type_source_concept_id, "
        "t.source_value AS type_source, "
        "CASE WHEN t.domain_id = 'Visit' AND t.concept_id > 0 THEN t.concept_id ELSE v.class_concept_id END "
        "AS concept_id, a.concept_id AS admitted_concept_id, a.source_value AS admitted_source, "
        "d.concept_id AS discharged_concept_id, d.source_value AS discharged_source, "
        "coalesce(v.class_source, '') AS source_value, 'encounter class' AS system "
        f"FROM {_current(session, table)} v LEFT JOIN known_person p ON p.id = v.patient "
        "LEFT JOIN identity_care_site c ON c.source_id = 'Organization/' || v.place "
        f"{_first_target('t', 'v.type_codes')} {_first_target('a', 'v.admitted_codes')} "
        f"{_first_target('d', 'v.discharged_codes')}"
    )
    return _write(session, table, select)


def _view(session: Session, name: str, columns: str, tables: Iterable[Resolved]) -> None:
    parts = [f"SELECT {columns} FROM {table.sql} WHERE outcome IS NULL" for table in tables]
    empty = ", ".join(f"NULL AS {column.strip()}" for column in columns.split(","))
    session.query(f"CREATE TABLE {name} AS {' UNION ALL '.join(parts) or f'SELECT {empty} LIMIT 0'}")


def _gather_diagnoses(session: Session, tables: list[StagedTable]) -> None:
    empty = "SELECT NULL::VARCHAR AS visit, NULL::VARCHAR AS condition, NULL::VARCHAR AS use, NULL::BIGINT AS rank"
    parts = [f"SELECT visit, condition, use, rank FROM {table.sql}" for table in tables] or [f"{empty} LIMIT 0"]
    session.query(
        "CREATE TABLE diagnosis AS SELECT condition, arg_min(visit, coalesce(rank, 99)) AS visit, "
        f"arg_min(use, coalesce(rank, 99)) AS use, min(rank) AS rank FROM ({' UNION ALL '.join(parts)}) "
        "WHERE condition IS NOT NULL GROUP BY condition"
    )


def _event(session: Session, table: StagedTable) -> Resolved:
    linked = table.origin == "Condition"
    diagnosis = "LEFT JOIN diagnosis g ON g.condition = e.id" if linked else ""
    visit = "coalesce(e.visit, g.visit)" if linked else "e.visit"
    start = "coalesce(e.start_date, v.start_date)" if linked else "e.start_date"
    moment = "coalesce(e.start_time, CASE WHEN e.start_date IS NULL THEN v.start_time END)"
    used = (
        "g.use AS diagnosis_use, g.rank AS diagnosis_rank"
        if linked
        else "NULL AS diagnosis_use, NULL AS diagnosis_rank"
    )
    outcome = (
        f"CASE WHEN e.reason IS NOT NULL THEN e.reason WHEN e.patient IS NULL THEN '{_NO_PATIENT}' "
        f"WHEN p.person_id IS NULL THEN '{_UNKNOWN_PATIENT}' WHEN {start} IS NULL THEN 'without a date' "
        f"WHEN e.end_date < {start} THEN 'it ends before it starts' END"
    )
    domains = " ".join(f"WHEN {text(domain)} THEN {text(name)}" for domain, name in _TABLE_OF_DOMAIN.items())
    usual = f"CASE t.domain_id {domains} ELSE e.usual_table END"
    target = f"CASE WHEN e.usual_table = 'order' THEN 'observation' ELSE {usual} END"
    medication = "LEFT JOIN medication m ON m.id = e.medication" if linked_medication(table) else ""
    number = number_of(f"'{table.origin}'", "e.id", "e.part", "coalesce(t.ordinal, 1)")
    codes = "coalesce(e.codes, m.codes)" if medication else "e.codes"
    # Hardly any kind of event has a qualifier, and a join over millions of rows is not free.
    qualifies = "qualifier_codes" not in {absent.split()[-1] for absent in table.absent}
    qualified = _first_target("q", "e.qualifier_codes") if qualifies else ""
    named = ("q.concept_id", "q.source_value") if qualifies else ("NULL::BIGINT", "NULL::VARCHAR")
    qualifier = f"{named[0]} AS qualifier_concept_id, {named[1]} AS qualifier_source"
    listed = _listed(table, "e", leaving=_NOT_OF_EVENTS)
    select = (
        f"SELECT {listed}, {start} AS start_date, {moment} AS start_time, "
        f"{outcome} AS outcome, {target} AS target, p.person_id, v.visit_occurrence_id, "
        f"{visit} IS NOT NULL AS names_visit, {used}, t.concept_id AS concept_id, t.source_concept_id, "
        "t.source_value, t.system, t.ordinal, c.concept_id AS value_concept_id, c.source_value AS value_source, "
        "r.concept_id AS route_concept_id, r.source_value AS route_source, u.concept_id AS unit_concept_id, "
        f"{qualifier}, "
        f"{number} AS event_id "
        f"FROM {_current(session, table)} e LEFT JOIN known_person p ON p.id = e.patient {diagnosis} {medication} "
        f"LEFT JOIN known_visit v ON v.id = {visit} AND v.person_id = p.person_id "
        f"LEFT JOIN code_target t ON t.codes = {codes} {qualified} "
        f"{_first_target('c', 'e.value_codes')} {_first_target('r', 'e.route_codes')} "
        f"LEFT JOIN code_target u ON u.codes = 'http://unitsofmeasure.org|' || e.unit AND u.ordinal = 1"
    )
    return _write(session, table, select)


_NOT_OF_EVENTS: Final = (
    *("id", "version", "updated", "reason", "patient", "visit", "medication"),
    *("codes", "value_codes", "route_codes", "qualifier_codes", "start_date", "start_time"),
)
"""What was only there to be looked up, or is given anew: long words, and to write them takes as long as the rest."""


def linked_medication(table: StagedTable) -> bool:
    """Say whether the drug of an event may stand in a resource of its own."""
    return table.origin in ("MedicationRequest", "MedicationAdministration")


def _outcomes(session: Session, table: Resolved) -> list[Outcome]:
    head = "AND part = 0 AND coalesce(ordinal, 1) = 1" if table.kind == "event" else ""
    rows = session.query(
        f"SELECT coalesce(outcome, '{IMPORTED}') AS what, count(*) FROM {table.sql} WHERE true {head} GROUP BY what "
        f"ORDER BY what <> '{IMPORTED}', count(*) DESC, what"
    )
    return [Outcome(origin=table.origin, outcome=str(what), number=int(str(rows_))) for what, rows_ in rows]


def _places(session: Session, places: list[StagedTable]) -> list[Outcome]:
    """The same hospital may stand in many Bundles: it is one place, and its other copies are counted."""
    found = []
    for table in places:
        rows = session.query(
            "SELECT CASE WHEN reason IS NOT NULL THEN reason WHEN copy > 1 THEN 'a repeated or older copy' "
            f"ELSE '{IMPORTED}' END AS what, count(*) FROM (SELECT reason, row_number() OVER (PARTITION BY id) AS copy "
            f"FROM {table.sql}) GROUP BY what ORDER BY what"
        )
        found += [Outcome(origin=table.origin, outcome=str(what), number=int(str(number))) for what, number in rows]
    return found


def _stays(session: Session, table: StagedTable) -> list[Finding]:
    rows = session.number(
        f"SELECT count(*) FROM {table.sql} s LEFT JOIN identity_care_site i ON i.source_id = 'Location/' || s.place "
        "WHERE i.number IS NULL OR s.start_time IS NULL"
    )
    what = "of stays at a place that was not imported, or without a time: not in visit_detail"
    return [Finding(where=table.origin, what=what, rows=rows)] if rows else []


def _links(session: Session, table: Resolved) -> list[Finding]:
    found = []
    if table.kind == "event":
        lost = session.number(
            f"SELECT count(*) FROM {table.sql} WHERE outcome IS NULL AND names_visit AND visit_occurrence_id IS NULL"
        )
        if lost:
            what = "that name an encounter that was not imported, or another patient's: without a visit"
            found.append(Finding(where=table.origin, what=what, rows=lost))
        uncoded = session.number(f"SELECT count(*) FROM {table.sql} WHERE outcome IS NULL AND concept_id IS NULL")
        if uncoded:
            found.append(Finding(where=table.origin, what="without any code: they carry concept 0", rows=uncoded))
    if table.kind == "person":
        rows = session.query(
            f"SELECT finding, count(*) FROM {table.sql} WHERE outcome IS NULL AND finding IS NOT NULL "
            "GROUP BY finding ORDER BY finding"
        )
        found += [Finding(where=table.origin, what=str(what), rows=int(str(rows_))) for what, rows_ in rows]
    if table.kind == "visit":
        open_ended = session.number(
            f"SELECT count(*) FROM {table.sql} WHERE outcome IS NULL AND end_date IS NULL AND NOT going_on"
        )
        if open_ended:
            what = "of visits that are over but have no end: taken to end on the day they started"
            found.append(Finding(where=table.origin, what=what, rows=open_ended))
    return found
