"""Every contact with care, from which all other events come: practice, outpatients, A&E and stays in hospital."""

from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.places import Places
from rounds.records.synthetic.population.plan import FIRST, Ints, Mask, Population, Stream
from rounds.records.synthetic.population.rates import (
    CONTACTS,
    IN_EMERGENCY,
    IN_GENERAL_PRACTICE,
    IN_HOSPITAL,
    IN_OUTPATIENTS,
    Clock,
)
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.stays import HOME, Stays

FOUR_HOURS: Final = 240
_SPREAD_OF_WAITS: Final = 0.6
_MINUTES_A_DAY: Final = 1440
NO_TIME: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """A block's visits, by person and first day. Arrays have shape (visits,)."""

    person: Ints
    kind: NDArray[np.int8]
    """a row of `CONTACTS`"""
    start: Ints
    end: Ints
    start_minute: Ints
    """of its day; `NO_TIME` where only days are recorded"""
    end_minute: Ints
    hospital: Ints
    """a row of the site's hospitals; -1 for general practice"""
    admitted_from: Ints
    discharged_to: Ints

    @property
    def count(self) -> int:
        return len(self.person)

    def of(self, kind: int) -> Ints:
        """Return the rows of a kind of visit."""
        return np.flatnonzero(self.kind == kind).astype(np.int32)


def draw_visits(plan: Population, roster: Roster, *, places: Places, stays: Stays, clocks: tuple[Clock, ...]) -> Visits:
    """Return the visits of a block's people, the stays among them.

    Args:
        plan: what is laid down, the seed included.
        roster: whose visits.
        places: the site's hospitals.
        stays: stays in hospital; those through A&E get a visit there on their first day.
        clocks: the days of each kind of contact.
    """
    rng = plan.generator(Stream.CONTACTS, site=roster.block.site, block=roster.block.number)
    practice = _days_of(rng, roster, IN_GENERAL_PRACTICE, clocks, who=roster.resident)
    outpatient = _days_of(rng, roster, IN_OUTPATIENTS, clocks)
    person, start = _days_of(rng, roster, IN_EMERGENCY, clocks)
    through = stays.through_emergency
    parts = [
        _on_one_day(*practice, kind=IN_GENERAL_PRACTICE, hospital=np.full(len(practice[0]), -1)),
        _on_one_day(*outpatient, kind=IN_OUTPATIENTS, hospital=roster.hospital[outpatient[0]]),
        _emergencies(
            rng,
            np.concatenate([person, stays.person[through]]),
            np.concatenate([start, stays.start[through]]),
            hospital=np.concatenate([roster.hospital[person], stays.hospital[through]]),
            over=places.over_four_hours,
        ),
        _in_hospital(rng, stays),
    ]
    joined = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Visits)}
    key = joined["person"].astype(np.int64) << 14 | (joined["start"] - FIRST).astype(np.int64) << 2 | joined["kind"]
    order = np.argsort(key, kind="stable")
    return Visits(**{name: values[order] for name, values in joined.items()})


def _days_of(
    rng: np.random.Generator, roster: Roster, kind: int, clocks: tuple[Clock, ...], *, who: Mask | None = None
) -> tuple[Ints, Ints]:
    """Draw who comes when: persons in order, and a day each while they are observed."""
    start, end = roster.lives.start, roster.end
    per_year = np.array(CONTACTS[kind].per_year, dtype=np.float32)[roster.age_group]
    mean = per_year * roster.lives.frailty * clocks[kind].share(start, end) * 10
    if who is not None:
        mean = np.where(who, mean, 0)
    person = np.repeat(np.arange(roster.people, dtype=np.int32), rng.poisson(mean))
    day = clocks[kind].days(rng.random(len(person), dtype=np.float32), start[person], end[person])
    away = (day >= roster.away_from[person]) & (day < roster.away_until[person])
    return person[~away], day[~away]


def _on_one_day(person: Ints, day: Ints, *, kind: int, hospital: NDArray[np.integer]) -> Visits:
    size = len(person)
    nothing = np.zeros(size, dtype=np.int32)
    no_time = np.full(size, NO_TIME, dtype=np.int32)
    return Visits(
        person=person,
        kind=np.full(size, kind, dtype=np.int8),
        start=day,
        end=day,
        start_minute=no_time,
        end_minute=no_time,
        hospital=hospital.astype(np.int32),
        admitted_from=nothing,
        discharged_to=nothing,
    )


def _emergencies(
    rng: np.random.Generator, person: Ints, day: Ints, *, hospital: Ints, over: NDArray[np.float64]
) -> Visits:
    """Visits whose length exceeds four hours with the hospital's own probability; all end before midnight."""
    size = len(person)
    beyond = np.array([NormalDist().inv_cdf(share) for share in over.tolist()], dtype=np.float32)[hospital]
    waits = FOUR_HOURS * np.exp(_SPREAD_OF_WAITS * (rng.standard_normal(size, dtype=np.float32) + beyond))
    minutes = np.clip(np.ceil(waits), 5, _MINUTES_A_DAY - 1).astype(np.int32)
    arrives = (rng.random(size, dtype=np.float32) * (_MINUTES_A_DAY - minutes)).astype(np.int32)
    nothing = np.zeros(size, dtype=np.int32)
    return Visits(
        person=person,
        kind=np.full(size, IN_EMERGENCY, dtype=np.int8),
        start=day,
        end=day,
        start_minute=arrives,
        end_minute=np.minimum(arrives + minutes, _MINUTES_A_DAY - 1),
        hospital=hospital,
        admitted_from=nothing,
        discharged_to=nothing + HOME,
    )


def _in_hospital(rng: np.random.Generator, stays: Stays) -> Visits:
    size = len(stays.person)
    admitted = rng.integers(0, _MINUTES_A_DAY, size, dtype=np.int32)
    left = rng.integers(0, _MINUTES_A_DAY, size, dtype=np.int32)
    return Visits(
        person=stays.person,
        kind=np.full(size, IN_HOSPITAL, dtype=np.int8),
        start=stays.start,
        end=stays.end,
        start_minute=admitted,
        end_minute=np.where(stays.end == stays.start, np.maximum(admitted, left), left),
        hospital=stays.hospital,
        admitted_from=stays.admitted_from,
        discharged_to=stays.discharged_to,
    )
