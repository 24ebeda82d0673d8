# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Writes OMOP tables from resolved people, places, visits and events."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

from rounds.records.cdm import CDM
from rounds.records.importing import rules
from rounds.records.importing.resolve import Resolved, number_of
from rounds.records.importing.session import Session
from rounds.records.importing.sql import switch
from rounds.records.importing.staged import StagedTable
from rounds.records.importing.units import adjusted

_EVENT_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "condition_occurrence": {
        "condition_end_date": "end_date",
        "condition_end_datetime": "end_time",
        "condition_status_concept_id": (
            f"CASE WHEN diagnosis_rank = 1 THEN {rules.PRIMARY_DIAGNOSIS} "
            f"WHEN diagnosis_use IS NOT NULL THEN {switch('diagnosis_use', rules.DIAGNOSIS_USES)} "
            f"WHEN diagnosis_rank > 1 THEN {rules.SECONDARY_DIAGNOSIS} ELSE status_concept_id END"
        ),
        "condition_status_source_value": "coalesce(diagnosis_use, value_text)",
    },
    "drug_exposure": {
        "drug_exposure_end_date": "coalesce(end_date, start_date + CAST(days_supply - 1 AS INTEGER), start_date)",
        "drug_exposure_end_datetime": "end_time",
        "verbatim_end_date": "end_date",
        "refills": "refills",
        "quantity": "quantity",
        "days_supply": "days_supply",
        "sig": "sig",
        "route_concept_id": "coalesce(route_concept_id, 0)",
        "route_source_value": "route_source",
        "lot_number": "lot",
    },
    "procedure_occurrence": {
        "procedure_end_date": "end_date",
        "procedure_end_datetime": "end_time",
        "quantity": "quantity",
    },
    "device_exposure": {"device_exposure_end_date": "end_date", "quantity": "quantity"},
    "measurement": {
        "measurement_end_date": "CASE WHEN end_date > start_date THEN end_date END",
        "operator_concept_id": switch("comparator", rules.COMPARATORS, otherwise="NULL"),
        "value_as_number": "number",
        "value_as_concept_id": "value_concept_id",
        "unit_concept_id": "unit_concept_id",
        "range_low": "range_low",
        "range_high": "range_high",
        "unit_source_value": "unit",
        "value_source_value": "coalesce(original, value_text, value_source)",
    },
    "observation": {
        "observation_end_date": "CASE WHEN end_date > start_date THEN end_date END",
        "qualifier_concept_id": "qualifier_concept_id",
        "qualifier_source_value": "qualifier_source",
        "value_as_number": "number",
        "value_as_string": "value_text",
        "value_as_concept_id": "value_concept_id",
        "unit_concept_id": "unit_concept_id",
        "unit_source_value": "unit",
        "value_source_value": "coalesce(original, value_text, value_source)",
    },
}
"""By table: the columns that only it has, from the columns of a resolved event."""

_PREFIX: Final = {
    "condition_occurrence": ("condition", "condition_start_date", "condition_start_datetime"),
    "drug_exposure": ("drug", "drug_exposure_start_date", "drug_exposure_start_datetime"),
    "procedure_occurrence": ("procedure", "procedure_date", "procedure_datetime"),
    "device_exposure": ("device", "device_exposure_start_date", "device_exposure_start_datetime"),
    "measurement": ("measurement", "measurement_date", "measurement_datetime"),
    "observation": ("observation", "observation_date", "observation_datetime"),
}


