"""Prescriptions: courses begun at a contact, and metformin after diabetes."""

from typing import Final

import numpy as np

from rounds.records.synthetic.population.columns import Columns, joined, no_visit, taken
from rounds.records.synthetic.population.contacts import Visits
from rounds.records.synthetic.population.places import METFORMIN_STARTED
from rounds.records.synthetic.population.plan import NEVER, Ints, Population, Stream
from rounds.records.synthetic.population.rates import DIABETES
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.vocabulary import Vocabulary

STARTED_WITHIN_DAYS: Final = 90
_COURSE_BEGINS: Final = (0.35, 0.2, 0.15, 0.5)
"""by kind of contact"""
_GOES_ON: Final = 0.45
_SUPPLIES_DAYS: Final = (7, 28, 28, 56, 84)
_METFORMIN_SUPPLY_DAYS: Final = 84
_LATER: Final = 0.4
_LATEST_DAYS: Final = 700


def draw_drugs(plan: Population, roster: Roster, *, visits: Visits, words: Vocabulary) -> Columns:
    """Return a block's prescriptions by person: `person`, `concept`, `ingredient`, `start`, `end`, `days` and `visit`.

    Args:
        plan: what is laid down, the seed included.
        roster: whose prescriptions.
        visits: where courses begin.
        words: the preparations and how often each is prescribed.
    """
    rng = plan.generator(Stream.DRUGS, site=roster.block.site, block=roster.block.number)
    begins = rng.random(visits.count, dtype=np.float32) < np.array(_COURSE_BEGINS, np.float32)[visits.kind]
    which = np.flatnonzero(begins).astype(np.int32)
    person = visits.person[which]
    row = words.pick_drug[roster.age_group[person], rng.integers(0, 2**16, len(which), dtype=np.uint16)]
    supply = np.array(_SUPPLIES_DAYS, dtype=np.int32)[rng.integers(0, len(_SUPPLIES_DAYS), len(which))]
    times = rng.geometric(1 - _GOES_ON, len(which))
    courses = _repeated(roster, person, row.astype(np.int32), visits.start[which], supply, times=times, visit=which)
    everything = joined([courses, _metformin(rng, roster)])
    row = everything.pop("row")
    return {
        **everything,
        "concept": words.drugs[row],
        "ingredient": words.ingredient_of_drug[row],
        "end": (everything["start"] + everything["days"] - 1).astype(np.int32),
    }


def _repeated(
    roster: Roster, person: Ints, row: Ints, start: Ints, supply: Ints, *, times: np.ndarray, visit: Ints
) -> Columns:
    """Each course as often as it is repeated while the person is observed; only its first hangs on a visit."""
    course = np.repeat(np.arange(len(person)), times)
    turn = (np.arange(len(course)) - np.repeat(np.cumsum(times) - times, times)).astype(np.int32)
    columns: Columns = {
        "person": person[course],
        "row": row[course],
        "start": start[course] + turn * supply[course],
        "days": supply[course],
        "visit": np.where(turn == 0, visit[course], -1).astype(np.int32),
    }
    return taken(columns, roster.observed(columns["person"], columns["start"]))


def _metformin(rng: np.random.Generator, roster: Roster) -> Columns:
    """The planted share begins within 90 days of the first record of diabetes, some later, the others never."""
    first = roster.first_record(DIABETES)
    person = np.flatnonzero(first != NEVER).astype(np.int32)
    size = len(person)
    soon = rng.random(size) < METFORMIN_STARTED
    later = rng.random(size) < _LATER
    wait = np.where(
        soon, rng.integers(0, STARTED_WITHIN_DAYS, size), rng.integers(STARTED_WITHIN_DAYS + 10, _LATEST_DAYS, size)
    )
    begins = np.flatnonzero(soon | later)
    person = person[begins]
    return _repeated(
        roster,
        person,
        np.zeros(len(begins), dtype=np.int32),
        (first[person] + wait[begins]).astype(np.int32),
        np.full(len(begins), _METFORMIN_SUPPLY_DAYS, dtype=np.int32),
        times=1 + rng.poisson(4, len(begins)),
        visit=no_visit(len(begins)),
    )
