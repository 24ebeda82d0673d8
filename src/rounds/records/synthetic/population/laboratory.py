"""Numbers: HbA1c of people with diabetes, blood pressure, and everything else a laboratory measures."""

from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.columns import Columns, no_visit
from rounds.records.synthetic.population.conditions import coded
from rounds.records.synthetic.population.contacts import Visits
from rounds.records.synthetic.population.places import HBA1C_HIGH, Places
from rounds.records.synthetic.population.plan import NEVER, YEAR_STARTS, Floats, Ints, Population, Stream
from rounds.records.synthetic.population.rates import DIABETES, HYPERTENSION, IN_GENERAL_PRACTICE
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.vocabulary import (
    CODING_CHANGES,
    DIASTOLIC,
    HBA1C,
    MMHG,
    MMOL_PER_MOL,
    PER_CENT,
    SYSTOLIC,
    Vocabulary,
)

HIGH_HBA1C: Final = 58
"""mmol/mol"""
LOWEST_HBA1C: Final = 20
"""mmol/mol; a lower value is one in per cent"""
_SPREAD: Final = 0.22
_OF_THE_PERSON: Final = 0.6
"""share of the variance of HbA1c that is between people"""
_TESTED_AT_DIAGNOSIS: Final = 0.8
_SECOND_CHECK: Final = 0.4
_TESTED_WITHOUT: Final = 0.15
_PRESSURE_TAKEN: Final = 0.3
_TESTED: Final = (0.15, 0.2, 0.25, 0.6)
"""by kind of contact"""
_NO_TIME: Final = -1


def draw_laboratory(
    plan: Population, roster: Roster, *, visits: Visits, places: Places, words: Vocabulary
) -> list[Columns]:
    """Return a block's measurements but for vital signs, each part by person.

    Columns: `person`, `concept`, `start`, `time` (microseconds since 1970, -1 where only the day is recorded), `value`
    (NaN where missing), `unit`, `answer` (a concept, 0 where there is a number) and `visit`.
    """
    rng = plan.generator(Stream.LABORATORY, site=roster.block.site, block=roster.block.number)
    return [
        _hba1c_with_diabetes(rng, plan, roster, places),
        _hba1c_without(rng, roster),
        _pressures(rng, roster, visits),
        _others(rng, visits, words),
    ]


def measurements(*, person: Ints, concept: Ints, start: Ints, value: Floats, unit: Ints, visit: Ints) -> Columns:
    """Return measurements of which only the day is recorded."""
    return {
        "person": person,
        "concept": concept,
        "start": start,
        "time": np.full(len(person), _NO_TIME, dtype=np.int64),
        "value": value,
        "unit": unit,
        "answer": np.zeros(len(person), dtype=np.int32),
        "visit": visit,
    }


def _hba1c_with_diabetes(rng: np.random.Generator, plan: Population, roster: Roster, places: Places) -> Columns:
    person, day = _checks(rng, roster, places)
    year = np.searchsorted(YEAR_STARTS, day, side="right") - 1
    high = np.array([NormalDist().inv_cdf(share) for share in HBA1C_HIGH], dtype=np.float32)[year]
    own = rng.standard_normal(roster.people, dtype=np.float32)[person]
    here = rng.standard_normal(len(person), dtype=np.float32)
    deviation = np.sqrt(np.float32(_OF_THE_PERSON)) * own + np.sqrt(np.float32(1 - _OF_THE_PERSON)) * here
    # Rounding down keeps every value of 58 or more on its side.
    value = np.clip(np.floor(HIGH_HBA1C * np.exp(_SPREAD * (deviation + high))), LOWEST_HBA1C, 190)
    unit = np.full(len(person), MMOL_PER_MOL, dtype=np.int32)
    flaw = rng.random(len(person), dtype=np.float32)
    per_cent = flaw < plan.flaws.other_unit + plan.flaws.mislabelled_unit
    value = np.where(per_cent, np.round(0.0915 * value + 2.15, 1), value)
    unit[flaw < plan.flaws.other_unit] = PER_CENT
    concept = np.full(len(person), HBA1C, dtype=np.int32)
    for change in CODING_CHANGES:
        concept = coded(concept, day, change)
    return measurements(
        person=person,
        concept=concept,
        start=day,
        value=value.astype(np.float32),
        unit=unit,
        visit=no_visit(len(person)),
    )


