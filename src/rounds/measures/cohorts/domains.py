"""The domains a criterion can be about: their OMOP tables, and how each table's rows become dated events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Domain(StrEnum):
    """A domain, by the name ATLAS gives its criteria."""

    CONDITION_ERA = "ConditionEra"
    CONDITION_OCCURRENCE = "ConditionOccurrence"
    DEATH = "Death"
    DEVICE_EXPOSURE = "DeviceExposure"
    DOSE_ERA = "DoseEra"
    DRUG_ERA = "DrugEra"
    DRUG_EXPOSURE = "DrugExposure"
    EPISODE = "Episode"
    LOCATION_REGION = "LocationRegion"
    MEASUREMENT = "Measurement"
    OBSERVATION = "Observation"
    OBSERVATION_PERIOD = "ObservationPeriod"
    PAYER_PLAN_PERIOD = "PayerPlanPeriod"
    PROCEDURE_OCCURRENCE = "ProcedureOccurrence"
    SPECIMEN = "Specimen"
    VISIT_DETAIL = "VisitDetail"
    VISIT_OCCURRENCE = "VisitOccurrence"


class End(StrEnum):
    """When an event ends."""

    RECORDED = "recorded"
    """On the recorded day, or on no known day."""
    RECORDED_OR_NEXT_DAY = "recorded or next day"
    NEXT_DAY = "next day"
    """The table has no end; the day after the start stands for it."""
    DRUG = "drug"
    """Recorded, or the start plus the days of supply, or the day after the start."""
    RECORDED_OR_2099 = "recorded or 2099"


class CountColumn(StrEnum):
    """The columns whose different values can be counted instead of events, by the names of ATLAS."""

    DAYS_SUPPLY = "DAYS_SUPPLY"
    DOMAIN_CONCEPT = "DOMAIN_CONCEPT"
    DURATION = "DURATION"
    END_DATE = "END_DATE"
    ERA_OCCURRENCES = "ERA_OCCURRENCES"
    GAP_DAYS = "GAP_DAYS"
    QUANTITY = "QUANTITY"
    RANGE_HIGH = "RANGE_HIGH"
    RANGE_LOW = "RANGE_LOW"
    REFILLS = "REFILLS"
    START_DATE = "START_DATE"
    UNIT = "UNIT"
    VALUE_AS_NUMBER = "VALUE_AS_NUMBER"
    VISIT_DETAIL_ID = "VISIT_DETAIL_ID"
    VISIT_ID = "VISIT_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainTable:
    """The OMOP table of a domain."""

    name: str
    id: str
    """The key; of events on one day the one with the lowest key comes first."""
    start: str
    end: str | None
    ends: End
    concept: str | None
    """What a concept set is looked up in."""
    source_concept: str | None = None
    visit: str | None = None
    """The visit that the event names, if the table knows one."""
    counted: Mapping[CountColumn, str] = field(default_factory=dict)
    """The columns whose values can be counted; dates, visit and duration aside."""
    has_duration: bool = True
    has_visit_count: bool = True
    has_first: bool = True
    person: str = "person_id"

    def __post_init__(self) -> None:
        object.__setattr__(self, "counted", MappingProxyType(dict(self.counted)))

    @property
    def count_columns(self) -> frozenset[CountColumn]:
        return frozenset(
            {
                CountColumn.START_DATE,
                CountColumn.END_DATE,
                *self.counted,
                *([CountColumn.DURATION] if self.has_duration else []),
                *([CountColumn.VISIT_ID] if self.has_visit_count else []),
            }
        )


_CONCEPT: Final = CountColumn.DOMAIN_CONCEPT

TABLES: Final[Mapping[Domain, DomainTable]] = MappingProxyType(
    {
        Domain.CONDITION_ERA: DomainTable(
            name="condition_era",
            id="condition_era_id",
            start="condition_era_start_date",
            end="condition_era_end_date",
            ends=End.RECORDED,
            concept="condition_concept_id",
            counted={
                _CONCEPT: "condition_concept_id",
                CountColumn.ERA_OCCURRENCES: "condition_occurrence_count",
            },
            has_visit_count=False,
        ),
        Domain.CONDITION_OCCURRENCE: DomainTable(
            name="condition_occurrence",
            id="condition_occurrence_id",
            start="condition_start_date",
            end="condition_end_date",
            ends=End.RECORDED_OR_NEXT_DAY,
            concept="condition_concept_id",
            source_concept="condition_source_concept_id",
            visit="visit_occurrence_id",
            counted={_CONCEPT: "condition_concept_id"},
        ),
        Domain.DEATH: DomainTable(
            name="death",
            id="person_id",
            start="death_date",
            end=None,
            ends=End.NEXT_DAY,
            concept="cause_concept_id",
            source_concept="cause_source_concept_id",
            counted={_CONCEPT: "cause_concept_id"},
            has_first=False,
        ),
        Domain.DEVICE_EXPOSURE: DomainTable(
            name="device_exposure",
            id="device_exposure_id",
            start="device_exposure_start_date",
            end="device_exposure_end_date",
            ends=End.RECORDED_OR_NEXT_DAY,
            concept="device_concept_id",
            source_concept="device_source_concept_id",
            visit="visit_occurrence_id",
            counted={_CONCEPT: "device_concept_id", CountColumn.QUANTITY: "quantity"},
        ),
        Domain.DOSE_ERA: DomainTable(
            name="dose_era",
            id="dose_era_id",
            start="dose_era_start_date",
            end="dose_era_end_date",
            ends=End.RECORDED,
            concept="drug_concept_id",
            counted={
                _CONCEPT: "drug_concept_id",
                CountColumn.UNIT: "unit_concept_id",
                CountColumn.VALUE_AS_NUMBER: "dose_value",
            },
        ),
        Domain.DRUG_ERA: DomainTable(
            name="drug_era",
            id="drug_era_id",
            start="drug_era_start_date",
            end="drug_era_end_date",
            ends=End.RECORDED,
            concept="drug_concept_id",
            counted={
                _CONCEPT: "drug_concept_id",
                CountColumn.ERA_OCCURRENCES: "drug_exposure_count",
                CountColumn.GAP_DAYS: "gap_days",
            },
        ),
        Domain.DRUG_EXPOSURE: DomainTable(
            name="drug_exposure",
            id="drug_exposure_id",
            start="drug_exposure_start_date",
            end="drug_exposure_end_date",
            ends=End.DRUG,
            concept="drug_concept_id",
            source_concept="drug_source_concept_id",
            visit="visit_occurrence_id",
            counted={
                _CONCEPT: "drug_concept_id",
                CountColumn.DAYS_SUPPLY: "days_supply",
                CountColumn.QUANTITY: "quantity",
                CountColumn.REFILLS: "refills",
            },
        ),
        Domain.EPISODE: DomainTable(
            name="episode",
            id="episode_id",
            start="episode_start_date",
            end="episode_end_date",
            ends=End.RECORDED,
            concept="episode_concept_id",
            counted={_CONCEPT: "episode_concept_id"},
            has_visit_count=False,
        ),
        Domain.LOCATION_REGION: DomainTable(
            name="location_history",
            id="location_history_id",
            start="start_date",
            end="end_date",
            ends=End.RECORDED_OR_2099,
            concept="region_concept_id",
            counted={_CONCEPT: "region_concept_id"},
            has_duration=False,
            has_first=False,
            person="entity_id",
        ),
        Domain.MEASUREMENT: DomainTable(
            name="measurement",
            id="measurement_id",
            start="measurement_date",
            end=None,
            ends=End.NEXT_DAY,
            concept="measurement_concept_id",
            source_concept="measurement_source_concept_id",
            visit="visit_occurrence_id",
            counted={
                _CONCEPT: "measurement_concept_id",
                CountColumn.VALUE_AS_NUMBER: "value_as_number",
                CountColumn.RANGE_HIGH: "range_high",
                CountColumn.RANGE_LOW: "range_low",
            },
        ),
        Domain.OBSERVATION: DomainTable(
            name="observation",
            id="observation_id",
            start="observation_date",
            end=None,
            ends=End.NEXT_DAY,
            concept="observation_concept_id",
            source_concept="observation_source_concept_id",
            visit="visit_occurrence_id",
            counted={_CONCEPT: "observation_concept_id", CountColumn.VALUE_AS_NUMBER: "value_as_number"},
        ),
        Domain.OBSERVATION_PERIOD: DomainTable(
            name="observation_period",
            id="observation_period_id",
            start="observation_period_start_date",
            end="observation_period_end_date",
            ends=End.RECORDED,
            concept=None,
            counted={_CONCEPT: "period_type_concept_id"},
        ),
        Domain.PAYER_PLAN_PERIOD: DomainTable(
            name="payer_plan_period",
            id="payer_plan_period_id",
            start="payer_plan_period_start_date",
            end="payer_plan_period_end_date",
            ends=End.RECORDED,
            concept=None,
            counted={_CONCEPT: "payer_concept_id"},
            has_duration=False,
        ),
        Domain.PROCEDURE_OCCURRENCE: DomainTable(
            name="procedure_occurrence",
            id="procedure_occurrence_id",
            start="procedure_date",
            end=None,
            ends=End.NEXT_DAY,
            concept="procedure_concept_id",
            source_concept="procedure_source_concept_id",
            visit="visit_occurrence_id",
            counted={_CONCEPT: "procedure_concept_id", CountColumn.QUANTITY: "quantity"},
        ),
        Domain.SPECIMEN: DomainTable(
            name="specimen",
            id="specimen_id",
            start="specimen_date",
            end=None,
            ends=End.NEXT_DAY,
            concept="specimen_concept_id",
            counted={_CONCEPT: "specimen_concept_id"},
        ),
        Domain.VISIT_DETAIL: DomainTable(
            name="visit_detail",
            id="visit_detail_id",
            start="visit_detail_start_date",
            end="visit_detail_end_date",
            ends=End.RECORDED,
            concept="visit_detail_concept_id",
            source_concept="visit_detail_source_concept_id",
            visit="visit_occurrence_id",
            counted={_CONCEPT: "visit_detail_concept_id", CountColumn.VISIT_DETAIL_ID: "visit_detail_id"},
            has_visit_count=False,
        ),
        Domain.VISIT_OCCURRENCE: DomainTable(
            name="visit_occurrence",
            id="visit_occurrence_id",
            start="visit_start_date",
            end="visit_end_date",
            ends=End.RECORDED,
            concept="visit_concept_id",
            source_concept="visit_source_concept_id",
            visit="visit_occurrence_id",
            counted={_CONCEPT: "visit_concept_id"},
        ),
    }
)
