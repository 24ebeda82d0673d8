"""Questions: what is counted, who of it is asked about, and what is asked."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from rounds.errors import DefinitionError
from rounds.measures.amounts import Amount, check_amount
from rounds.measures.choices import Covers, Distinct, Extent
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.criteria import MOST_TIMES, Criterion, Events, Has, Scored, check_askable, everything_in
from rounds.measures.events import EventTable
from rounds.measures.traits import Answer, Marked, Observed
from rounds.measures.windows import AT_END, AT_START, THROUGHOUT, Anchor


class ObservedOn(StrEnum):
    """When somebody must be observed to be counted in a period."""

    ANY_DAY = "any day"
    FIRST_DAY = "first day"
    LAST_DAY = "last day"
    EVERY_DAY = "every day"


_OBSERVED = {
    ObservedOn.ANY_DAY: Observed(window=THROUGHOUT, covers=Covers.ANY_DAY),
    ObservedOn.FIRST_DAY: Observed(window=AT_START),
    ObservedOn.LAST_DAY: Observed(window=AT_END),
    ObservedOn.EVERY_DAY: Observed(window=THROUGHOUT, covers=Covers.EVERY_DAY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody observed in a period, once a period. The unit's first and last day are the period's."""

    observed: ObservedOn = ObservedOn.ANY_DAY

    @property
    def criterion(self) -> Observed:
        return _OBSERVED[self.observed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Every row of some events, in each period that its first (or last) day lies in."""

    events: Events | Scored
    counted_on: Anchor = Anchor.START


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTime:
    """The time that people are at risk in a period, in days: each day of a person once.

    Without `visits` it is the days observed, from birth to the day of death. With them it is the nights in those
    visits: a night belongs to the day it begins on, and the day somebody leaves has none. The unit that `who` and the
    strata are about is the person in the period.
    """

    visits: Events | None = None
    most_each: int = MOST_TIMES
    """The most events of one person that are counted in a period."""

    def __post_init__(self) -> None:
        if self.visits is not None and self.visits.table not in _STAYS:
            raise DefinitionError(f"nights are spent in {' or '.join(sorted(_STAYS))}", field="visits")
        if not 1 <= self.most_each <= MOST_TIMES:
            raise DefinitionError(f"this is from 1 to {MOST_TIMES}, not {self.most_each}", field="most_each")


_STAYS = frozenset({EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL})


@dataclass(frozen=True, kw_only=True)  # without slots: what is worked out of it is kept
class RecordsQuestion:
    """Of the units of which `who` holds, of how many does `numerator` hold? Or how much do they have, on average?

    Of the time of people it asks how often instead: the numerator is the rows that a plain `had` looks for, that start
    on a day at risk; in visits that is from the first to the last day of one of them. Strata, too, are of the unit's
    first day: the age there, and what the person or the row is.
    """

    unit: People | Rows | PersonTime
    numerator: Criterion | None = None
    who: Criterion | None = None
    amount: Amount | None = None
    """What a unit adds to a mean. It stands instead of a numerator."""

    def __post_init__(self) -> None:
        if self.amount is not None:
            self._check_mean(self.amount)
        elif self.numerator is None:
            raise DefinitionError("nothing is asked; add a `numerator`, or a `mean`")
        scored = isinstance(self.unit, Rows) and isinstance(self.unit.events, Scored)
        for criterion in (self.who, self.numerator):
            check_askable(criterion, of=self.table, scored=scored)
        if isinstance(self.unit, PersonTime):
            self._check_countable()

    def _check_mean(self, amount: Amount) -> None:
        if self.numerator is not None:
            raise DefinitionError("either a `numerator` is asked for or a `mean`; remove one", field="mean")
        if isinstance(self.unit, PersonTime):
            raise DefinitionError("a mean is of people, visits or events; days have none", field="mean")
        check_amount(amount, events=self.unit.events if isinstance(self.unit, Rows) else None)
        try:
            check_askable(amount.looks_for, of=self.table)
        except DefinitionError as error:
            raise DefinitionError(str(error), field="mean") from error

    def _check_countable(self) -> None:
        asked = self.numerator
        visits = self.unit.visits if isinstance(self.unit, PersonTime) else None
        if isinstance(visits, Events) and visits.without_end is not Extent.FIRST_DAY:
            raise DefinitionError("nights of visits without an end cannot be counted; remove `without_end`")
        if isinstance(asked, Has) and asked.distinct is Distinct.CODES:
            raise DefinitionError("over time, rows or days are counted, not codes", field="distinct")
        if not isinstance(asked, Has) or asked != Has(
            events=asked.events, provided=asked.provided, distinct=asked.distinct
        ):
            raise DefinitionError(
                "over time, events are counted: write one `had` with nothing but the rows, `provided` and `distinct`",
                field="numerator",
            )

    @property
    def table(self) -> EventTable | None:
        """The table whose rows are counted; None if people are."""
        return self.unit.events.table if isinstance(self.unit, Rows) else None

    @property
    def met(self) -> Criterion:
        """What is asked of each unit.

        Raises:
            TypeError: if the question is about a mean.
        """
        if self.numerator is None:
            raise TypeError("a mean has no numerator")
        return self.numerator

    @property
    def happening(self) -> Has:
        """What is counted over time.

        Raises:
            TypeError: if the question is not about time.
        """
        if not isinstance(self.unit, PersonTime) or not isinstance(self.numerator, Has):
            raise TypeError("only over time are events counted")
        return self.numerator

    @property
    def _counted(self) -> Events | Scored | None:
        """The rows that are units, or whose time is."""
        match self.unit:
            case Rows(events=events):
                return events
            case PersonTime(visits=visits):
                return visits
            case People():
                return None

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """Every criterion of the question, wherever it stands, each once."""
        rows = self._counted.where if self._counted is not None else None
        whole = (rows, self.who, self.numerator, self.looks_for)
        return tuple(dict.fromkeys(part for one in whole for part in everything_in(one)))

    @property
    def looks_for(self) -> Has | None:
        """The rows that a mean is of, where it looks for any."""
        return self.amount.looks_for if self.amount is not None else None

    @cached_property
    def events(self) -> tuple[Events | Scored, ...]:
        """Every set of rows the question is about, each once."""
        counted = [self._counted] if self._counted is not None else []
        return tuple(dict.fromkeys([*counted, *(part.events for part in self.criteria if isinstance(part, Has))]))

    @cached_property
    def code_lists(self) -> tuple[CodeList, ...]:
        """Every code list the question uses, each once."""
        of_rows = [one.codes for one in self.events if isinstance(one, Events) and isinstance(one.codes, CodeList)]
        of_scores = [codes for one in self.events if isinstance(one, Scored) for codes in one.score.code_lists]
        of_answers = [part.codes for part in self.criteria if isinstance(part, Answer)]
        of_details = [part.codes for part in self.criteria if isinstance(part, Marked)]
        return tuple(dict.fromkeys([*of_rows, *of_scores, *of_answers, *of_details]))

    @property
    def asked(self) -> tuple[tuple[EventTable | None, Criterion | None], ...]:
        """Every criterion that is asked of a unit, with the table of whose rows it is asked; None for people."""
        whole = (self.who, self.numerator, self.looks_for)
        found: list[tuple[EventTable | None, Criterion | None]] = [(self.table, one) for one in whole]
        found += [(events.table, events.where) for events in self.events]
        found += [(part.events.table, part.provided) for part in self.criteria if isinstance(part, Has)]
        return tuple(found)

    @cached_property
    def cohorts(self) -> tuple[Cohort, ...]:
        """Every cohort the question uses, each once."""
        named = (one.codes for one in self.events if isinstance(one, Events))
        return tuple(dict.fromkeys(codes for codes in named if isinstance(codes, Cohort)))

    @cached_property
    def tables(self) -> tuple[EventTable, ...]:
        """Every table of events of the site that the question reads itself, sorted."""
        alive = {EventTable.DEATH} if isinstance(self.unit, PersonTime) and self.unit.visits is None else set()
        return tuple(sorted({table for events in self.events for table, _ in events.reads} | alive))


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedQuestion:
    """A numerator and a denominator that somebody else has counted and published, described in words."""

    numerator: str
    denominator: str


Question = RecordsQuestion | PublishedQuestion
