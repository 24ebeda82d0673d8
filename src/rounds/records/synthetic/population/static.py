"""The tables that are the same for all blocks of a site: places and vocabulary."""

from datetime import date

import numpy as np
import polars as pl

from rounds.records.synthetic.population.concepts import ancestors, concepts
from rounds.records.synthetic.population.places import INPATIENT_PLACE, OFFICE, WARDS, Places

_VALID_FROM = date(1970, 1, 1)
_VALID_UNTIL = date(2099, 12, 31)


def static_tables(places: Places) -> dict[str, pl.DataFrame]:
    """Return a site's care sites, locations and concepts by table name."""
    return {
        "care_site": _care_sites(places),
        "location": _locations(places),
        "concept": _concepts(),
        "concept_ancestor": _concept_ancestors(),
    }


def _care_sites(places: Places) -> pl.DataFrame:
    hospitals = np.arange(places.hospitals, dtype=np.int32)
    practices = np.arange(places.practices, dtype=np.int32)
    rows = [
        (number, f"Hospital {hospital + 1}", INPATIENT_PLACE)
        for hospital, number in enumerate(places.hospital_id(hospitals).tolist())
    ]
    for ward, name in enumerate(WARDS):
        ids = places.ward_id(hospitals, np.full(len(hospitals), ward, dtype=np.int32))
        rows += [
            (number, f"Hospital {hospital + 1}, {name}", INPATIENT_PLACE)
            for hospital, number in enumerate(ids.tolist())
        ]
    rows += [
        (number, f"Practice {practice + 1}", OFFICE)
        for practice, number in enumerate(places.practice_id(practices).tolist())
    ]
    schema = {"care_site_id": pl.Int32, "care_site_name": pl.String, "place_of_service_concept_id": pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("care_site_id")


def _locations(places: Places) -> pl.DataFrame:
    areas = np.arange(places.areas, dtype=np.int32)
    return pl.DataFrame(
        {
            "location_id": places.location_id(areas),
            "location_source_value": [f"area-{number:05}" for number in areas.tolist()],
            "deprivation_quintile": places.deprivation + 1,
        },
        schema_overrides={"location_id": pl.Int32, "deprivation_quintile": pl.Int8},
    )


def _concepts() -> pl.DataFrame:
    found = sorted(concepts(), key=lambda concept: concept.concept_id)
    return pl.DataFrame(
        {
            "concept_id": [one.concept_id for one in found],
            "concept_name": [one.name for one in found],
            "domain_id": [one.domain for one in found],
            "vocabulary_id": [one.vocabulary for one in found],
            "standard_concept": "S",
            "concept_code": [str(one.concept_id) for one in found],
            "valid_start_date": _VALID_FROM,
            "valid_end_date": _VALID_UNTIL,
        },
        schema_overrides={"concept_id": pl.Int32},
    )


def _concept_ancestors() -> pl.DataFrame:
    names = ("ancestor_concept_id", "descendant_concept_id", "min_levels_of_separation", "max_levels_of_separation")
    rows = sorted((above, below, levels, levels) for above, below, levels in ancestors())
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Int32), orient="row")
