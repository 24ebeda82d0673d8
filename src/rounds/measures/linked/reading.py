"""Reading questions: what each number of a measure counts, as a box of units, and how strata part it."""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue
from rounds.measures.choices import Choose, Covers
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.criteria import AllOf, AnyOf, Change, Criterion, Events, Has, Lies, Not, Reaches, Scored, Summary
from rounds.measures.definitions import Measure
from rounds.measures.in_period import asked_apart
from rounds.measures.linked.conditions import (
    NOT_SO,
    SEX,
    SO,
    AmongFirst,
    Answered,
    Box,
    Changed,
    Coded,
    Covered,
    First,
    Limit,
    Limits,
    Looked,
    Lying,
    Measured,
    Points,
    SomeOf,
    Summarised,
    Trait,
    WithAmount,
    WithResult,
    both,
    every,
    frozen,
    opaque,
)
from rounds.measures.linked.laying import Asked, age_limit, span
from rounds.measures.linked.places import BANDS, SEXES, Places, of_levels
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, PublishedQuestion, RecordsQuestion, Rows
from rounds.measures.single_values import by_single_values
from rounds.measures.strata import LEVELS, Stratum
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value

NUMERATOR, DENOMINATOR = "numerator", "denominator"
ROLES = (NUMERATOR, DENOMINATOR)

Levels = tuple[tuple[Trait, tuple[int, ...]], ...]
"""For each stratum in its order its trait, and for each of its levels the values that belong to it: all, each once."""


@dataclass(frozen=True)  # without slots: it is a key, and its hash is kept in its box
class Shape:
    """What one number of a measure counts in a period, and how strata part it."""

    box: Box
    levels: Levels


