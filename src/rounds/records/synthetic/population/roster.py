"""Who is known at a site, under which person id, and when they were observed there."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.lives import Hazards, Lives, draw_lives
from rounds.records.synthetic.population.places import Places
from rounds.records.synthetic.population.plan import LAST, NEVER, Block, Ints, Mask, Population, Stream
from rounds.records.synthetic.population.rates import AGE_GROUPS

_ANOTHER_PRACTICE: Final = 0.1
_ANOTHER_HOSPITAL: Final = 0.12
_SHORTEST_VISIT: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The people of a block, in the order of their ids. Arrays have shape (people,)."""

    block: Block
    lives: Lives
    resident: Mask
    practice: Ints
    """a row of the site's practices; -1 for visitors"""
    hospital: Ints
    """a row of the site's hospitals: the one this person goes to"""
    home_person_id: Ints
    """of visitors, at the site they live at; else -1"""
    end: Ints
    """the last day of observation"""
    died: Mask
    """while observed here"""
    away_from: Ints
    """the first day away of those who came back, else `NEVER`"""
    away_until: Ints
    """the first day back"""
    age_group: NDArray[np.int8]
    """of `AGE_GROUPS`, in the middle of the observation"""

    @property
    def people(self) -> int:
        return len(self.end)

    @property
    def person_id(self) -> Ints:
        ids: Ints = np.arange(self.people, dtype=np.int32) + np.int32(self.block.first_person_id)
        return ids

    def observed(self, person: Ints, day: Ints) -> Mask:
        """Return whether each person is observed on a day, both arrays of shape (rows,)."""
        inside: Mask = (day >= self.lives.start[person]) & (day <= self.end[person])
        away = (day >= self.away_from[person]) & (day < self.away_until[person])
        return inside & ~away

    def first_record(self, condition: int) -> Ints:
        """Return the day on which a condition is first recorded, or `NEVER`; an earlier onset when observation starts.

        Args:
            condition: its row in `CONDITIONS`.
        """
        day = np.maximum(self.lives.onset[condition], self.lives.start)
        away = (day >= self.away_from) & (day < self.away_until)
        day = np.where(away, self.away_until, day)
        recorded: Ints = np.where(day <= self.end, day, NEVER).astype(np.int32)
        return recorded


def draw_roster(plan: Population, block: Block, *, places: Places, home: Places | None, planted: Hazards) -> Roster:
    """Return the people of a block: those who live at the site and those who only come to it.

    Args:
        plan: what is laid down, the seed included.
        block: whose people.
        places: those of the site.
        home: the places of the site before it, where visitors live; None if nobody visits.
        planted: the hazards of death and onset.
    """
    lives = draw_lives(plan, block, places=places, planted=planted)
    home_person_id = np.full(block.residents, -1, dtype=np.int32)
    resident = np.ones(block.residents, dtype=np.bool_)
    if block.visitors and home is not None:
        home_block = plan.home_block(block)
        visiting, ids = _visitors(plan, block, _in_id_order(plan, home_block, places=home, planted=planted))
        lives = _joined(lives, visiting)
        home_person_id = np.concatenate([home_person_id, ids + np.int32(home_block.first_person_id)])
        resident = np.concatenate([resident, np.zeros(block.visitors, dtype=np.bool_)])
    order = _order(plan, block)
    return _roster(
        plan,
        block,
        places=places,
        lives=_taken(lives, order),
        resident=resident[order],
        home_person_id=home_person_id[order],
    )


def _order(plan: Population, block: Block) -> Ints:
    """Which of the residents and visitors, in this order, has each id of the block."""
    if not block.visitors:
        return np.arange(block.people, dtype=np.int32)
    rng = plan.generator(Stream.RESIDENTS, site=block.site, block=block.number)
    return rng.permutation(block.people).astype(np.int32)


def _in_id_order(plan: Population, block: Block, *, places: Places, planted: Hazards) -> tuple[Lives, Ints]:
    """The residents of a block and the place of each among the block's ids."""
    order = _order(plan, block)
    place = np.empty(block.people, dtype=np.int32)
    place[order] = np.arange(block.people, dtype=np.int32)
    return draw_lives(plan, block, places=places, planted=planted), place[: block.residents]


def _visitors(plan: Population, block: Block, home: tuple[Lives, Ints]) -> tuple[Lives, Ints]:
    """Choose who visits among those of the home block who are alive when they come, and say from when to when."""
    lives, place = home
    rng = plan.generator(Stream.VISITORS, site=block.site, block=block.number)
    size = len(place)
    room = np.maximum(lives.leave - _SHORTEST_VISIT - lives.start, 0)
    comes = lives.start + (rng.random(size) * room).astype(np.int32)
    away = (comes >= lives.gap_start) & (comes < lives.gap_end)
    can_come = (lives.death > comes) & ~away
    chosen = np.lexsort((rng.random(size), ~can_come))[: block.visitors]
    # Somebody who cannot come on the day that was drawn comes on the first day at home, when all are alive.
    start = np.where(can_come, comes, lives.start)[chosen].astype(np.int32)
    stays = _SHORTEST_VISIT + (rng.random(block.visitors) ** 2 * (LAST - start)).astype(np.int32)
    never = np.full(block.visitors, NEVER, dtype=np.int32)
    taken = _taken(lives, chosen.astype(np.int32))
    changed = {
        "start": start,
        "leave": np.minimum(start + stays, LAST).astype(np.int32),
        "gap_start": never,
        "gap_end": never,
    }
    kept = {field.name: getattr(taken, field.name) for field in fields(Lives)}
    return Lives(**{**kept, **changed}), place[chosen]


def _taken(lives: Lives, which: Ints) -> Lives:
    return Lives(**{field.name: getattr(lives, field.name)[..., which] for field in fields(Lives)})


def _joined(first: Lives, second: Lives) -> Lives:
    return Lives(
        **{
            field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)], axis=-1)
            for field in fields(Lives)
        }
    )


def _roster(
    plan: Population, block: Block, *, places: Places, lives: Lives, resident: Mask, home_person_id: Ints
) -> Roster:
    rng = plan.generator(Stream.REGISTRATION, site=block.site, block=block.number)
    size = len(resident)
    elsewhere = rng.random(size, dtype=np.float32) < _ANOTHER_PRACTICE
    practice = np.where(
        elsewhere, rng.integers(0, places.practices, size), places.practice_of_area[lives.area % places.areas]
    )
    farther = (rng.random(size, dtype=np.float32) < _ANOTHER_HOSPITAL) | ~resident
    hospital = np.where(
        farther, rng.integers(0, places.hospitals, size), places.hospital_of_area[lives.area % places.areas]
    )
    returns = (lives.gap_start != NEVER) & (lives.death >= lives.gap_end)
    dies_away = (lives.death >= lives.gap_start) & (lives.death < lives.gap_end)
    end = np.where(dies_away, lives.gap_start - 1, np.minimum(lives.leave, lives.death)).astype(np.int32)
    age = ((lives.start + end) // 2 - lives.birth) / 365.25
    return Roster(
        block=block,
        lives=lives,
        resident=resident,
        practice=np.where(resident, practice, -1).astype(np.int32),
        hospital=hospital.astype(np.int32),
        home_person_id=home_person_id,
        end=end,
        died=(lives.death <= lives.leave) & ~dies_away,
        away_from=np.where(returns, lives.gap_start, NEVER).astype(np.int32),
        away_until=np.where(returns, lives.gap_end, NEVER).astype(np.int32),
        age_group=(np.searchsorted(AGE_GROUPS, age, side="right") - 1).astype(np.int8),
    )