def write_people(session: Session, people: Iterable[Resolved], folder: Path) -> dict[str, int]:
    """Write person, location and death."""
    source = _union(people)
    area = number_of("'area'", "coalesce(zip, '')", "coalesce(city, '')", "coalesce(state, '')")
    located = f"CASE WHEN coalesce(zip, city, state) IS NOT NULL THEN {area} END"
    rows = {
        "person": _write(
            session,
            folder,
            "person",
            source,
            {
                "person_id": "person_id",
                "gender_concept_id": "gender_concept_id",
                "year_of_birth": "year",
                "month_of_birth": "month",
                "day_of_birth": "day",
                "race_concept_id": f"coalesce({switch('race_codes', rules.RACES, otherwise='race')}, 0)",
                "ethnicity_concept_id": f"coalesce({switch('ethnicity_codes', rules.RACES, otherwise='ethnicity')}, 0)",
                "location_id": located,
                "care_site_id": "place_id",
                "gender_source_value": "gender_source",
                "race_source_value": "race_source",
                "ethnicity_source_value": "ethnicity_source",
            },
        ),
        "location": _write(
            session,
            folder,
            "location",
            f"(SELECT DISTINCT zip, city, state, outcome FROM {source} WHERE coalesce(zip, city, state) IS NOT NULL)",
            {"location_id": area, "city": "city", "state": "state", "zip": "zip"},
        ),
        "death": _write(
            session,
            folder,
            "death",
            f"(FROM {source} WHERE death_date IS NOT NULL)",
            {
                "person_id": "person_id",
                "death_date": "death_date",
                "death_datetime": "death_time",
                "death_type_concept_id": str(rules.FROM_EHR),
            },
        ),
    }
    return rows


def write_places(session: Session, places: Iterable[StagedTable], folder: Path) -> dict[str, int]:
    """Write care_site: organisations and wards alike."""
    parts = [f"SELECT *, reason AS outcome FROM {table.sql}" for table in places]
    if not parts:
        return {}
    source = (
        f"(SELECT p.*, i.number FROM ({' UNION ALL '.join(parts)}) p JOIN identity_care_site i "
        "ON i.source_id = p.id QUALIFY row_number() OVER (PARTITION BY p.id ORDER BY p.name) = 1)"
    )
    columns = {
        "care_site_id": "number",
        "care_site_name": "name",
        "care_site_source_value": "id",
        "place_of_service_source_value": "coalesce(type_source, kind)",
    }
    return {"care_site": _write(session, folder, "care_site", source, columns)}


def write_visits(
    session: Session, visits: Iterable[Resolved], stays: Iterable[StagedTable], folder: Path, *, today: date
) -> dict[str, int]:
    """Write visit_occurrence, and visit_detail from stays in wards that are known.

    A visit that goes on is taken to end on the day of the import, as the check of records asks for.
    """
    source = _union(visits)
    if source is None:
        return {}
    # A visit that starts in the future and goes on cannot end before it starts.
    end = (
        f"coalesce(end_date, CASE WHEN going_on THEN greatest(start_date, DATE '{today.isoformat()}') "
        "ELSE start_date END)"
    )
    rows = {
        "visit_occurrence": _write(
            session,
            folder,
            "visit_occurrence",
            source,
            {
                "visit_occurrence_id": "visit_occurrence_id",
                "person_id": "person_id",
                "visit_concept_id": "concept_id",
                "visit_start_date": "start_date",
                "visit_start_datetime": "start_time",
                "visit_end_date": end,
                "visit_end_datetime": "end_time",
                "visit_type_concept_id": str(rules.FROM_EHR),
                "care_site_id": "place_id",
                "visit_source_value": "coalesce(type_source, class_source)",
                "visit_source_concept_id": "coalesce(type_source_concept_id, 0)",
                "admitted_from_concept_id": "coalesce(admitted_concept_id, 0)",
                "admitted_from_source_value": "admitted_source",
                "discharged_to_concept_id": "coalesce(discharged_concept_id, 0)",
                "discharged_to_source_value": "discharged_source",
            },
        )
    }
    parts = [f"SELECT * FROM {table.sql}" for table in stays]
    if parts:
        detail = (
            f"(SELECT v.* EXCLUDE (start_time, end_time), s.part, s.start_time, s.end_time, i.number AS ward FROM "
            f"({' UNION ALL '.join(parts)}) s JOIN {source} v ON v.id = s.visit AND v.outcome IS NULL "
            "JOIN identity_care_site i ON i.source_id = 'Location/' || s.place WHERE s.start_time IS NOT NULL "
            "QUALIFY row_number() OVER (PARTITION BY v.id, s.part) = 1)"
        )
        stay_end = f"greatest(coalesce(CAST(end_time AS DATE), {end}), CAST(start_time AS DATE))"
        rows["visit_detail"] = _write(
            session,
            folder,
            "visit_detail",
            detail,
            {
                "visit_detail_id": number_of("'stay'", "id", "part"),
                "person_id": "person_id",
                "visit_detail_concept_id": "concept_id",
                "visit_detail_start_date": "CAST(start_time AS DATE)",
                "visit_detail_start_datetime": "start_time",
                "visit_detail_end_date": stay_end,
                "visit_detail_end_datetime": "end_time",
                "visit_detail_type_concept_id": str(rules.FROM_EHR),
                "care_site_id": "ward",
                "visit_occurrence_id": "visit_occurrence_id",
            },
        )
    return rows


