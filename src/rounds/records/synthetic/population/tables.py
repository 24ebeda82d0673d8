"""The tables of a block: their columns, types and empty values, from the columns that were drawn."""

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.records.synthetic.population.vocabulary import FROM_RECORDS

INT: Final = pl.Int32
ROW: Final = pl.Int64
DAY: Final = pl.Date
TIME: Final = pl.Datetime("us")
NUMBER: Final = pl.Float32
SMALL: Final = pl.Int16

Schema = dict[str, Any]

SCHEMAS: Final[dict[str, Schema]] = {
    "person": {
        "person_id": INT,
        "gender_concept_id": INT,
        "year_of_birth": INT,
        "month_of_birth": INT,
        "day_of_birth": INT,
        "race_concept_id": INT,
        "ethnicity_concept_id": INT,
        "location_id": INT,
        "care_site_id": INT,
    },
    "observation_period": {
        "observation_period_id": ROW,
        "person_id": INT,
        "observation_period_start_date": DAY,
        "observation_period_end_date": DAY,
        "period_type_concept_id": INT,
    },
    "visit_occurrence": {
        "visit_occurrence_id": ROW,
        "person_id": INT,
        "visit_concept_id": INT,
        "visit_start_date": DAY,
        "visit_start_datetime": TIME,
        "visit_end_date": DAY,
        "visit_end_datetime": TIME,
        "visit_type_concept_id": INT,
        "care_site_id": INT,
        "admitted_from_concept_id": INT,
        "discharged_to_concept_id": INT,
    },
    "visit_detail": {
        "visit_detail_id": ROW,
        "person_id": INT,
        "visit_detail_concept_id": INT,
        "visit_detail_start_date": DAY,
        "visit_detail_end_date": DAY,
        "visit_detail_type_concept_id": INT,
        "care_site_id": INT,
        "visit_occurrence_id": ROW,
    },
    "condition_occurrence": {
        "condition_occurrence_id": ROW,
        "person_id": INT,
        "condition_concept_id": INT,
        "condition_start_date": DAY,
        "condition_end_date": DAY,
        "condition_type_concept_id": INT,
        "visit_occurrence_id": ROW,
    },
    "condition_era": {
        "condition_era_id": ROW,
        "person_id": INT,
        "condition_concept_id": INT,
        "condition_era_start_date": DAY,
        "condition_era_end_date": DAY,
        "condition_occurrence_count": INT,
    },
    "drug_exposure": {
        "drug_exposure_id": ROW,
        "person_id": INT,
        "drug_concept_id": INT,
        "drug_exposure_start_date": DAY,
        "drug_exposure_end_date": DAY,
        "drug_type_concept_id": INT,
        "days_supply": INT,
        "visit_occurrence_id": ROW,
    },
    "drug_era": {
        "drug_era_id": ROW,
        "person_id": INT,
        "drug_concept_id": INT,
        "drug_era_start_date": DAY,
        "drug_era_end_date": DAY,
        "drug_exposure_count": INT,
    },
    "procedure_occurrence": {
        "procedure_occurrence_id": ROW,
        "person_id": INT,
        "procedure_concept_id": INT,
        "procedure_date": DAY,
        "procedure_type_concept_id": INT,
        "visit_occurrence_id": ROW,
    },
    "measurement": {
        "measurement_id": ROW,
        "person_id": INT,
        "measurement_concept_id": INT,
        "measurement_date": DAY,
        "measurement_datetime": TIME,
        "measurement_type_concept_id": INT,
        "value_as_number": NUMBER,
        "value_as_concept_id": INT,
        "unit_concept_id": INT,
        "visit_occurrence_id": ROW,
    },
    "observation": {
        "observation_id": ROW,
        "person_id": INT,
        "observation_concept_id": INT,
        "observation_date": DAY,
        "observation_type_concept_id": INT,
        "visit_occurrence_id": ROW,
    },
    "death": {"person_id": INT, "death_date": DAY, "death_type_concept_id": INT},
}
"""Of the tables that are written block by block."""

_MAY_BE_EMPTY: Final = frozenset(
    {
        "month_of_birth",
        "day_of_birth",
        "location_id",
        "care_site_id",
        "visit_start_datetime",
        "visit_end_datetime",
        "condition_end_date",
        "measurement_datetime",
        "visit_occurrence_id",
    }
)
_TYPE: Final = "_type_concept_id"


def frame(table: str, columns: dict[str, NDArray[Any]]) -> pl.DataFrame:
    """Return a table from its columns: -1 becomes empty where a column may be, and NaN in numbers.

    Args:
        table: its name, in `SCHEMAS`.
        columns: an array for every column but the type concept, which is the same in all rows.
    """
    schema = SCHEMAS[table]
    rows = len(columns["person_id"])
    series = []
    for name, kind in schema.items():
        if name.endswith(_TYPE):
            series.append(pl.Series(name, np.full(rows, FROM_RECORDS, dtype=np.int32)))
            continue
        values = columns[name]
        stored = np.int64 if kind in (ROW, TIME) else np.float32 if kind == NUMBER else np.int32
        one = pl.Series(name, np.ascontiguousarray(values, dtype=stored), nan_to_null=kind == NUMBER)
        if name in _MAY_BE_EMPTY and name != f"{table}_id":
            one = one.set(pl.Series(values < 0), None)
        series.append(one.cast(kind) if one.dtype != kind else one)
    return pl.DataFrame(series)
