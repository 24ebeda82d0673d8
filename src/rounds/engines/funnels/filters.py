"""Filters as what is asked of a row, or of a person on a day, in numbers that kernels compare."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from rounds.engines.funnels.kernels import Asked
from rounds.engines.funnels.source import Precision, Source
from rounds.engines.pack.days import LAST_DAY, day_number, years
from rounds.engines.pack.layout import Array, NotCovered, PackTable
from rounds.measures.cohorts.criteria import Criterion
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

EMPTY: Final = {kind: np.empty(0, dtype=kind) for kind in ("uint8", "int16", "int32", "int64", "float32", "uint16")}
"""What asks nothing, by its kind."""
for _array in EMPTY.values():
    _array.setflags(write=False)
_OLDEST: Final = 10_000


def nothing_asked(source: Source) -> Asked:
    """Return what leaves every row as it is."""
    return Asked(
        first_day=0,
        last_day=LAST_DAY,
        value=EMPTY["float32"],
        low=-math.inf,
        high=math.inf,
        unit=EMPTY["int32"],
        units=EMPTY["int64"],
        units_excluded=False,
        answer=EMPTY["int32"],
        answers=EMPTY["int64"],
        answers_excluded=False,
        age_low=-_OLDEST,
        age_high=_OLDEST,
        born=EMPTY["int16"],
        year=years(),
        sex=source.pack.sex,
        sexes=EMPTY["uint8"],
    )


def asked_of_rows(source: Source, table: PackTable, criterion: Criterion, concepts: Concepts) -> Asked:
    """Return what a criterion's filters ask of its rows.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    asked = nothing_asked(source)
    for each in criterion.filters:
        asked = _person_asked(source, asked, each) or _row_asked(source, asked, each, table, criterion, concepts)
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


def _person_asked(source: Source, asked: Asked, each: Filter) -> Asked | None:
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
        found = _person_asked(source, asked, each)
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