def _checks(rng: np.random.Generator, roster: Roster, places: Places) -> tuple[Ints, Ints]:
    """Who is tested when: at diagnosis, and in every later year with the practice's own probability, once or twice."""
    first = roster.first_record(DIABETES)
    sick = np.flatnonzero((first != NEVER) & roster.resident).astype(np.int32)
    later = first[sick][:, None] < YEAR_STARTS[:-1]
    checked = rng.random(later.shape) < places.checked[roster.practice[sick]][:, None]
    row, year = np.nonzero(later & checked)
    again = np.flatnonzero(rng.random(len(row), dtype=np.float32) < _SECOND_CHECK)
    row, year = np.concatenate([row, row[again]]), np.concatenate([year, year[again]])
    days_of_year = np.diff(YEAR_STARTS)[year]
    day = YEAR_STARTS[year] + (rng.random(len(row)) * days_of_year).astype(np.int32)
    new = sick[
        (roster.lives.onset[DIABETES][sick] == first[sick])
        & (rng.random(len(sick), dtype=np.float32) < _TESTED_AT_DIAGNOSIS)
    ]
    person = np.concatenate([sick[row], new]).astype(np.int32)
    day = np.concatenate([day, first[new]]).astype(np.int32)
    kept = roster.observed(person, day)
    person, day = person[kept], day[kept]
    order = np.argsort(person, kind="stable")
    return person[order], day[order]


def _hba1c_without(rng: np.random.Generator, roster: Roster) -> Columns:
    """Tests of people who never have diabetes while they are observed: none is high."""
    well = (roster.first_record(DIABETES) == NEVER) & roster.resident & (roster.age_group >= 2)
    years = (roster.end - roster.lives.start) / 365.25
    times = rng.poisson(np.where(well, years * _TESTED_WITHOUT, 0))
    person = np.repeat(np.arange(roster.people, dtype=np.int32), times)
    start = roster.lives.start[person]
    day = start + (rng.random(len(person)) * (roster.end[person] - start + 1)).astype(np.int32)
    kept = roster.observed(person, day)
    person, day = person[kept], day[kept]
    concept = np.full(len(person), HBA1C, dtype=np.int32)
    for change in CODING_CHANGES:
        concept = coded(concept, day, change)
    return measurements(
        person=person,
        concept=concept,
        start=day,
        value=rng.integers(30, 42, len(person)).astype(np.float32),
        unit=np.full(len(person), MMOL_PER_MOL, dtype=np.int32),
        visit=no_visit(len(person)),
    )


def _pressures(rng: np.random.Generator, roster: Roster, visits: Visits) -> Columns:
    """Both blood pressures at some visits to a practice; higher with age and with hypertension."""
    practice = visits.of(IN_GENERAL_PRACTICE)
    which = practice[rng.random(len(practice), dtype=np.float32) < _PRESSURE_TAKEN]
    person, day = visits.person[which], visits.start[which]
    age = (day - roster.lives.birth[person]) / np.float32(365.25)
    ill = day >= roster.lives.onset[HYPERTENSION][person]
    systolic = 105 + 0.32 * age + 11 * ill + 13 * rng.standard_normal(len(which), dtype=np.float32)
    diastolic = 0.45 * systolic + 20 + 7 * rng.standard_normal(len(which), dtype=np.float32)
    value = np.stack([np.clip(systolic, 75, 240), np.clip(diastolic, 40, 140)], axis=1)
    return measurements(
        person=np.repeat(person, 2),
        concept=np.tile(np.array([SYSTOLIC, DIASTOLIC], dtype=np.int32), len(which)),
        start=np.repeat(day, 2),
        value=np.round(value).astype(np.float32).ravel(),
        unit=np.full(2 * len(which), MMHG, dtype=np.int32),
        visit=np.repeat(which, 2),
    )


def _others(rng: np.random.Generator, visits: Visits, words: Vocabulary) -> Columns:
    times = rng.poisson(np.array(_TESTED, dtype=np.float32)[visits.kind])
    which: NDArray[np.int32] = np.repeat(np.arange(visits.count, dtype=np.int32), times)
    row = words.pick_lab[rng.integers(0, 2**16, len(which), dtype=np.uint16)]
    spread = np.exp(np.float32(0.25) * rng.standard_normal(len(which), dtype=np.float32))
    return measurements(
        person=visits.person[which],
        concept=words.labs[row],
        start=visits.start[which],
        value=np.round(words.lab_middle[row] * spread, 1),
        unit=words.lab_unit[row],
        visit=which,
    )
