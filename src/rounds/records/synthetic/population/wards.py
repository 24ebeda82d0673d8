"""The wards of a stay, one after the other."""

from typing import Final

import numpy as np

from rounds.records.synthetic.population.columns import Columns
from rounds.records.synthetic.population.contacts import Visits
from rounds.records.synthetic.population.places import WARDS, Places
from rounds.records.synthetic.population.rates import IN_HOSPITAL, INPATIENT
from rounds.records.synthetic.population.vocabulary import INTENSIVE_CARE

_MOVES: Final = 0.6
_MOVES_AGAIN: Final = 0.3


def draw_wards(rng: np.random.Generator, visits: Visits, places: Places) -> Columns:
    """Return the wards of all stays by person: `person`, `concept`, `start`, `end`, `care_site` and `visit`.

    The first ward begins with the stay, each other on the day the one before ends, the last ends with the stay.
    """
    stays = visits.of(IN_HOSPITAL)
    nights = visits.end[stays] - visits.start[stays]
    moves = (nights >= 1) & (rng.random(len(stays), dtype=np.float32) < _MOVES)
    moves_again = moves & (nights >= 3) & (rng.random(len(stays), dtype=np.float32) < _MOVES_AGAIN)
    wards = 1 + moves.astype(np.int32) + moves_again
    stay = np.repeat(np.arange(len(stays)), wards)
    turn = (np.arange(len(stay)) - np.repeat(np.cumsum(wards) - wards, wards)).astype(np.int32)
    visit = stays[stay]
    start = visits.start[visit] + nights[stay] * turn // wards[stay]
    end = visits.start[visit] + nights[stay] * (turn + 1) // wards[stay]
    # Everybody comes to the first ward; the next is drawn, and the one after it is never the same again.
    second = rng.integers(1, len(WARDS), len(stays), dtype=np.int32)
    third = 1 + (second + rng.integers(0, len(WARDS) - 2, len(stays), dtype=np.int32)) % (len(WARDS) - 1)
    ward = np.where(turn == 0, 0, np.where(turn == 1, second[stay], third[stay])).astype(np.int32)
    return {
        "person": visits.person[visit],
        "concept": np.where(ward == len(WARDS) - 1, INTENSIVE_CARE, INPATIENT.concept_id).astype(np.int32),
        "start": start.astype(np.int32),
        "end": end.astype(np.int32),
        "care_site": places.ward_id(visits.hospital[visit], ward),
        "visit": visit,
    }
