"""Stays in hospital: never two at a time, some of them the last, some in two hospitals one after the other."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.plan import FIRST, NEVER, Ints, Mask, Population, Stream
from rounds.records.synthetic.population.rates import INPATIENT, Clock
from rounds.records.synthetic.population.roster import Roster

HOME: Final = 8536
NURSING_HOME: Final = 8676
EMERGENCY_ROOM: Final = 8870
OTHER_HOSPITAL: Final = 8717
DIED: Final = 4216643

_LONGEST_NIGHTS: Final = 120
_USUAL_NIGHTS: Final = (0.7, 1.0, 1.4, 3.2)
"""median by age group"""
_DIES_IN_HOSPITAL: Final = 0.45
_COMES_BACK: Final = 0.12
_THROUGH_EMERGENCY: Final = 0.6
_TRANSFERRED: Final = 0.05
_TO_NURSING_HOME: Final = 0.06
_NOT_KNOWN_WHERE: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """One entry a stay at one hospital, by person and first day. Arrays have shape (stays,)."""

    person: Ints
    start: Ints
    end: Ints
    hospital: Ints
    through_emergency: Mask
    admitted_from: Ints
    discharged_to: Ints


def draw_stays(plan: Population, roster: Roster, *, hospitals: int, times: Clock) -> Stays:
    """Return the stays of a block's people.

    Args:
        plan: what is laid down, the seed included.
        roster: whose stays.
        hospitals: how many the site has.
        times: the days of admission.
    """
    rng = plan.generator(Stream.STAYS, site=roster.block.site, block=roster.block.number)
    person, start = _first_days(rng, roster, times)
    end = start + _nights(rng, roster, person)
    back = np.flatnonzero(rng.random(len(person), dtype=np.float32) < _COMES_BACK)
    back_start = end[back] + rng.integers(1, 31, len(back), dtype=np.int32)
    ends_there = roster.died & (rng.random(roster.people, dtype=np.float32) < _DIES_IN_HOSPITAL)
    last = np.flatnonzero(ends_there).astype(np.int32)
    last_start = np.maximum(roster.lives.death[last] - _nights(rng, roster, last), roster.lives.start[last])
    who = np.concatenate([person, person[back], last]).astype(np.int32)
    starts = np.concatenate([start, back_start, last_start]).astype(np.int32)
    ends = np.concatenate([end, back_start + _nights(rng, roster, person[back]), roster.lives.death[last]])
    final = np.arange(len(who)) >= len(who) - len(last)
    return _routes(rng, roster, _apart(roster, who, starts, ends.astype(np.int32), final), hospitals=hospitals)


def _first_days(rng: np.random.Generator, roster: Roster, times: Clock) -> tuple[Ints, Ints]:
    start, end = roster.lives.start, roster.end
    per_year = np.array(INPATIENT.per_year, dtype=np.float32)[roster.age_group]
    mean = per_year * roster.lives.frailty * times.share(start, end) * 10
    person = np.repeat(np.arange(roster.people, dtype=np.int32), rng.poisson(mean))
    return person, times.days(rng.random(len(person), dtype=np.float32), start[person], end[person])


def _nights(rng: np.random.Generator, roster: Roster, person: Ints) -> Ints:
    usual = np.array(_USUAL_NIGHTS, dtype=np.float32)[roster.age_group[person]]
    drawn = usual * np.exp(rng.standard_normal(len(person), dtype=np.float32))
    nights: Ints = np.minimum(drawn, _LONGEST_NIGHTS).astype(np.int32)
    return nights


def _apart(roster: Roster, person: Ints, start: Ints, end: Ints, final: Mask) -> tuple[Ints, Ints, Ints]:
    """Leave out stays outside observation or during another; somebody's final stay is kept."""
    inside = roster.observed(person, start)
    end = np.where(start < roster.away_from[person], np.minimum(end, roster.away_from[person] - 1), end)
    end = np.minimum(end, roster.end[person])
    final_start = np.full(roster.people, NEVER, dtype=np.int32)
    final_start[person[final & inside]] = start[final & inside]
    kept = np.flatnonzero(inside & (final | (end < final_start[person])))
    order = kept[np.argsort(_by_day(person[kept], start[kept]), kind="stable")]
    person, start, end = person[order], start[order], end[order]
    busy_until = np.maximum.accumulate(_by_day(person, end))
    overlaps = np.zeros(len(person), dtype=np.bool_)
    overlaps[1:] = _by_day(person, start)[1:] <= busy_until[:-1]
    return person[~overlaps], start[~overlaps], end[~overlaps]


def _routes(rng: np.random.Generator, roster: Roster, stays: tuple[Ints, Ints, Ints], *, hospitals: int) -> Stays:
    """Say where each stay is, from where and whereto; a transfer makes two of one."""
    person, start, end = stays
    size = len(person)
    hospital = roster.hospital[person]
    emergency = rng.random(size, dtype=np.float32) < _THROUGH_EMERGENCY
    leaves = rng.random(size, dtype=np.float32)
    to = np.where(
        leaves < _NOT_KNOWN_WHERE, 0, np.where(leaves < _NOT_KNOWN_WHERE + _TO_NURSING_HOME, NURSING_HOME, HOME)
    )
    to = np.where(roster.died[person] & (end == roster.lives.death[person]), DIED, to)
    moved = np.flatnonzero((rng.random(size, dtype=np.float32) < _TRANSFERRED) & (end - start >= 2) & (hospitals > 1))
    day = start[moved] + 1 + (rng.random(len(moved)) * (end[moved] - start[moved] - 1)).astype(np.int32)
    other = (hospital[moved] + 1 + rng.integers(0, max(hospitals - 1, 1), len(moved))) % hospitals
    both = [
        Stays(
            person=person,
            start=start,
            end=_with(end, moved, day),
            hospital=hospital,
            through_emergency=emergency,
            admitted_from=np.where(emergency, EMERGENCY_ROOM, HOME).astype(np.int32),
            discharged_to=_with(to.astype(np.int32), moved, OTHER_HOSPITAL),
        ),
        Stays(
            person=person[moved],
            start=day,
            end=end[moved],
            hospital=other.astype(np.int32),
            through_emergency=np.zeros(len(moved), dtype=np.bool_),
            admitted_from=np.full(len(moved), OTHER_HOSPITAL, dtype=np.int32),
            discharged_to=to[moved].astype(np.int32),
        ),
    ]
    joined = {field.name: np.concatenate([getattr(part, field.name) for part in both]) for field in fields(Stays)}
    order = np.argsort(_by_day(joined["person"], joined["start"]), kind="stable")
    return Stays(**{name: values[order] for name, values in joined.items()})


def _with(values: Ints, which: NDArray[np.intp], others: Ints | int) -> Ints:
    changed = values.copy()
    changed[which] = others
    return changed


def _by_day(person: Ints, day: Ints) -> NDArray[np.int64]:
    """One number that sorts by person, then by day."""
    key: NDArray[np.int64] = person.astype(np.int64) << 16 | (day - FIRST)
    return key
