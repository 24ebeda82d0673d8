"""The rates that are planted: who falls ill, who dies, who comes how often, and when in the year.

Invented for testing. They have the order of magnitude and the shape of an English population, and claim no more.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.records.synthetic.population.plan import FIRST, LAST, Floats, Ints

OLDEST_DAYS: Final = 41_000
"""112 years: nobody lives longer"""

_AGES: Final = (0, 20, 40, 50, 60, 70, 80, 90, 112)

DEATHS_PER_1000: Final = (0.4, 0.5, 1.2, 2.8, 7.0, 17.0, 52.0, 165.0, 600.0)
"""per year at the ages 0, 20, 40, 50, 60, 70, 80, 90 and 112, of men; a straight line between them"""
DEATHS_OF_WOMEN: Final = 0.75
"""times the rate of men"""

DEPRIVATION_GRADIENT: Final = (1.30, 1.15, 1.00, 0.90, 0.80)
"""times the rate of a condition with a gradient, from the most to the least deprived fifth of areas"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A lasting condition whose onset is planted."""

    name: str
    concept_id: int
    new_per_1000: tuple[float, ...]
    """per year at the ages of `DEATHS_PER_1000`, of men of the middle fifth of deprivation"""
    of_women: float
    """times the rate of men"""
    gradient: bool
    """more often where deprivation is greater"""


CONDITIONS: Final = (
    Condition(
        name="type-2-diabetes",
        concept_id=201826,
        new_per_1000=(0.0, 0.3, 4.0, 7.0, 9.5, 10.0, 8.0, 5.0, 3.0),
        of_women=0.75,
        gradient=True,
    ),
    Condition(
        name="hypertension",
        concept_id=320128,
        new_per_1000=(0.0, 0.6, 9.0, 18.0, 27.0, 34.0, 36.0, 30.0, 20.0),
        of_women=0.9,
        gradient=True,
    ),
    Condition(
        name="heart-failure",
        concept_id=316139,
        new_per_1000=(0.0, 0.02, 0.2, 0.7, 2.2, 6.5, 18.0, 35.0, 40.0),
        of_women=0.7,
        gradient=True,
    ),
    Condition(
        name="atrial-fibrillation",
        concept_id=313217,
        new_per_1000=(0.0, 0.05, 0.4, 1.2, 4.0, 10.0, 20.0, 30.0, 30.0),
        of_women=0.7,
        gradient=False,
    ),
    Condition(
        name="copd",
        concept_id=255573,
        new_per_1000=(0.0, 0.05, 0.9, 2.4, 5.0, 7.5, 7.0, 4.5, 2.0),
        of_women=0.9,
        gradient=True,
    ),
    Condition(
        name="asthma",
        concept_id=317009,
        new_per_1000=(6.0, 2.5, 1.5, 1.5, 1.5, 1.5, 1.2, 1.0, 0.5),
        of_women=1.15,
        gradient=True,
    ),
    Condition(
        name="chronic-kidney-disease",
        concept_id=46271022,
        new_per_1000=(0.02, 0.1, 0.7, 1.8, 4.5, 12.0, 28.0, 40.0, 40.0),
        of_women=1.1,
        gradient=True,
    ),
    Condition(
        name="stroke",
        concept_id=381316,
        new_per_1000=(0.02, 0.1, 0.5, 1.2, 2.6, 5.5, 11.0, 18.0, 20.0),
        of_women=0.8,
        gradient=True,
    ),
    Condition(
        name="depression",
        concept_id=440383,
        new_per_1000=(0.3, 6.0, 5.0, 4.0, 3.0, 2.5, 2.5, 2.5, 2.0),
        of_women=1.7,
        gradient=True,
    ),
    Condition(
        name="dementia",
        concept_id=4182210,
        new_per_1000=(0.0, 0.0, 0.03, 0.1, 0.7, 3.5, 17.0, 55.0, 90.0),
        of_women=1.1,
        gradient=False,
    ),
)

DIABETES: Final = 0
HYPERTENSION: Final = 1
HEART_FAILURE: Final = 2
"""Rows of `CONDITIONS`."""

