"""Vital signs during a stay: sets of seven, of which a planted share scores 7 or more in NEWS2."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.records.synthetic.population.columns import Columns
from rounds.records.synthetic.population.contacts import Visits
from rounds.records.synthetic.population.places import Places
from rounds.records.synthetic.population.plan import Ints, Population, Stream
from rounds.records.synthetic.population.rates import IN_HOSPITAL
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.vocabulary import (
    ALERT,
    CELSIUS,
    CONSCIOUSNESS,
    HEART_RATE,
    LITRES_PER_MINUTE,
    MMHG,
    OXYGEN_FLOW,
    OXYGEN_SATURATION,
    PER_CENT,
    PER_MINUTE,
    RESPIRATORY_RATE,
    SYSTOLIC,
    TEMPERATURE,
)

SIGNS: Final = (
    (RESPIRATORY_RATE, PER_MINUTE),
    (OXYGEN_SATURATION, PER_CENT),
    (OXYGEN_FLOW, LITRES_PER_MINUTE),
    (SYSTOLIC, MMHG),
    (HEART_RATE, PER_MINUTE),
    (TEMPERATURE, CELSIUS),
    (CONSCIOUSNESS, 0),
)
"""concepts and units, in the order of a set; an oxygen flow of 0 is air"""

# Lowest and highest of each sign but consciousness. However they fall, a well set scores 0 to 4 in NEWS2 (Royal
# College of Physicians, 2017, SpO2 scale 1), an unwell one 5 or 6, a critical one 7 or more.
_WELL: Final = ((12, 20), (94, 99), (0, 0), (101, 180), (51, 110), (36.1, 38.8))
_UNWELL: Final = ((21, 24), (96, 99), (0, 0), (101, 180), (111, 130), (38.1, 39.0))
_CRITICAL: Final = ((21, 30), (86, 93), (1, 15), (85, 115), (91, 140), (36.1, 39.5))
_RANGES: Final = np.array([_WELL, _UNWELL, _CRITICAL], dtype=np.float32)
_TEMPERATURE: Final = 5

UNWELL_SHARE: Final = 0.12
"""of sets: 5 or 6 points"""
OBSERVED_ON_ADMISSION: Final = 0.93
"""share of stays with a set on the first day"""
_MOST_LATER_SETS: Final = 2
_NOT_ALERT: Final = 0.5
_MINUTE: Final = 60_000_000
_MINUTES_A_DAY: Final = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sets:
    visit: Ints
    day: Ints
    minute: Ints


def draw_vitals(plan: Population, roster: Roster, *, visits: Visits, places: Places) -> Columns:
    """Return a block's vital signs in hospital by person, with the columns of `draw_laboratory`.

    Args:
        plan: what is laid down, the seed included.
        roster: whose signs.
        visits: the stays among them.
        places: how many of a hospital's sets score 7 or more.
    """
    rng = plan.generator(Stream.VITALS, site=roster.block.site, block=roster.block.number)
    sets = _sets(rng, visits)
    size = len(sets.visit)
    high = places.news2_high[visits.hospital[sets.visit]].astype(np.float32)
    drawn = rng.random(size, dtype=np.float32)
    state = np.where(drawn < high, 2, np.where(drawn < high + UNWELL_SHARE, 1, 0))
    low, top = _RANGES[state, :, 0], _RANGES[state, :, 1]
    uniform = rng.random((size, len(SIGNS) - 1), dtype=np.float32)
    signs = np.floor(low + uniform * (top - low + 1))
    tenths = np.float32(10)
    hot = _TEMPERATURE
    signs[:, hot] = np.round(
        np.floor(low[:, hot] * tenths + uniform[:, hot] * (top - low)[:, hot] * tenths + 0.5) / tenths, 1
    )
    value = np.concatenate([np.minimum(signs, top), np.full((size, 1), np.nan, dtype=np.float32)], axis=1)
    answer = np.zeros((size, len(SIGNS)), dtype=np.int32)
    changed = (state == 2) & (rng.random(size, dtype=np.float32) < _NOT_ALERT)
    answer[:, -1] = ALERT + np.where(changed, rng.integers(1, 5, size), 0)
    each = len(SIGNS)
    return {
        "person": np.repeat(visits.person[sets.visit], each),
        "concept": np.tile(np.array([concept for concept, _ in SIGNS], dtype=np.int32), size),
        "start": np.repeat(sets.day, each),
        "time": np.repeat((sets.day.astype(np.int64) * _MINUTES_A_DAY + sets.minute) * _MINUTE, each),
        "value": value.astype(np.float32).ravel(),
        "unit": np.tile(np.array([unit for _, unit in SIGNS], dtype=np.int32), size),
        "answer": answer.ravel(),
        "visit": np.repeat(sets.visit, each),
    }


def _sets(rng: np.random.Generator, visits: Visits) -> _Sets:
    """One set on the day of admission, mostly, and one a day on up to two later days."""
    stays = visits.of(IN_HOSPITAL)
    nights = visits.end[stays] - visits.start[stays]
    stay = np.repeat(np.arange(len(stays)), 1 + np.minimum(nights, _MOST_LATER_SETS))
    begins = np.searchsorted(stay, np.arange(len(stays)))
    turn = (np.arange(len(stay)) - begins[stay]).astype(np.int32)
    present = (turn > 0) | (rng.random(len(stay), dtype=np.float32) < OBSERVED_ON_ADMISSION)
    stay, turn = stay[present], turn[present]
    visit = stays[stay]
    soon = visits.start_minute[visit] + rng.integers(0, 60, len(visit), dtype=np.int32)
    later = rng.integers(0, _MINUTES_A_DAY, len(visit), dtype=np.int32)
    minute = np.where(turn == 0, np.minimum(soon, _MINUTES_A_DAY - 1), later)
    return _Sets(visit=visit, day=visits.start[visit] + turn, minute=minute.astype(np.int32))
