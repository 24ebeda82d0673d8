"""A synthetic hospital's OMOP tables: patients behind the admissions and arrests that were drawn for it."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.records.synthetic.areas import draw_fifths, location_ids, locations
from rounds.records.synthetic.arrests import Arrests
from rounds.records.synthetic.plan import Stream, SyntheticNetwork

Days = NDArray[np.int64]
"""Days since 1970-01-01."""
Mask = NDArray[np.bool_]

INPATIENT_VISIT: Final = 9201
CARDIAC_ARREST: Final = 321042
RESPIRATORY_RATE: Final = 3024171
PER_MINUTE: Final = 8541
BEDSIDE_REVIEW: Final = 4037675
FEMALE: Final = 8532
MALE: Final = 8507
FROM_RECORDS: Final = 32817
CONCEPTS: Final = {
    INPATIENT_VISIT: ("Inpatient Visit", "Visit", "Visit"),
    CARDIAC_ARREST: ("Cardiac arrest", "Condition", "SNOMED"),
    RESPIRATORY_RATE: ("Respiratory rate", "Measurement", "LOINC"),
    PER_MINUTE: ("per minute", "Unit", "UCUM"),
    BEDSIDE_REVIEW: ("Brief general examination", "Procedure", "SNOMED"),
    FEMALE: ("FEMALE", "Gender", "Gender"),
    MALE: ("MALE", "Gender", "Gender"),
    FROM_RECORDS: ("EHR", "Type Concept", "Type Concept"),
}
"""Concept id -> name, domain, vocabulary. No concept has a descendant other than itself."""

_LONGEST_STAY_DAYS: Final = 45
_RETURN_AFTER_DAYS: Final = 120
_RETURNING: Final = 0.35
_DIE_AFTER_ARREST: Final = 0.75
_YOUNGEST, _OLDEST = 18, 94
_PERSON_IDS_A_SITE: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Admissions:
    """One entry an admission, in the order of their first days. Arrays have shape (admissions,)."""

    start: Days
    stay_days: Days
    arrest: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patients:
    """Who was admitted: arrays of persons, and for each admission the person's index and whether it ended in death."""

    year_of_birth: Days
    female: Mask
    person: Days
    died: Mask


def site_tables(arrests: Arrests, *, hospital: int) -> dict[str, pl.DataFrame]:
    """Return a hospital's OMOP tables by name.

    Every event lies inside its person's observation and its visit; nobody is admitted twice at a time; everybody is 18
    to 100 years old; counting admissions with an arrest gives `arrests.events` again.

    Args:
        arrests: what was drawn for the network.
        hospital: the row of the hospital, from 0.
    """
    plan, place = arrests.plan, arrests.hospitals[hospital]
    rng = plan.generator(Stream.RECORDS, hospital=hospital)
    admissions = _draw_admissions(arrests, hospital, rng)
    patients = _draw_patients(plan, admissions, rng)
    first_day, last_day = _day_number(plan.first_month), _day_number(plan.last_day)
    end = np.minimum(admissions.start + admissions.stay_days, last_day)
    nights = end - admissions.start
    arrest_day = admissions.start + _up_to(rng, nights)
    end = np.where(admissions.arrest & patients.died, arrest_day, end)
    live = place.live
    is_live = admissions.start >= _day_number(live) if live else np.zeros(len(end), dtype=np.bool_)
    observed = rng.random(len(end)) < np.where(is_live, plan.observed_on_admission[1], plan.observed_on_admission[0])
    reviewed = rng.random(len(end)) < np.where(is_live, plan.reviewed[1], plan.reviewed[0])
    review_day = admissions.start + _up_to(rng, end - admissions.start)
    base = (hospital + 1) * _PERSON_IDS_A_SITE
    person = base + patients.person
    visit = base + np.arange(len(end))
    last_observed = np.full(len(patients.female), last_day)
    last_observed[patients.person[patients.died]] = end[patients.died]
    arrested = np.zeros(len(patients.female), dtype=np.bool_)
    arrested[patients.person[admissions.arrest]] = True
    fifths = draw_fifths(plan, place, arrested)
    return {
        "person": _people(patients, base).with_columns(location_id=location_ids(base, fifths)),
        "location": locations(place, base),
        "observation_period": pl.DataFrame(
            {
                "observation_period_id": base + np.arange(len(last_observed)),
                "person_id": base + np.arange(len(last_observed)),
                "observation_period_start_date": _dates(np.full(len(last_observed), first_day)),
                "observation_period_end_date": _dates(last_observed),
                "period_type_concept_id": FROM_RECORDS,
            }
        ),
        "visit_occurrence": pl.DataFrame(
            {
                "visit_occurrence_id": visit,
                "person_id": person,
                "visit_concept_id": INPATIENT_VISIT,
                "visit_start_date": _dates(admissions.start),
                "visit_end_date": _dates(end),
                "visit_type_concept_id": FROM_RECORDS,
            }
        ),
        "condition_occurrence": _events(
            "condition_occurrence",
            "condition",
            CARDIAC_ARREST,
            person=person,
            visit=visit,
            day=arrest_day,
            which=admissions.arrest,
        ),
        "procedure_occurrence": _events(
            "procedure_occurrence",
            "procedure",
            BEDSIDE_REVIEW,
            person=person,
            visit=visit,
            day=review_day,
            which=reviewed,
        ),
        "measurement": _events(
            "measurement",
            "measurement",
            RESPIRATORY_RATE,
            person=person,
            visit=visit,
            day=admissions.start,
            which=observed,
        ).with_columns(
            value_as_number=pl.Series(rng.normal(18.0, 3.0, int(observed.sum())).clip(8, 40).round()),
            unit_concept_id=PER_MINUTE,
        ),
        "death": pl.DataFrame(
            {
                "person_id": person[patients.died],
                "death_date": _dates(end[patients.died]),
                "death_type_concept_id": FROM_RECORDS,
            }
        ),
        **vocabulary_tables(),
    }


