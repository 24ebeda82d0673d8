"""The tables and columns of OMOP CDM 5.4, which of them an import writes, and what 5.3 called them."""

from dataclasses import dataclass
from typing import Final

from rounds.records.tables import ColumnType


@dataclass(frozen=True, slots=True, kw_only=True)
class CdmColumn:
    """One column."""

    name: str
    kind: ColumnType
    required: bool
    """whether a source without it is refused; whether its cells may be empty is for the check of the records"""
    older_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CdmTable:
    """One table."""

    name: str
    columns: tuple[CdmColumn, ...]

    def column(self, name: str) -> CdmColumn:
        """Return a column.

        Raises:
            KeyError: if there is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


_NUMBERS: Final = frozenset(
    {
        "value_as_number",
        "quantity",
        "range_low",
        "range_high",
        "latitude",
        "longitude",
        "dose_value",
        "effective_drug_dose",
    }
)
_WHOLE: Final = frozenset(
    {
        "year_of_birth",
        "month_of_birth",
        "day_of_birth",
        "days_supply",
        "refills",
        "gap_days",
        "episode_number",
        "drug_exposure_count",
        "condition_occurrence_count",
        "min_levels_of_separation",
        "max_levels_of_separation",
    }
)
_TEXT_IDS: Final = frozenset(
    {
        "domain_id",
        "vocabulary_id",
        "concept_class_id",
        "relationship_id",
        "unique_device_id",
        "production_id",
        "specimen_source_id",
    }
)
_OLDER: Final = {
    "admitted_from_concept_id": ("admitting_source_concept_id",),
    "admitted_from_source_value": ("admitting_source_value",),
    "discharged_to_concept_id": ("discharge_to_concept_id",),
    "discharged_to_source_value": ("discharge_to_source_value",),
    "parent_visit_detail_id": ("visit_detail_parent_id",),
}
"""What 5.3 and 5.2 call the columns that 5.4 named anew."""


def _kind(name: str) -> ColumnType:
    if name in _NUMBERS:
        return ColumnType.NUMBER
    if name in _WHOLE or name.startswith("concept_id_") or (name.endswith("_id") and name not in _TEXT_IDS):
        return ColumnType.INTEGER
    if name.endswith("_date"):
        return ColumnType.DATE
    return ColumnType.TIME if name.endswith("_datetime") else ColumnType.TEXT


def _table(name: str, columns: str) -> CdmTable:
    """Return a table from its columns' names; a required one ends in an exclamation mark."""
    return CdmTable(
        name=name,
        columns=tuple(
            CdmColumn(
                name=(plain := word.rstrip("!")),
                kind=_kind(plain),
                required=word.endswith("!"),
                older_names=_OLDER.get(plain, ()),
            )
            for word in columns.split()
        ),
    )


_EVENT_END: Final = "provider_id visit_occurrence_id visit_detail_id"

