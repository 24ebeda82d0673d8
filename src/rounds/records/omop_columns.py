# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Every OMOP column that a cohort definition may ask for, and views of a site's files with those that are there."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb

from rounds.errors import RecordsError
from rounds.records.omop import Records
from rounds.records.tables import ColumnType, file_scan, lossless_cast, parts_of


def _columns(*, whole: str = "", dates: str = "", numbers: str = "", text: str = "") -> Mapping[str, ColumnType]:
    kinds = {
        ColumnType.INTEGER: whole,
        ColumnType.DATE: dates,
        ColumnType.NUMBER: numbers,
        ColumnType.TEXT: text,
    }
    return MappingProxyType({name: kind for kind, names in kinds.items() for name in names.split()})


OMOP_COLUMNS: Final[Mapping[str, Mapping[str, ColumnType]]] = MappingProxyType(
    {
        "person": _columns(
            whole="person_id gender_concept_id year_of_birth race_concept_id ethnicity_concept_id location_id"
        ),
        "observation_period": _columns(
            whole="observation_period_id person_id period_type_concept_id",
            dates="observation_period_start_date observation_period_end_date",
        ),
        "visit_occurrence": _columns(
            whole="visit_occurrence_id person_id visit_concept_id visit_source_concept_id visit_type_concept_id "
            "provider_id care_site_id",
            dates="visit_start_date visit_end_date",
        ),
        "visit_detail": _columns(
            whole="visit_detail_id person_id visit_detail_concept_id visit_detail_source_concept_id "
            "visit_detail_type_concept_id visit_occurrence_id provider_id care_site_id",
            dates="visit_detail_start_date visit_detail_end_date",
        ),
        "condition_occurrence": _columns(
            whole="condition_occurrence_id person_id condition_concept_id condition_source_concept_id "
            "condition_type_concept_id condition_status_concept_id visit_occurrence_id provider_id",
            dates="condition_start_date condition_end_date",
            text="stop_reason",
        ),
        "condition_era": _columns(
            whole="condition_era_id person_id condition_concept_id condition_occurrence_count",
            dates="condition_era_start_date condition_era_end_date",
        ),
        "drug_exposure": _columns(
            whole="drug_exposure_id person_id drug_concept_id drug_source_concept_id drug_type_concept_id "
            "visit_occurrence_id provider_id days_supply refills route_concept_id dose_unit_concept_id",
            dates="drug_exposure_start_date drug_exposure_end_date",
            numbers="quantity effective_drug_dose",
            text="stop_reason lot_number",
        ),
        "drug_era": _columns(
            whole="drug_era_id person_id drug_concept_id drug_exposure_count gap_days",
            dates="drug_era_start_date drug_era_end_date",
        ),
        "dose_era": _columns(
            whole="dose_era_id person_id drug_concept_id unit_concept_id",
            dates="dose_era_start_date dose_era_end_date",
            numbers="dose_value",
        ),
        "procedure_occurrence": _columns(
            whole="procedure_occurrence_id person_id procedure_concept_id procedure_source_concept_id "
            "procedure_type_concept_id modifier_concept_id quantity visit_occurrence_id provider_id",
            dates="procedure_date",
        ),
        "device_exposure": _columns(
            whole="device_exposure_id person_id device_concept_id device_source_concept_id device_type_concept_id "
            "quantity visit_occurrence_id provider_id",
            dates="device_exposure_start_date device_exposure_end_date",
            text="unique_device_id",
        ),
        "measurement": _columns(
            whole="measurement_id person_id measurement_concept_id measurement_source_concept_id "
            "measurement_type_concept_id operator_concept_id value_as_concept_id unit_concept_id "
            "visit_occurrence_id provider_id",
            dates="measurement_date",
            numbers="value_as_number range_low range_high",
        ),
        "observation": _columns(
            whole="observation_id person_id observation_concept_id observation_source_concept_id "
            "observation_type_concept_id value_as_concept_id qualifier_concept_id unit_concept_id "
            "visit_occurrence_id provider_id",
            dates="observation_date",
            numbers="value_as_number",
            text="value_as_string",
        ),
        "specimen": _columns(
            whole="specimen_id person_id specimen_concept_id specimen_type_concept_id unit_concept_id "
            "anatomic_site_concept_id disease_status_concept_id",
            dates="specimen_date",
            numbers="quantity",
            text="specimen_source_id",
        ),
        "death": _columns(
            whole="person_id cause_concept_id cause_source_concept_id death_type_concept_id", dates="death_date"
        ),
        "episode": _columns(
            whole="episode_id person_id episode_concept_id episode_object_concept_id episode_type_concept_id "
            "episode_number",
            dates="episode_start_date episode_end_date",
        ),
        "payer_plan_period": _columns(
            whole="payer_plan_period_id person_id payer_concept_id payer_source_concept_id plan_concept_id "
            "plan_source_concept_id sponsor_concept_id sponsor_source_concept_id stop_reason_concept_id "
            "stop_reason_source_concept_id",
            dates="payer_plan_period_start_date payer_plan_period_end_date",
        ),
        "provider": _columns(whole="provider_id specialty_concept_id"),
        "care_site": _columns(whole="care_site_id place_of_service_concept_id location_id"),
        "location": _columns(whole="location_id region_concept_id"),
        "location_history": _columns(
            whole="location_history_id location_id entity_id", dates="start_date end_date", text="domain_id"
        ),
        "concept": _columns(whole="concept_id", text="concept_name invalid_reason"),
        "concept_ancestor": _columns(whole="ancestor_concept_id descendant_concept_id"),
        "concept_relationship": _columns(whole="concept_id_1 concept_id_2", text="relationship_id invalid_reason"),
    }
)
"""Types by column and table, of CDM 5.4 with what older and newer versions add."""


