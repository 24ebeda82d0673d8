"""Criteria as rows: which rows of the pack a criterion of a cohort means."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rounds.engines.funnels.kernels import Asked, first_days, keep
from rounds.engines.funnels.source import CHUNKS, Precision, Source
from rounds.engines.pack.blocks import coded
from rounds.engines.pack.days import LAST_DAY, day_number, years
from rounds.engines.pack.layout import Array, NotCovered, PackTable
from rounds.measures.cohorts.criteria import Criterion
from rounds.measures.cohorts.domains import TABLES, Domain, End
from rounds.measures.cohorts.filters import (
    Comparison,
    ConceptFilter,
    ConceptSetFilter,
    DateFilter,
    Filter,
    NumberFilter,
    Operand,
)
from rounds.measures.cohorts.filters import (
    Source as From,
)
from rounds.measures.strata import LEVELS, SEX_BY_CONCEPT, Stratum

Concepts = Mapping[int, frozenset[int]]
"""What each concept set means."""

_EMPTY: Final = {kind: np.empty(0, dtype=kind) for kind in ("uint8", "int16", "int32", "int64", "float32", "uint16")}
for _array in _EMPTY.values():
    _array.setflags(write=False)
NO_DAYS: Final = _EMPTY["int32"]
_OLDEST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Rows in parts that are each sorted by person, and where each chunk of people begins and ends in each part."""

    person: Array
    day: Array
    last: Array
    """Empty where it was not asked for."""
    starts: Array
    """Shape (chunks, parts)."""
    stops: Array
    asked: Asked | None = None
    """What rows must still be."""

    @property
    def no_more(self) -> bool:
        """Whether nothing but a value is still asked of rows."""
        asked = self.asked
        others = () if asked is None else (asked.unit, asked.answer, asked.born, asked.sexes)
        dated = asked is not None and (asked.first_day > 0 or asked.last_day < LAST_DAY)
        return not dated and not any(len(other) for other in others)

    @property
    def rows(self) -> int:
        return int(np.sum(self.stops - self.starts))


