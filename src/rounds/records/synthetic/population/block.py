"""One block of people and everything that is recorded about them, table by table."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from rounds.records.synthetic.population.activities import draw_observations, draw_procedures
from rounds.records.synthetic.population.columns import Columns, joined
from rounds.records.synthetic.population.conditions import draw_conditions
from rounds.records.synthetic.population.contacts import NO_TIME, Visits, draw_visits
from rounds.records.synthetic.population.drugs import draw_drugs
from rounds.records.synthetic.population.eras import eras
from rounds.records.synthetic.population.laboratory import draw_laboratory
from rounds.records.synthetic.population.lives import Hazards, hazards
from rounds.records.synthetic.population.people import observation_periods, people
from rounds.records.synthetic.population.places import Places, draw_places
from rounds.records.synthetic.population.plan import Block, Ints, Population, Stream, day_number
from rounds.records.synthetic.population.rates import CONTACTS, IN_GENERAL_PRACTICE, IN_HOSPITAL, Clock, clock
from rounds.records.synthetic.population.recording import as_recorded, deaths_known, numbered
from rounds.records.synthetic.population.roster import Roster, draw_roster
from rounds.records.synthetic.population.stays import draw_stays
from rounds.records.synthetic.population.tables import frame
from rounds.records.synthetic.population.vitals import draw_vitals
from rounds.records.synthetic.population.vocabulary import vocabulary
from rounds.records.synthetic.population.wards import draw_wards

_MINUTE = 60_000_000
_MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all blocks of a site share."""

    places: Places
    home: Places | None
    """of the site before it, where visitors live"""
    planted: Hazards
    clocks: tuple[Clock, ...]


@lru_cache(maxsize=2)
def ground(plan: Population, site: int) -> Ground:
    """Return what all blocks of a site share."""
    return Ground(
        places=draw_places(plan, site),
        home=draw_places(plan, (site - 1) % plan.sites) if plan.sites > 1 else None,
        planted=hazards(),
        clocks=tuple(clock(contact) for contact in CONTACTS),
    )


def block_roster(plan: Population, block: Block) -> Roster:
    """Return the people of a block."""
    shared = ground(plan, block.site)
    return draw_roster(plan, block, places=shared.places, home=shared.home, planted=shared.planted)


