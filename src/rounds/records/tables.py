"""The OMOP tables and columns that Rounds uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from rounds.measures.events import Detail, EventTable


class ColumnType(StrEnum):
    """The types a column may have once it is read."""

    INTEGER = "BIGINT"
    NUMBER = "DOUBLE"
    DATE = "DATE"
    TIME = "TIMESTAMP"
    TEXT = "VARCHAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that Rounds reads. One that is not `required` may be empty, or missing altogether."""

    name: str
    type: ColumnType
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What Rounds reads of one table, and which columns say what of a row that is an event."""

    name: str
    columns: tuple[Column, ...]
    key: str | None = None
    """The column whose values come only once."""
    concept: str | None = None
    start: str | None = None
    end: str | None = None
    time: str | None = None
    """When on its first day it happened."""
    value: str | None = None
    unit: str | None = None
    answer: str | None = None
    visit: str | None = None
    words: str | None = None
    """Where a result in words stands."""
    details: Mapping[Detail, str] = field(default_factory=dict)
    stay: str | None = None
    """Names the stay in a unit, a row of visit_detail, during which it happened."""

    @property
    def is_event(self) -> bool:
        return self.name in set(EventTable)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _integers(*names: str, required: bool = True) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=ColumnType.INTEGER, required=required) for name in names)


def _dates(*names: str, required: bool = True) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=ColumnType.DATE, required=required) for name in names)


_VISIT: Final = "visit_occurrence_id"
_SITE: Final = "care_site_id"
_STAY: Final = "visit_detail_id"


def _event(  # noqa: PLR0913  what a row may have
    name: EventTable,
    *,
    concept: str,
    start: str,
    end: str | None = None,
    end_required: bool = False,
    time: str | None = None,
    values: bool = False,
    visit: str | None = _VISIT,
    words: str | None = None,
    details: Mapping[Detail, str] | None = None,
) -> Table:
    value, unit, answer = ("value_as_number", "unit_concept_id", "value_as_concept_id") if values else (None,) * 3
    details = details or {}
    of_values = (Column(name=value, type=ColumnType.NUMBER, required=False),) if value else ()
    stay = _STAY if visit else None
    optional = [column for column in (visit, stay, unit, answer) if column]
    return Table(
        name=name.value,
        columns=(
            *_integers("person_id", concept),
            *_dates(start),
            *(_dates(end, required=end_required) if end else ()),
            *_integers(*optional, required=False),
            *of_values,
            *((Column(name=time, type=ColumnType.TIME, required=False),) if time else ()),
            *((Column(name=words, type=ColumnType.TEXT, required=False),) if words else ()),
            *_integers(*details.values(), required=False),
            *(_integers(_SITE, required=False) if name is EventTable.VISIT_DETAIL else ()),
        ),
        concept=concept,
        start=start,
        end=end,
        time=time,
        value=value,
        unit=unit,
        answer=answer,
        visit=visit,
        words=words,
        details=details,
        stay=stay,
    )


PERSON: Final = Table(
    name="person",
    columns=(
        *_integers("person_id", "gender_concept_id", "year_of_birth"),
        *_integers("month_of_birth", "day_of_birth", required=False),
        *_integers(
            "race_concept_id",
            "race_source_concept_id",
            "ethnicity_concept_id",
            "ethnicity_source_concept_id",
            "location_id",
            "care_site_id",
            required=False,
        ),
    ),
    key="person_id",
)

OBSERVATION_PERIOD: Final = Table(
    name="observation_period",
    columns=(
        *_integers("person_id"),
        *_dates("observation_period_start_date", "observation_period_end_date"),
    ),
    start="observation_period_start_date",
    end="observation_period_end_date",
)

_OF_VISITS: Final = {
    Detail.TYPE: "visit_type_concept_id",
    Detail.ADMITTED_FROM: "admitted_from_concept_id",
    Detail.DISCHARGED_TO: "discharged_to_concept_id",
}

VISIT_OCCURRENCE: Final = Table(
    name=EventTable.VISIT_OCCURRENCE.value,
    columns=(
        *_integers(_VISIT, "person_id", "visit_concept_id"),
        *_dates("visit_start_date", "visit_end_date"),
        Column(name="visit_start_datetime", type=ColumnType.TIME, required=False),
        *_integers(*_OF_VISITS.values(), required=False),
        *_integers("care_site_id", required=False),
    ),
    key=_VISIT,
    concept="visit_concept_id",
    start="visit_start_date",
    end="visit_end_date",
    time="visit_start_datetime",
    visit=_VISIT,
    details=_OF_VISITS,
)

_EVENTS: Final = (
    _event(
        EventTable.CONDITION_OCCURRENCE,
        concept="condition_concept_id",
        start="condition_start_date",
        end="condition_end_date",
        details={Detail.TYPE: "condition_type_concept_id", Detail.STATUS: "condition_status_concept_id"},
    ),
    _event(
        EventTable.CONDITION_ERA,
        concept="condition_concept_id",
        start="condition_era_start_date",
        end="condition_era_end_date",
        visit=None,
    ),
    _event(
        EventTable.DRUG_EXPOSURE,
        concept="drug_concept_id",
        start="drug_exposure_start_date",
        end="drug_exposure_end_date",
        details={Detail.TYPE: "drug_type_concept_id"},
    ),
    _event(
        EventTable.DRUG_ERA,
        concept="drug_concept_id",
        start="drug_era_start_date",
        end="drug_era_end_date",
        visit=None,
    ),
    _event(
        EventTable.PROCEDURE_OCCURRENCE,
        concept="procedure_concept_id",
        start="procedure_date",
        end="procedure_end_date",
        details={Detail.TYPE: "procedure_type_concept_id"},
    ),
    _event(
        EventTable.DEVICE_EXPOSURE,
        concept="device_concept_id",
        start="device_exposure_start_date",
        end="device_exposure_end_date",
        details={Detail.TYPE: "device_type_concept_id"},
    ),
    _event(
        EventTable.MEASUREMENT,
        concept="measurement_concept_id",
        start="measurement_date",
        end="measurement_end_date",
        time="measurement_datetime",
        values=True,
        words="value_source_value",
        details={Detail.TYPE: "measurement_type_concept_id"},
    ),
    _event(
        EventTable.OBSERVATION,
        concept="observation_concept_id",
        start="observation_date",
        end="observation_end_date",
        time="observation_datetime",
        values=True,
        words="value_as_string",
        details={Detail.TYPE: "observation_type_concept_id", Detail.QUALIFIER: "qualifier_concept_id"},
    ),
    VISIT_OCCURRENCE,
    _event(
        EventTable.VISIT_DETAIL,
        concept="visit_detail_concept_id",
        start="visit_detail_start_date",
        end="visit_detail_end_date",
        end_required=True,
        time="visit_detail_start_datetime",
        details={
            Detail.TYPE: "visit_detail_type_concept_id",
            Detail.ADMITTED_FROM: "admitted_from_concept_id",
            Detail.DISCHARGED_TO: "discharged_to_concept_id",
        },
    ),
    Table(
        name=EventTable.DEATH.value,
        columns=(
            *_integers("person_id"),
            *_dates("death_date"),
            *_integers("death_type_concept_id", required=False),
        ),
        start="death_date",
        details={Detail.TYPE: "death_type_concept_id"},
    ),
)

EVENT_TABLES: Final[dict[EventTable, Table]] = {EventTable(table.name): table for table in _EVENTS}

LOCATION: Final = Table(
    name="location",
    columns=(
        *_integers("location_id"),
        *(
            Column(name=name, type=ColumnType.TEXT, required=False)
            for name in ("location_source_value", "zip", "county", "state")
        ),
    ),
    key="location_id",
)

CARE_SITE: Final = Table(
    name="care_site",
    columns=(
        *_integers("care_site_id"),
        *(
            Column(name=name, type=ColumnType.TEXT, required=False)
            for name in ("care_site_source_value", "care_site_name")
        ),
    ),
    key="care_site_id",
)

CONCEPT: Final = Table(
    name="concept",
    columns=(*_integers("concept_id"), Column(name="concept_name", type=ColumnType.TEXT)),
    key="concept_id",
)

CONCEPT_ANCESTOR: Final = Table(
    name="concept_ancestor",
    columns=_integers("ancestor_concept_id", "descendant_concept_id"),
)

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (PERSON, OBSERVATION_PERIOD, *EVENT_TABLES.values(), LOCATION, CARE_SITE, CONCEPT, CONCEPT_ANCESTOR)
}

REQUIRED: Final = (PERSON.name, OBSERVATION_PERIOD.name)
