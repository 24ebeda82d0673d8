# ruff: noqa: S608  SQL is built from our own words and quoted paths only
"""One SELECT for each FHIR resource: from NDJSON into the staged form, in one pass."""

from collections.abc import Callable
from typing import Final

from rounds.records.importing import rules
from rounds.records.importing.fhir.selection import (
    HEAD,
    VALUES,
    Elements,
    Selection,
    dated,
    event,
    not_done,
    not_observed,
    reason_of,
    undated,
    was_not_done,
    why_not,
)
from rounds.records.importing.sql import switch, words

_DRUG_CODES: Final = (
    "coalesce(codes(medicationCodeableConcept), "
    "codes(list_filter(contained, lambda c: '#' || c.id = medicationReference.reference)[1].code)) AS codes, "
    "target(medicationReference.reference) AS medication"
)


def selects(resource: str, source: str) -> list[Selection]:
    """Return the staged tables that a resource fills, in the order in which they are to be staged.

    Args:
        resource: one of `SHAPES` but Medication, which other resources look up.
        source: SQL that reads it.
    """
    return _SELECTS[resource](source)


def _patient(source: str) -> list[Selection]:
    race = f"list_filter(extension, lambda e: e.url = '{rules.RACE_EXTENSION}')[1]"
    ethnicity = f"list_filter(extension, lambda e: e.url IN ({words(rules.ETHNICITY_EXTENSIONS)}))[1]"
    nested = "list_transform(list_filter({0}.extension, lambda e: e.url = 'ombCategory'), lambda e: e.valueCoding)"
    select = (
        f"SELECT {HEAD.format('active')}, {reason_of('Patient', _BORN)}, gender AS gender_source, "
        f"{switch('gender', rules.GENDERS)} AS gender_concept_id, "
        "TRY_CAST(left(birthDate, 4) AS BIGINT) AS year, "
        "TRY_CAST(substr(birthDate, 6, 2) AS BIGINT) AS month, TRY_CAST(substr(birthDate, 9, 2) AS BIGINT) AS day, "
        f"nullif(coded({nested.format(race)}), '') AS race_codes, "
        f"coalesce(nullif(coded({nested.format(ethnicity)}), ''), codes({ethnicity}.valueCodeableConcept)) "
        "AS ethnicity_codes, target(managingOrganization.reference) AS place, address[1].postalCode AS zip, "
        "address[1].city AS city, address[1].state AS state, day(deceasedDateTime) AS death_date, "
        "moment(deceasedDateTime) AS death_time, "
        "CASE WHEN len(list_filter(link, lambda l: l.type = 'replaced-by')) > 0 THEN 'replaced by another Patient' "
        "WHEN day(deceasedDateTime) IS NULL AND (deceasedBoolean OR deceasedDateTime IS NOT NULL) "
        f"THEN 'dead, but without a full date of death: no row in death' END AS finding FROM {source}"
    )
    return [Selection(kind="person", select=select)]


_BORN: Final = (
    "WHEN birthDate IS NULL THEN 'without a date of birth' "
    "WHEN TRY_CAST(left(birthDate, 4) AS BIGINT) IS NULL THEN 'the date of birth is no date'"
)


def _encounter(source: str) -> list[Selection]:
    visit = (
        f"SELECT {HEAD.format('status')}, {reason_of('Encounter', undated('period.start'), _ENDS_BEFORE)}, "
        f"target(subject.reference) AS patient, {switch('class.code', rules.VISIT_CONCEPTS)} AS class_concept_id, "
        "class.code AS class_source, codes_of(type) AS type_codes, "
        f"{dated('period.start', 'period.end')}, status <> 'finished' AS going_on, "
        "target(serviceProvider.reference) AS place, codes(hospitalization.admitSource) AS admitted_codes, "
        f"codes(hospitalization.dischargeDisposition) AS discharged_codes, location, diagnosis FROM {source}"
    )
    stay = (
        "SELECT id AS visit, part, target(one.location.reference) AS place, "
        "coalesce(moment(one.period.start), start_time) AS start_time, "
        'coalesce(moment(one.period."end"), end_time) AS end_time FROM (SELECT id, start_time, end_time, '
        "unnest(location) AS one, generate_subscripts(location, 1) AS part FROM {whole} WHERE len(location) > 0)"
    )
    diagnosis = (
        "SELECT id AS visit, target(one.condition.reference) AS condition, first_code(one.use) AS use, "
        "one.rank AS rank FROM (SELECT id, unnest(diagnosis) AS one FROM {whole} WHERE len(diagnosis) > 0)"
    )
    return [
        Selection(kind="visit", select=visit, beside=("location", "diagnosis")),
        Selection(kind="stay", select=stay),
        Selection(kind="diagnosis", select=diagnosis),
    ]


