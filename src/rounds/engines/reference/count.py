"""Counting one person after the other: who and what is in the denominator, and what of it meets the numerator."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from rounds.engines.asked import Asked, records_question
from rounds.engines.codes import prepare
from rounds.engines.cohorts.entries import check_cohorts
from rounds.engines.grid import Cell, Tally, check_periods, complete_count
from rounds.engines.reference.means import amounts
from rounds.engines.reference.people import Person, Unit
from rounds.engines.reference.reading import read_people
from rounds.engines.reference.rows import number_of
from rounds.measures.choices import Extent
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.in_period import asked_apart
from rounds.measures.kinds import TALLIED
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion
from rounds.measures.strata import Stratum, age_band
from rounds.measures.windows import Anchor
from rounds.records.omop import Records


def count(measure: Measure, records: Records, *, member: str, periods: tuple[Period, ...]) -> Count:
    """Return exact counts of one measure over a site's records; as `count_all`."""
    return count_all((Asked(measure=measure, periods=periods),), records, member=member)[0]


def count_all(asked: Sequence[Asked], records: Records, *, member: str) -> tuple[Count, ...]:
    """Return exact counts of measures over a site's records, in their order, one person after the other.

    Records may reach beyond the last period, and beyond the round's `as_of`; a later row counts where a measure's
    window reaches as far. The site is read once for all of them: that takes longer than counting.

    Args:
        asked: measures that are counted from records.
        records: the site's.
        member: the ODS code the counts belong to.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer a measure; one line for each problem.
        ValueError: if the periods are not in order of their first day.
    """
    for one in asked:
        check_periods(one.measure, one.periods)
    people = _people([one.measure for one in asked], records)
    return tuple(_count(one, people, member=member) for one in asked)


def _count(asked: Asked, people: Sequence[Person], *, member: str) -> Count:
    measure = asked.measure
    by_person: dict[tuple[Cell, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for person, period, unit, (above, below) in _asked_about(measure, people, asked.periods):
        of = (period.start, _levels(person, unit, measure)), person.id
        by_person[of] = (by_person[of][0] + above, by_person[of][1] + below)
    tallies: dict[Cell, Tally] = {}
    for (cell, _), (above, below) in by_person.items():
        tally = (above, below, int(above > 0), int(below > 0))[: TALLIED[measure.kind]]
        tallies[cell] = tuple(a + b for a, b in zip(tallies.get(cell, (0,) * len(tally)), tally, strict=True))
    return complete_count(measure, member=member, periods=asked.periods, tallies=tallies)


def count_by_person(measure: Measure, records: Records, *, periods: tuple[Period, ...]) -> dict[int, tuple[int, int]]:
    """Return of everybody who is asked about how often they are met and how often they are asked, over all periods.

    It is for holding a measure against cases whose answer is known; never let it out of a site.
    """
    check_periods(measure, periods)
    found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for person, _, _, (met, asked) in _asked_about(measure, _people([measure], records), periods):
        found[person.id] = (found[person.id][0] + met, found[person.id][1] + asked)
    return dict(found)


def _people(measures: Sequence[Measure], records: Records) -> list[Person]:
    with records.connect() as connection:
        concepts = prepare(connection, measures, records)
        check_cohorts(connection, measures, records)
        return read_people(connection, measures, concepts)


def _asked_about(
    measure: Measure, people: Sequence[Person], periods: tuple[Period, ...]
) -> Iterator[tuple[Person, Period, Unit, tuple[int, int]]]:
    """Yield everything in the denominator, and what it adds to the numerator and the denominator of its cell."""
    for apart, some in asked_apart(records_question(measure), periods):
        for person in people:
            for period, unit, tally in _tallied(person, apart, some):
                yield person, period, unit, tally


def _tallied(
    person: Person, question: RecordsQuestion, periods: tuple[Period, ...]
) -> Iterator[tuple[Period, Unit, tuple[int, int]]]:
    if isinstance(question.unit, PersonTime):
        for period in periods:
            unit = Unit(first=period.start, last=period.end)
            if person.meets(question.who, unit):
                days, events = _days_and_events(person, question, question.unit, period)
                yield period, unit, (events, days)
        return
    asked = ((period, unit) for period, unit in _units(person, question, periods) if person.meets(question.who, unit))
    if question.amount is not None:
        for period, unit, steps in amounts(person, question.amount, asked):
            yield period, unit, (steps, 1)
        return
    for period, unit in asked:
        yield period, unit, (int(person.meets(question.met, unit)), 1)


def _days_and_events(person: Person, question: RecordsQuestion, unit: PersonTime, period: Period) -> tuple[int, int]:
    if unit.visits is None:
        died = min((row.first for row in person.rows.get((EventTable.DEATH, Extent.FIRST_DAY), [])), default=date.max)
        at_risk = {day for span in person.observed for day in _days_of(*span) if person.earliest_birth <= day <= died}
        counted = at_risk
    else:
        visits = person.events(unit.visits)
        at_risk = {day for visit in visits for day in _days_of(visit.first, visit.last)}
        counted = {day for visit in visits for day in _days_of(visit.first, visit.last) if day < visit.last}
    happening = question.happening
    rows = [
        row
        for row in person.events(happening.events)
        if row.first in at_risk and period.start <= row.first <= period.end
        if person.meets(happening.provided, Unit(first=row.first, last=row.last, row=row))
    ]
    events = number_of(rows, happening.distinct)
    return sum(period.start <= day <= period.end for day in counted), min(events, unit.most_each)


def _days_of(first: date, last: date) -> Iterator[date]:
    return (date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1))


def _units(person: Person, question: RecordsQuestion, periods: tuple[Period, ...]) -> Iterator[tuple[Period, Unit]]:
    counted = question.unit
    if isinstance(counted, PersonTime):
        raise TypeError("time has no units that are counted")
    if isinstance(counted, People):
        for period in periods:
            unit = Unit(first=period.start, last=period.end)
            if person.meets(counted.criterion, unit):
                yield period, unit
        return
    for row in person.events(counted.events):
        day = row.first if counted.counted_on is Anchor.START else row.last
        for period in periods:
            if period.start <= day <= period.end:
                yield period, Unit(first=row.first, last=row.last, row=row)


def _levels(person: Person, unit: Unit, measure: Measure) -> tuple[str, ...]:
    level = {Stratum.AGE_BAND: age_band(person.age(unit.first)) if Stratum.AGE_BAND in measure.strata else ""}
    level[Stratum.SEX] = person.sex
    level |= {grouping.by: person.level(grouping, unit) for grouping in measure.groupings}
    return tuple(level[stratum] for stratum in measure.strata)
