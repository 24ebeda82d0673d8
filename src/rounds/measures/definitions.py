"""What a measure is: a reviewed question, counted per period and stratum."""

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Final

from rounds.errors import DefinitionError
from rounds.measures.amounts import Amount
from rounds.measures.choices import Extent, Stands
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.completeness import Need, check_needs
from rounds.measures.criteria import Events, Has, Reaches
from rounds.measures.field_names import field_names
from rounds.measures.groupings import GROUPED, Grouping, check_grouped
from rounds.measures.kinds import CountKind
from rounds.measures.periods import LONGEST_SPAN, Grain, Period, period_label, periods_between
from rounds.measures.questions import People, PersonTime, PublishedQuestion, Question, RecordsQuestion, Rows
from rounds.measures.scores import Score
from rounds.measures.standards import Standard
from rounds.measures.strata import LEVELS, Stratum

MOST_GROUPS = 1000
"""The cells of one period: more would mostly hold nobody, or somebody."""


_DAYS_OF_UNIT = {"person-years": 365.25, "person-days": 1.0}


class Better(StrEnum):
    """Which way is improvement."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, kw_only=True)  # without slots: its digest is kept
class Measure:
    """A reviewed question with an id and a version. Its digest fixes its meaning."""

    id: str
    version: int
    title: str
    description: str
    question: Question
    grain: Grain
    strata: tuple[Stratum, ...]
    per: int
    """The rate is shown per this many: 100 for a percentage, 1000 for a rate per 1,000."""
    unit: str
    """What one of the denominator is, in the plural: "admissions", "people", "attendances"."""
    better: Better
    author: str
    reviewer: str
    next_review: date
    target: float | None = None
    """What the network aims at, in the units of the rate."""
    groupings: tuple[Grouping, ...] = ()
    """What the levels are of each of the strata that need saying, in their order."""
    needs: tuple[Need, ...] = ()
    """How complete the records must be; a site where they are less so is flagged, and counted all the same."""
    standard: Standard | None = None
    """The population that the centre standardises rates to, from the counts by age band and sex."""
    span: int = 1
    """How many grains a period lasts. Above 1 periods overlap: twelve months that move on by a month."""
    shown_in: str | None = None
    """What a mean is in, such as nights; None if it is no mean."""

    def __post_init__(self) -> None:
        if self.version < 1:
            raise DefinitionError(f"a version is 1 or more, not {self.version}", field="version")
        if self.per < 1:
            raise DefinitionError(f"`per` is 1 or more, not {self.per}", field="per")
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        if len(set(self.strata)) != len(self.strata):
            raise DefinitionError("a stratum is named twice; keep one", field="strata")
        if isinstance(self.question, PublishedQuestion) and self.strata:
            raise DefinitionError("published counts have no strata here; remove `strata`", field="strata")
        if self.grain is Grain.ALL and Stratum.AGE_BAND in self.strata:
            raise DefinitionError("a person has no one age over all dates; remove `age_band`", field="strata")
        self._check_groupings()
        self._check_time()
        self._check_mean()
        if self.target is not None and not self.shown_from <= self.target <= self.shown_to:
            upper = "or more" if math.isinf(self.shown_to) else f"to {self.shown_to:g}"
            raise DefinitionError(
                f"a target here is {self.shown_from:g} {upper}, not {self.target:g}; correct it or `per`",
                field="target",
            )
        if self.standard is not None and not {Stratum.AGE_BAND, Stratum.SEX} <= set(self.strata):
            raise DefinitionError("rates are standardised by age and sex; add both strata", field="standard")
        check_needs(self.needs, self.question, self.strata)
        longest = 1 if self.grain is Grain.ALL else LONGEST_SPAN
        if not 1 <= self.span <= longest:
            long = "all dates are one period" if longest == 1 else f"a period lasts 1 to {longest} {self.grain}s"
            raise DefinitionError(f"{long}, not {self.span}; correct `span`", field="span")

    def _check_groupings(self) -> None:
        if [grouping.by for grouping in self.groupings] != [stratum for stratum in self.strata if stratum in GROUPED]:
            raise DefinitionError("each stratum but age_band and sex needs its own grouping", field="strata")
        if isinstance(self.question, RecordsQuestion):
            for grouping in self.groupings:
                check_grouped(grouping, of=self.question.table)
        groups = math.prod(len(self.levels(stratum)) for stratum in self.strata)
        if groups > MOST_GROUPS:
            raise DefinitionError(
                f"these strata make {groups:,} groups, and {MOST_GROUPS:,} is the most; leave one out", field="strata"
            )

    def _check_time(self) -> None:
        if not isinstance(self.question, RecordsQuestion) or not isinstance(self.question.unit, PersonTime):
            return
        units = _DAYS_OF_UNIT if self.question.unit.visits is None else ("bed-days",)
        if self.unit not in units:
            raise DefinitionError(f"time is shown in {' or '.join(units)}, not in {self.unit}", field="unit")
        if self.grain is Grain.ALL:
            # Days are rounded by the length of the period, which a request could then choose at will.
            raise DefinitionError("time is counted by the day to the year, not over all dates", field="grain")
        if self.question.unit.visits is not None and Stratum.CARE_SITE in self.strata:
            raise DefinitionError("a person has nights at several care sites; remove `care_site`", field="strata")

    def _check_mean(self) -> None:
        amount = self.amount
        if (amount is None) != (self.shown_in is None):
            raise DefinitionError("a mean, and nothing else, says what it is in", field="mean")
        if amount is None:
            return
        if self.per != 1:
            raise DefinitionError(f"a mean is per 1 of {self.unit}, not per {self.per}", field="per")
        if self.standard is not None:
            raise DefinitionError("means are not standardised; remove `standard`", field="standard")

    @property
    def amount(self) -> Amount | None:
        """What each unit adds to a mean; None if it is no mean."""
        return self.question.amount if isinstance(self.question, RecordsQuestion) else None

    @property
    def kind(self) -> CountKind:
        """What kind of number its counts are."""
        if self.amount is not None:
            return CountKind.MEAN
        if isinstance(self.question, PublishedQuestion):
            return CountKind.PROPORTION
        match self.question.unit:
            case People():
                return CountKind.PROPORTION
            case Rows():
                return CountKind.PROPORTION_OF_ROWS
            case PersonTime():
                return CountKind.RATE

    @property
    def scale(self) -> float:
        """What a numerator over its denominator is multiplied by to be shown; time is counted in days, sums in steps.

        To a mean its lowest is added.
        """
        if self.amount is not None:
            return self.amount.step
        return self.per * (_DAYS_OF_UNIT.get(self.unit, 1.0) if self.kind is CountKind.RATE else 1.0)

    @property
    def shown_from(self) -> float:
        """The lowest that a rate or a mean can be."""
        return 0.0 if self.amount is None else self.amount.low

    @property
    def shown_to(self) -> float:
        """The highest that a rate or a mean can be."""
        if self.amount is not None:
            return self.amount.high
        return math.inf if self.kind is CountKind.RATE else self.scale

    @property
    def denominator_unit(self) -> str:
        """What one of the denominator is, in the plural."""
        if self.kind is not CountKind.RATE:
            return self.unit
        return "bed-days" if self.unit == "bed-days" else "days observed"

    def levels(self, stratum: Stratum) -> tuple[str, ...]:
        """Return every level that a count has of one of the strata, in the order in which they are shown."""
        found = next((grouping for grouping in self.groupings if grouping.by is stratum), None)
        return LEVELS[stratum] if found is None else found.levels

    def periods(self, *, first: date, last: date) -> tuple[Period, ...]:
        """Return the periods between two days, both included, that the measure is counted over.

        Raises:
            ValueError: if no whole period fits.
        """
        return periods_between(grain=self.grain, span=self.span, first=first, last=last)

    def label(self, start: date) -> str:
        """Return how people write the period that starts on a day."""
        return period_label(start, self.grain, self.span)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what is counted.

        Of a code list that is which concepts it names and whether their descendants are meant; its id, version, title
        and the names of its concepts are not in it, and neither is any word about the measure. Of a cohort it is
        everything in its definition but names. Published counts are the exception: what they mean is said in words
        only, so the words of their question are in it.
        """
        meaning: dict[str, object] = {
            "id": self.id,
            "version": self.version,
            "question": _meaning(self.question),
            "grain": self.grain,
            "span": self.span,
            "strata": self.strata,
        }
        if self.groupings:
            meaning["groupings"] = [grouping.meaning for grouping in self.groupings]
        if self.standard is not None:
            meaning["standard"] = self.standard.meaning
        text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def ref(self) -> "MeasureRef":
        return MeasureRef(id=self.id, version=self.version, digest=self.digest)