def plain_rows(
    source: Source, criterion: Criterion, concepts: Concepts, *, ends: bool = False, later: bool = False
) -> Found:
    """Return the rows that a criterion's own attributes leave.

    Args:
        source: where to look.
        criterion: what is correlated is not looked at.
        concepts: what concept sets mean.
        ends: whether the last days are needed.
        later: whether filters may be left to be looked at later, as `asked`.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    table = _table(source, criterion)
    chosen = None if criterion.concept_set is None else tuple(sorted(concepts[criterion.concept_set]))
    rows = coded((criterion.domain, chosen), table, chosen, source.edges)
    if ends and (TABLES[criterion.domain].ends is not End.RECORDED or not source.knows_ends(table.table)):
        raise NotCovered(f"the ends of {criterion.domain} are not all recorded")
    bounds = np.ascontiguousarray(rows.bounds.T)
    found = Found(
        person=table.columns["person"],
        day=table.first,
        last=table.last if ends else _EMPTY["uint16"],
        starts=bounds[:-1],
        stops=bounds[1:],
    )
    if not criterion.filters and not criterion.first:
        return found
    asked = _asked(source, table, criterion, concepts)
    if criterion.first and (len(asked.value) or len(asked.unit) or len(asked.answer)):
        raise NotCovered("of rows on one day the first is found by its key")
    if not criterion.first and later:
        return replace(found, asked=asked)
    if ends:
        raise NotCovered("the ends of rows that are filtered are not kept")
    if criterion.first:
        found = _first_rows(source, found)
    return _kept(source, found, asked) if criterion.filters else found


def _table(source: Source, criterion: Criterion) -> PackTable:
    if criterion.source_concept_set is not None:
        raise NotCovered("source concepts are not in the pack")
    if criterion.adjustment is not None or criterion.user_period is not None:
        raise NotCovered("dates that are moved are looked up in SQL")
    if criterion.domain is Domain.DEATH and criterion.concept_set is not None:
        raise NotCovered("causes of death are not in the pack")
    return source.table(TABLES[criterion.domain].name)


def _first_rows(source: Source, found: Found) -> Found:
    def work(chunk: int) -> tuple[Array, Array]:
        base, stop = source.people(chunk)
        best = np.full(stop - base, LAST_DAY, dtype=np.uint16)
        first_days(found.person, found.day, found.starts[chunk], found.stops[chunk], base, best)
        people = np.flatnonzero(best < LAST_DAY)
        return (people + base).astype(np.int32), best[people]

    return _joined([(person, day, np.array([len(person)])) for person, day in source.each_chunk(work)])


def _kept(source: Source, found: Found, asked: Asked) -> Found:
    def work(chunk: int) -> tuple[Array, Array, Array]:
        starts, stops = found.starts[chunk], found.stops[chunk]
        room = int(np.sum(stops - starts))
        person, day = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.uint16)
        ends = np.zeros(len(starts), dtype=np.int64)
        keep(found.person, found.day, starts, stops, asked, person, day, ends)
        number = int(ends[-1]) if len(ends) else 0
        return person[:number], day[:number], ends

    return _joined(source.each_chunk(work))


def _joined(chunks: list[tuple[Array, Array, Array]]) -> Found:
    """Return the rows of all chunks, of each of which is said where its parts end."""
    parts = max((len(ends) for _, _, ends in chunks), default=0)
    starts, stops = np.zeros((CHUNKS, parts), dtype=np.int64), np.zeros((CHUNKS, parts), dtype=np.int64)
    at = 0
    for chunk, (person, _, ends) in enumerate(chunks):
        stops[chunk] = at + ends
        starts[chunk] = at + np.concatenate([[0], ends[:-1]])
        at += len(person)
    return Found(
        person=np.concatenate([person for person, _, _ in chunks]),
        day=np.concatenate([day for _, day, _ in chunks]),
        last=_EMPTY["uint16"],
        starts=starts,
        stops=stops,
    )


def joined_rows(several: list[Found]) -> Found:
    """Return the rows of several criteria together."""
    if len(several) == 1:
        return several[0]
    shifts = np.cumsum([0, *(len(found.person) for found in several[:-1])])
    return Found(
        person=np.concatenate([found.person for found in several]),
        day=np.concatenate([found.day for found in several]),
        last=_EMPTY["uint16"],
        starts=np.concatenate([found.starts + at for found, at in zip(several, shifts, strict=True)], axis=1),
        stops=np.concatenate([found.stops + at for found, at in zip(several, shifts, strict=True)], axis=1),
    )


def own_rows(source: Source, person: Array, day: Array) -> Found:
    """Return rows that are sorted by person as what was found."""
    edges = np.searchsorted(person, source.edges)
    return Found(
        person=person,
        day=day,
        last=_EMPTY["uint16"],
        starts=np.ascontiguousarray(edges[:-1, None]),
        stops=np.ascontiguousarray(edges[1:, None]),
    )


def nothing_asked(source: Source) -> Asked:
    return Asked(
        first_day=0,
        last_day=LAST_DAY,
        value=_EMPTY["float32"],
        low=-math.inf,
        high=math.inf,
        unit=_EMPTY["int32"],
        units=_EMPTY["int64"],
        units_excluded=False,
        answer=_EMPTY["int32"],
        answers=_EMPTY["int64"],
        answers_excluded=False,
        age_low=-_OLDEST,
        age_high=_OLDEST,
        born=_EMPTY["int16"],
        year=years(),
        sex=source.pack.sex,
        sexes=_EMPTY["uint8"],
    )


def _asked(source: Source, table: PackTable, criterion: Criterion, concepts: Concepts) -> Asked:
    asked = nothing_asked(source)
    for each in criterion.filters:
        asked = person_asked(source, asked, each) or _row_asked(source, asked, each, table, criterion, concepts)
    return asked


def _row_asked(
    source: Source, asked: Asked, each: Filter, table: PackTable, criterion: Criterion, concepts: Concepts
) -> Asked:
    match each:
        case NumberFilter(operand=Operand(source=From.OWN, column="value_as_number")) if not len(asked.value):
            meant = None if criterion.concept_set is None else concepts[criterion.concept_set]
            return _valued(source, asked, each, table, meant)
        case ConceptFilter(operand=Operand(source=From.OWN, column=column)):
            return _coded(asked, column, frozenset(each.concepts), each.exclude, table)
        case ConceptSetFilter(operand=Operand(source=From.OWN, column=column), concept_set=int(number)):
            return _coded(asked, column, concepts[number], each.exclude, table)
    raise NotCovered(f"{_what(each)} of {criterion.domain} is looked up in SQL")


def _what(each: Filter) -> str:
    operand = getattr(each, "operand", None)
    if not isinstance(operand, Operand):
        return type(each).__name__
    return f"{operand.source} {operand.column}".strip()


def _valued(
    source: Source, asked: Asked, each: NumberFilter, table: PackTable, concepts: frozenset[int] | None
) -> Asked:
    if not table.has("value"):
        raise NotCovered(f"{table.table} has no numbers in the pack")
    low, low_included, high, high_included = _range(each)
    precision = source.precision(table.table, concepts)
    if precision is Precision.DECIMALS:
        low, high = _rounded(low, table), _rounded(high, table)
    elif precision is Precision.NEITHER:
        raise NotCovered(f"single precision cannot tell the numbers of {table.table}")
    return asked._replace(
        value=table.columns["value"],
        low=low if low_included else math.nextafter(low, math.inf),
        high=high if high_included else math.nextafter(high, -math.inf),
    )


def _rounded(limit: float, table: PackTable) -> float:
    """Return a limit as single precision holds it, if what that writes is the limit."""
    rounded = np.float32(limit)
    if math.isfinite(limit) and float(str(rounded)) != limit:
        raise NotCovered(f"single precision cannot tell the numbers of {table.table}")
    return float(rounded)


def _coded(asked: Asked, column: str, concepts: frozenset[int], excluded: bool, table: PackTable) -> Asked:
    several = np.array(sorted(concepts), dtype=np.int64)
    # In SQL nothing is excluded by an empty list, not even what is unknown.
    if not len(several) and excluded:
        return asked
    if column == "unit_concept_id" and table.has("unit") and not len(asked.unit):
        return asked._replace(unit=table.columns["unit"], units=several, units_excluded=excluded)
    if column == "value_as_concept_id" and table.has("answer") and not len(asked.answer):
        return asked._replace(answer=table.columns["answer"], answers=several, answers_excluded=excluded)
    raise NotCovered(f"{column} is looked up in SQL")


def person_asked(source: Source, asked: Asked, each: Filter) -> Asked | None:
    """Add what a filter asks of a person on the day of a row; None if it asks of anything else.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    match each:
        case NumberFilter(operand=Operand(source=From.AGE_AT_START)):
            youngest, oldest = _ages(each)
            return asked._replace(
                born=source.pack.born, age_low=max(asked.age_low, youngest), age_high=min(asked.age_high, oldest)
            )
        case DateFilter(operand=Operand(source=From.START)):
            first, last = _days(each)
            return asked._replace(first_day=max(asked.first_day, first), last_day=min(asked.last_day, last))
        case ConceptFilter(operand=Operand(source=From.PERSON, column="gender_concept_id"), exclude=False):
            if not set(each.concepts) <= set(SEX_BY_CONCEPT) or len(asked.sexes):
                raise NotCovered("of genders the pack knows female and male only")
            meant = {SEX_BY_CONCEPT[concept] for concept in each.concepts}
            sexes = np.array([level in meant for level in LEVELS[Stratum.SEX]], dtype=np.uint8)
            return asked._replace(sexes=sexes)
        case _:
            return None