def vocabulary_tables() -> dict[str, pl.DataFrame]:
    """Return the concepts the synthetic records use, and that each is its own ancestor."""
    ids = sorted(CONCEPTS)
    concept = pl.DataFrame(
        {
            "concept_id": ids,
            "concept_name": [CONCEPTS[one][0] for one in ids],
            "domain_id": [CONCEPTS[one][1] for one in ids],
            "vocabulary_id": [CONCEPTS[one][2] for one in ids],
            "standard_concept": "S",
        }
    )
    ancestor = pl.DataFrame(
        {
            "ancestor_concept_id": ids,
            "descendant_concept_id": ids,
            "min_levels_of_separation": 0,
            "max_levels_of_separation": 0,
        }
    )
    return {"concept": concept, "concept_ancestor": ancestor}


def _draw_admissions(arrests: Arrests, hospital: int, rng: np.random.Generator) -> _Admissions:
    """Spread a month's admissions evenly over its days: before the day of embedding, and from it on."""
    plan = arrests.plan
    edges = np.array([_day_number(start) for start in plan.month_starts])
    embedded = arrests.hospitals[hospital].embedded
    split = np.clip(_day_number(embedded), edges[:-1], edges[1:]) if embedded else edges[1:]
    first = np.concatenate([edges[:-1], split])
    past = np.concatenate([split, edges[1:]])
    size = np.concatenate([arrests.admissions_before[hospital], arrests.admissions_after[hospital]])
    events = np.concatenate([arrests.latent_before[hospital], arrests.happened_after[hospital]])
    part = np.repeat(np.arange(len(size)), size)
    place = np.arange(len(part)) - np.repeat(np.cumsum(size) - size, size)
    start = first[part] + _up_to(rng, (past - first)[part] - 1)
    # Days are drawn alike for all admissions of a part, so its first ones are as good as any to have the arrests.
    arrest = place < events[part]
    stay = np.minimum(rng.lognormal(np.log(2.5), 1.0, len(part)).astype(np.int64), _LONGEST_STAY_DAYS)
    order = np.lexsort((rng.random(len(part)), start))
    return _Admissions(start=start[order], stay_days=stay[order], arrest=arrest[order])


def _draw_patients(plan: SyntheticNetwork, admissions: _Admissions, rng: np.random.Generator) -> _Patients:
    """Say whose admission each is: a new patient's, or that of one who was there about four months ago and lived."""
    total = len(admissions.start)
    older = rng.random(total) < 0.75
    drawn_age = np.where(older, rng.normal(72, 13, total), rng.uniform(_YOUNGEST, 60, total))
    age = np.clip(drawn_age, _YOUNGEST, _OLDEST).astype(np.int64)
    may_return = rng.random(total) < _RETURNING
    chance = rng.random(total)
    gap = max(1, round(total * _RETURN_AFTER_DAYS / (30.4 * plan.months)))
    person = np.arange(total)
    died = np.zeros(total, dtype=np.bool_)
    for begin in range(0, total, gap):
        block = slice(begin, min(begin + gap, total))
        if begin:
            earlier = slice(block.start - gap, block.stop - gap)
            apart = admissions.start[block] - admissions.start[earlier] > _LONGEST_STAY_DAYS
            returns = may_return[block] & ~died[earlier] & apart
            person[block] = np.where(returns, person[earlier], person[block])
            age[block] = age[person[block]]
        risk = np.where(admissions.arrest[block], _DIE_AFTER_ARREST, 0.002 * np.exp(0.042 * (age[block] - _YOUNGEST)))
        died[block] = chance[block] < risk
    new, person = np.unique(person, return_inverse=True)
    return _Patients(
        year_of_birth=plan.first_month.year - age[new],
        female=rng.random(len(new)) < 0.52,
        person=person,
        died=died,
    )


def _people(patients: _Patients, base: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person_id": base + np.arange(len(patients.female)),
            "gender_concept_id": np.where(patients.female, FEMALE, MALE),
            "year_of_birth": patients.year_of_birth,
            "race_concept_id": 0,
            "ethnicity_concept_id": 0,
        }
    )


def _events(
    table: str, prefix: str, concept: int, *, person: Days, visit: Days, day: Days, which: Mask
) -> pl.DataFrame:
    date_column = f"{prefix}_start_date" if prefix == "condition" else f"{prefix}_date"
    return pl.DataFrame(
        {
            f"{table}_id": visit[which],
            "person_id": person[which],
            f"{prefix}_concept_id": np.full(int(which.sum()), concept),
            date_column: _dates(day[which]),
            f"{prefix}_type_concept_id": np.full(int(which.sum()), FROM_RECORDS),
            "visit_occurrence_id": visit[which],
        }
    )


def _up_to(rng: np.random.Generator, most: Days) -> Days:
    """Whole numbers from 0 to `most`, each as likely."""
    return np.minimum((rng.random(len(most)) * (most + 1)).astype(np.int64), most)


def _day_number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _dates(days: Days) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)
