"""Criteria asked of rows: each is worked out for all rows of a block at once, as flags in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from rounds.engines.codes import Concepts
from rounds.engines.pack.blocks import Block, Coded, RowSet, coded, rows_of
from rounds.engines.pack.days import EVERY_BIT, Masks, days_of_year, window_days, years
from rounds.engines.pack.layout import VALUES_IN_SQL, Array, NotCovered, Pack, PackTable
from rounds.engines.pack.levels import Levels
from rounds.engines.pack.orders import ordered
from rounds.engines.pack.row_kernels import CHOOSE, ENDS, INSIDE, OVERLAPS, STARTS, rows_having, rows_observed
from rounds.engines.pack.scores import sets_with_score
from rounds.measures.choices import AgeBy, Covers, Distinct, Extent, Touches
from rounds.measures.criteria import AllOf, AnyOf, Change, Criterion, Events, Has, Lies, Not, Reaches, Scored, Summary
from rounds.measures.events import EventTable
from rounds.measures.person_scores import added_up
from rounds.measures.single_values import by_single_values
from rounds.measures.strata import LEVELS, Stratum
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import AT_START, Anchor

TOUCHES: Final = {Touches.STARTS: STARTS, Touches.ENDS: ENDS, Touches.OVERLAPS: OVERLAPS, Touches.INSIDE: INSIDE}

Flags = Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowCriteria:
    """Works out criteria of rows."""

    pack: Pack
    concepts: Concepts
    levels: Levels
    edges: Array
    """The first person of each block, and the number of people."""
    _coded: dict[object, Coded] = field(default_factory=dict)

    def table(self, table: EventTable) -> PackTable:
        found = self.pack.tables[table]
        if "first" in found.vague or "unit" in found.vague or "answer" in found.vague:
            raise NotCovered(f"{table} has dates before 1900 or after 2079, or concepts above 2,147,483,647")
        return found

    def coded(self, events: Events | Scored) -> Coded:
        """Return the rows that carry the codes, whatever else is asked of them."""
        if isinstance(events, Scored):
            raise TypeError("a set of observations carries no code")
        if events.without_end is not Extent.FIRST_DAY:
            raise NotCovered("rows that go on without an end are found in SQL")
        key = (events.table, events.codes)
        known = self._coded.get(key)
        if known is None:
            concepts = None if events.codes is None else self.concepts[events.codes]
            known = self._coded[key] = coded(key, self.table(events.table), concepts, self.edges)
        return known

    def check(self, events: Events | Scored, *criteria: Criterion | None) -> None:
        """Raise NotCovered if the rows' days are asked for and the pack does not hold them exactly."""
        asked = (events.where, *criteria)
        if isinstance(events, Scored):
            self._of_components(events)
        else:
            self.coded(events)
        for criterion in asked:
            if criterion is not None and isinstance(events, Events) and "last" in self.table(events.table).vague:
                raise NotCovered(f"{events.table} has rows that end after 2079")
            self._check(criterion)

    def refuse_vague(self, events: Events | Scored) -> None:
        """Raise NotCovered unless the pack holds every day and number of some rows exactly."""
        if isinstance(events, Events) and self.table(events.table).vague:
            raise NotCovered(f"{events.table} has rows that end after 2079")

    def _check(self, criterion: Criterion | None) -> None:
        match criterion:
            case Has():
                of = criterion.events
                if isinstance(of, Events) and "last" in self.table(of.table).vague:
                    raise NotCovered(f"{criterion.events.table} has rows that end after 2079")
                self.check(criterion.events, criterion.provided)
            case Marked() | Result():
                raise NotCovered("what a row says of itself beside its code and value is looked up in SQL")
            case AllOf(of=several) | AnyOf(of=several) | Reaches(criteria=several):
                for part in several:
                    self._check(part)
            case Summary() | Change():
                self._check(single_values(criterion))
            case Not(of=one):
                self._check(one)
            case Observed() if self.pack.observed_vague:
                raise NotCovered("there are observation periods before 1900 or after 2079")

    def rows(self, block: Block, events: Events | Scored) -> RowSet:
        """Return the rows that are meant, by person and moment."""
        if events in block.rows:
            return block.rows[events]
        found = self._found(block, events, EVERY_BIT, EVERY_BIT)
        if events.where is not None or events.first:
            found = found.where(self.flags(found, events.where), first=events.first)
        block.rows[events] = found
        return found

    def rows_touching(self, block: Block, events: Events | Scored, of_first: Masks, of_last: Masks) -> RowSet:
        """Return as `rows`, but only those that lie in one of some windows."""
        if events.first:  # the first of all may lie in none
            return self.rows(block, events)
        found = self._found(block, events, of_first, of_last)
        return found if events.where is None else found.where(self.flags(found, events.where), first=False)

    def _found(self, block: Block, events: Events | Scored, of_first: Masks, of_last: Masks) -> RowSet:
        if isinstance(events, Events):
            return rows_of(block, self.coded(events), of_first, of_last)
        of_day = of_first & of_last  # a set lasts one day, whatever its rows do
        of_components = [rows_of(block, found, of_day) for found in self._of_components(events)]
        return sets_with_score(block, events.score, of_components, self.concepts)

    def _of_components(self, scored: Scored) -> list[Coded]:
        return [self.coded(Events(table=EventTable(one.table), codes=one.codes)) for one in scored.score.components]

    def flags(self, units: RowSet, criterion: Criterion | None) -> Flags:  # noqa: PLR0912  one branch for each kind
        """Return of which rows a criterion holds."""
        match criterion:
            case None:
                return np.ones(len(units.at), dtype=np.bool_)
            case Age():
                return self._age(units, criterion)
            case Sex():
                named = named_levels(LEVELS[Stratum.SEX], criterion.among)
                return np.asarray(named[self.pack.sex[units.person()]])
            case InGroup(grouping=grouping, among=among):
                named = named_levels(grouping.levels, among)
                return np.asarray(named[self.levels.of_rows(grouping, units)])
            case Observed():
                return self._observed(units, criterion)
            case Value():
                return _in_range(units, criterion)
            case Answer():
                return np.isin(units.column("answer"), np.asarray(self.concepts[criterion.codes], dtype=np.int64))
            case Lies():
                return _lying(units, criterion)
            case Marked() | Result():
                raise NotCovered("it was refused before")
            case Has():
                return self._has(units, criterion)
            case Summary() | Change():
                return self.flags(units, single_values(criterion))
            case AllOf():
                return np.asarray(np.all([self.flags(units, part) for part in criterion.of], axis=0))
            case AnyOf():
                met = np.sum([self.flags(units, part) for part in criterion.of], axis=0)
                return np.asarray(met >= criterion.at_least)
            case Reaches():
                points = np.sum([one.points * self.flags(units, one.to) for one in added_up(criterion)], axis=0)
                return np.asarray(points >= criterion.at_least)
            case Not():
                return np.logical_not(self.flags(units, criterion.of))

    def _age(self, units: RowSet, asked: Age) -> Flags:
        person = units.person()
        if isinstance(asked.at, Anchor):
            day = units.days("first" if asked.at is Anchor.START else "last")
            year, of_year = years()[day], days_of_year()[day]
        else:
            fixed = asked.day(date.min, date.max)
            year, of_year = np.array(fixed.year), np.array(fixed.month * 100 + fixed.day)
        age = year - self.pack.born[person]
        if asked.by is AgeBy.BIRTHDAY:
            age = age - (of_year < days_of_year()[self.pack.birth[person]])
        low = -np.inf if asked.low is None else asked.low
        return np.asarray((age >= low) & (age <= (np.inf if asked.high is None else asked.high)))

    def _observed(self, units: RowSet, asked: Observed) -> Flags:
        every_day = asked.covers is Covers.EVERY_DAY
        if asked.window == AT_START and units.table.has("inside"):
            return units.column("inside").astype(np.bool_)
        if asked.window == AT_START:
            return np.ones(len(units.at), dtype=np.bool_)
        low, high = window_days(asked.window, units.days("first"), units.days("last"))
        out, pack = np.zeros(len(units.at), dtype=np.bool_), self.pack
        spans = (pack.observed_start, pack.observed_first, pack.observed_last)
        rows_observed(out, units.person(), low, high, *spans, every_day)
        return out

    def _has(self, units: RowSet, asked: Has) -> Flags:
        order = ordered(self.rows(units.block, asked.events), asked)
        found = order.rows
        provided = self.flags(found, asked.provided)
        low, high = window_days(asked.window, units.days("first"), units.days("last"))
        out = np.zeros(len(units.at), dtype=np.bool_)
        rows_having(
            out,
            units.person() - units.block.base,
            low,
            high,
            units.column("visit"),
            found.begin,
            found.column("first"),
            order.minutes,
            found.column("last"),
            found.column("visit"),
            provided,
            order.once,
            TOUCHES[asked.touches],
            CHOOSE[asked.choose],
            asked.at_least,
            asked.distinct is not Distinct.ROWS,
            asked.same_visit,
        )
        return out