_UNSAID_BEFORE: Final[dict[tuple[type, str], object]] = {
    (Events, "without_end"): Extent.FIRST_DAY,
    (Has, "stands"): Stands.AT_THE_MOMENT,
    (RecordsQuestion, "amount"): None,
}
"""What could not be said at first and was always so: left out, so that a measure written before keeps its digest."""


_NO_MEANING: Final = frozenset({(Reaches, "title")})
"""Words that decide no count."""

_SAID: Final = object()
_PLAIN: Final = frozenset({type(None), bool, int, float, str})
_WITH_MEANING: Final = (CodeList, Cohort, Grouping, Score)


def _meaning(part: object) -> object:
    """Return what decides the count in a part of a question. A new field is in it unless it is left out here."""
    kind = type(part)
    if kind in _PLAIN:
        return part
    if isinstance(part, _WITH_MEANING):
        return part.meaning
    names = field_names(kind)
    if names is not None:
        said = [(name, getattr(part, name)) for name in names if (kind, name) not in _NO_MEANING]
        kept = {name: _meaning(value) for name, value in said if _UNSAID_BEFORE.get((kind, name), _SAID) is not value}
        return {"is": kind.__name__, **kept}
    if isinstance(part, tuple):
        return [_meaning(item) for item in part]
    if isinstance(part, date):
        return part.isoformat()
    return part


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MeasureRef:
    """How a request names a measure: nothing more than a site needs to look it up in its own library."""

    id: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.id} v{self.version}"
