# ruff: noqa: S608  SQL is built from our own words and quoted paths only
"""What is read of each FHIR R4 resource, as DuckDB structs. Names, lines of addresses and notes are never read."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from rounds.records.importing.sql import pattern

CODING: Final = "STRUCT(system VARCHAR, code VARCHAR)"
CONCEPT: Final = f'STRUCT(coding {CODING}[], "text" VARCHAR)'
REFERENCE: Final = "STRUCT(reference VARCHAR)"
PERIOD: Final = 'STRUCT("start" VARCHAR, "end" VARCHAR)'
QUANTITY: Final = 'STRUCT("value" DOUBLE, comparator VARCHAR, unit VARCHAR, code VARCHAR)'
CODE_ONLY: Final = "STRUCT(coding STRUCT(code VARCHAR)[])"
META: Final = "STRUCT(lastUpdated VARCHAR)"
_DOSAGE: Final = f'STRUCT("text" VARCHAR, route {CONCEPT}, timing STRUCT("repeat" STRUCT(boundsPeriod {PERIOD})))'

_VALUES: Final = {
    "valueQuantity": QUANTITY,
    "valueCodeableConcept": CONCEPT,
    "valueString": "VARCHAR",
    "valueBoolean": "BOOLEAN",
    "valueInteger": "DOUBLE",
    "valueDateTime": "VARCHAR",
}
_COMPONENT: Final = (
    f"STRUCT(code {CONCEPT}, dataAbsentReason {CODE_ONLY}, "
    + ", ".join(f'"{name}" {kind}' for name, kind in _VALUES.items())
    + ")"
)

SHAPES: Final[dict[str, dict[str, str]]] = {
    "Patient": {
        "birthDate": "VARCHAR",
        "gender": "VARCHAR",
        "active": "BOOLEAN",
        "deceasedBoolean": "BOOLEAN",
        "deceasedDateTime": "VARCHAR",
        "managingOrganization": REFERENCE,
        "link": 'STRUCT("type" VARCHAR)[]',
        "address": "STRUCT(postalCode VARCHAR, city VARCHAR, state VARCHAR, country VARCHAR)[]",
        "extension": (
            f"STRUCT(url VARCHAR, valueCodeableConcept {CONCEPT}, "
            f"extension STRUCT(url VARCHAR, valueCoding {CODING})[])[]"
        ),
    },
    "Encounter": {
        "status": "VARCHAR",
        "class": "STRUCT(code VARCHAR)",
        "type": f"{CONCEPT}[]",
        "subject": REFERENCE,
        "period": PERIOD,
        "diagnosis": f'STRUCT(condition {REFERENCE}, "use" {CODE_ONLY}, rank BIGINT)[]',
        "hospitalization": f"STRUCT(admitSource {CONCEPT}, dischargeDisposition {CONCEPT})",
        "serviceProvider": REFERENCE,
        "location": f"STRUCT(location {REFERENCE}, period {PERIOD}, status VARCHAR)[]",
    },
    "Condition": {
        "clinicalStatus": CODE_ONLY,
        "verificationStatus": CODE_ONLY,
        "category": f"{CODE_ONLY}[]",
        "code": CONCEPT,
        "subject": REFERENCE,
        "encounter": REFERENCE,
        "bodySite": f"{CONCEPT}[]",
        "onsetDateTime": "VARCHAR",
        "onsetPeriod": PERIOD,
        "abatementDateTime": "VARCHAR",
        "abatementPeriod": PERIOD,
        "recordedDate": "VARCHAR",
    },
    "MedicationRequest": {
        "status": "VARCHAR",
        "intent": "VARCHAR",
        "doNotPerform": "BOOLEAN",
        "category": f"{CODE_ONLY}[]",
        "medicationCodeableConcept": CONCEPT,
        "medicationReference": REFERENCE,
        "contained": f"STRUCT(id VARCHAR, code {CONCEPT})[]",
        "subject": REFERENCE,
        "encounter": REFERENCE,
        "reasonCode": f"{CONCEPT}[]",
        "authoredOn": "VARCHAR",
        "dosageInstruction": f"{_DOSAGE}[]",
        "dispenseRequest": (
            f"STRUCT(validityPeriod {PERIOD}, numberOfRepeatsAllowed BIGINT, quantity {QUANTITY}, "
            f"expectedSupplyDuration {QUANTITY})"
        ),
    },
    "MedicationAdministration": {
        "status": "VARCHAR",
        "statusReason": f"{CONCEPT}[]",
        "medicationCodeableConcept": CONCEPT,
        "medicationReference": REFERENCE,
        "contained": f"STRUCT(id VARCHAR, code {CONCEPT})[]",
        "subject": REFERENCE,
        "context": REFERENCE,
        "effectiveDateTime": "VARCHAR",
        "effectivePeriod": PERIOD,
        "dosage": f'STRUCT("text" VARCHAR, route {CONCEPT}, dose {QUANTITY})',
    },
    "Medication": {"code": CONCEPT},
    "Immunization": {
        "status": "VARCHAR",
        "statusReason": CONCEPT,
        "vaccineCode": CONCEPT,
        "patient": REFERENCE,
        "encounter": REFERENCE,
        "occurrenceDateTime": "VARCHAR",
        "lotNumber": "VARCHAR",
        "route": CONCEPT,
        "doseQuantity": QUANTITY,
    },
    "Procedure": {
        "status": "VARCHAR",
        "statusReason": CONCEPT,
        "code": CONCEPT,
        "subject": REFERENCE,
        "encounter": REFERENCE,
        "performedDateTime": "VARCHAR",
        "performedPeriod": PERIOD,
    },
    "Observation": {
        "status": "VARCHAR",
        "code": CONCEPT,
        "subject": REFERENCE,
        "encounter": REFERENCE,
        "effectiveDateTime": "VARCHAR",
        "effectiveInstant": "VARCHAR",
        "effectivePeriod": PERIOD,
        "issued": "VARCHAR",
        "category": f"{CODE_ONLY}[]",
        **_VALUES,
        "dataAbsentReason": CONCEPT,
        "extension": f"STRUCT(url VARCHAR, valueCodeableConcept {CONCEPT})[]",
        "referenceRange": 'STRUCT(low STRUCT("value" DOUBLE), high STRUCT("value" DOUBLE))[]',
        "component": f"{_COMPONENT}[]",
    },
    "ServiceRequest": {
        "status": "VARCHAR",
        "intent": "VARCHAR",
        "doNotPerform": "BOOLEAN",
        "code": CONCEPT,
        "subject": REFERENCE,
        "encounter": REFERENCE,
        "authoredOn": "VARCHAR",
        "reasonCode": f"{CONCEPT}[]",
    },
    "DeviceRequest": {
        "status": "VARCHAR",
        "intent": "VARCHAR",
        "modifierExtension": "STRUCT(url VARCHAR, valueBoolean BOOLEAN)[]",
        "codeCodeableConcept": CONCEPT,
        "subject": REFERENCE,
        "encounter": REFERENCE,
        "authoredOn": "VARCHAR",
    },
    "Location": {"name": "VARCHAR", "type": f"{CONCEPT}[]", "managingOrganization": REFERENCE},
    "Organization": {"name": "VARCHAR", "type": f"{CONCEPT}[]"},
}
"""By resource: the elements that are read. Every resource also gives its type, id and when it was last updated."""

MEDICATION: Final = "Medication"

USUAL_BYTES: Final = 16 * 1024 * 1024
"""DuckDB holds two such pieces for each thread, and gives each thread a piece at a time."""
LARGEST_BYTES: Final = 64 * 1024 * 1024
"""Of one resource, such as a document with its scans in it."""


def columns_of(resource: str) -> dict[str, str]:
    """Return the columns of a resource as `read_json` declares them."""
    return {"resourceType": "VARCHAR", "id": "VARCHAR", "meta": META, **SHAPES[resource]}


def scan(resource: str, files: Iterable[str], *, largest_bytes: int) -> str:
    """Return SQL that reads NDJSON files of one resource; it fails at a line that is another or has another shape.

    Args:
        resource: one of `SHAPES`.
        files: paths, plain or ending in .gz.
        largest_bytes: of one line; it fails at a longer one.
    """
    read = scan_columns(columns_of(resource), files, largest_bytes=largest_bytes)
    only = f"CASE WHEN resourceType = '{resource}' THEN true ELSE error('rounds: another resource') END"
    return f"(SELECT * EXCLUDE (resourceType) FROM {read} WHERE {only})"


def scan_columns(columns: Mapping[str, str], files: Iterable[str], *, largest_bytes: int, named: bool = False) -> str:
    """Return SQL that reads some elements of NDJSON files, and if they are to be `named`, also which one it was."""
    # Without `records` DuckDB looks into every file beforehand and keeps a buffer of each: 300 files fill any memory.
    declared = ", ".join(f"\"{name}\": '{kind}'" for name, kind in columns.items())
    listed = ", ".join(pattern(Path(path)) for path in files)
    return (
        f"read_json([{listed}], format = 'newline_delimited', records = true, columns = {{{declared}}}, "
        f"maximum_object_size = {largest_bytes}, hive_partitioning = false{', filename = true' if named else ''})"
    )
