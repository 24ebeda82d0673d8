"""Diagnoses: lasting conditions as they begin and come up again, what people are seen for, and cardiac arrests."""

from typing import Final

import numpy as np

from rounds.records.synthetic.population.columns import Columns, joined, no_visit
from rounds.records.synthetic.population.contacts import Visits
from rounds.records.synthetic.population.places import PROGRAMME_RATE_RATIO, Places
from rounds.records.synthetic.population.plan import FIRST, LAST, NEVER, Ints, Mask, Population, Stream
from rounds.records.synthetic.population.rates import CONDITIONS, IN_HOSPITAL
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.vocabulary import CARDIAC_ARREST, CODING_CHANGES, CodingChange, Vocabulary

_COMES_UP_A_YEAR: Final = 0.25
_SEEN_FOR_SOMETHING: Final = (0.4, 0.3, 0.7, 1.0)
"""by kind of contact"""
_SECOND_DIAGNOSIS: Final = 0.5
_LASTS_DAYS: Final = 21
_WINTER: Final = np.isin(
    (np.arange(FIRST, LAST + 1).astype("datetime64[D]").astype("datetime64[M]").astype(int)) % 12, (0, 1, 11)
)


def draw_conditions(plan: Population, roster: Roster, *, visits: Visits, places: Places, words: Vocabulary) -> Columns:
    """Return a block's diagnoses by person: `person`, `concept`, `start`, `end` (-1 if it has none) and `visit`.

    Args:
        plan: what is laid down, the seed included.
        roster: whose diagnoses.
        visits: what people are seen for hangs on these.
        places: whether the programme is embedded where somebody lies.
        words: the concepts and how often each is recorded.
    """
    rng = plan.generator(Stream.CONDITIONS, site=roster.block.site, block=roster.block.number)
    lasting = [_lasting(rng, roster, row) for row in range(len(CONDITIONS))]
    seen_for = rng.random(visits.count, dtype=np.float32) < np.array(_SEEN_FOR_SOMETHING, np.float32)[visits.kind]
    stays = visits.of(IN_HOSPITAL)
    second = stays[rng.random(len(stays), dtype=np.float32) < _SECOND_DIAGNOSIS]
    acute = [_acute(rng, roster, visits, which, words) for which in (np.flatnonzero(seen_for).astype(np.int32), second)]
    return joined([*lasting, *acute, _arrests(rng, visits, stays, places)])


def coded(concept: Ints, day: Ints, change: CodingChange) -> Ints:
    """Return concepts as they were recorded on each day: the one before, until the coding changed."""
    old: Mask = (concept == change.after) & (day < change.day)
    recorded: Ints = np.where(old, change.before, concept).astype(np.int32)
    return recorded


def _lasting(rng: np.random.Generator, roster: Roster, row: int) -> Columns:
    """The first record, and others until the observation ends."""
    first = roster.first_record(row)
    person = np.flatnonzero(first != NEVER).astype(np.int32)
    begin, last = first[person], roster.end[person]
    again = np.repeat(np.arange(len(person)), rng.poisson((last - begin) / 365.25 * _COMES_UP_A_YEAR))
    day = begin[again] + (rng.random(len(again)) * (last - begin + 1)[again]).astype(np.int32)
    kept = roster.observed(person[again], day)
    persons = np.concatenate([person, person[again[kept]]])
    days = np.concatenate([begin, day[kept]])
    concept = np.full(len(persons), CONDITIONS[row].concept_id, dtype=np.int32)
    for change in CODING_CHANGES:
        concept = coded(concept, days, change)
    nothing = np.full(len(persons), -1, dtype=np.int32)
    order = np.argsort(persons, kind="stable")
    return {
        "person": persons[order],
        "concept": concept[order],
        "start": days[order],
        "end": nothing,
        "visit": no_visit(len(persons)),
    }


def _acute(rng: np.random.Generator, roster: Roster, visits: Visits, which: Ints, words: Vocabulary) -> Columns:
    person, day = visits.person[which], visits.start[which]
    sex = roster.lives.female.astype(np.int8)[person]
    cell = rng.integers(0, 2**16, len(which), dtype=np.uint16)
    winter = _WINTER[day - FIRST].astype(np.int8)
    row = words.pick_condition[sex, roster.age_group[person], winter, cell]
    lasts = rng.integers(0, 2 * _LASTS_DAYS, len(which), dtype=np.int32)
    end = np.minimum(day + lasts, roster.end[person])
    return {
        "person": person,
        "concept": words.conditions[row],
        "start": day,
        "end": np.where(lasts < _LASTS_DAYS, end, -1).astype(np.int32),
        "visit": which,
    }


def _arrests(rng: np.random.Generator, visits: Visits, stays: Ints, places: Places) -> Columns:
    """A stay has an arrest with its hospital's own probability, less from the day the programme is embedded."""
    hospital, start = visits.hospital[stays], visits.start[stays]
    programme = np.where(start >= places.embedded[hospital], PROGRAMME_RATE_RATIO, 1.0)
    which = stays[rng.random(len(stays)) < places.arrests[hospital] * programme]
    nights = visits.end[which] - visits.start[which]
    day = visits.start[which] + (rng.random(len(which)) * (nights + 1)).astype(np.int32)
    return {
        "person": visits.person[which],
        "concept": np.full(len(which), CARDIAC_ARREST, dtype=np.int32),
        "start": day,
        "end": day,
        "visit": which,
    }