def asked_of_people(source: Source, filters: tuple[Filter, ...]) -> Asked:
    """Return what some filters ask of a person on a day.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    asked = nothing_asked(source)
    for each in filters:
        found = person_asked(source, asked, each)
        if found is None:
            raise NotCovered(f"{_what(each)} of a person is looked up in SQL")
        asked = found
    return asked


def person_flags(source: Source, asked: Asked, person: Array, day: Array) -> Array:
    """Return which persons on which days are as asked."""
    flags = (day >= asked.first_day) & (day <= asked.last_day)
    if len(asked.born):
        age = years()[day] - source.pack.born[person]
        flags &= (age >= asked.age_low) & (age <= asked.age_high)
    if len(asked.sexes):
        flags &= asked.sexes.astype(np.bool_)[source.pack.sex[person]]
    return np.asarray(flags)


def _ages(each: NumberFilter) -> tuple[int, int]:
    """Return the youngest and the oldest age that a filter leaves."""
    low, low_included, high, high_included = _range(each)
    youngest, oldest = -_OLDEST, _OLDEST
    if math.isfinite(low):
        youngest = math.ceil(low) + (low == math.ceil(low) and not low_included)
    if math.isfinite(high):
        oldest = math.floor(high) - (high == math.floor(high) and not high_included)
    return youngest, oldest


def _range(each: NumberFilter) -> tuple[float, bool, float, bool]:
    value = each.value
    match each.comparison:
        case Comparison.LT:
            return -math.inf, True, value, False
        case Comparison.LTE:
            return -math.inf, True, value, True
        case Comparison.EQ:
            return value, True, value, True
        case Comparison.GT:
            return value, False, math.inf, True
        case Comparison.GTE:
            return value, True, math.inf, True
        case Comparison.BETWEEN if each.extent is not None:
            return value, True, each.extent, True
    raise NotCovered("numbers that are not something are looked up in SQL")


def _days(each: DateFilter) -> tuple[int, int]:
    day = day_number(each.value)
    match each.comparison:
        case Comparison.LT:
            return 0, day - 1
        case Comparison.LTE:
            return 0, day
        case Comparison.EQ:
            return day, day
        case Comparison.GT:
            return day + 1, LAST_DAY
        case Comparison.GTE:
            return day, LAST_DAY
        case Comparison.BETWEEN if each.extent is not None:
            return day, day_number(each.extent)
    raise NotCovered("dates that are not something are looked up in SQL")