AGE_GROUPS: Final = (0, 18, 40, 65)
"""the youngest age of each group of the contacts, in years"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A kind of visit."""

    name: str
    concept_id: int
    per_year: tuple[float, float, float, float]
    """by age group"""
    in_winter: float
    """share by which January is above the mean of the year"""
    weekend: float
    """times a working day"""
    spring_2020: float
    """times a usual spring, from the middle of March to the end of June 2020"""


GP: Final = Contact(
    name="general practice",
    concept_id=581477,
    per_year=(0.4, 0.4, 0.65, 1.1),
    in_winter=0.12,
    weekend=0.02,
    spring_2020=0.7,
)
OUTPATIENT: Final = Contact(
    name="outpatient",
    concept_id=9202,
    per_year=(0.12, 0.15, 0.27, 0.5),
    in_winter=0.0,
    weekend=0.05,
    spring_2020=0.35,
)
EMERGENCY: Final = Contact(
    name="accident and emergency",
    concept_id=9203,
    per_year=(0.13, 0.1, 0.09, 0.14),
    in_winter=0.06,
    weekend=1.1,
    spring_2020=0.6,
)
INPATIENT: Final = Contact(
    name="inpatient",
    concept_id=9201,
    per_year=(0.02, 0.03, 0.045, 0.14),
    in_winter=0.1,
    weekend=0.75,
    spring_2020=0.7,
)
CONTACTS: Final = (GP, OUTPATIENT, EMERGENCY, INPATIENT)
IN_GENERAL_PRACTICE, IN_OUTPATIENTS, IN_EMERGENCY, IN_HOSPITAL = range(4)

_CLOCK_STEPS: Final = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Days spread as often as a kind of contact happens: over seasons, weekdays and an epidemic."""

    until: Floats
    """the share of all contacts before each day, and before the day after the last: shape (days + 1,)"""
    day_at: Ints
    """the day at which each step of that share is reached: shape (2^16,)"""

    def share(self, start: Ints, end: Ints) -> Floats:
        """Return the share of all contacts that falls between two days, both included; 0 if the end is before."""
        shares: Floats = self.until[np.maximum(end, start - 1) + 1 - FIRST] - self.until[start - FIRST]
        return shares

    def days(self, uniform: Floats, start: Ints, end: Ints) -> Ints:
        """Return a day between two days, both included, for each number from 0 to 1."""
        low = self.until[start - FIRST]
        at = low + uniform * (self.until[end + 1 - FIRST] - low)
        steps = np.minimum((at * _CLOCK_STEPS).astype(np.int32), _CLOCK_STEPS - 1)
        days: Ints = np.clip(self.day_at[steps], start, end)
        return days


def clock(contact: Contact) -> Clock:
    """Return the days of a kind of contact, from the first to the last day of the records."""
    days = np.arange(FIRST, LAST + 1)
    season = 1 + contact.in_winter * np.cos(2 * np.pi * ((days - FIRST) % 365.25 - 15) / 365.25)
    # 1 January 1970 was a Thursday.
    weekday = np.where((days + 3) % 7 >= 5, contact.weekend, 1.0)
    dates = days.astype("datetime64[D]")
    closed = (dates >= np.datetime64("2020-03-16")) & (dates <= np.datetime64("2020-06-30"))
    intensity = season * weekday * np.where(closed, contact.spring_2020, 1.0)
    until = np.concatenate([[0.0], np.cumsum(intensity)])
    until /= until[-1]
    steps = (np.arange(_CLOCK_STEPS) + 0.5) / _CLOCK_STEPS
    day_at = FIRST + np.searchsorted(until, steps, side="right") - 1
    return Clock(until=until.astype(np.float32), day_at=day_at.astype(np.int32))


def cumulative_hazard(per_1000: tuple[float, ...], *, times: float = 1.0) -> Floats:
    """Return the hazard up to the beginning of each day of age: shape (OLDEST_DAYS + 1,), from 0 at birth.

    Args:
        per_1000: the rate a year at the ages of `DEATHS_PER_1000`.
        times: all rates are multiplied by this.
    """
    middle = (np.arange(OLDEST_DAYS) + 0.5) / 365.25
    daily = np.interp(middle, _AGES, per_1000) * times / 1000 / 365.25
    hazard: Floats = np.concatenate([[0.0], np.cumsum(daily)]).astype(np.float32)
    return hazard