_ENDS_BEFORE: Final = (
    "WHEN day(period.\"end\") < day(period.start) THEN 'it ends before it starts' "
    'WHEN period."end" IS NOT NULL AND day(period."end") IS NULL THEN \'the end is no full date\''
)


def _condition(source: str) -> list[Selection]:
    refuted = (
        f"WHEN first_code(verificationStatus) IN ({words(rules.REFUTED)}) "
        "THEN 'verification status ' || first_code(verificationStatus)"
    )
    provisional = (
        f"CASE WHEN first_code(verificationStatus) IN ({words(rules.PROVISIONAL)}) "
        f"THEN {rules.PROVISIONAL_DIAGNOSIS} ELSE 0 END"
    )
    start = "coalesce(onsetDateTime, onsetPeriod.start, recordedDate)"
    # A period of onset says when it began, not when it ended. What is over, nobody says since when, ends as it begins.
    over = f"coalesce(first_code(clinicalStatus), '') NOT IN ({words(rules.GOING_ON)})"
    end = f'coalesce(abatementDateTime, abatementPeriod."end", CASE WHEN {over} THEN {start} END)'
    # A condition without a date may still be a diagnosis of an encounter: whether it has one is decided later.
    select = (
        f"SELECT {HEAD.format('verificationStatus')}, 0 AS part, {reason_of('Condition', refuted)}, "
        "'condition_occurrence' AS usual_table, "
        f"target(subject.reference) AS patient, target(encounter.reference) AS visit, {dated(start, end)}, "
        f"{rules.TYPES['Condition']} AS type_concept_id, {_SITED} AS codes, {provisional} AS status_concept_id, "
        f"first_code(clinicalStatus) AS value_text FROM {source}"
    )
    return [Selection(kind="event", select=select)]


_SITED: Final = (
    "CASE WHEN len(bodySite) > 0 THEN concat_ws(chr(31), nullif(coded(flatten(list_transform(bodySite, "
    "lambda s: flatten(list_transform(s.coding, lambda b: list_transform(code.coding, lambda c: "
    f"{{'system': c.system, 'code': concat(c.code, ':{rules.FINDING_SITE}=', b.code)}})))))), ''), codes(code)) "
    "ELSE codes(code) END"
)
"""Code and body site together, then the code alone: of several codings the first that leads to a concept counts."""

_ORDERED: Final = (
    f"WHEN intent IS NULL OR intent NOT IN ({words(rules.INTENDED)}) THEN 'its intent is not an order' "
    "WHEN doNotPerform THEN 'an order not to do it'"
)
_SUPPLIED: Final = 'dosageInstruction[1].timing.repeat.boundsPeriod."end"'


def _medication_request(source: str) -> list[Selection]:
    columns = (
        f"{_DRUG_CODES}, dispenseRequest.quantity.value AS quantity, "
        "TRY_CAST(dispenseRequest.expectedSupplyDuration.value AS BIGINT) AS days_supply, "
        "dispenseRequest.numberOfRepeatsAllowed AS refills, dosageInstruction[1].text AS sig, "
        "codes(dosageInstruction[1].route) AS route_codes"
    )
    at = Elements(start="authoredOn", end=f'coalesce({_SUPPLIED}, dispenseRequest.validityPeriod."end")')
    return event("MedicationRequest", source, at, natural="drug_exposure", columns=columns, checks=_ORDERED)


def _medication_administration(source: str) -> list[Selection]:
    at = Elements(
        visit="context", start="coalesce(effectiveDateTime, effectivePeriod.start)", end='effectivePeriod."end"'
    )
    columns = f"{_DRUG_CODES}, dosage.dose.value AS quantity, dosage.text AS sig, codes(dosage.route) AS route_codes"
    return event("MedicationAdministration", source, at, natural="drug_exposure", columns=columns)


def _immunization(source: str) -> list[Selection]:
    at = Elements(patient="patient", start="occurrenceDateTime")
    columns = (
        "codes(vaccineCode) AS codes, doseQuantity.value AS quantity, lotNumber AS lot, codes(route) AS route_codes"
    )
    return event("Immunization", source, at, natural="drug_exposure", columns=columns)


def _procedure(source: str) -> list[Selection]:
    at = Elements(start="coalesce(performedDateTime, performedPeriod.start)", end='performedPeriod."end"')
    return event("Procedure", source, at, natural="procedure_occurrence", columns="codes(code) AS codes")


def _service_request(source: str) -> list[Selection]:
    at = Elements(start="authoredOn")
    return event("ServiceRequest", source, at, natural="order", columns="codes(code) AS codes", checks=_ORDERED)


def _device_request(source: str) -> list[Selection]:
    refused = (
        f"WHEN len(list_filter(modifierExtension, lambda e: ends_with(e.url, '{rules.DO_NOT_PERFORM}') "
        "AND e.valueBoolean)) > 0 THEN 'an order not to do it'"
    )
    intent = f"WHEN intent IS NULL OR intent NOT IN ({words(rules.INTENDED)}) THEN 'its intent is not an order'"
    at = Elements(start="authoredOn")
    columns = "codes(codeCodeableConcept) AS codes"
    return event("DeviceRequest", source, at, natural="order", columns=columns, checks=f"{intent} {refused}")