class Reader:
    """Reads measures that are to be compared with one another: values of attributes have the same bits in all."""

    def __init__(self) -> None:
        self._places = Places()

    def shape(self, measure: Measure, role: str, period: Period | None = None) -> Shape:
        """Return what a number of a measure counts.

        Args:
            measure: any.
            role: `numerator` or `denominator`.
            period: the one to put in, so that what is counted in it can be compared with another; without it windows
                stay relative to a period, and shapes may be compared where both are of the same one.
        """
        question = measure.question
        if isinstance(question, PublishedQuestion):
            kind = ("published", measure.id, measure.version, measure.digest, period)
            of = {opaque(SomeOf(of=frozenset(), at_least=1)): SO} if role == NUMERATOR else {}
            return Shape(Box(kind, frozenset(of.items())), ())
        if period is not None:
            ((question, _),) = asked_apart(question, (period,))
        asked = Asked(rows=isinstance(question.unit, Rows), counted=True, period=period)
        return Shape(self._box(question, role, asked), self._strata(measure, asked))

    def whenever(self, measure: Measure, role: str) -> Box:
        """Return what a number would count if windows from the unit had no edges and no age were asked for.

        In whatever periods two numbers are counted, what is said of them there is mostly said of these, too.
        """
        question = measure.question
        if isinstance(question, PublishedQuestion):
            return self.shape(measure, role).box
        return self._box(question, role, Asked(rows=isinstance(question.unit, Rows), counted=True, ever=True))

    def _box(self, question: RecordsQuestion, role: str, asked: Asked) -> Box:
        limits = self._together(question.who, asked)
        match question.unit:
            case People(criterion=observed):
                kind: tuple[object, ...] = ("people",)
                limits = both(limits, self._together(observed, asked))
            case Rows(events=events, counted_on=counted_on):
                rows = self._rows(events)
                kind = (*rows.kind, counted_on)
                limits = both(limits, rows.limits)
            case PersonTime(visits=visits, most_each=most_each):
                spent = None if visits is None else self._rows(visits)
                if role == DENOMINATOR:
                    return Box(("days", spent), limits)
                had = self._looked(question.happening, replace(asked, rows=False))
                return Box(("happenings", spent, had.rows, had.distinct, most_each), limits)
            case _:
                assert_never(question.unit)
        if question.amount is not None:
            return self._mean(question.amount, role, Box(kind, limits), asked)
        if role == NUMERATOR:
            limits = both(limits, self._together(question.met, asked))
        return Box(kind, limits)

    def _mean(self, amount: Amount, role: str, units: Box, asked: Asked) -> Box:
        quantity = self._quantity(amount, asked)
        limits = units.limits
        if amount.if_missing is None and not isinstance(amount.of, HowMany):
            limits = both(limits, frozenset({(opaque(WithAmount(quantity=quantity)), SO)}))
        if asked.rows:
            period = () if asked.period is None else (asked.period,)
            few = AmongFirst(of=Box(units.kind, limits), most_each=amount.most_each, period=period)
            limits = both(limits, frozenset({(opaque(few), SO)}))
        if role == DENOMINATOR:
            return Box(units.kind, limits)
        steps = (amount.low, amount.high, amount.step, amount.if_missing)
        return Box(("steps", units.kind, quantity, *steps), limits)

    def _quantity(self, amount: Amount, asked: Asked) -> tuple[object, ...]:
        match amount.of:
            case Nights() | OwnValue():
                return (type(amount.of).__name__,)
            case FoundValue(rows=rows, take=take):
                return ("found", self._looked(rows, asked), take)
            case HowMany(rows=rows):
                return ("how many", self._looked(rows, asked))
            case _:
                assert_never(amount.of)

    def _rows(self, events: Events | Scored) -> Box:
        """Return the rows that are meant."""
        asked = Asked(rows=True)
        limits = self._together(events.where, asked)
        if isinstance(events, Scored):
            kind: tuple[object, ...] = ("rows", frozen(events.score.meaning))
        else:
            kind = ("rows", events.table, events.without_end)
            if events.codes is not None:
                limits = both(limits, frozenset({(opaque(coded(events.codes)), SO)}))
        if events.first:
            limits = both(limits, frozenset({(opaque(First(of=Box(kind, limits))), SO)}))
        return Box(kind, limits)

    def _together(self, criterion: Criterion | None, asked: Asked) -> Limits:
        """Return the limits that a unit meets if and only if it meets a criterion."""
        return every(self._limits(criterion, asked)) if criterion is not None else frozenset()

    def _limits(self, criterion: Criterion, asked: Asked) -> Iterator[tuple[Trait, int]]:
        match criterion:
            case AllOf(of=several):
                for one in several:
                    yield from self._limits(one, asked)
            case AnyOf(of=several, at_least=number) if number == len(several):
                for one in several:
                    yield from self._limits(one, asked)
            case AnyOf(of=several, at_least=number):
                yield from _some([self._together(one, asked) for one in several], number)
            case Not(of=AnyOf(of=several, at_least=1)):
                for one in several:
                    yield from self._limits(Not(of=one), asked)
            case Not(of=Not(of=one)):
                yield from self._limits(one, asked)
            case Not(of=one):
                yield from _contrary(self._together(one, asked))
            case Summary():
                yield from self._summary(criterion, asked)
            case Change():
                yield from self._change(criterion, asked)
            case _:
                yield self._limit(criterion, asked)

    def _limit(self, criterion: Criterion, asked: Asked) -> tuple[Trait, int]:  # noqa: PLR0912  one for each kind
        match criterion:
            case Age():
                return age_limit(criterion, asked)
            case Sex(among=among):
                return SEX, of_levels(SEXES, LEVELS[Stratum.SEX], among)
            case InGroup(grouping=grouping, among=among):
                return self._places.trait(grouping, asked), of_levels(
                    self._places.values(grouping, asked), grouping.levels, among
                )
            case Observed(window=window, covers=covers):
                days = span(window, asked)
                one_day = days[0] is not None and days[0] == days[1]
                return opaque(Covered(window=days, covers=Covers.EVERY_DAY if one_day else covers)), SO
            case Value():
                return opaque(_measured(criterion)), SO
            case Answer(codes=codes):
                return opaque(Answered(codes=coded(codes))), SO
            case Marked(detail=detail, codes=codes):
                return opaque(Answered(codes=coded(codes), detail=detail)), SO
            case Result():
                return opaque(WithResult()), SO
            case Lies(window=window, touches=touches):
                return opaque(Lying(window=span(window, asked), touches=touches)), SO
            case Has():
                return opaque(self._looked(criterion, asked)), SO
            case Reaches():
                graded = Counter(
                    tuple((given.points, self._together(given.to, asked)) for given in one.given)
                    for one in criterion.of
                )
                return opaque(Points(of=frozenset(graded.items()), at_least=criterion.at_least)), SO
            case AllOf() | AnyOf() | Not() | Summary() | Change():
                raise TypeError("what is made of other criteria is more than one limit")
            case _:
                assert_never(criterion)  # a new criterion must say here what it limits

    def _looked(self, had: Has, asked: Asked) -> Looked:
        found = self._rows(had.events)
        provided = self._together(had.provided, Asked(rows=True))
        return Looked(
            rows=Box(found.kind, both(found.limits, provided)),
            chosen_among=None if had.choose is Choose.ANY else found,
            window=span(had.window, asked),
            touches=had.touches,
            at_least=had.at_least,
            distinct=had.distinct,
            choose=had.choose,
            stands=had.stands,
            same_visit=had.same_visit,
        )

    def _summary(self, summary: Summary, asked: Asked) -> Iterator[tuple[Trait, int]]:
        """Yield that there are values, and on which side of each limit their summary lies."""
        said = by_single_values(summary)
        if said is not None:
            yield from self._limits(said, asked)
            return
        values = self._looked(summary.rows, asked)
        yield opaque(values), SO
        for least, allowed in _sides(summary.limits):
            yield opaque(Summarised(of=summary.of, values=values, least=least)), allowed

    def _change(self, change: Change, asked: Asked) -> Iterator[tuple[Trait, int]]:
        """Yield that there are two values, and on which side of each limit their difference lies."""
        of, since = self._looked(change.of, asked), self._looked(change.since, asked)
        yield opaque(Changed(of=of, since=since, least=None)), SO
        for least, allowed in _sides(change.limits):
            yield opaque(Changed(of=of, since=since, least=least)), allowed

    def _strata(self, measure: Measure, asked: Asked) -> Levels:
        groupings = {grouping.by: grouping for grouping in measure.groupings}
        found: list[tuple[Trait, tuple[int, ...]]] = []
        for stratum in measure.strata:
            if stratum is Stratum.AGE_BAND:
                trait, _ = age_limit(Age(low=0), asked)
                found.append((trait, BANDS))
            elif stratum is Stratum.SEX:
                found.append((SEX, SEXES))
            else:
                grouping = groupings[stratum]
                found.append((self._places.trait(grouping, asked), self._places.values(grouping, asked)))
        return tuple(found)


