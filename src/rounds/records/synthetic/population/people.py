"""The tables of people and of when they were observed."""

from typing import Final

import numpy as np
import polars as pl

from rounds.records.synthetic.population.places import Places
from rounds.records.synthetic.population.plan import NEVER, Mask, Population, day_number
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.tables import frame
from rounds.records.synthetic.population.vocabulary import ETHNIC_GROUPS, FEMALE, MALE, NOT_HISPANIC

_LATER_ID: Final = 5_000_000
"""added to the id of a person's second observation period"""


def people(rng: np.random.Generator, plan: Population, roster: Roster, places: Places) -> pl.DataFrame:
    """Return the person table of a block. Who had not come by `plan.as_of` is not in it."""
    lives, flaws = roster.lives, plan.flaws
    size = roster.people
    day = lives.birth.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    year = day.astype("datetime64[Y]").astype(np.int32) + 1970
    groups, shares = zip(*ETHNIC_GROUPS, strict=True)
    drawn = np.searchsorted(np.cumsum(shares), rng.random(size))
    race = np.array([*groups, 0], dtype=np.int32)[drawn]
    columns = {
        "person_id": roster.person_id,
        "gender_concept_id": np.where(_chosen(rng, size, flaws.sex_unknown), 0, np.where(lives.female, FEMALE, MALE)),
        "year_of_birth": year,
        "month_of_birth": month.astype(np.int32) % 12 + 1,
        "day_of_birth": np.where(
            _chosen(rng, size, flaws.day_of_birth_missing), -1, (day - month).astype(np.int32) + 1
        ),
        "race_concept_id": np.where(_chosen(rng, size, flaws.ethnicity_missing), 0, race),
        "ethnicity_concept_id": np.full(size, NOT_HISPANIC),
        "location_id": np.where(
            _chosen(rng, size, flaws.address_missing) | ~roster.resident, -1, places.location_id(lives.area)
        ),
        "care_site_id": np.where(roster.resident, places.practice_id(roster.practice), -1),
    }
    if plan.as_of is None:
        return frame("person", columns)
    come = lives.start <= day_number(plan.as_of)
    return frame("person", {name: values[come] for name, values in columns.items()})


def observation_periods(plan: Population, roster: Roster, deaths_known: Mask) -> pl.DataFrame:
    """Return when the people of a block were observed, as known on `plan.as_of`: once, or before and after a time away.

    Args:
        plan: what is laid down.
        roster: whose observation.
        deaths_known: of whom the death is recorded; who died and is not known to have, seems to be observed still.
    """
    end, today = roster.end, NEVER
    if plan.as_of is not None:
        today = day_number(plan.as_of)
        end = np.where(roster.died & ~deaths_known, today, np.minimum(end, today)).astype(np.int32)
    start, went = roster.lives.start, roster.away_from != NEVER
    first = np.flatnonzero(start <= today)
    second = np.flatnonzero(went & (roster.away_until <= today))
    person = np.concatenate([first, second])
    starts = np.concatenate([start[first], roster.away_until[second]])
    ends = np.concatenate([np.minimum(end[first], roster.away_from[first] - 1), end[second]])
    ids = roster.block.first_row_id + person.astype(np.int64)
    ids[len(first) :] += _LATER_ID
    order = np.lexsort((starts, person))
    return frame(
        "observation_period",
        {
            "observation_period_id": ids[order],
            "person_id": roster.person_id[person[order]],
            "observation_period_start_date": starts[order],
            "observation_period_end_date": ends[order],
        },
    )


def _chosen(rng: np.random.Generator, size: int, share: float) -> Mask:
    chosen: Mask = rng.random(size) < share
    return chosen