CDM: Final[dict[str, CdmTable]] = {
    table.name: table
    for table in (
        _table(
            "person",
            "person_id! gender_concept_id! year_of_birth! month_of_birth day_of_birth birth_datetime race_concept_id "
            "ethnicity_concept_id location_id provider_id care_site_id person_source_value gender_source_value "
            "gender_source_concept_id race_source_value race_source_concept_id ethnicity_source_value "
            "ethnicity_source_concept_id",
        ),
        _table(
            "observation_period",
            "observation_period_id person_id! observation_period_start_date! observation_period_end_date! "
            "period_type_concept_id",
        ),
        _table(
            "visit_occurrence",
            "visit_occurrence_id! person_id! visit_concept_id! visit_start_date! visit_start_datetime "
            "visit_end_date! visit_end_datetime visit_type_concept_id provider_id care_site_id visit_source_value "
            "visit_source_concept_id admitted_from_concept_id admitted_from_source_value discharged_to_concept_id "
            "discharged_to_source_value preceding_visit_occurrence_id",
        ),
        _table(
            "visit_detail",
            "visit_detail_id! person_id! visit_detail_concept_id! visit_detail_start_date! "
            "visit_detail_start_datetime visit_detail_end_date! visit_detail_end_datetime "
            "visit_detail_type_concept_id provider_id care_site_id visit_detail_source_value "
            "visit_detail_source_concept_id admitted_from_concept_id admitted_from_source_value "
            "discharged_to_concept_id discharged_to_source_value preceding_visit_detail_id parent_visit_detail_id "
            "visit_occurrence_id!",
        ),
        _table(
            "condition_occurrence",
            "condition_occurrence_id person_id! condition_concept_id! condition_start_date! condition_start_datetime "
            "condition_end_date condition_end_datetime condition_type_concept_id condition_status_concept_id "
            f"stop_reason {_EVENT_END} condition_source_value condition_source_concept_id "
            "condition_status_source_value",
        ),
        _table(
            "drug_exposure",
            "drug_exposure_id person_id! drug_concept_id! drug_exposure_start_date! drug_exposure_start_datetime "
            "drug_exposure_end_date drug_exposure_end_datetime verbatim_end_date drug_type_concept_id stop_reason "
            f"refills quantity days_supply sig route_concept_id lot_number {_EVENT_END} drug_source_value "
            "drug_source_concept_id route_source_value dose_unit_source_value",
        ),
        _table(
            "procedure_occurrence",
            "procedure_occurrence_id person_id! procedure_concept_id! procedure_date! procedure_datetime "
            "procedure_end_date procedure_end_datetime procedure_type_concept_id modifier_concept_id quantity "
            f"{_EVENT_END} procedure_source_value procedure_source_concept_id modifier_source_value",
        ),
        _table(
            "device_exposure",
            "device_exposure_id person_id! device_concept_id! device_exposure_start_date! "
            "device_exposure_start_datetime device_exposure_end_date device_exposure_end_datetime "
            f"device_type_concept_id unique_device_id production_id quantity {_EVENT_END} device_source_value "
            "device_source_concept_id unit_concept_id unit_source_value unit_source_concept_id",
        ),
        _table(
            "measurement",
            "measurement_id person_id! measurement_concept_id! measurement_date! measurement_datetime "
            "measurement_time measurement_type_concept_id operator_concept_id value_as_number value_as_concept_id "
            f"unit_concept_id range_low range_high {_EVENT_END} measurement_source_value "
            "measurement_source_concept_id unit_source_value unit_source_concept_id value_source_value "
            "measurement_event_id meas_event_field_concept_id measurement_end_date",
        ),
        _table(
            "observation",
            "observation_id person_id! observation_concept_id! observation_date! observation_datetime "
            "observation_type_concept_id value_as_number value_as_string value_as_concept_id qualifier_concept_id "
            f"unit_concept_id {_EVENT_END} observation_source_value observation_source_concept_id unit_source_value "
            "qualifier_source_value value_source_value observation_event_id obs_event_field_concept_id "
            "observation_end_date",
        ),
        _table(
            "death",
            "person_id! death_date! death_datetime death_type_concept_id cause_concept_id cause_source_value "
            "cause_source_concept_id",
        ),
        _table(
            "condition_era",
            "condition_era_id person_id! condition_concept_id! condition_era_start_date! condition_era_end_date "
            "condition_occurrence_count",
        ),
        _table(
            "drug_era",
            "drug_era_id person_id! drug_concept_id! drug_era_start_date! drug_era_end_date drug_exposure_count "
            "gap_days",
        ),
        _table(
            "location",
            "location_id! address_1 address_2 city state zip county location_source_value country_concept_id "
            "country_source_value latitude longitude",
        ),
        _table(
            "care_site",
            "care_site_id! care_site_name place_of_service_concept_id location_id care_site_source_value "
            "place_of_service_source_value",
        ),
        _table(
            "concept",
            "concept_id! concept_name! domain_id vocabulary_id concept_class_id standard_concept concept_code "
            "valid_start_date valid_end_date invalid_reason",
        ),
        _table(
            "concept_ancestor",
            "ancestor_concept_id! descendant_concept_id! min_levels_of_separation max_levels_of_separation",
        ),
        _table(
            "concept_relationship",
            "concept_id_1! concept_id_2! relationship_id! valid_start_date valid_end_date invalid_reason",
        ),
    )
}

ONLY_READ: Final[dict[str, CdmTable]] = {
    table.name: table
    for table in (
        _table(
            "dose_era",
            "dose_era_id person_id drug_concept_id unit_concept_id dose_value dose_era_start_date dose_era_end_date",
        ),
        _table(
            "specimen",
            "specimen_id person_id specimen_concept_id specimen_type_concept_id specimen_date quantity "
            "unit_concept_id anatomic_site_concept_id disease_status_concept_id specimen_source_id",
        ),
        _table(
            "episode",
            "episode_id person_id episode_concept_id episode_start_date episode_end_date episode_number "
            "episode_object_concept_id episode_type_concept_id",
        ),
        _table(
            "payer_plan_period",
            "payer_plan_period_id person_id payer_plan_period_start_date payer_plan_period_end_date "
            "payer_concept_id payer_source_concept_id plan_concept_id plan_source_concept_id sponsor_concept_id "
            "sponsor_source_concept_id stop_reason_concept_id stop_reason_source_concept_id",
        ),
        _table("provider", "provider_id specialty_concept_id"),
        _table("location_history", "location_history_id location_id entity_id domain_id start_date end_date"),
        # Of tables above, what only older or newer versions have.
        _table("drug_exposure", "effective_drug_dose dose_unit_concept_id"),
        _table("location", "region_concept_id"),
    )
}
"""Tables and columns that no import writes, and that may be asked for where a site's own files have them."""

VOCABULARY_TABLES: Final = ("concept", "concept_ancestor", "concept_relationship")
