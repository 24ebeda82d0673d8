"""What a count over settled records should find, given who was observed: expected from the planted hazards, and drawn.

With the people who are observed given, each falls ill or dies independently with a known probability p, so the count
has the mean sum(p) and the variance sum(p (1 - p)).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.lives import Hazards
from rounds.records.synthetic.population.plan import NEVER, YEAR_STARTS, YEARS, Floats, Ints, Mask, day_number
from rounds.records.synthetic.population.rates import CONDITIONS
from rounds.records.synthetic.population.roster import Roster

MEASURED = ("asked", "expected", "variance", "drawn")
"""people in the denominator; mean and variance of the numerator; the numerator that the records hold"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The sums of one block, or of several. Arrays hold `MEASURED` in their last axis."""

    prevalence: NDArray[np.float64]
    """on 1 July, shape (conditions, years, 4): who is observed and had a record on that day or before"""
    incidence: NDArray[np.float64]
    """shape (conditions, years, 4): of people observed on every day of the year and the one before, with no record
    before the year, those with a first record in it; empty in the first year"""
    deaths: NDArray[np.float64]
    """shape (years, 4): of people observed on 1 January those who died in the year, observed until then"""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            prevalence=self.prevalence + other.prevalence,
            incidence=self.incidence + other.incidence,
            deaths=self.deaths + other.deaths,
        )


def tally(roster: Roster, planted: Hazards) -> Tally:
    """Return what is expected and drawn among the people of a block.

    Args:
        roster: the people.
        planted: the hazards of death and onset.
    """
    sex = roster.lives.female.astype(np.int32)
    everybody = np.arange(roster.people, dtype=np.int32)
    shape = (len(CONDITIONS), len(YEARS), len(MEASURED))
    prevalence, incidence = np.zeros(shape), np.zeros(shape)
    deaths = np.zeros(shape[1:])
    middles = [day_number_of_july(year) for year in YEARS]
    observed = [np.flatnonzero(roster.observed(everybody, np.full_like(everybody, day))) for day in middles]
    throughout = [np.flatnonzero(_throughout(roster, year)) for year in range(len(YEARS))]
    for row, condition in enumerate(CONDITIONS):
        factor, first, hazard = roster.lives.factor(condition), roster.first_record(row), planted.onset[row]
        for year, day in enumerate(middles):
            who = observed[year]
            until = hazard[sex[who], day + 1 - roster.lives.birth[who]]
            prevalence[row, year] = _measured(-np.expm1(-factor[who] * until), first[who] <= day)
        for year in range(1, len(YEARS)):
            begin, end = YEAR_STARTS[year], YEAR_STARTS[year + 1]
            who = throughout[year]
            who = who[first[who] >= begin]
            birth = roster.lives.birth[who]
            within = hazard[sex[who], end - birth] - hazard[sex[who], begin - birth]
            incidence[row, year] = _measured(-np.expm1(-factor[who] * within), first[who] < end)
    for year in range(len(YEARS)):
        deaths[year] = _deaths(roster, planted.death, year=year, sex=sex)
    return Tally(prevalence=prevalence, incidence=incidence, deaths=deaths)


def day_number_of_july(year: int) -> int:
    """Return the day on which prevalence is taken."""
    return day_number(date(year, 7, 1))


def _throughout(roster: Roster, year: int) -> Mask:
    """Who is observed on every day of a year and the one before."""
    if year == 0:
        return np.zeros(roster.people, dtype=np.bool_)
    begin, end = YEAR_STARTS[year - 1], YEAR_STARTS[year + 1] - 1
    away = (roster.away_from <= end) & (roster.away_until > begin)
    throughout: Mask = (roster.lives.start <= begin) & (roster.end >= end) & ~away
    return throughout


def _deaths(roster: Roster, hazard: Floats, *, year: int, sex: Ints) -> NDArray[np.float64]:
    begin, end = YEAR_STARTS[year], YEAR_STARTS[year + 1] - 1
    lives = roster.lives
    everybody = np.arange(roster.people, dtype=np.int32)
    who = np.flatnonzero(roster.observed(everybody, np.full_like(everybody, begin)))
    # How long each would have been watched in the year had nobody died.
    goes = np.where(lives.gap_start > begin, lives.gap_start - 1, NEVER)
    until = np.minimum(np.minimum(lives.leave, goes), end)[who]
    birth = lives.birth[who]
    within = hazard[sex[who], until + 1 - birth] - hazard[sex[who], begin - birth]
    return _measured(-np.expm1(-lives.frailty[who] * within), lives.death[who] <= until)


def _measured(probability: Floats, happened: Mask) -> NDArray[np.float64]:
    wide = probability.astype(np.float64)
    return np.array([len(wide), wide.sum(), (wide * (1 - wide)).sum(), happened.sum()], dtype=np.float64)