def block_tables(plan: Population, roster: Roster) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield a block's tables one by one, rows by person, so that only one of the large ones is held at a time.

    Args:
        plan: what is laid down, the seed included.
        roster: the block's people, from `block_roster`.
    """
    shared, words = ground(plan, roster.block.site), vocabulary()
    places = shared.places
    rng = plan.generator(Stream.DETAILS, site=roster.block.site, block=roster.block.number)
    known = deaths_known(plan, roster)
    yield "person", people(rng, plan, roster, places)
    yield "observation_period", observation_periods(plan, roster, known)
    stays = draw_stays(plan, roster, hospitals=places.hospitals, times=shared.clocks[IN_HOSPITAL])
    visits = draw_visits(plan, roster, places=places, stays=stays, clocks=shared.clocks)
    yield "visit_occurrence", _visit_occurrence(rng, plan, roster, visits, places)
    wards = numbered(roster, draw_wards(rng, visits, places))
    yield "visit_detail", _visit_detail(plan, roster, as_recorded(plan, roster, "visit_detail", wards))
    del wards, stays
    diagnoses = numbered(roster, draw_conditions(plan, roster, visits=visits, places=places, words=words))
    diagnoses = as_recorded(plan, roster, "condition_occurrence", diagnoses)
    yield "condition_occurrence", _events(roster, "condition_occurrence", "condition", diagnoses)
    diagnosed_until = np.maximum(diagnoses["end"], diagnoses["start"])
    yield "condition_era", _eras(roster, "condition", diagnoses, concept="concept", end=diagnosed_until)
    del diagnoses
    drugs = numbered(roster, draw_drugs(plan, roster, visits=visits, words=words))
    drugs = as_recorded(plan, roster, "drug_exposure", drugs)
    yield "drug_exposure", _events(roster, "drug_exposure", "drug_exposure", drugs)
    yield "drug_era", _eras(roster, "drug", drugs, concept="ingredient", end=np.maximum(drugs["end"], drugs["start"]))
    del drugs
    procedures = numbered(roster, draw_procedures(plan, roster, visits=visits, words=words))
    procedures = as_recorded(plan, roster, "procedure_occurrence", procedures)
    yield "procedure_occurrence", _events(roster, "procedure_occurrence", "procedure", procedures)
    yield "measurement", _measurement(rng, plan, roster, visits, places)
    observations = numbered(roster, draw_observations(plan, roster, visits=visits, words=words))
    observations = as_recorded(plan, roster, "observation", observations)
    yield "observation", _events(roster, "observation", "observation", observations)
    dead = np.flatnonzero(known)
    yield "death", frame("death", {"person_id": roster.person_id[dead], "death_date": roster.lives.death[dead]})


def _visit_occurrence(
    rng: np.random.Generator, plan: Population, roster: Roster, visits: Visits, places: Places
) -> pl.DataFrame:
    practice = visits.kind == IN_GENERAL_PRACTICE
    place = np.where(practice, places.practice_id(roster.practice[visits.person]), places.hospital_id(visits.hospital))
    place = np.where(rng.random(visits.count, dtype=np.float32) < plan.flaws.place_missing, -1, place)
    settled: Columns = {
        "person": visits.person,
        "kind": visits.kind,
        "start": visits.start,
        "end": visits.end,
        "start_minute": visits.start_minute,
        "end_minute": visits.end_minute,
        "care_site": place,
        "admitted_from": visits.admitted_from,
        "discharged_to": visits.discharged_to,
    }
    rows = as_recorded(plan, roster, "visit_occurrence", numbered(roster, settled))
    if plan.as_of is not None:
        goes_on = rows["end"] > day_number(plan.as_of)
        rows["end"] = np.where(goes_on, day_number(plan.as_of), rows["end"]).astype(np.int32)
        rows["end_minute"] = np.where(goes_on, NO_TIME, rows["end_minute"])
        rows["discharged_to"] = np.where(goes_on, 0, rows["discharged_to"])
    concepts = np.array([contact.concept_id for contact in CONTACTS], dtype=np.int32)
    return frame(
        "visit_occurrence",
        {
            "visit_occurrence_id": rows["id"],
            "person_id": roster.person_id[rows["person"]],
            "visit_concept_id": concepts[rows["kind"]],
            "visit_start_date": rows["start"],
            "visit_start_datetime": _time(rows["start"], rows["start_minute"]),
            "visit_end_date": rows["end"],
            "visit_end_datetime": _time(rows["end"], rows["end_minute"]),
            "care_site_id": rows["care_site"],
            "admitted_from_concept_id": rows["admitted_from"],
            "discharged_to_concept_id": rows["discharged_to"],
        },
    )


def _time(day: Ints, minute: Ints) -> np.ndarray:
    """Microseconds since 1970, or -1 where no time is recorded."""
    return np.where(minute == NO_TIME, -1, (day.astype(np.int64) * _MINUTES_A_DAY + minute) * _MINUTE)


def _visit_detail(plan: Population, roster: Roster, rows: Columns) -> pl.DataFrame:
    end = rows["end"] if plan.as_of is None else np.minimum(rows["end"], day_number(plan.as_of))
    return frame(
        "visit_detail",
        {
            "visit_detail_id": rows["id"],
            "person_id": roster.person_id[rows["person"]],
            "visit_detail_concept_id": rows["concept"],
            "visit_detail_start_date": rows["start"],
            "visit_detail_end_date": end,
            "care_site_id": rows["care_site"],
            "visit_occurrence_id": _visit_id(roster, rows),
        },
    )


def _measurement(
    rng: np.random.Generator, plan: Population, roster: Roster, visits: Visits, places: Places
) -> pl.DataFrame:
    parts = draw_laboratory(plan, roster, visits=visits, places=places, words=vocabulary())
    rows = joined([*parts, draw_vitals(plan, roster, visits=visits, places=places)])
    rows["value"][rng.random(len(rows["value"]), dtype=np.float32) < plan.flaws.value_missing] = np.nan
    rows = as_recorded(plan, roster, "measurement", numbered(roster, rows))
    return frame(
        "measurement",
        {
            "measurement_id": rows["id"],
            "person_id": roster.person_id[rows["person"]],
            "measurement_concept_id": rows["concept"],
            "measurement_date": rows["start"],
            "measurement_datetime": rows["time"],
            "value_as_number": rows["value"],
            "value_as_concept_id": rows["answer"],
            "unit_concept_id": rows["unit"],
            "visit_occurrence_id": _visit_id(roster, rows),
        },
    )


def _events(roster: Roster, table: str, prefix: str, rows: Columns) -> pl.DataFrame:
    """A table of events: a day, or a first and a last one."""
    concept = prefix.removesuffix("_exposure")
    columns = {
        f"{table}_id": rows["id"],
        "person_id": roster.person_id[rows["person"]],
        f"{concept}_concept_id": rows["concept"],
        f"{prefix}_date": rows["start"],
        f"{prefix}_start_date": rows["start"],
        "visit_occurrence_id": _visit_id(roster, rows),
    }
    if "end" in rows:
        columns[f"{prefix}_end_date"] = rows["end"]
    if "days" in rows:
        columns["days_supply"] = rows["days"]
    return frame(table, columns)


def _eras(roster: Roster, prefix: str, rows: Columns, *, concept: str, end: Ints) -> pl.DataFrame:
    found = eras(person=rows["person"], concept=rows[concept], start=rows["start"], end=end)
    counted = "condition_occurrence_count" if prefix == "condition" else "drug_exposure_count"
    return frame(
        f"{prefix}_era",
        {
            f"{prefix}_era_id": numbered(roster, found)["id"],
            "person_id": roster.person_id[found["person"]],
            f"{prefix}_concept_id": found["concept"],
            f"{prefix}_era_start_date": found["start"],
            f"{prefix}_era_end_date": found["end"],
            counted: found["count"],
        },
    )


def _visit_id(roster: Roster, rows: Columns) -> np.ndarray:
    return np.where(rows["visit"] < 0, -1, rows["visit"] + np.int64(roster.block.first_row_id))
