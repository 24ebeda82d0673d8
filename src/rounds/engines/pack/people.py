"""Builds what a pack says of people: their numbers, when they were born, and when they are observed."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import numpy as np

from rounds.engines.pack import sorting
from rounds.engines.pack.build_groups import plan_groups
from rounds.engines.pack.columns import Columns
from rounds.engines.pack.days import LAST_DAY, ORIGIN, clipped
from rounds.engines.pack.files import new_array, room_aside
from rounds.engines.pack.grown_files import CannotGrow
from rounds.engines.pack.layout import Array, empty_array
from rounds.engines.pack.marks import ByMark, marks_of
from rounds.engines.pack.numbering import Known
from rounds.engines.pack.parts import Part, parts_now
from rounds.engines.pack.reading import NOTHING, Batch, batches, observed_wanted, people_wanted
from rounds.engines.pack.together import all_of
from rounds.measures.strata import LEVELS, Stratum
from rounds.records.omop import Records
from rounds.records.quality import EARLIEST_YEAR_OF_BIRTH, Source
from rounds.records.tables import OBSERVATION_PERIOD, PERSON

R = TypeVar("R")

YEARS: Final = 10_000
"""A sex times so many and a year of birth are a group."""
_PORTION: Final = 250_000
_OBSERVED: Final = ("first", "last")
_OF_GROUP: Final = {"sex": "uint8", "born": "int16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody who is counted."""

    number: int
    """How many they are."""
    known: Known | ByMark
    """The number of each id."""
    care_sites: Known | None
    """The places of care sites among their ids; None if the site has no such table."""
    manifest: dict[str, Any]

    def __len__(self) -> int:
        return self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """People who have numbers already, and keep them."""

    number: int
    known: ByMark
    care_sites: Array | None
    """The ids whose places rows hold; None if there are none."""
    parts: Sequence[Part] = ()
    """The files that they were read from."""

    def keeping(self, ids: Array, order: Array) -> Array:
        """Return an order of people in which those who are known stand at their numbers, and the others behind.

        Args:
            ids: as they were read.
            order: of those who are counted.

        Raises:
            CannotGrow: if somebody is not there any more, or two of them have one mark.
        """
        numbers = self.known.numbers(ids[order])
        known = numbers >= 0
        found = np.full(self.number, -1, dtype=np.int32)
        found[numbers[known]] = order[known]
        if np.count_nonzero(known) != self.number or (self.number and found.min() < 0):
            raise CannotGrow("somebody is gone")
        return np.concatenate([found, order[~known]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Observation periods: those of person p stand at start[p]..start[p + 1]."""

    start: Array
    first: Array
    last: Array
    vague: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What rows of `person` tell of everybody."""

    id: Array
    group: Array
    """Sex and year of birth as one number; -1 for who is not counted."""
    birth: Array
    earliest: Array
    sure: bool
    """Whether the day of birth of everybody who is counted is known."""
    left_out: int
    """The earliest year of birth of who is born too late to be counted."""

    @property
    def counted(self) -> Array:
        return self.group >= 0

    @property
    def summed_up(self) -> "Told":
        """Return what is left to know when the columns have been taken."""
        none = empty_array("int64")
        return replace(self, id=none, group=none, birth=none, earliest=none)


def told_of(found: Columns, records: Records) -> Told:
    """Return what some rows of `person` tell of everybody: who is excluded, or cannot be born so, is not counted."""
    born, day = found["born"], found["day"]
    allowed = True if records.excluded is None else ~records.excluded.holds(found["person_id"])
    counted = (born >= EARLIEST_YEAR_OF_BIRTH) & (born <= records.as_of.year) & allowed
    since = np.where(counted, born, EARLIEST_YEAR_OF_BIRTH)  # years that cannot be may have no months
    return Told(
        id=found["person_id"],
        group=np.where(counted, found["sex"].astype(np.int32) * YEARS + born, -1),
        birth=_birthdays(since, found["month"], day),
        earliest=_birthdays(since, found["earliest"], day),
        sure=bool(found["sure"][counted].all()),
        left_out=int(born.min(initial=YEARS, where=born > records.as_of.year)),
    )


def source_of(records: Records, table: str) -> Source:
    """Return a table that every site has."""
    return next(source for source in records.sources if source.table.name == table)


def build_people(
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    records: Records,
    key: bytes,
    pool: Executor,
    *,
    before: Numbered | None = None,
) -> People:
    """Number people by sex, year of birth and id, and write down when they were born.

    Whoever was born in a year that cannot be, or is excluded, is not counted, and has no number. Everybody gets a mark,
    by which a later pack knows them again.

    Args:
        folder: of the pack.
        connection: to the records.
        records: the site's.
        key: of the marks, sixteen bytes.
        before: people who keep the numbers they have.

    Raises:
        CannotGrow: if one of those is not counted any more.
    """
    source = source_of(records, PERSON.name)
    groups = plan_groups(folder, connection, records, care_sites=before.care_sites if before else None)
    several = batches(source, people_wanted(tuple(one.column for one in groups.columns)), connection)
    for one in groups.columns:
        one.begin(folder, _rows(several))
    columns = {"id": "int64", "group": "int32", "birth": "uint16", "earliest": "uint16"}
    read = {name: room_aside(folder, _rows(several), kind) for name, kind in columns.items()}

    def take(some: slice, found: Columns) -> Told:
        told = told_of(found, records)
        for name, column in read.items():
            column[some] = getattr(told, name)
        for one in groups.columns:
            one.take(some, np.where(told.counted, found[one.column], NOTHING))
        return told.summed_up

    told = _each(several, take, connection, pool)
    sure, left_out = all(one.sure for one in told), min((one.left_out for one in told), default=YEARS)
    order = _order(folder, read["id"], read["group"])
    if before is not None:
        order = before.keeping(read["id"], order)
    for one in groups.columns:
        one.finish(folder, order)
    for name in ("birth", "earliest"):
        of = order[:0] if name == "earliest" and sure else order
        sorting.pick(read[name], of, new_array(folder, f"people.{name}", kind="uint16", length=len(of)))
    ids, group = room_aside(folder, len(order), "int64"), room_aside(folder, len(order), "int32")
    sorting.pick(read["id"], order, ids)
    sorting.pick(read["group"], order, group)
    marks_of(ids, key, out=new_array(folder, "people.mark", kind="int64", length=len(order)))
    parts = parts_now(source, before.parts if before else ())
    manifest = {"people": len(order), "born": [_spread(folder, group), left_out], **groups.manifest}
    manifest["unsure"] = not sure
    manifest["parts_of_people"] = [part.as_json() for part in parts]
    known = Known.of(ids, aside=folder)
    return People(number=len(ids), known=known, care_sites=groups.care_sites, manifest=manifest)


def _spread(folder: Path, group: Array) -> int:
    """Write down the sex and the year of birth of groups, and return the latest year."""
    sex, born = (new_array(folder, f"people.{name}", kind=kind, length=len(group)) for name, kind in _OF_GROUP.items())
    for at in range(0, len(group), _PORTION):
        some = slice(at, at + _PORTION)
        sex[some], born[some] = np.divmod(group[some], YEARS)
    return int(born.max(initial=0))


def _order(folder: Path, ids: Array, group: Array) -> Array:
    """Return the order of people by group and id; a group of -1 is left out."""
    bounds = np.zeros(len(LEVELS[Stratum.SEX]) * YEARS + 1, dtype=np.int64)
    order = room_aside(folder, len(group), "int32")
    sorting.by_slot(group, 0, bounds, order)
    for one in np.flatnonzero(np.diff(bounds)):  # a group at a time takes little memory
        of_one = order[bounds[one] : bounds[one + 1]]
        its_ids = ids[of_one]
        if np.any(its_ids[1:] < its_ids[:-1]):
            of_one[:] = of_one[np.argsort(its_ids, kind="stable")]
    return order[: bounds[-1]]


def _birthdays(born: Array, month: Array, day: Array) -> Array:
    """Return the day people were born on, a month's last where their month is shorter."""
    starts = _months()
    number = born * 12 + month - 1
    return clipped(np.minimum(starts[number] + day - 1, starts[number + 1] - 1))


@cache
def _months() -> Array:
    """Return the first day of each month from January of the year 0 on."""
    months = np.arange(-1970 * 12, (YEARS - 1970) * 12 + 1).astype("datetime64[M]")
    return (months.astype("datetime64[D]") - np.datetime64(ORIGIN)).astype(np.int64)


def build_observation(
    folder: Path, connection: duckdb.DuckDBPyConnection, records: Records, people: People, pool: Executor
) -> Observation:
    """Write down when people are observed."""
    several = batches(source_of(records, OBSERVATION_PERIOD.name), observed_wanted(), connection)
    person, *days = (room_aside(folder, _rows(several), kind) for kind in ("int32", "uint16", "uint16"))

    def take(some: slice, found: Columns) -> bool:
        person[some] = people.known.numbers(found["person_id"])
        lost = [sorting.clip(found[name], LAST_DAY, column[some]) for name, column in zip(_OBSERVED, days, strict=True)]
        return any(lost)

    vague = any(_each(several, take, connection, pool))
    start = new_array(folder, "observed.start", kind="int64", length=len(people) + 1)
    order = room_aside(folder, len(person), "int32")
    sorting.by_slot(person, 0, start, order)
    order = order[: start[-1]]
    first, last = (new_array(folder, f"observed.{name}", kind="uint16", length=len(order)) for name in _OBSERVED)
    for column, out in zip(days, (first, last), strict=True):
        sorting.pick(column, order, out)
    sorting.order_periods(start, first, last)
    return Observation(start=start, first=first, last=last, vague=vague)


def _rows(several: list[Batch]) -> int:
    return sum(batch.rows for batch in several)


def _each(
    several: list[Batch],
    take: Callable[[slice, Columns], R],
    connection: duckdb.DuckDBPyConnection,
    pool: Executor,
) -> list[R]:
    """Take what each batch holds to where its rows stand among those of all."""
    stops = np.cumsum([batch.rows for batch in several], dtype=np.int64).tolist()

    def read(number: int) -> R:
        batch = several[number]
        return take(slice(stops[number] - batch.rows, stops[number]), batch.read(connection))

    return all_of(pool, read, range(len(several)))
