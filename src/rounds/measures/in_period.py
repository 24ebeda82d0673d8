"""Questions that name the period wherever they stand: each is asked of one period, with the period's days put in."""

from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.field_names import field_names
from rounds.measures.groupings import Grouping
from rounds.measures.periods import Period
from rounds.measures.questions import RecordsQuestion
from rounds.measures.traits import Age
from rounds.measures.windows import PeriodAnchor, Window

_Part = TypeVar("_Part")

_WITHOUT_DAYS: Final = frozenset({CodeList, Cohort, Grouping})


def asked_apart(
    question: RecordsQuestion, periods: tuple[Period, ...]
) -> tuple[tuple[RecordsQuestion, tuple[Period, ...]], ...]:
    """Return what to ask of which periods: the question of all at once, unless it names the period itself.

    Args:
        question: what is asked.
        periods: those to count it in.
    """
    if not names_period(question):
        return ((question, periods),)
    return tuple((_put_in(question, period), (period,)) for period in periods)


def names_period(question: RecordsQuestion) -> bool:
    """Say whether a question names the period that is counted, so that each period has a question of its own."""
    return bool(_named(question))


def _named(part: object) -> bool:
    waiting = [part]
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if kind is PeriodAnchor:
            return True
        if kind is tuple:
            waiting += cast("tuple[object, ...]", one)
        # Lists of thousands of codes name no day: to look through them takes longer than through all the rest.
        elif kind not in _WITHOUT_DAYS and (names := field_names(kind)):
            waiting += [getattr(one, name) for name in names]
    return False


def _put_in(part: _Part, period: Period) -> _Part:
    made: Any = part
    match part:
        case Window():
            made = part.in_period(period.start, period.end)
        case Age(at=PeriodAnchor() as named):
            made = replace(part, at=period.start if named is PeriodAnchor.START else period.end)
        case tuple():
            made = tuple(_put_in(item, period) for item in part)
        case _ if (names := field_names(type(part))) and _named(part):
            made = replace(made, **{name: _put_in(getattr(part, name), period) for name in names})
    return made  # type: ignore[no-any-return]  # the same kind of part
