"""The reviewed tables of the FHIR import: which states are taken, what classes and systems mean in OMOP."""

from typing import Final

TAKEN: Final[dict[str, frozenset[str]]] = {
    "Encounter": frozenset({"finished", "in-progress", "arrived", "triaged", "onleave"}),
    "MedicationRequest": frozenset({"active", "completed", "on-hold", "stopped"}),
    "MedicationAdministration": frozenset({"completed", "in-progress", "stopped"}),
    "Immunization": frozenset({"completed"}),
    "Procedure": frozenset({"completed", "in-progress"}),
    "Observation": frozenset({"final", "amended", "corrected"}),
    "ServiceRequest": frozenset({"active", "completed", "on-hold"}),
    "DeviceRequest": frozenset({"active", "completed", "on-hold"}),
}
"""By resource: the states in which the thing has happened or holds. All others are left out and counted."""

KNOWN_STATES: Final = frozenset(
    {"active", "amended", "arrived", "cancelled", "completed", "corrected", "draft", "ended", "entered-in-error"}
    | {"final", "finished", "in-progress", "not-done", "on-hold", "onleave", "planned", "preliminary", "preparation"}
    | {"registered", "revoked", "stopped", "triaged", "unknown"}
)
"""States a report may name; anything else is not FHIR's and might be anything."""

NOT_DONE_STATES: Final[dict[str, str]] = {
    "Observation": "cancelled",
    "Procedure": "not-done",
    "MedicationAdministration": "not-done",
    "Immunization": "not-done",
}
"""By resource: the state that says that the thing was deliberately not done; of requests `doNotPerform` says it."""

NOT_OBSERVED: Final = frozenset({"not-performed", "not-asked", "asked-declined", "not-applicable"})
"""Why an Observation that counts as made has no value: these say that it was not made."""

NOT_DONE: Final = 2_000_400_021
"""Our own concept for what was deliberately not done. It stands where the thing's code would stand, so that nothing
that was not done is ever counted as done; the code is the answer, the reason the qualifier."""
NOT_DONE_REASON: Final = "notDoneReason"
DO_NOT_PERFORM: Final = "doNotPerform"
"""How the addresses end of the extensions of QI-Core that say so where R4 has no element of its own."""

GOING_ON: Final = frozenset({"active", "recurrence", "relapse"})
"""Clinical states of a Condition that has not ended."""

FINDING_SITE: Final = "363698007"
"""SNOMED's attribute: a code and a body site together are written `code:363698007=site`."""

REFUTED: Final = frozenset({"refuted", "entered-in-error"})
"""Verification states of a Condition that is none."""

INTENDED: Final = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
"""Intents that are orders; proposals, plans and options are left out."""

VISIT_CONCEPTS: Final[dict[str, int]] = {
    "AMB": 9202,
    "EMER": 9203,
    "IMP": 9201,
    "ACUTE": 9201,
    "NONAC": 9201,
    "OBSENC": 581385,
    "SS": 9202,
    "HH": 581476,
    "FLD": 38004193,
    "VR": 5083,
}
"""v3-ActCode encounter classes: outpatient, emergency, inpatient, observation room, home, ambulance, telehealth."""

GENDERS: Final[dict[str, int]] = {"female": 8532, "male": 8507, "other": 8521, "unknown": 0}

RACES: Final[dict[str, int]] = {
    "urn:oid:2.16.840.1.113883.6.238|1002-5": 8657,
    "urn:oid:2.16.840.1.113883.6.238|2028-9": 8515,
    "urn:oid:2.16.840.1.113883.6.238|2054-5": 8516,
    "urn:oid:2.16.840.1.113883.6.238|2076-8": 8557,
    "urn:oid:2.16.840.1.113883.6.238|2106-3": 8527,
    "urn:oid:2.16.840.1.113883.6.238|2135-2": 38003563,
    "urn:oid:2.16.840.1.113883.6.238|2186-5": 38003564,
}
"""The categories of the US Core race and ethnicity extensions."""

RACE_EXTENSION: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY_EXTENSIONS: Final = (
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity",
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory",
)

VALUE_CONCEPTS: Final = {True: 4188539, False: 4188540}
"""Yes and No."""

COMPARATORS: Final[dict[str, int]] = {"<": 4171756, "<=": 4171754, ">=": 4171755, ">": 4172704}

PRIMARY_DIAGNOSIS: Final = 32902
SECONDARY_DIAGNOSIS: Final = 32908
DIAGNOSIS_USES: Final[dict[str, int]] = {"AD": 32890, "DD": 32896, "CC": 32899}
"""Encounter.diagnosis.use: admission, discharge, chief complaint (preliminary)."""
PROVISIONAL_DIAGNOSIS: Final = 32899
PROVISIONAL: Final = frozenset({"unconfirmed", "provisional", "differential"})

FROM_EHR: Final = 32817
ENCOUNTER_RECORD: Final = 32827
ORDER: Final = 32833
PRESCRIPTION: Final = 32838
PROBLEM_LIST: Final = 32840
DISCHARGE_MEDICATION: Final = 32823
TYPES: Final[dict[str, str]] = {
    "MedicationRequest": f"CASE WHEN has_code(category, 'discharge') THEN {DISCHARGE_MEDICATION} "
    f"WHEN has_code(category, 'inpatient') THEN {ORDER} ELSE {PRESCRIPTION} END",
    "MedicationAdministration": "32818",
    "Immunization": "32818",
    "ServiceRequest": str(ORDER),
    "DeviceRequest": str(ORDER),
    "Condition": f"CASE WHEN has_code(category, 'problem-list-item') OR has_code(category, 'health-concern') "
    f"THEN {PROBLEM_LIST} WHEN has_code(category, 'encounter-diagnosis') THEN {ENCOUNTER_RECORD} ELSE {FROM_EHR} END",
}
"""OMOP type concepts, as SQL: discharge record, order for the ward or prescription; administration record; order; list
of problems or diagnosis of an encounter; the others: EHR."""

MEASURED: Final = frozenset({"laboratory", "vital-signs", "imaging", "exam"})
"""Categories of Observation that are measurements, if no concept's domain says otherwise."""

VOCABULARIES: Final[dict[str, str]] = {
    "http://snomed.info/sct": "SNOMED",
    "http://loinc.org": "LOINC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-10-uk": "ICD10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "http://www.cms.gov/medicare/coding/icd10": "ICD10PCS",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "http://www.ama-assn.org/go/cpt": "CPT4",
    "https://www.cms.gov/medicare/coding/hcpcsreleasecodesets": "HCPCS",
    "http://www.whocc.no/atc": "ATC",
    "https://dmd.nhs.uk": "dm+d",
    "https://fhir.hl7.org.uk/codesystem/opcs-4": "OPCS4",
    "https://fhir.nhs.uk/id/opcs-4": "OPCS4",
    "http://read.info/readv2": "Read",
    "http://unitsofmeasure.org": "UCUM",
    "urn:oid:2.16.840.1.113883.6.238": "Race",
}
"""Code systems (in lower case, without a slash at the end) and the vocabulary of OMOP that holds them."""
