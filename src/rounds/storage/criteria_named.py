"""Criteria that name what is reviewed elsewhere, as people write them in YAML: groupings, cohorts, scores of people."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field

from rounds.errors import DefinitionError
from rounds.measures.choices import Touches
from rounds.measures.criteria import AllOf, Criterion, Events, Has, Not
from rounds.measures.events import EventTable
from rounds.measures.person_scores import PersonScore
from rounds.measures.strata import Stratum
from rounds.measures.traits import InGroup
from rounds.measures.windows import Anchor, Edge, PeriodAnchor, check_named
from rounds.storage.criteria_parts import ANY_TIME, CohortName, EdgeText, Part, PersonScoreName, to_edge, to_window
from rounds.storage.defined import Defined


class GroupFile(Part):
    """`{grouping: kinds-of-ward, among: [critical care]}`."""

    grouping: Annotated[str, Field(min_length=1)]
    among: Annotated[tuple[str, ...], Field(min_length=1)]

    def to_criterion(self, defined: Defined) -> None:
        """Say nothing yet: the name of the criterion says what the grouping must be of."""

    def to_group(self, by: Stratum, defined: Defined) -> InGroup:
        return InGroup(grouping=defined.grouping(self.grouping, by), among=self.among)


class InCohortFile(Part):
    """`in_cohort: {cohort: diabetes, from: start, to: start}`: in it on some day of the window."""

    names: ClassVar = {"last": "to"}

    cohort: CohortName
    from_: EdgeText = Field(default="start", alias="from")
    to: EdgeText = "end"

    def to_criterion(self, defined: Defined) -> Has:
        return Has(
            events=Events(table=EventTable.COHORT, codes=defined.cohort(self.cohort)),
            window=to_window(self.from_, self.to),
            touches=Touches.OVERLAPS,
        )


class ScoresFile(Part):
    """`scores: {score: cha2ds2-vasc, at_least: 2, on: start, from: any time}`: points of the person on a day."""

    names: ClassVar = {"last": "from"}

    score: PersonScoreName
    at_least: int | None = None
    at_most: int | None = None
    on: Anchor | PeriodAnchor | date = Anchor.START
    from_: EdgeText = Field(default=ANY_TIME, alias="from")

    def to_criterion(self, defined: Defined) -> Criterion:
        score, first = defined.person_score(self.score), to_edge(self.from_)
        if isinstance(self.on, date):
            check_named(self.on)
        if self.at_least is None and self.at_most is None:
            raise DefinitionError("say how many points; add `at_least`, `at_most` or both")
        asked: list[Criterion] = []
        if self.at_least is not None:
            asked.append(score.reached(self.at_least, first=first, on=self.on))
        if self.at_most is not None:
            asked.append(Not(of=self._more(score, first)))
        if self.at_least is not None and self.at_most is not None and self.at_most < self.at_least:
            raise DefinitionError(
                f"`at_most` {self.at_most} is below `at_least` {self.at_least}; exchange them", field="at_most"
            )
        return asked[0] if len(asked) == 1 else AllOf(of=tuple(asked))

    def _more(self, score: PersonScore, first: Edge | None) -> Criterion:
        try:
            return score.reached((self.at_most or 0) + 1, first=first, on=self.on)
        except DefinitionError as error:
            if error.field != "at_least":
                raise
            most = sum(graded.most for graded in score.of) - 1
            raise DefinitionError(
                f"this is from 0 to {most}, for “{score.title}” is at most {most + 1}", field="at_most"
            ) from error
