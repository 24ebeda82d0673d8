"""Who the people of a block truly are: when born, how frail, when ill, when they die; the same at every site."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rounds.records.synthetic.population.places import Places
from rounds.records.synthetic.population.plan import FIRST, LAST, NEVER, Block, Floats, Ints, Mask, Population, Stream
from rounds.records.synthetic.population.rates import (
    CONDITIONS,
    DEATHS_OF_WOMEN,
    DEATHS_PER_1000,
    DEPRIVATION_GRADIENT,
    OLDEST_DAYS,
    Condition,
    cumulative_hazard,
)

_PEOPLE_BY_AGE: Final = ((0, 1.0), (20, 1.05), (40, 1.1), (55, 1.1), (65, 0.85), (75, 0.6), (85, 0.28), (95, 0.03))
"""How many of each year of age there are on the first day, relative to the newborn; a straight line between."""
_BORN_LATER_YEARS: Final = 10
_FRAILTY_SPREAD: Final = 0.4
_ALL_ALONG: Final = 0.75
_MOVES_AWAY: Final = 0.12
_AWAY_FOR_A_TIME: Final = 0.03
_SHORTEST_OBSERVATION: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazards:
    """Cumulative hazards by day of age, of men and women: each of shape (2, OLDEST_DAYS + 1)."""

    death: Floats
    onset: tuple[Floats, ...]


def hazards() -> Hazards:
    """Return the planted hazards of death and of every condition."""
    return Hazards(
        death=_of_both(DEATHS_PER_1000, DEATHS_OF_WOMEN),
        onset=tuple(_of_both(condition.new_per_1000, condition.of_women) for condition in CONDITIONS),
    )


def _of_both(per_1000: tuple[float, ...], of_women: float) -> Floats:
    return np.stack([cumulative_hazard(per_1000), cumulative_hazard(per_1000, times=of_women)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """Arrays of shape (people,). Days are counted from 1970-01-01."""

    birth: Ints
    female: Mask
    area: Ints
    """of the home site"""
    fifth: Ints
    """of deprivation, from 0, the most deprived"""
    frailty: Floats
    """times every rate of this person; 1 on average"""
    death: Ints
    """or `NEVER`, if it is after the last day"""
    onset: Ints
    """shape (conditions, people); or `NEVER`"""
    start: Ints
    """the first day of observation"""
    leave: Ints
    """the last day of observation of somebody who does not die before"""
    gap_start: Ints
    """the first day away, of those who go away for a time if they live; else `NEVER`"""
    gap_end: Ints
    """the first day back"""

    def factor(self, condition: Condition) -> Floats:
        """Return what the planted hazard of a condition is multiplied by: shape (people,)."""
        if not condition.gradient:
            return self.frailty
        gradient = np.array(DEPRIVATION_GRADIENT, dtype=np.float32)
        factors: Floats = self.frailty * gradient[self.fifth]
        return factors


def draw_lives(plan: Population, block: Block, *, places: Places, planted: Hazards) -> Lives:
    """Return the residents of a block, as they truly live.

    Args:
        plan: what is laid down, the seed included.
        block: whose residents.
        places: those of the block's own site.
        planted: the hazards of death and onset.
    """
    rng = plan.generator(Stream.LIVES, site=block.site, block=block.number)
    size = block.residents
    birth = _births(rng, size)
    female = rng.random(size, dtype=np.float32) < 0.508
    area = _skewed(rng, size, places.areas)
    spread = _FRAILTY_SPREAD
    frailty = np.exp(spread * rng.standard_normal(size, dtype=np.float32) - np.float32(spread**2 / 2))
    start = _starts(rng, birth)
    leave = _leaves(rng, start)
    gap_start, gap_end = _gaps(rng, start, leave)
    sex = female.astype(np.int32)
    alive_so_far = planted.death[sex, start - birth]
    draw = rng.standard_exponential(size, dtype=np.float32) / frailty + alive_so_far
    death = _day_reached(planted.death, draw, birth=birth, sex=sex)
    lives = Lives(
        birth=birth,
        female=female,
        area=area,
        fifth=places.deprivation[area].astype(np.int32),
        frailty=frailty,
        death=np.where(death > LAST, NEVER, death),
        onset=np.empty((0, size), dtype=np.int32),
        start=start,
        leave=leave,
        gap_start=gap_start,
        gap_end=gap_end,
    )
    onset = np.empty((len(CONDITIONS), size), dtype=np.int32)
    for row, condition in enumerate(CONDITIONS):
        draw = rng.standard_exponential(size, dtype=np.float32) / lives.factor(condition)
        onset[row] = _day_reached(planted.onset[row], draw, birth=birth, sex=sex)
    return replace(lives, onset=onset)


def _births(rng: np.random.Generator, size: int) -> Ints:
    """People of every age on the first day, and those born in the years after it."""
    ages = np.arange(-_BORN_LATER_YEARS, 100)
    weights = np.interp(ages, [age for age, _ in _PEOPLE_BY_AGE], [people for _, people in _PEOPLE_BY_AGE])
    until = np.cumsum(weights) / weights.sum()
    age = ages[np.minimum(np.searchsorted(until, rng.random(size)), len(ages) - 1)]
    days: Ints = (FIRST - (age + rng.random(size)) * 365.25).astype(np.int32)
    return np.minimum(days, LAST - _SHORTEST_OBSERVATION).astype(np.int32)


def _skewed(rng: np.random.Generator, size: int, areas: int) -> Ints:
    """Areas of unequal size: the fullest has several times the people of the emptiest."""
    uniform = rng.random(size, dtype=np.float32)
    placed: Ints = np.minimum((uniform**1.3 * areas).astype(np.int32), areas - 1)
    return placed


def _starts(rng: np.random.Generator, birth: Ints) -> Ints:
    size = len(birth)
    arrives = FIRST + (rng.random(size) * (LAST - _SHORTEST_OBSERVATION - FIRST)).astype(np.int32)
    arrival = np.where(rng.random(size, dtype=np.float32) < _ALL_ALONG, FIRST, arrives)
    starts: Ints = np.maximum(birth, arrival).astype(np.int32)
    return starts


def _leaves(rng: np.random.Generator, start: Ints) -> Ints:
    earliest = start + _SHORTEST_OBSERVATION
    away = earliest + (rng.random(len(start)) * (LAST - earliest + 1)).astype(np.int32)
    moves = rng.random(len(start), dtype=np.float32) < _MOVES_AWAY
    leaves: Ints = np.where(moves, np.minimum(away, LAST), LAST).astype(np.int32)
    return leaves


def _gaps(rng: np.random.Generator, start: Ints, leave: Ints) -> tuple[Ints, Ints]:
    """A time away of 60 days to two years, at least a month after the start and before the end."""
    size = len(start)
    room = leave - start - 2 * _SHORTEST_OBSERVATION
    length = rng.integers(60, 730, size, dtype=np.int32)
    place = rng.random(size, dtype=np.float32)
    goes = (rng.random(size, dtype=np.float32) < _AWAY_FOR_A_TIME) & (room > length)
    first = start + _SHORTEST_OBSERVATION + (place * np.maximum(room - length, 0)).astype(np.int32)
    gap_start = np.where(goes, first, NEVER).astype(np.int32)
    gap_end = np.where(goes, first + length, NEVER).astype(np.int32)
    return gap_start, gap_end


def _day_reached(hazard: Floats, draw: Floats, *, birth: Ints, sex: Ints) -> Ints:
    """The day on which the cumulative hazard first exceeds the draw, or `NEVER` if not by the last day."""
    days = np.full(len(draw), NEVER, dtype=np.int32)
    by_last = np.minimum(LAST + 1 - birth, OLDEST_DAYS)
    for one in (0, 1):
        which = np.flatnonzero((sex == one) & (draw < hazard[one, by_last]))
        # hazard[d] counts the days of age before d, so the day is the last d with hazard[d] <= draw.
        reached = np.searchsorted(hazard[one], draw[which], side="right") - 1
        days[which] = birth[which] + reached.astype(np.int32)
    return days