def _observation(source: str) -> list[Selection]:
    """A resource and its components share dates and links; a panel without a value of its own is only its parts."""
    # When a result was issued is not when it was observed; but what was not observed has no other day.
    issued = f"CASE WHEN {not_done('Observation')} THEN issued END"
    start = f"coalesce(effectiveDateTime, effectivePeriod.start, effectiveInstant, {issued})"
    end = 'effectivePeriod."end"'
    measured = f"coalesce(category[1].coding[1].code IN ({words(rules.MEASURED)}), false)"
    empty = " AND ".join(f"{value} IS NULL" for value in VALUES)
    panel = f"WHEN len(component) > 0 AND {empty} THEN '{THROUGH_COMPONENTS}'"
    shared = (
        f"target(subject.reference) AS patient, target(encounter.reference) AS visit, {dated(start, end)}, "
        f"{rules.FROM_EHR} AS type_concept_id"
    )
    own = ", ".join(f"{sql} AS {name}" for name, sql in _value("").items())
    # What is wanted of components is taken out of them here: written as they are, or as JSON, they take far longer.
    fields = ", ".join(f"'{name}': {sql}" for name, sql in {**_value("p."), **_OF_PARTS}.items())
    whole = (
        f"SELECT {HEAD.format('status')}, 0 AS part, {reason_of('Observation', undated(start), panel, start=start)}, "
        f"CASE WHEN {measured} OR (category[1] IS NULL AND valueQuantity IS NOT NULL) THEN 'measurement' "
        f"ELSE 'observation' END AS usual_table, {shared}, {own}, "
        "referenceRange[1].low.value AS range_low, referenceRange[1].high.value AS range_high, "
        f"list_transform(component, lambda p: {{{fields}}}) AS component, {why_not('Observation')} FROM {source}"
    )
    inherited = "id, version, updated, patient, visit, start_date, start_time, end_date, end_time, type_concept_id"
    parts = (
        f"SELECT {inherited}, part, coalesce(nullif(reason, '{THROUGH_COMPONENTS}'), "
        "CASE WHEN p.absent THEN 'not observed' END) AS reason, "
        "CASE WHEN p.measured THEN 'measurement' ELSE usual_table END AS usual_table, "
        f"{', '.join(f'p.{name}' for name in _value(''))} FROM (SELECT {inherited}, reason, usual_table, "
        "unnest(component) AS p, generate_subscripts(component, 1) AS part FROM {whole} WHERE len(component) > 0)"
    )
    return [
        Selection(kind="event", select=whole, beside=("component", "why_not")),
        Selection(kind="event", select=parts),
        was_not_done(),
    ]


_OF_PARTS: Final = {"measured": "p.valueQuantity IS NOT NULL", "absent": not_observed("p.dataAbsentReason")}
THROUGH_COMPONENTS: Final = "imported through its components"


def _value(of: str) -> dict[str, str]:
    """Return by column what an observation, or a component of one, says was found."""
    yes, no = rules.VALUE_CONCEPTS[True], rules.VALUE_CONCEPTS[False]
    return {
        "codes": f"codes({of}code)",
        "number": f"coalesce({of}valueQuantity.value, {of}valueInteger)",
        "comparator": f"{of}valueQuantity.comparator",
        "unit": f"coalesce({of}valueQuantity.code, {of}valueQuantity.unit)",
        "value_codes": f"CASE WHEN {of}valueBoolean IS NULL THEN codes({of}valueCodeableConcept) "
        f"WHEN {of}valueBoolean THEN 'concept|{yes}' ELSE 'concept|{no}' END",
        "value_text": f"coalesce({of}valueString, {of}valueDateTime)",
    }


def _place(kind: str) -> Callable[[str], list[Selection]]:
    def make(source: str) -> list[Selection]:
        select = (
            f"SELECT '{kind}/' || id AS id, '{kind}' AS kind, name, codes(type[1]) AS type_source, "
            f"{reason_of(kind)} FROM {source}"
        )
        return [Selection(kind="place", select=select)]

    return make


_SELECTS: Final[dict[str, Callable[[str], list[Selection]]]] = {
    "Patient": _patient,
    "Encounter": _encounter,
    "Condition": _condition,
    "MedicationRequest": _medication_request,
    "MedicationAdministration": _medication_administration,
    "Immunization": _immunization,
    "Procedure": _procedure,
    "Observation": _observation,
    "ServiceRequest": _service_request,
    "DeviceRequest": _device_request,
    "Location": _place("Location"),
    "Organization": _place("Organization"),
}
