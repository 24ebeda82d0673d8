# ruff: noqa: S608  SQL is built from our own words only
"""What every resource of FHIR says in the same way: whose it is, when, and why it is left out or was not done."""

from dataclasses import dataclass
from typing import Final

from rounds.records.importing import rules
from rounds.records.importing.sql import words

AS_NOT_DONE: Final = "imported as not done"
HEAD: Final = "id, hash(meta.lastUpdated, {0}) AS version, meta.lastUpdated AS updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One staged table of a resource."""

    kind: str
    select: str
    """SQL; from `{whole}` if it is made out of the first table of the resource"""
    beside: tuple[str, ...] = ()
    """columns that the first table keeps for the others: the file is read once only"""


def reason_of(resource: str, *checks: str, start: str = "NULL") -> str:
    """Return SQL for why a resource is left out, empty if it is not. Without a start nothing is told as not done."""
    cases = ["WHEN id IS NULL OR id = '' THEN 'without an id'"]
    if resource in _NOT_DONE:
        cases.append(f"WHEN {not_done(resource)} AND day({start}) IS NOT NULL THEN '{AS_NOT_DONE}'")
    if resource in rules.TAKEN:
        cases.append(f"WHEN status IS NULL OR status NOT IN ({words(rules.TAKEN[resource])}) THEN state(status)")
    return "CASE " + " ".join([*cases, *checks]) + " END AS reason"


def dated(start: str, end: str = "NULL") -> str:
    """Return SQL for the columns of when something was, from its elements."""
    return (
        f"day({start}) AS start_date, moment({start}) AS start_time, day({end}) AS end_date, moment({end}) AS end_time"
    )


def undated(start: str) -> str:
    """Return a case of `reason_of`: there is no day."""
    return f"WHEN day({start}) IS NULL THEN undated({start})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """Where a resource says whose it is, during which encounter, and when."""

    patient: str = "subject"
    visit: str = "encounter"
    start: str
    end: str = "NULL"


def event(resource: str, source: str, at: Elements, *, natural: str, columns: str, checks: str = "") -> list[Selection]:
    """Return the staged events of a resource.

    Args:
        resource: one of `SHAPES`.
        source: SQL that reads it.
        at: where it says whose it is and when.
        natural: the table it goes to where no vocabulary says so.
        columns: SQL of what only this resource has.
        checks: further cases of `reason_of`.
    """
    kind = rules.TYPES.get(resource, str(rules.FROM_EHR))
    reason = reason_of(resource, checks, undated(at.start), start=at.start)
    why = f", {why_not(resource)}" if resource in _NOT_DONE else ""
    select = (
        f"SELECT {HEAD.format('status')}, 0 AS part, {reason}, '{natural}' AS usual_table, "
        f"target({at.patient}.reference) AS patient, target({at.visit}.reference) AS visit, "
        f"{dated(at.start, at.end)}, {kind} AS type_concept_id, {columns}{why} FROM {source}"
    )
    if not why:
        return [Selection(kind="event", select=select)]
    return [Selection(kind="event", select=select, beside=("why_not",)), was_not_done()]


def not_done(resource: str) -> str:
    """Return SQL that says whether a resource speaks of something that was deliberately not done."""
    if resource == "Observation":
        # A cancelled order is no decision against it: there must be a reason.
        absent = f"status IN ({words(rules.TAKEN[resource])}) AND {not_observed('dataAbsentReason')}"
        valueless = " AND ".join(f"{value} IS NULL" for value in VALUES)
        alone = f"{absent} AND {valueless} AND coalesce(len(component), 0) = 0"
        return f"(status = 'cancelled' AND ({_REASON}) IS NOT NULL OR coalesce({alone}, false))"
    if resource in rules.NOT_DONE_STATES:
        return f"status = '{rules.NOT_DONE_STATES[resource]}'"
    return f"(doNotPerform AND status IN ({words(rules.TAKEN[resource])}))"


def not_observed(reason: str) -> str:
    """Return SQL that says whether a reason for an absent value is that nobody looked."""
    return f"coalesce(first_code({reason}) IN ({words(rules.NOT_OBSERVED)}), false)"


def why_not(resource: str) -> str:
    """Return SQL for a column with the reason, empty if there is none, of what was not done."""
    return f"CASE WHEN {not_done(resource)} THEN coalesce({_NOT_DONE[resource]}, '') END AS why_not"


def was_not_done() -> Selection:
    """Return what was not done as an observation that says so: the code is its answer, the reason its qualifier."""
    select = (
        f"SELECT id, version, updated, {_NOT_DONE_PART} AS part, NULL AS reason, 'observation' AS usual_table, "
        "patient, visit, start_date, start_time, type_concept_id, "
        f"'concept|{rules.NOT_DONE}' AS codes, codes AS value_codes, nullif(why_not, '') AS qualifier_codes "
        f"FROM {{whole}} WHERE reason = '{AS_NOT_DONE}'"
    )
    return Selection(kind="event", select=select)


VALUES: Final = (
    "valueQuantity",
    "valueCodeableConcept",
    "valueString",
    "valueBoolean",
    "valueInteger",
    "valueDateTime",
)
"""Where an Observation, or a component of one, says what was found."""
_REASON: Final = (
    f"codes(list_filter(extension, lambda e: ends_with(e.url, '{rules.NOT_DONE_REASON}'))[1].valueCodeableConcept)"
)
_NOT_DONE: Final = {
    "Observation": f"coalesce({_REASON}, codes(dataAbsentReason))",
    "Procedure": "codes(statusReason)",
    "MedicationAdministration": "codes(statusReason[1])",
    "Immunization": "codes(statusReason)",
    "MedicationRequest": "codes(reasonCode[1])",
    "ServiceRequest": "codes(reasonCode[1])",
}
"""By resource: why something was not done, as SQL."""
_NOT_DONE_PART: Final = 1000
"""Components of an observation are numbered from 1; none has so many."""
