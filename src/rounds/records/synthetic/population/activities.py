"""Procedures and other observations at a contact."""

from typing import Final

import numpy as np

from rounds.records.synthetic.population.columns import Columns, joined
from rounds.records.synthetic.population.contacts import Visits
from rounds.records.synthetic.population.plan import Ints, Population, Stream
from rounds.records.synthetic.population.rates import IN_HOSPITAL
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.vocabulary import BEDSIDE_REVIEW, Picker, Vocabulary

REVIEWED: Final = 0.03
"""share of stays with a review at the bedside by the outreach team"""
_PROCEDURE: Final = (0.05, 0.3, 0.2, 0.8)
_OBSERVATION: Final = (0.2, 0.08, 0.05, 0.2)
"""by kind of contact"""


def draw_procedures(plan: Population, roster: Roster, *, visits: Visits, words: Vocabulary) -> Columns:
    """Return a block's procedures by person: `person`, `concept`, `start` and `visit`."""
    rng = plan.generator(Stream.PROCEDURES, site=roster.block.site, block=roster.block.number)
    usual = _at_visits(rng, visits, shares=_PROCEDURE, pick=words.pick_procedure, ids=words.procedures)
    stays = visits.of(IN_HOSPITAL)
    which = stays[rng.random(len(stays), dtype=np.float32) < REVIEWED]
    nights = visits.end[which] - visits.start[which]
    reviews: Columns = {
        "person": visits.person[which],
        "concept": np.full(len(which), BEDSIDE_REVIEW, dtype=np.int32),
        "start": visits.start[which] + (rng.random(len(which)) * (nights + 1)).astype(np.int32),
        "visit": which,
    }
    return joined([usual, reviews])


def draw_observations(plan: Population, roster: Roster, *, visits: Visits, words: Vocabulary) -> Columns:
    """Return a block's other observations by person: `person`, `concept`, `start` and `visit`."""
    rng = plan.generator(Stream.OBSERVATIONS, site=roster.block.site, block=roster.block.number)
    return _at_visits(rng, visits, shares=_OBSERVATION, pick=words.pick_observation, ids=words.observations)


def _at_visits(
    rng: np.random.Generator, visits: Visits, *, shares: tuple[float, ...], pick: Picker, ids: Ints
) -> Columns:
    happens = rng.random(visits.count, dtype=np.float32) < np.array(shares, dtype=np.float32)[visits.kind]
    which = np.flatnonzero(happens).astype(np.int32)
    return {
        "person": visits.person[which],
        "concept": ids[pick[rng.integers(0, 2**16, len(which), dtype=np.uint16)]],
        "start": visits.start[which],
        "visit": which,
    }