_ABOUT_PEOPLE: Final = ("person", "observation_period")


def create_omop_views(connection: duckdb.DuckDBPyConnection, records: Records, *, schema: str = "omop") -> str:
    """Make a schema with a view of each of a site's tables, with all columns above that its files have.

    The views that `Records.connect` makes have the columns that measures read, checked. These have not been checked: a
    value that is not of its column's type counts as empty. A column that a file lacks is not there.

    Args:
        connection: from `records.connect()`.
        records: the site's.
        schema: to be made.

    Returns:
        The name of the schema.

    Raises:
        RecordsError: if two files are the same table.
    """
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for name, path in _files(records).items():
        scan = file_scan(path)
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        found = {row[0].lower(): (row[0], row[1]) for row in described}
        casts = (
            f"{cast} AS {column}"
            for column, kind in OMOP_COLUMNS[name].items()
            if column in found and (cast := _cast(*found[column], kind)) is not None
        )
        # Who has an impossible year of birth is in no denominator, and nobody is in a cohort who is no person.
        people = " WHERE person_id IN (SELECT person_id FROM main.person)" if name in _ABOUT_PEOPLE else ""
        select = f"SELECT * FROM (SELECT {', '.join(casts)} FROM {scan}){people}"
        connection.execute(f"CREATE OR REPLACE VIEW {schema}.{name} AS {select}")
    return schema


def _files(records: Records) -> dict[str, Path]:
    files = {source.table.name: source.path for source in records.sources if source.table.name in OMOP_COLUMNS}
    others: dict[str, Path] = {}
    for path in sorted(records.folder.iterdir()):
        name = path.stem.lower()
        parts = path.is_dir() and not path.suffix and bool(parts_of(path))
        if name not in OMOP_COLUMNS or name in files or not (parts or path.suffix.lower() in (".parquet", ".csv")):
            continue
        if name in others:
            raise RecordsError(
                f"site {records.site}: {others[name].name} and {path.name} are the same table; remove one"
            )
        others[name] = path
    return files | others


def _cast(column: str, source_type: str, kind: ColumnType) -> str | None:
    # A column that is empty throughout is often of some other type.
    return f'CAST("{column}" AS VARCHAR)' if kind is ColumnType.TEXT else lossless_cast(column, source_type, kind)