def write_events(session: Session, events: list[Resolved], folder: Path) -> tuple[dict[str, int], list[str]]:
    """Write every table of events that the source can fill.

    A table that nothing fills is left out: a measure that needs it is refused then, where an empty one would count 0.

    Returns:
        The rows of each table, and what to tell about those that are missing or come from other kinds of records only.
    """
    rows: dict[str, int] = {}
    notes: list[str] = []
    meant = _meant(session, events)
    for table, (stem, start, moment) in _PREFIX.items():
        source = _union(events, where=f"target = '{table}'")
        if source is None:
            continue
        if table in ("measurement", "observation"):
            source = adjusted(session, source)
        key = f"{table}_id"
        columns = {
            key: "event_id",
            "person_id": "person_id",
            f"{stem}_concept_id": "coalesce(concept_id, 0)",
            start: "start_date",
            moment: "start_time",
            f"{stem}_type_concept_id": "type_concept_id",
            "visit_occurrence_id": "visit_occurrence_id",
            f"{stem}_source_value": "source_value",
            f"{stem}_source_concept_id": "coalesce(source_concept_id, 0)",
            **_EVENT_COLUMNS[table],
        }
        written = _write(session, folder, table, source, columns)
        if written or table in meant:
            rows[table] = written
        else:
            (folder / f"{table}.parquet").unlink()
        if table not in meant:
            filled = "holds only what came as something else" if written else "is not there, for nothing fills it"
            notes.append(f"{table} {filled}: do not ask measures of it")
    return rows, notes


def _meant(session: Session, events: list[Resolved]) -> set[str]:
    """Return the tables that the source's own kinds of records fill."""
    found = {"measurement", "observation"} if any(table.origin == "Observation" for table in events) else set()
    for table in events:
        found |= {str(row[0]) for row in session.query(f"SELECT DISTINCT usual_table FROM {table.sql}")}
    return found


def _union(tables: Iterable[Resolved], where: str = "true") -> str | None:
    parts = [f"SELECT * FROM {table.sql} WHERE {where}" for table in tables]
    return f"({' UNION ALL BY NAME '.join(parts)})" if parts else None


def _write(session: Session, folder: Path, table: str, source: str | None, columns: dict[str, str]) -> int:
    """Write one OMOP table, with the columns that the source can fill."""
    if source is None:
        return 0
    listed = [
        f"CAST({columns[column.name]} AS {column.kind.value}) AS {column.name}"
        for column in CDM[table].columns
        if column.name in columns
    ]
    missing = set(columns) - {column.name for column in CDM[table].columns}
    if missing:
        raise ValueError(f"{table} has no columns {sorted(missing)}")
    return session.write(
        f"SELECT {', '.join(listed)} FROM {source} WHERE outcome IS NULL",
        folder / f"{table}.parquet",
        title=f"Writing {table}",
    )
