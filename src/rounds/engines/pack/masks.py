"""Criteria asked of people in periods, as steps. The same criterion in the same periods is the same step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

import numpy as np

from rounds.engines.pack.blocks import Block, RowSet
from rounds.engines.pack.days import EVERY_BIT, LAST_DAY, Masks, Span, begun_by, day_number, ending_by, inside, is_open
from rounds.engines.pack.kernels import Sieve
from rounds.engines.pack.layout import Array, NotCovered, PackTable, empty_array
from rounds.engines.pack.row_criteria import RowCriteria, named_levels, single_values
from rounds.engines.pack.steps import (
    ByBirth,
    Combined,
    Contrary,
    HavingAny,
    HavingChosen,
    HavingFirst,
    HavingFirstDay,
    HavingRows,
    InObservation,
    OfLevel,
    SameInRange,
    Shared,
    Step,
)
from rounds.measures.choices import AgeBy, Choose, Covers, Distinct, Stands, Touches
from rounds.measures.criteria import AllOf, AnyOf, Change, Criterion, Has, Lies, Not, Reaches, Scored, Summary, parts
from rounds.measures.periods import Period
from rounds.measures.person_scores import added_up
from rounds.measures.strata import LEVELS, Stratum
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import AT_START, Anchor, Window, add_months

MOST_PERIODS: Final = 64
_YOUNGEST, _OLDEST = -10_000, 10_000


@dataclass(slots=True, kw_only=True)
class PeriodMasks:
    """Turns criteria into steps for some periods, at most `MOST_PERIODS`."""

    rows: RowCriteria
    periods: tuple[Period, ...]
    _steps: dict[object, Shared] = field(default_factory=dict)
    _days: dict[object, Masks] = field(default_factory=dict)
    _spans: dict[Window, list[Span]] = field(default_factory=dict)

    def step(self, criterion: Criterion) -> Shared:
        """Return the step of a criterion.

        Raises:
            NotCovered: if the pack cannot tell.
        """
        known = self._steps.get(criterion)  # once: to hash a criterion is to hash all that it is made of
        if known is None:
            known = self._steps[criterion] = Shared(step=self._made(criterion))
        return known

    def all_of(self, *several: Criterion | None) -> Shared:
        """Return the step of several criteria together."""
        asked = tuple(one for one in several if one is not None)
        return self.step(asked[0] if len(asked) == 1 else AllOf(of=asked))

    def _made(self, criterion: Criterion) -> Step:
        match criterion:
            case Age():
                return self._age(criterion)
            case Sex():
                named = named_levels(LEVELS[Stratum.SEX], criterion.among)
                everybody = np.where(named, ~np.uint64(0), np.uint64(0)).astype(np.uint64)
                pack = self.rows.pack
                return SameInRange(of_range=everybody[pack.sex[pack.ranges[:-1]]])
            case InGroup(grouping=grouping, among=among):
                wanted = np.where(named_levels(grouping.levels, among), ~np.uint64(0), np.uint64(0))
                return OfLevel(levels=self.rows.levels, grouping=grouping, wanted=wanted.astype(np.uint64))
            case Observed():
                return self._observed(criterion)
            case Has():
                return self._has(criterion)
            case Summary() | Change():
                return self._made(single_values(criterion))
            case AllOf(of=several):
                return Combined(of=tuple(map(self.step, several)), at_least=len(several))
            case AnyOf(of=several, at_least=number):
                return Combined(of=tuple(map(self.step, several)), at_least=number)
            case Reaches(at_least=number):
                # A step that is named as often as it has points counts so often.
                of = [self.step(one.to) for one in added_up(criterion) for _ in range(min(one.points, number))]
                return Combined(of=tuple(of), at_least=number)
            case Not(of=one):
                return Contrary(of=self.step(one))
            case Lies():
                return self._lies(criterion)
            case Value() | Answer() | Marked() | Result():
                raise ValueError("a person in a period has no value")

    def spans(self, window: Window) -> list[Span]:
        known = self._spans.get(window)
        if known is None:
            found = [window.on(period.start, period.end) for period in self.periods]
            known = self._spans[window] = [(day_number(first), day_number(last)) for first, last in found]
        return known

    def _masks(self, kind: str, window: Window) -> Masks:
        known = self._days.get((kind, window))
        if known is None:
            make = {"inside": inside, "ending": ending_by, "begun": begun_by}[kind]
            known = self._days[kind, window] = make(self.spans(window))
        return known

    def _lies(self, asked: Lies) -> Step:
        met = [
            asked.touches.holds((period.start, period.end), asked.window.on(period.start, period.end))
            for period in self.periods
        ]
        mask = sum(1 << place for place, one in enumerate(met) if one)
        return SameInRange(of_range=np.full(len(self.rows.pack.ranges) - 1, mask, dtype=np.uint64))

    def _age(self, asked: Age) -> Step:
        days = [asked.day(period.start, period.end) for period in self.periods]
        if asked.by is AgeBy.BIRTHDAY:
            return ByBirth(of_day=inside([_born_between(asked, day) for day in days]))
        pack = self.rows.pack
        age = np.array([day.year for day in days]) - pack.born[pack.ranges[:-1]].astype(np.int64)[:, None]
        met = np.ones(age.shape, dtype=np.bool_)
        if asked.low is not None:
            met &= age >= asked.low
        if asked.high is not None:
            met &= age <= asked.high
        bits = np.uint64(1) << np.arange(len(days), dtype=np.uint64)
        return SameInRange(of_range=np.bitwise_or.reduce(np.where(met, bits, np.uint64(0)), axis=1))

    def _observed(self, asked: Observed) -> Step:
        self._refuse_far(asked.window, self.rows.pack.observed_vague, "observation periods")
        if asked.covers is Covers.ANY_DAY:
            return InObservation(
                of_first=self._masks("ending", asked.window), of_last=self._masks("begun", asked.window)
            )
        # A window is covered if it begins on the observation's first day or later and ends on its last or earlier.
        spans = self.spans(asked.window)
        held = [first <= last and not is_open(first) and not is_open(last) for first, last in spans]
        far = 2 * LAST_DAY
        begins = inside([(-1, first) if met else (1, 0) for (first, _), met in zip(spans, held, strict=True)])
        ends = inside([(last, far) if met else (1, 0) for (_, last), met in zip(spans, held, strict=True)])
        return InObservation(of_first=begins, of_last=ends)

    def _refuse_far(self, window: Window, vague: bool, what: str) -> None:
        if not vague:
            return
        edges = [day for span in self.spans(window) for day in span if not is_open(day)]
        if any(not 0 < day < LAST_DAY for day in edges):
            raise NotCovered(f"a window reaches beyond 1900 to 2079, and so do {what}")

    def _has(self, asked: Has) -> Step:
        self.rows.check(asked.events, asked.provided)
        table = None if isinstance(asked.events, Scored) else self.rows.coded(asked.events).table
        if table is not None:
            self._refuse_far(asked.window, "last" in table.vague, f"rows of {asked.events.table}")
        of_first, of_last = EVERY_BIT, EVERY_BIT
        match asked.touches:
            case Touches.STARTS:
                of_first = self._masks("inside", asked.window)
            case Touches.ENDS:
                of_last = self._masks("inside", asked.window)
            case Touches.OVERLAPS:
                of_first, of_last = self._masks("ending", asked.window), self._masks("begun", asked.window)
            case Touches.INSIDE:
                of_first, of_last = self._masks("begun", asked.window), self._masks("ending", asked.window)
        if table is not None and asked.distinct is Distinct.ROWS:
            simple = self._one_pass(asked, table, of_first, of_last)
            if simple is not None:
                return simple
        return HavingRows(
            rows=partial(_rows, self.rows, asked, of_first, of_last),
            provided=None if asked.provided is None else partial(_flags, self.rows, asked.provided),
            of_first=of_first,
            of_last=of_last,
            asked=asked,
        )

    def _one_pass(self, asked: Has, table: PackTable, of_first: Masks, of_last: Masks) -> Step | None:
        """Return the quick way, which looks at each row once; None if rows must be brought into order."""
        coded = self.rows.coded(asked.events)
        where, provided = asked.events.where, asked.provided
        if asked.choose is not Choose.ANY:
            chosen_of, must_be = self._sieve(table, where), self._sieve(table, provided)
            by_moment = asked.stands is Stands.AT_THE_MOMENT and not asked.events.first
            if not by_moment or chosen_of is None or must_be is None:
                return None
            return HavingChosen(
                coded=coded,
                sieve=chosen_of,
                provided=must_be,
                of_first=of_first,
                of_last=of_last,
                last=asked.choose is Choose.LAST,
            )
        if asked.events.first:
            first, then = self._sieve(table, where), self._sieve(table, provided)
            if first is None or asked.at_least > 1:
                return None
            by_day = self._first_day(asked, first, of_first, of_last)
            if by_day is not None:
                return by_day
            besides = None if then is not None or provided is None else partial(_flags, self.rows, provided)
            return HavingFirst(
                coded=coded,
                sieve=first,
                provided=then or _every_row(table),
                besides=besides,
                of_first=of_first,
                of_last=of_last,
            )
        both = tuple(one for one in (where, provided) if one is not None)
        sieve = self._sieve(table, AllOf(of=both) if both else None)
        if sieve is None:
            return None
        return HavingAny(
            coded=coded,
            sieve=sieve if len(sieve.value) > 0 or len(sieve.answer) > 0 else None,
            inside=len(sieve.inside) > 0,
            of_first=of_first,
            of_last=of_last,
            at_least=asked.at_least,
        )

    def _first_day(self, asked: Has, sieve: Sieve, of_first: Masks, of_last: Masks) -> Step | None:
        """Return the way that needs only the day of a first row; None if more of the row is asked."""
        age = asked.provided
        if len(sieve.value) > 0 or len(sieve.answer) > 0 or of_last is not EVERY_BIT:
            return None
        if age is not None and not (isinstance(age, Age) and age.at is Anchor.START):
            return None
        return HavingFirstDay(
            coded=self.rows.coded(asked.events),
            inside=len(sieve.inside) > 0,
            of_first=of_first,
            low=_YOUNGEST if age is None or age.low is None else age.low,
            high=_OLDEST if age is None or age.high is None else age.high,
            birthdays=age is not None and age.by is AgeBy.BIRTHDAY,
        )

    def _sieve(self, table: PackTable, criterion: Criterion | None) -> Sieve | None:
        """Return a criterion of rows as a sieve; None if it is more than a sieve can say."""
        asked = [part for part in parts(criterion) if not isinstance(part, AllOf)]
        kinds = [type(part) for part in asked]
        if any(isinstance(part, AnyOf | Not) for part in asked) or len(set(kinds)) < len(kinds):
            return None
        column = table.columns
        sieve = _every_row(table)
        for part in asked:
            match part:
                case Observed(window=window) if window == AT_START:
                    sieve = sieve._replace(inside=column["inside"])
                case Value(low=low, high=high):
                    if not table.has("value"):
                        return None
                    sieve = sieve._replace(
                        value=column["value"],
                        units=_fixed(sorted(part.units)),
                        low=np.float32(-np.inf if low is None else low),
                        low_included=part.low_included or low is None,
                        high=np.float32(np.inf if high is None else high),
                        high_included=part.high_included or high is None,
                    )
                case Answer(codes=codes):
                    if not table.has("answer"):
                        return None
                    sieve = sieve._replace(answer=column["answer"], answers=_fixed(self.rows.concepts[codes]))
                case _:
                    return None
        return sieve


def _every_row(table: PackTable) -> Sieve:
    return Sieve(
        inside=_NO_FLAGS,
        value=_NO_VALUES,
        unit=table.columns["unit"],
        units=_NO_CONCEPTS,
        low=np.float32(-np.inf),
        low_included=True,
        high=np.float32(np.inf),
        high_included=True,
        answer=_NO_ANSWERS,
        answers=_NO_CONCEPTS,
    )


def _rows(criteria: RowCriteria, asked: Has, of_first: Masks, of_last: Masks, block: Block) -> RowSet:
    return criteria.rows_touching(block, asked.events, of_first, of_last)


def _flags(criteria: RowCriteria, provided: Criterion, rows: RowSet) -> Array:
    return criteria.flags(rows, provided)


def _born_between(asked: Age, day: date) -> Span:
    """Return the first and the last day of birth of those who have the age on a day."""
    last = LAST_DAY if asked.low is None else day_number(add_months(day, -12 * asked.low))
    first = 0 if asked.high is None else day_number(add_months(day, -12 * (asked.high + 1))) + 1
    return max(first, 0), last


def _fixed(numbers: Sequence[int]) -> Array:
    array = np.asarray(numbers, dtype=np.int64)
    array.setflags(write=False)
    return array


_NO_FLAGS: Final = empty_array("uint8")
_NO_VALUES: Final = empty_array("float32")
_NO_ANSWERS: Final = empty_array("int32")
_NO_CONCEPTS: Final = empty_array("int64")
