"""What had been recorded by a day: some rows come late, some are corrected later, some should never have been there.

Settled records have none of this. Whatever is drawn here is drawn for all rows, whatever the day, so that the records
of two days differ in nothing but what was recorded, corrected or withdrawn between them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.columns import Columns, taken
from rounds.records.synthetic.population.plan import Ints, Mask, Population, Stream, day_number
from rounds.records.synthetic.population.roster import Roster
from rounds.records.synthetic.population.tables import SCHEMAS

USUAL_DELAY_DAYS: Final = 3
LATE_DAYS: Final = (30, 180)
CORRECTED_AFTER_DAYS: Final = 90
WITHDRAWN_AFTER_DAYS: Final = 60
_WRONG_BY_DAYS: Final = 14


def numbered(roster: Roster, columns: Columns) -> Columns:
    """Return the rows with an `id` each. A row keeps its id whatever day the records are of."""
    first = roster.block.first_row_id
    return {**columns, "id": np.arange(first, first + len(columns["person"]), dtype=np.int64)}


def as_recorded(plan: Population, roster: Roster, table: str, columns: Columns) -> Columns:
    """Return a table's rows as they stood at the end of `plan.as_of`.

    Args:
        plan: what is laid down.
        roster: whose rows.
        table: its name; each has random numbers of its own.
        columns: the settled rows, with `person`, `start` and `id`.
    """
    if plan.as_of is None:
        return columns
    today = day_number(plan.as_of)
    rng = _generator(plan, roster, table)
    rows = len(columns["person"])
    recorded = columns["start"] + _delays(rng, plan, rows)
    at_first_wrong = rng.random(rows) < plan.flaws.corrected
    wrong_by = rng.integers(1, _WRONG_BY_DAYS + 1, rows, dtype=np.int32)
    in_error = rng.random(rows) < plan.flaws.withdrawn
    changed = _wrong(roster, columns, at_first_wrong & (today < recorded + CORRECTED_AFTER_DAYS), wrong_by)
    seen = recorded <= today
    twice = seen & in_error & (today < recorded + WITHDRAWN_AFTER_DAYS)
    again = taken(changed, twice)
    again["id"] = again["id"] + rows
    kept = taken(changed, seen)
    both = {name: np.concatenate([kept[name], again[name]]) for name in kept}
    return taken(both, np.argsort(both["person"], kind="stable"))


def deaths_known(plan: Population, roster: Roster) -> Mask:
    """Return of whom the death is recorded by `plan.as_of`."""
    if plan.as_of is None:
        return roster.died
    delay = _delays(_generator(plan, roster, "death"), plan, roster.people)
    # In 64 bits, for those who never die.
    known: Mask = roster.died & (roster.lives.death.astype(np.int64) + delay <= day_number(plan.as_of))
    return known


def _generator(plan: Population, roster: Roster, table: str) -> np.random.Generator:
    stream = Stream.RECORDING + list(SCHEMAS).index(table)
    return plan.generator(stream, site=roster.block.site, block=roster.block.number)


def _delays(rng: np.random.Generator, plan: Population, rows: int) -> Ints:
    late = rng.random(rows) < plan.flaws.late
    usual = rng.integers(0, USUAL_DELAY_DAYS + 1, rows, dtype=np.int32)
    delays: Ints = np.where(late, rng.integers(LATE_DAYS[0], LATE_DAYS[1] + 1, rows, dtype=np.int32), usual)
    return delays


def _wrong(roster: Roster, columns: Columns, which: NDArray[np.bool_], by_days: Ints) -> Columns:
    """The rows with an earlier day where they are still wrong; numbers have the point in the wrong place."""
    person = columns["person"]
    day = columns["start"] - by_days
    # Not earlier than the observation, or a quality check would find what nobody could have recorded.
    day = np.where(roster.observed(person, day), day, columns["start"])
    changed = {**columns, "start": np.where(which, day, columns["start"]).astype(np.int32)}
    if "value" in columns:
        changed["value"] = np.where(which, columns["value"] * 10, columns["value"]).astype(np.float32)
    return changed