def coded(codes: CodeList | Cohort) -> Coded:
    """Return which codes are meant."""
    if isinstance(codes, Cohort):
        return Coded(cohort=codes.digest)
    named, left_out = frozenset(codes.concept_ids), frozenset(codes.excluded_ids)
    if codes.descendants:
        return Coded(concepts=named, descendants=True, excluded=left_out)
    return Coded(concepts=named - left_out)


def _some(several: list[Limits], at_least: int) -> Iterator[tuple[Trait, int]]:
    traits = {trait for limits in several for trait, _ in limits}
    if at_least == 1 and len(traits) == 1 and all(len(limits) == 1 for limits in several):
        allowed = 0
        for limits in several:
            for _, values in limits:
                allowed |= values
        yield traits.pop(), allowed
        return
    yield opaque(SomeOf(of=frozenset(Counter(several).items()), at_least=at_least)), SO


def _contrary(limits: Limits) -> Iterator[tuple[Trait, int]]:
    if len(limits) == 1:
        ((trait, allowed),) = limits
        yield trait, ~allowed
        return
    # Met where all are; of no limits at all that is always.
    yield opaque(SomeOf(of=frozenset({(limits, 1)}), at_least=1)), NOT_SO


def _measured(value: Value) -> Measured:
    low = None if value.low is None else (_single(value.low), value.low_included)
    high = None if value.high is None else (_single(value.high), value.high_included)
    return Measured(units=frozenset(value.units), low=low, high=high)


def _sides(limits: Value) -> Iterator[tuple[Limit, int]]:
    """Yield on which side of each of its limits a number lies: at least there, or not above."""
    if limits.low is not None:
        yield (limits.low, limits.low_included), SO
    if limits.high is not None:
        yield (limits.high, not limits.high_included), NOT_SO


def _single(number: float) -> float:
    """Return a number as single precision holds it, as values are."""
    return float(struct.unpack("f", struct.pack("f", number))[0])
