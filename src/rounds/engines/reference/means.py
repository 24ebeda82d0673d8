"""Means: what a person's units have of what is asked, in steps, and which of them count."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import assert_never

from rounds.engines.reference.people import Person, Unit
from rounds.engines.reference.rows import chosen, number_of
from rounds.engines.rows import GOES_ON_TO
from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue, Take
from rounds.measures.choices import Choose, Stands
from rounds.measures.criteria import Has
from rounds.measures.periods import Period


def amounts(person: Person, asked: Amount, units: Iterable[tuple[Period, Unit]]) -> Iterator[tuple[Period, Unit, int]]:
    """Yield a person's units that have an amount, each with its steps; of one period at most so many, the first ones.

    Args:
        person: whose units they are.
        asked: what each adds.
        units: in the order of their moments in each period.
    """
    counted: Counter[Period] = Counter()
    for period, unit in units:
        quantity = _quantity(person, asked, unit)
        steps = asked.steps_if_missing if quantity is None else asked.in_steps(quantity)
        if steps is not None and counted[period] < asked.most_each:
            counted[period] += 1
            yield period, unit, steps


def _quantity(person: Person, asked: Amount, unit: Unit) -> float | None:
    match asked.of:
        case Nights():
            return (unit.last - unit.first).days if unit.last < GOES_ON_TO else None
        case OwnValue():
            return unit.row.value if unit.row is not None else None
        case HowMany(rows=rows):
            return number_of(person.found(rows, unit), rows.distinct)
        case FoundValue(rows=rows, take=take):
            return _taken(person, rows, take, unit)
        case _:
            assert_never(asked.of)


def _taken(person: Person, rows: Has, take: Take, unit: Unit) -> float | None:
    found = person.found(rows, unit)
    values = [row.value for row in found if row.value is not None]
    if not values:
        return None
    match take:
        case Take.LOWEST:
            return min(values)
        case Take.HIGHEST:
            return max(values)
        case Take.FIRST | Take.LAST:
            choose = Choose.FIRST if take is Take.FIRST else Choose.LAST
            return chosen(found, choose, Stands.AT_THE_MOMENT)[0].value
        case _:
            assert_never(take)
