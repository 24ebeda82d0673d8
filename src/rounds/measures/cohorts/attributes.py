"""The attributes that ATLAS lets a criterion have, by domain: what kind each is, and of which value of the event.

Where the newest Circe and the name of an attribute disagree, this follows Circe: the end date of a drug exposure is
compared with its start, and ages at a visit detail are those at its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from rounds.measures.cohorts.domains import Domain
from rounds.measures.cohorts.filters import Operand, Source


class Kind(StrEnum):
    """How an attribute is written."""

    DATE = "date range"
    WHOLE = "range of whole numbers"
    NUMBER = "range of numbers"
    TEXT = "text filter"
    CONCEPTS = "list of concepts"
    CONCEPT_SET = "concept set selection"
    CONCEPT_SET_ID = "id of a concept set"
    ABNORMAL = "abnormal"
    CARE_SITE_REGION = "region of the care site"
    WITHOUT_EFFECT = "without effect"
    """ATLAS writes it and Circe never looks at it."""


_NO_OPERAND: Final = Operand(source=Source.START)
"""For the kinds of attribute that say themselves what they look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of a criterion."""

    kind: Kind
    operand: Operand = _NO_OPERAND
    exclude: str | None = None
    """The attribute that turns a list of concepts into those not wanted."""


Attributes = Mapping[str, Attribute]


def _own(column: str) -> Operand:
    return Operand(source=Source.OWN, column=column)


def _date(source: Source) -> Attribute:
    return Attribute(kind=Kind.DATE, operand=Operand(source=source))


def _whole(column: str) -> Attribute:
    return Attribute(kind=Kind.WHOLE, operand=_own(column))


def _number(column: str) -> Attribute:
    return Attribute(kind=Kind.NUMBER, operand=_own(column))


def _text(column: str) -> Attribute:
    return Attribute(kind=Kind.TEXT, operand=_own(column))


def _set_id(column: str) -> Attribute:
    return Attribute(kind=Kind.CONCEPT_SET_ID, operand=_own(column))


def _concepts(name: str, operand: Operand, *, exclude: bool = False) -> dict[str, Attribute]:
    return {
        name: Attribute(kind=Kind.CONCEPTS, operand=operand, exclude=f"{name}Exclude" if exclude else None),
        f"{name}CS": Attribute(kind=Kind.CONCEPT_SET, operand=operand),
    }


_DAYS: Final = Attribute(kind=Kind.WHOLE, operand=Operand(source=Source.DAYS))
_AGE: Final = Attribute(kind=Kind.WHOLE, operand=Operand(source=Source.AGE_AT_START))
_AGE_AT_END: Final = Attribute(kind=Kind.WHOLE, operand=Operand(source=Source.AGE_AT_END))
_GENDER: Final = _concepts("Gender", Operand(source=Source.PERSON, column="gender_concept_id"))
_SPECIALTY: Final = _concepts("ProviderSpecialty", Operand(source=Source.PROVIDER, column="specialty_concept_id"))
_VISIT: Final = _concepts("VisitType", Operand(source=Source.VISIT, column="visit_concept_id"))
_PLACE: Final = _concepts("PlaceOfService", Operand(source=Source.CARE_SITE, column="place_of_service_concept_id"))
_REGION: Final = {"PlaceOfServiceLocation": Attribute(kind=Kind.CARE_SITE_REGION)}
_UNIT: Final = _concepts("Unit", _own("unit_concept_id"))
_OCCURRED: Final = {"OccurrenceStartDate": _date(Source.START)}
_OCCURRED_AND_ENDED: Final = {**_OCCURRED, "OccurrenceEndDate": _date(Source.END)}
_ERA: Final = {
    "EraStartDate": _date(Source.START),
    "EraEndDate": _date(Source.END),
    "EraLength": _DAYS,
    "AgeAtStart": _AGE,
    "AgeAtEnd": _AGE_AT_END,
    **_GENDER,
}
_PERIOD: Final = {
    "PeriodStartDate": _date(Source.START),
    "PeriodEndDate": _date(Source.END),
    "PeriodLength": _DAYS,
    "AgeAtStart": _AGE,
    "AgeAtEnd": _AGE_AT_END,
}
_PATIENT: Final = {"Age": _AGE, **_GENDER}
_CARE: Final = {**_PATIENT, **_SPECIALTY, **_VISIT}


def _ratio(column: str) -> Attribute:
    return Attribute(kind=Kind.NUMBER, operand=Operand(source=Source.RATIO, column=column))


ATTRIBUTES: Final[Mapping[Domain, Attributes]] = MappingProxyType(
    {
        Domain.CONDITION_ERA: {**_ERA, "OccurrenceCount": _whole("condition_occurrence_count")},
        Domain.CONDITION_OCCURRENCE: {
            **_OCCURRED_AND_ENDED,
            **_CARE,
            **_concepts("ConditionType", _own("condition_type_concept_id"), exclude=True),
            **_concepts("ConditionStatus", _own("condition_status_concept_id")),
            "StopReason": _text("stop_reason"),
        },
        Domain.DEATH: {**_OCCURRED, **_PATIENT, **_concepts("DeathType", _own("death_type_concept_id"), exclude=True)},
        Domain.DEVICE_EXPOSURE: {
            **_OCCURRED_AND_ENDED,
            **_CARE,
            **_concepts("DeviceType", _own("device_type_concept_id"), exclude=True),
            "UniqueDeviceId": _text("unique_device_id"),
            "Quantity": _whole("quantity"),
        },
        Domain.DOSE_ERA: {**_ERA, **_UNIT, "DoseValue": _number("dose_value")},
        Domain.DRUG_ERA: {**_ERA, "OccurrenceCount": _whole("drug_exposure_count"), "GapDays": _whole("gap_days")},
        Domain.DRUG_EXPOSURE: {
            **_OCCURRED,
            "OccurrenceEndDate": _date(Source.START),
            **_CARE,
            **_concepts("DrugType", _own("drug_type_concept_id"), exclude=True),
            **_concepts("RouteConcept", _own("route_concept_id")),
            **_concepts("DoseUnit", _own("dose_unit_concept_id")),
            "StopReason": _text("stop_reason"),
            "LotNumber": _text("lot_number"),
            "Refills": _whole("refills"),
            "DaysSupply": _whole("days_supply"),
            "Quantity": _number("quantity"),
            "EffectiveDrugDose": _number("effective_drug_dose"),
        },
        Domain.EPISODE: {
            "EpisodeStartDate": _date(Source.START),
            "EpisodeEndDate": _date(Source.END),
            "EpisodeNumber": _whole("episode_number"),
            "Age": _AGE,
            "GenderCS": _GENDER["GenderCS"],
            "EpisodeObjectConceptCS": Attribute(kind=Kind.CONCEPT_SET, operand=_own("episode_object_concept_id")),
            "EpisodeTypeCS": Attribute(kind=Kind.CONCEPT_SET, operand=_own("episode_type_concept_id")),
        },
        Domain.LOCATION_REGION: {
            "StartDate": Attribute(kind=Kind.WITHOUT_EFFECT),
            "EndDate": Attribute(kind=Kind.WITHOUT_EFFECT),
        },
        Domain.MEASUREMENT: {
            **_OCCURRED,
            **_CARE,
            **_UNIT,
            **_concepts("MeasurementType", _own("measurement_type_concept_id"), exclude=True),
            **_concepts("Operator", _own("operator_concept_id")),
            **_concepts("ValueAsConcept", _own("value_as_concept_id")),
            "ValueAsNumber": _number("value_as_number"),
            "RangeLow": _number("range_low"),
            "RangeHigh": _number("range_high"),
            "RangeLowRatio": _ratio("range_low"),
            "RangeHighRatio": _ratio("range_high"),
            "Abnormal": Attribute(kind=Kind.ABNORMAL),
        },
        Domain.OBSERVATION: {
            **_OCCURRED,
            **_CARE,
            **_UNIT,
            **_concepts("ObservationType", _own("observation_type_concept_id"), exclude=True),
            **_concepts("ValueAsConcept", _own("value_as_concept_id")),
            **_concepts("Qualifier", _own("qualifier_concept_id")),
            "ValueAsNumber": _number("value_as_number"),
            "ValueAsString": _text("value_as_string"),
        },
        Domain.OBSERVATION_PERIOD: {**_PERIOD, **_concepts("PeriodType", _own("period_type_concept_id"))},
        Domain.PAYER_PLAN_PERIOD: {
            **_PERIOD,
            **_GENDER,
            "PayerConcept": _set_id("payer_concept_id"),
            "PlanConcept": _set_id("plan_concept_id"),
            "SponsorConcept": _set_id("sponsor_concept_id"),
            "StopReasonConcept": _set_id("stop_reason_concept_id"),
            "PayerSourceConcept": _set_id("payer_source_concept_id"),
            "PlanSourceConcept": _set_id("plan_source_concept_id"),
            "SponsorSourceConcept": _set_id("sponsor_source_concept_id"),
            "StopReasonSourceConcept": _set_id("stop_reason_source_concept_id"),
        },
        Domain.PROCEDURE_OCCURRENCE: {
            **_OCCURRED,
            **_CARE,
            **_concepts("ProcedureType", _own("procedure_type_concept_id"), exclude=True),
            **_concepts("Modifier", _own("modifier_concept_id")),
            "Quantity": _whole("quantity"),
        },
        Domain.SPECIMEN: {
            **_OCCURRED,
            **_PATIENT,
            **_UNIT,
            **_concepts("SpecimenType", _own("specimen_type_concept_id"), exclude=True),
            **_concepts("AnatomicSite", _own("anatomic_site_concept_id")),
            **_concepts("DiseaseStatus", _own("disease_status_concept_id")),
            "Quantity": _number("quantity"),
            "SourceId": _text("specimen_source_id"),
            "SpecimenSourceConcept": Attribute(kind=Kind.WITHOUT_EFFECT),
        },
        Domain.VISIT_DETAIL: {
            "VisitDetailStartDate": _date(Source.START),
            "VisitDetailEndDate": _date(Source.END),
            "VisitDetailTypeCS": Attribute(kind=Kind.CONCEPT_SET, operand=_own("visit_detail_type_concept_id")),
            "VisitDetailLength": _DAYS,
            "Age": _AGE_AT_END,
            "GenderCS": _GENDER["GenderCS"],
            "ProviderSpecialtyCS": _SPECIALTY["ProviderSpecialtyCS"],
            "PlaceOfServiceCS": _PLACE["PlaceOfServiceCS"],
            **_REGION,
        },
        Domain.VISIT_OCCURRENCE: {
            **_OCCURRED_AND_ENDED,
            **_PATIENT,
            **_SPECIALTY,
            **_PLACE,
            **_REGION,
            **_concepts("VisitType", _own("visit_type_concept_id"), exclude=True),
            "VisitLength": _DAYS,
        },
    }
)

SOURCE_CONCEPT: Final[Mapping[Domain, str]] = MappingProxyType(
    {
        Domain.CONDITION_OCCURRENCE: "ConditionSourceConcept",
        Domain.DEATH: "DeathSourceConcept",
        Domain.DEVICE_EXPOSURE: "DeviceSourceConcept",
        Domain.DRUG_EXPOSURE: "DrugSourceConcept",
        Domain.MEASUREMENT: "MeasurementSourceConcept",
        Domain.OBSERVATION: "ObservationSourceConcept",
        Domain.PROCEDURE_OCCURRENCE: "ProcedureSourceConcept",
        Domain.VISIT_DETAIL: "VisitDetailSourceConcept",
        Domain.VISIT_OCCURRENCE: "VisitSourceConcept",
    }
)
"""The attribute that names a concept set for the source concept."""

DEMOGRAPHIC: Final[Attributes] = MappingProxyType(
    {
        **_PATIENT,
        **_concepts("Race", Operand(source=Source.PERSON, column="race_concept_id")),
        **_concepts("Ethnicity", Operand(source=Source.PERSON, column="ethnicity_concept_id")),
        **_OCCURRED_AND_ENDED,
    }
)
"""The attributes of demographic criteria; their dates and age are those of the index event."""
