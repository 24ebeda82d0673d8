"""Events: rows of a site's tables, and the tables they come from."""

from enum import StrEnum
from typing import Final


class EventTable(StrEnum):
    """The OMOP tables whose rows can be counted as events."""

    CONDITION_OCCURRENCE = "condition_occurrence"
    CONDITION_ERA = "condition_era"
    DRUG_EXPOSURE = "drug_exposure"
    DRUG_ERA = "drug_era"
    PROCEDURE_OCCURRENCE = "procedure_occurrence"
    DEVICE_EXPOSURE = "device_exposure"
    MEASUREMENT = "measurement"
    OBSERVATION = "observation"
    VISIT_OCCURRENCE = "visit_occurrence"
    VISIT_DETAIL = "visit_detail"
    DEATH = "death"
    COHORT = "cohort"
    """No table of the site's, but what a cohort definition finds: a row for each entry, with its first and last day."""


WITH_VALUE: Final = frozenset({EventTable.MEASUREMENT, EventTable.OBSERVATION})
"""Their rows may carry a number with a unit, or a coded answer."""

WITH_VISIT: Final = frozenset(EventTable) - {
    EventTable.CONDITION_ERA,
    EventTable.DRUG_ERA,
    EventTable.DEATH,
    EventTable.COHORT,
}
"""Their rows may say during which visit they happened."""

WITH_STAY: Final = WITH_VISIT - {EventTable.VISIT_OCCURRENCE}
"""Their rows may say during which stay in a unit, a row of visit_detail, they happened. A visit has many."""

WITH_END: Final = frozenset(
    {
        EventTable.CONDITION_OCCURRENCE,
        EventTable.CONDITION_ERA,
        EventTable.DRUG_EXPOSURE,
        EventTable.DRUG_ERA,
        EventTable.DEVICE_EXPOSURE,
        EventTable.VISIT_OCCURRENCE,
        EventTable.VISIT_DETAIL,
        EventTable.COHORT,
    }
)
"""Their rows last from a first to a last day. Where the last is not known, and elsewhere, it is the first."""

SINGLE_DAYS: Final = frozenset(
    {
        EventTable.CONDITION_OCCURRENCE,
        EventTable.PROCEDURE_OCCURRENCE,
        EventTable.MEASUREMENT,
        EventTable.OBSERVATION,
        EventTable.DEATH,
    }
)
"""Their rows are spoken of as happening on a day, even where a last day is recorded."""


class Detail(StrEnum):
    """What a row says of itself beside its code and its value: how it was recorded, or how it began or ended."""

    TYPE = "type"
    """Where it was recorded: an order, a problem list, a discharge prescription."""
    STATUS = "status"
    """What a diagnosis is: the main one, the admitting one, a preliminary one."""
    ADMITTED_FROM = "admitted from"
    DISCHARGED_TO = "discharged to"
    QUALIFIER = "qualifier"
    """What qualifies an observation, such as why something was not done."""


WITH_DETAIL: Final = {
    Detail.TYPE: frozenset(EventTable) - {EventTable.CONDITION_ERA, EventTable.DRUG_ERA, EventTable.COHORT},
    Detail.STATUS: frozenset({EventTable.CONDITION_OCCURRENCE}),
    Detail.ADMITTED_FROM: frozenset({EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL}),
    Detail.DISCHARGED_TO: frozenset({EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL}),
    Detail.QUALIFIER: frozenset({EventTable.OBSERVATION}),
}
"""The tables whose rows may have a detail."""

WITHOUT_CODES: Final = frozenset({EventTable.DEATH})


def asked_of(table: EventTable | None) -> str:
    """Return what a message calls that of which something is asked: a row of a table, or a person without one."""
    return "a person" if table is None else f"a row of {table}"