def single_values(criterion: Summary | Change) -> Criterion:
    """Return what asks of each value alone and is met just where a criterion of several values is.

    Raises:
        NotCovered: if there is no such criterion.
    """
    found = by_single_values(criterion) if isinstance(criterion, Summary) else None
    if found is None:
        raise NotCovered(VALUES_IN_SQL)
    return found


def _lying(units: RowSet, asked: Lies) -> Flags:
    first, last = units.days("first"), units.days("last")
    low, high = window_days(asked.window, first, last)
    met = low <= high
    match asked.touches:
        case Touches.STARTS:
            met &= (low <= first) & (first <= high)
        case Touches.ENDS:
            met &= (low <= last) & (last <= high)
        case Touches.OVERLAPS:
            met &= (first <= high) & (last >= low)
        case Touches.INSIDE:
            met &= (low <= first) & (last <= high)
    return np.asarray(met)


def named_levels(levels: Sequence[str], among: Sequence[str]) -> Array:
    """Say of each level whether it is among those that are meant."""
    return np.array([level in among for level in levels])


def _in_range(units: RowSet, asked: Value) -> Flags:
    value = units.column("value")
    found = ~np.isnan(value)
    if asked.units:
        found &= np.isin(units.column("unit"), asked.units)
    if asked.low is not None:
        low = np.float32(asked.low)
        found &= (value >= low) if asked.low_included else (value > low)
    if asked.high is not None:
        high = np.float32(asked.high)
        found &= (value <= high) if asked.high_included else (value < high)
    return np.asarray(found)
